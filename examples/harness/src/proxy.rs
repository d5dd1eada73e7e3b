//! What stands between the sidecar and the Collector: it looks at each request, and behaves as receivers on bad days do.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::{
    client::Client,
    http::{Answer, Handler, Request, Server},
    spans::{self, Key, REGION, Span},
};

/// What happens to a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Behaviour {
    /// It is forwarded.
    #[default]
    Forward,
    /// It is forwarded after a while.
    Delay(Duration),
    /// It is answered with this status, and how many seconds to wait.
    Refuse(u16, Option<u64>),
    /// The connection is reset, and the Collector sees nothing.
    Reset,
    /// The Collector takes it, and the sender does not get to know.
    ResetAfter,
}

/// What is done, once, after the Collector has taken a request and before the sender gets to know, which it then does not.
pub(crate) type Action = Box<dyn FnOnce() + Send>;

/// What has passed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The spans that the Collector has acknowledged.
    pub(crate) spans: HashSet<Key>,
    /// How many of them are regions, by the span that they are in.
    pub(crate) regions: HashMap<Key, HashSet<u64>>,
    /// How long each span took from its end to its acknowledgement, when it came first.
    pub(crate) lags: Vec<Duration>,
    pub(crate) requests: Vec<Passed>,
    pub(crate) bytes: u64,
    /// Requests of which the proxy understood nothing.
    pub(crate) unknown: Vec<String>,
}

/// A request that was answered.
#[derive(Debug)]
pub(crate) struct Passed {
    /// How; 0 is a reset.
    pub(crate) status: u16,
    /// Whose spans it has, or the first ones of it; none if there are no spans.
    pub(crate) service: Option<Arc<str>>,
}

impl Seen {
    pub(crate) fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        self.requests.iter().for_each(|request| *statuses.entry(request.status).or_default() += 1);
        statuses
    }

    /// Which services were answered so, the first `before` requests aside.
    pub(crate) fn services(&self, before: usize, status: u16) -> BTreeSet<&str> {
        let requests = self.requests.iter().skip(before).filter(|request| request.status == status);
        requests.filter_map(|request| request.service.as_deref()).collect()
    }
}

pub(crate) struct Proxy {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    upstream: SocketAddr,
    behaviour: Mutex<Behaviour>,
    action: Mutex<Option<Action>>,
    seen: Mutex<Seen>,
}

impl Proxy {
    pub(crate) fn start(upstream: SocketAddr) -> Result<Self> {
        let shared = Arc::new(Shared {
            client: Client::new(),
            upstream,
            behaviour: Mutex::default(),
            action: Mutex::default(),
            seen: Mutex::default(),
        });
        let handler = Arc::clone(&shared);
        Ok(Self { server: Server::start(handler)?, shared })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *lock(&self.shared.behaviour) = behaviour;
    }

    /// Does `action` after the next request that the Collector takes.
    pub(crate) fn after_next(&self, action: Action) {
        *lock(&self.shared.action) = Some(action);
    }

    /// Whether that has not happened yet.
    pub(crate) fn is_armed(&self) -> bool {
        lock(&self.shared.action).is_some()
    }

    /// Gives that up; whether it had not happened.
    pub(crate) fn disarm(&self) -> bool {
        lock(&self.shared.action).take().is_some()
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.shared.seen)
    }
}

impl Handler for Shared {
    fn answer(&self, request: Request) -> Answer {
        let spans = decode(&request);
        let behaviour = *lock(&self.behaviour);
        let (status, answer) = match behaviour {
            Behaviour::Refuse(status, seconds) => {
                let headers = seconds.map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
                (status, Answer::Whole { status, headers: headers.into_iter().collect(), body: Vec::new() })
            }
            Behaviour::Reset => (0, Answer::Reset),
            Behaviour::ResetAfter => {
                self.forward(&request, spans.as_deref());
                (0, Answer::Reset)
            }
            Behaviour::Delay(delay) => {
                thread::sleep(delay);
                self.forward(&request, spans.as_deref())
            }
            Behaviour::Forward => self.forward(&request, spans.as_deref()),
        };
        let service = spans.and_then(|spans| Some(Arc::clone(&spans.first()?.service)));
        lock(&self.seen).requests.push(Passed { status, service });
        answer
    }
}

impl Shared {
    fn forward(&self, request: &Request, spans: Option<&[Span]>) -> (u16, Answer) {
        let url = format!("http://{}{}", self.upstream, request.target);
        let Ok((status, headers, body)) = self.client.forward(&url, request) else {
            return (0, Answer::Reset);
        };
        if status == 200 {
            self.note(request, spans);
            if let Some(action) = lock(&self.action).take() {
                action();
                return (0, Answer::Reset);
            }
        }
        (status, Answer::Whole { status, headers, body })
    }

    /// Takes note of what the Collector has acknowledged.
    fn note(&self, request: &Request, spans: Option<&[Span]>) {
        let mut seen = lock(&self.seen);
        seen.bytes += request.body.len() as u64;
        let Some(spans) = spans else {
            seen.unknown.push(request.target.clone());
            return;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for span in spans {
            if !seen.spans.insert(span.key) {
                continue;
            }
            seen.lags.push(now.saturating_sub(Duration::from_nanos(span.end)));
            if &*span.scope == REGION {
                let parent = Key { trace: span.key.trace, span: span.parent };
                seen.regions.entry(parent).or_default().insert(span.key.span);
            }
        }
    }
}

/// The spans of a request; none if it is not of spans.
fn decode(request: &Request) -> Option<Vec<Span>> {
    let decoded = ExportTraceServiceRequest::decode(&*request.body).ok()?;
    (request.target == "/v1/traces").then(|| spans::decode(&decoded.resource_spans).collect())
}

/// A thread that panicked has failed its run already.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_is_answered_is_not_what_another_is() {
        let passed = |status, service: Option<&str>| Passed { status, service: service.map(Into::into) };
        let requests = vec![
            passed(503, Some("back")),
            passed(503, Some("front")),
            passed(503, None),
            passed(503, Some("front")),
            passed(200, Some("back")),
        ];
        let seen = Seen { requests, ..Seen::default() };
        assert_eq!(seen.services(0, 503), BTreeSet::from(["back", "front"]));
        assert_eq!(seen.services(1, 503), BTreeSet::from(["front"]));
        assert_eq!(seen.services(1, 200), BTreeSet::from(["back"]));
        assert_eq!(seen.services(5, 200), BTreeSet::new());
    }
}
