//! The rules of tasks, regions and other annotations, and what is remembered of them.
//!
//! Go: `internal/trace/order.go`, `advanceUser…`, `advanceAnnotation`.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    error::Violation,
    event::{StringId, Task, TaskId},
    order::{
        Advance, Order, Outcome, Step,
        names::{Name, Names},
        ranges::Ranges,
        require_user_code,
    },
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

    pub(super) fn forget(&mut self, id: u64) {
        self.active.remove(&id);
    }
}

/// The regions and ranges under way on goroutines that have any.
#[derive(Debug, Default)]
pub(crate) struct GoroutineNotes {
    notes: FastMap<i64, Notes>,
    /// Goroutines on which a region began in the running generation; some more than once.
    fresh: Vec<i64>,
}

#[derive(Clone, Debug, Default)]
struct Notes {
    ranges: Ranges,
    /// Innermost last.
    regions: Vec<ActiveRegion>,
    /// How many of the regions, from the outermost, have inherited names.
    inherited: usize,
}

#[derive(Clone, Copy, Debug)]
struct ActiveRegion {
    task: u64,
    name: Name,
}

impl GoroutineNotes {
    pub(super) fn forget(&mut self, goroutine: i64) {
        self.notes.remove(&goroutine);
    }

    pub(super) fn inherit(&mut self, names: &mut Names, tables: &Tables<'_>) {
        for id in self.fresh.drain(..) {
            let Some(notes) = self.notes.get_mut(&id) else { continue };
            for region in notes.regions.iter_mut().skip(notes.inherited) {
                region.name = names.inherit(region.name, tables);
            }
            notes.inherited = notes.regions.len();
        }
    }
}

impl Order {
    fn notes(&mut self, slot: u32) -> &mut Notes {
        self.goroutines.get_mut(slot).has_notes = true;
        self.notes.notes.entry(self.goroutines.id(slot)).or_default()
    }

    pub(super) fn goroutine_ranges(&mut self, slot: u32) -> &mut Ranges {
        &mut self.notes(slot).ranges
    }

    /// Ends every region of a goroutine, so that any region may end next.
    pub(super) fn forget_regions(&mut self, slot: u32) {
        let notes = self.notes(slot);
        notes.regions.clear();
        notes.inherited = 0;
    }

    /// `ProcsChange`, `GoLabel` and `UserLog`.
    #[inline]
    pub(super) fn annotation(&mut self, step: &mut Step<'_>) -> Outcome {
        if step.record.event_type == crate::EventType::ProcsChange {
            require_user_code(step)?;
        } else {
            self.require_annotated_code(step)?;
        }
        Ok(Advance::Done)
    }

    pub(super) fn task_begin(&mut self, step: &mut Step<'_>) -> Outcome {
        let (id, name) = (step.argument(0), step.argument(2));
        let parent = match TaskId(step.argument(1)) {
            TaskId::BACKGROUND => TaskId::NONE,
            parent => parent,
        };
        self.require_annotated_code(step)?;
        if step.tables.string(StringId(name)).is_lost() && !self.salvage {
            return Err(Violation::Unknown);
        }
        match self.tasks.active.entry(id) {
            Entry::Occupied(_) => return Err(Violation::AlreadyExists),
            Entry::Vacant(vacant) => {
                vacant.insert(ActiveTask { name: Name::Current(name), parent: parent.0 });
            }
        }
        self.tasks.fresh.push(id);
        step.record.arguments[1] = parent.0;
        Ok(Advance::Done)
    }

    pub(super) fn task_end(&mut self, step: &mut Step<'_>) -> Outcome {
        self.require_annotated_code(step)?;
        let task = self.tasks.active.remove(&step.argument(0));
        // Parent and name of the beginning go behind the arguments.
        let (parent, name) = match task {
            None => (TaskId::NONE.0, 0),
            Some(ActiveTask { parent, name: Name::Current(id) }) => (parent, id),
            Some(ActiveTask { parent, name: Name::Inherited(index) }) => {
                (parent, Task::inherited_name(index as usize))
            }
        };
        step.record.arguments[2] = parent;
        step.record.arguments[3] = name;
        Ok(Advance::Done)
    }

    pub(super) fn region_begin(&mut self, step: &mut Step<'_>) -> Outcome {
        let Some((slot, task, name)) = self.region(step)? else { return Ok(Advance::Done) };
        self.notes(slot).regions.push(ActiveRegion { task, name: Name::Current(name) });
        let id = self.goroutines.id(slot);
        self.notes.fresh.push(id);
        Ok(Advance::Done)
    }

    pub(super) fn region_end(&mut self, step: &mut Step<'_>) -> Outcome {
        let Some((slot, task, name)) = self.region(step)? else { return Ok(Advance::Done) };
        let Some(&innermost) = self.notes(slot).regions.last() else {
            // It began before the trace did.
            return Ok(Advance::Done);
        };
        let names_agree = innermost.name == Name::Current(name)
            || self.names.bytes(innermost.name, step.tables) == step.tables.string(StringId(name)).as_bytes();
        if innermost.task != task || !names_agree {
            return Err(Violation::RegionMismatch);
        }
        let notes = self.notes(slot);
        notes.regions.pop();
        notes.inherited = notes.inherited.min(notes.regions.len());
        Ok(Advance::Done)
    }

    /// The goroutine that a region is on, with the region's task and name; `None` where the fork's filters
    /// left the goroutine out.
    fn region(&mut self, step: &Step<'_>) -> Result<Option<(u32, u64, u64)>, Violation> {
        self.require_annotated_code(step)?;
        let (task, name) = (step.argument(0), step.argument(1));
        if step.tables.string(StringId(name)).is_lost() && !self.salvage {
            return Err(Violation::Unknown);
        }
        let lenient = self.lenient;
        match self.current_goroutine() {
            Some((slot, _)) => Ok(Some((slot, task, name))),
            None if lenient => Ok(None),
            None => Err(Violation::Unknown),
        }
    }
}
