//! What was checked and found, a line for each; and all of a run as JSON for programs.

use std::fmt::{Debug, Display};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    cli::Output,
    load::{Order, Orders},
    resources::Resources,
};

/// Counts the checks that fail, and keeps what a program may want to know.
#[derive(Debug)]
pub(crate) struct Report {
    output: Output,
    failures: u32,
    checks: Vec<Check>,
    figures: Vec<Figure>,
    orders: Vec<Order>,
}

#[derive(Debug, Serialize)]
struct Check {
    what: String,
    is_ok: bool,
    found: String,
}

#[derive(Debug, Serialize)]
struct Figure {
    what: String,
    value: String,
}

impl Report {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, failures: 0, checks: Vec::new(), figures: Vec::new(), orders: Vec::new() }
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Tells people something: on standard output, unless that is for JSON.
    pub(crate) fn say(&self, text: impl Display) {
        match self.output {
            Output::Text => println!("{text}"),
            Output::Json => eprintln!("{text}"),
        }
    }

    /// One check.
    pub(crate) fn check(&mut self, what: &str, is_ok: bool, found: impl Display) {
        let word = if is_ok { "ok    " } else { "FAILED" };
        self.say(format_args!("{word}  {what}: {found}"));
        self.failures += u32::from(!is_ok);
        self.checks.push(Check { what: what.to_owned(), is_ok, found: found.to_string() });
    }

    /// What was found is what was expected.
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: &str, expected: T, found: T) {
        if expected == found {
            self.check(what, true, format_args!("{found:?}"));
        } else {
            self.check(what, false, format_args!("expected {expected:?}, found {found:?}"));
        }
    }

    /// Of `total` things none is wrong; those that are say how.
    pub(crate) fn all(&mut self, what: &str, total: usize, wrong: &[String]) {
        const SHOWN: usize = 3;
        if wrong.is_empty() {
            return self.check(what, total > 0, format_args!("all {total}"));
        }
        let shown = wrong[..wrong.len().min(SHOWN)].join("; ");
        self.check(what, false, format_args!("{} of {total} are not: {shown}", wrong.len()));
    }

    /// There is none of what should not be.
    pub(crate) fn none(&mut self, what: &str, found: &[String]) {
        const SHOWN: usize = 3;
        let shown = found[..found.len().min(SHOWN)].join("; ");
        self.check(what, found.is_empty(), format_args!("{} {shown}", found.len()));
    }

    /// A figure, which is neither right nor wrong.
    pub(crate) fn figure(&mut self, what: &str, value: impl Display) {
        self.say(format_args!("        {what}: {value}"));
        self.figures.push(Figure { what: what.to_owned(), value: value.to_string() });
    }

    /// The requests of a load, for who reads JSON.
    pub(crate) fn requests(&mut self, orders: &Orders) {
        if self.output == Output::Json {
            self.orders.extend_from_slice(&orders.0);
        }
    }

    /// All of a run.
    pub(crate) fn describe(&self, scenario: &str, repetition: u64, resources: &Resources) -> Value {
        let Self { failures, checks, figures, orders, .. } = self;
        let requests: Vec<_> = orders.iter().map(describe_request).collect();
        json!({
            "scenario": scenario,
            "repetition": repetition,
            "failures": failures,
            "requests": requests,
            "checks": checks,
            "figures": figures,
            "resources": resources,
        })
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new(Output::Text)
    }
}

/// Its end in UTC, its duration in seconds, and what went wrong, if anything did.
fn describe_request(order: &Order) -> Value {
    let end = Timestamp::from_nanosecond(i128::from(order.end())).unwrap_or_default();
    json!({
        "end": end.to_string(),
        "duration": order.duration.as_secs_f64(),
        "error": order.error,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_run_is_described_with_all_that_was_found() {
        let mut report = Report::new(Output::Json);
        report.check("it works", true, "yes");
        report.equal("numbers", 1, 2);
        report.figure("time", "1 s");
        let order = |error: Option<&str>| Order {
            begin: 1_700_000_000_000_000_000,
            duration: Duration::from_millis(250),
            late: Duration::from_secs(9),
            error: error.map(str::to_owned),
        };
        report.requests(&Orders(vec![order(None), order(Some("503"))]));

        let described = report.describe("push", 2, &Resources::default());

        let expected = json!({
            "scenario": "push",
            "repetition": 2,
            "failures": 1,
            "requests": [
                {"end": "2023-11-14T22:13:20.25Z", "duration": 0.25, "error": null},
                {"end": "2023-11-14T22:13:20.25Z", "duration": 0.25, "error": "503"},
            ],
            "checks": [
                {"what": "it works", "is_ok": true, "found": "yes"},
                {"what": "numbers", "is_ok": false, "found": "expected 1, found 2"},
            ],
            "figures": [{"what": "time", "value": "1 s"}],
            "resources": [],
        });
        assert_eq!(described, expected);
    }

    #[test]
    fn requests_are_kept_only_for_who_wants_them() {
        let mut report = Report::default();
        let order = Order { begin: 1, duration: Duration::ZERO, late: Duration::ZERO, error: None };
        report.requests(&Orders(vec![order]));
        assert!(report.orders.is_empty());
    }
}
