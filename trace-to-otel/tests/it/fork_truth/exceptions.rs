//! Operations that do not become the span that one expects, one by one, and why.
//!
//! Each exception has to hold: an operation that does become its ordinary spans after all fails the test, and so does
//! an exception whose recording has no such operation.

use std::collections::HashMap;

use crate::fork_truth::truth::Truth;

/// The exceptions that apply to the operations of a recording, by their indices.
pub(crate) fn of(recording: &str, truth: &Truth) -> HashMap<usize, &'static Exception> {
    let mut all = HashMap::new();
    // The special ones go before the general ones.
    for rank in 0..3 {
        for exception in EXCEPTIONS.iter().filter(|exception| exception.recording == recording) {
            let rest = |index: &usize| !all.contains_key(index);
            let operations = truth.ops.iter().enumerate();
            let found: Vec<usize> = match exception.operations {
                One(index, kind) if rank == 0 => {
                    assert_eq!(truth.ops[index].kind, kind, "{recording}: operation {index}");
                    vec![index]
                }
                From(first) if rank == 1 => (first..truth.ops.len()).filter(rest).collect(),
                Kind(kind, count) if rank == 2 => {
                    let of_kind = operations.filter(|(_, operation)| operation.kind == kind);
                    let found: Vec<_> = of_kind.map(|(index, _)| index).filter(rest).collect();
                    assert_eq!(found.len(), count, "{recording}: operations of kind {kind}");
                    found
                }
                _ => continue,
            };
            assert!(!found.is_empty(), "{recording}: no such operation: {}", exception.why);
            all.extend(found.into_iter().map(|index| (index, exception)));
        }
    }
    all
}

/// Something special about one or more operations of a recording.
pub(crate) struct Exception {
    /// The recording, by its first file.
    pub(crate) recording: &'static str,
    pub(crate) operations: Operations,
    pub(crate) instead: Instead,
    pub(crate) why: &'static str,
}

