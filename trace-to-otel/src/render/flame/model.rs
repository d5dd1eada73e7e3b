//! What the script of flame graphs gets to know.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use indexmap::IndexSet;
use serde::Serialize;

use super::tree::{Folded, Node, StackTree, TreeSample};
use crate::{
    display::DisplayDuration,
    profiles::{Profile, ProfileFrame, ProfileKind, ProfileSpan, Profiles, Sample},
    render::page::Texts,
};

/// How many boxes a profile has at most.
const MOST_BOXES: usize = 10_000;
/// How many samples of a profile are told by their spans at most.
const MOST_OF_SPANS: usize = 20_000;

/// What a page of profiles alone knows.
#[derive(Serialize)]
pub(super) struct PageData<'p> {
    summary: String,
    /// What is said where there is no profile.
    nothing: &'static str,
    flame: Flame<'p>,
}

/// Profiles of one process or several.
#[derive(Default, Serialize)]
pub(in crate::render) struct Flame<'p> {
    /// Names of functions and files.
    texts: Texts<'p>,
    frames: Frames,
    profiles: Vec<PageProfile<'p>>,
    /// Which profile is shown first.
    first: usize,
}

/// Function and file, by their places in the texts, and line; each once, written in a row.
#[derive(Default)]
struct Frames(IndexSet<(usize, usize, u64), foldhash::fast::RandomState>);

impl Serialize for Frames {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

#[derive(Serialize)]
struct PageProfile<'p> {
    /// None where there is one process only.
    process: Option<&'p str>,
    kind: &'static str,
    /// What its time is.
    about: &'static str,
    /// What weights are in: `nanoseconds`, or what is counted.
    unit: &'static str,
    total: u64,
    /// Of each node but the first, which is 0, the one before it and its frame.
    nodes: Vec<(Node, usize)>,
    /// Where stacks end, and what they weigh.
    samples: Vec<(Node, u64)>,
    /// The heaviest of those that are of a span on the page, and the span's place.
    of_spans: Vec<(Node, u64, usize)>,
    notes: Vec<String>,
}

impl<'p> PageData<'p> {
    pub(super) fn new(profiles: &'p Profiles, first: ProfileKind) -> Self {
        let mut flame = Flame::default();
        flame.add(None, profiles, |_| None);
        flame.first = flame.profiles.iter().position(|profile| profile.kind == first.name()).unwrap_or(0);
        Self {
            summary: format!("recorded for {}", DisplayDuration(profiles.period().duration)),
            nothing: "no profiles: the trace tells nothing of what goroutines did",
            flame,
        }
    }
}

impl<'p> Flame<'p> {
    /// Adds those profiles of a process in which there is something. Where on the page a span is, it is told.
    pub(in crate::render) fn add(
        &mut self,
        process: Option<&'p str>,
        profiles: &'p Profiles,
        place_of: impl Fn(ProfileSpan<'p>) -> Option<usize>,
    ) {
        for kind in ProfileKind::ALL {
            let profile = profiles.profile(kind);
            let mut stacks = Stacks::default();
            for sample in profile.samples().iter().filter(|sample| profile.weight(sample) > 0) {
                let frames = stacks.frames_of(sample, kind.is_by_reason());
                stacks.tree.add(frames, profile.weight(sample), sample.span.and_then(&place_of));
            }
            if stacks.tree.samples().is_empty() {
                continue;
            }
            let folded_frame = stacks.bracketed("folded");
            let (tree, folded) = stacks.tree.folded(MOST_BOXES, folded_frame);
            let note = folded_note(folded, &profile);
            let (of_spans, cut) = of_spans(tree.samples(), MOST_OF_SPANS);
            let cut = cut.map(|cut| cut_note(cut, kind));
            let left_out = profiles.left_out().map(|what| format!("{what}."));
            let nodes = tree.nodes().map(|(parent, frame)| (parent, self.frame(&stacks.frames[frame])));
            let nodes = nodes.collect();
            self.profiles.push(PageProfile {
                process,
                kind: kind.name(),
                about: about(kind),
                unit: if kind.has_times() { "nanoseconds" } else { "samples" },
                total: total(&profile),
                nodes,
                samples: whole(tree.samples()),
                of_spans,
                notes: note.into_iter().chain(cut).chain(left_out).collect(),
            });
        }
    }

    fn frame(&mut self, (function, file, line): &StackFrame<'p>) -> usize {
        let function = self.texts.add(function.clone());
        let file = self.texts.add(*file);
        self.frames.0.insert_full((function, file, *line)).0
    }
}

/// Function, file and line.
type StackFrame<'p> = (Cow<'p, str>, &'p str, u64);

/// The stacks of a profile.
#[derive(Default)]
struct Stacks<'p> {
    frames: IndexSet<StackFrame<'p>, foldhash::fast::RandomState>,
    tree: StackTree,
}

impl<'p> Stacks<'p> {
    /// The stack of a sample, the outermost frame first, and perhaps its reason behind it.
    fn frames_of(&mut self, sample: &Sample<'p>, is_by_reason: bool) -> Vec<usize> {
        let mut frames: Vec<_> = match sample.stack.without_frames() {
            Some(instead) => vec![self.number((Cow::Borrowed(instead), "", 0))],
            None => sample.stack.frames().rev().map(|frame| self.frame(&frame)).collect(),
        };
        frames.extend(sample.reason.filter(|_| is_by_reason).map(|reason| self.bracketed(reason)));
        frames
    }

