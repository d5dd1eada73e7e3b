//! Volume control: what stays behind, what becomes smaller, and that parents stay valid.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    num::NonZeroU32,
    time::Duration,
};

use crate::common::{
    self,
    script::{Script, UNIT, time, trace},
};
use go_trace_context::{SpanId, TraceId};
use go_trace_format::Dialect;
use go_trace_sanitize::Filter;
use proptest::{prelude::*, sample::Index};
use trace_to_otel::{
    Attribute, Collapse, Link, MapperOptions, Parent, SamplingRatio, Scope, Span, SpanEvent, SpanKind,
    SpanSink, Status, UnixTime, Value, Volume, VolumeCounters, VolumeOptions,
};

fn trace_id(number: u128) -> TraceId {
    TraceId::from_u128(number).expect("not 0")
}

fn span_id(number: u64) -> SpanId {
    SpanId::from_u64(number).expect("not 0")
}

/// A span of trace 1.
fn span(id: u64, parent: Option<u64>, (start, end): (u64, u64)) -> Span {
    let mut span =
        Span::new(trace_id(1), span_id(id), Scope::Region, "region", (UnixTime(start), UnixTime(end)));
    span.parent = parent.map(|id| Parent::new(span_id(id), false));
    span.attributes = vec![Attribute::new("gotrace.goroutine.id", 7), Attribute::new("gotrace.thread.id", 1)];
    span
}

fn through(options: &VolumeOptions, spans: &[Span]) -> (Vec<Span>, VolumeCounters) {
    let mut volume = Volume::new(options.clone(), Vec::new());
    for span in spans {
        let Ok(()) = volume.take(span.clone());
    }
    let Ok(()) = volume.flush();
    let counters = volume.counters();
    (volume.into_sink(), counters)
}

fn options(change: impl FnOnce(&mut VolumeOptions)) -> VolumeOptions {
    let mut options = VolumeOptions::default();
    change(&mut options);
    options
}

fn ids(spans: &[Span]) -> Vec<u64> {
    spans.iter().map(|span| span.span_id.as_u64()).collect()
}

fn parents(spans: &[Span]) -> Vec<Option<u64>> {
    spans.iter().map(|span| span.parent.map(|parent| parent.span_id.as_u64())).collect()
}

/// The parents of this process that are named by spans, but not among them.
fn dangling(spans: &[Span]) -> BTreeSet<(TraceId, SpanId)> {
    let known: BTreeSet<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
    let local = |span: &Span| {
        span.parent.filter(|parent| !parent.is_remote).map(|parent| (span.trace_id, parent.span_id))
    };
    spans.iter().filter_map(local).filter(|parent| !known.contains(parent)).collect()
}

#[test]
fn kinds_are_told_apart_by_the_filters_bits() {
    let mut spans = Vec::new();
    for (id, scope) in (1..).zip(Scope::ALL) {
        let mut span = span(id, None, (0, 1));
        span.scope = scope;
        spans.push(span);
    }
    for (filter, expected) in [
        (Filter::HTTP, vec![Scope::Http, Scope::Rpc]),
        (Filter::SQL, vec![Scope::Sql, Scope::Database]),
        (Filter::NET, vec![Scope::Net, Scope::Messaging]),
        (Filter::TLS, vec![Scope::Tls]),
        (Filter::CORE, vec![Scope::Range]),
        (Filter::CUSTOM, vec![Scope::Task, Scope::Region, Scope::Function]),
        (Filter::ALL, Scope::ALL.to_vec()),
        (Filter::empty(), vec![]),
    ] {
        let (kept, counters) = through(&options(|options| options.keep = filter), &spans);
        assert_eq!(kept.iter().map(|span| span.scope.clone()).collect::<Vec<_>>(), expected, "{filter}");
        assert_eq!(counters.filtered_spans as usize, spans.len() - expected.len());
    }
}

