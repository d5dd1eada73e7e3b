//! The tables of a generation that is being written: strings and stacks that get an id once.

use std::collections::{HashMap, hash_map::Entry};

use foldhash::fast::RandomState;

use crate::{
    id::{StackId, StringId},
    spec::{EventType, MAX_FRAMES_PER_STACK, MAX_STRING_SIZE},
    tables::{Frame, Text},
    write::{Body, RawRecord, WriteError, record::Format},
};

impl<'t> Frame<'t> {
    /// A frame to be [written](crate::write::GenerationWriter::stack).
    #[must_use]
    pub fn new(pc: u64, function: &'t [u8], file: &'t [u8], line: u64) -> Self {
        Self { pc, function: Text::from(function), file: Text::from(file), line }
    }
}

/// The records of a table, in as many batches as they need.
#[derive(Debug)]
pub(super) struct Table {
    opening: EventType,
    format: Format,
    pub(super) bodies: Vec<Body>,
}

impl Table {
    pub(super) fn new(opening: EventType, format: Format) -> Self {
        Self { opening, format, bodies: Vec::new() }
    }

    pub(super) fn push(&mut self, record: &RawRecord<'_>) -> Result<(), WriteError> {
        if let Some(body) = self.bodies.last_mut() {
            match body.push(record) {
                Err(WriteError::BatchTooLarge { .. }) => {}
                done => return done,
            }
        }
        let mut body = Body::with_format(self.format);
        body.push(&RawRecord::Plain { event_type: self.opening, arguments: &[] })?;
        body.push(record)?;
        self.bodies.push(body);
        Ok(())
    }
}

/// Strings and stacks by content, and their records.
#[derive(Debug)]
pub(super) struct TableWriter {
    string_ids: HashMap<Box<[u8]>, StringId, RandomState>,
    stack_ids: HashMap<Box<[u64]>, StackId, RandomState>,
    frames: HashMap<u64, [u64; 3], RandomState>,
    pub(super) strings: Table,
    pub(super) stacks: Table,
}

impl TableWriter {
    pub(super) fn new(format: Format) -> Self {
        Self {
            string_ids: HashMap::default(),
            stack_ids: HashMap::default(),
            frames: HashMap::default(),
            strings: Table::new(EventType::Strings, format),
            stacks: Table::new(EventType::Stacks, format),
        }
    }

    pub(super) fn holds_string(&self, id: u64) -> bool {
        id <= self.string_ids.len() as u64
    }

    pub(super) fn holds_stack(&self, id: u64) -> bool {
        id <= self.stack_ids.len() as u64
    }

    pub(super) fn string(&mut self, text: &[u8]) -> Result<StringId, WriteError> {
        if text.is_empty() {
            return Ok(StringId(0));
        }
        if let Some(&id) = self.string_ids.get(text) {
            return Ok(id);
        }
        if text.len() > MAX_STRING_SIZE {
            return Err(WriteError::StringTooLong { length: text.len() });
        }
        let id = StringId(self.string_ids.len() as u64 + 1);
        self.strings.push(&RawRecord::String { id: id.0, text })?;
        self.string_ids.insert(text.into(), id);
        Ok(id)
    }

    pub(super) fn stack<'f>(
        &mut self,
        frames: impl IntoIterator<Item = Frame<'f>>,
    ) -> Result<StackId, WriteError> {
        let mut records = Vec::new();
        for frame in frames {
            if records.len() == MAX_FRAMES_PER_STACK {
                return Err(WriteError::StackTooDeep);
            }
            records.push(self.frame(&frame)?);
        }
        if records.is_empty() {
            return Ok(StackId(0));
        }
        let id = StackId(self.stack_ids.len() as u64 + 1);
        // A frame is known by its program counter, so a stack is by theirs.
        match self.stack_ids.entry(records.iter().map(|record| record[0]).collect()) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(place) => {
                self.stacks.push(&RawRecord::Stack { id: id.0, frames: &records })?;
                Ok(*place.insert(id))
            }
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<[u64; 4], WriteError> {
        let function = self.string(frame.function.as_bytes())?.0;
        let file = self.string(frame.file.as_bytes())?.0;
        let record = [function, file, frame.line];
        match *self.frames.entry(frame.pc).or_insert(record) {
            first if first == record => Ok([frame.pc, function, file, frame.line]),
            _ => Err(WriteError::ConflictingFrame { pc: frame.pc }),
        }
    }
}
