//! The `tracestate` header: W3C Trace Context level 2, section "Tracestate Header" ([rule T3](crate#the-rules)).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::blanks::trim;

/// What the tracing systems of a trace want to hand on beside `traceparent`: up to 32 entries of a key and a value,
/// the most recently written first ([rule T3](crate#the-rules)).
///
/// ```
/// use go_trace_context::TraceState;
///
/// let mut state: TraceState = "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE".parse()?;
/// assert_eq!(state.get("congo"), Some("t61rcWkgMzE"));
///
/// state.set("congo", "b7ad6b7169203331")?;
/// assert_eq!(state.to_string(), "congo=b7ad6b7169203331,rojo=00f067aa0ba902b7");
/// # Ok::<(), go_trace_context::TraceStateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TraceState {
    entries: Vec<Entry>,
}

/// One entry in the form in which it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    text: String,
    key_length: usize,
}

impl TraceState {
    /// How many entries there can be.
    pub const MAX_ENTRIES: usize = 32;
    /// How long a key can be, and how long a value can be, in characters.
    pub const MAX_TEXT: usize = 256;
    /// How many characters every participant has to hand on; [`inject`](crate::inject()) sends no more.
    pub const SENT_CHARACTERS: usize = 512;
    /// Entries longer than this many characters are the first to go where there is no room for all.
    const LONG_ENTRY: usize = 128;

    /// No entries.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Reads the values of all `tracestate` headers of a request, in the order in which they arrived ([rule T3](crate#the-rules)): blanks
    /// around a member are not part of it, empty members do not count, and of several entries with one key the first
    /// is kept.
    ///
    /// ```
    /// use go_trace_context::TraceState;
    ///
    /// let state = TraceState::from_headers(["foo=1 ,, bar=2", "", "foo=3"])?;
    /// assert_eq!(state.to_string(), "foo=1,bar=2");
    /// # Ok::<(), go_trace_context::TraceStateError>(())
    /// ```
    ///
    /// # Errors
    /// [`TraceStateError`] where any member is invalid or there are more than 32. The whole `tracestate` is then to be
    /// discarded, and `traceparent` stays valid ([rule T2](crate#the-rules)).
    pub fn from_headers<V: AsRef<[u8]>>(
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, TraceStateError> {
        let mut state = Self::new();
        let mut member = 0;
        for value in values {
            for text in value.as_ref().split(|byte| *byte == b',').map(trim) {
                if text.is_empty() {
                    continue;
                }
                if member == Self::MAX_ENTRIES {
                    return Err(TraceStateError::TooManyMembers);
                }
                let entry =
                    Entry::parse(text).map_err(|problem| TraceStateError::Member { member, problem })?;
                if state.position(entry.key()).is_none() {
                    state.entries.push(entry);
                }
                member += 1;
            }
        }
        Ok(state)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.position(key).map(|at| self.entries[at].value())
    }

    /// Adds or updates an entry, which moves to the front, as the specification asks of whoever writes one. Where that
    /// makes 33 entries, the last one leaves: its key and value are returned.
    ///
    /// # Errors
    /// [`TraceStateError::Entry`] for a key or a value that the grammar does not allow; nothing is changed then.
    pub fn set(&mut self, key: &str, value: &str) -> Result<Option<(String, String)>, TraceStateError> {
        let entry = Entry::new(key, value).map_err(TraceStateError::Entry)?;
        self.remove(key);
        let evicted = if self.entries.len() == Self::MAX_ENTRIES { self.entries.pop() } else { None };
        self.entries.insert(0, entry);
        Ok(evicted.map(|entry| (entry.key().into(), entry.value().into())))
    }

    /// Takes an entry out and returns its value. Remove no entry of another system without need: it breaks that
    /// system's correlation.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.position(key)?;
        Some(self.entries.remove(at).value().into())
    }

    /// The entries, the most recently written first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> + ExactSizeIterator + '_ {
        self.entries.iter().map(|entry| (entry.key(), entry.value()))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many characters the header value has.
    pub fn characters(&self) -> usize {
        let commas = self.entries.len().saturating_sub(1);
        self.entries.iter().map(|entry| entry.text.len()).sum::<usize>() + commas
    }

    /// Drops whole entries until the header value has at most `characters`: entries longer than 128 characters first,
    /// the last of them before the others, then any entry from the end ([rule T3](crate#the-rules)). Returns how many were dropped.
    ///
    /// ```
    /// use go_trace_context::TraceState;
    ///
    /// let mut state = TraceState::from_headers([format!("a=1,b={},c=2", "x".repeat(200))])?;
    /// assert_eq!(state.shorten(100), 1);
    /// assert_eq!(state.to_string(), "a=1,c=2");
    /// # Ok::<(), go_trace_context::TraceStateError>(())
    /// ```
    pub fn shorten(&mut self, characters: usize) -> usize {
        let before = self.len();
        while self.characters() > characters {
            let long = self.entries.iter().rposition(|entry| entry.text.len() > Self::LONG_ENTRY);
            match long {
                Some(at) => drop(self.entries.remove(at)),
                None => drop(self.entries.pop()),
            }
        }
        before - self.len()
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key() == key)
    }
}

