//! What a program says of its spans in logs: `docs/span-logs.md`.

use crate::common::{
    self,
    script::{EPOCH, Script, UNIT, time, trace},
};
use go_trace_format::{Dialect, EventType};
use trace_to_otel::{Counters, Mapper, MapperOptions, Span, SpanKind, Status, Value};

const OWN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const AROUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01";

fn one(act: impl Fn(&mut Script<'_>)) -> Vec<u8> {
    let act = |script: &mut Script<'_>| {
        script.run(7);
        act(script);
    };
    trace(Dialect::Stock, &[(1, &act)])
}

fn map(act: impl Fn(&mut Script<'_>)) -> (Vec<Span>, Counters) {
    common::spans_of_bytes(&one(act), MapperOptions::default())
}

/// A task of which something is said.
fn task_with(messages: &[&str]) -> (Span, Counters) {
    let (mut spans, counters) = map(|script| {
        script.task_begin(7, 1, 0, "GET");
        messages.iter().for_each(|message| script.log(7, 1, "otel.span", message));
        script.task_end(7, 1);
    });
    assert_eq!(spans.len(), 1, "{spans:#?}");
    (spans.remove(0), counters)
}

fn text<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    span.attribute(key).map(|value| value.as_str().expect("a text"))
}

#[test]
fn a_request_is_what_is_said_of_it() {
    let begin = format!(r#"{{"traceparent":"{OWN}","parent":"b7ad6b7169203331","kind":"server"}}"#);
    let end = r#"{"name":"GET /orders/{id}","status":"error","message":"Bad Gateway","attributes":{"error.type":"502",
        "http.request.method":"GET","url.path":"/orders/7","http.response.status_code":502,"http.route":"/orders/{id}",
        "code.function.name":"main.show","code.file.path":"main.go","code.line.number":12}}"#;
    let (span, counters) = task_with(&[&begin, end]);
    assert_eq!((&*span.name, span.kind), ("GET /orders/{id}", SpanKind::Server));
    assert_eq!(span.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span.span_id.to_string(), "00f067aa0ba902b7");
    let parent = span.parent.expect("a parent");
    assert_eq!((parent.span_id.to_string().as_str(), parent.is_remote), ("b7ad6b7169203331", true));
    assert_eq!(span.status, Status::error("Bad Gateway"));
    assert_eq!(span.attribute("http.response.status_code"), Some(&Value::Integer(502)));
    assert_eq!(text(&span, "http.route"), Some("/orders/{id}"));
    let functions: Vec<_> = span.attributes.iter().filter(|it| it.key == "code.function.name").collect();
    assert_eq!(functions.len(), 1, "the task's own place gives way");
    assert_eq!(text(&span, "code.function.name"), Some("main.show"));
    assert!(span.events.is_empty() && span.anatomy.is_some());
    assert_eq!((counters.invalid_contexts, counters.repeated_contexts), (0, 0));
}

#[test]
fn values_are_of_every_kind_and_the_last_counts() {
    let (span, _) = task_with(&[
        r#"{"my.text":"a","my.number":1,"kind":"client"}"#,
        r#"{"my.number":2.5,"my.flag":true,"my.nothing":null,"my.list":["x",1],"kind":"producer","gotrace.task.id":77}"#,
    ]);
    assert_eq!(text(&span, "my.text"), Some("a"));
    assert_eq!(span.attribute("my.number"), Some(&Value::Float(2.5)));
    assert_eq!(span.attribute("my.flag"), Some(&Value::Boolean(true)));
    assert_eq!(text(&span, "my.list"), Some(r#"["x",1]"#));
    assert_eq!(span.attribute("my.nothing"), None);
    assert_eq!(
        span.attribute("gotrace.task.id"),
        Some(&Value::Integer(1)),
        "that is not the program's to say"
    );
    assert_eq!((span.kind, span.dropped_attributes), (SpanKind::Producer, 1));
}

#[test]
fn everything_is_sanitized() {
    let (span, _) = task_with(&[
        r#"{"name":"GET https://u:s3cr3t@h/","message":"token=s3cr3t","attributes":{
        "url.full":"https://u:s3cr3t@h/a?key=s3cr3t#s3cr3t","url.path":"/a?s3cr3t","password":"s3cr3t","api_token":53,
        "db.query.text":"SELECT a FROM t WHERE b = 's3cr3t'","note":"password=s3cr3t","deep":{"password":"s3cr3t"}}}"#,
    ]);
    assert!(!format!("{span:?}").contains("s3cr3t"), "{span:#?}");
    assert_eq!(text(&span, "url.full"), Some("https://h/a"));
    assert_eq!(text(&span, "url.path"), Some("/a"));
    assert_eq!(text(&span, "password"), Some("REDACTED"));
    assert_eq!(text(&span, "api_token"), Some("REDACTED"));
    assert_eq!(text(&span, "db.query.text"), Some("SELECT a FROM t WHERE b = ?"));
    assert_eq!(text(&span, "db.query.summary"), Some("SELECT t"));
}

