//! The `baggage` header: W3C Baggage, section "Baggage HTTP Header Format" ([rule T4](crate#the-rules)).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::blanks::trim;

mod percent;

/// Name and value pairs of the application that travel with a request, each with optional properties.
///
/// Members are kept as they arrived, without the blanks around their parts, so that handing baggage on changes nothing
/// in it; [`BaggageMember::value`] decodes on demand. There are never more than 64 members or 8192 bytes, the amount
/// that every participant has to hand on ([rule T4](crate#the-rules)).
///
/// ```
/// use go_trace_context::Baggage;
///
/// let mut baggage = Baggage::from_headers(["userId = Am%C3%A9lie ; ttl=5", "bad key=1,isProduction=false"]).baggage;
/// assert_eq!(baggage.get("userId").as_deref(), Some("Amélie"));
/// assert_eq!(baggage.len(), 2);
///
/// baggage.set("serverNode", "DF 28")?;
/// assert_eq!(baggage.to_string(), "userId=Am%C3%A9lie;ttl=5,isProduction=false,serverNode=DF%2028");
/// # Ok::<(), go_trace_context::BaggageError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Baggage {
    members: Vec<BaggageMember>,
}

/// What [`Baggage::from_headers`] found: the members that could be read, and how many could not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedBaggage {
    /// The valid members that fit.
    pub baggage: Baggage,
    /// How many members were left out because the grammar does not allow them.
    pub invalid_members: usize,
    /// How many valid members were left out because they would have made more than 64 members or 8192 bytes.
    pub excess_members: usize,
}

impl Baggage {
    /// How many members there can be.
    pub const MAX_MEMBERS: usize = 64;
    /// How many bytes the header value can have.
    pub const MAX_BYTES: usize = 8192;

    /// No members.
    pub const fn new() -> Self {
        Self { members: Vec::new() }
    }

    /// Reads the values of all `baggage` headers of a request, in the order in which they arrived ([rule T4](crate#the-rules)). An invalid
    /// member costs only itself; members without any text are skipped and not counted.
    pub fn from_headers<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> ReceivedBaggage {
        let mut received = ReceivedBaggage::default();
        for value in values {
            for text in value.as_ref().split(|byte| *byte == b',').map(trim) {
                if text.is_empty() {
                    continue;
                }
                let members = &mut received.baggage.members;
                match BaggageMember::parse(text) {
                    Err(_) => received.invalid_members += 1,
                    Ok(member) if has_room(members.iter(), &member) => members.push(member),
                    Ok(_) => received.excess_members += 1,
                }
            }
        }
        received
    }

    /// The decoded value of a key. Where a sender wrote a key twice, the last one counts, as it does in the
    /// OpenTelemetry SDKs; [`iter`](Self::iter) shows them all.
    pub fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        self.members.iter().rfind(|member| member.key() == key).map(BaggageMember::value)
    }

    /// Adds a member, or replaces all members that have its key.
    ///
    /// # Errors
    /// [`BaggageError`] where the key is not a token, or there is no room; nothing is changed then.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), BaggageError> {
        self.insert(BaggageMember::new(key, value)?)
    }

    /// Adds a member, or replaces all members that have its key.
    ///
    /// # Errors
    /// [`BaggageError::Full`] where there is no room; nothing is changed then.
    pub fn insert(&mut self, member: BaggageMember) -> Result<(), BaggageError> {
        let others = self.members.iter().filter(|known| known.key() != member.key());
        if !has_room(others, &member) {
            return Err(BaggageError::Full);
        }
        self.remove(member.key());
        self.members.push(member);
        Ok(())
    }

    /// Takes all members of a key out and returns how many there were.
    pub fn remove(&mut self, key: &str) -> usize {
        let before = self.members.len();
        self.members.retain(|member| member.key() != key);
        before - self.members.len()
    }

    /// The members, in the order in which they arrived.
    pub fn iter(&self) -> core::slice::Iter<'_, BaggageMember> {
        self.members.iter()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// Whether one more member fits behind these, each of which is followed by a comma.
fn has_room<'a>(members: impl Iterator<Item = &'a BaggageMember>, more: &BaggageMember) -> bool {
    let (count, bytes) = members
        .fold((1, more.text.len()), |(count, bytes), member| (count + 1, bytes + member.text.len() + 1));
    count <= Baggage::MAX_MEMBERS && bytes <= Baggage::MAX_BYTES
}

impl<'a> IntoIterator for &'a Baggage {
    type Item = &'a BaggageMember;
    type IntoIter = core::slice::Iter<'a, BaggageMember>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The value of one header, without blanks; empty where there is no member, and then no header is to be sent.
impl fmt::Display for Baggage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            formatter.write_str(&member.text)?;
        }
        Ok(())
    }
}

/// One member of a [`Baggage`]: a key, a value, and properties that mean what sender and receiver agreed on.
///
/// ```
/// use go_trace_context::BaggageMember;
///
/// let member = BaggageMember::new("userId", "alice")?.with_property("ttl", Some("5"))?;
/// assert_eq!(member.to_string(), "userId=alice;ttl=5");
/// let property = member.properties().next();
/// assert_eq!(property, Some(("ttl", Some("5".into()))));
/// # Ok::<(), go_trace_context::BaggageError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaggageMember {
    /// As it is sent: valid by the grammar and without blanks.
    text: String,
}

