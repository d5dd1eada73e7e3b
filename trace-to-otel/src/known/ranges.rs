//! The ranges that are open.

use std::collections::BTreeMap;

use go_trace_format::event::{GoroutineId, ProcId, ThreadId};

use crate::{attribute, known::span::OpenSpan, span::Attribute};

/// Which range it is: one of each can be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) owner: Owner,
}

/// Those that concern the whole process first: they are looked for at every span's begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    StopTheWorld,
    GcMark,
    GcSweep,
    GcMarkAssist,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Process,
    Proc(ProcId),
    Goroutine(GoroutineId),
    Thread(ThreadId),
}

/// The ranges that are open.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    pub(crate) open: BTreeMap<Key, OpenRange>,
}

#[derive(Debug)]
pub(crate) struct OpenRange {
    pub(crate) span: Box<OpenSpan>,
    /// Whether it was under way when the trace began.
    pub(crate) lacks_start: bool,
}

impl Kind {
    /// Whether it concerns the whole process, whoever it is done by.
    pub(crate) fn is_wide(self) -> bool {
        matches!(self, Self::StopTheWorld | Self::GcMark)
    }
}

impl Key {
    pub(crate) fn attributes(self) -> Vec<Attribute> {
        let scope = |name| Attribute::new(attribute::RANGE_SCOPE, name);
        match self.owner {
            Owner::Process => vec![scope("global")],
            Owner::Proc(ProcId(id)) => vec![scope("proc"), Attribute::new(attribute::PROC_ID, id)],
            Owner::Goroutine(_) => vec![scope("goroutine")],
            Owner::Thread(_) => vec![scope("thread")],
        }
    }
}

crate::saved::saved!(Key { kind, owner });
crate::saved::saved_enum!(Kind { 0 => StopTheWorld, 1 => GcMark, 2 => GcSweep, 3 => GcMarkAssist });
crate::saved::saved_enum!(Owner { 0 => Process, 1 => Proc(id), 2 => Goroutine(id), 3 => Thread(id) });
crate::saved::saved!(Ranges { open });
crate::saved::saved!(OpenRange { span, lacks_start });
