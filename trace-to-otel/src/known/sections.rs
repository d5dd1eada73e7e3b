//! The regions and operations that are open.

use std::collections::VecDeque;

use crate::{
    form::Form,
    known::{
        operations::OpenOperation,
        span::{OpenSpan, SectionKey},
        stacks::OpenCall,
    },
    near::Near,
    saved::{Input, Saved},
    span::Scope,
};

/// A region or an operation that is open: what the nests of goroutines are made of.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) span: Box<OpenSpan>,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Region,
    Operation(Box<OpenOperation>),
    /// An operation of which only stacks tell.
    Call(Box<OpenCall>),
}

impl What {
    /// What a section looks like that has not been seen to end.
    pub(crate) fn unfinished(&self) -> Option<Form> {
        match self {
            Self::Region => Some(Form::plain(Scope::Region)),
            Self::Operation(operation) => operation.form(),
            Self::Call(call) => Some(call.form()),
        }
    }
}

/// By key, and in the order in which they began.
///
/// Looked up several times for each span, put in order hardly ever: a tree would be slower at the former.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    by_key: Near<SectionKey, Section>,
    /// The oldest first, with some that have ended.
    order: VecDeque<SectionKey>,
}

impl Sections {
    /// Adds one that began after all others.
    pub(crate) fn insert(&mut self, key: SectionKey, section: Section) -> &mut Section {
        self.order.push_back(key);
        self.by_key.insert(key, section)
    }

    pub(crate) fn remove(&mut self, key: SectionKey) -> Option<Section> {
        const FEW: usize = 64;
        let section = self.by_key.remove(key)?;
        if self.order.back() == Some(&key) {
            self.order.pop_back();
        } else if self.order.len() > 2 * self.by_key.len() + FEW {
            self.order.retain(|&key| self.by_key.has(key));
        }
        Some(section)
    }

    #[inline]
    pub(crate) fn get(&self, key: SectionKey) -> Option<&Section> {
        self.by_key.get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: SectionKey) -> Option<&mut Section> {
        self.by_key.get_mut(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The oldest that are open. Those before them that have ended are looked at no second time.
    pub(crate) fn oldest(&mut self, most: usize) -> Vec<SectionKey> {
        self.by_key.first_of(&mut self.order, most)
    }

    /// All of them, the latest first.
    pub(crate) fn latest_first(&self) -> Vec<SectionKey> {
        self.latest(self.order.len()).map(|(key, _)| key).collect()
    }

    /// Those that are open of the `most` that began last, the latest first.
    pub(crate) fn latest(&self, most: usize) -> impl Iterator<Item = (SectionKey, &Section)> {
        let keys = self.order.iter().rev().take(most).copied();
        keys.filter_map(|key| Some((key, self.by_key.get(key)?)))
    }

    /// All of them with their keys, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SectionKey, &Section)> {
        self.by_key.iter()
    }

    /// All of them, in no order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Section> {
        self.by_key.values()
    }

    /// The same, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Section> {
        self.by_key.values_mut()
    }
}

impl Saved for Sections {
    fn save(&self, out: &mut Vec<u8>) {
        self.by_key.save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        let by_key: Near<SectionKey, Section> = Saved::load(input)?;
        let mut order: Vec<SectionKey> = by_key.iter().map(|(key, _)| key).collect();
        order.sort_unstable();
        Some(Self { by_key, order: order.into() })
    }
}

crate::saved::saved!(Section { span, what });
crate::saved::saved_enum!(What { 0 => Region, 1 => Operation(operation), 2 => Call(call) });
