//! What the example prints of a request.

#[path = "../../examples/extract_and_inject.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod extract_and_inject;

const OWN: &str = "00-12345678901234567890123456789012-1234567890123456-03";

fn answer(request: &str) -> String {
    let mut out = Vec::new();
    extract_and_inject::extract_and_inject(request.as_bytes(), OWN.parse().unwrap(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn trace_goes_on() {
    let request = "Host: shop.test\r\n\
        Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
        tracestate: congo=1\r\n\
        baggage: userId=alice\r\n";
    assert_eq!(
        answer(request),
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-1234567890123456-01\n\
         tracestate: example=was-here,congo=1\n\
         baggage: userId=alice,region=eu%20west\n"
    );
}

#[test]
fn trace_begins() {
    assert_eq!(
        answer("tracestate: congo=1\n"),
        format!(
            "# a trace begins here: the request has no traceparent header\n\
             traceparent: {OWN}\ntracestate: example=was-here\nbaggage: region=eu%20west\n"
        )
    );
}
