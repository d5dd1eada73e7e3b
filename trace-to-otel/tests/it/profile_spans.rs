//! Profiles beside spans: each sample names the span that was innermost, and what stacks have within a span is its anatomy.
#![cfg(feature = "profiles")]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::PathBuf,
    time::Duration,
};

use crate::{
    common::{
        self, profiles_of as alone,
        script::{EPOCH, Script, UNIT, trace},
    },
    untrusted,
};
use go_trace_context::{Fold, SpanId, TraceId};
use go_trace_format::{Dialect, EventType};
use proptest::{collection::vec, prelude::*};
use trace_to_otel::{
    Anatomy, Collapse, Correlator, Pipeline, PipelineOptions, Span, Value, Waiting,
    profiles::{ProfileKind, Profiles, ProfilesOptions},
};

fn options() -> PipelineOptions {
    let mut options = PipelineOptions::default();
    // On one line, whatever generations a span goes over.
    options.mapper.steady_clock = true;
    options.profiles = Some(ProfilesOptions::default());
    options
}

fn collect(trace: &[u8], options: PipelineOptions) -> (Vec<Span>, Profiles) {
    let mut pipeline = Pipeline::new(options, Vec::new());
    common::read_events(trace, |event| {
        let Ok(()) = pipeline.event(event);
    });
    let Ok(()) = pipeline.finish();
    let profiles = pipeline.take_profiles().expect("they are wanted");
    (pipeline.into_sink(), profiles)
}

fn recordings() -> Vec<PathBuf> {
    let folders = common::RELEASES.into_iter().chain(["fork", "zero-code"]);
    let files = folders.flat_map(|folder| fs::read_dir(common::testdata(folder)).expect("a folder"));
    let files = files.map(|entry| entry.expect("a file").path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "trace")).collect()
}

/// Count and nanoseconds by reason.
fn sums(profiles: &Profiles, kind: ProfileKind) -> BTreeMap<&str, (u64, u64)> {
    let mut sums = BTreeMap::new();
    for sample in profiles.profile(kind).samples() {
        let (count, nanoseconds) = sums.entry(sample.reason.unwrap_or_default()).or_default();
        *count += sample.count;
        *nanoseconds += sample.nanoseconds;
    }
    sums
}

/// Every sample names a span that has gone out, if it names one; gives how many do.
fn check_names(spans: &[Span], profiles: &Profiles) -> usize {
    let out: HashSet<_> = spans.iter().map(|span| (span.trace_id, span.span_id, &*span.name)).collect();
    let kinds = ProfileKind::ALL.map(|kind| profiles.profile(kind));
    let named = kinds.iter().flat_map(|profile| profile.samples()).filter_map(|sample| sample.span);
    named
        .inspect(|span| {
            assert!(
                out.contains(&(span.trace_id, span.span_id, span.name.expect("no SDK exports it"))),
                "{span:?}"
            );
        })
        .count()
}

/// Whether spans are in the profiles or not is no matter for how much there is of what.
fn check_sums(profiles: &Profiles, alone: &Profiles) {
    for kind in ProfileKind::ALL {
        assert_eq!(sums(profiles, kind), sums(alone, kind), "{kind}");
        let within = profiles.profile_within(kind, |_| true);
        let named = profiles.profile(kind);
        let named = named.samples().iter().filter(|sample| sample.span.is_some());
        assert_eq!(within.nanoseconds(), named.map(|sample| sample.nanoseconds).sum::<u64>());
    }
}

fn goroutine(span: &Span) -> Option<i64> {
    match span.attribute("gotrace.goroutine.id")? {
        Value::Integer(id) => Some(*id),
        other => panic!("{other:?}"),
    }
}

/// Adds what a goroutine did with a span innermost.
fn add(anatomy: &mut Anatomy, other: &Anatomy) {
    anatomy.running += other.running;
    anatomy.runnable += other.runnable;
    anatomy.syscall += other.syscall;
    anatomy.gc_assist += other.gc_assist;
    anatomy.waiting_for.iter_mut().zip(other.waiting_for).for_each(|(sum, time)| *sum += time);
}

