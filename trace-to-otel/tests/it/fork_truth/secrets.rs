//! What the program keeps for itself: none of it may be in any span.

use trace_to_otel::Span;

use crate::fork_truth::truth::Operation;

/// Texts that the truth says and a span must not.
const SECRETS: [&str; 31] = [
    "s3cr3t",
    "AKIA-SECRET",
    "topsecret",
    "frag-secret",
    "redirsecret",
    "pa55word",
    "bob",
    "Bob",
    "Alice",
    "alice",
    "secret.example",
    "John",
    "O'Brien",
    "Brien",
    "Hara",
    "dq literal",
    "unterminated secret",
    "still inside",
    "dollar secret",
    "quote and 99",
    "naïve",
    "𝄞",
    "123-45-6789",
    "1700000000",
    "in span",
    "x7",
    "user walked away",
    "client-timeout",
    "began-before",
    "across-snapshot",
    "pw=",
];

/// Every secret of the program that a span tells.
pub(crate) fn told_by(span: &Span, operations: &[Operation]) -> Vec<String> {
    let texts = texts_of(span);
    let mut told = Vec::new();
    for secret in SECRETS.iter().map(|secret| (*secret).to_owned()).chain(queries_of(operations)) {
        told.extend(
            texts.iter().filter(|text| text.contains(&secret)).map(|text| format!("{secret:?} in {text:?}")),
        );
    }
    for text in &texts {
        // No e-mail address, no user of a URL, no query of a URL, no literal.
        let is_query = span.attribute("db.query.text").is_some_and(|query| query.to_string() == *text);
        let is_literal = |text: &str| text.contains(['\'', '"']) || text.contains("$$") || has_number(text);
        if text.contains('@') || !is_query && text.contains('?') || is_query && is_literal(text) {
            told.push(format!("{text:?}"));
        }
    }
    told
}

/// The texts that are secret in part of what the program names: queries, and what stands behind `#`.
fn queries_of(operations: &[Operation]) -> impl Iterator<Item = String> {
    let texts =
        operations.iter().filter(|operation| operation.kind.starts_with("http")).flat_map(Operation::texts);
    let queries = texts.filter_map(|text| text.split_once(['?', '#'])).map(|(_, query)| query);
    let raw = operations.iter().filter_map(|operation| operation.text("raw_query"));
    let pairs = queries.chain(raw).flat_map(|query| query.split(['&', '#']));
    pairs.filter(|pair| pair.contains('=')).map(str::to_owned)
}

/// Whether a number stands by itself, and not for a parameter.
fn has_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_of_word =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'?') || byte >= 0x80;
    (0..bytes.len()).any(|at| bytes[at].is_ascii_digit() && (at == 0 || !is_of_word(bytes[at - 1])))
}

/// Everything that goes out of a span as text.
fn texts_of(span: &Span) -> Vec<String> {
    let events = span.events.iter();
    let mut texts = vec![span.name.to_string()];
    texts.extend(events.clone().map(|event| event.name.to_string()));
    let attributes = span.attributes.iter().chain(events.flat_map(|event| &event.attributes));
    texts.extend(attributes.flat_map(|attribute| [attribute.key.to_string(), attribute.value.to_string()]));
    texts
}
