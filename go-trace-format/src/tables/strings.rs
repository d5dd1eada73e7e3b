//! The string table. Go: `internal/trace.addStrings`.

use core::fmt;
use std::borrow::Cow;

use nom::{IResult, Parser, bytes::complete::take, sequence::preceded};

use crate::{
    error::{Parse, Problem, Unread},
    id::StringId,
    spec::{EventType, MAX_STRING_SIZE},
    tables::{Place, for_each_record, id_table::IdTable, opens},
    wire::varint,
};

/// A text of the trace: a name, a message, a label.
///
/// Bytes as the program gave them: invalid UTF-8 and NUL happen. `Display` shows them lossily. A text is lost
/// where the string table that held it is: then it is empty, and says so.
///
/// ```
/// use go_trace_format::Text;
///
/// let name = Text::from("checkout");
/// assert_eq!(name, "checkout");
/// assert_eq!(name.to_str(), Ok("checkout"));
/// assert!(name < Text::from("payment"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'t>(Option<&'t [u8]>);

impl<'t> Text<'t> {
    pub(crate) fn new(bytes: Option<&'t [u8]>) -> Self {
        Self(bytes)
    }

    /// The bytes; none where the text is lost.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &'t [u8] {
        self.0.unwrap_or_default()
    }

    /// Whether the trace does not hold the text, because it is damaged or cut.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.is_none()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The text, if it is UTF-8.
    ///
    /// # Errors
    ///
    /// Where the first byte that is not stands.
    pub fn to_str(&self) -> Result<&'t str, core::str::Utf8Error> {
        core::str::from_utf8(self.as_bytes())
    }

    /// The text with U+FFFD for what is no UTF-8.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'t, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(_) => fmt::Debug::fmt(&self.to_string_lossy(), f),
            None => f.write_str("lost"),
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_string_lossy(), f)
    }
}

impl AsRef<[u8]> for Text<'_> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// A lost text equals none.
impl PartialEq<[u8]> for Text<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.0 == Some(other)
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == *other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl<'t> From<&'t str> for Text<'t> {
    fn from(text: &'t str) -> Self {
        Self(Some(text.as_bytes()))
    }
}

impl<'t> From<&'t [u8]> for Text<'t> {
    fn from(bytes: &'t [u8]) -> Self {
        Self(Some(bytes))
    }
}

/// The strings of a generation, as places in its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strings(IdTable);

/// One record of a strings batch: id, length, bytes.
fn record(input: &[u8]) -> IResult<&[u8], (u64, usize), Parse> {
    let (bytes, (id, length)) = preceded(opens(EventType::String), (varint, length)).parse(input)?;
    let (rest, _) = take(length).parse(bytes)?;
    Ok((rest, (id, length)))
}

fn length(input: &[u8]) -> IResult<&[u8], usize, Parse> {
    let (rest, length) = varint(input)?;
    match usize::try_from(length) {
        Ok(short) if short <= MAX_STRING_SIZE => Ok((rest, short)),
        _ => Err(nom::Err::Error(Parse::new(input, Problem::Length(length)))),
    }
}

impl Strings {
    /// Takes in the strings of a batch, whose body stands at `start` in the generation's bytes.
    pub(crate) fn add(&mut self, data: &[u8], start: usize) -> Result<(), Unread> {
        let table = &mut self.0;
        for_each_record(
            data,
            |input| {
                let (rest, (id, length)) = record(input)?;
                Ok((rest, (id, length, rest.len())))
            },
            |_, (id, length, left)| {
                table.insert(id, Place::new(start + data.len() - left - length, length));
            },
        )
    }

    /// Takes in a string that stands at a place in the generation's bytes.
    pub(crate) fn insert(&mut self, id: StringId, place: Place) {
        self.0.insert(id.0, place);
    }

    pub(crate) fn seal(&mut self, mut duplicate: impl FnMut(u64, usize)) {
        self.0.seal(|id, place| duplicate(id, place.start()));
    }

    /// Every id up to here is in the table.
    #[inline]
    pub(crate) fn complete(&self) -> u64 {
        self.0.complete()
    }

    #[inline]
    pub(crate) fn get(&self, id: StringId) -> Option<Place> {
        if id.0 == 0 { Some(Place::new(0, 0)) } else { self.0.get(id.0) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (StringId, Place)> {
        self.0.iter().map(|(id, place)| (StringId(id), place))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
