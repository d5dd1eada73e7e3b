//! A small HTTP service that takes part in traces, as W3C's conformance tests for Trace Context want to meet one.
//!
//! `POST /test` takes a JSON array of `{"url": …, "arguments": …}` and, for each element, posts `arguments` to `url`
//! with the propagated headers. It answers when all of them have been answered.
//!
//! ```sh
//! cargo run --example service -- --port 5000
//! SPEC_LEVEL=2 STRICT_LEVEL=2 python3 test/test.py http://127.0.0.1:5000/test   # in a clone of w3c/trace-context
//! ```

use std::error::Error;
use std::io::Read as _;
use std::net::TcpListener;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;
use std::time::Duration;

use go_trace_context::{Context, SpanId, TraceFlags, TraceId, TraceParent, extract, inject};
use serde_json::Value;
use tiny_http::{Method, Request, Response, Server};

/// How many requests are served at the same time: a request may lead to another one to this same service.
const THREADS: usize = 8;
/// The longest body that is read, in bytes.
const BODY_LIMIT: u64 = 1 << 20;
/// How long a called service may take to answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = port(std::env::args().skip(1))?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("http://{}/test", listener.local_addr()?);
    serve(listener)
}

/// The value of `--port`, the only argument; 0 lets the system choose.
fn port(arguments: impl Iterator<Item = String>) -> Result<u16, String> {
    match &*arguments.collect::<Vec<_>>() {
        [flag, port] if flag == "--port" => port.parse().map_err(|error| format!("--port {port}: {error}")),
        _ => Err("usage: service --port PORT".into()),
    }
}

/// Answers requests until the listener fails.
pub(crate) fn serve(listener: TcpListener) -> Result<(), Box<dyn Error + Send + Sync>> {
    let server = Arc::new(Server::from_listener(listener, None)?);
    let threads = [(); THREADS].map(|()| {
        let server = Arc::clone(&server);
        std::thread::spawn(move || server.incoming_requests().for_each(answer))
    });
    threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked".into()))
}

fn answer(mut request: Request) {
    let response = match (request.method(), request.url()) {
        (Method::Post, "/test") => match call_others(&mut request) {
            Ok(()) => Response::from_string("null"),
            Err((status, error)) => Response::from_string(error.to_string()).with_status_code(status),
        },
        _ => Response::from_string("POST /test is all there is").with_status_code(404),
    };
    if let Err(error) = request.respond(response) {
        eprintln!("the caller went away: {error}");
    }
}

/// The error comes with the status to answer with: 400 for what the caller did wrong, 502 for what a called service did.
fn call_others(request: &mut Request) -> Result<(), (u16, Box<dyn Error>)> {
    let headers =
        request.headers().iter().map(|header| (header.field.as_str().as_str(), header.value.as_str()));
    let context = extract(headers).or_restart(new_trace);
    let calls = read_calls(request).map_err(|error| (400, error))?;
    calls.iter().try_for_each(|call| post(call, context.clone())).map_err(|error| (502, error))
}

fn read_calls(request: &mut Request) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut body = String::new();
    request.as_reader().take(BODY_LIMIT).read_to_string(&mut body)?;
    Ok(serde_json::from_str(&body)?)
}

fn post(call: &Value, context: Context) -> Result<(), Box<dyn Error>> {
    let url = call["url"].as_str().ok_or("an element without a url")?;
    let mut headers: Vec<(String, String)> = Vec::new();
    inject(&context.with_span_id(new_span_id()), &mut headers);

    // A proxy of the environment would change the headers, and has no way back to a harness on this machine.
    let request = ureq::post(url).config().timeout_global(Some(TIME_LIMIT)).proxy(None).build();
    let request = request.header("content-type", "application/json");
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    request.send(call["arguments"].to_string())?;
    Ok(())
}

/// The root of a new trace, whose id is random.
fn new_trace() -> TraceParent {
    let trace_id = TraceId::from(NonZeroU128::new(u128::from_ne_bytes(random())).unwrap_or(NonZeroU128::MIN));
    TraceParent::new(trace_id, new_span_id(), TraceFlags::RANDOM)
}

fn new_span_id() -> SpanId {
    SpanId::from(NonZeroU64::new(u64::from_ne_bytes(random())).unwrap_or(NonZeroU64::MIN))
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    bytes
}