    fn frame(&mut self, frame: &ProfileFrame<'p>) -> usize {
        let function = match frame.function {
            "" => Cow::Owned(format!("{:#x}", frame.pc)),
            function => Cow::Borrowed(function),
        };
        self.number((function, frame.file, frame.line))
    }

    fn bracketed(&mut self, text: &str) -> usize {
        self.number((Cow::Owned(format!("[{text}]")), "", 0))
    }

    fn number(&mut self, frame: StackFrame<'p>) -> usize {
        self.frames.insert_full(frame).0
    }
}

/// What stacks weigh, whosever they are.
fn whole(samples: &[TreeSample]) -> Vec<(Node, u64)> {
    let mut weights: BTreeMap<Node, u64> = BTreeMap::new();
    for sample in samples {
        let weight = weights.entry(sample.node).or_default();
        *weight = weight.saturating_add(sample.weight);
    }
    weights.into_iter().collect()
}

/// What graphs of spans alone lack.
#[derive(Debug, PartialEq)]
struct Cut {
    samples: usize,
    heaviest: u64,
}

/// What they weigh in spans: the heaviest of them, up to so many, and what was cut off.
fn of_spans(samples: &[TreeSample], most: usize) -> (Vec<(Node, u64, usize)>, Option<Cut>) {
    let of_spans = samples.iter().filter_map(|sample| Some((sample.node, sample.weight, sample.span?)));
    let mut of_spans: Vec<_> = of_spans.collect();
    of_spans.sort_by_key(|&(_, weight, _)| Reverse(weight));
    let first = of_spans.get(most).map(|&(_, heaviest, _)| heaviest);
    let cut = first.map(|heaviest| Cut { samples: of_spans.len() - most, heaviest });
    of_spans.truncate(most);
    (of_spans, cut)
}

fn total(profile: &Profile<'_>) -> u64 {
    if profile.kind().has_times() { profile.nanoseconds() } else { profile.count() }
}

fn amount(kind: ProfileKind, weight: u64) -> String {
    if kind.has_times() { DisplayDuration(weight).to_string() } else { weight.to_string() }
}

fn cut_note(cut: Cut, kind: ProfileKind) -> String {
    let (count, heaviest) = (cut.samples, amount(kind, cut.heaviest));
    format!(
        "{count} samples of spans, of {heaviest} or less each, are left out of the graphs of spans alone."
    )
}

fn folded_note(folded: Folded, profile: &Profile<'_>) -> Option<String> {
    let amount = |weight| amount(profile.kind(), weight);
    let share = 100.0 * folded.weight as f64 / total(profile).max(1) as f64;
    (folded.nodes > 0).then(|| {
        let (count, heaviest) = (folded.nodes, amount(folded.heaviest));
        let weight = amount(folded.weight);
        format!("{count} boxes of {heaviest} or less are folded into those above them: {weight} in all, {share:.2} %.")
    })
}

fn about(kind: ProfileKind) -> &'static str {
    match kind {
        ProfileKind::OffCpu => "time in which goroutines did not run, by where they stopped and why",
        ProfileKind::Block => "time blocked on channels, mutexes and the like, by where",
        ProfileKind::Mutex => "time before a lock, by where",
        ProfileKind::Network => "time blocked on the network, by where",
        ProfileKind::Syscall => "time in system calls and in C, by where",
        ProfileKind::Scheduler => "time from being able to run to running, by who made it so",
        ProfileKind::Cpu => "time in which goroutines ran, by where each stretch ended",
        ProfileKind::Samples => "samples of the CPU profile, by where",
        ProfileKind::Gc => {
            "time of assisting the garbage collector and of stopping the world, by where and why"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_folded_is_told() {
        let profiles = crate::profiles::ProfilesCollector::default().finish();
        let profile = profiles.profile(ProfileKind::Cpu);
        assert_eq!(folded_note(Folded::default(), &profile), None);
        let folded = Folded { nodes: 3, weight: 2, heaviest: 1 };
        let note = folded_note(folded, &profile).expect("a note");
        assert!(note.starts_with("3 boxes of 1 ns or less are folded "), "{note}");
    }

    #[test]
    fn what_graphs_of_spans_lack_is_told() {
        let sample = |weight, span| TreeSample { node: 1, weight, span };
        let samples = [sample(3, Some(0)), sample(9, None), sample(7, Some(1)), sample(5, Some(2))];
        assert_eq!(of_spans(&samples, 3), (vec![(1, 7, 1), (1, 5, 2), (1, 3, 0)], None));
        let (kept, cut) = of_spans(&samples, 1);
        assert_eq!(kept, [(1, 7, 1)]);
        let cut = cut.expect("two are left out");
        assert_eq!(cut, Cut { samples: 2, heaviest: 5 });
        let note = cut_note(cut, ProfileKind::Cpu);
        assert!(note.starts_with("2 samples of spans, of 5 ns or less each, are left out"), "{note}");
    }
}
