//! Profiles: those of each file, per service, delivered as spans are.

use std::collections::BTreeMap;

use go_trace_format::Reader;
use trace_to_otel::profiles::{ProfileKind, ProfilesCollector};

use crate::{
    http::get,
    receiver::{Receiver, Reply},
    sidecar::Home,
    truth,
};

/// The values of samples, summed up, by the scope of their profile.
type Sums = BTreeMap<String, i64>;

fn home(receiver: &Receiver, signals: &str) -> Home {
    let mut home = Home::new(receiver);
    home.edit("[otlp]\n", &format!("[otlp]\nsignals = {signals}\n"));
    home
}

/// What is in the profiles of a trace.
fn of_trace(trace: &[u8]) -> Sums {
    let mut reader = Reader::from_slice(trace).unwrap();
    let mut collector = ProfilesCollector::default();
    while let Some(event) = reader.next_event().unwrap() {
        collector.event(&event);
    }
    let profiles = collector.finish();
    let mut sums = Sums::new();
    for kind in ProfileKind::ALL {
        let profile = profiles.profile(kind);
        for sample in profile.samples() {
            let value = if kind.has_times() { sample.nanoseconds } else { sample.count };
            *sums.entry(format!("gotrace.profile.{kind}")).or_default() += i64::try_from(value).unwrap();
        }
    }
    sums.retain(|_, sum| *sum > 0);
    assert!(!sums.is_empty());
    sums
}

/// What the receiver has accepted of a service.
fn accepted(receiver: &Receiver, service: &str) -> Sums {
    let mut sums = Sums::new();
    for request in receiver.requests().iter().filter(|request| request.is_accepted) {
        for (scope, profile) in request.profiles(service) {
            let values = profile.samples.iter().flat_map(|sample| &sample.values);
            *sums.entry(scope).or_default() += values.sum::<i64>();
        }
    }
    sums
}

#[test]
fn those_of_each_service_arrive_and_nothing_else() {
    let receiver = Receiver::start();
    let home = home(&receiver, "[\"profiles\"]");
    let [http, mutexes] = ["go1.27/http.trace", "go1.27/mutexes.trace"].map(truth::read);
    home.put("a/1.trace", &http);
    home.put("b/1.trace", &mutexes);
    home.once();
    assert_eq!(accepted(&receiver, "a"), of_trace(&http));
    assert_eq!(accepted(&receiver, "b"), of_trace(&mutexes));
    for request in receiver.requests() {
        assert_eq!(request.head.path, "/v1development/profiles");
        assert_eq!(request.head.headers("otlp-profiles-development-version"), ["1"]);
        assert!(request.body.len() <= 16_384);
    }
    let requests = receiver.requests();
    let profiles =
        ["a", "b"].map(|service| requests.iter().flat_map(move |request| request.profiles(service)));
    let mut samples = profiles.into_iter().flatten().flat_map(|(_, profile)| profile.samples);
    assert!(samples.all(|sample| sample.link_index == 0), "no span is sent that a link could name");
}

#[test]
fn beside_spans_they_are_counted_by_themselves() {
    let receiver = Receiver::start();
    let home = home(&receiver, "[\"traces\", \"metrics\", \"profiles\", \"logs\"]").telling();
    let sidecar = home.start();
    let trace = truth::read("go1.27/http.trace");
    home.put("a/1.trace", &trace);
    sidecar.until_delivered(1);
    let page = get(sidecar.telemetry_address(), "/metrics").unwrap().body;
    let requests = receiver.requests();
    let profiles = requests.iter().flat_map(|request| request.profiles("a"));
    let samples: usize = profiles.map(|(_, profile)| profile.samples.len()).sum();
    let line = format!("trace_sidecar_profile_samples_total{{service=\"a\"}} {samples}\n");
    assert!(page.contains(&line), "{line} in {page}");
    assert!(page.contains("trace_sidecar_unexplained_off_cpu_seconds_total{service=\"a\"} "), "{page}");
    sidecar.terminate();
    assert_eq!(accepted(&receiver, "a"), of_trace(&trace));
    assert!(receiver.span_count() > 0);
    let linked = requests.iter().flat_map(|request| request.profiles("a"));
    let linked = linked.flat_map(|(_, profile)| profile.samples).filter(|sample| sample.link_index > 0);
    assert!(linked.count() > 0, "samples name the spans beside which they are");
}