impl BaggageMember {
    /// A member without properties. The value can be any text: what the grammar does not allow is percent-encoded.
    ///
    /// # Errors
    /// [`BaggageError`] where the key is not a token of HTTP. Keys are not encoded ([rule T4](crate#the-rules)).
    pub fn new(key: &str, value: &str) -> Result<Self, BaggageError> {
        check_key(key.as_bytes(), 0)?;
        Ok(Self { text: alloc::format!("{key}={}", percent::Encoded(value)) })
    }

    /// This member with one more property, whose value can be any text.
    ///
    /// # Errors
    /// [`BaggageError`] where the property's key is not a token of HTTP.
    pub fn with_property(mut self, key: &str, value: Option<&str>) -> Result<Self, BaggageError> {
        check_key(key.as_bytes(), 0)?;
        self.text.push(';');
        self.text.push_str(key);
        if let Some(value) = value {
            self.text.push_str(&alloc::format!("={}", percent::Encoded(value)));
        }
        Ok(self)
    }

    /// The key, which is never decoded ([rule T4](crate#the-rules)).
    pub fn key(&self) -> &str {
        self.pair().0
    }

    /// The value as it is sent, percent-encoded.
    pub fn raw_value(&self) -> &str {
        self.pair().1.unwrap_or_default()
    }

    /// The value, percent-decoded. Octets that are not UTF-8 become U+FFFD, and `+` stays a plus ([rule T4](crate#the-rules)).
    pub fn value(&self) -> Cow<'_, str> {
        percent::decode(self.raw_value())
    }

    /// The properties: keys, and decoded values where there are any.
    pub fn properties(&self) -> impl Iterator<Item = (&str, Option<Cow<'_, str>>)> + '_ {
        self.text.split(';').skip(1).map(split_pair).map(|(key, value)| (key, value.map(percent::decode)))
    }

    fn pair(&self) -> (&str, Option<&str>) {
        split_pair(self.text.split(';').next().unwrap_or_default())
    }

    fn parse(member: &[u8]) -> Result<Self, BaggageError> {
        let mut text = String::with_capacity(member.len());
        let mut offset = 0;
        for part in member.split(|byte| *byte == b';') {
            if offset > 0 {
                text.push(';');
            } else if !part.contains(&b'=') {
                return Err(BaggageError::NoEquals);
            }
            push_pair(&mut text, part, offset)?;
            offset += part.len() + 1;
        }
        Ok(Self { text })
    }
}

fn split_pair(pair: &str) -> (&str, Option<&str>) {
    match pair.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (pair, None),
    }
}

/// Checks one `key`, or `key=value`, and appends it without blanks. The value may contain further `=` ([rule T4](crate#the-rules)).
fn push_pair(text: &mut String, pair: &[u8], offset: usize) -> Result<(), BaggageError> {
    let equals = pair.iter().position(|byte| *byte == b'=');
    let key = trim(&pair[..equals.unwrap_or(pair.len())]);
    check_key(key, offset)?;
    text.extend(key.iter().copied().map(char::from));
    if let Some(equals) = equals {
        let value = trim(&pair[equals + 1..]);
        if !value.iter().copied().all(percent::is_octet) {
            return Err(BaggageError::ValueCharacter { offset: offset + equals + 1 });
        }
        text.push('=');
        text.extend(value.iter().copied().map(char::from));
    }
    Ok(())
}

/// A key is a token of RFC 7230.
fn check_key(key: &[u8], offset: usize) -> Result<(), BaggageError> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if key.is_empty() {
        return Err(BaggageError::EmptyKey { offset });
    }
    if key.iter().all(is_token) { Ok(()) } else { Err(BaggageError::KeyCharacter { offset }) }
}

impl fmt::Display for BaggageMember {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Reads one member, with blanks around its parts or without.
impl FromStr for BaggageMember {
    type Err = BaggageError;

    fn from_str(text: &str) -> Result<Self, BaggageError> {
        Self::parse(trim(text.as_bytes()))
    }
}

/// Why a text is not a member of a baggage, or a member cannot be added; offsets say at which byte of the member the
/// key or the value in question starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaggageError {
    /// A member needs a `=` between its key and its value.
    NoEquals,
    /// The key of a member or of a property is empty.
    EmptyKey {
        /// Where it should start.
        offset: usize,
    },
    /// A key has a byte that is not allowed in a token of HTTP.
    KeyCharacter {
        /// Where the key starts.
        offset: usize,
    },
    /// A value has a blank, a quote, a comma, a semicolon, a backslash, a control character or a byte beyond ASCII
    /// that is not percent-encoded.
    ValueCharacter {
        /// Where the value starts.
        offset: usize,
    },
    /// The member would make more than 64 members or 8192 bytes.
    Full,
}

impl fmt::Display for BaggageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEquals => formatter.write_str("the baggage member has no '=' between key and value"),
            Self::EmptyKey { offset } => {
                write!(formatter, "the key at byte {offset} of the baggage member is empty")
            }
            Self::KeyCharacter { offset } => write!(
                formatter,
                "the key at byte {offset} of the baggage member has a byte that no HTTP token has; keys are ASCII letters, \
                 digits and !#$%&'*+-.^_`|~"
            ),
            Self::ValueCharacter { offset } => write!(
                formatter,
                "the value at byte {offset} of the baggage member has a byte that has to be percent-encoded"
            ),
            Self::Full => formatter.write_str("the baggage would have more than 64 members or 8192 bytes"),
        }
    }
}

impl core::error::Error for BaggageError {}
