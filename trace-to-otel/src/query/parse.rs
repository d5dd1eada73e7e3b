//! From a text to a query.

use core::{cmp::Reverse, ops::Range, str::FromStr};

use super::{
    Comparison, Condition, Number, Order, Pattern, Query, QueryError, Subject, TextOperator,
    field::{FIELDS, Field, TextField},
    lexer::{Lexer, Operator, Token, TokenKind},
};

/// What begins as fields of goroutines do is no attribute: none of spans does.
const GOROUTINE: &str = "goroutine.";

/// How deep conditions may be in one another.
const DEEPEST: usize = 64;

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let mut lexer = Lexer::new(text);
        let Some(next) = lexer.next()? else { return Ok(Self(None)) };
        let mut parser = Parser { lexer, next: Some(next), depth: 0, subject: None };
        let condition = parser.any()?;
        match parser.next {
            None => Ok(Self(Some(condition))),
            Some(token) => Err(parser.lexer.error(token.place, "no parenthesis is open here")),
        }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// What is looked at, and not taken yet.
    next: Option<Token>,
    depth: usize,
    /// What the query is about, by the first field that tells, and the name of that.
    subject: Option<(Subject, String)>,
}

impl Parser<'_> {
    /// Takes what is looked at.
    fn advance(&mut self) -> Result<Option<Token>, QueryError> {
        let after = self.lexer.next()?;
        Ok(core::mem::replace(&mut self.next, after))
    }

    /// Takes a word of the grammar's own, if it is what comes.
    fn takes(&mut self, keyword: &str) -> Result<bool, QueryError> {
        let is_it = self.is_at(keyword);
        if is_it {
            self.advance()?;
        }
        Ok(is_it)
    }

    fn is_at(&self, keyword: &str) -> bool {
        matches!(&self.next, Some(Token { kind: TokenKind::Word(word), .. }) if word == keyword)
    }

    fn any(&mut self) -> Result<Condition, QueryError> {
        let mut conditions = vec![self.all()?];
        while self.takes("or")? {
            conditions.push(self.all()?);
        }
        Ok(one_or(conditions, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, QueryError> {
        let mut conditions = vec![self.not()?];
        while self.takes("and")? || self.begins_condition() {
            conditions.push(self.not()?);
        }
        Ok(one_or(conditions, Condition::All))
    }

    fn begins_condition(&self) -> bool {
        match &self.next {
            None => false,
            Some(Token { kind: TokenKind::Close, .. }) => false,
            Some(_) => !self.is_at("or"),
        }
    }

    fn not(&mut self) -> Result<Condition, QueryError> {
        let Some(token) = self.advance()? else {
            return Err(self
                .lexer
                .error(self.lexer.end(), "a comparison has to follow, such as duration>50ms"));
        };
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.lexer.error(token.place, "conditions are nested too deep"));
        }
        let condition = match token.kind {
            TokenKind::Word(word) if word == "not" => Condition::Not(Box::new(self.not()?)),
            TokenKind::Word(word) if word == "and" || word == "or" => {
                return Err(self
                    .lexer
                    .error(token.place, format!("a comparison has to stand before this {word}")));
            }
            TokenKind::Word(word) => Condition::Is(self.comparison(&word, false, token.place)?),
            TokenKind::Quoted(key) => Condition::Is(self.comparison(&key, true, token.place)?),
            TokenKind::Open => self.parenthesis(token.place)?,
            TokenKind::Close => {
                return Err(self.lexer.error(token.place, "a comparison has to stand before this"));
            }
            TokenKind::Operator(_) => {
                return Err(self
                    .lexer
                    .error(token.place, "a field has to stand before this, such as name or duration"));
            }
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn parenthesis(&mut self, open: Range<usize>) -> Result<Condition, QueryError> {
        let condition = self.any()?;
        match self.advance()? {
            Some(Token { kind: TokenKind::Close, .. }) => Ok(condition),
            _ => Err(self.lexer.error(open, "this parenthesis is not closed")),
        }
    }

    fn comparison(
        &mut self,
        name: &str,
        is_quoted: bool,
        place: Range<usize>,
    ) -> Result<Comparison, QueryError> {
        let field = self.field(name, is_quoted, place.clone())?;
        self.is_about(&field, name, place.clone())?;
        let written = self.written(name, place.end)?;
        match field {
            Field::Text(field) => self.text(field, name, written),
            Field::Time(field) => {
                let (order, nanoseconds) = self.time(name, written)?;
                Ok(Comparison::Time(field, order, nanoseconds))
            }
            Field::Goroutine => self.goroutine(written),
            Field::Attribute(key) => self.attribute(key, written),
        }
    }

    /// A query is about spans, or about what goroutines did.
    fn is_about(&mut self, field: &Field, name: &str, place: Range<usize>) -> Result<(), QueryError> {
        let Some(subject) = field.subject() else { return Ok(()) };
        let (first, by) = self.subject.get_or_insert_with(|| (subject, name.to_owned()));
        if *first == subject {
            return Ok(());
        }
        let of = |subject| match subject {
            Subject::Spans => "of spans",
            Subject::Stretches => "of what goroutines did",
        };
        let what = format!(
            "{name} is {}, and {by} {}: a query is about one of them; what both have is function, goroutine, file and duration",
            of(subject),
            of(*first)
        );
        Err(self.lexer.error(place, what))
    }

    /// Takes what stands behind a field. The operator is looked at already; behind it is a value, and not yet cut into words.
    fn written(&mut self, name: &str, end: usize) -> Result<Written, QueryError> {
        let Some(Token { kind: TokenKind::Operator(operator), place: operator_place }) = self.next.take()
        else {
            let what = format!("an operator has to follow {name}: =, !=, ~, !~, <, <=, > or >=");
            return Err(self.lexer.error(end..end, what));
        };
        let value = self.lexer.value()?;
        self.next = self.lexer.next()?;
        let Some(Token { kind: TokenKind::Word(value) | TokenKind::Quoted(value), place }) = value else {
            let (end, what) = (operator_place.end, format!("a value has to follow, to compare {name} with"));
            return Err(self.lexer.error(end..end, what));
        };
        Ok(Written { operator, operator_place, value, place })
    }

    fn field(&self, name: &str, is_quoted: bool, place: Range<usize>) -> Result<Field, QueryError> {
        match Field::named(name).filter(|_| !is_quoted) {
            Some(field) => Ok(field),
            None if is_quoted && !name.is_empty() || name.contains('.') && !name.starts_with(GOROUTINE) => {
                Ok(Field::Attribute(name.into()))
            }
            None if ["and", "or", "not"].iter().any(|word| name.eq_ignore_ascii_case(word)) => {
                let what = format!("write {} in small letters", name.to_ascii_lowercase());
                Err(self.lexer.error(place, what))
            }
            None => {
                let likely = likely(name).map_or(String::new(), |likely| format!("did you mean {likely}? "));
                let what =
                    format!("there is no field {name}; {likely}an attribute of this name stands in quotes");
                Err(self.lexer.error(place, what))
            }
        }
    }

    fn text(&self, field: TextField, name: &str, mut written: Written) -> Result<Comparison, QueryError> {
        if field.is_hexadecimal() {
            written.value.make_ascii_lowercase();
        }
        let Some((operator, pattern)) = written.text() else {
            let what = format!("{name} is a text, which is compared by =, !=, ~ and !~");
            return Err(self.lexer.error(written.operator_place, what));
        };
        if let Some(values) = field.values() {
            if !values.iter().any(|value| pattern.matches(value)) {
                let what = format!("{name} is one of {}", values.join(", "));
                return Err(self.lexer.error(written.place, what));
            }
        }
        Ok(Comparison::Text(field, operator, pattern))
    }

    fn time(&self, name: &str, written: Written) -> Result<(Order, u64), QueryError> {
        let Operator::Order(order) = written.operator else {
            let what = format!("{name} is a duration, which is compared by =, !=, <, <=, > and >=");
            return Err(self.lexer.error(written.operator_place, what));
        };
        match nanoseconds(&written.value) {
            Some(nanoseconds) => Ok((order, nanoseconds)),
            None => {
                let what = "a duration is a number with its unit, such as 500us, 20ms or 1.5s";
                Err(self.lexer.error(written.place, what))
            }
        }
    }

    fn goroutine(&self, written: Written) -> Result<Comparison, QueryError> {
        let Operator::Order(order) = written.operator else {
            let what = "goroutine is a number, which is compared by =, !=, <, <=, > and >=";
            return Err(self.lexer.error(written.operator_place, what));
        };
        // As trees show them.
        let digits = written.value.strip_prefix(['g', 'G']).unwrap_or(&written.value);
        match digits.parse() {
            Ok(number) => Ok(Comparison::Goroutine(order, number)),
            Err(_) => Err(self.lexer.error(written.place, "a goroutine is a whole number")),
        }
    }

    fn attribute(&self, key: Box<str>, written: Written) -> Result<Comparison, QueryError> {
        if let Some((operator, pattern)) = written.text() {
            return Ok(Comparison::AttributeText(key, operator, pattern));
        }
        let Operator::Order(order) = written.operator else {
            return Err(self.lexer.error(written.operator_place, "this operator is for texts"));
        };
        let plain = written.value.parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Plain);
        match plain.or_else(|| nanoseconds(&written.value).map(Number::Nanoseconds)) {
            Some(number) => Ok(Comparison::AttributeNumber(key, order, number)),
            None => {
                let what = "what is smaller or larger is a number, such as 500, or a duration, such as 20ms";
                Err(self.lexer.error(written.place, what))
            }
        }
    }
}

/// What stands behind a field.
struct Written {
    operator: Operator,
    operator_place: Range<usize>,
    value: String,
    place: Range<usize>,
}

impl Written {
    /// What it says of a text; none where its operator is one of numbers only.
    fn text(&self) -> Option<(TextOperator, Pattern)> {
        match self.operator {
            Operator::Has => Some((TextOperator::Matches, Pattern::part(&self.value))),
            Operator::HasNot => Some((TextOperator::Differs, Pattern::part(&self.value))),
            Operator::Order(Order::Equal) => Some((TextOperator::Matches, Pattern::whole(&self.value))),
            Operator::Order(Order::NotEqual) => Some((TextOperator::Differs, Pattern::whole(&self.value))),
            Operator::Order(_) => None,
        }
    }
}

/// The one condition, or what several are together.
fn one_or(mut conditions: Vec<Condition>, together: impl FnOnce(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            together(conditions)
        }
    }
}

