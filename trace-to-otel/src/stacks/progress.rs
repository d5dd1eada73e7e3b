//! What one goroutine was in, from one of its stacks to the next.
//!
//! Nothing here knows of spans or of events: classes of stacks and moments come in, and steps go out.

use go_trace_format::Time;

use crate::stacks::{
    class::{Class, Phase},
    entries::{Handler, Kind},
    moment::{Bounds, Likely, Moment},
    open::Open,
};

/// What is known of a goroutine that has been in an operation, or in the connection of a server.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The outermost first.
    open: Vec<Open>,
    phase: Phase,
    standing: Standing,
}

/// How a goroutine came to be what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// Its stacks tell everything.
    #[default]
    Usual,
    /// It was there before the recording, and has shown no stack since.
    Unseen,
    /// It serves one request of HTTP/2, and has not started to run.
    WillServe,
    /// It answers one call by gRPC, and has not started to run.
    WillAnswer,
    /// It serves one request until it ends.
    Serves,
    /// It has served it.
    HasServed,
}

/// What a stack changes. Steps come in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An operation, the outermost of which has depth 0, had begun at this time.
    Settle { depth: usize, latest: Time },
    /// The innermost operation has ended.
    Close { end: Bounds },
    /// An operation has begun inside of those that are open.
    Open {
        kind: Kind,
        /// Which of the class it is; of a request whose handler has shown nothing, none.
        found: Option<usize>,
        start: Bounds,
        /// Whether it was there before the recording.
        was_there: bool,
    },
    /// The stack tells more of an operation than others did: of one that it has, or of a request that a panic has unwound.
    Show { depth: usize, found: Option<usize> },
}

impl Progress {
    /// A goroutine that was there before the recording, of which nothing is known.
    pub(crate) fn unseen() -> Self {
        Self { standing: Standing::Unseen, ..Self::default() }
    }

    /// A goroutine that was created to serve one request.
    pub(crate) fn of_handler(handler: Handler) -> Self {
        let standing = match handler {
            Handler::Http2 => Standing::WillServe,
            Handler::Rpc => Standing::WillAnswer,
        };
        Self { standing, ..Self::default() }
    }

