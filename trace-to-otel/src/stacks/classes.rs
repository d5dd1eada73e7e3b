//! The classes of a generation's stacks, each found out once, and looked up without hashing.

use std::{collections::HashMap, sync::Arc};

use go_trace_format::{Stack, event::StackId};

use crate::stacks::{
    class::{Class, Classifier, Verdict},
    entries::Handler,
};

/// Ids of stacks are counted up. Below this one, they are looked up in a table.
const MOST_IN_TABLE: usize = 1 << 16;

/// What is known of a stack: the number of its class, or one of those below.
type Number = u32;

const UNKNOWN: Number = 0;
const NOTHING: Number = 1;
const CUT: Number = 2;
const FIRST: Number = 3;

/// What a stack says, or that it says nothing.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Nothing,
    Cut,
    Something(Arc<Class>),
}

/// The classes of the generation under way.
#[derive(Debug)]
pub(crate) struct Classes {
    classifier: Classifier,
    table: Vec<Number>,
    /// Those whose ids are too large for the table.
    others: HashMap<StackId, Number, foldhash::fast::RandomState>,
    classes: Vec<Arc<Class>>,
}

impl Classes {
    /// Functions that the user wants to see as operations are given by their names.
    pub(crate) fn new(functions: &[Arc<str>]) -> Self {
        Self {
            classifier: Classifier::new(functions),
            table: Vec::new(),
            others: HashMap::default(),
            classes: Vec::new(),
        }
    }

    /// Stacks of the next generation have ids of their own.
    pub(crate) fn begin_generation(&mut self) {
        self.table.clear();
        self.others.clear();
        self.classes.clear();
    }

    /// Whether a stack is known to say nothing of an operation.
    #[inline]
    pub(crate) fn is_nothing(&self, id: StackId) -> bool {
        self.table.get(id.0 as usize) == Some(&NOTHING)
    }

    pub(crate) fn of(&mut self, stack: Stack<'_>) -> Said {
        let number = match self.known(stack.id()) {
            UNKNOWN => self.find_out(stack),
            known => known,
        };
        match number {
            NOTHING => Said::Nothing,
            CUT => Said::Cut,
            _ => match self.classes.get((number - FIRST) as usize) {
                Some(class) => Said::Something(Arc::clone(class)),
                None => Said::Nothing,
            },
        }
    }

    /// What a goroutine that begins with this stack serves, if it is created for one request.
    pub(crate) fn handler_started_by(&mut self, stack: Stack<'_>) -> Option<Handler> {
        self.classifier.handler_started_by(stack.frames())
    }

    fn known(&self, id: StackId) -> Number {
        match self.table.get(id.0 as usize) {
            Some(&number) => number,
            None => self.others.get(&id).copied().unwrap_or(UNKNOWN),
        }
    }

    #[cold]
    fn find_out(&mut self, stack: Stack<'_>) -> Number {
        let number = match self.classifier.classify(stack.frames()) {
            Verdict::Nothing => NOTHING,
            Verdict::Cut => CUT,
            Verdict::Something(class) => {
                self.classes.push(Arc::from(class));
                FIRST + (self.classes.len() - 1) as Number
            }
        };
        let index = stack.id().0 as usize;
        if index < MOST_IN_TABLE {
            if index >= self.table.len() {
                self.table.resize(index + 1, UNKNOWN);
            }
            self.table[index] = number;
        } else {
            self.others.insert(stack.id(), number);
        }
        number
    }
}