fn waiting(reason: &str) -> Waiting {
    match reason {
        "network" => Waiting::Network,
        "sync" | "sync.(*Cond).Wait" => Waiting::Sync,
        "chan send" | "chan receive" => Waiting::Channel,
        "select" => Waiting::Select,
        "sleep" => Waiting::Sleep,
        "GC mark assist wait for work"
        | "GC background sweeper wait"
        | "wait until GC ends"
        | "GC weak to strong wait" => Waiting::Gc,
        _ => Waiting::Other,
    }
}

/// What the stacks of each span sum up to, by its id.
fn anatomies(profiles: &Profiles) -> HashMap<u64, Anatomy> {
    let mut anatomies: HashMap<u64, Anatomy> = HashMap::new();
    for kind in [ProfileKind::Cpu, ProfileKind::OffCpu, ProfileKind::Gc] {
        for sample in profiles.profile(kind).samples() {
            let Some(span) = sample.span else { continue };
            let anatomy = anatomies.entry(span.span_id.as_u64()).or_default();
            let time = match (kind, sample.reason) {
                (ProfileKind::Cpu, _) => &mut anatomy.running,
                (ProfileKind::Gc, Some("GC mark assist")) => &mut anatomy.gc_assist,
                (ProfileKind::Gc, _) => continue,
                (_, Some("runnable")) => &mut anatomy.runnable,
                (_, Some("syscall")) => &mut anatomy.syscall,
                (_, reason) => &mut anatomy.waiting_for[waiting(reason.unwrap_or_default()) as usize],
            };
            *time += sample.nanoseconds;
        }
    }
    anatomies
}

/// How many spans' anatomies are what the stacks within them have; and how many cannot be compared: because a span that began in them
/// on their goroutine outlived them, or because the program has given several spans one id.
#[derive(Debug, Default)]
struct Compared {
    equal: usize,
    overlapped: usize,
    of_one_id: usize,
}

fn compare(spans: &[Span], profiles: &Profiles, compared: &mut Compared, what: &str) {
    let own = anatomies(profiles);
    let mut by_goroutine: HashMap<i64, Vec<(usize, &Span)>> = HashMap::new();
    let mut named: HashMap<SpanId, usize> = HashMap::new();
    for (place, span) in spans.iter().enumerate() {
        *named.entry(span.span_id).or_default() += 1;
        if let Some(goroutine) = goroutine(span) {
            by_goroutine.entry(goroutine).or_default().push((place, span));
        }
    }
    for on_goroutine in by_goroutine.values() {
        for &(place, outer) in on_goroutine {
            let Some(anatomy) = outer.anatomy else { continue };
            // Inner ones go out first.
            let is_in = |&(of, inner): &(usize, &Span)| {
                let is_same = (inner.start, inner.end) == (outer.start, outer.end);
                outer.start <= inner.start
                    && inner.end <= outer.end
                    && (of < place || (of > place && !is_same))
            };
            let outlives = |&(_, inner): &(usize, &Span)| {
                outer.start < inner.start && inner.start < outer.end && inner.end > outer.end
            };
            if on_goroutine.iter().any(outlives) {
                compared.overlapped += 1;
                continue;
            }
            let mut within = on_goroutine.iter().copied().filter(is_in).chain([(place, outer)]);
            if within.any(|(_, span)| named[&span.span_id] > 1) {
                compared.of_one_id += 1;
                continue;
            }
            let mut sum = own.get(&outer.span_id.as_u64()).copied().unwrap_or_default();
            for (_, inner) in on_goroutine.iter().copied().filter(is_in) {
                add(&mut sum, &own.get(&inner.span_id.as_u64()).copied().unwrap_or_default());
            }
            assert_eq!(sum, anatomy, "{what}: {outer:#?}");
            compared.equal += 1;
        }
    }
}

#[test]
fn what_stacks_have_within_a_span_is_its_anatomy() {
    let (mut compared, mut named) = (Compared::default(), 0);
    for file in recordings() {
        let trace = fs::read(&file).expect("a file");
        let (spans, profiles) = collect(&trace, options());
        let name = file.display().to_string();
        compare(&spans, &profiles, &mut compared, &name);
        named += check_names(&spans, &profiles);
        check_sums(&profiles, &alone(&trace));
        assert_eq!((profiles.left_out_spans(), profiles.left_out_stacks()), (0, 0), "{name}");
    }
    assert!(compared.equal > 1000 && named > 10_000, "{compared:?} {named}");
    assert!((compared.overlapped + compared.of_one_id) * 10 < compared.equal, "{compared:?}");
    println!("{compared:?}, {named} samples");
}

