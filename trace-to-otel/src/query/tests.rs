//! Queries as people write them.

use std::num::{NonZeroU64, NonZeroU128};

use proptest::prelude::*;

use super::{field::FIELDS, *};
use crate::{
    anatomy::{Anatomy, Waiting},
    span::{Attribute, Scope, SpanKind, Status, UnixTime},
};

const MILLISECOND: u64 = 1_000_000;

fn query(text: &str) -> Query {
    text.parse().unwrap_or_else(|error: QueryError| panic!("{text}\n{}", error.pointing()))
}

fn span() -> Span {
    let (trace_id, span_id) = (NonZeroU128::MIN.into(), NonZeroU64::MIN.into());
    let times = (UnixTime(5 * MILLISECOND), UnixTime(65 * MILLISECOND));
    let mut span = Span::new(trace_id, span_id, Scope::Http, "GET /orders/{id}", times);
    span.kind = SpanKind::Server;
    span.status = Status::error("timeout");
    span.attributes = vec![
        Attribute::new("http.route", "/orders/{id}"),
        Attribute::new("http.response.status_code", 504),
        Attribute::new("cache", true),
        Attribute::new("user.id", 9_007_199_254_740_993_i64),
        Attribute::new("log.count", "7"),
        Attribute::new("db.client.operation.duration", 0.02),
        Attribute::new("gotrace.goroutine.id", 18),
        Attribute::new("code.function.name", "example.com/shop.(*Shop).order"),
    ];
    let mut anatomy = Anatomy { running: 20 * MILLISECOND, ..Anatomy::default() };
    anatomy.waiting_for[Waiting::Sync as usize] = 30 * MILLISECOND;
    anatomy.waiting_for[Waiting::Network as usize] = 10 * MILLISECOND;
    span.anatomy = Some(anatomy);
    span
}

#[test]
fn a_span_is_matched_by_each_of_its_fields() {
    let matching = "
        name~GET duration>50ms waiting.sync>10ms
        name='GET *'
        name = \"GET /orders/{id}\"
        name='*{id}' name=*orders* name='G*T*/*id}'
        name~orders and not name~items
        kind=server status=error scope=gotrace.http
        trace_id=*1 span_id=0000000000000001
        function~Shop goroutine=18 goroutine=g18 goroutine<=18
        file=app.trace file=*.trace
        duration=60ms duration<=0.06s duration>=60000us duration<1m duration>59.999999ms
        waiting=40ms waiting.network=10ms running=20ms syscall=0 gc_assist<1ns
        http.route=/orders/{id}
        http.response.status_code=504 http.response.status_code>=500 http.response.status_code=5*
        http.response.status_code=504.0
        db.client.operation.duration>10ms db.client.operation.duration<0.03
        gotrace.time.running>19ms
        'cache'=true
        (name~POST or name~GET) kind!=client
        name~POST or status=error
        not (name~POST or kind=client)
        not not kind=server
        http.request.method!=GET http.request.method!~G
        db.query.text=* or http.route=*
        name!~POST
        user.id=9007199254740993 user.id!=9007199254740992
        db.client.operation.duration=20ms db.client.operation.duration=0.02 db.client.operation.duration!=21ms
        log.count<8 log.count>=7 log.count=7
        name!='=GET' name!~'~' http.route!=a=~b
        ";
    for text in matching.lines().chain([""]) {
        assert!(query(text).matches_span(&span(), "app.trace"), "{text}");
    }
    let others = "
        name=GET
        name~get
        name='*GET'
        name='GET *x*'
        name~GET duration>60ms
        kind=client or status=ok
        parent_id=*
        http.request.method=GET
        http.request.method>1
        http.route>1
        goroutine<18
        'cache'~tr 'cache'=false
        duration!=60ms
        not name~GET
        function=shop
        user.id=9007199254740992
        db.client.operation.duration!=20ms
        log.count>7
        http.route<1
        trace_id=1";
    for text in others.lines().skip(1) {
        assert!(!query(text).matches_span(&span(), "app.trace"), "{text}");
    }
}

#[test]
fn what_a_goroutine_did_is_matched_by_each_of_its_fields() {
    let mut stretch = Stretch::new(18, "waiting", UnixTime(5), 60 * MILLISECOND);
    stretch.function = Some("main.worker");
    stretch.reason = Some("chan receive");
    stretch.place = Some("main.take shop.go:7");
    for (text, is_true) in [
        ("goroutine.state=waiting duration>50ms reason='chan receive'", true),
        ("goroutine.state=wait*", true),
        ("reason~chan goroutine=18 function=main.*", true),
        ("place~shop.go: file=app.trace", true),
        ("reason!=sync", true),
        ("not goroutine.state=running", true),
        ("goroutine.state=running", false),
        ("goroutine.state=waiting duration>60ms", false),
        ("reason=sync or place~other", false),
        ("reason~chan goroutine=19", false),
        ("reason~chan function=main.other", false),
    ] {
        let query = query(text);
        assert_eq!(query.subject(), Subject::Stretches, "{text}");
        assert_eq!(query.matches_stretch(&stretch, "traces/app.trace"), is_true, "{text}");
    }
    for text in [
        "",
        "duration>50ms",
        "goroutine=18",
        "function~main or duration>1ms",
        "'reason'=sync",
        "'goroutine.x'=1",
    ] {
        assert_eq!(query(text).subject(), Subject::Spans, "{text}");
    }
    stretch.reason = None;
    assert!(!query("reason~''").matches_stretch(&stretch, "app.trace"));
}