    /// Whether it can be forgotten: another stack would tell as much without it.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_empty() && self.phase == Phase::None && self.standing == Standing::Usual
    }

    /// Whether the outermost operation is a request that the goroutine serves, in which it has done nothing so far.
    pub(crate) fn is_at_begin_of_request(&self) -> bool {
        matches!(&self.open[..], [open] if open.kind.is_server() && !open.is_active)
    }

    /// It serves a request from now on, of which something else tells. Gives whether that was news.
    pub(crate) fn is_told_of_request(&mut self) -> bool {
        let is_news = self.open.is_empty() && self.standing != Standing::HasServed;
        if is_news {
            self.phase = Phase::Begin;
            self.open.push(Open::new(Kind::HttpServer, 0));
        }
        is_news
    }

    /// It starts or goes on to run.
    pub(crate) fn starts(&mut self, now: Time, steps: &mut Vec<Step>) {
        let kind = match self.standing {
            Standing::WillServe => Kind::HttpServer,
            Standing::WillAnswer => Kind::RpcServer,
            _ => return,
        };
        self.standing = Standing::Serves;
        self.open_request(kind, Bounds::at(now), false, true, steps);
    }

    /// It ends.
    pub(crate) fn ends(&mut self, moment: Moment, steps: &mut Vec<Step>) {
        self.settle(moment.now, steps);
        let mut floor = moment.last;
        while let Some(open) = self.open.last() {
            let likely = match self.standing {
                // Its request is what it was for.
                Standing::Serves if self.open.len() == 1 => Likely::Latest,
                _ => open.kind.likely_end(),
            };
            self.close(Bounds::new(moment.last, moment.now, likely), &mut floor, steps);
        }
    }

    /// It has shown a stack that is of no operation.
    pub(crate) fn sees_nothing(&mut self, moment: Moment, steps: &mut Vec<Step>) {
        self.sees(&Class::default(), moment, steps);
    }

    /// It has shown a stack.
    pub(crate) fn sees(&mut self, class: &Class, moment: Moment, steps: &mut Vec<Step>) {
        if self.standing == Standing::HasServed || self.is_about_to_begin(class, moment) {
            return;
        }
        let was_unseen = self.standing == Standing::Unseen;
        if was_unseen {
            self.standing = Standing::Usual;
        }
        self.settle(moment.now, steps);
        self.note_unwound(class, steps);
        let former = self.phase;
        if class.phase != Phase::None && (class.phase != Phase::Elsewhere || former == Phase::None) {
            self.phase = class.phase;
        }
        match class.phase {
            Phase::Begin => {
                self.leave(0, Likely::Middle, moment, steps);
                self.open_request(Kind::HttpServer, Bounds::at(moment.now), false, true, steps);
            }
            Phase::Read | Phase::Finish => {
                if class.phase == Phase::Finish && self.open.is_empty() {
                    self.has_served_unseen(former, moment, steps);
                }
                self.leave(0, Likely::Latest, moment, steps);
            }
            Phase::HandlerDone => {
                self.standing = Standing::HasServed;
                self.leave(0, Likely::Latest, moment, steps);
            }
            // Where nothing is said of the request, it goes on.
            Phase::Elsewhere if class.operations.is_empty() && self.serves() => {
                self.leave(1, Likely::Middle, moment, steps);
            }
            _ => self.compare(class, was_unseen, former, moment, steps),
        }
    }

    /// Whether it is where requests begin without beginning one: it had to stop there, or has begun it already.
    fn is_about_to_begin(&self, class: &Class, moment: Moment) -> bool {
        let has_begun = self.phase == Phase::Begin && self.serves();
        class.phase == Phase::Begin && (has_begun || !moment.is_own_doing)
    }

    fn serves(&self) -> bool {
        self.open.first().is_some_and(|open| open.kind == Kind::HttpServer)
    }

    /// The response of a request is being finished of which nothing has been seen.
    fn has_served_unseen(&mut self, former: Phase, moment: Moment, steps: &mut Vec<Step>) {
        match former {
            // The handler has shown nothing.
            Phase::Read => {
                let start = Bounds::new(moment.last, moment.now, Likely::Earliest);
                self.open_request(Kind::HttpServer, start, false, false, steps);
            }
            Phase::None => {
                self.open_request(Kind::HttpServer, Bounds::at(moment.last), true, false, steps);
            }
            _ => {}
        }
    }

    fn open_request(
        &mut self,
        kind: Kind,
        start: Bounds,
        was_there: bool,
        is_unsettled: bool,
        steps: &mut Vec<Step>,
    ) {
        let mut request = Open::new(kind, 0);
        request.is_unsettled = is_unsettled;
        self.open.push(request);
        steps.push(Step::Open { kind, found: None, start, was_there });
    }

    /// Compares what is open with what the stack has: leaves what it has not, and enters what it has more.
    fn compare(
        &mut self,
        class: &Class,
        was_unseen: bool,
        former: Phase,
        moment: Moment,
        steps: &mut Vec<Step>,
    ) {
        let mut kept = self.kept(class, moment);
        if kept == 0 && class.operations.is_empty() && self.standing == Standing::Serves {
            // Its request is what it is for.
            kept = self.open.len().min(1);
        }
        let is_same = |open: &&Open| class.operations.get(kept).is_some_and(|found| open.is(found));
        let repeated = self.open.get(kept).filter(is_same);
        let repeated_since = repeated.and_then(|repeated| repeated.repeated_since(class, moment));
        // When the call before may have been over says nothing of what is open within it.
        let within = repeated_since.filter(|_| self.open.len() > kept + 1);
        let floor = within.map(|_| self.leave(kept + 1, Likely::Middle, moment, steps));
        let last = repeated_since.max(floor).unwrap_or(moment.last);
        let moment = Moment { last, ..moment };
        let floor = self.leave(kept, Likely::Middle, moment, steps);
        self.enter(class, was_unseen, former, Moment { last: floor, ..moment }, moment.last, steps);
        self.take_note(class, moment, steps);
    }

    /// How many of the operations that are open go on.
    fn kept(&self, class: &Class, moment: Moment) -> usize {
        let is_anew = moment.is_own_doing && !class.is_passive;
        let innermost = class.operations.len();
        let pairs = self.open.iter().zip(&class.operations).enumerate();
        pairs
            .take_while(|(depth, (open, found))| {
                let is_repeated =
                    is_anew && depth + 1 == innermost && open.repeated_since(class, moment).is_some();
                open.is(found) && !is_repeated
            })
            .count()
    }

    /// Opens what the stack has inside of what is open. `floor` is when what was there before has ended.
    fn enter(
        &mut self,
        class: &Class,
        was_unseen: bool,
        former: Phase,
        floored: Moment,
        last: Time,
        steps: &mut Vec<Step>,
    ) {
        let mut floor = floored.last;
        for (index, found) in class.operations.iter().enumerate().skip(self.open.len()) {
            let is_server = found.kind == Kind::HttpServer;
            if is_server && class.phase == Phase::None {
                self.standing = Standing::Serves;
            }
            // A connection is seen to read a request before its handler is called.
            let was_there = was_unseen || (is_server && former == Phase::None);
            let start = Bounds::new(last, floored.now, found.kind.likely_start()).not_before(floor);
            floor = start.estimate;
            self.open.push(Open::new(found.kind, found.key));
            steps.push(Step::Open { kind: found.kind, found: Some(index), start, was_there });
        }
    }

    /// Takes note of what the stack tells of a request whose handler has panicked: it may not have shown itself before.
    fn note_unwound(&mut self, class: &Class, steps: &mut Vec<Step>) {
        let rank = class.unwound.as_ref().map_or(0, |shown| shown.rank);
        match self.open.first_mut() {
            Some(open) if open.kind == Kind::HttpServer && rank > open.rank => {
                open.rank = rank;
                steps.push(Step::Show { depth: 0, found: None });
            }
            _ => {}
        }
    }

    /// Takes note of what the stack tells of the operations that go on.
    fn take_note(&mut self, class: &Class, moment: Moment, steps: &mut Vec<Step>) {
        let innermost = self.open.len();
        for (depth, open) in self.open.iter_mut().enumerate() {
            if moment.is_own_doing && !class.is_passive {
                open.does(class, moment, depth + 1 == innermost);
            } else {
                open.idle_since.get_or_insert(moment.last);
                open.unsure_since.get_or_insert(moment.last);
            }
            let rank = class.operations.get(depth).map_or(0, |found| found.shown.rank);
            if rank > open.rank {
                open.rank = rank;
                steps.push(Step::Show { depth, found: Some(depth) });
            }
        }
    }

    fn settle(&mut self, latest: Time, steps: &mut Vec<Step>) {
        for (depth, open) in self.open.iter_mut().enumerate() {
            if core::mem::take(&mut open.is_unsettled) {
                steps.push(Step::Settle { depth, latest });
            }
        }
    }

    /// Closes what is open but for so many, and gives the time by which that is over. Of requests it is said when in
    /// between they most likely ended.
    fn leave(&mut self, kept: usize, of_request: Likely, moment: Moment, steps: &mut Vec<Step>) -> Time {
        let mut floor = moment.last;
        while self.open.len() > kept {
            let kind = self.open.last().map_or(Kind::HttpServer, |open| open.kind);
            let likely = if kind == Kind::HttpServer { of_request } else { kind.likely_end() };
            self.close(Bounds::new(moment.last, moment.now, likely), &mut floor, steps);
        }
        floor
    }

    fn close(&mut self, end: Bounds, floor: &mut Time, steps: &mut Vec<Step>) {
        let end = end.not_before(*floor);
        *floor = end.estimate;
        self.open.pop();
        steps.push(Step::Close { end });
    }
}

