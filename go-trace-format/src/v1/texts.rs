//! Texts that stand in no string table: what the runtime means by an event of its own, and the messages of logs.
//!
//! They have ids that no string table has. Go: `traceV1Converter.init`.

use crate::{id::StringId, spec::Version, tables::Place};

/// Ids of [`TEXTS`] from here on.
const FIRST_TEXT: u64 = 1 << 63;
/// An id with this bit is the place of a text in the generation's bytes.
const PLACE: u64 = 1 << 62;

macro_rules! texts {
    ($($name:ident = $text:literal;)*) => {
        /// A text that the newer format says where format v1 has an event for it.
        #[derive(Clone, Copy, Debug)]
        pub(super) enum Reason {
            $($name,)*
        }

        const TEXTS: &[&str] = &[$($text,)*];
    };
}

texts! {
    Forever = "forever";
    Preempted = "preempted";
    Gosched = "runtime.Gosched";
    Sleep = "sleep";
    ChanSend = "chan send";
    ChanReceive = "chan receive";
    Network = "network";
    Sync = "sync";
    Cond = "sync.(*Cond).Wait";
    Select = "select";
    Unknown = "";
    MarkAssist = "GC mark assist wait for work";
}

impl Reason {
    pub(super) const fn id(self) -> u64 {
        FIRST_TEXT + self as u64
    }
}

/// Why the world is stopped, by the number of Go 1.21; 0 is not known.
const STOPS: [&str; 17] = [
    "",
    "GC mark termination",
    "GC sweep termination",
    "write heap dump",
    "goroutine profile",
    "goroutine profile cleanup",
    "all goroutine stack trace",
    "read mem stats",
    "AllThreadsSyscall",
    "GOMAXPROCS",
    "start trace",
    "stop trace",
    "CountPagesInUse (test)",
    "ReadMetricsSlow (test)",
    "ReadMemStatsSlow (test)",
    "PageCachePagesLeaked (test)",
    "ResetDebugLog (test)",
];

/// The id of why the world is stopped. Go: `tracev1.Trace.STWReason`.
pub(super) fn stop(version: Version, kind: u64) -> u64 {
    let reason = match version {
        Version::Go121 if kind < STOPS.len() as u64 => kind,
        Version::Go121 => 0,
        _ if kind <= 1 => kind + 1,
        _ => 0,
    };
    FIRST_TEXT + TEXTS.len() as u64 + reason
}

/// The id of a text that stands where it is said.
pub(super) fn inline(place: Place) -> u64 {
    if place.length() == 0 { 0 } else { PLACE | place.bits() }
}

/// The text of an id that no string table has.
pub(crate) fn text(id: StringId, bytes: &[u8]) -> Option<&[u8]> {
    if id.0 >= FIRST_TEXT {
        let index = usize::try_from(id.0 - FIRST_TEXT).ok()?;
        return TEXTS.iter().chain(&STOPS).nth(index).map(|text| text.as_bytes());
    }
    if id.0 & PLACE == 0 {
        return None;
    }
    let place = Place::from_bits(id.0 & !PLACE);
    bytes.get(place.start()..place.start().checked_add(place.length())?)
}
