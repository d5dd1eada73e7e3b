//! What every event is: its number, name, arguments and category, as data.
//!
//! One `const` table per version of the format and one for the fork's dialect, each holding what that version
//! added. Go: `internal/trace/tracev2`, whose names these are.

mod fork;
mod go122;
mod go123;
mod go125;
mod go126;
mod version;

use core::{fmt, str::FromStr};

pub use version::Version;

/// The largest batch body, in bytes. Go: `tracev2.MaxBatchSize`.
pub const MAX_BATCH_SIZE: usize = 64 << 10;
/// The longest string of the string table, in bytes. Go: `tracev2.MaxEventTrailerDataSize`.
pub const MAX_STRING_SIZE: usize = 1 << 10;
/// The deepest stack of the stack table, in frames. Go: `tracev2.MaxFramesPerStack`.
pub const MAX_FRAMES_PER_STACK: usize = 128;
/// The most arguments of a timed event, without its time delta. Go: `tracev2.MaxTimedEventArgs` less one.
pub const MAX_ARGUMENTS: usize = 4;

/// Which toolchain's numbering of events a trace uses. The header does not tell; the sync batch does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Stock Go.
    #[default]
    Stock,
    /// The flight-recorder fork of Go 1.26, which inserts HTTP, SQL, TLS, DNS and connect events at 50–62 and
    /// so moves the sync, clock snapshot and end-of-generation events to 63–65.
    Fork,
}

impl Dialect {
    /// The event that `byte` stands for on the wire, or `None` where it stands for none.
    #[inline]
    #[must_use]
    pub const fn event_type(self, byte: u8) -> Option<EventType> {
        match self {
            Self::Stock => STOCK_NUMBERS[byte as usize],
            Self::Fork => FORK_NUMBERS[byte as usize],
        }
    }

    /// `stock` or `fork`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Fork => "fork",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The filter category of an event: what the fork's event filter, and a converter's, switch on and off.
///
/// Sync, status, string and stack records are structural and always pass; they are listed as [`Category::Core`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// The scheduler, the garbage collector, metrics, CPU samples, experiments: everything not below.
    Core,
    /// HTTP servers and clients (fork).
    Http,
    /// Calls of `database/sql` (fork).
    Sql,
    /// TLS handshakes (fork).
    Tls,
    /// DNS look-ups and connects (fork).
    Net,
    /// Goroutine labels, user tasks, regions and logs.
    Custom,
}

impl Category {
    /// The category's bit in the fork's `u32` filter mask (`docs/fork-dialect.md` of the repository).
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            Self::Core => 1,
            Self::Http => 2,
            Self::Sql => 4,
            Self::Tls => 8,
            Self::Net => 16,
            Self::Custom => 32,
        }
    }
}

/// An experiment whose events and batches a trace may carry. Go: `tracev2.Experiment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
// A number and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct Experiment(
    /// The number on the wire; 0 is none.
    pub u8,
);

impl Experiment {
    /// Allocations and frees of spans, objects and stacks (`GODEBUG=traceallocfree=1`).
    pub const ALLOC_FREE: Self = Self(1);

    /// The experiment's name as the reference gives it, or `None` where it knows none.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::ALLOC_FREE => Some("AllocFree"),
            _ => None,
        }
    }
}

/// What an argument of an event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArgumentKind {
    /// Clock units since the event before it in the batch; always the first argument of a timed event.
    TimeDelta,
    /// A plain number: an id, a sequence number, a count of bytes.
    Value,
    /// An id of the generation's string table.
    String,
    /// An id of the generation's stack table: where the event's own goroutine was.
    Stack,
    /// An id of the stack table for another goroutine: where a created goroutine will begin.
    OtherStack,
}

/// One argument of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Argument {
    /// The reference's name for it, such as `dt`, `new_g` or `reason_string`.
    pub name: &'static str,
    /// What it means.
    pub kind: ArgumentKind,
}