#[test]
fn time_of_spans_that_stay_behind_is_that_of_those_around_them() {
    let mut options = options();
    options.volume.minimum_duration = Duration::from_micros(200);
    options.volume.ratio = 0.8.try_into().expect("a share");
    let mut named = 0;
    for name in ["go1.27/http", "go1.25/context", "fork/withspan", "zero-code/go1.26-http1"] {
        let trace = common::read(&format!("{name}.trace"));
        let (all, _) = collect(&trace, self::options());
        let (spans, profiles) = collect(&trace, options.clone());
        assert!(spans.len() < all.len(), "{name}");
        named += check_names(&spans, &profiles);
        check_sums(&profiles, &alone(&trace));
    }
    assert!(named > 100, "{named}");
}

#[test]
fn spans_that_are_too_many_are_counted_and_their_time_is_that_of_those_around_them() {
    let trace = common::read("go1.27/http.trace");
    for max_spans in [0, 1, 20] {
        let mut few = options();
        few.profiles.get_or_insert_default().max_spans = max_spans;
        let (spans, profiles) = collect(&trace, few);
        assert!(check_names(&spans, &profiles) > 0 || max_spans < 2);
        assert_eq!(profiles.left_out_spans() > 10, max_spans > 0, "{}", profiles.left_out_spans());
        assert!(profiles.spans().count() <= max_spans);
        let told: Vec<_> = profiles.left_out().collect();
        assert_eq!(told.len(), usize::from(max_spans > 0), "{told:?}");
        let count = format!("{} times a span ", profiles.left_out_spans());
        assert!(told.iter().all(|what| what.starts_with(&count)), "{told:?}");
        check_sums(&profiles, &alone(&trace));
    }
}

/// Goroutine 7 waits in a region within a region, runs on, and waits behind both.
fn nested(script: &mut Script<'_>) {
    script.run(7);
    script.run(8);
    script.region_begin(7, 0, "outer");
    script.region_begin(7, 0, "inner");
    wait(script, "chan receive", 1);
    script.region_end(7, 0, "inner");
    wait(script, "sync", 3);
    script.region_end(7, 0, "outer");
    wait(script, "sync", 5);
}

/// Goroutine 7 waits until 8 wakes it.
fn wait(script: &mut Script<'_>, reason: &str, sequence: u64) {
    let (reason, stack) = (script.string(reason), script.stack(&["main.wait", "main.main"]));
    script.event(7, EventType::GoBlock, &[reason, stack]);
    script.event(8, EventType::GoUnblock, &[7, sequence, stack]);
    script.start(7, 7, sequence + 1);
}

fn units(profiles: &Profiles, kind: ProfileKind) -> Vec<(Option<&str>, Option<&str>, u64, u64)> {
    let profile = profiles.profile(kind);
    let samples = profile.samples().iter();
    let samples = samples.filter(|sample| sample.stack.frames().len() > 0);
    let mut samples: Vec<_> = samples
        .map(|sample| {
            let name = sample.span.map(|span| span.name.expect("no SDK exports it"));
            (name, sample.reason, sample.count, sample.nanoseconds / UNIT)
        })
        .collect();
    samples.sort_unstable();
    samples
}

