//! What the texts of a trace are, and so which rules sanitize them, or what stands in their place.

use std::borrow::Cow;

use go_trace_format::{
    spec::MAX_STRING_SIZE,
    write::{CopiedText, TextKind},
};
use go_trace_sanitize::{Sanitizer, anonymous_file, anonymous_function, stand_in};

/// What help says of `--anonymize`, in short and at length.
pub(crate) const ANONYMIZE: &str =
    "Replaces what tells whose program it is by stand-ins, the same in every file";
pub(crate) const ANONYMIZE_AT_LENGTH: &str = "\
Replaces what tells whose program it is by stand-ins: functions and files outside of the standard library, and all that the \
program says: names of tasks and regions, logs, paths, hosts, queries. The same name has the same stand-in in every file, so \
that whoever guesses one can check it: addresses, numbers and short texts can be found by trying them all. Ids of spans stay. \
docs/anonymize.md tells more.";

/// A text of an event, without its secrets; `category` is that of the log whose message it is.
pub(crate) fn sanitized<'t>(
    sanitizer: &Sanitizer,
    kind: TextKind,
    category: Option<&[u8]>,
    text: &'t [u8],
) -> Cow<'t, [u8]> {
    match kind {
        // A server's path is a URL without scheme and host.
        TextKind::Path | TextKind::Url => into_bytes(sanitizer.url(text)),
        TextKind::Query => into_bytes(sanitizer.sql(text)),
        TextKind::Function | TextKind::File => Cow::Borrowed(text),
        // Hosts, addresses, names, labels, reasons, and of a log its category and its message, which is named by it.
        _ => match category {
            Some(category) => kept(text, |text| sanitizer.named_text(category, text)),
            None => kept(text, |text| sanitizer.text(text)),
        },
    }
}

/// What stands in the place of a text. Secrets go before it is hashed: a hash would tell those that can be guessed.
pub(crate) fn anonymous<'t>(sanitizer: &Sanitizer, asked: &CopiedText<'t>) -> Cow<'t, [u8]> {
    let clean = sanitized(sanitizer, asked.kind, asked.category, asked.text);
    let text = String::from_utf8_lossy(&clean);
    let anonymous = match asked.kind {
        TextKind::Reason => return clean,
        TextKind::Label if is_label_of_runtime(&text) => return clean,
        _ if text.is_empty() => return clean,
        TextKind::Function => anonymous_function(&text).into_owned(),
        TextKind::File => {
            let function = String::from_utf8_lossy(asked.function.unwrap_or_default());
            anonymous_file(&function, &text).into_owned()
        }
        TextKind::Label => format!("label {}", stand_in(&text)),
        TextKind::TaskName => format!("task {}", stand_in(&text)),
        TextKind::RegionName => format!("region {}", stand_in(&text)),
        TextKind::LogCategory => format!("category {}", stand_in(&text)),
        TextKind::LogMessage => format!("message {}", stand_in(&text)),
        TextKind::ErrorMessage => format!("error {}", stand_in(&text)),
        TextKind::Path => format!("/{}", stand_in(&text)),
        TextKind::Url => anonymous_url(&text),
        TextKind::Query => anonymous_query(&text),
        TextKind::ServerName | TextKind::Host => anonymous_host(&text),
        TextKind::Address => anonymous_address(&text),
        _ => format!("text {}", stand_in(&text)),
    };
    Cow::Owned(anonymous.into_bytes())
}

/// Those of the workers that mark. Go: `runtime.gcMarkWorkerModeStrings`.
fn is_label_of_runtime(label: &str) -> bool {
    matches!(label, "GC (dedicated)" | "GC (fractional)" | "GC (idle)")
}

fn anonymous_url(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => {
            let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
            format!("{scheme}://{}/{}", anonymous_address(address), stand_in(path))
        }
        _ => format!("/{}", stand_in(url)),
    }
}

/// A host has the same one with a port and without. Brackets are around the addresses of IPv6 where a port follows.
fn anonymous_host(host: &str) -> String {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    format!("{}.invalid", stand_in(address.unwrap_or(host)))
}

/// Ports tell what is spoken, and stay. What has more colons, and no brackets, is an address of IPv6 without one.
fn anonymous_address(address: &str) -> String {
    let is_port = |port: &str| matches!(port.len(), 1..=5) && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = |host: &str| !host.is_empty() && (host.ends_with(']') || !host.contains(':'));
    match address.rsplit_once(':') {
        Some((host, port)) if is_host(host) && is_port(port) => format!("{}:{port}", anonymous_host(host)),
        _ => anonymous_host(address),
    }
}

/// What a query does tells nothing of whose it is.
fn anonymous_query(query: &str) -> String {
    const VERBS: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN", "COMMIT", "ROLLBACK"];
    let first = query.split_whitespace().next().unwrap_or_default();
    let verb = VERBS.iter().find(|verb| verb.eq_ignore_ascii_case(first));
    format!("{} {}", verb.unwrap_or(&"QUERY"), stand_in(query))
}

/// The most of a text that a trace can hold. What stands for another may be longer than it.
pub(crate) fn clipped(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if text.len() <= MAX_STRING_SIZE {
        return text;
    }
    let is_within_character = |&end: &usize| text[end] & 0xc0 == 0x80;
    let end = (0..=MAX_STRING_SIZE).rev().find(|end| !is_within_character(end)).unwrap_or_default();
    text[..end].to_vec().into()
}

/// Free text need not be UTF-8, such as Datadog's span ids in logs: where nothing has to be hidden it stays as it is.
fn kept<'t>(text: &'t [u8], sanitize: impl Fn(&str) -> Cow<'_, str>) -> Cow<'t, [u8]> {
    let readable = String::from_utf8_lossy(text);
    match sanitize(&readable) {
        clean if clean == readable => Cow::Borrowed(text),
        clean => Cow::Owned(clean.into_owned().into_bytes()),
    }
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// As much of a text as so many columns hold.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    match text.char_indices().nth(width) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(width.saturating_sub(1)).chain(['…']).collect()),
    }
}

/// The same of the end of a text, which tells more of a function than its begin.
pub(crate) fn cut_front(text: &str, width: usize) -> Cow<'_, str> {
    match text.chars().count().checked_sub(width) {
        None | Some(0) => Cow::Borrowed(text),
        Some(over) => Cow::Owned(['…'].into_iter().chain(text.chars().skip(over + 1)).collect()),
    }
}
