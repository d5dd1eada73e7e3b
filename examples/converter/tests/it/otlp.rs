//! `otlp`: what goes to a receiver, and what becomes of it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use crate::common::{converter, output, path};
use serde_json::Value;

/// A request as it arrived.
struct Request {
    path: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

/// Takes requests, each connection by itself, and answers all of them the same.
fn receiver(status: &'static str, answer: &'static str) -> (String, mpsc::Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (BufReader::new(stream.expect("a connection")), sender.clone());
            thread::spawn(move || {
                while let Some(request) = read_request(&mut stream) {
                    // It has arrived before it is answered.
                    sender.send(request).expect("somebody who looks");
                    let length = answer.len();
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}"
                    );
                    write!(stream.get_mut(), "{head}\r\n\r\n{answer}").expect("to be heard");
                }
            });
        }
    });
    (address, requests)
}

fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|&length| length > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_lowercase()),
        }
    }
    let path = lines[0].split(' ').nth(1).expect("a path").to_owned();
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
    stream.read_exact(&mut body).expect("a body");
    Some(Request { path, headers: lines, body })
}

/// What the converter says of sending a recording, and whether it is content.
fn send(arguments: &[&str]) -> (bool, String) {
    send_by("otlp", arguments)
}

/// Likewise, by another verb.
fn send_by(verb: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = converter();
    for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME"] {
        command.env_remove(name);
    }
    let output = command.arg(verb).args(arguments).output().expect("output");
    assert!(output.stdout.is_empty(), "what is sent is not written");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn records<'a>(lines: &'a [Value], levels: [&str; 3]) -> Vec<&'a Value> {
    let [resources, scopes, records] = levels;
    let list = |value: &'a Value, name: &str| value[name].as_array().expect("a list").iter();
    lines
        .iter()
        .flat_map(|line| list(line, resources))
        .flat_map(|resource| list(resource, scopes))
        .flat_map(|scope| list(scope, records))
        .collect()
}

fn spans(lines: &[Value]) -> Vec<&Value> {
    records(lines, ["resourceSpans", "scopeSpans", "spans"])
}

