//! The rules of tasks, regions and other annotations, and what is remembered of them.
//!
//! Go: `internal/trace/order.go`, `advanceUser…`, `advanceAnnotation`.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    error::Violation,
    event::Record,
    id::{StringId, TaskId},
    order::{
        Order, Outcome, Step,
        names::{Name, Names},
        ranges::Ranges,
        require_user_code,
    },
    spec::EventType,
    tables::Tables,
};

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The tasks that have begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    active: FastMap<u64, ActiveTask>,
    /// Those that began in the running generation.
    fresh: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct ActiveTask {
    name: Name,
    parent: u64,
}

impl Tasks {
    pub(super) fn inherit(&mut self, names: &mut Names, tables: &Tables<'_>) {
        for id in self.fresh.drain(..) {
            if let Some(task) = self.active.get_mut(&id) {
                task.name = names.inherit(task.name, tables);
            }
        }
    }

    /// The names of the tasks that are open.
    pub(super) fn names_mut(&mut self) -> impl Iterator<Item = &mut Name> {
        self.active.values_mut().map(|task| &mut task.name)
    }

    pub(super) fn forget(&mut self, id: u64) {
        self.active.remove(&id);
    }

    /// The task of an event begins, and is not open.
    fn begin(&mut self, record: &mut Record) -> Result<(), Violation> {
        let [id, parent, name, _] = record.arguments;
        let parent = match TaskId(parent) {
            TaskId::BACKGROUND => TaskId::NONE,
            parent => parent,
        };
        match self.active.entry(id) {
            Entry::Occupied(_) => return Err(Violation::AlreadyExists),
            Entry::Vacant(vacant) => {
                vacant.insert(ActiveTask { name: Name::Current(name), parent: parent.0 });
            }
        }
        self.fresh.push(id);
        record.arguments[1] = parent.0;
        Ok(())
    }

    /// The task of an event ends: parent and name of its beginning go behind the arguments.
    fn end(&mut self, record: &mut Record) {
        let task = self.active.remove(&record.arguments[0]);
        let ActiveTask { parent, name } =
            task.unwrap_or(ActiveTask { name: Name::Current(0), parent: TaskId::NONE.0 });
        record.arguments[2] = parent;
        (record.arguments[3], record.is_name_inherited) = match name {
            Name::Current(id) => (id, false),
            Name::Inherited(index) => (u64::from(index), true),
        };
    }
}

/// The regions and ranges under way on goroutines that ever had any.
#[derive(Debug, Default)]
pub(crate) struct GoroutineNotes {
    notes: Vec<Notes>,
    free: Vec<NotesIndex>,
    /// Those to which regions were added in the running generation; some more than once.
    fresh: Vec<NotesIndex>,
}

/// Where a goroutine's notes are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotesIndex(u32);

#[derive(Clone, Debug, Default)]
struct Notes {
    ranges: Ranges,
    /// Innermost last.
    regions: Vec<ActiveRegion>,
    /// How many of the regions, from the outermost, have inherited names.
    inherited: usize,
}

impl Notes {
    fn clear_regions(&mut self) {
        self.regions.clear();
        self.inherited = 0;
    }

    /// Empties the notes for another goroutine.
    fn clear(&mut self) {
        self.ranges.clear();
        self.clear_regions();
    }
}

#[derive(Clone, Copy, Debug)]
struct ActiveRegion {
    task: u64,
    name: Name,
}

impl GoroutineNotes {
    fn insert(&mut self) -> NotesIndex {
        self.free.pop().unwrap_or_else(|| {
            self.notes.push(Notes::default());
            NotesIndex(self.notes.len() as u32 - 1)
        })
    }

    fn get_mut(&mut self, index: NotesIndex) -> &mut Notes {
        &mut self.notes[index.0 as usize]
    }

    /// The ranges under way on a goroutine.
    #[cfg(feature = "write")]
    pub(super) fn ranges(&self, index: NotesIndex) -> &Ranges {
        &self.notes[index.0 as usize].ranges
    }

    /// The names of the regions that are open.
    pub(super) fn names_mut(&mut self) -> impl Iterator<Item = &mut Name> {
        self.notes.iter_mut().flat_map(|notes| &mut notes.regions).map(|region| &mut region.name)
    }

    pub(super) fn remove(&mut self, index: NotesIndex) {
        self.get_mut(index).clear();
        self.free.push(index);
    }

