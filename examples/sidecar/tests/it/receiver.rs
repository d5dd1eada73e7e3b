//! A receiver of OTLP/HTTP that answers as it is told, and keeps all that it was sent.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        metrics::v1::ExportMetricsServiceRequest,
        profiles::v1development::ExportProfilesServiceRequest,
        trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    common::v1::any_value::Value,
    metrics::v1::Metric,
    profiles::v1development::Profile,
    resource::v1::Resource,
    trace::v1::Span,
};
use prost::Message;

use crate::{
    http::{Head, read_head},
    sidecar::eventually,
};

/// What to do with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Accept,
    AcceptAfter(Duration),
    /// Takes it, and throws so many spans of it away.
    Partial(i64, &'static str),
    /// Answers with a status, and a message.
    Refuse(u16, &'static str),
    /// Likewise, and says when to come back.
    RefuseUntil(u16, &'static str),
    /// Does not answer.
    Hang,
    /// Breaks the connection before it has read all.
    Reset,
    /// Keeps the request, and breaks the connection before it has answered.
    AcceptAndBreak,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// Whether its spans are the receiver's now.
    pub(crate) is_accepted: bool,
    pub(crate) at: Instant,
}

impl Request {
    /// The spans that it carries, each with its resource.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        if !self.head.path.ends_with("/v1/traces") {
            return Vec::new();
        }
        let request = ExportTraceServiceRequest::decode(&*self.body).expect("a request of OTLP");
        let mut seen = Vec::new();
        for resource in request.resource_spans {
            let attributes = attributes(resource.resource.as_ref());
            for scope in resource.scope_spans {
                let name = scope.scope.map_or_else(String::new, |scope| scope.name);
                seen.extend(scope.spans.into_iter().map(|span| Seen {
                    resource: attributes.clone(),
                    scope: name.clone(),
                    span,
                }));
            }
        }
        seen
    }

    /// The metrics that it carries.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        if !self.head.path.ends_with("/v1/metrics") {
            return Vec::new();
        }
        let request = ExportMetricsServiceRequest::decode(&*self.body).expect("a request of OTLP");
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    }

    /// The profiles of a service that it carries, each with the name of its scope.
    pub(crate) fn profiles(&self, service: &str) -> Vec<(String, Profile)> {
        if !self.head.path.ends_with("/v1development/profiles") {
            return Vec::new();
        }
        let request = ExportProfilesServiceRequest::decode(&*self.body).expect("a request of OTLP");
        let of_service = request.resource_profiles.into_iter().filter(|profiles| {
            attributes(profiles.resource.as_ref()).get("service.name").is_some_and(|name| name == service)
        });
        let scopes = of_service.flat_map(|profiles| profiles.scope_profiles);
        scopes
            .flat_map(|scope| {
                let name = scope.scope.map_or_else(String::new, |scope| scope.name);
                scope.profiles.into_iter().map(move |profile| (name.clone(), profile))
            })
            .collect()
    }

    /// How many log records it carries.
    pub(crate) fn log_count(&self) -> usize {
        if !self.head.path.ends_with("/v1/logs") {
            return 0;
        }
        let request = ExportLogsServiceRequest::decode(&*self.body).expect("a request of OTLP");
        let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        scopes.map(|scope| scope.log_records.len()).sum()
    }
}

/// A span as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) resource: BTreeMap<String, String>,
    pub(crate) scope: String,
    pub(crate) span: Span,
}

impl Seen {
    pub(crate) fn service(&self) -> &str {
        &self.resource["service.name"]
    }
}

fn attributes(resource: Option<&Resource>) -> BTreeMap<String, String> {
    let attributes = resource.iter().flat_map(|resource| &resource.attributes);
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    let pair = |pair: &opentelemetry_proto::tonic::common::v1::KeyValue| {
        (pair.key.clone(), text(pair.value.clone().and_then(|value| value.value)))
    };
    attributes.map(pair).collect()
}

type Policy = Box<dyn FnMut(usize, &Head, &[u8]) -> Reply + Send>;

/// The receiver. Dropped, it hangs up on everybody.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    policy: Mutex<Policy>,
    requests: Mutex<Vec<Request>>,
    /// Who has connected last, and how many are connected.
    guests: Mutex<(Option<SocketAddr>, usize)>,
    is_over: AtomicBool,
}

impl Receiver {
    /// Accepts everything.
    pub(crate) fn start() -> Self {
        Self::with(|_, _, _| Reply::Accept)
    }

