//! What a program did, on a page: its first tab, beside the spans.
//!
//! `model` says what of an [`Analysis`](crate::analysis::Analysis) stands there, `overview.js` makes tables of it.

#[cfg(feature = "analysis")]
mod model;

#[cfg(feature = "analysis")]
pub(super) use model::Overview;

pub(super) const BODY: &str = include_str!("body.html");
pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("overview.js");
