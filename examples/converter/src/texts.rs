//! What the texts of events are, and so which rules sanitize them.

use std::borrow::Cow;

use go_trace_format::write::TextKind;
use go_trace_sanitize::Sanitizer;

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
        // Hosts, addresses, names, labels, reasons, and of a log its category and its message, which is named by it.
        _ => match category {
            Some(category) => kept(text, |text| sanitizer.named_text(category, text)),
            None => kept(text, |text| sanitizer.text(text)),
        },
    }
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