impl Entry {
    fn parse(member: &[u8]) -> Result<Self, EntryProblem> {
        let equals = member.iter().position(|byte| *byte == b'=').ok_or(EntryProblem::NoEquals)?;
        check_key(&member[..equals])?;
        check_value(&member[equals + 1..])?;
        // Both checks let ASCII pass only.
        let text = member.iter().copied().map(char::from).collect();
        Ok(Self { text, key_length: equals })
    }

    fn new(key: &str, value: &str) -> Result<Self, EntryProblem> {
        check_key(key.as_bytes())?;
        check_value(value.as_bytes())?;
        Ok(Self { text: alloc::format!("{key}={value}"), key_length: key.len() })
    }

    fn key(&self) -> &str {
        &self.text[..self.key_length]
    }

    fn value(&self) -> &str {
        &self.text[self.key_length + 1..]
    }
}

fn check_key(key: &[u8]) -> Result<(), EntryProblem> {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_later = |byte: &u8| is_first(byte) || b"_-*/@".contains(byte);
    match key {
        [] => Err(EntryProblem::EmptyKey),
        _ if key.len() > TraceState::MAX_TEXT => Err(EntryProblem::LongKey),
        [first, ..] if !is_first(first) => Err(EntryProblem::KeyCharacter { offset: 0 }),
        _ => match key.iter().position(|byte| !is_later(byte)) {
            Some(offset) => Err(EntryProblem::KeyCharacter { offset }),
            None => Ok(()),
        },
    }
}

fn check_value(value: &[u8]) -> Result<(), EntryProblem> {
    let is_allowed = |byte: &u8| matches!(byte, b' '..=b'~') && !b",=".contains(byte);
    match value {
        [] => Err(EntryProblem::EmptyValue),
        _ if value.len() > TraceState::MAX_TEXT => Err(EntryProblem::LongValue),
        [.., b' '] => Err(EntryProblem::ValueCharacter { offset: value.len() - 1 }),
        _ => match value.iter().position(|byte| !is_allowed(byte)) {
            Some(offset) => Err(EntryProblem::ValueCharacter { offset }),
            None => Ok(()),
        },
    }
}

/// Reads the value of a single header; [`TraceState::from_headers`] reads several.
impl FromStr for TraceState {
    type Err = TraceStateError;

    fn from_str(text: &str) -> Result<Self, TraceStateError> {
        Self::from_headers([text])
    }
}

/// The value of one header, without blanks; empty where there is no entry, and then no header is to be sent.
impl fmt::Display for TraceState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            formatter.write_str(&entry.text)?;
        }
        Ok(())
    }
}

/// Why a `tracestate` is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceStateError {
    /// There are more than 32 members.
    TooManyMembers,
    /// A received member is invalid.
    Member {
        /// Which one, counted from 0 over all headers without the empty members.
        member: usize,
        /// What is wrong with it.
        problem: EntryProblem,
    },
    /// The key or the value that was to be set is invalid.
    Entry(EntryProblem),
}

/// What is wrong with one entry of a `tracestate`; offsets count bytes from the start of the key or of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryProblem {
    /// There is no `=` between a key and a value.
    NoEquals,
    /// The key is empty.
    EmptyKey,
    /// The key has more than 256 characters.
    LongKey,
    /// A key starts with `a`–`z` or `0`–`9` and goes on with these and `_`, `-`, `*`, `/`, `@`.
    KeyCharacter {
        /// Where the first other byte is.
        offset: usize,
    },
    /// The value is empty.
    EmptyValue,
    /// The value has more than 256 characters.
    LongValue,
    /// A value has the characters from space to `~`, without `,` and `=` and without a space at its end.
    ValueCharacter {
        /// Where the first other byte is.
        offset: usize,
    },
}

impl fmt::Display for TraceStateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyMembers => formatter.write_str("the tracestate has more than 32 members"),
            Self::Member { member, problem } => {
                write!(formatter, "member {member} of the tracestate: {problem}")
            }
            Self::Entry(problem) => write!(formatter, "not an entry of a tracestate: {problem}"),
        }
    }
}

impl fmt::Display for EntryProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEquals => formatter.write_str("there is no '=' between key and value"),
            Self::EmptyKey => formatter.write_str("the key is empty"),
            Self::LongKey => formatter.write_str("the key has more than 256 characters"),
            Self::KeyCharacter { offset } => write!(
                formatter,
                "byte {offset} of the key is none of a-z, 0-9 and, from the second byte on, _ - * / @"
            ),
            Self::EmptyValue => formatter.write_str("the value is empty"),
            Self::LongValue => formatter.write_str("the value has more than 256 characters"),
            Self::ValueCharacter { offset } => write!(
                formatter,
                "byte {offset} of the value is no printable ASCII character, or ',' or '=', or a space at the end"
            ),
        }
    }
}

impl core::error::Error for TraceStateError {}
