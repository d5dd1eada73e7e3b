//! The 64-bit fold of a trace id (Identity in the mapping of Go traces): the high half XOR the low half, which is all
//! that a recorder with room for 64 bits keeps of a 128-bit id.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use core::fmt;
use core::num::{NonZeroU64, NonZeroUsize};

use crate::id::TraceId;

/// The high half of a trace id XOR its low half, never 0: many ids fold to 0 and a recorder writes 0 for "none", so a 0
/// joins nothing.
///
/// ```
/// use go_trace_context::{Fold, TraceId};
///
/// let id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse()?;
/// let fold = Fold::of(id).expect("the halves differ");
/// assert_eq!(fold.get(), 0x0af7_6519_16cd_43dd ^ 0x8448_eb21_1c80_319c);
///
/// // Two processes that know only the fold still meet in one trace.
/// let stand_in = fold.stand_in();
/// assert_eq!(Fold::of(stand_in), Some(fold));
/// assert!(Fold::is_stand_in(stand_in));
/// # Ok::<(), go_trace_context::ParseIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fold(NonZeroU64);

/// The high half of every stand-in: the ASCII text `gotrace` and a zero, so that a person sees what it is.
const STAND_IN: u64 = u64::from_be_bytes(*b"gotrace\0");

impl Fold {
    /// A fold as a recorder wrote it; `None` for 0.
    pub const fn from_u64(value: u64) -> Option<Self> {
        match NonZeroU64::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The fold of a full id; `None` where both halves are the same.
    pub const fn of(id: TraceId) -> Option<Self> {
        let [high, low] = halves(id);
        Self::from_u64(high ^ low)
    }

    /// The number itself, never 0.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// A trace id that stands in for the unknown full one: the same for the same fold in every process and every run,
    /// different for different folds, and folding back to this fold. [`FoldIndex::resolve`] finds the real id where
    /// some input knows it.
    pub const fn stand_in(self) -> TraceId {
        let [high, low] = [STAND_IN as u128, (STAND_IN ^ self.get()) as u128];
        // Never all zero: the high half is not.
        TraceId((high << 64 | low).to_be_bytes())
    }

    /// Whether an id was made by [`stand_in`](Self::stand_in).
    pub const fn is_stand_in(id: TraceId) -> bool {
        let [high, low] = halves(id);
        high == STAND_IN && low != STAND_IN
    }
}

const fn halves(id: TraceId) -> [u64; 2] {
    let value = id.as_u128();
    [(value >> 64) as u64, value as u64]
}

/// 16 lower-case hexadecimal digits.
impl fmt::Display for Fold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fold({self})")
    }
}

/// Finds the full trace id behind a fold, among the full ids that were seen.
///
/// Different ids can share a fold: that is reported and never overwritten silently, whatever the order of arrival.
///
/// Memory is bounded, by [`DEFAULT_LIMIT`](Self::DEFAULT_LIMIT) or [a limit of your own](Self::with_limit): where there
/// is no room for one more fold, the one whose ids were not inserted for the longest time is forgotten with all of
/// them, as if they had never been seen, and [counted](Self::evicted).
///
/// ```
/// use go_trace_context::{Fold, FoldIndex, Resolution, TraceId};
///
/// let full: TraceId = "0af7651916cd43dd8448eb211c80319c".parse()?;
/// let index: FoldIndex = [full].into_iter().collect();
/// let fold = Fold::of(full).expect("the halves differ");
/// assert_eq!(index.resolve(fold), Resolution::Known(full));
/// # Ok::<(), go_trace_context::ParseIdError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FoldIndex {
    known: BTreeMap<Fold, Known>,
    /// The same folds by the turn of their last insertion, which is the order in which they leave.
    turns: BTreeMap<u64, Fold>,
    /// The turn of the next insertion.
    turn: u64,
    limit: NonZeroUsize,
    evicted: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    found: Found,
    turn: u64,
}

/// What is known of one fold. A third id changes nothing: two suffice to know that the fold does not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    One(TraceId),
    Several([TraceId; 2]),
}

/// What a [`FoldIndex`] knows of a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// No full id with this fold was seen.
    Unknown,
    /// Exactly one full id with this fold was seen.
    Known(TraceId),
    /// Several were seen, and nothing says which one is meant: the smallest two of them.
    Ambiguous([TraceId; 2]),
}

impl FoldIndex {
    /// How many folds an index knows unless told otherwise: 262,144, which take about 30 MB.
    pub const DEFAULT_LIMIT: NonZeroUsize = match NonZeroUsize::new(1 << 18) {
        Some(limit) => limit,
        None => NonZeroUsize::MIN,
    };

