//! From a query to a text that is it.

use core::fmt::{self, Write};

use super::{Comparison, Condition, Number, Order, Pattern, Query, TextOperator, field::Field, parse::UNITS};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |condition| condition.fmt(f))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(conditions) => joined(conditions, " ", f),
            Self::Any(conditions) => joined(conditions, " or ", f),
            Self::Not(condition) => {
                f.write_str("not ")?;
                condition.inner(f)
            }
            Self::Is(comparison) => comparison.fmt(f),
        }
    }
}

impl Condition {
    /// As a part of another one.
    fn inner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) | Self::Any(_) => write!(f, "({self})"),
            Self::Not(_) | Self::Is(_) => fmt::Display::fmt(self, f),
        }
    }
}

fn joined(conditions: &[Condition], between: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, condition) in conditions.iter().enumerate() {
        if place > 0 {
            f.write_str(between)?;
        }
        condition.inner(f)?;
    }
    Ok(())
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        field(&self.field(), f)?;
        match self {
            Self::Text(_, operator, pattern) | Self::AttributeText(_, operator, pattern) => {
                f.write_str(operator.written(pattern))?;
                value(pattern.text(), f)
            }
            Self::Time(_, order, nanoseconds) => write!(f, "{order}{}", Duration(*nanoseconds)),
            Self::Goroutine(order, number) => write!(f, "{order}{number}"),
            Self::AttributeNumber(_, order, Number::Plain(number)) => write!(f, "{order}{number}"),
            Self::AttributeNumber(_, order, Number::Nanoseconds(nanoseconds)) => {
                write!(f, "{order}{}", Duration(*nanoseconds))
            }
        }
    }
}

impl TextOperator {
    fn written(self, pattern: &Pattern) -> &'static str {
        match (self, pattern.is_part()) {
            (Self::Matches, false) => "=",
            (Self::Differs, false) => "!=",
            (Self::Matches, true) => "~",
            (Self::Differs, true) => "!~",
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

/// A duration in the largest unit up to seconds of which it is a whole number.
struct Duration(u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = UNITS.into_iter().filter(|(name, _)| ["s", "ms", "us"].contains(name));
        let whole = units.filter(|(_, unit)| self.0 > 0 && self.0 % unit == 0).max_by_key(|&(_, unit)| unit);
        let (name, unit) = whole.unwrap_or(("ns", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

/// A field: an attribute in quotes where it could be taken for something else.
fn field(field: &Field, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match field {
        Field::Attribute(key) if !is_word(key) || !key.contains('.') || Field::named(key).is_some() => {
            quoted(key, f)
        }
        field => f.write_str(field.name()),
    }
}

/// A value: in quotes unless it is a plain word.
fn value(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_word(text) { f.write_str(text) } else { quoted(text, f) }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "._-/*{}:".contains(c))
}

fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(character)?;
    }
    f.write_char('"')
}
