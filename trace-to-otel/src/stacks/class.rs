//! What a stack says: the operations that a goroutine was in, and how far its server was with a request.

use std::{collections::HashMap, sync::Arc};

use go_trace_format::Frame;

use crate::{
    operations::Side,
    stacks::{
        entries::{self, Advance, Handler, Kind},
        function::Function,
    },
    text::CodeLocation,
};

/// Where a server of HTTP/1 was between two requests of a connection: what `conn.serve` had called. Go:
/// `net/http.conn.serve`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In no connection.
    #[default]
    None,
    /// It read a request.
    Read,
    /// It was about to call the handler of a request without a body.
    Begin,
    /// In the handler.
    Handler,
    /// It wrote the rest of the response.
    Finish,
    /// It tidied up after a request.
    After,
    /// Anywhere else, such as in the garbage collector: that says nothing.
    Elsewhere,
    /// In HTTP/2: the handler is over.
    HandlerDone,
}

/// What a stack says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Class {
    /// The operations that the goroutine was in, the outermost first. None is of the kind of the one around it.
    pub(crate) operations: Vec<Found>,
    pub(crate) phase: Phase,
    /// Tells stacks of a process apart, over its generations.
    pub(crate) hash: u64,
    /// Whether it was sending something.
    pub(crate) is_send: bool,
    /// Whether it waited to go on with sending, or helped the garbage collector: that is nothing that an operation does.
    pub(crate) is_passive: bool,
    /// How far a call by gRPC was.
    pub(crate) advance: Advance,
    /// Whether a query has been answered, and its rows are being read.
    pub(crate) is_query_over: bool,
    /// What the stack tells of a request whose handler a panic has unwound.
    pub(crate) unwound: Option<Shown>,
    /// Whether it was in something that makes requests, or lets others make them.
    pub(crate) is_in_round_tripper: bool,
}

/// An operation on a stack.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// Tells calls apart by where they were made from: the hash of the program counters outside of the entry.
    pub(crate) key: u64,
    pub(crate) shown: Shown,
}

/// What a stack tells of an operation. Another stack of the same operation may tell more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// How much it is: the more, the better. 0 for nothing.
    pub(crate) rank: u32,
    /// Who asked for it; of a server's request, who answers it.
    pub(crate) code: Option<Arc<CodeLocation>>,
    /// The database, as `db.system.name` has it.
    pub(crate) database: Option<Arc<str>>,
    /// The method of a remote call.
    pub(crate) method: Option<Arc<str>>,
    /// The side of a handshake.
    pub(crate) side: Option<Side>,
}

/// What a stack comes to.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The goroutine was in nothing of interest.
    Nothing,
    /// The stack is as deep as the runtime writes: its outer frames, and so its operations, are missing.
    Cut,
    Something(Box<Class>),
}

/// So many frames a stack has at most, and then it is cut. Go: `runtime.traceStackSize`, of which the first is no frame.
const DEEPEST_STACK: usize = 127;
/// So many operations of a stack are looked at.
const MOST_OPERATIONS: usize = 16;
/// How many functions are remembered.
const MOST_FUNCTIONS: usize = 1 << 14;
/// How far inside a stack the function is that sends.
const SENDING_FRAMES: usize = 4;

/// What a function means on a stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Meaning {
    kind: Option<Kind>,
    database: Option<&'static str>,
    is_dispatcher: bool,
    mark: Mark,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    None,
    ServesConnection,
    HandlerDone,
    Unwinds,
    QueryOver,
    Sends,
    Passive,
    Starts(Handler),
    Advances(Advance),
    RoundTripper,
}

/// Tells what stacks say. Which function means what is found out once for each name.
#[derive(Debug, Default)]
pub(crate) struct Classifier {
    meanings: HashMap<Box<[u8]>, Meaning, foldhash::fast::RandomState>,
    /// Functions that the user wants to see as operations.
    functions: Vec<Arc<str>>,
}