    /// An index that knows no id yet.
    pub const fn new() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }

    /// An index that knows no id yet, and never more folds than this.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use go_trace_context::{FoldIndex, TraceId};
    ///
    /// let mut index = FoldIndex::with_limit(NonZeroUsize::MIN);
    /// index.extend([1, 2].map(TraceId::from_u128).into_iter().flatten());
    /// assert_eq!((index.len(), index.evicted()), (1, 1));
    /// ```
    pub const fn with_limit(limit: NonZeroUsize) -> Self {
        Self { known: BTreeMap::new(), turns: BTreeMap::new(), turn: 0, limit, evicted: 0 }
    }

    /// Remembers a full id and says what its fold stands for from now on. A stand-in, and an id that folds to 0, are
    /// not remembered: they name nothing that a fold could be resolved to, and give [`Resolution::Unknown`].
    pub fn insert(&mut self, id: TraceId) -> Resolution {
        let Some(fold) = Fold::of(id).filter(|_| !Fold::is_stand_in(id)) else {
            return Resolution::Unknown;
        };
        let turn = self.turn;
        self.turn += 1;
        let found = match self.known.entry(fold) {
            Entry::Vacant(entry) => entry.insert(Known { found: Found::One(id), turn }).found,
            Entry::Occupied(mut entry) => {
                let found = entry.get().found.with(id);
                self.turns.remove(&entry.insert(Known { found, turn }).turn);
                found
            }
        };
        self.turns.insert(turn, fold);
        self.evict();
        found.into()
    }

    fn evict(&mut self) {
        if self.known.len() > self.limit.get() {
            let oldest = self.turns.pop_first().and_then(|(_, fold)| self.known.remove(&fold));
            self.evicted += u64::from(oldest.is_some());
        }
    }

    /// What a fold stands for.
    pub fn resolve(&self, fold: Fold) -> Resolution {
        self.known.get(&fold).map_or(Resolution::Unknown, |known| known.found.into())
    }

    /// The real id in place of a stand-in, where exactly one is known; any other id stays as it is.
    ///
    /// ```
    /// use go_trace_context::{Fold, FoldIndex, TraceId};
    ///
    /// let full: TraceId = "0af7651916cd43dd8448eb211c80319c".parse()?;
    /// let index: FoldIndex = [full].into_iter().collect();
    /// let stand_in = Fold::of(full).expect("the halves differ").stand_in();
    /// assert_eq!(index.replace(stand_in), full);
    /// # Ok::<(), go_trace_context::ParseIdError>(())
    /// ```
    pub fn replace(&self, id: TraceId) -> TraceId {
        match Fold::of(id).filter(|_| Fold::is_stand_in(id)).map(|fold| self.resolve(fold)) {
            Some(Resolution::Known(full)) => full,
            _ => id,
        }
    }

    /// How many folds are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no fold is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many folds were forgotten because there was no room for them. One that was forgotten, inserted again and
    /// forgotten again counts twice.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The folds that do not decide, with the smallest two ids of each, in ascending order.
    pub fn ambiguous(&self) -> impl Iterator<Item = (Fold, [TraceId; 2])> + '_ {
        self.known.iter().filter_map(|(fold, known)| match known.found {
            Found::One(_) => None,
            Found::Several(ids) => Some((*fold, ids)),
        })
    }
}

impl Default for FoldIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl Found {
    /// Keeps the smallest two ids, so that the order in which inputs arrive does not show.
    fn with(self, id: TraceId) -> Self {
        match self {
            Self::One(known) if known == id => self,
            Self::One(known) => Self::Several([known.min(id), known.max(id)]),
            Self::Several([first, second]) if id < second && id != first => {
                Self::Several([first.min(id), first.max(id)])
            }
            Self::Several(_) => self,
        }
    }
}

impl From<Found> for Resolution {
    fn from(found: Found) -> Self {
        match found {
            Found::One(id) => Self::Known(id),
            Found::Several(ids) => Self::Ambiguous(ids),
        }
    }
}

impl Extend<TraceId> for FoldIndex {
    fn extend<I: IntoIterator<Item = TraceId>>(&mut self, ids: I) {
        for id in ids {
            self.insert(id);
        }
    }
}

impl FromIterator<TraceId> for FoldIndex {
    fn from_iter<I: IntoIterator<Item = TraceId>>(ids: I) -> Self {
        let mut index = Self::new();
        index.extend(ids);
        index
    }
}