/// What a file of OTLP lines holds.
fn lines(arguments: &[&str]) -> Vec<Value> {
    let text = output(&[&["otlp"], arguments].concat());
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn what_is_sent_is_what_would_be_written() {
    let recording = path("go1.27/http.trace");
    let written = lines(&[&recording, "--service-name", "shop"]);
    let (address, requests) = receiver("200 OK", "{}");
    let (is_content, said) = send(&[
        &recording,
        "--service-name",
        "shop",
        "--endpoint",
        &address,
        "--protocol",
        "http/json",
        "--header",
        "authorization=Bearer s3cr3t",
    ]);
    assert!(is_content, "{said}");
    let requests: Vec<_> = requests.try_iter().collect();
    let sent: Vec<Value> =
        requests.iter().map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect();
    assert_eq!(spans(&sent), spans(&written));
    assert!(said.contains(&format!("accepted {} spans", spans(&written).len())), "{said}");
    assert!(!said.contains("s3cr3t"), "{said}");
    for request in &requests {
        assert_eq!(request.path, "/v1/traces");
        assert!(
            request.headers.contains(&"authorization: bearer s3cr3t".to_owned()),
            "{:?}",
            request.headers
        );
    }
}

#[test]
fn each_signal_has_its_own_path() {
    let (address, requests) = receiver("200 OK", "{}");
    let signals = "traces,metrics,logs,profiles";
    let arguments = ["--endpoint", &address, "--protocol", "http/json", "--signals", signals];
    let (is_content, said) = send(&[&[&*path("go1.27/logs.trace")], &arguments[..]].concat());
    assert!(is_content, "{said}");
    let mut paths: Vec<_> = requests.try_iter().map(|request| request.path).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/v1/logs", "/v1/metrics", "/v1/traces", "/v1development/profiles"]);
}

#[test]
fn profiles_are_sent_as_they_would_be_written() {
    let recording = path("go1.27/http.trace");
    let how = ["--service-name", "shop", &recording];
    let kinds = ["--format", "otlp", "--kind", "cpu,off-cpu,cpu"];
    let written = output(&[&["profile"], &kinds[..], &how].concat());
    let [written] = &written.lines().collect::<Vec<_>>()[..] else { panic!("a line: {written}") };
    let (address, requests) = receiver("200 OK", "{}");
    let to = ["--endpoint", &address, "--protocol", "http/json"];
    let (is_content, said) = send_by("profile", &[&kinds[..], &to, &how].concat());
    assert!(is_content && said.contains(" samples of profiles"), "{said}");
    let [request] = &requests.try_iter().collect::<Vec<_>>()[..] else { panic!("one request") };
    assert_eq!(request.path, "/v1development/profiles");
    let version = "otlp-profiles-development-version: 1";
    assert_eq!(request.headers.iter().filter(|header| header.starts_with("otlp-profiles")).count(), 1);
    assert!(request.headers.iter().any(|header| header == version), "{:?}", request.headers);
    let [sent, written]: [Value; 2] =
        [&request.body[..], written.as_bytes()].map(|json| serde_json::from_slice(json).expect("JSON"));
    assert_eq!(sent, written);
    assert!(written["resourceProfiles"][0]["resource"].to_string().contains("shop"));
    assert_eq!(records(&[sent], ["resourceProfiles", "scopeProfiles", "profiles"]).len(), 2);
    // The other verb has all kinds of each process.
    let all = lines(&["--signals", "profiles", &recording]);
    assert!(records(&all, ["resourceProfiles", "scopeProfiles", "profiles"]).len() > 4);
    let (is_content, said) = send_by("profile", &["--kind", "cpu", to[0], to[1], &recording]);
    assert!(!is_content && said.contains("--format otlp"), "{said}");
    assert!(requests.try_iter().next().is_none());
}

#[test]
fn what_a_receiver_rejects_is_a_failure() {
    let answer = r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
    let (address, requests) = receiver("200 OK", answer);
    let (is_content, said) =
        send(&[&path("go1.27/tasks.trace"), "--endpoint", &address, "--protocol", "http/json"]);
    assert_eq!(requests.try_iter().count(), 1, "a partial success is final");
    assert!(!is_content && said.contains("too old") && said.contains("refused 2"), "{said}");
}

/// A receiver counts profiles, the report samples.
#[test]
fn rejected_profiles_are_not_taken_for_samples() {
    let send_profiles = |answer| {
        let (address, _requests) = receiver("200 OK", answer);
        let flags = ["--signals", "profiles", "--endpoint", &*address, "--protocol", "http/json"];
        send(&[&[&*path("go1.27/tasks.trace")], &flags[..]].concat())
    };
    let (is_content, said) = send_profiles("{}");
    let accepted = said.lines().find_map(|line| Some(line.split_once(": accepted ")?.1)).unwrap();
    assert!(is_content && accepted.ends_with(" samples of profiles"), "{said}");
    let (is_content, said) =
        send_profiles(r#"{"partialSuccess":{"rejectedProfiles":"2","errorMessage":"too old"}}"#);
    assert!(!is_content && said.contains("too old") && said.contains(" profiles, whose samples"), "{said}");
    assert!(said.contains(&format!(": accepted {accepted}")), "{said}");
}

#[test]
fn a_receiver_that_does_not_know_the_sender_is_a_failure() {
    let (address, requests) = receiver("401 Unauthorized", "{}");
    let (is_content, said) = send(&[&path("go1.27/tasks.trace"), "--endpoint", &address]);
    let requests: Vec<_> = requests.try_iter().collect();
    assert_eq!(requests.len(), 1, "asking again would not help");
    assert!(!is_content && said.contains("401"), "{said}");
}

#[test]
fn flags_of_sending_want_a_receiver() {
    for flags in [
        ["--protocol", "grpc"],
        ["--compression", "gzip"],
        ["--header", "authorization=none"],
        ["--timeout", "3s"],
    ] {
        let (is_content, said) = send(&[&[&*path("go1.27/tasks.trace")], &flags[..]].concat());
        assert!(!is_content && said.contains("<--endpoint <URL>|--send>"), "{flags:?}: {said}");
    }
}

#[test]
fn a_file_has_one_signal() {
    let recording = path("go1.27/logs.trace");
    let two = converter().args(["otlp", &recording, "--signals", "traces,logs"]).output().expect("output");
    assert!(!two.status.success());
    let logs = lines(&[&recording, "--signals", "logs"]);
    let logs = records(&logs, ["resourceLogs", "scopeLogs", "logRecords"]);
    let bodies: Vec<_> =
        logs.iter().map(|log| log["body"]["stringValue"].as_str().expect("a text")).collect();
    assert!(bodies.contains(&"without a task"), "{bodies:?}");
    let metrics = lines(&[&recording, "--signals", "metrics"]);
    let metrics = records(&metrics, ["resourceMetrics", "scopeMetrics", "metrics"]);
    assert!(metrics.iter().any(|metric| metric["name"] == "go.goroutine.count"), "{metrics:?}");
}

#[test]
fn metrics_name_spans_where_all_go_out() {
    let recording = path("go1.27/http.trace");
    let has_exemplars = |selection: &[&str]| {
        let metrics = lines(&[&[&*recording, "--signals", "metrics"], selection].concat());
        let metrics = records(&metrics, ["resourceMetrics", "scopeMetrics", "metrics"]);
        assert!(metrics.iter().any(|metric| metric["name"] == "go.schedule.duration"), "{metrics:?}");
        metrics.iter().any(|metric| metric["histogram"]["dataPoints"][0]["exemplars"].is_array())
    };
    assert!(has_exemplars(&[]));
    for selection in [["--name", "nothing of this name"], ["--from", "1ms"], ["--to", "1h"]] {
        assert!(!has_exemplars(&selection), "{selection:?}");
    }
}

#[test]
fn profiles_name_only_spans_that_go_out() {
    let recording = path("go1.27/http.trace");
    let check = |how: &[&str]| {
        let sent = lines(&[&[&*recording], how].concat());
        let sent: Vec<_> = spans(&sent).iter().map(|span| ids(span)).collect();
        let profiles = lines(&[&[&*recording, "--signals", "profiles"], how].concat());
        assert!(!profiles.is_empty(), "{how:?}");
        // The first link is none.
        let links = profiles
            .iter()
            .flat_map(|line| line["dictionary"]["linkTable"].as_array().into_iter().flatten().skip(1));
        let links: Vec<_> = links.map(ids).collect();
        assert!(links.iter().all(|link| sent.contains(link)), "{how:?}");
        links.len()
    };
    assert!(check(&[]) > 5);
    assert!(check(&["--min-duration", "1us"]) > 0);
    assert!(check(&["--correlate", &path("go1.27/mutexes.trace")]) > 5);
    let selections = [["--name", "nothing of this name"], ["--from", "1ms"], ["--to", "1h"]];
    for selection in selections {
        assert_eq!(check(&selection), 0, "{selection:?}");
        assert_eq!(check(&[&["--correlate"], &selection[..]].concat()), 0, "{selection:?}");
    }
}

/// Trace and span.
fn ids(of: &Value) -> [&str; 2] {
    ["traceId", "spanId"].map(|key| of[key].as_str().expect("an id"))
}

#[test]
fn fewer_spans_are_let_through() {
    let recording = path("go1.27/http.trace");
    let all = lines(&[&recording]);
    let none = lines(&[&recording, "--sample", "0"]);
    assert!(spans(&all).len() > 10 && none.is_empty());
    let long = lines(&[&recording, "--min-duration", "1h"]);
    assert!(spans(&long).is_empty(), "no request takes an hour");
    let runtime = lines(&[&recording, "--keep", "core"]);
    let names: Vec<_> = spans(&runtime).iter().map(|span| span["name"].as_str().expect("a name")).collect();
    assert!(
        names.iter().all(|name| name.starts_with("stop-the-world") || name.starts_with("GC")),
        "{names:?}"
    );
}

/// What there is to find out is tested where it is done; here, that it is done, and that nothing else is.
#[test]
fn processes_are_correlated_on_request() {
    let recordings = [path("fork/cut.trace"), path("fork/withspan.trace")];
    let recordings = [&*recordings[0], &*recordings[1]];
    let apart = lines(&recordings);
    let output =
        converter().args([&["otlp", "--correlate"], &recordings[..]].concat()).output().expect("output");
    let told = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let together: Vec<_> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(spans(&together), spans(&apart), "these processes never met");
    assert!(output.status.success() && !told.contains("requests lead"), "{told}");
    for signal in ["logs", "metrics"] {
        let other = converter().args(["otlp", "--correlate", "--signals", signal, recordings[0]]).output();
        assert!(!other.expect("output").status.success(), "{signal}");
    }
}
