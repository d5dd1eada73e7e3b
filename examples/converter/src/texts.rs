//! What the texts of events are, and so which rules sanitize them.

use std::borrow::Cow;

use go_trace_format::EventType;
use go_trace_sanitize::Sanitizer;

/// A text of an event, without its secrets; `before` is the text before it in the event.
pub(crate) fn sanitized<'t>(
    sanitizer: &Sanitizer,
    event_type: EventType,
    before: Option<&[u8]>,
    text: &'t [u8],
) -> Cow<'t, [u8]> {
    use EventType as E;
    match event_type {
        // A server's path is a URL without scheme and host.
        E::HttpServerRequestStart | E::HttpClientRequestStart => into_bytes(sanitizer.url(text)),
        E::SqlQueryStart => into_bytes(sanitizer.sql(text)),
        // Hosts, addresses, names, labels, reasons, and of a log its category and its message, which is named by it.
        _ => match before {
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
