//! Regions. Go: `runtime/trace.StartRegion` and `Region.End`.

use std::sync::Arc;

use go_trace_format::{
    Event,
    event::{GoroutineId, Region, TaskId, ThreadId},
};

use crate::{
    form::{Ending, Form},
    identity::Identity,
    known::{
        goroutines::DEEPEST,
        regions::MOST_LOOSE,
        sections::{Section, What},
        span::{LocalParent, Open, OpenSpan, SectionKey},
    },
    mapping::Mapping,
    sink::{Outlet, Stopped},
    span::Scope,
};

/// What the end of a region tells of it.
struct Ended<'a> {
    task: TaskId,
    /// None where the name is lost.
    name: Option<&'a Arc<str>>,
    thread: Option<ThreadId>,
}

impl Ended<'_> {
    fn is(&self, open: &OpenSpan) -> bool {
        open.task == self.task
            && self.name.is_none_or(|name| Arc::ptr_eq(&open.name, name) || open.name == *name)
    }
}

const UNNAMED: &str = "(unnamed region)";

fn plain(_: &What) -> Option<Form> {
    Some(Form::plain(Scope::Region))
}

pub(crate) fn begin(
    mapping: &mut Mapping,
    event: &Event<'_>,
    region: Region<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    mapping.mention(event, region.task);
    let goroutine = mapping.goroutine(event);
    let parent = match goroutine {
        Some(goroutine) if !has_room(mapping, goroutine) => return Ok(()),
        Some(goroutine) => parent_of(mapping, goroutine, region.task),
        None => mapping.task_as_parent(region.task),
    };
    let identity = parent.child(&mapping.facts(&Scope::Region, event, region.task, true));
    let name = mapping.texts.name_by_id(region.name_id.0, region.name, UNNAMED);
    let mut span = mapping.open_span(identity, name, event, region.task);
    span.parent = parent;
    mapping.regions.count += 1;
    let key = mapping.begin_section(span, What::Region);
    if goroutine.is_none() { mapping.loosen(key, sink) } else { Ok(()) }
}

pub(crate) fn end(
    mapping: &mut Mapping,
    event: &Event<'_>,
    region: Region<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let goroutine = mapping.goroutine(event);
    if goroutine.is_some_and(|goroutine| is_end_of_dropped(mapping, goroutine)) {
        return Ok(());
    }
    let end = Ending::by(event, goroutine);
    let name_id = region.name_id.0;
    let (task, thread) = (region.task, event.thread());
    // Nearly always it is the innermost one, of a name that is known.
    if let (Some(goroutine), Some(name)) = (goroutine, mapping.texts.known_by_id(name_id)) {
        if let Some(key) = innermost_to_end(mapping, goroutine, &Ended { task, name: Some(name), thread }) {
            mapping.regions.has_ended(goroutine, task, name);
            return mapping.end_section(key, end, plain, sink);
        }
    }
    let name = mapping.texts.name_by_id(name_id, region.name, UNNAMED);
    let ended = Ended { task, name: (!region.name.is_lost()).then_some(&name), thread };
    if let Some((goroutine, key)) = goroutine.and_then(|id| Some((id, nested_to_end(mapping, id, &ended)?))) {
        mapping.regions.has_ended(goroutine, task, &name);
        return mapping.end_section(key, end, plain, sink);
    }
    if let Some((key, is_assumed)) = take_loose(mapping, &ended) {
        mapping.counters.assumed_pairs += u64::from(is_assumed);
        return mapping.end_section(key, Ending { is_assumed, ..end }, plain, sink);
    }
    if mapping.regions.has_uncounted {
        return Ok(());
    }
    if goroutine.is_some_and(|id| mapping.regions.ended_last(id, task, &name)) {
        mapping.counters.surplus_region_ends += 1;
        return Ok(());
    }
    if !may_have_begun_before(mapping, goroutine, task) {
        return end_elsewhere(mapping, &ended, end, sink);
    }
    mapping.mention(event, region.task);
    let identity = Identity::new(&mapping.facts(&Scope::Region, event, region.task, false));
    let mut span = mapping.unstarted_span(identity, name, region.task);
    span.place.goroutine = goroutine;
    span.parent = mapping.task_as_parent(region.task);
    mapping.emit(None, Form::plain(Scope::Region), span, None, end.without_start(), sink)
}