crate::saved::saved!(Progress { open, phase, standing });
crate::saved::saved_enum!(Standing {
    0 => Usual,
    1 => Unseen,
    2 => WillServe,
    3 => Serves,
    4 => HasServed,
    5 => WillAnswer,
});

#[cfg(test)]
mod tests {
    use go_trace_format::event::GoroutineId;

    use super::*;
    use crate::stacks::class::tests::class;

    /// A goroutine whose stacks come one unit of time after the other, and the operations that it has been in.
    #[derive(Default)]
    struct Goroutine {
        progress: Progress,
        now: i64,
        open: Vec<(Kind, i64, bool)>,
        /// Kind, start and end as estimated, whether it was there before.
        ended: Vec<(Kind, i64, i64, bool)>,
        widths: Vec<u64>,
        /// What its next event wakes.
        wakes: Option<GoroutineId>,
    }

    impl Goroutine {
        fn moment(&mut self, is_own_doing: bool) -> Moment {
            self.now += 10;
            Moment { last: Time(self.now - 10), now: Time(self.now), is_own_doing, wakes: self.wakes.take() }
        }

        fn take(&mut self, steps: Vec<Step>) {
            for step in steps {
                match step {
                    Step::Open { kind, start, was_there, .. } => {
                        assert!(start.earliest <= start.estimate && start.estimate <= start.latest);
                        self.open.push((kind, start.estimate.0, was_there));
                    }
                    Step::Close { end } => {
                        assert!(end.earliest <= end.estimate && end.estimate <= end.latest);
                        let (kind, start, was_there) = self.open.pop().expect("something is open");
                        assert!(start <= end.estimate.0, "{kind:?}");
                        self.widths.push(end.width());
                        self.ended.push((kind, start, end.estimate.0, was_there));
                    }
                    Step::Settle { depth, latest } => {
                        assert!(self.open[depth].1 <= latest.0);
                    }
                    Step::Show { depth, .. } => assert!(depth < self.open.len()),
                }
            }
            let kinds: Vec<_> = self.progress.open.iter().map(|open| open.kind).collect();
            assert_eq!(self.open.iter().map(|&(kind, ..)| kind).collect::<Vec<_>>(), kinds);
        }