const fn dt() -> Argument {
    Argument { name: "dt", kind: ArgumentKind::TimeDelta }
}
const fn value(name: &'static str) -> Argument {
    Argument { name, kind: ArgumentKind::Value }
}
const fn string(name: &'static str) -> Argument {
    Argument { name, kind: ArgumentKind::String }
}
const fn stack() -> Argument {
    Argument { name: "stack", kind: ArgumentKind::Stack }
}
const fn other_stack(name: &'static str) -> Argument {
    Argument { name, kind: ArgumentKind::OtherStack }
}

/// The description of one event. Go: `tracev2.EventSpec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventSpec {
    /// Which event.
    pub event_type: EventType,
    /// The reference's name for it, without the `Ev`.
    pub name: &'static str,
    /// Its arguments in the order of the wire. Each is an unsigned LEB128 varint.
    pub arguments: &'static [Argument],
    /// Whether it appears in the event stream of a thread, with a time. The others are structural: batches,
    /// tables and what is in them.
    pub timed: bool,
    /// Its filter category.
    pub category: Category,
    /// The experiment that it belongs to, if any.
    pub experiment: Option<Experiment>,
    /// The first version of the format that has it.
    pub since: Version,
}

const fn structural(
    event_type: EventType,
    name: &'static str,
    arguments: &'static [Argument],
    since: Version,
) -> EventSpec {
    EventSpec { event_type, name, arguments, timed: false, category: Category::Core, experiment: None, since }
}

const fn timed(
    event_type: EventType,
    name: &'static str,
    arguments: &'static [Argument],
    category: Category,
    since: Version,
) -> EventSpec {
    EventSpec { event_type, name, arguments, timed: true, category, experiment: None, since }
}

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// Every event of every version and dialect, under one numbering of this crate's own.
        ///
        /// The numbers are stock Go's where it has one; the fork's additions stand at 64–76. What a byte of a
        /// trace means depends on its [`Dialect`]: see [`Dialect::event_type`] and [`EventType::to_wire`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum EventType {
            $($(#[$doc])* $name = $number,)*
        }

        /// Every event type, in the order of its number.
        const ALL_TYPES: &[EventType] = &[$(EventType::$name,)*];
    };
}