impl Classifier {
    pub(crate) fn new(functions: &[Arc<str>]) -> Self {
        Self { functions: functions.to_vec(), ..Self::default() }
    }

    /// What a stack comes to, given the innermost frame first.
    pub(crate) fn classify<'t>(&mut self, frames: impl Iterator<Item = Frame<'t>>) -> Verdict {
        let mut frames: Vec<(Frame<'t>, Meaning)> =
            frames.map(|frame| (frame, self.meaning(frame.function.as_bytes()))).collect();
        if frames.len() >= DEEPEST_STACK {
            return Verdict::Cut;
        }
        let unwound = take_unwound_away(&mut frames);
        let class = Class { unwound, ..class_of(&frames) };
        match class.operations.is_empty() && class.phase == Phase::None && !class.is_in_round_tripper {
            true => Verdict::Nothing,
            false => Verdict::Something(Box::new(class)),
        }
    }

    /// What a goroutine that begins with this stack serves, if it is created for one request.
    pub(crate) fn handler_started_by<'t>(
        &mut self,
        mut frames: impl Iterator<Item = Frame<'t>>,
    ) -> Option<Handler> {
        frames.find_map(|frame| match self.meaning(frame.function.as_bytes()).mark {
            Mark::Starts(handler) => Some(handler),
            _ => None,
        })
    }

    fn meaning(&mut self, function: &[u8]) -> Meaning {
        if let Some(known) = self.meanings.get(function) {
            return *known;
        }
        let meaning = match core::str::from_utf8(function) {
            Ok(function) => self.find_out(function),
            Err(_) => Meaning::default(),
        };
        if self.meanings.len() == MOST_FUNCTIONS {
            self.meanings.clear();
        }
        self.meanings.insert(function.into(), meaning);
        meaning
    }

    fn find_out(&self, function: &str) -> Meaning {
        let parsed = Function::parse(function);
        let is_named = || self.functions.iter().any(|named| **named == *function);
        Meaning {
            kind: entries::kind_of(parsed).or_else(|| is_named().then_some(Kind::Function)),
            database: entries::database_of(parsed.package),
            is_dispatcher: entries::is_dispatcher(parsed),
            mark: mark_of(function, parsed),
        }
    }
}

fn mark_of(function: &str, parsed: Function<'_>) -> Mark {
    match function {
        "net/http.(*conn).serve" => Mark::ServesConnection,
        "runtime.gopanic" => Mark::Unwinds,
        "database/sql.(*Rows).initContextClose" => Mark::QueryOver,
        "syscall.write"
        | "syscall.Write"
        | "syscall.sendto"
        | "syscall.Sendto"
        | "internal/poll.writev"
        | "internal/poll.(*FD).Writev"
        | "runtime.chansend1" => Mark::Sends,
        "internal/poll.(*pollDesc).waitWrite" => Mark::Passive,
        _ if entries::is_collector(parsed) => Mark::Passive,
        _ if entries::is_end_of_handler(parsed) => Mark::HandlerDone,
        _ if parsed.name == "RoundTrip" && !parsed.receiver.is_empty() => Mark::RoundTripper,
        _ => match (entries::handler_started_by(parsed), entries::advance_in(parsed)) {
            (Some(handler), _) => Mark::Starts(handler),
            (None, Advance::None) => Mark::None,
            (None, advance) => Mark::Advances(advance),
        },
    }
}

fn phase_under_serve(callee: &str) -> Phase {
    match callee {
        "net/http.(*conn).readRequest" | "bufio.(*Reader).Peek" => Phase::Read,
        "net/http.(*connReader).startBackgroundRead" => Phase::Begin,
        "net/http.serverHandler.ServeHTTP" => Phase::Handler,
        "net/http.(*response).finishRequest" => Phase::Finish,
        "net/http.(*conn).setState" => Phase::After,
        _ if callee.starts_with("net/http.(*conn).serve.func") => Phase::After,
        _ if callee.starts_with("context.") || callee.contains("Deadline") => Phase::After,
        _ => Phase::Elsewhere,
    }
}