        fn sees_as(&mut self, functions: &[&str], is_own_doing: bool) -> &mut Self {
            let (moment, mut steps) = (self.moment(is_own_doing), Vec::new());
            match functions {
                [] => self.progress.sees_nothing(moment, &mut steps),
                _ => self.progress.sees(&class(functions), moment, &mut steps),
            }
            self.take(steps);
            self
        }

        fn sees(&mut self, functions: &[&str]) -> &mut Self {
            self.sees_as(functions, true)
        }

        fn ends(&mut self) -> &mut Self {
            let (moment, mut steps) = (self.moment(true), Vec::new());
            self.progress.ends(moment, &mut steps);
            self.take(steps);
            assert!(self.open.is_empty());
            self
        }

        fn kinds(&self) -> Vec<Kind> {
            self.ended.iter().map(|&(kind, ..)| kind).collect()
        }
    }

    const SERVE: &str = "net/http.(*conn).serve";
    const READ: &[&str] = &["syscall.read", "net/http.(*conn).readRequest", SERVE];
    const BEGIN: &[&str] = &["net/http.(*connReader).startBackgroundRead", SERVE];
    const FINISH: &[&str] = &["syscall.write", "net/http.(*response).finishRequest", SERVE];
    const HANDLER: &[&str] = &[
        "runtime.gopark",
        "main.hello",
        "net/http.HandlerFunc.ServeHTTP",
        "net/http.serverHandler.ServeHTTP",
        SERVE,
    ];
    const ELSEWHERE: &[&str] = &["runtime.gcAssistAlloc", SERVE];
    const WRITE: &[&str] = &["syscall.write", "main.(*conn).send", "database/sql.(*DB).Query", "main.hello"];
    const WRITE_MORE: &[&str] =
        &["syscall.write", "main.(*conn).flush", "database/sql.(*DB).Query", "main.hello"];
    const WAIT: &[&str] =
        &["internal/poll.(*FD).Read", "main.(*conn).receive", "database/sql.(*DB).Query", "main.hello"];