event_types! {
    /// A batch of events of one thread.
    EventBatch = 1,
    /// Opens a batch of stacks.
    Stacks = 2,
    /// One stack.
    Stack = 3,
    /// Opens a batch of strings.
    Strings = 4,
    /// One string.
    String = 5,
    /// Opens a batch of CPU samples.
    CpuSamples = 6,
    /// One CPU sample.
    CpuSample = 7,
    /// Clock units per second.
    Frequency = 8,
    /// The current value of `GOMAXPROCS`.
    ProcsChange = 9,
    /// A proc starts to run on the thread.
    ProcStart = 10,
    /// The thread's proc stops.
    ProcStop = 11,
    /// A proc is taken from a thread that is in a syscall.
    ProcSteal = 12,
    /// The status of a proc at its first mention in a generation.
    ProcStatus = 13,
    /// A goroutine is created, runnable.
    GoCreate = 14,
    /// A goroutine appears in a syscall: a callback from C.
    GoCreateSyscall = 15,
    /// A goroutine starts to run.
    GoStart = 16,
    /// The running goroutine ends.
    GoDestroy = 17,
    /// The goroutine in a syscall ends: the callback from C returns.
    GoDestroySyscall = 18,
    /// The running goroutine yields but stays runnable.
    GoStop = 19,
    /// The running goroutine blocks.
    GoBlock = 20,
    /// A waiting goroutine becomes runnable.
    GoUnblock = 21,
    /// The running goroutine enters a syscall.
    GoSyscallBegin = 22,
    /// The goroutine leaves its syscall, still with its proc.
    GoSyscallEnd = 23,
    /// The goroutine leaves its syscall and has lost its proc.
    GoSyscallEndBlocked = 24,
    /// The status of a goroutine at its first mention in a generation.
    GoStatus = 25,
    /// The world is being stopped.
    StwBegin = 26,
    /// The world goes on.
    StwEnd = 27,
    /// A garbage collection was under way when the generation began.
    GcActive = 28,
    /// A garbage collection begins.
    GcBegin = 29,
    /// A garbage collection ends.
    GcEnd = 30,
    /// A proc was sweeping when the generation began.
    GcSweepActive = 31,
    /// The proc begins to sweep.
    GcSweepBegin = 32,
    /// The proc has swept.
    GcSweepEnd = 33,
    /// A goroutine was assisting the collector when the generation began.
    GcMarkAssistActive = 34,
    /// The goroutine begins to assist the collector.
    GcMarkAssistBegin = 35,
    /// The goroutine has assisted.
    GcMarkAssistEnd = 36,
    /// Bytes in live heap objects.
    HeapAlloc = 37,
    /// The heap size at which the next collection should end.
    HeapGoal = 38,
    /// A label is put on the running goroutine.
    GoLabel = 39,
    /// `trace.NewTask`.
    UserTaskBegin = 40,
    /// `Task.End`.
    UserTaskEnd = 41,
    /// `trace.StartRegion` or the beginning of `trace.WithRegion`.
    UserRegionBegin = 42,
    /// `Region.End` or the end of `trace.WithRegion`.
    UserRegionEnd = 43,
    /// `trace.Log`.
    UserLog = 44,
    /// The running goroutine hands its thread to a waiting one (`iter.Pull`).
    GoSwitch = 45,
    /// As `GoSwitch`, and the goroutine that was running ends.
    GoSwitchDestroy = 46,
    /// A goroutine is created, waiting.
    GoCreateBlocked = 47,
    /// As `GoStatus`, with the goroutine's stack.
    GoStatusStack = 48,
    /// A batch of an experiment's own format.
    ExperimentalBatch = 49,
    /// Opens a sync batch.
    Sync = 50,
    /// One moment, read off the trace clock, the monotonic and the wall clock.
    ClockSnapshot = 51,
    /// Closes a generation.
    EndOfGeneration = 52,
    /// A server begins to serve a request (fork).
    HttpServerRequestStart = 64,
    /// A server has served a request (fork).
    HttpServerRequestEnd = 65,
    /// A client sends a request (fork).
    HttpClientRequestStart = 66,
    /// A client has the response's headers, or has failed (fork).
    HttpClientRequestEnd = 67,
    /// A client's request failed, from direct use of the fork's interface (fork).
    HttpClientError = 68,
    /// A query is sent to a database (fork).
    SqlQueryStart = 69,
    /// A query returns (fork).
    SqlQueryEnd = 70,
    /// A TLS handshake begins (fork).
    TlsHandshakeStart = 71,
    /// A TLS handshake ends (fork).
    TlsHandshakeEnd = 72,
    /// A DNS look-up begins (fork).
    DnsLookupStart = 73,
    /// A DNS look-up ends (fork).
    DnsLookupEnd = 74,
    /// A socket is being connected (fork).
    ConnectStart = 75,
    /// A socket is connected, or is not (fork).
    ConnectEnd = 76,
    /// A heap span exists (experiment).
    Span = 128,
    /// A heap span is allocated (experiment).
    SpanAlloc = 129,
    /// A heap span is freed (experiment).
    SpanFree = 130,
    /// A heap object exists (experiment).
    HeapObject = 131,
    /// A heap object is allocated (experiment).
    HeapObjectAlloc = 132,
    /// A heap object is freed (experiment).
    HeapObjectFree = 133,
    /// A goroutine stack exists (experiment).
    GoroutineStack = 134,
    /// A goroutine stack is allocated (experiment).
    GoroutineStackAlloc = 135,
    /// A goroutine stack is freed (experiment).
    GoroutineStackFree = 136,
}