#[test]
fn short_spans_stay_behind_but_for_failures_and_on_request_roots() {
    let mut failed = span(1, Some(9), (0, 1));
    failed.status = Status::ERROR;
    let mut server = span(2, Some(9), (0, 1));
    server.kind = SpanKind::Server;
    let mut remote = span(3, None, (0, 1));
    remote.parent = Some(Parent::new(span_id(8), true));
    let spans =
        [failed, server, remote, span(4, None, (0, 1)), span(5, Some(9), (0, 10)), span(6, Some(9), (0, 1))];

    let short = options(|options| options.minimum_duration = Duration::from_nanos(10));
    let (kept, counters) = through(&short, &spans);
    assert_eq!((ids(&kept), counters.short_spans), (vec![1, 5], 4));

    let mut spare_roots = short.clone();
    spare_roots.spare_roots = true;
    assert_eq!(ids(&through(&spare_roots, &spans).0), [1, 2, 3, 4, 5]);
    let mut spare_nothing = short;
    spare_nothing.spare_errors = false;
    assert_eq!(ids(&through(&spare_nothing, &spans).0), [5]);
}

#[test]
fn parents_of_what_went_out_go_out_too() {
    let mut child = span(1, Some(2), (0, 50));
    child.status = Status::ERROR;
    // The parent took less time: on another goroutine.
    let spans = [child, span(2, Some(3), (0, 5)), span(3, None, (0, 5)), span(4, None, (0, 5))];
    let short = options(|options| options.minimum_duration = Duration::from_nanos(10));
    let (kept, counters) = through(&short, &spans);
    assert_eq!((ids(&kept), counters.kept_for_children, counters.short_spans), (vec![1, 2, 3], 2, 1));

    let mut broken = short;
    broken.whole_trees = false;
    let (kept, counters) = through(&broken, &spans);
    assert_eq!((ids(&kept), counters.kept_for_children), (vec![1], 0));
}

#[test]
fn late_children_get_the_parent_of_their_parent() {
    let short = options(|options| options.minimum_duration = Duration::from_nanos(10));
    let spans = [
        span(3, Some(2), (0, 5)),
        span(2, Some(1), (0, 5)),
        span(4, Some(3), (0, 90)),
        span(1, None, (0, 5)),
    ];
    let (kept, _) = through(&short, &spans);
    assert_eq!((ids(&kept), parents(&kept)), (vec![4, 1], vec![Some(1), None]));

    let spans = [span(1, None, (0, 5)), span(4, Some(1), (0, 90))];
    assert_eq!(parents(&through(&short, &spans).0), [None]);

    let mut server = span(1, None, (0, 5));
    server.parent = Some(Parent::new(span_id(8), true));
    let (kept, _) = through(&short, &[server, span(4, Some(1), (0, 90))]);
    assert_eq!(kept[0].parent, Some(Parent::new(span_id(8), true)));
}

#[test]
fn parents_that_go_round_in_circles_are_cut() {
    let short = options(|options| options.minimum_duration = Duration::from_nanos(10));
    let spans = [
        span(1, Some(2), (0, 5)),
        span(2, Some(1), (0, 5)),
        span(2, Some(1), (0, 5)),
        span(3, Some(1), (0, 90)),
    ];
    let (kept, counters) = through(&short, &spans);
    assert_eq!((ids(&kept), parents(&kept)), (vec![3], vec![None]));
    assert_eq!(counters.short_spans, 3);
}

#[test]
fn a_second_has_its_cap() {
    const SECOND: u64 = 1_000_000_000;
    let capped = options(|options| options.spans_per_second = NonZeroU32::new(2));
    let spans: Vec<_> = (1..=9).map(|id| span(id, None, (0, id / 4 * SECOND + id))).collect();
    let (kept, counters) = through(&capped, &spans);
    assert_eq!((ids(&kept), counters.excess_spans), (vec![1, 2, 4, 5, 8, 9], 3));

    // The parent of one that went out follows it whatever the cap says.
    let spans =
        [span(1, Some(4), (0, 1)), span(2, Some(4), (0, 1)), span(3, Some(4), (0, 1)), span(4, None, (0, 2))];
    let (kept, counters) = through(&capped, &spans);
    assert_eq!((ids(&kept), counters.excess_spans, counters.kept_for_children), (vec![1, 2, 4], 1, 1));
}