    #[test]
    fn a_request_without_a_body_begins_before_its_handler() {
        let mut connection = Goroutine::default();
        connection.sees(READ).sees(BEGIN).sees(HANDLER).sees(FINISH).sees(FINISH).sees(READ);
        assert_eq!(connection.ended, [(Kind::HttpServer, 20, 40, false)]);
        assert_eq!(connection.widths, [10]);
    }

    #[test]
    fn having_to_stop_where_requests_begin_begins_none() {
        let mut connection = Goroutine::default();
        connection
            .sees(READ)
            .sees_as(BEGIN, false)
            .sees(BEGIN)
            .sees_as(BEGIN, false)
            .sees(BEGIN)
            .sees(FINISH);
        assert_eq!(connection.ended, [(Kind::HttpServer, 30, 60, false)]);
    }

    #[test]
    fn a_request_with_a_body_begins_after_it_was_read() {
        let mut connection = Goroutine::default();
        connection.sees(READ).sees(HANDLER).sees(ELSEWHERE).sees(HANDLER).sees(FINISH);
        assert_eq!(connection.ended, [(Kind::HttpServer, 10, 50, false)]);
    }

    #[test]
    fn a_request_whose_handler_shows_nothing_is_one() {
        let mut connection = Goroutine::default();
        connection.sees(READ).sees(ELSEWHERE).sees(FINISH).sees(FINISH);
        assert_eq!(connection.ended, [(Kind::HttpServer, 20, 30, false)]);
    }

    #[test]
    fn what_is_elsewhere_ends_nothing() {
        let mut connection = Goroutine::default();
        connection.sees(READ).sees(BEGIN);
        for _ in 0..5 {
            connection.sees(ELSEWHERE).sees(HANDLER);
        }
        connection.sees(&["context.(*cancelCtx).cancel", SERVE]).sees(READ);
        assert_eq!(connection.ended, [(Kind::HttpServer, 20, 125, false)]);
    }

    #[test]
    fn requests_of_a_connection_follow_on_each_other() {
        let mut connection = Goroutine::default();
        for _ in 0..3 {
            connection.sees(READ).sees(BEGIN).sees(FINISH);
        }
        // Pipelined, with bodies: nothing is read in between.
        connection.sees(HANDLER).sees(FINISH).sees(HANDLER).sees(FINISH).ends();
        assert_eq!(connection.kinds(), [Kind::HttpServer; 5]);
        assert!(connection.ended.iter().all(|&(.., was_there)| !was_there));
    }

    #[test]
    fn a_recording_begins_in_the_midst_of_a_request() {
        for stack in [HANDLER, FINISH] {
            let mut connection = Goroutine { progress: Progress::unseen(), ..Goroutine::default() };
            connection.sees(stack).sees(FINISH).sees(READ).sees(BEGIN).sees(FINISH).ends();
            let were_there: Vec<_> = connection.ended.iter().map(|&(.., was_there)| was_there).collect();
            assert_eq!(were_there, [true, false]);
        }
        let mut query = Goroutine { progress: Progress::unseen(), ..Goroutine::default() };
        query.sees(WAIT).sees(WRITE).sees(&[]).ends();
        assert_eq!(query.kinds(), [Kind::Sql], "where it began is not known, and it goes on");
        assert!(query.ended[0].3);
    }

    #[test]
    fn a_handler_that_panics_or_takes_the_connection_ends_with_its_goroutine() {
        let mut connection = Goroutine::default();
        connection.sees(READ).sees(BEGIN).sees(HANDLER).ends();
        assert_eq!(connection.ended, [(Kind::HttpServer, 20, 35, false)]);
    }

    const RPC: &str = "google.golang.org/grpc";