/// What the rules take out of URLs and queries is no attribute of its own either, by whatever key.
#[test]
fn parts_and_former_keys_have_the_same_rules() {
    let (span, counters) = task_with(&[
        r##"{"url.query":"ssn=s3cr3t","url.fragment":"s3cr3t","http.target":"/a?ssn=s3cr3t",
        "http.url":"https://h/a?ssn=s3cr3t","url.original":"https://u:s3cr3t@h/a#s3cr3t"}"##,
        r#"{"db.query.parameter.ssn":"s3cr3t","db.operation.parameter.0":"s3cr3t","url.full":["https://h/s3cr3t"],
        "db.statement":"SELECT a FROM t WHERE b = 's3cr3t'"}"#,
    ]);
    assert_eq!(counters.invalid_contexts, 0);
    assert!(!format!("{span:?}").contains("s3cr3t"), "{span:#?}");
    for (key, value) in [
        ("url.query", "REDACTED"),
        ("url.fragment", "REDACTED"),
        ("http.target", "/a"),
        ("http.url", "https://h/a"),
        ("url.original", "https://h/a"),
        ("db.query.parameter.ssn", "REDACTED"),
        ("db.operation.parameter.0", "REDACTED"),
        ("url.full", "REDACTED"),
        ("db.query.text", "SELECT a FROM t WHERE b = ?"),
    ] {
        assert_eq!(text(&span, key), Some(value), "{key}");
    }
    assert_eq!(span.attribute("db.statement"), None);
    let (span, _) = task_with(&[r#"{"db.query.text":["SELECT s3cr3t"]}"#]);
    assert_eq!(text(&span, "db.query.text"), Some("REDACTED"));
}

/// Encoders escape more than they must: what is hidden so is sanitized like what is not.
#[test]
fn escapes_hide_nothing() {
    let (span, _) = task_with(&[
        r#"{"deep":{"q":"a=1\u0026pw=s3cr3t"},"list":["https:\/\/u:s3cr3t@h\/a"],"keys":{"p\u0061ssword":"s3cr3t"}}"#,
    ]);
    assert!(!format!("{span:?}").contains("s3cr3t"), "{span:#?}");
    assert!(text(&span, "deep").is_some_and(|deep| deep.starts_with(r#"{"q":"a=1&pw="#)), "{span:#?}");
}

/// A status and the description of a failure are said in any order, and the last of each counts.
#[test]
fn a_status_is_what_was_said_last() {
    let (ok, error) = (r#"{"status":"ok"}"#, r#"{"status":"error"}"#);
    let (unset, failed) = (r#"{"status":"unset"}"#, r#"{"status":"error","message":"x"}"#);
    let message = r#"{"message":"x"}"#;
    for (messages, status) in [
        (&[r#"{"status":"ok","message":"x"}"#][..], Status::Ok),
        (&[r#"{"message":"x","status":"ok"}"#], Status::Ok),
        (&[r#"{"message":"x","status":"error"}"#], Status::error("x")),
        (&[failed, error], Status::error("x")),
        (&[failed, unset], Status::Unset),
        (&[failed, ok], Status::Ok),
        (&[ok, message], Status::error("x")),
        (&[message], Status::error("x")),
        (&[error], Status::ERROR),
    ] {
        assert_eq!(task_with(messages).0.status, status, "{messages:?}");
    }
}

/// What was made of a text by one rule is not taken for what another makes of it.
#[test]
fn a_text_is_sanitized_by_its_own_rule_whatever_came_before() {
    let (spans, _) = map(|script| {
        script.task_begin(7, 1, 0, "GET");
        script.log(7, 1, "url.path", "/a?q=s3cr3t");
        script.log(7, 1, "otel.span", r#"{"url.path":"/a?q=s3cr3t"}"#);
        let query = "SELECT a FROM t WHERE b = 7";
        script.log(7, 1, "otel.span", &format!(r#"{{"db.query.text\u0000mysql":"{query}"}}"#));
        script.log(7, 1, "otel.span", &format!(r#"{{"db.query.text":"{query}","db.system.name":"mysql"}}"#));
        script.task_end(7, 1);
    });
    assert_eq!(text(&spans[0], "url.path"), Some("/a"));
    assert_eq!(text(&spans[0], "db.query.text"), Some("SELECT a FROM t WHERE b = ?"));
}

#[test]
fn a_region_is_a_query() {
    let (spans, _) = map(|script| {
        script.task_begin(7, 1, 0, "GET");
        script.region_begin(7, 1, "query");
        let query =
            r#"{"kind":"client","db.query.text":"SELECT `a` # 's3cr3t\nFROM t","db.system.name":"mysql"}"#;
        script.log(7, 1, "otel.region", query);
        script.log(7, 1, "otel.span", r#"{"name":"GET /a"}"#);
        script.region_end(7, 1, "query");
        script.log(7, 1, "otel.region", r#"{"name":"nobody"}"#);
        script.task_end(7, 1);
    });
    let [query, task] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((&*query.name, query.kind), ("SELECT t", SpanKind::Client));
    assert_eq!(
        text(query, "db.query.text"),
        Some("SELECT `a` \nFROM t"),
        "by the dialect that is said later"
    );
    assert_eq!((&*task.name, task.kind), ("GET /a", SpanKind::Internal));
    assert_eq!(task.events.len(), 1, "what is about no region is a log");
}

/// What is longer than a log may be goes into several: the dialect holds for all of them.
#[test]
fn a_query_is_read_by_the_dialect_that_was_said_before() {
    let mut options = MapperOptions::default();
    options.db_system_name = "postgresql".into();
    let query = r#"{"db.query.text":"SELECT a FROM t WHERE b = \"s3cr3t\""}"#;
    let (mysql, postgresql) = (r#"{"db.system.name":"mysql"}"#, r#"{"db.system.name":"postgresql"}"#);
    let said = |messages: &[&str]| {
        let act = |script: &mut Script<'_>| {
            script.task_begin(7, 1, 0, "GET");
            messages.iter().for_each(|message| script.log(7, 1, "otel.span", message));
            script.task_end(7, 1);
        };
        let (mut spans, _) = common::spans_of_bytes(&one(act), options.clone());
        spans.remove(0)
    };
    let span = said(&[mysql, query]);
    assert_eq!(text(&span, "db.query.text"), Some("SELECT a FROM t WHERE b = ?"));
    let span = said(&[query, mysql]);
    assert!(!format!("{span:?}").contains("s3cr3t"), "{span:#?}");
    assert_eq!((text(&span, "db.query.text"), span.dropped_attributes), (None, 2), "it was read by another");
    assert_eq!(&*span.name, "mysql");
    assert_eq!(text(&said(&[query]), "db.system.name"), Some("postgresql"), "a query has a database");
    let span = said(&[query, postgresql]);
    assert_eq!(text(&span, "db.query.text"), Some(r#"SELECT a FROM t WHERE b = "s3cr3t""#), "a column");
    let span = said(&[r#"{"name":"GET /a"}"#, query, r#"{"db.query.text":""}"#]);
    assert_eq!(&*span.name, "GET /a", "what was said counts");
    assert!(text(&span, "db.query.text").is_some_and(|text| !text.is_empty()));
}

/// The region around one that a limit keeps out is another.
#[test]
fn what_is_said_of_a_region_that_was_kept_out_is_of_no_other() {
    let mut options = MapperOptions::default();
    options.limits.open_regions = 1;
    let act = |script: &mut Script<'_>| {
        script.task_begin(7, 1, 0, "GET");
        script.region_begin(7, 1, "outer");
        script.region_begin(7, 1, "inner");
        script.log(7, 1, "otel.region", r#"{"name":"said of inner"}"#);
        script.region_end(7, 1, "inner");
        script.log(7, 1, "otel.region", r#"{"kind":"client"}"#);
        script.region_end(7, 1, "outer");
        script.task_end(7, 1);
    };
    let (spans, counters) = common::spans_of_bytes(&one(act), options);
    assert_eq!((&*spans[0].name, spans[0].kind), ("outer", SpanKind::Client));
    assert_eq!((counters.unattached_logs, counters.dropped_spans), (1, 1));
}

/// A slow request outlives a flight recorder's memory: its end is all that a snapshot has.
#[test]
fn the_end_of_a_span_that_began_before_tells_of_it() {
    let said = format!(
        r#"{{"traceparent":"{OWN}","parent":"b7ad6b7169203331","name":"GET /slow","kind":"server","duration":1000000}}"#
    );
    let (spans, counters) = map(|script| {
        script.region_begin(7, 5, "work");
        script.region_end(7, 5, "work");
        script.log(7, 5, "otel.span", &said);
        script.task_end(7, 5);
    });
    let [work, slow] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((&*slow.name, slow.kind), ("GET /slow", SpanKind::Server));
    assert_eq!(slow.span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(slow.parent.map(|parent| parent.span_id.to_string()).as_deref(), Some("b7ad6b7169203331"));
    assert_eq!(slow.start.0, time(1, 6) - 1_000_000);
    assert_eq!(slow.end.0, time(1, 7));
    assert_eq!(slow.attribute("gotrace.incomplete"), None, "its whole time is known");
    assert_eq!(work.attribute("gotrace.incomplete"), None);
    assert_eq!(counters.incomplete_spans, 0);
}

/// What began in it before its context was said again is part of it, if that comes before it ends.
#[test]
fn a_span_that_began_before_is_the_parent_of_what_it_said_so_of() {
    let (spans, _) = map(|script| {
        script.task_begin(7, 9, 5, "child");
        script.log(7, 5, "otel.span", &format!(r#"{{"traceparent":"{OWN}"}}"#));
        script.task_end(7, 9);
    });
    let [child] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(child.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(child.parent.map(|parent| parent.span_id.to_string()).as_deref(), Some("00f067aa0ba902b7"));
}

#[test]
fn a_span_is_within_what_it_says_where_nothing_tells_better() {
    let within = format!(r#"{{"within":"{AROUND}","duration":100}}"#);
    let (spans, _) = map(|script| {
        script.log(7, 5, "otel.span", &within);
        script.task_begin(7, 6, 5, "child");
        script.task_end(7, 6);
        script.task_end(7, 5);
        script.task_begin(7, 7, 0, "root");
        script.log(7, 7, "otel.span", &within);
        script.task_end(7, 7);
    });
    let [child, old, root] = &spans[..] else { panic!("{spans:#?}") };
    let parent = old.parent.expect("a parent");
    assert_eq!((parent.span_id.to_string().as_str(), parent.is_remote), ("1111111111111111", false));
    assert_eq!((old.trace_id, child.trace_id), (child.trace_id, old.trace_id));
    assert_eq!(child.parent.map(|parent| parent.span_id), Some(old.span_id));
    assert_eq!((root.parent, root.start.0), (None, time(1, 8)), "it was seen to begin");
}

#[test]
fn a_span_may_be_over_when_it_begins() {
    let (span, _) = task_with(&[r#"{"lasted":5000000}"#]);
    assert_eq!((span.start.0, span.end.0), (time(1, 5) - 5_000_000, time(1, 6)));
    assert_eq!(span.anatomy, None, "what its goroutine did then is not known");
}

#[test]
fn what_is_malformed_is_a_log() {
    for message in [
        "",
        "{",
        "plain",
        "{\"name\":\"a\"",
        r#"{"kind":"both"}"#,
        r#"{"status":"bad"}"#,
        r#"{"traceparent":"00-0"}"#,
        r#"{"parent":"b7ad6b7169203331"}"#,
        r#"{"duration":-1}"#,
        r#"{"lasted":9223372036854775807}"#,
        r#"{"attributes":{"a":}}"#,
        r#"{"url.path":"/reset?email=s3cr3t","kind":"both"}"#,
        r#"{"db.query.text":"SELECT a FROM t WHERE b = s3cr3t AND"#,
    ] {
        let (span, counters) = task_with(&[message]);
        assert_eq!((&*span.name, counters.invalid_contexts), ("GET", 1), "{message}");
        assert_eq!(logs_of(&span), [("otel.span", "(malformed)")], "{message}");
    }
}

/// The logs that a span has, and what they say.
fn logs_of(span: &Span) -> Vec<(&str, &str)> {
    let logs = span.events.iter().map(|event| match &event.attributes[..] {
        [message] => (&*event.name, message.value.as_str().expect("a text")),
        others => panic!("{others:#?}"),
    });
    logs.collect()
}

/// What is said by rules of its own does not pass as text where there is no span for it.
#[test]
fn what_is_about_no_open_span_says_nothing() {
    let (spans, counters) = map(|script| {
        script.task_begin(7, 1, 0, "GET");
        script.log(7, 1, "otel.region", r#"{"url.path":"/a?s3cr3t"}"#);
        script.task_end(7, 1);
        script.log(7, 1, "otel.span", r#"{"url.path":"/a?s3cr3t"}"#);
    });
    assert_eq!(logs_of(&spans[0]), [("otel.region", "(of no open span)")]);
    assert_eq!((counters.invalid_contexts, counters.unattached_logs), (0, 2));
}

#[test]
fn attributes_are_bounded() {
    let messages: Vec<_> = (0..300).map(|number| format!(r#"{{"key.{number}":{number}}}"#)).collect();
    let messages: Vec<_> = messages.iter().map(|message| &**message).collect();
    let (span, _) = task_with(&messages);
    let said = span.attributes.iter().filter(|attribute| attribute.key.starts_with("key.")).count();
    assert_eq!((said, span.dropped_attributes), (128, 172));

    let mut options = MapperOptions::default();
    options.limits.pending_events = 10;
    let act = |script: &mut Script<'_>| {
        for task in 1..=3 {
            script.task_begin(7, task, 0, "task");
            script.log(7, task, "otel.span", r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}"#);
        }
        (1..=3).for_each(|task| script.task_end(7, task));
        script.task_begin(7, 4, 0, "task");
        script.log(7, 4, "otel.span", r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}"#);
        script.task_end(7, 4);
    };
    let (spans, _) = common::spans_of_bytes(&one(act), options);
    let dropped: Vec<_> = spans.iter().map(|span| span.dropped_attributes).collect();
    assert_eq!(dropped, [0, 2, 6, 0]);
}

/// Of the next task only what counts is kept, and no longer than its goroutine is there.
#[test]
fn what_is_kept_of_the_next_task_is_bounded() {
    let said = |more: &str| format!(r#"{{"traceparent":"{OWN}",{more}"name":"work"}}"#);
    let state = |messages: &[&str], ends: bool| {
        let act = |script: &mut Script<'_>| {
            script.run(7);
            messages.iter().for_each(|message| script.log(7, 0, "otel.next", message));
            if ends {
                script.event(7, EventType::GoDestroy, &[]);
            }
        };
        let trace = trace(Dialect::Stock, &[(1, &act)]);
        let (mut mapper, mut spans) = (Mapper::new(), Vec::new());
        let mut reader = go_trace_format::Reader::from_slice(&trace).expect("a trace");
        while let Some(event) = reader.next_event().expect("slices can be read") {
            let Ok(()) = mapper.event(&event, &mut spans);
        }
        (mapper.save(), mapper.counters().invalid_contexts)
    };
    let has = |state: &[u8], text: &str| state.windows(text.len()).any(|part| part == text.as_bytes());
    let (kept, _) = state(&[&said(r#""my.attribute":"much","#)], false);
    assert!(has(&kept, "work") && !has(&kept, "my.attribute"));
    let (ended, _) = state(&[&said("")], true);
    assert!(!has(&ended, "work"));
    let (_, malformed) = state(&[r#"{"name":"work"}"#, "{}"], false);
    assert_eq!(malformed, 2, "nothing without a context and a name");
}

/// What was said outlives the process that reads it.
#[test]
fn what_was_said_is_saved() {
    let begin = |script: &mut Script<'_>| {
        script.run(7);
        script.task_begin(7, 1, 0, "GET");
        let said =
            format!(r#"{{"traceparent":"{OWN}","name":"GET /a","status":"error","message":"m","n":7}}"#);
        script.log(7, 1, "otel.span", &said);
    };
    let end = |script: &mut Script<'_>| {
        script.run(7);
        script.task_end(7, 1);
    };
    let trace = trace(Dialect::Stock, &[(1, &begin), (2, &end)]);
    let (whole, _) = common::spans_of_bytes(&trace, MapperOptions::default());
    let (mut mapper, mut spans) = (Mapper::new(), Vec::new());
    let mut reader = go_trace_format::Reader::from_slice(&trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        mapper = Mapper::load(MapperOptions::default(), &mapper.save()).expect("what was saved");
        let Ok(()) = mapper.event(&event, &mut spans);
    }
    let Ok(()) = mapper.finish(&mut spans);
    assert_eq!((spans.len(), &spans), (1, &whole));
    assert_eq!((&*spans[0].name, &spans[0].status), ("GET /a", &Status::error("m")));
}

/// Where the program's SDK exports its spans itself, those that are told to us still go out.
#[test]
fn what_is_told_to_us_nobody_else_exports() {
    let mut options = MapperOptions::default();
    options.written_contexts = false;
    let act = |script: &mut Script<'_>| {
        script.log(7, 0, "otel.next", &format!(r#"{{"traceparent":"{AROUND}","name":"of the SDK"}}"#));
        script.task_begin(7, 1, 0, "of the SDK");
        script.task_begin(7, 2, 1, "ours");
        script.log(7, 2, "otel.span", &format!(r#"{{"traceparent":"{OWN}"}}"#));
        script.task_end(7, 2);
        script.task_end(7, 1);
    };
    let (spans, counters) = common::spans_of_bytes(&one(act), options);
    let [ours] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((&*ours.name, counters.suppressed_spans), ("ours", 1));
    assert_eq!(ours.parent.map(|parent| parent.span_id.to_string()).as_deref(), Some("1111111111111111"));
}

/// What goes through the sanitizer as a log, as it does where traces are filtered, says the same still.
#[test]
fn what_was_sanitized_says_the_same() {
    let sanitizer = go_trace_sanitize::Sanitizer::new();
    let messages = [
        format!(r#"{{"traceparent":"{OWN}","parent":"b7ad6b7169203331","kind":"server"}}"#),
        r#"{"name":"GET /orders/{id}","attributes":{"http.request.method":"GET","http.route":"/orders/{id}"}}"#.into(),
        r#"{"attributes":{"url.path":"/orders/7","http.response.status_code":200}}"#.into(),
    ];
    let sanitized =
        messages.each_ref().map(|message| sanitizer.named_text("otel.span", message).into_owned());
    let (before, _) = task_with(&messages.each_ref().map(|message| message.as_str()));
    let (after, counters) = task_with(&sanitized.each_ref().map(|message| message.as_str()));
    assert_eq!((after, counters.invalid_contexts), (before, 0), "{sanitized:?}");
}

/// As package `flight` wrote it before: contexts at the begin, and nothing else.
#[test]
fn the_former_format_is_understood() {
    let (spans, counters) = map(|script| {
        script.task_begin(7, 1, 0, "server GET");
        script.log(7, 1, "traceparent", OWN);
        script.log(7, 1, "traceparent.parent", AROUND);
        script.task_end(7, 1);
    });
    assert_eq!((&*spans[0].name, spans[0].kind), ("server GET", SpanKind::Internal));
    assert_eq!(spans[0].span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(spans[0].parent.map(|parent| parent.is_remote), Some(true));
    assert_eq!(counters.invalid_contexts, 0);
    assert!(spans[0].start.0 > EPOCH + UNIT);
}

/// Whoever makes a task for another hook to tell of, as OpenTelemetry's SDK does, can be told of before.
#[test]
fn the_next_task_has_the_context_that_was_said_of_it() {
    let said = format!(r#"{{"traceparent":"{OWN}","name":"work"}}"#);
    let (spans, counters) = map(|script| {
        script.run(8);
        script.task_begin(7, 1, 0, "outer");
        script.log(7, 1, "otel.next", &said);
        script.task_begin(8, 2, 0, "work");
        script.task_begin(7, 3, 1, "work");
        script.task_begin(7, 4, 3, "child");
        script.log(7, 1, "otel.next", &said);
        script.task_begin(7, 5, 1, "another");
        script.task_begin(7, 6, 1, "work");
        (1..=6).rev().for_each(|task| script.task_end(7, task));
    });
    let with_context: Vec<_> =
        spans.iter().filter(|span| span.span_id.to_string() == "00f067aa0ba902b7").collect();
    let [work] = &with_context[..] else { panic!("{spans:#?}") };
    assert_eq!((&*work.name, work.attribute("gotrace.task.id")), ("work", Some(&Value::Integer(3))));
    let child = spans.iter().find(|span| &*span.name == "child").expect("a child");
    assert_eq!(child.parent.map(|parent| parent.span_id), Some(work.span_id));
    assert_eq!(counters.invalid_contexts, 0);
}
