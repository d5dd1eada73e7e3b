#![no_main]
//! Queries, any text: what is one is written as one that is equal to it, and says the same of each span and of what a goroutine did.
//! What is none is told where.
use std::num::{NonZeroU64, NonZeroU128};

use trace_to_otel::{
    Anatomy, Attribute, Scope, Span, UnixTime,
    query::{Query, QueryError, Stretch},
};

const FILE: &str = "traces/app.trace";

libfuzzer_sys::fuzz_target!(|text: &str| {
    let query: Query = match text.parse() {
        Ok(query) => query,
        Err(error) => return check_error(&error, text),
    };
    let written = query.to_string();
    let again: Query = written.parse().unwrap_or_else(|error| panic!("{text:?} is {written:?}: {error}"));
    assert_eq!(again, query, "{text:?} is {written:?}");
    for span in [span(), bare()] {
        let matches = query.matches_span(&span, FILE);
        assert_eq!(again.matches_span(&span, FILE), matches, "{text:?} is {written:?}");
        // There is none of the empty one, nor of one that is as deep as can be.
        if let Ok(opposite) = format!("not ({written})").parse::<Query>() {
            assert_ne!(opposite.matches_span(&span, FILE), matches, "{text:?}");
        }
    }
    let mut stretch = Stretch::new(18, "waiting", UnixTime(5), 60_000_000);
    assert_eq!(again.matches_stretch(&stretch, FILE), query.matches_stretch(&stretch, FILE));
    (stretch.function, stretch.reason) = (Some("main.worker"), Some("chan receive"));
    stretch.place = Some("main.take shop.go:7");
    assert_eq!(again.matches_stretch(&stretch, FILE), query.matches_stretch(&stretch, FILE));
});

/// It lies within the text, and is shown there.
fn check_error(error: &QueryError, text: &str) {
    assert!(text.get(error.place()).is_some(), "{error:?}");
    assert_eq!(error.pointing().to_string().lines().count(), 2, "{error:?}");
}

fn bare() -> Span {
    let times = (UnixTime(0), UnixTime(0));
    Span::new(NonZeroU128::MIN.into(), NonZeroU64::MIN.into(), Scope::Task, "", times)
}

fn span() -> Span {
    let mut span = bare();
    (span.name, span.end) = ("GET /orders/{id}".into(), UnixTime(65_000_000));
    span.attributes = vec![
        Attribute::new("http.route", "/orders/{id}"),
        Attribute::new("http.response.status_code", 504),
        Attribute::new("cache", true),
        Attribute::new("log.count", "7"),
        Attribute::new("db.client.operation.duration", 0.02),
        Attribute::new("gotrace.goroutine.id", 18),
        Attribute::new("code.function.name", "example.com/shop.(*Shop).order"),
    ];
    span.anatomy.get_or_insert_with(Anatomy::default).running = 20_000_000;
    span
}