#[test]
fn spans_are_cut_to_size() {
    let mut large = span(1, None, (0, 1));
    large.attributes =
        vec![Attribute::new("a", "äöü"), Attribute::new("b", "äöüß"), Attribute::new("c", 12345)];
    large.events = vec![SpanEvent::new(UnixTime(0), "e"), SpanEvent::new(UnixTime(0), "f")];
    large.events[0].attributes.push(Attribute::new("d", "long message"));
    large.links = vec![Link::new(trace_id(2), span_id(2), large.flags); 3];
    let small = options(|options| {
        options.limits.attributes = Some(2);
        options.limits.events = Some(1);
        options.limits.links = Some(0);
        options.limits.value_length = Some(3);
    });
    let (kept, counters) = through(&small, &[large.clone()]);
    let [span] = &kept[..] else { panic!("{kept:#?}") };
    let texts: Vec<_> = span.attributes.iter().map(|attribute| attribute.value.to_string()).collect();
    assert_eq!(texts, ["äöü", "äöü"]);
    assert_eq!(span.events[0].attributes[0].value, "lon".into());
    assert_eq!((span.dropped_attributes, span.dropped_events, span.dropped_links), (1, 1, 3));
    let counted = (counters.dropped_attributes, counters.dropped_events, counters.dropped_links);
    assert_eq!((counted, counters.cut_values), ((1, 1, 3), 2));
    assert_eq!(counters.losses().count(), 4);

    let roomy = options(|options| options.limits.attributes = Some(3));
    assert_eq!(through(&roomy, &[large.clone()]).0, [large]);
}

#[test]
fn an_anatomy_stays_whole_or_not_at_all() {
    let (spans, _) = common::spans_of("go1.27/regions.trace", MapperOptions::default());
    for limit in 0..20 {
        let (kept, _) = through(&options(|options| options.limits.attributes = Some(limit)), &spans);
        for (before, after) in spans.iter().zip(&kept) {
            let count = |span: &Span| {
                span.attributes.len() + span.anatomy.map_or(0, |anatomy| anatomy.attributes().count())
            };
            assert!(count(after) <= limit);
            assert_eq!(
                count(after) + after.dropped_attributes as usize,
                count(before) + before.dropped_attributes as usize
            );
            assert!(after.anatomy.is_none() || after.anatomy == before.anatomy);
        }
    }
}