#[test]
fn a_sample_is_of_the_innermost_span() {
    let trace = trace(Dialect::Stock, &[(1, &nested)]);
    let (spans, profiles) = collect(&trace, options());
    assert_eq!(spans.len(), 2);
    let (inner, outer) = (Some("inner"), Some("outer"));
    assert_eq!(
        units(&profiles, ProfileKind::OffCpu),
        [
            (None, Some("runnable"), 1, 1),
            (None, Some("sync"), 1, 1),
            (inner, Some("chan receive"), 1, 1),
            (inner, Some("runnable"), 1, 1),
            (outer, Some("runnable"), 1, 1),
            (outer, Some("sync"), 1, 1),
        ]
    );
    // Those that Go's tool has too: whole, in the span in which they began.
    assert_eq!(
        units(&profiles, ProfileKind::Block),
        [(None, Some("sync"), 1, 1), (inner, Some("chan receive"), 1, 1), (outer, Some("sync"), 1, 1)]
    );
    let within =
        |name: &str, kind| profiles.profile_within(kind, |span| span.name == Some(name)).nanoseconds() / UNIT;
    assert_eq!((within("outer", ProfileKind::OffCpu), within("inner", ProfileKind::OffCpu)), (4, 2));
    let of = |name: &str| spans.iter().find(|span| &*span.name == name).expect("it is there");
    for name in ["inner", "outer"] {
        let time = of(name).duration_nanos() / UNIT;
        assert_eq!(within(name, ProfileKind::OffCpu) + within(name, ProfileKind::Cpu), time, "{name}");
    }
    assert!(of("outer").start.0 > EPOCH);
    // Whoever asks for no spans gets one sample of each stack and reason.
    let merged = profiles.profile(ProfileKind::OffCpu).without_spans();
    assert_eq!(merged.nanoseconds(), profiles.profile(ProfileKind::OffCpu).nanoseconds());
    assert!(merged.samples().iter().all(|sample| sample.span.is_none()));
    let stacks: HashSet<_> = merged
        .samples()
        .iter()
        .map(|sample| (sample.reason, sample.stack.frames().collect::<Vec<_>>()))
        .collect();
    assert_eq!(stacks.len(), merged.samples().len());
}

#[test]
fn what_is_open_when_profiles_are_taken_is_named_in_the_next_ones() {
    let before: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        script.region_begin(7, 0, "outer");
        script.region_begin(7, 0, "inner");
    };
    let behind: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        wait(script, "chan receive", 1);
        script.region_end(7, 0, "inner");
        wait(script, "sync", 3);
        script.region_end(7, 0, "outer");
        wait(script, "sync", 5);
    };
    let trace = trace(Dialect::Stock, &[(1, &before), (2, &behind)]);
    for is_resumed in [false, true] {
        let mut pipeline = Pipeline::new(options(), Vec::new());
        let mut generations = 0;
        common::read_events(&trace, |event| {
            generations += usize::from(event.generation_begun().is_some());
            if generations == 2 && event.generation_begun().is_some() {
                let before = pipeline.take_profiles().expect("they are wanted");
                assert_eq!(before.spans().count(), 0);
                if is_resumed {
                    let Ok(state) = pipeline.save();
                    pipeline = Pipeline::new(options(), Vec::new());
                    pipeline.resume(&state).expect("a state");
                }
            }
            let Ok(()) = pipeline.event(event);
        });
        let Ok(()) = pipeline.finish();
        let profiles = pipeline.take_profiles().expect("they are wanted");
        let (inner, outer) = (Some("inner"), Some("outer"));
        let off_cpu = units(&profiles, ProfileKind::OffCpu);
        assert!(off_cpu.contains(&(inner, Some("chan receive"), 1, 1)), "{off_cpu:?}");
        assert!(off_cpu.contains(&(outer, Some("sync"), 1, 1)), "{off_cpu:?}");
        let within = |name: &str| {
            let all = [ProfileKind::OffCpu, ProfileKind::Cpu];
            let all =
                all.map(|kind| profiles.profile_within(kind, |span| span.name == Some(name)).nanoseconds());
            all.iter().sum::<u64>() / UNIT
        };
        // From the beginning of the generation: the three events of each thread, and what follows up to the end.
        assert_eq!((within("inner"), within("outer")), (6 + 4, 6 + 4 + 4));
    }
}