/// What a file repeats of an earlier one is in no further profile.
#[test]
fn generations_that_come_twice_count_once() {
    let receiver = Receiver::start();
    let home = home(&receiver, "[\"profiles\"]");
    let sidecar = home.start();
    let trace = truth::read("go1.27/http.trace");
    for number in 1..=2 {
        home.put(&format!("a/{number}.trace"), &trace);
        sidecar.until_delivered(number);
    }
    sidecar.terminate();
    assert_eq!(accepted(&receiver, "a"), of_trace(&trace));
}

#[test]
fn a_receiver_that_is_away_gets_them_later() {
    let receiver = Receiver::with(|number, _, _| match number {
        0..5 => Reply::Refuse(503, "later"),
        _ => Reply::Accept,
    });
    let home = home(&receiver, "[\"profiles\"]");
    let trace = truth::read("go1.27/http.trace");
    home.put("a/1.trace", &trace);
    home.once();
    assert_eq!(accepted(&receiver, "a"), of_trace(&trace));
}

/// Killed while the receiver takes nothing more, it sends after the next start what had not arrived.
#[test]
fn what_had_not_arrived_before_a_kill_goes_out_after_it() {
    let receiver = Receiver::with(|number, _, _| if number < 2 { Reply::Accept } else { Reply::Hang });
    let mut home = home(&receiver, "[\"profiles\"]");
    // Without links to spans there is little in them: that is several requests all the same.
    home.edit("max_batch_bytes = 16384", "max_batch_bytes = 2048");
    let trace = truth::read("go1.27/http.trace");
    home.put("a/1.trace", &trace);
    let sidecar = home.start();
    sidecar.until("it hangs", || receiver.count() > 2);
    sidecar.kill();
    receiver.until_left();
    receiver.answer(|_, _, _| Reply::Accept);
    let before = accepted(&receiver, "a");
    home.once();
    let (after, whole) = (accepted(&receiver, "a"), of_trace(&trace));
    for (scope, &value) in &whole {
        let (was, is) = (before.get(scope).copied().unwrap_or_default(), after[scope]);
        assert!((value..=value + was).contains(&is), "{scope}: {is} of {value}, {was} before");
    }
}

#[test]
fn what_the_receiver_does_not_want_is_put_aside() {
    let receiver = Receiver::with(|_, head, _| match head.path.ends_with("/profiles") {
        true => Reply::Refuse(400, "no profiles, please"),
        false => Reply::Accept,
    });
    let home = home(&receiver, "[\"traces\", \"profiles\"]");
    home.put("a/1.trace", &truth::read("go1.27/http.trace"));
    home.once();
    assert_eq!(accepted(&receiver, "a"), Sums::new());
    assert!(receiver.span_count() > 0, "spans go their own way");
    let reasons = home.reasons();
    assert!(
        !reasons.is_empty() && reasons.iter().all(|reason| reason.contains("no profiles, please")),
        "{reasons:?}"
    );
}

/// As a Collector does whose gate for profiles is closed. There are more of them than requests may be under way.
#[test]
fn a_receiver_without_profiles_gets_all_spans() {
    const WORDS: &str = "no such path";
    let files = ["a/1.trace", "b/1.trace", "c/1.trace"];
    let trace = truth::read("go1.27/http.trace");
    let spans_of = |signals: &str| {
        let receiver = Receiver::with(|_, head, _| match head.path.ends_with("/profiles") {
            true => Reply::Refuse(404, WORDS),
            false => Reply::Accept,
        });
        let home = home(&receiver, signals);
        files.iter().for_each(|file| drop(home.put(file, &trace)));
        let sidecar = home.start();
        sidecar.until_delivered(files.len());
        let is_told = sidecar.says("service.profilesSupport") > 0;
        sidecar.terminate();
        let reasons = home.reasons();
        assert!(reasons.iter().all(|reason| reason.contains(WORDS)), "{reasons:?}");
        assert_eq!(accepted(&receiver, "a"), Sums::new());
        (receiver.span_count(), is_told, reasons.len())
    };
    let (spans, is_told, aside) = spans_of("[\"traces\"]");
    assert!(spans > 0 && !is_told && aside == 0);
    let (beside_profiles, is_told, aside) = spans_of("[\"traces\", \"profiles\"]");
    assert_eq!((beside_profiles, is_told), (spans, true));
    assert!(aside >= files.len(), "{aside}");
}
