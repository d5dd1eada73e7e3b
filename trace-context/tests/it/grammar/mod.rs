//! The grammars of the W3C specifications as regular expressions: written apart from the crate, to judge its output and
//! to agree with it on what it accepts.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::LazyLock;

use regex::bytes::Regex;

const KEY: &str = r"[a-z0-9][a-z0-9_\-*/@]{0,255}";
const VALUE: &str = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]";
const TOKEN: &str = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+";
const OCTETS: &str = r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*";
const OWS: &str = r"[ \t]*";

fn compile(pattern: &str) -> Regex {
    Regex::new(&format!(r"(?-u)\A(?:{pattern})\z")).expect("a valid pattern")
}

/// What may be sent: version 00, ids that are not zero, and no flag that level 2 does not define.
pub(crate) fn is_sent_traceparent(value: &[u8]) -> bool {
    static SENT: LazyLock<Regex> = LazyLock::new(|| compile("00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]"));
    SENT.is_match(value) && has_ids(value)
}

/// What is to be accepted: spaces and tabs around it, any version but ff, and more fields in later versions.
pub(crate) fn is_accepted_traceparent(value: &[u8]) -> bool {
    static FIRST: LazyLock<Regex> =
        LazyLock::new(|| compile(&format!("{OWS}00-[0-9a-f]{{32}}-[0-9a-f]{{16}}-[0-9a-f]{{2}}{OWS}")));
    static LATER: LazyLock<Regex> = LazyLock::new(|| {
        let fields = "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}";
        compile(&format!("{OWS}{fields}(?:-(?s:.)*)?{OWS}"))
    });
    let start = value.iter().position(|byte| !b" \t".contains(byte)).unwrap_or(value.len());
    let text = &value[start..];
    let is_later = LATER.is_match(value) && !text.starts_with(b"00") && !text.starts_with(b"ff");
    (FIRST.is_match(value) || is_later) && has_ids(text)
}

fn has_ids(text: &[u8]) -> bool {
    text[3..35].iter().any(|digit| *digit != b'0') && text[36..52].iter().any(|digit| *digit != b'0')
}

/// One member of a `tracestate`, without blanks around it.
pub(crate) fn is_tracestate_member(member: &[u8]) -> bool {
    static MEMBER: LazyLock<Regex> = LazyLock::new(|| compile(&format!("{KEY}={VALUE}")));
    MEMBER.is_match(member)
}

/// What may be sent: 1 to 32 members without blanks around them, and no key twice.
pub(crate) fn is_tracestate(value: &[u8]) -> bool {
    let members: Vec<_> = value.split(|byte| *byte == b',').collect();
    let mut keys: Vec<_> = members.iter().map(|member| member.split(|byte| *byte == b'=').next()).collect();
    keys.sort_unstable();
    keys.dedup();
    members.len() <= 32 && keys.len() == members.len() && members.into_iter().all(is_tracestate_member)
}

/// One member of a `baggage`, with blanks around its parts.
pub(crate) fn is_accepted_baggage_member(member: &[u8]) -> bool {
    static MEMBER: LazyLock<Regex> = LazyLock::new(|| {
        let property = format!("{OWS}{TOKEN}{OWS}(?:={OWS}{OCTETS}{OWS})?");
        compile(&format!("{OWS}{TOKEN}{OWS}={OWS}{OCTETS}{OWS}(?:;{property})*"))
    });
    MEMBER.is_match(member)
}

/// What may be sent: 1 to 64 members in up to 8192 bytes, without blanks.
pub(crate) fn is_sent_baggage(value: &[u8]) -> bool {
    let members: Vec<_> = value.split(|byte| *byte == b',').collect();
    let has_blank = value.iter().any(|byte| b" \t".contains(byte));
    members.len() <= 64
        && value.len() <= 8192
        && !has_blank
        && members.into_iter().all(is_accepted_baggage_member)
}