#[test]
fn ratios() {
    for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = SamplingRatio::try_from(ratio).expect_err("no ratio").to_string();
        assert!(error.contains("from 0 (no trace) to 1"), "{error}");
    }
    assert_eq!(SamplingRatio::try_from(1.0), Ok(SamplingRatio::ALL));
    assert_eq!(SamplingRatio::try_from(0.0), Ok(SamplingRatio::NONE));
    let smallest = SamplingRatio::try_from(1.0 / (1_u64 << 56) as f64).expect("a ratio");
    assert!(smallest.samples(trace_id((1 << 56) - 1)) && !smallest.samples(trace_id((1 << 56) - 2)));
    // What a stand-in for a fold says is as random as the fold.
    let quarter = SamplingRatio::try_from(0.25).expect("a ratio");
    let folds = (1..=4096_u64)
        .filter_map(|n| go_trace_context::Fold::from_u64(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let sampled = folds.filter(|fold| quarter.samples(fold.stand_in())).count();
    assert!((900..1150).contains(&sampled), "{sampled}");
}

fn collapsing() -> VolumeOptions {
    options(|options| options.collapse = Some(Collapse::shorter_than(Duration::from_nanos(100))))
}

#[test]
fn runs_of_like_regions_become_one_span() {
    let mut spans: Vec<_> = (1..=5).map(|id| span(id, Some(9), (id * 10, id * 10 + 4))).collect();
    spans[3].attributes[1] = Attribute::new("gotrace.thread.id", 2);
    spans.push(span(9, None, (0, 99)));
    let (kept, counters) = through(&collapsing(), &spans);
    assert_eq!((ids(&kept), parents(&kept)), (vec![1, 9], vec![Some(9), None]));
    assert_eq!((kept[0].start, kept[0].end), (UnixTime(10), UnixTime(54)));
    assert_eq!(kept[0].attribute("gotrace.collapsed.count"), Some(&Value::Integer(5)));
    assert_eq!(kept[0].attribute("gotrace.collapsed.time.total"), Some(&Value::Float(20e-9)));
    assert_eq!(kept[0].attribute("gotrace.thread.id"), None);
    assert_eq!(kept[1], spans[5]);
    assert_eq!((counters.spans, counters.collapsed_spans), (2, 4));
}

#[test]
fn what_is_not_like_the_others_ends_a_run() {
    let like = |id| span(id, Some(9), (id * 10, id * 10 + 4));
    let changes: [&dyn Fn(&mut Span); 9] = [
        &|span| span.name = "other".into(),
        &|span| span.end = UnixTime(span.start.0 + 100),
        &|span| span.status = Status::ERROR,
        &|span| span.events.push(SpanEvent::new(span.start, "log")),
        &|span| span.dropped_events = 1,
        &|span| span.links.push(Link::new(trace_id(2), span_id(2), span.flags)),
        &|span| span.attributes.push(Attribute::new("gotrace.task.id", 3)),
        &|span| span.attributes.push(Attribute::new("gotrace.incomplete", "end")),
        &|span| span.scope = Scope::Task,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut spans: Vec<_> = (1..=5).map(like).collect();
        change(&mut spans[2]);
        let (kept, counters) = through(&collapsing(), &spans);
        assert_eq!((ids(&kept), counters.collapsed_spans), (vec![1, 3, 4], 2), "change {index}");
        assert_eq!(kept[1], spans[2], "change {index}");
    }
    // On another goroutine they are none of the run's business.
    let mut spans: Vec<_> = (1..=5).map(like).collect();
    spans[2].attributes[0] = Attribute::new("gotrace.goroutine.id", 8);
    assert_eq!(ids(&through(&collapsing(), &spans).0), [1, 3]);
}

#[test]
fn only_leaves_collapse() {
    let spans = [
        span(1, Some(9), (10, 14)),
        span(3, Some(2), (21, 22)),
        span(2, Some(9), (20, 24)),
        span(4, Some(9), (30, 34)),
        span(5, Some(9), (40, 44)),
        span(9, None, (0, 99)),
    ];
    let (kept, _) = through(&collapsing(), &spans);
    assert_eq!(
        (ids(&kept), parents(&kept)),
        (vec![3, 1, 2, 4, 9], vec![Some(2), Some(9), Some(9), Some(9), None])
    );
}

#[test]
fn late_children_of_collapsed_regions_find_them() {
    let mut spans: Vec<_> = (1..=3).map(|id| span(id, Some(9), (id * 10, id * 10 + 4))).collect();
    spans.push(span(4, Some(2), (20, 900)));
    let mut linked = span(5, None, (0, 900));
    linked.links.push(Link::new(trace_id(1), span_id(3), linked.flags));
    spans.push(linked);
    spans.push(span(9, None, (0, 999)));
    let (kept, _) = through(&collapsing(), &spans);
    let late = kept.iter().find(|span| span.span_id == span_id(4)).expect("it went out");
    assert_eq!(late.parent, Some(Parent::new(span_id(1), false)));
    let linked = kept.iter().find(|span| span.span_id == span_id(5)).expect("it went out");
    assert_eq!(linked.links[0].span_id, span_id(1));
    assert!(dangling(&kept).is_empty());
}

#[test]
fn regions_without_a_parent_become_one_trace() {
    let mut spans: Vec<_> = (1..=3).map(|id| span(id, None, (id * 10, id * 10 + 4))).collect();
    let mut late = span(4, Some(3), (35, 900));
    for (span, trace) in spans.iter_mut().zip(1..) {
        span.trace_id = trace_id(trace);
    }
    late.trace_id = trace_id(3);
    spans.push(late);
    let (kept, _) = through(&collapsing(), &spans);
    assert_eq!((ids(&kept), parents(&kept)), (vec![1, 4], vec![None, None]));
    assert_eq!(kept[1].links, [Link::new(trace_id(1), span_id(1), kept[0].flags)]);
    assert_eq!(kept[0].attribute("gotrace.collapsed.count"), Some(&Value::Integer(3)));
}

#[test]
fn runs_end_in_time_and_memory() {
    let mut options = collapsing();
    if let Some(collapse) = &mut options.collapse {
        collapse.longest_run = Duration::from_nanos(34);
    }
    let spans: Vec<_> = (1..=9).map(|id| span(id, Some(99), (id * 10, id * 10 + 4))).collect();
    assert_eq!(ids(&through(&options, &spans).0), [1, 5, 9]);

    let mut volume = Volume::new(collapsing(), Vec::new());
    for id in 1..=5000 {
        let Ok(()) = volume.take(span(id, Some(id + 10_000), (id, id + 1)));
    }
    assert_eq!(volume.sink().len(), 5000 - 1024);
    let Ok(()) = volume.flush();
    assert!(ids(volume.sink()).is_sorted() && volume.sink().len() == 5000);
}

/// Spans as a mapper makes them: inner ones before outer ones, but for some that outlive their parents.
fn forest() -> impl Strategy<Value = Vec<Span>> {
    let node = (any::<Index>(), 0..4_usize, 0..3_u64, 0..200_u64, any::<bool>(), any::<bool>());
    prop::collection::vec(node, 1..60).prop_map(|nodes| {
        let mut spans: Vec<(u64, Span)> = Vec::new();
        let mut begin = 1_000_u64;
        for (number, (parent, root, scope, length, is_failed, is_late)) in nodes.into_iter().enumerate() {
            begin += 10;
            let id = number as u64 + 1;
            let mut new = span(id, None, (begin, begin + length));
            new.trace_id = trace_id(u128::from(id));
            new.scope = [Scope::Region, Scope::Region, Scope::Http][scope as usize].clone();
            new.status = if is_failed && length % 3 == 0 { Status::ERROR } else { Status::Unset };
            let mut order = begin * 1000 + 999 - (id % 1000);
            if root > 0 && !spans.is_empty() {
                let (parent_order, parent) = &spans[parent.index(spans.len())];
                new.parent = Some(Parent::new(parent.span_id, false));
                new.trace_id = parent.trace_id;
                order = if is_late { parent_order + order } else { parent_order - 1 };
            }
            spans.push((order, new));
        }
        spans.sort_by_key(|(order, _)| *order);
        spans.into_iter().map(|(_, span)| span).collect()
    })
}

fn any_options() -> impl Strategy<Value = VolumeOptions> {
    let choice = (0..64_u32, 0..150_u64, 0..6_u32, 0..150_u64, any::<[bool; 2]>(), 0.0..=1.0);
    choice.prop_map(|(keep, minimum, rate, collapse, [errors, roots], ratio)| {
        options(|options| {
            options.keep = Filter::from_bits_truncate(keep | 32);
            options.minimum_duration = Duration::from_nanos(minimum);
            options.spans_per_second = NonZeroU32::new(rate * 4);
            options.collapse =
                (collapse > 20).then(|| Collapse::shorter_than(Duration::from_nanos(collapse)));
            (options.spare_errors, options.spare_roots) = (errors, roots);
            options.ratio = SamplingRatio::try_from(ratio).expect("a ratio");
        })
    })
}

fn sum(counters: &VolumeCounters) -> u64 {
    counters.spans
        + counters.unsampled_spans
        + counters.filtered_spans
        + counters.short_spans
        + counters.excess_spans
        + counters.collapsed_spans
}

proptest! {
    #[test]
    fn by_default_nothing_changes(spans in forest()) {
        let (kept, counters) = through(&VolumeOptions::default(), &spans);
        prop_assert_eq!(counters.losses().count(), 0);
        prop_assert_eq!(kept, spans);
    }

    #[test]
    fn no_parent_dangles_and_every_span_is_counted(spans in forest(), options in any_options()) {
        prop_assert!(dangling(&spans).is_empty());
        let (kept, counters) = through(&options, &spans);
        prop_assert!(dangling(&kept).is_empty(), "{:#?}", kept);
        prop_assert_eq!((sum(&counters), counters.spans), (spans.len() as u64, kept.len() as u64));
        prop_assert_eq!((kept, counters), through(&options, &spans));
    }

    #[test]
    fn a_volume_goes_on_where_it_was_saved(spans in forest(), options in any_options(), cut in any::<Index>()) {
        let (before, after) = spans.split_at(cut.index(spans.len()));
        let mut whole = Volume::new(options.clone(), Vec::new());
        before.iter().for_each(|span| {
            let Ok(()) = whole.take(span.clone());
        });
        let Ok(saved) = whole.save();
        let already = whole.sink().len();
        let mut loaded = Volume::load(options, Vec::new(), &saved).expect("a saved state");
        prop_assert_eq!(loaded.save(), Ok(saved));
        for volume in [&mut whole, &mut loaded] {
            after.iter().for_each(|span| {
                let Ok(()) = volume.take(span.clone());
            });
            let Ok(()) = volume.flush();
        }
        prop_assert_eq!(&whole.sink()[already..], &loaded.sink()[..]);
        prop_assert_eq!(whole.save(), loaded.save());
    }

    #[test]
    fn damaged_states_are_refused(spans in forest(), at in any::<Index>(), length in any::<Index>(), byte: u8) {
        let mut volume = Volume::new(options(|options| options.minimum_duration = Duration::from_nanos(50)), Vec::new());
        spans.into_iter().for_each(|span| {
            let Ok(()) = volume.take(span);
        });
        let Ok(saved) = volume.save();
        let load = |state: &[u8]| Volume::load(VolumeOptions::default(), Vec::<Span>::new(), state).map(|mut loaded| loaded.save());
        let mut other = Volume::new(VolumeOptions::default(), Vec::<Span>::new());
        prop_assert!(other.restore(&saved).is_ok());
        prop_assert!(other.restore(&saved[1..]).is_err());
        prop_assert_eq!(other.save(), Ok(saved.clone()), "an error leaves it as it was");
        let cut = load(&saved[..length.index(saved.len())]).expect_err("it is not whole");
        prop_assert!(cut.to_string().contains("begin with a new volume"));
        prop_assert!(load(&[&saved[..], &[0]].concat()).is_err());
        let mut changed = saved.clone();
        let at = at.index(saved.len());
        changed[at] = byte;
        // What is taken all the same means what it says.
        if let Ok(Ok(again)) = load(&changed) {
            prop_assert!(again.len() <= changed.len());
        }
    }

    #[test]
    fn collapsing_keeps_number_and_time(spans in forest()) {
        let (kept, _) = through(&collapsing(), &spans);
        let count = |span: &Span| match span.attribute("gotrace.collapsed.count") {
            Some(Value::Integer(count)) => *count as usize,
            _ => 1,
        };
        let time = |span: &Span| match span.attribute("gotrace.collapsed.time.total") {
            Some(Value::Float(seconds)) => (seconds * 1e9).round() as u64,
            _ => span.duration_nanos(),
        };
        prop_assert_eq!(kept.iter().map(count).sum::<usize>(), spans.len());
        prop_assert_eq!(kept.iter().map(time).sum::<u64>(), spans.iter().map(Span::duration_nanos).sum::<u64>());
    }

    #[test]
    fn traces_are_sampled_whole_and_larger_ratios_keep_more(
        spans in forest(),
        random in prop::collection::vec(any::<u128>(), 60),
        (low, high) in (0.0..=1.0, 0.0..=1.0).prop_map(|(a, b): (f64, f64)| (a.min(b), a.max(b))),
    ) {
        let mut spans = spans;
        for span in &mut spans {
            span.trace_id = trace_id(random[span.trace_id.as_u128() as usize - 1] | 1 << 127);
        }
        let sampled = |ratio: f64| {
            through(&options(|options| options.ratio = SamplingRatio::try_from(ratio).expect("a ratio")), &spans).0
        };
        let (few, many) = (sampled(low), sampled(high));
        prop_assert!(dangling(&few).is_empty());
        let per_trace = |spans: &[Span]| {
            spans.iter().fold(BTreeMap::new(), |mut counts: BTreeMap<_, usize>, span| {
                *counts.entry(span.trace_id).or_default() += 1;
                counts
            })
        };
        let (all, few, many) = (per_trace(&spans), per_trace(&few), per_trace(&many));
        prop_assert!(few.iter().all(|(trace, count)| many.get(trace) == Some(count)));
        prop_assert!(many.iter().all(|(trace, count)| all.get(trace) == Some(count)));
    }

    #[test]
    fn without_whole_trees_caps_are_hard(spans in forest(), cap in 1..5_u32) {
        const SECOND: u64 = 1_000_000_000;
        let mut spans = spans;
        for (number, span) in (0..).zip(&mut spans) {
            span.end = UnixTime(number / 7 * SECOND);
        }
        let capped = options(|options| {
            options.spans_per_second = NonZeroU32::new(cap);
            options.whole_trees = false;
        });
        let (kept, _) = through(&capped, &spans);
        for second in 0..10 {
            let of = |spans: &[Span]| spans.iter().filter(|span| span.end.0 / SECOND == second).count();
            prop_assert_eq!(of(&kept), of(&spans).min(cap as usize));
        }
    }
}

#[test]
fn a_loop_of_regions_is_one_span() {
    let trace = trace(
        Dialect::Stock,
        &[(1, &|script: &mut Script<'_>| {
            script.run(7);
            script.task_begin(7, 1, 0, "task");
            for _ in 0..10 {
                script.region_begin(7, 1, "poll");
                script.region_end(7, 1, "poll");
            }
            script.task_end(7, 1);
        })],
    );
    let (spans, _) = common::spans_of_bytes(&trace, MapperOptions::default());
    let options =
        options(|options| options.collapse = Some(Collapse::shorter_than(Duration::from_micros(1))));
    let (kept, counters) = through(&options, &spans);
    let names: Vec<_> = kept.iter().map(|span| &*span.name).collect();
    assert_eq!((names, counters.collapsed_spans), (vec!["poll", "task"], 9));
    assert_eq!((kept[0].start, kept[0].end), (UnixTime(time(1, 5)), UnixTime(time(1, 24))));
    assert_eq!(kept[0].attribute("gotrace.collapsed.count"), Some(&Value::Integer(10)));
    // The goroutine ran all the while.
    for part in ["total", "running"] {
        let time = kept[0].attribute(&format!("gotrace.collapsed.time.{part}"));
        assert_eq!(time, Some(&Value::Float(10.0 * UNIT as f64 / 1e9)), "{part}");
    }
    assert_eq!(kept[0].anatomy, None);
}