#[test]
fn identities_are_found_in_capitals_too() {
    let mut span = span();
    span.span_id = NonZeroU64::new(0xabcd_ef01).expect("an id").into();
    for text in ["span_id=00000000ABCDEF01", "span_id~aBcD", "span_id=*ef01"] {
        assert!(query(text).matches_span(&span, "app.trace"), "{text}");
    }
    assert!(!query("name~get").matches_span(&span, "app.trace"), "texts tell capitals");
}

#[test]
fn a_file_is_found_by_its_path_and_by_its_name() {
    for text in
        ["file=a.trace", "file=traces/a.trace", "file=traces/*", "file~traces", "file=a.* file!=traces"]
    {
        assert!(query(text).matches_span(&span(), "traces/a.trace"), "{text}");
    }
    for text in ["file!=a.trace", "file=b.trace", "file!=traces/a.trace", "file=traces"] {
        assert!(!query(text).matches_span(&span(), "traces/a.trace"), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let cases = [
        ("name", 4..4, "an operator has to follow name"),
        ("name~", 5..5, "a value has to follow"),
        ("name~GET duration>50", 18..20, "a number with its unit"),
        ("duration>50xs", 9..13, "a number with its unit"),
        ("duration>1.2.3ms", 9..16, "a number with its unit"),
        ("duration>20000000h", 9..18, "a number with its unit"),
        ("duration~50ms", 8..9, "is a duration"),
        ("name>5", 4..5, "is a text"),
        ("durration>5ms", 0..9, "did you mean duration?"),
        ("wait>5ms", 0..4, "did you mean waiting?"),
        ("cache=true", 0..5, "stands in quotes"),
        ("kind=servr", 5..10, "kind is one of internal, server"),
        ("goroutine=main", 10..14, "a whole number"),
        ("http.route>x", 11..12, "a number, such as 500"),
        ("(name~GET", 0..1, "not closed"),
        ("name~GET)", 8..9, "no parenthesis is open"),
        ("()", 1..2, "a comparison has to stand before this"),
        ("name~'GET", 5..9, "does not end"),
        ("or name~GET", 0..2, "has to stand before this or"),
        ("name~GET or", 11..11, "a comparison has to follow"),
        ("not", 3..3, "a comparison has to follow"),
        ("=5", 0..1, "a field has to stand before"),
        ("!name~GET", 0..1, "write not"),
        ("name=~GET.*", 5..6, "no such operator"),
        ("name==GET", 5..6, "= compares"),
        ("http.route !== /x", 13..14, "no such operator"),
        ("http.route=!/x", 11..12, "stands in quotes"),
        ("duration=>5ms", 9..10, "no such operator"),
        ("duration>>=5ms", 9..11, "no such operator"),
        ("name~~GET", 5..6, "~ finds a part"),
        ("name<>GET", 5..6, "no such operator"),
        ("function~shop.(*Shop).order", 14..15, "with parentheses stands in quotes"),
        ("goroutine.state=asleep", 16..22, "goroutine.state is one of running"),
        ("name~GET reason=sync", 9..15, "reason is of what goroutines did, and name of spans"),
        (
            "reason=sync or waiting.sync>1s",
            15..27,
            "waiting.sync is of spans, and reason of what goroutines did",
        ),
        ("goroutine.reason=sync", 0..16, "there is no field goroutine.reason; did you mean reason?"),
        ("goroutine.place~main", 0..15, "did you mean place?"),
        ("goroutine.states=waiting", 0..16, "did you mean goroutine.state?"),
        ("goroutine.duration>1ms", 0..18, "there is no field goroutine.duration; did you mean duration?"),
        ("state=waiting", 0..5, "did you mean goroutine.state?"),
        ("reasons=sync", 0..7, "did you mean reason?"),
        ("goroutine.=1", 0..10, "there is no field goroutine."),
        ("place>1", 5..6, "is a text"),
        ("name~GET AND duration>5ms", 9..12, "write and in small letters"),
        ("name~GET Or name~PUT", 9..11, "write or in small letters"),
        ("NOT name~GET", 0..3, "write not in small letters"),
    ];
    for (text, place, what) in cases {
        let error = text.parse::<Query>().expect_err(text);
        assert_eq!(error.place(), place, "{text}: {error}");
        assert!(error.to_string().contains(what), "{text}: {error}");
    }
    let error = "name~größe duration>5".parse::<Query>().expect_err("no unit");
    let shown = error.pointing().to_string();
    let expected = "  name~größe duration>5\n                      ^ a duration is a number";
    assert!(shown.starts_with(expected), "{shown}");
    let deep = "(".repeat(1_000_000);
    assert!(deep.parse::<Query>().expect_err("deep").to_string().contains("nested too deep"));
    assert!("not ".repeat(1_000_000).parse::<Query>().is_err());
}

/// Texts with what has a meaning in queries.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.*/{}]{0,8}", "[a-zß \"'\\\\()=~<>!\n*]{0,8}", Just("or".to_owned())]
}

fn order() -> impl Strategy<Value = Order> {
    use Order as O;
    let all = [O::Equal, O::NotEqual, O::Less, O::LessOrEqual, O::Greater, O::GreaterOrEqual];
    prop::sample::select(all.to_vec())
}

fn text_operator() -> impl Strategy<Value = TextOperator> {
    prop_oneof![Just(TextOperator::Matches), Just(TextOperator::Differs)]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    (text(), any::<bool>()).prop_map(
        |(text, is_part)| {
            if is_part { Pattern::part(&text) } else { Pattern::whole(&text) }
        },
    )
}

fn key() -> impl Strategy<Value = Box<str>> {
    let keys = prop_oneof![text(), Just("http.route".to_owned()), Just("waiting.sync".to_owned())];
    keys.prop_filter("keys have a name", |key| !key.is_empty()).prop_map(Into::into)
}

fn known(subject: Subject) -> impl Strategy<Value = Comparison> {
    let mut fields = FIELDS.to_vec();
    fields.retain(|(_, field)| field.subject().is_none_or(|of| of == subject));
    let fields = prop::sample::select(fields);
    let known = (fields, order(), text_operator(), pattern(), any::<u64>(), any::<i64>());
    known.prop_map(|((_, field), order, operator, pattern, time, id)| match field {
        Field::Text(field) => match field.values() {
            Some(values) => Comparison::Text(field, operator, Pattern::part(values[1])),
            None => Comparison::Text(field, operator, pattern),
        },
        Field::Time(field) => Comparison::Time(field, order, time),
        Field::Goroutine | Field::Attribute(_) => Comparison::Goroutine(order, id),
    })
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let number = prop_oneof![
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Number::Plain),
        (1..u64::MAX).prop_map(Number::Nanoseconds),
    ];
    let above = prop_oneof![Just(Order::Less), Just(Order::GreaterOrEqual)];
    prop_oneof![
        known(Subject::Spans),
        (key(), text_operator(), pattern()).prop_map(|(key, o, p)| Comparison::AttributeText(key, o, p)),
        (key(), above, number).prop_map(|(key, o, n)| Comparison::AttributeNumber(key, o, n)),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![conditions_of(comparison()), conditions_of(known(Subject::Stretches))]
}

fn conditions_of(
    comparison: impl Strategy<Value = Comparison> + 'static,
) -> impl Strategy<Value = Condition> {
    comparison.prop_map(Condition::Is).prop_recursive(4, 24, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(Condition::All),
            several.prop_map(Condition::Any),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

#[test]
fn what_is_wrong_is_shown_on_two_lines_whatever_the_names_and_however_far() {
    let far = " ".repeat(70_000);
    for text in ["'a\nb\u{1b}[2J'", "'a' = 'b\r\n' x\u{1b}", &format!("{far}name")] {
        let error = text.parse::<Query>().unwrap_err();
        let shown = error.pointing().to_string();
        assert_eq!(shown.lines().count(), 2, "{shown:?}");
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(!shown.contains(is_control) && !error.to_string().contains(char::is_control), "{shown:?}");
    }
}

proptest! {
    #[test]
    fn a_query_that_is_written_is_read_as_it_was(condition in condition()) {
        let query = Query(Some(condition));
        let written = query.to_string();
        let read = written.parse::<Query>();
        prop_assert_eq!(read.as_ref(), Ok(&query), "{}", written);
    }

    #[test]
    fn no_text_makes_parsing_panic(text in "[a-z.><=~!()'\"\\\\ µß0-9]{0,40}") {
        if let Err(error) = text.parse::<Query>() {
            prop_assert!(text.get(error.place()).is_some(), "{}", error);
        }
    }

    /// By what a pattern says, found by trying every way.
    #[test]
    fn stars_stand_for_any_text(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
        fn is_like(text: &[u8], pattern: &[u8]) -> bool {
            match pattern {
                [] => text.is_empty(),
                [b'*', rest @ ..] => (0..=text.len()).any(|skipped| is_like(&text[skipped..], rest)),
                [first, rest @ ..] => text.first() == Some(first) && is_like(&text[1..], rest),
            }
        }
        prop_assert_eq!(Pattern::whole(&pattern).matches(&text), is_like(text.as_bytes(), pattern.as_bytes()));
    }
}
