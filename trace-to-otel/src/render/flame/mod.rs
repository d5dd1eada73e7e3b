//! Flame graphs of profiles, on a page of their own or beside the spans of the same process.
//!
//! `boxes.js` makes boxes of stacks, `graph.js` draws those in view, `profiles.js` is the choice, the search and the keys.

#[cfg(feature = "profiles")]
mod model;
#[cfg(feature = "profiles")]
mod tree;

#[cfg(feature = "profiles")]
use std::io::{self, Write};

#[cfg(feature = "profiles")]
use super::page::Page;
#[cfg(feature = "profiles")]
use crate::profiles::{ProfileKind, Profiles};

#[cfg(feature = "profiles")]
pub(super) use model::Flame;

pub(super) const BODY: &str = include_str!("body.html");
pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPTS: [&str; 3] =
    [include_str!("boxes.js"), include_str!("graph.js"), include_str!("profiles.js")];

/// Writes a page with a flame graph of each profile, the one of a kind first: a file that needs no network, and opens in any
/// browser.
///
/// Callers stand above those that they call. The page holds the 10,000 heaviest boxes of each profile; what is lighter is counted
/// as `[folded]` below its caller, and the page says how much that is.
///
/// ```
/// use trace_to_otel::{profiles::{ProfileKind, ProfilesCollector}, render::write_flame_graphs};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
/// let mut reader = go_trace_format::Reader::from_slice(trace)?;
/// let mut collector = ProfilesCollector::default();
/// while let Some(event) = reader.next_event()? {
///     collector.event(&event);
/// }
/// let mut page = Vec::new();
/// write_flame_graphs("shop", &collector.finish(), ProfileKind::OffCpu, &mut page)?;
/// assert!(page.starts_with(b"<!DOCTYPE html>"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of the output.
#[cfg(feature = "profiles")]
pub fn write_flame_graphs<W: Write + ?Sized>(
    name: &str,
    profiles: &Profiles,
    first: ProfileKind,
    output: &mut W,
) -> io::Result<()> {
    let scripts = [&SCRIPTS[..], &[include_str!("page.js")]].concat();
    let page = Page { title: name, tools: "", body: &[BODY], styles: &[STYLE], scripts: &scripts };
    page.write(&model::PageData::new(profiles, first), output)
}
