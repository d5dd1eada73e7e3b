//! The spans of recordings, kept as text: `cargo insta review` shows what a change makes of them.

use std::fmt::Write;

use crate::common;
use trace_to_otel::{Anatomy, MapperOptions, Span};

/// A span's fields on a few lines. Times count from `begin`.
fn describe(span: &Span, begin: u64, text: &mut String) -> std::fmt::Result {
    let parent = match span.parent {
        Some(parent) => format!("{}{}", parent.span_id, if parent.is_remote { " (remote)" } else { "" }),
        None => "none".to_owned(),
    };
    writeln!(text, "{} {:?}", span.scope.name(), span.name)?;
    writeln!(text, "  trace {} span {} parent {parent} flags {}", span.trace_id, span.span_id, span.flags)?;
    writeln!(
        text,
        "  {} to {} ns, {}, {}",
        span.start.0 - begin,
        span.end.0 - begin,
        span.kind,
        span.status
    )?;
    for attribute in &span.attributes {
        writeln!(text, "  {} = {}", attribute.key, attribute.value)?;
    }
    for (key, seconds) in span.anatomy.iter().flat_map(Anatomy::attributes) {
        writeln!(text, "  {key} = {seconds}")?;
    }
    for link in &span.links {
        writeln!(text, "  link to {} {}", link.trace_id, link.span_id)?;
    }
    for event in &span.events {
        write!(text, "  at {} {:?}", event.time.0 - begin, event.name)?;
        for attribute in &event.attributes {
            write!(text, " {} = {:?}", attribute.key, attribute.value.to_string())?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn snapshot(name: &str) -> String {
    let (mut spans, counters) = common::spans_of(name, MapperOptions::default());
    spans.sort_by_key(|span| (span.start, span.end));
    let begin = spans.first().map_or(0, |span| span.start.0);
    let mut text = format!("{counters:#?}\n\n");
    for span in &spans {
        describe(span, begin, &mut text).expect("memory takes it");
    }
    text
}

macro_rules! snapshots {
    ($($test:ident: $name:literal,)*) => {$(
        #[test]
        fn $test() {
            insta::assert_snapshot!(stringify!($test), snapshot($name));
        }
    )*};
}

snapshots! {
    tasks: "go1.27/tasks.trace",
    regions: "go1.27/regions.trace",
    context: "go1.27/context.trace",
    generations: "go1.26/generations.trace",
    clockless: "go1.22/regions.trace",
    fork_custom: "fork/custom.trace",
    fork_withspan: "fork/withspan.trace",
    fork_net: "fork/net.trace",
    fork_sql: "fork/sql.trace",
    fork_cut: "fork/cut.trace",
    http: "go1.27/http.trace",
}