#[test]
fn recordings_stay_whole_trees() {
    let mut recordings: Vec<_> = common::RELEASES.map(common::testdata).into();
    recordings.push(common::testdata("fork"));
    let shared = common::testdata("../../shared/traces/fork");
    if shared.is_dir() {
        recordings.push(shared);
    } else {
        eprintln!("skipped: {} is not there", shared.display());
    }
    let fewer = options(|options| {
        options.minimum_duration = Duration::from_micros(300);
        options.spans_per_second = NonZeroU32::new(500);
        options.keep = Filter::ALL - Filter::TLS;
    });
    let collapsed =
        options(|options| options.collapse = Some(Collapse::shorter_than(Duration::from_secs(1))));
    let mut total = VolumeCounters::default();
    for folder in recordings {
        for file in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()) {
            if file.extension().is_none_or(|extension| extension != "trace") {
                continue;
            }
            let trace = fs::read(&file).expect("a file");
            let (spans, _) = common::spans_of_bytes(&trace, MapperOptions::default());
            for options in [&fewer, &collapsed] {
                let (kept, counters) = through(options, &spans);
                let left: BTreeSet<_> = dangling(&kept).difference(&dangling(&spans)).copied().collect();
                assert!(left.is_empty(), "{}: {left:?}", file.display());
                assert_eq!(sum(&counters), spans.len() as u64, "{}", file.display());
                total.short_spans += counters.short_spans;
                total.collapsed_spans += counters.collapsed_spans;
                total.kept_for_children += counters.kept_for_children;
            }
        }
    }
    assert!(total.short_spans > 100, "{total:?}");
}