pub(crate) enum Operations {
    /// The one of this index and kind.
    One(usize, &'static str),
    /// From the one of this index on, but for those.
    From(usize),
    /// All of this kind, but for those: there are so many.
    Kind(&'static str, usize),
}

/// What becomes of an operation instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    /// No span.
    Nothing,
    /// The same span, without its end.
    Unended,
    /// The same, but something else soon tells that it is over.
    Abandoned,
    /// So many spans like the ordinary one.
    Times(usize),
    /// The ordinary one of a client's handshake, and so many that lack their ends.
    AndUnended(usize),
    /// The same span in another trace than the truth says.
    OtherTrace,
    /// Two requests: one that is sent elsewhere, and the one made there.
    Redirect { status: i64 },
    /// The server's span of a raw client, which no handler tells of.
    Server,
    /// A look-up that finds nothing, after which there is nothing to connect to.
    VainLookUp,
}

use Instead::{Abandoned, AndUnended, Nothing, OtherTrace, Redirect, Server, Times, Unended, VainLookUp};
use Operations::{From, Kind, One};

const fn except(
    recording: &'static str,
    operations: Operations,
    instead: Instead,
    why: &'static str,
) -> Exception {
    Exception { recording, operations, instead, why }
}

const NEVER_ENDED: &str = "Task.End is never called";
const NO_EVENT: &str = "the fork records Exec and Query of DB and Tx only";
const RETRIED: &str = "database/sql tries a bad connection three times";
const RAW: &str = "bytes written to a socket are no request for net/http; its server is another operation";
const SNAPSHOT: &str = "WriteTo is nothing that is recorded";
const AFTER: &str = "the recording was over";
const BEFORE: &str = "it began before the recording; what has no start gets no end either";
const PANIC: &str = "the handler panics: the fork forgets the end";
const HTTP2: &str = "servers of HTTP/2 are not recorded";
const STICKY: &str = "a handshake that failed once fails again at once: the fork forgets the end";
const NO_DIAL: &str = "the dial fails on its arguments before it connects, and an address is not looked up";
const NOT_DIALED: &str = "the fork records Dialer.DialContext only";

pub(crate) const EXCEPTIONS: [Exception; 48] = [
    except("custom.trace", One(5, "user_task"), Unended, NEVER_ENDED),
    except("custom.trace", One(11, "user_task"), Unended, NEVER_ENDED),
    except("custom.trace", One(17, "user_task"), Unended, NEVER_ENDED),
    except("withspan.trace", One(22, "user_task"), Unended, NEVER_ENDED),
    except("withspan.trace", One(0, "with_span"), Nothing, "a context for others is nothing by itself"),
    except("cut.trace", One(0, "http_client"), Nothing, BEFORE),
    except("cut.trace", One(1, "http_server"), Nothing, BEFORE),
    except("cut.trace", One(4, "http_client"), Unended, AFTER),
    except("cut.trace", One(5, "http_server"), Unended, AFTER),
    except("flight.0.trace", Kind("flight_snapshot", 3), Nothing, SNAPSHOT),
    except("flight.0.trace", One(33, "http_client"), Unended, AFTER),
    except("flight.0.trace", One(34, "http_server"), Unended, AFTER),
    except("stream.bin", One(0, "stream_request"), Nothing, BEFORE),
    except("stream.bin", From(43), Nothing, "the copy holds the first two frames"),
    except("stream.bin", Kind("http_raw_client", 6), Nothing, RAW),
    except("stream.stream.bin", One(0, "stream_request"), Nothing, BEFORE),
    except("stream.stream.bin", From(57), Nothing, AFTER),
    except("stream.stream.bin", Kind("http_raw_client", 8), Nothing, RAW),
    except("sql.trace", One(20, "sql_query"), Times(3), RETRIED),
    except("sql.trace", One(21, "sql_exec"), Times(3), RETRIED),
    except("sql.trace", One(26, "sql_ping"), Nothing, NO_EVENT),
    except("sql.trace", One(27, "sql_begin"), Nothing, NO_EVENT),
    except("sql.trace", One(31, "sql_commit"), Nothing, NO_EVENT),
    except("sql.trace", One(33, "sql_rollback"), Nothing, NO_EVENT),
    except("sql.trace", One(34, "sql_prepare"), Nothing, NO_EVENT),
    except("sql.trace", One(35, "sql_stmt_query"), Nothing, NO_EVENT),
    except("sql.trace", One(36, "sql_conn_exec"), Nothing, NO_EVENT),
    except("net.trace", One(8, "dial"), VainLookUp, "no such host"),
    except("net.trace", One(11, "dial"), Nothing, NO_DIAL),
    except("net.trace", One(12, "dial"), Nothing, NO_DIAL),
    except(
        "net.trace",
        One(13, "dial"),
        VainLookUp,
        "an empty address is looked up before anybody sees that",
    ),
    except("net.trace", One(14, "dial"), Nothing, NO_DIAL),
    except("net.trace", One(20, "dial"), VainLookUp, "the DNS server never answers"),
    except("net.trace", One(23, "lookup_host"), Nothing, NOT_DIALED),
    except("net.trace", One(26, "dial_tcp"), Nothing, NOT_DIALED),
    except("net.trace", One(27, "net.DialTCP"), Nothing, NOT_DIALED),
    except("tls.trace", One(24, "tls_client_handshake_repeat"), Abandoned, STICKY),
    except("tls.trace", One(25, "tls_client_read_after_failure"), Abandoned, STICKY),
    except(
        "tls.trace",
        One(26, "tls_client_implicit_handshake"),
        AndUnended(2),
        "three goroutines shake hands on one connection: two wait, and the fork forgets their ends",
    ),
    except("tls.trace", One(35, "http_server"), Nothing, HTTP2),
    except("tls.trace", One(37, "http_server"), Nothing, HTTP2),
    except("http_core.trace", Kind("http_raw_client", 12), Nothing, RAW),
    except(
        "http_core.trace",
        One(66, "http_raw_client"),
        Server,
        "net/http answers OPTIONS * without any handler",
    ),
    except(
        "http_core.trace",
        One(18, "http_client"),
        Redirect { status: 302 },
        "net/http follows a redirect by a request of its own",
    ),
    except("http_core.trace", One(32, "http_server"), Abandoned, PANIC),
    except("http_core.trace", One(34, "http_server"), Abandoned, PANIC),
    except(
        "http_core.trace",
        One(53, "http_server"),
        OtherTrace,
        "a traceparent whose trace id is all zero is no context: the fork makes an id up",
    ),
    except(
        "http_core.trace",
        One(57, "http_server"),
        OtherTrace,
        "a traceparent of a later version is not taken, though W3C asks for it: the fork makes an id up",
    ),
];
