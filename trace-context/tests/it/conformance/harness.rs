//! Plays the caller and the called service around the example service, over raw sockets, so that headers go out and
//! come back byte for byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::{conformance::service, grammar};

/// The trace and the caller's span in the headers that the tests send.
pub(crate) const TRACE_ID: &str = "12345678901234567890123456789012";
pub(crate) const PARENT_ID: &str = "1234567890123456";

static SERVICE: LazyLock<SocketAddr> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(|| service::serve(listener).expect("the service runs"));
    address
});

/// The headers of one request that the service made.
#[derive(Debug)]
pub(crate) struct Outgoing {
    headers: Vec<(String, String)>,
}

/// Sends these headers to the service and returns the headers of the request that it then makes.
pub(crate) fn call(headers: &[(&str, &str)]) -> Outgoing {
    call_times(headers, 1).remove(0)
}

/// Sends these headers to the service once and has it make `count` requests.
pub(crate) fn call_times(headers: &[(&str, &str)], count: usize) -> Vec<Outgoing> {
    let callback = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/callback", callback.local_addr().expect("an address"));
    let calls: Vec<_> = (0..count).map(|index| json!({"url": url, "arguments": [index]})).collect();
    let called = thread::spawn(move || (0..count).map(|index| accept(&callback, index)).collect());

    let status = request(*SERVICE, headers, &json!(calls).to_string());
    assert!(status.starts_with("HTTP/1.1 200"), "the service answered {status:?}");
    called.join().expect("the service made its requests")
}

fn request(address: SocketAddr, headers: &[(&str, &str)], body: &str) -> String {
    let mut head = format!("POST /test HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    head += "Content-Type: application/json\r\nConnection: close\r\n";
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = connect_with_timeout(TcpStream::connect(address).expect("the service listens"));
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).expect("the service reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the service answers");
    answer.lines().next().unwrap_or_default().to_owned()
}

fn accept(callback: &TcpListener, index: usize) -> Outgoing {
    let (stream, _) = callback.accept().expect("a connection");
    let mut reader = BufReader::new(connect_with_timeout(stream));
    let mut head = Vec::new();
    for line in reader.by_ref().lines().map(|line| line.expect("a line")) {
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let headers: Vec<_> = head
        .iter()
        .skip(1)
        .map(|line| line.split_once(':').expect("a header"))
        .map(|(name, value)| (name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
        .collect();
    let outgoing = Outgoing { headers };

    let length = outgoing.only("content-length").expect("a length").parse().expect("a number");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    assert_eq!(body, json!([index]).to_string().as_bytes(), "the arguments are posted as they are");
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnull";
    reader.into_inner().write_all(answer).expect("the service reads the answer");
    outgoing
}

/// A hanging service fails a test instead of stopping it.
fn connect_with_timeout(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(Duration::from_secs(300))).expect("a time-out");
    stream
}

impl Outgoing {
    fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn only(&self, name: &str) -> Option<&str> {
        match *self.all(name) {
            [] => None,
            [value] => Some(value),
            [..] => panic!("{name} is repeated: {self:?}"),
        }
    }

    /// The four fields of the one valid `traceparent` that each request has to have.
    pub(crate) fn traceparent(&self) -> [&str; 4] {
        let value = self.only("traceparent").expect("a traceparent");
        assert!(grammar::is_sent_traceparent(value.as_bytes()), "{value:?} is not valid");
        let fields: Vec<_> = value.split('-').collect();
        fields.try_into().expect("four fields")
    }

    /// The `tracestate`, empty where there is none.
    pub(crate) fn tracestate(&self) -> &str {
        let value = self.only("tracestate").unwrap_or_default();
        assert!(value.is_empty() || grammar::is_tracestate(value.as_bytes()), "{value:?} is not valid");
        value
    }

    /// The trace goes on, in a span of the service's own.
    #[track_caller]
    pub(crate) fn assert_continued(&self) {
        let [_, trace_id, parent_id, _] = self.traceparent();
        assert_eq!(trace_id, TRACE_ID);
        assert_ne!(parent_id, PARENT_ID);
    }

    /// A new trace was started.
    #[track_caller]
    pub(crate) fn assert_restarted(&self) {
        let [_, trace_id, ..] = self.traceparent();
        assert_ne!(trace_id, TRACE_ID);
        assert_eq!(self.tracestate(), "");
    }
}