/// The section around a region on its goroutine if that is inside the region's task too; else the task; else, for
/// want of one, the section that the goroutine was created in.
fn parent_of(mapping: &Mapping, goroutine: GoroutineId, task: TaskId) -> LocalParent {
    if let Some(around) = mapping.innermost_section(goroutine) {
        if task == TaskId::BACKGROUND || mapping.open.is_within(around.span, task) {
            return mapping.open.nested_as_parent(around);
        }
    }
    if task != TaskId::BACKGROUND {
        return mapping.task_as_parent(task);
    }
    mapping.creation_as_parent(goroutine)
}

/// Whether a region may begin. Where it may not, that is noted, as its end will come.
fn has_room(mapping: &mut Mapping, goroutine: GoroutineId) -> bool {
    let most = mapping.options.limits.open_regions;
    let known = mapping.goroutines.len();
    let is_full = mapping.regions.count >= most;
    match mapping.goroutines.get_mut(goroutine) {
        Some(nest) if is_full || nest.dropped > 0 || nest.open.len() >= DEEPEST => nest.dropped += 1,
        None if is_full && known >= most.saturating_mul(2) => mapping.regions.has_uncounted = true,
        None if is_full => mapping.goroutines.running(goroutine, mapping.timeline.latest()).dropped = 1,
        _ => return true,
    }
    mapping.counters.dropped_spans += 1;
    false
}

/// Whether an end is that of a region that the limits kept out.
fn is_end_of_dropped(mapping: &mut Mapping, goroutine: GoroutineId) -> bool {
    match mapping.goroutines.get_mut(goroutine) {
        Some(nest) if nest.dropped > 0 => nest.dropped -= 1,
        _ => return false,
    }
    mapping.goroutines.forget_if_idle(goroutine);
    true
}

/// What is open innermost on a goroutine, if it is the region that ends.
fn innermost_to_end(mapping: &Mapping, goroutine: GoroutineId, ended: &Ended<'_>) -> Option<SectionKey> {
    match mapping.goroutines.innermost(goroutine)?.span {
        Open::Section(key) if mapping.region_is(key, |span| ended.is(span)) => Some(key),
        _ => None,
    }
}

/// The region of a goroutine that ends: the latest of its task and name. Others may have begun since and go on, as regions of
/// several tasks do that a goroutine works on in turn.
fn nested_to_end(mapping: &Mapping, goroutine: GoroutineId, ended: &Ended<'_>) -> Option<SectionKey> {
    mapping.goroutines.get(goroutine)?.open.iter().rev().find_map(|nested| match nested.span {
        Open::Section(key) if mapping.region_is(key, |span| ended.is(span)) => Some(key),
        _ => None,
    })
}

/// Whether a region may have begun before the trace, for all that is known of where it ends.
fn may_have_begun_before(mapping: &Mapping, goroutine: Option<GoroutineId>, task: TaskId) -> bool {
    let is_of_new_task = task != TaskId::BACKGROUND && mapping.open.tasks.span(task).is_some();
    !is_of_new_task && goroutine.is_none_or(|id| mapping.goroutines.may_be_older(id))
}

/// The end of a region that has begun within the trace, but not here: on another goroutine, which Go does not allow and
/// programs do; or nowhere, as it has ended already.
fn end_elsewhere(
    mapping: &mut Mapping,
    ended: &Ended<'_>,
    end: Ending,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let is_it = |section: &Section| matches!(section.what, What::Region) && ended.is(&section.span);
    let mut fitting = mapping.open.latest_sections(MOST_LOOSE).filter(|(_, section)| is_it(section));
    let latest = fitting.next().map(|(key, _)| key);
    let is_assumed = fitting.next().is_some();
    drop(fitting);
    match latest {
        Some(key) => {
            mapping.counters.assumed_pairs += u64::from(is_assumed);
            mapping.end_section(key, Ending { is_assumed, ..end }, plain, sink)
        }
        None => {
            mapping.counters.surplus_region_ends += 1;
            Ok(())
        }
    }
}

/// Takes out the loose region that this is the end of, and says whether there was more than one to choose
/// from. The latest is taken then, of those that began on the same thread if there are such.
fn take_loose(mapping: &mut Mapping, ended: &Ended<'_>) -> Option<(SectionKey, bool)> {
    let span = |key: SectionKey| mapping.open.section(key).map(|section| &section.span);
    let fitting = || {
        let keys = mapping.regions.loose.iter().copied().enumerate();
        keys.filter(|&(_, key)| span(key).is_some_and(|span| ended.is(span)))
    };
    let is_of_thread = |key| span(key).is_some_and(|span| span.place.thread == ended.thread);
    let (chosen, _) = fitting().max_by_key(|&(_, key)| is_of_thread(key))?;
    let is_assumed = fitting().nth(1).is_some();
    mapping.regions.loose.remove(chosen).map(|key| (key, is_assumed))
}
