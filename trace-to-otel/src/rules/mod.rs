//! What becomes of events: one file per kind of event. A rule reads its event, changes what is [known](crate::known), and
//! opens or ends spans through [`Mapping`].

mod goroutine;
mod log;
mod operation;
mod over;
mod range;
mod region;
mod stacks;
mod task;

pub(crate) use goroutine::Whose;

use go_trace_format::{Category, Event, EventKind, EventType};

use crate::{
    form::Ending,
    known::dropped::Dropped,
    mapping::Mapping,
    sink::{Outlet, Stopped},
};

/// An event that says nothing more than what a goroutine does.
#[inline]
pub(crate) fn goroutine_moves(
    mapping: &mut Mapping,
    event: &Event<'_>,
    whose: Whose,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    mapping.has_scheduling = true;
    if stacks::are_concerned(mapping, event) {
        // Before the goroutine moves on: the stack tells where it was until then.
        mapping.timeline.note(event.raw_time());
        stacks::goroutine_moves(mapping, event, sink)?;
    }
    let id = whose.goroutine(event);
    if mapping.goroutines.may_know(id) {
        goroutine::moves(mapping, event, id);
    }
    Ok(())
}

/// An event that says more than what a goroutine does.
pub(crate) fn event_with_more(
    mapping: &mut Mapping,
    event: &Event<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    use EventType as E;
    let event_type = event.event_type();
    mapping.has_scheduling = mapping.has_scheduling || is_of_scheduling(event_type);
    match event_type {
        E::GoCreate | E::GoCreateBlocked => {
            stacks::see(mapping, event, sink)?;
            stacks::is_created(mapping, event);
            goroutine::is_created(mapping, event);
        }
        E::GoDestroy | E::GoDestroySyscall => {
            stacks::ends(mapping, event, sink)?;
            goroutine::ends(mapping, event, sink)?;
        }
        E::GoStatus | E::GoStatusStack => {
            goroutine::is_told_of(mapping, event);
            stacks::status(mapping, event, sink)?;
            goroutine::status(mapping, event);
        }
        _ => return event_with_content(mapping, event, sink),
    }
    Ok(())
}

/// An event that spans are made of.
fn event_with_content(
    mapping: &mut Mapping,
    event: &Event<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let kind = event.kind();
    over::see_innermost(mapping, event, sink)?;
    if let EventKind::OperationEnd(end) = kind {
        // Before its stack, which is outside of the operation, says so less well.
        stacks::is_told(mapping, event, end.operation);
    }
    stacks::see(mapping, event, sink)?;
    match kind {
        EventKind::TaskBegin(task) => task::begin(mapping, event, task, sink),
        EventKind::TaskEnd(task) => task::end(mapping, event, task, sink),
        EventKind::RegionBegin(region) => region::begin(mapping, event, region, sink),
        EventKind::RegionEnd(region) => region::end(mapping, event, region, sink),
        EventKind::OperationStart(start) => operation::begin(mapping, event, start, sink),
        EventKind::OperationEnd(end) => operation::end(mapping, event, end, sink),
        EventKind::Log(log) => log::log(mapping, event, log, sink),
        EventKind::RangeBegin(_) | EventKind::RangeActive(_) | EventKind::RangeEnd(_) => {
            goroutine::assists(mapping, event);
            if mapping.options.ranges { range::range(mapping, event, kind, sink) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// Ends what is open, as nothing more of it will come.
pub(crate) fn end_all(mapping: &mut Mapping, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    let ending = Ending::unseen(mapping.timeline.latest());
    mapping.end_all_sections(ending, sink)?;
    task::end_all(mapping, ending, sink)?;
    range::end_all(mapping, ending, sink)?;
    mapping.goroutines.clear();
    mapping.open.dropped = Dropped::default();
    mapping.stacks.clear();
    Ok(())
}

/// Whether an event is one that the fork's filter leaves out together with scheduling.
fn is_of_scheduling(event_type: EventType) -> bool {
    use EventType as E;
    let is_structural = matches!(event_type, E::Sync | E::ProcStatus | E::GoStatus | E::GoStatusStack);
    !is_structural && event_type.spec().category == Category::Core
}