    pub(super) fn inherit(&mut self, names: &mut Names, tables: &Tables<'_>) {
        for index in self.fresh.drain(..) {
            let notes = &mut self.notes[index.0 as usize];
            for region in notes.regions.iter_mut().skip(notes.inherited) {
                region.name = names.inherit(region.name, tables);
            }
            notes.inherited = notes.regions.len();
        }
    }
}

impl Order {
    /// Where the notes of a goroutine are, which are made where it has none.
    fn notes_index(&mut self, slot: u32) -> NotesIndex {
        *self.goroutines.get_mut(slot).notes.get_or_insert_with(|| self.notes.insert())
    }

    pub(super) fn goroutine_ranges(&mut self, slot: u32) -> &mut Ranges {
        let index = self.notes_index(slot);
        &mut self.notes.get_mut(index).ranges
    }

    /// Ends every region of a goroutine, so that any region may end next.
    pub(super) fn forget_regions(&mut self, slot: u32) {
        let index = self.notes_index(slot);
        self.notes.get_mut(index).clear_regions();
    }

    /// `ProcsChange`, `GoLabel` and `UserLog`.
    #[inline]
    pub(super) fn annotation(&mut self, step: &mut Step<'_>) -> Outcome {
        if step.record.event_type == EventType::ProcsChange {
            require_user_code(step)?;
        } else {
            self.require_annotated_code(step)?;
            self.lose_sight();
        }
        Ok(())
    }

    pub(super) fn task_begin(&mut self, step: &mut Step<'_>) -> Outcome {
        self.require_annotated_code(step)?;
        if step.tables.strings.get(StringId(step.argument(2))).is_none() && !self.salvage {
            return Err(Violation::Unknown.into());
        }
        self.tasks.begin(step.record)?;
        self.lose_sight();
        Ok(())
    }

    pub(super) fn task_end(&mut self, step: &mut Step<'_>) -> Outcome {
        self.require_annotated_code(step)?;
        self.tasks.end(step.record);
        self.lose_sight();
        Ok(())
    }

    /// Writes into an event of a task what the events before it tell of that, wherever it happened: of a damaged trace, too.
    pub(crate) fn tell_task(&mut self, record: &mut Record) {
        match record.event_type {
            EventType::UserTaskBegin => {
                self.tasks.forget(record.arguments[0]);
                // Nothing else is in its way.
                _ = self.tasks.begin(record);
            }
            EventType::UserTaskEnd => self.tasks.end(record),
            _ => {}
        }
    }

    pub(super) fn region_begin(&mut self, step: &mut Step<'_>) -> Outcome {
        let Some((slot, task, name)) = self.region(step)? else { return Ok(()) };
        let index = self.notes_index(slot);
        self.notes.get_mut(index).regions.push(ActiveRegion { task, name: Name::Current(name) });
        self.notes.fresh.push(index);
        Ok(())
    }

    pub(super) fn region_end(&mut self, step: &mut Step<'_>) -> Outcome {
        let Some((slot, task, name)) = self.region(step)? else { return Ok(()) };
        let index = self.notes_index(slot);
        let Some(&innermost) = self.notes.get_mut(index).regions.last() else {
            // It began before the trace did.
            return Ok(());
        };
        let names_agree = innermost.name == Name::Current(name)
            || self.names.bytes(innermost.name, step.tables) == step.tables.string(StringId(name)).as_bytes();
        if innermost.task != task || !names_agree {
            return Err(Violation::RegionMismatch.into());
        }
        let notes = self.notes.get_mut(index);
        notes.regions.pop();
        notes.inherited = notes.inherited.min(notes.regions.len());
        Ok(())
    }

    /// The goroutine that a region is on, with the region's task and name; `None` where regions cannot be told
    /// apart by goroutine.
    fn region(&mut self, step: &Step<'_>) -> Result<Option<(u32, u64, u64)>, Violation> {
        self.require_annotated_code(step)?;
        let (task, name) = (step.argument(0), step.argument(1));
        if step.tables.strings.get(StringId(name)).is_none() && !self.salvage {
            return Err(Violation::Unknown);
        }
        if self.unscheduled {
            self.lose_sight();
            return Ok(None);
        }
        let (slot, _) = self.current_goroutine().ok_or(Violation::Unknown)?;
        Ok(Some((slot, task, name)))
    }
}