/// Where a panic has come to a deferred closure, what had been called by the function that deferred it is over. Gives what
/// that tells of a request.
fn take_unwound_away(frames: &mut Vec<(Frame<'_>, Meaning)>) -> Option<Shown> {
    let mut unwound = None;
    for panicking in (1..frames.len()).rev() {
        if frames.get(panicking).is_none_or(|(_, meaning)| meaning.mark != Mark::Unwinds) {
            continue;
        }
        let deferred = panicking - 1;
        let deferring = name(&frames[deferred].0).rsplit_once('.').and_then(|(deferring, _)| {
            frames[panicking..].iter().position(|(frame, _)| name(frame) == deferring)
        });
        if let Some(distance) = deferring {
            let is_request = |(_, meaning): &(Frame<'_>, Meaning)| meaning.kind == Some(Kind::HttpServer);
            let entry = frames.iter().rposition(is_request);
            unwound = unwound.or_else(|| entry.map(|entry| handler(frames, entry)));
            frames.drain(panicking..panicking + distance);
        }
    }
    unwound
}

fn class_of(frames: &[(Frame<'_>, Meaning)]) -> Class {
    let mut class = Class { hash: 1, ..Class::default() };
    for (index, (frame, meaning)) in frames.iter().enumerate().rev() {
        match meaning.mark {
            Mark::ServesConnection => {
                let callee = index.checked_sub(1).map(|callee| name(&frames[callee].0)).unwrap_or_default();
                class.phase = phase_under_serve(callee);
            }
            Mark::HandlerDone => class.phase = Phase::HandlerDone,
            Mark::QueryOver => class.is_query_over = true,
            Mark::Advances(advance) => class.advance = advance,
            Mark::Passive => class.is_passive = true,
            Mark::Sends => class.is_send |= index < SENDING_FRAMES,
            Mark::RoundTripper => class.is_in_round_tripper = true,
            _ => {}
        }
        if let Some(kind) = meaning.kind {
            let is_within_its_like = class.operations.last().is_some_and(|around| around.kind == kind);
            if !is_within_its_like && class.operations.len() < MOST_OPERATIONS {
                let shown = shown_at(kind, frames, index);
                class.operations.push(Found { kind, key: class.hash, shown });
            }
        }
        class.hash = mix(class.hash, frame.pc);
    }
    class
}

/// Each of the numbers goes into each of the bits, in the order of the calls.
fn mix(hash: u64, number: u64) -> u64 {
    (hash ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

fn name<'t>(frame: &Frame<'t>) -> &'t str {
    core::str::from_utf8(frame.function.as_bytes()).unwrap_or_default()
}

/// What is told of the operation that is entered in a frame.
fn shown_at(kind: Kind, frames: &[(Frame<'_>, Meaning)], entry: usize) -> Shown {
    let (inside, outside) = (&frames[..entry], &frames[entry + 1..]);
    let own = &frames[entry].0;
    match kind {
        Kind::HttpServer => handler(frames, entry),
        Kind::RpcServer => answered_method(inside),
        Kind::Function => Shown { code: Some(function(own)), rank: 1, ..Shown::default() },
        _ => {
            let parsed = Function::parse(name(own));
            let code = caller(kind, parsed.package, outside);
            let mut shown = Shown { rank: u32::from(code.is_some()), code, ..Shown::default() };
            match kind {
                Kind::Sql => {
                    let database = frames[..=entry].iter().rev().find_map(|(_, known)| known.database);
                    shown.database = database.map(Arc::from);
                }
                Kind::RpcClient => shown.method = outside.first().and_then(|(frame, _)| called_method(frame)),
                Kind::Tls => {
                    let functions = frames.iter().map(|(frame, _)| frame.function.as_bytes());
                    shown.side = Side::of_functions(functions);
                }
                _ => {}
            }
            let is_more = shown.database.is_some() || shown.method.is_some() || shown.side.is_some();
            shown.rank += 2 * u32::from(is_more);
            shown
        }
    }
}

/// The function that a request was given to: what the innermost dispatcher has called. The deeper, the better.
fn handler(frames: &[(Frame<'_>, Meaning)], entry: usize) -> Shown {
    let is_handler = |index: &usize| {
        let (frame, meaning) = &frames[*index];
        let name = name(frame);
        let is_of_dispatcher = meaning.is_dispatcher || meaning.kind == Some(Kind::HttpServer);
        frames[index + 1].1.is_dispatcher
            && !is_of_dispatcher
            && !name.starts_with("net/http.(*ServeMux).")
            && !name.starts_with("runtime.")
    };
    match (0..entry).find(is_handler) {
        Some(index) => Shown {
            rank: u32::try_from(frames.len() - index).unwrap_or(u32::MAX),
            code: Some(function(&frames[index].0)),
            ..Shown::default()
        },
        None => Shown::default(),
    }
}

fn answered_method(inside: &[(Frame<'_>, Meaning)]) -> Shown {
    let method = inside.iter().rev().find_map(|(frame, _)| {
        let method = entries::server_method(Function::parse(name(frame)))?;
        Some(Shown { rank: 1, code: Some(function(frame)), method: Some(method.into()), ..Shown::default() })
    });
    method.unwrap_or_default()
}

fn called_method(caller: &Frame<'_>) -> Option<Arc<str>> {
    entries::client_method(Function::parse(name(caller))).map(Arc::from)
}

/// The innermost function outside of an operation that is not the library's own: it asked for the operation.
fn caller(kind: Kind, entry: &str, outside: &[(Frame<'_>, Meaning)]) -> Option<Arc<CodeLocation>> {
    let is_caller = |frame: &&(Frame<'_>, Meaning)| {
        !entries::is_of_library(kind, Function::parse(name(&frame.0)).package, entry)
    };
    outside.iter().find(is_caller).map(|(frame, _)| Arc::new(CodeLocation::of(frame)))
}

/// A function without a line: it has been gone through, and each stack shows another line.
fn function(frame: &Frame<'_>) -> Arc<CodeLocation> {
    Arc::new(CodeLocation { line: 0, ..CodeLocation::of(frame) })
}

crate::saved::saved_enum!(Phase {
    0 => None,
    1 => Read,
    2 => Begin,
    3 => Handler,
    4 => Finish,
    5 => After,
    6 => Elsewhere,
    7 => HandlerDone,
});

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The class of a stack of functions, the innermost first. A function's place in the list tells its calls apart.
    pub(crate) fn class(functions: &[&str]) -> Class {
        match verdict(functions) {
            Verdict::Something(class) => *class,
            other => panic!("{functions:?}: {other:?}"),
        }
    }

    fn verdict(functions: &[&str]) -> Verdict {
        let frames = functions.iter().map(|function| {
            let pc = function.bytes().fold(7, |pc, byte| pc * 31 % 1_000_003 + u64::from(byte));
            Frame::new(pc, function.as_bytes(), b"file.go", 7)
        });
        Classifier::new(&["main.ask".into()]).classify(frames)
    }

    fn kinds(class: &Class) -> Vec<Kind> {
        class.operations.iter().map(|found| found.kind).collect()
    }

    fn code(shown: &Shown) -> Option<(&str, i64)> {
        shown.code.as_ref().map(|code| (&*code.function, code.line))
    }

    const SERVE: &str = "net/http.(*conn).serve";
    const HANDLER: &str = "net/http.serverHandler.ServeHTTP";

    #[test]
    fn what_a_panic_has_unwound_is_over() {
        let query = ["main.(*conn).ask", "database/sql.(*DB).Query", "main.orders"];
        let unwound = |deferred: &[&'static str]| {
            class(&[deferred, &["runtime.gopanic"], &query, &[HANDLER, SERVE]].concat())
        };
        let of_query = unwound(&["main.count", "main.orders.func1"]);
        assert_eq!((kinds(&of_query), of_query.phase), (vec![Kind::HttpServer], Phase::Handler));
        let of_connection = unwound(&["syscall.Close", "net/http.(*conn).serve.func1"]);
        assert_eq!((kinds(&of_connection), of_connection.phase), (vec![], Phase::After));
        assert_eq!(of_connection.unwound.as_ref().and_then(code), Some(("main.orders", 0)));
        // What is no closure may have been deferred by anyone.
        let of_anyone = unwound(&["main.cleanup"]);
        assert_eq!(kinds(&of_anyone), [Kind::HttpServer, Kind::Sql]);
        let in_turn = class(
            &[
                &["net/http.(*conn).serve.func1", "runtime.gopanic", "main.orders.func1", "runtime.gopanic"],
                &query[..],
                &[HANDLER, SERVE],
            ]
            .concat(),
        );
        assert_eq!((kinds(&in_turn), in_turn.phase), (vec![], Phase::After));
    }

    #[test]
    fn a_handler_of_http2_is_over_where_its_deferred_runs() {
        for end in [
            "net/http.(*http2serverConn).runHandler.func1",
            "net/http/internal/http2.(*serverConn).runHandler.func1",
        ] {
            let server = end.trim_end_matches(".func1");
            for stack in [
                &["context.cancel", end, server][..],
                &["runtime.chansend1", end, "runtime.gopanic", "main.panics", server],
            ] {
                assert_eq!(class(stack).phase, Phase::HandlerDone, "{stack:?}");
            }
        }
    }

    #[test]
    fn operations_nest_from_the_outermost_in() {
        let class = class(&[
            "syscall.write",
            "github.com/lib/pq.(*conn).send",
            "database/sql.(*DB).queryDC",
            "database/sql.(*DB).QueryContext",
            "main.orders",
            "net/http.HandlerFunc.ServeHTTP",
            "net/http.(*ServeMux).ServeHTTP",
            HANDLER,
            SERVE,
        ]);
        assert_eq!(kinds(&class), [Kind::HttpServer, Kind::Sql]);
        assert_eq!(class.phase, Phase::Handler);
        assert!(class.is_send);
        let [server, query] = &class.operations[..] else { panic!("two operations") };
        assert_eq!(code(&server.shown), Some(("main.orders", 0)));
        assert_eq!(code(&query.shown), Some(("main.orders", 7)));
        assert_eq!(query.shown.database.as_deref(), Some("postgresql"));
    }

    #[test]
    fn an_operation_within_its_like_is_part_of_it() {
        let class = class(&[
            "github.com/jackc/pgx/v5.(*Conn).Query",
            "github.com/jackc/pgx/v5/stdlib.(*Conn).QueryContext",
            "database/sql.(*DB).QueryContext",
            "net/http.(*Transport).roundTrip",
            "net/http.(*Transport).RoundTrip",
        ]);
        assert_eq!(kinds(&class), [Kind::HttpClient, Kind::Sql]);
    }

    #[test]
    fn keys_are_where_calls_were_made_from() {
        let key = |functions: &[&str]| class(functions).operations[0].key;
        let one = key(&["syscall.write", "net/http.(*Transport).RoundTrip", "main.one"]);
        assert_eq!(one, key(&["runtime.gopark", "net/http.(*Transport).RoundTrip", "main.one"]));
        assert_ne!(one, key(&["runtime.gopark", "net/http.(*Transport).RoundTrip", "main.two"]));
    }

    #[test]
    fn a_server_is_as_far_as_what_its_connection_called() {
        for (callee, phase) in [
            ("net/http.(*conn).readRequest", Phase::Read),
            ("bufio.(*Reader).Peek", Phase::Read),
            ("net/http.(*connReader).startBackgroundRead", Phase::Begin),
            ("net/http.(*response).finishRequest", Phase::Finish),
            ("net/http.(*conn).setState", Phase::After),
            ("context.WithCancel.func1", Phase::After),
            ("net.(*conn).SetReadDeadline", Phase::After),
            ("runtime.gcAssistAlloc", Phase::Elsewhere),
        ] {
            let class = class(&["runtime.x", callee, SERVE]);
            assert_eq!((class.phase, kinds(&class)), (phase, vec![]), "{callee}");
        }
        assert_eq!(class(&[SERVE]).phase, Phase::Elsewhere);
    }

    #[test]
    fn a_handler_is_what_the_innermost_dispatcher_called() {
        for (functions, handler) in [
            (&["main.hello", "net/http.HandlerFunc.ServeHTTP", "main.logged.func1"][..], Some("main.hello")),
            (&["main.(*api).ServeHTTP"], Some("main.(*api).ServeHTTP")),
            (&["net/http.(*ServeMux).findHandler", "net/http.(*ServeMux).ServeHTTP"], None),
            (&["net/http.HandlerFunc.ServeHTTP"], None),
            (
                &[
                    "main.leaf",
                    "main.hello",
                    "net/http.HandlerFunc.ServeHTTP",
                    "net/http.(*ServeMux).ServeHTTP",
                ],
                Some("main.hello"),
            ),
            (
                &[
                    "main.h",
                    "github.com/gin-gonic/gin.(*Context).Next",
                    "github.com/gin-gonic/gin.(*Engine).ServeHTTP",
                ],
                Some("main.h"),
            ),
        ] {
            let functions = [functions, &[HANDLER, SERVE]].concat();
            let class = class(&functions);
            let shown = &class.operations[0].shown;
            assert_eq!(code(shown).map(|(function, _)| function), handler, "{functions:?}");
            assert_eq!(shown.rank > 0, handler.is_some());
        }
    }

    #[test]
    fn remote_calls_have_a_method() {
        let called = class(&[
            "google.golang.org/grpc.(*ClientConn).Invoke",
            "example.com/pb.(*greeterClient).SayHello",
            "main.call",
        ]);
        assert_eq!(called.operations[0].shown.method.as_deref(), Some("SayHello"));
        let by_hand = class(&["google.golang.org/grpc.(*ClientConn).Invoke", "main.call"]);
        assert_eq!(by_hand.operations[0].shown.method, None);
        let answered = class(&[
            "main.(*server).SayHello",
            "example.com/pb._Greeter_SayHello_Handler",
            "google.golang.org/grpc.(*Server).processUnaryRPC",
            "google.golang.org/grpc.(*Server).handleStream",
        ]);
        assert_eq!(kinds(&answered), [Kind::RpcServer]);
        assert_eq!(answered.operations[0].shown.method.as_deref(), Some("SayHello"));
    }

    #[test]
    fn whoever_hands_requests_on_is_seen() {
        let class =
            class(&["example.com/flight.start", "example.com/flight.Transport.RoundTrip", "main.main"]);
        assert!(class.is_in_round_tripper && class.operations.is_empty());
    }

    #[test]
    fn functions_of_the_user_are_operations() {
        let class = class(&["syscall.read", "main.ask", "main.main"]);
        assert_eq!(kinds(&class), [Kind::Function]);
        assert_eq!(code(&class.operations[0].shown), Some(("main.ask", 0)));
    }

    #[test]
    fn most_stacks_say_nothing() {
        assert!(matches!(verdict(&["runtime.gopark", "main.main"]), Verdict::Nothing));
        assert!(matches!(verdict(&[]), Verdict::Nothing));
        let mut deep = vec!["main.recurse"; DEEPEST_STACK - 2];
        deep.push(HANDLER);
        assert!(matches!(verdict(&deep), Verdict::Something(_)));
        deep.push(SERVE);
        assert!(matches!(verdict(&deep), Verdict::Cut));
    }
}
