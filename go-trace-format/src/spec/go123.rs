//! Go 1.23: coroutine switches, stacks on statuses, experimental batches and the AllocFree experiment.

use super::{
    Argument, Category, EventSpec, EventType, Experiment, Version, dt, other_stack, stack, structural, timed,
    value,
};

pub(super) const EVENTS: &[EventSpec] = &[
    timed(
        EventType::GoSwitch,
        "GoSwitch",
        &[dt(), value("g"), value("g_seq")],
        Category::Core,
        Version::Go123,
    ),
    timed(
        EventType::GoSwitchDestroy,
        "GoSwitchDestroy",
        &[dt(), value("g"), value("g_seq")],
        Category::Core,
        Version::Go123,
    ),
    timed(
        EventType::GoCreateBlocked,
        "GoCreateBlocked",
        &[dt(), value("new_g"), other_stack("new_stack"), stack()],
        Category::Core,
        Version::Go123,
    ),
    timed(
        EventType::GoStatusStack,
        "GoStatusStack",
        &[dt(), value("g"), value("m"), value("gstatus"), stack()],
        Category::Core,
        Version::Go123,
    ),
    structural(
        EventType::ExperimentalBatch,
        "ExperimentalBatch",
        &[value("exp"), value("gen"), value("m"), value("time")],
        Version::Go123,
    ),
    alloc_free(EventType::Span, "Span", &[dt(), value("id"), value("npages_value"), value("kindclass")]),
    alloc_free(
        EventType::SpanAlloc,
        "SpanAlloc",
        &[dt(), value("id"), value("npages_value"), value("kindclass")],
    ),
    alloc_free(EventType::SpanFree, "SpanFree", &[dt(), value("id")]),
    alloc_free(EventType::HeapObject, "HeapObject", &[dt(), value("id"), value("type")]),
    alloc_free(EventType::HeapObjectAlloc, "HeapObjectAlloc", &[dt(), value("id"), value("type")]),
    alloc_free(EventType::HeapObjectFree, "HeapObjectFree", &[dt(), value("id")]),
    alloc_free(EventType::GoroutineStack, "GoroutineStack", &[dt(), value("id"), value("order")]),
    alloc_free(EventType::GoroutineStackAlloc, "GoroutineStackAlloc", &[dt(), value("id"), value("order")]),
    alloc_free(EventType::GoroutineStackFree, "GoroutineStackFree", &[dt(), value("id")]),
];

const fn alloc_free(event_type: EventType, name: &'static str, arguments: &'static [Argument]) -> EventSpec {
    EventSpec {
        experiment: Some(Experiment::ALLOC_FREE),
        ..timed(event_type, name, arguments, Category::Core, Version::Go123)
    }
}