impl EventType {
    /// Every event type, in the order of its number.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        ALL_TYPES
    }

    /// The description of this event.
    #[inline]
    #[must_use]
    pub const fn spec(self) -> &'static EventSpec {
        match SPECS[self as usize] {
            Some(spec) => spec,
            None => unreachable!(),
        }
    }

    /// The byte of this event on the wire, or `None` where the dialect has no such event.
    #[must_use]
    pub const fn to_wire(self, dialect: Dialect) -> Option<u8> {
        let number = self as u8;
        match (dialect, number) {
            (Dialect::Stock, FORK_FIRST..=FORK_LAST) => None,
            (Dialect::Fork, FORK_FIRST..=FORK_LAST) => Some(number - FORK_FIRST + FORK_FIRST_WIRE),
            (Dialect::Fork, SHIFTED_FIRST..=SHIFTED_LAST) => {
                Some(number - SHIFTED_FIRST + FORK_SHIFTED_FIRST_WIRE)
            }
            _ => Some(number),
        }
    }
}

impl fmt::Display for EventType {
    /// The reference's name for it, without the `Ev`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.spec().name)
    }
}

impl FromStr for EventType {
    type Err = UnknownEventType;

    /// By the reference's name, without the `Ev`.
    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        Self::all().iter().copied().find(|event| event.spec().name == name).ok_or(UnknownEventType(()))
    }
}

/// No event has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEventType(());

impl fmt::Display for UnknownEventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no event of Go's execution traces has that name")
    }
}

impl std::error::Error for UnknownEventType {}

const FORK_FIRST: u8 = EventType::HttpServerRequestStart as u8;
const FORK_LAST: u8 = EventType::ConnectEnd as u8;
const SHIFTED_FIRST: u8 = EventType::Sync as u8;
const SHIFTED_LAST: u8 = EventType::EndOfGeneration as u8;
/// The fork's first added event on the wire.
const FORK_FIRST_WIRE: u8 = 50;
/// The fork's sync event on the wire.
const FORK_SHIFTED_FIRST_WIRE: u8 = 63;

static STOCK_NUMBERS: [Option<EventType>; 256] = numbers(Dialect::Stock);
static FORK_NUMBERS: [Option<EventType>; 256] = numbers(Dialect::Fork);
static SPECS: [Option<&EventSpec>; 256] = specs();

const fn numbers(dialect: Dialect) -> [Option<EventType>; 256] {
    let mut numbers = [None; 256];
    let mut i = 0;
    while i < ALL_TYPES.len() {
        if let Some(byte) = ALL_TYPES[i].to_wire(dialect) {
            numbers[byte as usize] = Some(ALL_TYPES[i]);
        }
        i += 1;
    }
    numbers
}

const fn specs() -> [Option<&'static EventSpec>; 256] {
    const TABLES: [&[EventSpec]; 5] =
        [go122::EVENTS, go123::EVENTS, go125::EVENTS, go126::EVENTS, fork::EVENTS];
    let mut specs = [None; 256];
    let mut table = 0;
    while table < TABLES.len() {
        let mut i = 0;
        while i < TABLES[table].len() {
            let spec = &TABLES[table][i];
            specs[spec.event_type as usize] = Some(spec);
            i += 1;
        }
        table += 1;
    }
    specs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_spec_of_its_own() {
        for &event_type in EventType::all() {
            let spec = event_type.spec();
            assert_eq!(spec.event_type, event_type);
            assert_eq!(event_type.to_string().parse(), Ok(event_type), "{event_type}");
            assert_eq!(spec.timed, spec.arguments.first().is_some_and(|a| a.kind == ArgumentKind::TimeDelta));
            assert!(!spec.timed || spec.arguments.len() <= MAX_ARGUMENTS + 1, "{}", spec.name);
        }
    }

    #[test]
    fn numbers_of_both_dialects_go_there_and_back() {
        for dialect in [Dialect::Stock, Dialect::Fork] {
            for byte in 0..=u8::MAX {
                if let Some(event_type) = dialect.event_type(byte) {
                    assert_eq!(event_type.to_wire(dialect), Some(byte));
                }
            }
        }
        assert_eq!(EventType::EndOfGeneration.to_wire(Dialect::Stock), Some(0x34));
        assert_eq!(EventType::EndOfGeneration.to_wire(Dialect::Fork), Some(0x41));
        assert_eq!(Dialect::Fork.event_type(62), Some(EventType::ConnectEnd));
        assert_eq!(Dialect::Stock.event_type(53), None);
    }
}
