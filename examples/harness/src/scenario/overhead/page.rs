//! What was measured as a page of its own: each figure of each round, on a phone as well, by day and by night.

use std::fmt::Write;

use super::{
    figures::{METRICS, Measured, Metric, Outcome, Spread, Unit, display, display_factor},
    table,
};

const STYLE: &str = include_str!("page.css");

pub(super) fn write(outcome: &Outcome) -> String {
    let mut body = String::new();
    for metric in &METRICS {
        body.push_str(&section(outcome, metric));
    }
    body.push_str(&programs(outcome));
    let about: String =
        table::about(outcome).iter().map(|text| format!("<p>{}</p>\n", escape(text))).collect();
    let inputs = escape(&outcome.inputs.to_json().to_string());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>What tracing costs a service</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>What tracing costs a service</h1>\n\
         <p>A dot is a round, the line their median; the further left, the less.</p>\n{body}\
         <section>\n<h2>How it was measured</h2>\n{about}<p>The load: <code>{inputs}</code></p>\n</section>\n</body>\n</html>\n"
    )
}

/// One figure, of all variants on one scale that begins at zero.
fn section(outcome: &Outcome, metric: &Metric) -> String {
    let spreads = outcome.variants.iter().filter_map(|variant| variant.spread(metric));
    let most = spreads.map(|spread| spread.most).fold(0.0, f64::max);
    let mut rows = String::new();
    for variant in &outcome.variants {
        if let Some(spread) = variant.spread(metric).filter(|spread| spread.most > 0.0) {
            rows.push_str(&row(outcome, variant, metric, &spread, most));
        }
    }
    if rows.is_empty() {
        return rows;
    }
    format!("<section>\n<h2>{}</h2>\n{rows}</section>\n", escape(metric.title))
}

fn row(outcome: &Outcome, variant: &Measured, metric: &Metric, spread: &Spread, most: f64) -> String {
    let place = |value: f64| format!("{:.2}%", value / most * 100.0);
    let mut dots = format!("<i class=\"median\" style=\"left:{}\"></i>", place(spread.median));
    for round in &variant.rounds {
        write!(dots, "<i style=\"left:{}\"></i>", place((metric.of)(round))).unwrap_or_default();
    }
    let base = outcome.base().filter(|base| base.variant != variant.variant);
    let factor = base.and_then(|base| variant.factor(base, metric));
    let factor = factor.map_or_else(String::new, |factor| {
        format!(
            " <span>{} ({} to {})</span>",
            display_factor(factor.median),
            display_factor(factor.least),
            display_factor(factor.most)
        )
    });
    let [least, median, most] =
        [spread.least, spread.median, spread.most].map(|value| display(value, metric.unit));
    format!(
        "<div class=\"row\"><b>{}</b><div class=\"track\">{dots}</div><div class=\"figure\">{median} <span>({least} to {most})\
         </span>{factor}</div></div>\n",
        escape(variant.title)
    )
}

fn programs(outcome: &Outcome) -> String {
    let mut rows = String::new();
    for variant in &outcome.variants {
        let build = &variant.build;
        writeln!(
            rows,
            "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(variant.title),
            display(build.bytes as f64, Unit::Bytes),
            display(build.cpu_seconds, Unit::Seconds),
            display(build.seconds, Unit::Seconds)
        )
        .unwrap_or_default();
    }
    format!(
        "<section>\n<h2>the program, and building it</h2>\n<table>\n<tr><th></th><th>size</th><th>CPU time</th><th>time</th></tr>\n\
         {rows}</table>\n</section>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::overhead::figures::tests::outcome;

    #[test]
    fn each_round_of_each_variant_is_a_dot_of_each_figure_that_it_has() {
        let page = write(&outcome());
        let variants = outcome().variants.len();
        // Nobody observes in the example.
        let sections = METRICS.len() - 2;
        assert_eq!(page.matches("class=\"row\"").count(), sections * variants);
        assert_eq!(page.matches("<i style=").count(), sections * variants * 2);
        assert!(page.contains("left:100.00%"), "the most is at the end of its track");
        assert!(page.contains("+50.0 %"));
    }

    #[test]
    fn no_text_becomes_markup_and_nothing_is_fetched() {
        let page = write(&outcome());
        assert!(page.contains("&lt;A &amp; &quot;CPU&quot;&gt;"));
        assert!(!page.contains("<A &"));
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("url("));
        for tag in ["section", "div", "table", "tr", "b", "i", "p", "span"] {
            let open = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(open, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
