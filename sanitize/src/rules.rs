//! What is secret, lent to each sanitizer while it runs.

use crate::keys::SensitiveKeys;
use crate::options::{UrlMode, UrlOptions};
use crate::shapes::TokenShapes;
use crate::sql::SqlOptions;

/// The rules of one run. They are kept once, in the bundle, so that no sanitizer knows others than its neighbours do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'r> {
    pub(crate) keys: &'r SensitiveKeys,
    pub(crate) tokens: &'r TokenShapes,
    pub(crate) url: UrlOptions,
    pub(crate) sql: SqlOptions,
}

impl Rules<'static> {
    /// Those that nobody has changed.
    pub(crate) const DEFAULT: Self = Self {
        keys: &SensitiveKeys::RECOMMENDED,
        tokens: &TokenShapes::WELL_KNOWN,
        url: UrlOptions { mode: UrlMode::Remove, scrub_path: false },
        sql: SqlOptions::new(crate::sql::Dialect::Generic),
    };
}