#[test]
fn what_volume_control_held_back_is_named_too() {
    let collapsing = || {
        let mut options = options();
        options.volume.collapse = Some(Collapse::shorter_than(Duration::from_secs(1)));
        options
    };
    let act: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        for sequence in [1, 3, 5] {
            script.region_begin(7, 0, "again");
            wait(script, "sync", sequence);
            script.region_end(7, 0, "again");
        }
    };
    let trace = trace(Dialect::Stock, &[(1, &act)]);
    let mut pipeline = Pipeline::new(collapsing(), Vec::<Span>::new());
    common::read_events(&trace, |event| {
        let Ok(()) = pipeline.event(event);
    });
    // What is held back goes out.
    let Ok(_) = pipeline.save();
    let profiles = pipeline.take_profiles().expect("they are wanted");
    let spans = pipeline.into_sink();
    assert_eq!((spans.len(), profiles.spans().count()), (1, 1));
    assert!(check_names(&spans, &profiles) > 0);
}

/// What several processes know of the same traces gives stand-ins their real ids: in samples as in spans.
#[test]
fn samples_name_spans_as_they_are_called_once_processes_are_put_together() {
    let mut renamed = 0;
    for name in ["fork/withspan", "fork/sql", "fork/net"] {
        let (mut spans, mut profiles) = collect(&common::read(&format!("{name}.trace")), options());
        let mut correlator = Correlator::new();
        let process = correlator.add_process();
        for span in &spans {
            correlator.observe(process, span);
            if let Some(fold) = Fold::of(span.trace_id).filter(|_| Fold::is_stand_in(span.trace_id)) {
                let real = TraceId::from_u128(u128::from(fold.get() ^ 1) << 64 | 1);
                correlator.observe_trace(real.expect("not 0"));
                renamed += 1;
            }
        }
        let correlation = correlator.finish();
        spans.iter_mut().for_each(|span| correlation.apply(process, span));
        correlation.apply_to_profiles(process, &mut profiles);
        assert!(spans.iter().all(|span| !Fold::is_stand_in(span.trace_id)), "{name}");
        assert!(check_names(&spans, &profiles) > 0, "{name}");
    }
    assert!(renamed > 10, "{renamed}");
}

/// A task begins in goroutine 7 and ends on 8, whose SDK exports it.
fn told(script: &mut Script<'_>) {
    script.run(7);
    script.run(8);
    script.task_begin(7, 5, 0, "request");
    script.log(7, 5, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    wait(script, "sync", 1);
    script.task_end(8, 5);
    wait(script, "sync", 3);
}

#[test]
fn a_span_that_the_sdk_exports_is_named_as_the_sdk_names_it() {
    let trace = trace(Dialect::Stock, &[(1, &told)]);
    for written_contexts in [true, false] {
        let mut options = options();
        options.mapper.written_contexts = written_contexts;
        let (spans, profiles) = collect(&trace, options);
        assert_eq!(spans.len(), usize::from(written_contexts));
        let profile = profiles.profile(ProfileKind::Block);
        let ids: Vec<_> = profile
            .samples()
            .iter()
            .map(|sample| sample.span.map(|span| (span.span_id.to_string(), span.name)))
            .collect();
        let name = written_contexts.then_some("request");
        assert_eq!(ids, [None, Some(("b7ad6b7169203331".to_owned(), name))]);
    }
}

proptest! {
    #[test]
    fn whatever_the_trace_samples_name_what_has_gone_out_and_are_as_many_as_without_spans(
        place in 0..untrusted::RECORDINGS.len(),
        damages in vec(untrusted::damage(), 1..12),
    ) {
        let mut trace = common::read(untrusted::RECORDINGS[place]);
        damages.iter().for_each(|damage| untrusted::apply(&mut trace, damage));
        let (spans, profiles) = collect(&trace, options());
        check_names(&spans, &profiles);
        // Where clocks contradict each other, a span's begin splits time elsewhere than without it.
        let alone = alone(&trace);
        let counts = |profiles: &Profiles, kind| -> BTreeMap<String, u64> {
            sums(profiles, kind).iter().map(|(&reason, &(count, _))| (reason.to_owned(), count)).collect()
        };
        for kind in ProfileKind::ALL {
            let (mut ours, mut theirs) = (counts(&profiles, kind), counts(&alone, kind));
            // Parts of what goes on count as none.
            ours.retain(|_, count| *count > 0);
            theirs.retain(|_, count| *count > 0);
            prop_assert_eq!(ours, theirs, "{}", kind);
        }
    }
}