    #[test]
    fn a_call_by_grpc_is_another_one_where_it_is_less_far() {
        let invoke = format!("{RPC}.(*ClientConn).Invoke");
        let stack = |inner: &str, outer: &str| {
            [inner, outer, &invoke, "main.call"].map(|function| function.replace('~', RPC))
        };
        let opens = stack("runtime.selectnbsend", "~.newClientStream");
        let sends = stack("runtime.chansend1", "~.(*clientStream).SendMsg");
        let waits = stack("~/internal/transport.(*ClientStream).waitOnHeader", "~.(*clientStream).RecvMsg");
        let receives = stack("runtime.selectgo", "~.(*clientStream).RecvMsg");
        let retries = stack("~.(*clientStream).retryLocked", "~.(*clientStream).RecvMsg");
        for (stacks, calls) in [
            (&[&opens, &opens, &sends, &sends, &waits, &receives, &receives][..], 1),
            (&[&opens, &waits, &waits, &sends, &waits], 3),
            (&[&waits, &receives, &opens], 2),
            (&[&opens, &waits, &retries, &sends, &waits], 1),
        ] {
            let mut goroutine = Goroutine::default();
            for stack in stacks {
                goroutine.sees(&stack.each_ref().map(String::as_str));
            }
            assert_eq!(goroutine.sees(&[]).kinds(), vec![Kind::RpcClient; calls], "{stacks:?}");
        }
    }

    #[test]
    fn an_answer_to_a_call_by_grpc_is_what_its_goroutine_is_for() {
        let mut handler = Goroutine { progress: Progress::of_handler(Handler::Rpc), ..Goroutine::default() };
        let mut steps = Vec::new();
        handler.progress.starts(Time(5), &mut steps);
        handler.take(steps);
        let send = ["runtime.chansend1", "main.watch", "google.golang.org/grpc.(*Server).handleStream"];
        let wait = ["runtime.gopark", "main.watch", "google.golang.org/grpc.(*Server).handleStream"];
        // However often a stream sends at the same line.
        handler.sees(&send).sees(&wait).sees(&send).sees(&wait).sees(&send).ends();
        assert_eq!(handler.ended, [(Kind::RpcServer, 5, 60, false)]);
    }

    #[test]
    fn bounds_are_as_wide_as_what_is_not_known() {
        const CHECK: &[&str] = &["syscall.read", "main.check", "database/sql.(*DB).Query", "main.hello"];
        // Begun with a connection, which is not there the next time: only what is sent again tells.
        let mut goroutine = Goroutine::default();
        goroutine.sees(WRITE_MORE).sees(WRITE).sees(WAIT).sees(CHECK).sees(WRITE);
        assert_eq!((goroutine.kinds(), goroutine.widths[0]), (vec![Kind::Sql], 20));
        // It had to stop, before or after the next one began.
        let mut goroutine = Goroutine::default();
        goroutine.sees(WRITE).sees(WAIT).sees_as(WAIT, false).sees(WRITE);
        assert_eq!((goroutine.kinds(), goroutine.widths[0]), (vec![Kind::Sql], 20));
    }

    #[test]
    fn a_request_of_http2_is_what_its_goroutine_is_for() {
        const RUNS: &[&str] = &["runtime.gopark", "main.hello", "net/http.(*http2serverConn).runHandler"];
        const DONE: &[&str] = &[
            "sync.(*Mutex).Lock",
            "net/http.(*http2responseWriter).handlerDone",
            "net/http.(*http2serverConn).runHandler",
        ];
        for shows_end in [true, false] {
            let mut handler =
                Goroutine { progress: Progress::of_handler(Handler::Http2), ..Goroutine::default() };
            let mut steps = Vec::new();
            handler.progress.starts(Time(5), &mut steps);
            handler.progress.starts(Time(6), &mut steps);
            handler.take(steps);
            handler.sees(RUNS).sees(&[]);
            if shows_end {
                handler.sees(DONE).sees(RUNS);
            }
            handler.ends();
            assert_eq!(handler.ended, [(Kind::HttpServer, 5, 30, false)]);
        }
    }

