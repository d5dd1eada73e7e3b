//! What every event of format v1 is: its number, name, arguments, and since when. Go: `tracev1.EventDescriptions`, and for what
//! older versions had, `argNum` of Go 1.11's `internal/trace/parser.go`.

use crate::spec::Version;

macro_rules! kinds {
    ($($kind:ident = $number:literal $name:literal since $since:ident, $arguments:literal, $stack:literal;)*) => {
        /// The kind of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub(crate) enum Kind {
            $($kind = $number,)*
        }

        impl Kind {
            /// Every kind, by number from 1.
            pub(crate) const ALL: &[Self] = &[$(Self::$kind,)*];

            /// As Go calls it.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            const fn since(self) -> Version {
                match self {
                    $(Self::$kind => Version::$since,)*
                }
            }

            /// How many arguments the newest version has, neither time nor stack counted.
            const fn own_arguments(self) -> u8 {
                match self {
                    $(Self::$kind => $arguments,)*
                }
            }

            /// Whether its last argument is the stack on which it happened.
            pub(crate) const fn has_stack(self) -> bool {
                match self {
                    $(Self::$kind => $stack,)*
                }
            }
        }
    };
}

kinds! {
    Batch = 1 "Batch" since Go15, 2, false;
    Frequency = 2 "Frequency" since Go15, 1, false;
    Stack = 3 "Stack" since Go15, 2, false;
    Gomaxprocs = 4 "Gomaxprocs" since Go15, 1, true;
    ProcStart = 5 "ProcStart" since Go15, 1, false;
    ProcStop = 6 "ProcStop" since Go15, 0, false;
    GcStart = 7 "GCStart" since Go15, 1, true;
    GcDone = 8 "GCDone" since Go15, 0, false;
    StwStart = 9 "GCSTWStart" since Go15, 1, false;
    StwDone = 10 "GCSTWDone" since Go15, 0, false;
    SweepStart = 11 "GCSweepStart" since Go15, 0, true;
    SweepDone = 12 "GCSweepDone" since Go15, 2, false;
    GoCreate = 13 "GoCreate" since Go15, 2, true;
    GoStart = 14 "GoStart" since Go15, 2, false;
    GoEnd = 15 "GoEnd" since Go15, 0, false;
    GoStop = 16 "GoStop" since Go15, 0, true;
    GoSched = 17 "GoSched" since Go15, 0, true;
    GoPreempt = 18 "GoPreempt" since Go15, 0, true;
    GoSleep = 19 "GoSleep" since Go15, 0, true;
    GoBlock = 20 "GoBlock" since Go15, 0, true;
    GoUnblock = 21 "GoUnblock" since Go15, 2, true;
    GoBlockSend = 22 "GoBlockSend" since Go15, 0, true;
    GoBlockRecv = 23 "GoBlockRecv" since Go15, 0, true;
    GoBlockSelect = 24 "GoBlockSelect" since Go15, 0, true;
    GoBlockSync = 25 "GoBlockSync" since Go15, 0, true;
    GoBlockCond = 26 "GoBlockCond" since Go15, 0, true;
    GoBlockNet = 27 "GoBlockNet" since Go15, 0, true;
    GoSysCall = 28 "GoSysCall" since Go15, 0, true;
    GoSysExit = 29 "GoSysExit" since Go15, 3, false;
    GoSysBlock = 30 "GoSysBlock" since Go15, 0, false;
    GoWaiting = 31 "GoWaiting" since Go15, 1, false;
    GoInSyscall = 32 "GoInSyscall" since Go15, 1, false;
    HeapAlloc = 33 "HeapAlloc" since Go15, 1, false;
    HeapGoal = 34 "HeapGoal" since Go15, 1, false;
    TimerGoroutine = 35 "TimerGoroutine" since Go15, 1, false;
    FutileWakeup = 36 "FutileWakeup" since Go15, 0, false;
    String = 37 "String" since Go17, 0, false;
    GoStartLocal = 38 "GoStartLocal" since Go17, 1, false;
    GoUnblockLocal = 39 "GoUnblockLocal" since Go17, 1, true;
    GoSysExitLocal = 40 "GoSysExitLocal" since Go17, 2, false;
    GoStartLabel = 41 "GoStartLabel" since Go18, 3, false;
    GoBlockGc = 42 "GoBlockGC" since Go18, 0, true;
    MarkAssistStart = 43 "GCMarkAssistStart" since Go19, 0, true;
    MarkAssistDone = 44 "GCMarkAssistDone" since Go19, 0, false;
    UserTaskCreate = 45 "UserTaskCreate" since Go111, 3, true;
    UserTaskEnd = 46 "UserTaskEnd" since Go111, 1, true;
    UserRegion = 47 "UserRegion" since Go111, 3, true;
    UserLog = 48 "UserLog" since Go111, 2, true;
    CpuSample = 49 "CPUSample" since Go119, 3, true;
}

