//! Rows of stacks, and which of them goroutines went over to their states with.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use foldhash::fast::RandomState;
use go_trace_format::{
    Event, EventKind, EventType, Stack,
    event::{GoroutineState, GoroutineTransition, StackId},
};
use go_trace_sanitize::Sanitizer;
use twox_hash::XxHash3_128;

use super::{Cell, Table, TableSink};

/// More stacks than these are not remembered: they are forgotten, and come again.
const MOST: usize = 1 << 20;

/// What is known of stacks and of goroutines.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    sanitizer: Sanitizer,
    /// By the ids of the generation under way.
    ids: HashMap<StackId, u64, RandomState>,
    /// Those that have rows.
    written: HashSet<u64, RandomState>,
    at: HashMap<i64, At, RandomState>,
}

/// How a goroutine went over to its state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct At {
    /// The thread that it is on.
    pub(super) thread: Option<i64>,
    pub(super) stack: Option<u64>,
}

impl Stacks {
    pub(super) fn at(&self, goroutine: i64) -> At {
        self.at.get(&goroutine).copied().unwrap_or_default()
    }

    /// Takes an event behind the row that it made; `has_row` tells whether it did. A goroutine's status that says what is known
    /// already makes none, and is no change.
    pub(super) fn event(
        &mut self,
        event: &Event<'_>,
        has_row: bool,
        sink: &mut impl TableSink,
    ) -> io::Result<()> {
        if event.event_type() == EventType::Sync {
            self.ids.clear();
            return Ok(());
        }
        let EventKind::Goroutine(transition) = event.kind() else { return Ok(()) };
        let Some(goroutine) = transition.goroutine.map(|goroutine| goroutine.0) else { return Ok(()) };
        if transition.to == GoroutineState::NotExist {
            self.at.remove(&goroutine);
        } else if has_row || !self.at.contains_key(&goroutine) {
            let at = self.at_transition(event, &transition, sink)?;
            self.at.insert(goroutine, at);
        }
        Ok(())
    }

    fn at_transition(
        &mut self,
        event: &Event<'_>,
        transition: &GoroutineTransition<'_>,
        sink: &mut impl TableSink,
    ) -> io::Result<At> {
        let is_on_thread = matches!(transition.to, GoroutineState::Running | GoroutineState::Syscall);
        let thread = event.thread().filter(|_| is_on_thread).map(|thread| thread.0);
        let Some(stack) = transition.stack else { return Ok(At { thread, stack: None }) };
        if let Some(&known) = self.ids.get(&stack.id()) {
            return Ok(At { thread, stack: Some(known) });
        }
        let id = content(stack);
        self.ids.insert(stack.id(), id);
        if self.written.len() == MOST {
            self.written.clear();
        }
        if self.written.insert(id) {
            self.rows(stack, id, sink)?;
        }
        Ok(At { thread, stack: Some(id) })
    }

    /// Functions and files as events have them.
    fn rows(&self, stack: Stack<'_>, id: u64, sink: &mut impl TableSink) -> io::Result<()> {
        let id = hexadecimal(id);
        for (depth, frame) in (0..).zip(stack.frames()) {
            let function = self.sanitizer.text(frame.function.as_bytes());
            let file = self.sanitizer.text(frame.file.as_bytes());
            let cells = [
                Cell::Text(&id),
                Cell::Integer(depth),
                Cell::Text(&function),
                Cell::Text(&file),
                Cell::Integer(i64::try_from(frame.line).unwrap_or(i64::MAX)),
            ];
            sink.row(Table::Stacks, &cells)?;
        }
        Ok(())
    }

    /// The numbers of goroutines of the next process are its own.
    pub(super) fn end_process(&mut self) {
        self.ids.clear();
        self.at.clear();
    }
}

/// As columns have it.
pub(super) fn hexadecimal(stack: u64) -> String {
    format!("{stack:016x}")
}

/// A number that equal stacks have in common, in all generations, processes and files.
fn content(stack: Stack<'_>) -> u64 {
    let mut bytes = Vec::new();
    for frame in stack.frames() {
        let (function, file) = (frame.function.as_bytes(), frame.file.as_bytes());
        // Go 1.6 and older have no names.
        let place = if function.is_empty() { frame.pc } else { frame.line };
        for part in [function, file, &place.to_le_bytes()] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
    }
    XxHash3_128::oneshot(&bytes) as u64
}