    /// Answers as `policy` says; it is told how many requests there were before.
    pub(crate) fn with(policy: impl FnMut(usize, &Head, &[u8]) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            policy: Mutex::new(Box::new(policy)),
            requests: Mutex::default(),
            guests: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming() {
                if shared.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(connection) = connection else { continue };
                {
                    let (last, count) = &mut *shared.guests.lock().unwrap();
                    (*last, *count) = (connection.peer_addr().ok(), *count + 1);
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    // Whoever is killed hangs up in the middle.
                    let _ = shared.converse(connection);
                    shared.guests.lock().unwrap().1 -= 1;
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until all that a program has sent which is no more is read and answered: on a busy machine it may lie here for
    /// long.
    pub(crate) fn until_left(&self) {
        // Connections are taken in their order: behind this one there is none of that program's.
        let last = TcpStream::connect(self.address).unwrap();
        let own = last.local_addr().unwrap();
        eventually("it is the last one", || self.state.guests.lock().unwrap().0 == Some(own));
        drop(last);
        eventually("all have left", || self.state.guests.lock().unwrap().1 == 0);
    }

    /// Answers otherwise from now on.
    pub(crate) fn answer(&self, policy: impl FnMut(usize, &Head, &[u8]) -> Reply + Send + 'static) {
        *self.state.policy.lock().unwrap() = Box::new(policy);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests().clone()
    }

    /// How many requests there were, whatever came of them.
    pub(crate) fn count(&self) -> usize {
        self.state.requests().len()
    }

    /// How many of them were accepted.
    pub(crate) fn accepted_count(&self) -> usize {
        self.state.requests().iter().filter(|request| request.is_accepted).count()
    }

    /// How many spans were accepted, copies too.
    pub(crate) fn span_count(&self) -> usize {
        self.spans().len()
    }

    /// The spans that were accepted, in the order of their coming, copies too.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        let accepted = self.requests().into_iter().filter(|request| request.is_accepted);
        accepted.flat_map(|request| request.spans()).collect()
    }

    /// Likewise, of one service.
    pub(crate) fn spans_of(&self, service: &str) -> Vec<Span> {
        let spans = self.spans().into_iter().filter(|seen| seen.service() == service);
        spans.map(|seen| seen.span).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        // It may be waiting for somebody to connect.
        drop(TcpStream::connect(self.address));
    }
}

impl State {
    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap()
    }

    fn converse(&self, connection: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut connection = connection;
        while let Some(head) = read_head(&mut reader)? {
            let mut body = vec![0; head.length()];
            reader.read_exact(&mut body)?;
            let reply = {
                let number = self.requests().len();
                (self.policy.lock().unwrap())(number, &head, &body)
            };
            let is_accepted = matches!(
                reply,
                Reply::Accept
                    | Reply::AcceptAfter(_)
                    | Reply::Partial(..)
                    | Reply::AcceptAndBreak
                    | Reply::Refuse(200..300, _)
            );
            if let Reply::AcceptAfter(pause) = reply {
                thread::sleep(pause);
            }
            self.requests().push(Request { head, body, is_accepted, at: Instant::now() });
            match reply {
                Reply::Accept | Reply::AcceptAfter(_) => answer(&mut connection, 200, "", &[])?,
                Reply::Partial(rejected_spans, message) => {
                    let partial = ExportTracePartialSuccess { rejected_spans, error_message: message.into() };
                    let response = ExportTraceServiceResponse { partial_success: Some(partial) };
                    answer(&mut connection, 200, "", &response.encode_to_vec())?;
                }
                Reply::Refuse(status, message) => answer(&mut connection, status, "", message.as_bytes())?,
                Reply::RefuseUntil(status, after) => {
                    answer(&mut connection, status, &format!("retry-after: {after}\r\n"), &[])?;
                }
                // Until the other side has had enough.
                Reply::Hang => drop(io::copy(&mut reader, &mut io::sink())?),
                Reply::Reset | Reply::AcceptAndBreak => return Ok(()),
            }
        }
        Ok(())
    }
}

fn answer(connection: &mut TcpStream, status: u16, header: &str, body: &[u8]) -> io::Result<()> {
    let kind = if status == 200 { "application/x-protobuf" } else { "text/plain" };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{header}\r\n");
    connection.write_all(&[head.as_bytes(), body].concat())
}