    #[test]
    fn calls_in_a_loop_are_told_apart_by_what_they_begin_with() {
        let mut loops = Goroutine::default();
        for _ in 0..3 {
            loops.sees(WRITE).sees(WAIT).sees(WRITE_MORE).sees(WAIT);
        }
        loops.sees(&[]);
        assert_eq!(loops.kinds(), [Kind::Sql; 3]);
        assert!(
            loops.ended.windows(2).all(|calls| calls[0].2 == calls[1].1),
            "one begins where another ends"
        );
    }

    #[test]
    fn a_call_first_seen_in_its_midst_ends_where_the_next_one_sends() {
        let mut loops = Goroutine::default();
        loops.sees(WAIT).sees(WRITE_MORE).sees(WRITE).sees(WRITE_MORE);
        loops.sees(&[]);
        assert_eq!(loops.kinds(), [Kind::Sql; 2]);
    }

    #[test]
    fn sending_in_pieces_is_one_call() {
        const BLOCKED: &[&str] = &[
            "internal/poll.(*pollDesc).waitWrite",
            "internal/poll.(*FD).Write",
            "database/sql.(*DB).Query",
            "main.hello",
        ];
        let mut call = Goroutine::default();
        call.sees(WRITE).sees(BLOCKED).sees(WRITE).sees(BLOCKED).sees(WRITE).sees(WAIT).sees(&[]);
        assert_eq!(call.kinds(), [Kind::Sql]);
    }

    #[test]
    fn having_to_stop_is_nothing_that_a_call_does() {
        let mut call = Goroutine::default();
        call.sees(WRITE).sees_as(WAIT, false).sees(WRITE).sees_as(WAIT, false).sees(&[]);
        assert_eq!(call.kinds(), [Kind::Sql]);
        let workers =
            [&["runtime.chanrecv1", "runtime.gcBgMarkStartWorkers", "runtime.mallocgc"], &WRITE[1..]];
        let creates = [&["runtime.gcBgMarkStartWorkers", "runtime.mallocgc"], &WRITE[1..]];
        call.sees(&creates.concat()).sees(&workers.concat()).sees(&creates.concat()).sees(&workers.concat());
        call.sees(WRITE).sees(WAIT).sees(&[]);
        assert_eq!(call.kinds(), [Kind::Sql; 2]);
    }

    #[test]
    fn a_request_that_is_made_again_by_another_connection_is_the_same() {
        const HANDS: &[&str] = &[
            "runtime.chansend1",
            "net/http.(*persistConn).roundTrip",
            "net/http.(*Transport).roundTrip",
            "main.call",
        ];
        const WAITS: &[&str] = &["runtime.selectgo", HANDS[1], HANDS[2], "main.call"];
        for (writers, calls) in [([7, 8, 9], 1), ([7, 7, 7], 3)] {
            let mut client = Goroutine::default();
            for writer in writers {
                client.wakes = Some(GoroutineId(writer));
                client.sees(HANDS).sees(WAITS);
            }
            client.sees(&[]);
            assert_eq!(client.kinds(), vec![Kind::HttpClient; calls]);
        }
    }

    #[test]
    fn a_query_is_over_when_its_rows_are_read() {
        const ROWS: &[&str] =
            &["database/sql.(*Rows).initContextClose", "database/sql.(*DB).Query", "main.hello"];
        let mut loops = Goroutine::default();
        loops.sees(ROWS).sees(ROWS).sees(&[]);
        assert_eq!(loops.kinds(), [Kind::Sql; 2]);
    }

    #[test]
    fn inner_operations_stay_within_outer_ones() {
        let dial = [&["syscall.connect", "net.(*sysDialer).dialSingle", "main.(*driver).Open"], &WRITE[2..]]
            .concat();
        let mut call = Goroutine::default();
        call.sees(&dial).sees(WRITE).sees(WAIT).sees(&[]);
        assert_eq!(call.ended, [(Kind::Connect, 5, 10, false), (Kind::Sql, 5, 35, false)]);
    }
}
