//! How URLs are sanitized.

/// What becomes of the parts of a URL that can hold secrets: [rule U1](crate#the-rules).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlMode {
    /// User information, `;` parameters, query and fragment are removed.
    #[default]
    Remove,
    /// OpenTelemetry's convention for `url.full`: user information becomes `REDACTED:REDACTED`, and the values of sensitive keys
    /// become `REDACTED`.
    Redact,
}

/// How URLs are sanitized, also those in connection strings and in free text.
///
/// ```
/// use go_trace_sanitize::{Sanitizer, UrlMode, UrlOptions};
///
/// let mut options = UrlOptions::default();
/// options.mode = UrlMode::Redact;
/// assert_eq!(
///     Sanitizer::new().with_url(options).url("https://bob:hunter2@example.com/cart?page=2&sig=abc"),
///     "https://REDACTED:REDACTED@example.com/cart?page=2&sig=REDACTED",
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UrlOptions {
    /// What becomes of the parts that can hold secrets.
    pub mode: UrlMode,
    /// Whether segments of the path that are values, such as ids and e-mail addresses, are replaced ([rule U7](crate#the-rules)). Off by default;
    /// tokens are replaced in any case.
    pub scrub_path: bool,
}
