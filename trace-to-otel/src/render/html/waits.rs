//! What spans of the page waited for themselves, and where in the source: as trees tell it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::render::waits::Wait;

/// The longest waits of each span that has some, by its place on the page.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct SpanWaits<'a>(BTreeMap<usize, Vec<PageWait<'a>>>);

/// Nanoseconds, the reason, the place, and the place of the program that led there if that is another one; written in a row.
#[derive(Serialize)]
struct PageWait<'a>(u64, &'a str, String, Option<String>);

impl<'a> SpanWaits<'a> {
    pub(super) fn add(&mut self, span: usize, waits: &[Wait<'a>]) {
        if waits.is_empty() {
            return;
        }
        let shown = waits.iter().map(|wait| {
            let caller = wait.caller.map(|caller| caller.text());
            PageWait(wait.nanoseconds, wait.reason, wait.place.text(), caller)
        });
        self.0.insert(span, shown.collect());
    }
}
