//! What a program did, on a page: its first tab, beside the spans.
//!
//! `model` says what of an [`Analysis`](crate::analysis::Analysis) stands there, `overview.js` makes tables of it.

#[cfg(feature = "analysis")]
mod model;

#[cfg(feature = "analysis")]
use crate::analysis::Analysis;
#[cfg(feature = "analysis")]
pub(super) use model::Tab;

/// What the program did, as the first tab of a page: [`HtmlOptions::overview`](super::HtmlOptions::overview). Made with feature
/// `analysis`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Overview<'a> {
    /// A line that says what program it is and when it was recorded, as the caller knows it.
    pub about: &'a str,
    /// What its events and spans add up to.
    #[cfg(feature = "analysis")]
    pub analysis: &'a Analysis,
}

#[cfg(feature = "analysis")]
impl<'a> Overview<'a> {
    /// That of a recording, or of several added up.
    #[must_use]
    pub fn new(about: &'a str, analysis: &'a Analysis) -> Self {
        Self { about, analysis }
    }
}

pub(super) const BODY: &str = include_str!("body.html");
pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("overview.js");