impl Kind {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Whether it stands for a moment, and so has a time before its arguments.
    pub(crate) const fn is_timed(self) -> bool {
        !matches!(self, Self::Batch | Self::Frequency | Self::Stack | Self::TimerGoroutine | Self::String)
    }

    /// Whether its goroutine stops running of itself, to go on some time.
    pub(crate) const fn stops_goroutine(self) -> bool {
        matches!(self, Self::GoStop | Self::GoSched | Self::GoPreempt) || self.blocks_goroutine()
    }

    /// Whether its goroutine waits from now on.
    pub(crate) const fn blocks_goroutine(self) -> bool {
        use Kind as K;
        matches!(self, K::GoSleep | K::GoBlock | K::GoBlockSend | K::GoBlockRecv | K::GoBlockSelect)
            || matches!(self, K::GoBlockSync | K::GoBlockCond | K::GoBlockNet | K::GoBlockGc)
    }

    /// How many arguments it has in a version, all counted.
    fn arguments(self, version: Version) -> u8 {
        let has_sequence = version.has_global_sequence();
        let own = match self {
            Self::GcStart | Self::GoStart | Self::GoUnblock if has_sequence => self.own_arguments() - 1,
            Self::StwStart if version < Version::Go110 => 0,
            Self::SweepDone if version < Version::Go19 => 0,
            _ => self.own_arguments(),
        };
        own + u8::from(self.has_stack()) + u8::from(self.is_timed()) + u8::from(has_sequence)
    }
}

/// The most arguments that an event has, all counted, but for stacks.
pub(crate) const MOST_ARGUMENTS: usize = 5;

/// How the events of a version lie on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) version: Version,
    /// How many arguments the event of each number has; [`Self::UNKNOWN`] where there is none.
    arguments: [u8; 64],
    /// How many arguments stand before an event's own: its time, and up to Go 1.6 its place among all events before it.
    pub(crate) leading: usize,
}

impl Layout {
    const UNKNOWN: u8 = u8::MAX;

    pub(crate) fn of(version: Version) -> Self {
        let mut arguments = [Self::UNKNOWN; 64];
        for kind in Kind::ALL.iter().filter(|kind| kind.since() <= version) {
            arguments[*kind as usize] = kind.arguments(version);
        }
        Self { version, arguments, leading: 1 + usize::from(version.has_global_sequence()) }
    }

    /// The event whose number is in the low bits of its first byte.
    #[inline(always)]
    pub(crate) fn kind(&self, head: u8) -> Option<Kind> {
        let number = head & 0x3f;
        (self.arguments[usize::from(number)] != Self::UNKNOWN).then(|| Kind::from_number(number))?
    }

    /// How many arguments the event has, all counted.
    #[inline(always)]
    pub(crate) fn arguments(&self, kind: Kind) -> usize {
        usize::from(self.arguments[kind as usize])
    }

    /// How many numbers a frame of a stack has: up to Go 1.6 only its program counter.
    pub(crate) fn numbers_per_frame(&self) -> usize {
        if self.version.has_symbols() { 4 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gap() {
        for (kind, number) in Kind::ALL.iter().zip(1..) {
            assert_eq!(*kind as u8, number);
            assert_eq!(Kind::from_number(number), Some(*kind));
        }
        assert_eq!(Kind::from_number(0), None);
        assert_eq!(Kind::from_number(50), None);
    }

    #[test]
    fn versions_differ_in_their_arguments() {
        let count = |kind, version| Layout::of(version).arguments(kind);
        assert_eq!(count(Kind::Batch, Version::Go15), 3);
        assert_eq!(count(Kind::Batch, Version::Go17), 2);
        assert_eq!(count(Kind::GoStart, Version::Go15), 3);
        assert_eq!(count(Kind::GoStart, Version::Go17), 3);
        assert_eq!(count(Kind::GoSysExit, Version::Go15), 5);
        assert_eq!(count(Kind::StwStart, Version::Go19), 1);
        assert_eq!(count(Kind::StwStart, Version::Go110), 2);
        assert_eq!(count(Kind::SweepDone, Version::Go18), 1);
        assert_eq!(count(Kind::SweepDone, Version::Go19), 3);
        assert_eq!(Layout::of(Version::Go18).kind(Kind::MarkAssistDone as u8), None);
        assert_eq!(Layout::of(Version::Go111).kind(Kind::CpuSample as u8), None);
        assert_eq!(Layout::of(Version::Go121).kind(0xc0 | Kind::CpuSample as u8), Some(Kind::CpuSample));
    }
}
