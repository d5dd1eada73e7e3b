//! What the program says of itself: tasks, regions, logs and labels. Go: package `runtime/trace`.

use crate::{
    event::Event,
    id::{GoroutineId, TaskId},
    tables::Text,
};

/// A user task. Go: `trace.Task`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task<'t> {
    /// Its id.
    pub id: TaskId,
    /// The task that it is part of, if any.
    pub parent: Option<TaskId>,
    /// Its type: the name given to `trace.NewTask`. An end carries the name of its beginning, and none where
    /// the beginning was not recorded.
    pub name: Text<'t>,
}

impl<'t> Task<'t> {
    pub(crate) fn of(event: &Event<'t>) -> Self {
        use crate::spec::EventType;
        let [id, second, third, fourth] = event.record.arguments;
        // The ordering puts parent and name of the beginning behind the arguments of an end.
        let (parent, name) = match event.record.event_type {
            EventType::UserTaskBegin => (second, event.text(2)),
            _ => (third, Self::name_of_end(event, fourth)),
        };
        Self { id: TaskId(id), parent: (TaskId(parent) != TaskId::NONE).then_some(TaskId(parent)), name }
    }

    fn name_of_end(event: &Event<'t>, argument: u64) -> Text<'t> {
        if !event.record.is_name_inherited {
            return event.text(3);
        }
        Text::new(event.tables.inherited.get(argument as usize).map(|name| &**name))
    }
}

/// A user region: a stretch of one goroutine's time. Go: `trace.Region`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Region<'t> {
    /// The task that it belongs to; [`TaskId::BACKGROUND`] for none.
    pub task: TaskId,
    /// Its type: the name given to `trace.WithRegion` or `trace.StartRegion`.
    pub name: Text<'t>,
}

impl<'t> Region<'t> {
    pub(crate) fn of(event: &Event<'t>) -> Self {
        Self { task: TaskId(event.record.arguments[0]), name: event.text(1) }
    }
}

/// A user log message. Go: `trace.Log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log<'t> {
    /// The task that it belongs to; [`TaskId::BACKGROUND`] for none.
    pub task: TaskId,
    /// Its category.
    pub category: Text<'t>,
    /// Its message.
    pub message: Text<'t>,
}

impl<'t> Log<'t> {
    pub(crate) fn of(event: &Event<'t>) -> Self {
        Self { task: TaskId(event.record.arguments[0]), category: event.text(1), message: event.text(2) }
    }
}

/// A label on a goroutine. Go: `trace.Label`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Label<'t> {
    /// The label.
    pub label: Text<'t>,
    /// The goroutine that it is put on, where it is known.
    pub goroutine: Option<GoroutineId>,
}

impl<'t> Label<'t> {
    pub(crate) fn of(event: &Event<'t>) -> Self {
        Self { label: event.text(0), goroutine: event.goroutine() }
    }
}
