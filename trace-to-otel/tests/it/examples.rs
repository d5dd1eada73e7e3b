//! What the examples make of the recordings in their folder.
#![cfg(all(feature = "json", feature = "protobuf"))]

#[path = "../../examples/log_pipeline.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod log_pipeline;
#[path = "../../examples/own_client.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod own_client;
#[path = "../../examples/own_sink.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod own_sink;

use std::{
    error::Error,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

const HTTP: &[u8] = include_bytes!("../../examples/http.trace");
const LOGS: &[u8] = include_bytes!("../../examples/logs.trace");

fn printed(example: impl FnOnce(&mut Vec<u8>) -> Result<(), Box<dyn Error>>) -> String {
    let mut out = Vec::new();
    example(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn logs_beside_spans() {
    let printed = printed(|out| log_pipeline::log_pipeline(LOGS, out));
    let (summary, lines) = printed.split_once('\n').unwrap();
    assert!(summary.ends_with(&format!("{} bytes of OTLP:", lines.len())), "{summary}");
    assert!(lines.starts_with(r#"{"resourceLogs":"#) && !lines.contains("resourceSpans"), "{lines}");
}

#[test]
fn spans_are_summed_up_by_name() {
    let printed = printed(|out| own_sink::own_sink(HTTP, out));
    let line = printed.lines().find(|line| line.ends_with("  query order")).unwrap();
    assert_eq!(line.split_whitespace().next(), Some("5"), "{printed}");
}

#[test]
fn batches_are_posted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let receiver = thread::spawn(move || receive(&listener.accept()?.0));
    let printed = printed(|out| own_client::own_client(HTTP, &address, out));
    let (head, body) = receiver.join().unwrap().unwrap();
    assert_eq!(head[0], "POST /v1/traces HTTP/1.1");
    assert!(head.iter().any(|line| line == "Content-Type: application/x-protobuf"), "{head:?}");
    assert!(body.windows(11).any(|window| window == b"query order"));
    assert!(printed.ends_with(&format!("spans in 1 requests to {address}\n")), "{printed}");
}

/// Answers one request with 200, and gives its head and its body.
fn receive(stream: &TcpStream) -> io::Result<(Vec<String>, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let head: Vec<String> = reader
        .by_ref()
        .lines()
        .take_while(|line| !matches!(line, Ok(line) if line.is_empty()))
        .collect::<Result<_, _>>()?;
    let length = head.iter().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body)?;
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    Ok((head, body))
}
