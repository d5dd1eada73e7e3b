//! Texts that are written once and go by numbers from then on: `InternedData`.

use std::{collections::HashMap, mem::take};

use super::messages::{InternedData, InternedText};

/// The texts that readers of the file know by now.
#[derive(Debug, Default)]
pub(super) struct Texts {
    categories: Interner,
    names: Interner,
    keys: Interner,
    values: Interner,
}

impl Texts {
    pub(super) fn category(&mut self, text: &str) -> Option<u64> {
        self.categories.number(text)
    }

    pub(super) fn name(&mut self, text: &str) -> Option<u64> {
        self.names.number(text)
    }

    pub(super) fn key(&mut self, text: &str) -> Option<u64> {
        self.keys.number(text)
    }

    pub(super) fn value(&mut self, text: &str) -> Option<u64> {
        self.values.number(text)
    }

    /// Whether it is time to begin anew: to remember more would take too much memory, here and in readers.
    pub(super) fn is_full(&self) -> bool {
        let Self { categories, names, keys, values } = self;
        [categories, names, keys, values].iter().any(|texts| texts.numbers.len() >= Interner::MOST)
    }

    /// What no packet has told yet, if anything.
    pub(super) fn take_new(&mut self) -> Option<InternedData> {
        let Self { categories, names, keys, values } = self;
        let all = [categories, names, keys, values];
        if all.iter().all(|texts| texts.new.is_empty()) {
            return None;
        }
        let [categories, names, keys, values] = all.map(|texts| take(&mut texts.new));
        Some(InternedData { categories, names, keys, values })
    }
}

/// Texts of one kind, numbered from 1.
#[derive(Debug, Default)]
struct Interner {
    numbers: HashMap<Box<str>, u64, foldhash::fast::RandomState>,
    /// Those that no packet has told yet.
    new: Vec<InternedText>,
}

impl Interner {
    const MOST: usize = 1 << 14;
    /// Longer ones are written out, as they hardly come again.
    const LONGEST: usize = 256;

    fn number(&mut self, text: &str) -> Option<u64> {
        if let Some(&number) = self.numbers.get(text) {
            return Some(number);
        }
        if text.len() > Self::LONGEST {
            return None;
        }
        let number = self.numbers.len() as u64 + 1;
        self.numbers.insert(text.into(), number);
        self.new.push(InternedText { number, text: text.to_owned() });
        Some(number)
    }
}