/// The field that a name was most likely meant to be: one that is called the same but for what it is of, that begins with it, or that
/// it begins with.
fn likely(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let own = lower.strip_prefix(GOROUTINE).unwrap_or(&lower);
    let mut of_goroutines = FIELDS
        .iter()
        .filter(|(_, field)| field.subject() == Some(Subject::Stretches))
        .map(|&(known, _)| known);
    let is_meant = |known: &str| {
        let known = known.strip_prefix(GOROUTINE).unwrap_or(known);
        known == own || own.strip_suffix('s') == Some(known)
    };
    if let Some(known) = of_goroutines.find(|known| is_meant(known)) {
        return Some(known);
    }
    let begins = |known: &&str| known.starts_with(&lower) || lower.starts_with(known);
    // The letters that both have where they stand, from the front and from the back.
    let common = |known: &str| {
        let front = known.bytes().zip(lower.bytes()).take_while(|(one, other)| one == other).count();
        let back =
            known.bytes().rev().zip(lower.bytes().rev()).take_while(|(one, other)| one == other).count();
        (front + back).min(known.len()).min(lower.len())
    };
    if let Some((known, _)) = FIELDS.iter().find(|(known, _)| *known == own) {
        return Some(known);
    }
    let names = FIELDS.iter().map(|&(known, _)| known);
    let close = |known: &&str| begins(known) || common(known) + 1 >= known.len().max(lower.len());
    names
        .filter(|known| !lower.is_empty() && close(known))
        .max_by_key(|known| (common(known), Reverse(known.len())))
}

/// The units of durations, and how many nanoseconds each has. Of the two µ one is the micro sign, the other the Greek letter.
pub(super) const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration as it is written, in nanoseconds; what is less than one is left out. Only 0 needs no unit.
pub(super) fn nanoseconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    if unit.is_empty() {
        return (whole == 0 && fraction.bytes().all(|digit| digit == b'0')).then_some(0);
    }
    let (_, unit) = UNITS.into_iter().find(|&(name, _)| name == unit)?;
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // A unit has no more than thirteen digits.
    let fraction = &fraction[..fraction.len().min(18)];
    let part =
        u128::from(fraction.parse().unwrap_or(0_u64)) * u128::from(unit) / 10_u128.pow(fraction.len() as u32);
    whole.checked_mul(unit)?.checked_add(u64::try_from(part).ok()?)
}
