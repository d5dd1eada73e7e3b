//! What the program says of itself: tasks, regions, logs and labels. Go: package `runtime/trace`.

use crate::{
    event::Event,
    id::{GoroutineId, StringId, TaskId},
    tables::Text,
};

/// A user task. Go: `trace.Task`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Task<'t> {
    /// Its id.
    pub id: TaskId,
    /// The task that it is part of, if any.
    pub parent: Option<TaskId>,
    /// Its type: the name given to `trace.NewTask`. An end carries the name of its beginning, and none where
    /// the beginning was not recorded.
    pub name: Text<'t>,
    /// The name's id; `None` where an end carries a name that an earlier generation gave.
    pub name_id: Option<StringId>,
}

impl<'t> Task<'t> {
    pub(crate) fn of<O>(event: &Event<'t, O>) -> Self {
        use crate::spec::EventType;
        let [id, second, third, fourth] = event.record.arguments;
        // The ordering puts parent and name of the beginning behind the arguments of an end.
        let (parent, name, name_id) = match event.record.event_type {
            EventType::UserTaskBegin => (second, event.text(2), Some(StringId(third))),
            _ if event.record.is_name_inherited => {
                let name = event.tables.inherited.get(fourth as usize);
                (third, Text::new(name.map(|name| &**name)), None)
            }
            _ => (third, event.text(3), Some(StringId(fourth))),
        };
        let parent = (TaskId(parent) != TaskId::NONE).then_some(TaskId(parent));
        Self { id: TaskId(id), parent, name, name_id }
    }
}

/// A user region: a stretch of one goroutine's time. Go: `trace.Region`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Region<'t> {
    /// The task that it belongs to; [`TaskId::BACKGROUND`] for none.
    pub task: TaskId,
    /// Its type: the name given to `trace.WithRegion` or `trace.StartRegion`.
    pub name: Text<'t>,
    /// The name's id.
    pub name_id: StringId,
}

impl<'t> Region<'t> {
    pub(crate) fn of<O>(event: &Event<'t, O>) -> Self {
        let [task, name, ..] = event.record.arguments;
        Self { task: TaskId(task), name: event.text(1), name_id: StringId(name) }
    }
}

/// A user log message. Go: `trace.Log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Log<'t> {
    /// The task that it belongs to; [`TaskId::BACKGROUND`] for none.
    pub task: TaskId,
    /// Its category.
    pub category: Text<'t>,
    /// The category's id.
    pub category_id: StringId,
    /// Its message.
    pub message: Text<'t>,
    /// The message's id.
    pub message_id: StringId,
}

impl<'t> Log<'t> {
    pub(crate) fn of<O>(event: &Event<'t, O>) -> Self {
        let [task, category, message, _] = event.record.arguments;
        Self {
            task: TaskId(task),
            category: event.text(1),
            category_id: StringId(category),
            message: event.text(2),
            message_id: StringId(message),
        }
    }
}

/// A label on a goroutine. Go: `trace.Label`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Label<'t> {
    /// The label.
    pub label: Text<'t>,
    /// The goroutine that it is put on, where it is known.
    pub goroutine: Option<GoroutineId>,
}

impl<'t> Label<'t> {
    pub(crate) fn of<O>(event: &Event<'t, O>) -> Self {
        Self { label: event.text(0), goroutine: event.goroutine() }
    }
}
