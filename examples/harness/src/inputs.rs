//! What load a service gets and what each request of it costs: the file `inputs.json`, of which everything may be left out.
//!
//! | setting | is |
//! |---|---|
//! | `rate` or `clients` | requests a second, or how many clients ask, each again when it is answered |
//! | `duration`, `warm_up` | how long is measured, and how long before that the load goes on already |
//! | `interval` | the time from one export, or one snapshot, to the next |
//! | `loops` | rounds of a multiplication, each of which takes about a nanosecond of CPU time |
//! | `allocations`, `size` | objects on the heap, and the bytes of each |
//! | `pause` | how long each worker is off the CPU |
//! | `workers` | goroutines that the work is spread over |

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{cli::parse_duration, load::Pace};

/// What is measured where nobody says otherwise: a third of a CPU is busy, so that requests seldom wait for one another.
const RATE: u64 = 200;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inputs {
    pub(crate) pace: Pace,
    pub(crate) duration: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) interval: Duration,
    pub(crate) work: Work,
}

/// What is measured with, which depends on how long a run is.
pub(crate) struct ByLength {
    short: Inputs,
    usual: Inputs,
}

impl ByLength {
    /// Takes from a file, if there is one, what it says, and the rest as it is not said otherwise.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self> {
        let (short, usual) = (Inputs::new(true), Inputs::new(false));
        let Some(file) = file else { return Ok(Self { short, usual }) };
        let name = || file.display().to_string();
        let text = fs::read_to_string(file).with_context(name)?;
        let [short, usual] = [short, usual].map(|inputs| inputs.parse(&text).with_context(name));
        Ok(Self { short: short?, usual: usual? })
    }

    /// For a short run, or a usual one.
    pub(crate) fn of(&self, is_quick: bool) -> &Inputs {
        if is_quick { &self.short } else { &self.usual }
    }
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) loops: u64,
    pub(crate) allocations: u64,
    pub(crate) size: u64,
    pub(crate) pause: Duration,
    pub(crate) workers: u64,
}

impl Inputs {
    /// What is not said otherwise, for a short run or a usual one.
    pub(crate) fn new(is_quick: bool) -> Self {
        let seconds = |quick, usual| Duration::from_secs(if is_quick { quick } else { usual });
        Self {
            pace: Pace::Rate(RATE),
            duration: seconds(1, 8),
            warm_up: seconds(1, 4),
            interval: Duration::from_secs(1),
            work: Work {
                loops: 500_000,
                allocations: 100,
                size: 1024,
                pause: Duration::from_millis(1),
                workers: 2,
            },
        }
    }

    fn parse(mut self, text: &str) -> Result<Self> {
        let values: Map<String, Value> = serde_json::from_str(text).context("not an object of JSON")?;
        ensure!(
            !(values.contains_key("rate") && values.contains_key("clients")),
            "rate and clients: one of them says how requests come, not both"
        );
        for (name, value) in &values {
            let number = |least, most| number(name, value, least, most);
            let duration = |least, most| duration(name, value, least, most);
            match &**name {
                "rate" => self.pace = Pace::Rate(number(1, 100_000)?),
                "clients" => self.pace = Pace::Clients(number(1, 1_000)?),
                "duration" => self.duration = duration("100ms", "1h")?,
                "warm_up" => self.warm_up = duration("0s", "1h")?,
                "interval" => self.interval = duration("10ms", "10m")?,
                "loops" => self.work.loops = number(0, 1_000_000_000)?,
                "allocations" => self.work.allocations = number(0, 1_000_000)?,
                "size" => self.work.size = number(1, 1 << 20)?,
                "pause" => self.work.pause = duration("0s", "10s")?,
                "workers" => self.work.workers = number(1, 1_000)?,
                _ => bail!(
                    "{name:?} is no setting: there are rate, clients, duration, warm_up, interval, loops, allocations, size, \
                     pause and workers"
                ),
            }
        }
        Ok(self)
    }

    /// As one would write them down.
    pub(crate) fn to_json(&self) -> Value {
        let (pace, count) = match self.pace {
            Pace::Rate(rate) => ("rate", rate),
            Pace::Clients(clients) => ("clients", clients),
        };
        let Work { loops, allocations, size, pause, workers } = self.work;
        let mut values = Map::new();
        values.insert(pace.to_owned(), count.into());
        for (name, duration) in [
            ("duration", self.duration),
            ("warm_up", self.warm_up),
            ("interval", self.interval),
            ("pause", pause),
        ] {
            values.insert(name.to_owned(), format!("{}ms", duration.as_millis()).into());
        }
        for (name, number) in
            [("loops", loops), ("allocations", allocations), ("size", size), ("workers", workers)]
        {
            values.insert(name.to_owned(), number.into());
        }
        Value::Object(values)
    }
}

impl Serialize for Inputs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl Work {
    /// What `examples/go-overhead` is asked for this.
    pub(crate) fn query(&self) -> String {
        let Self { loops, allocations, size, pause, workers } = self;
        let pause = pause.as_micros();
        format!("loops={loops}&allocations={allocations}&size={size}&pause={pause}us&workers={workers}")
    }
}

fn number(name: &str, value: &Value, least: u64, most: u64) -> Result<u64> {
    let number = value.as_u64().filter(|number| (least..=most).contains(number));
    number.with_context(|| format!("{name} is {value:.60}: a whole number from {least} to {most} is wanted"))
}

fn duration(name: &str, value: &Value, least: &str, most: &str) -> Result<Duration> {
    let parse = |text: &str| parse_duration(text).ok();
    let duration = value.as_str().and_then(parse);
    let duration = duration.filter(|duration| (parse(least)..=parse(most)).contains(&Some(*duration)));
    duration
        .with_context(|| format!("{name} is {value:.60}: a duration from {least:?} to {most:?} is wanted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Inputs, String> {
        Inputs::new(false).parse(text).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_is_said_is_taken_and_the_rest_stays() {
        let usual = Inputs::new(false);
        assert_eq!(parse("{}"), Ok(usual.clone()));
        let inputs = parse(r#"{"clients": 3, "duration": "2m", "pause": "0s", "workers": 7}"#).unwrap();
        assert_eq!(inputs.pace, Pace::Clients(3));
        assert_eq!(inputs.duration, Duration::from_secs(120));
        assert_eq!(inputs.work, Work { pause: Duration::ZERO, workers: 7, ..usual.work });
        assert_eq!(inputs.interval, usual.interval);
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        for inputs in [Inputs::new(true), Inputs { pace: Pace::Clients(5), ..Inputs::new(false) }] {
            assert_eq!(parse(&inputs.to_json().to_string()), Ok(inputs));
        }
    }

    #[test]
    fn the_example_says_what_is_usual() {
        assert_eq!(parse(include_str!("../inputs.json")), Ok(Inputs::new(false)));
    }

    #[test]
    fn a_file_is_read_for_runs_of_either_length() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, r#"{"rate": 7}"#).unwrap();
        let inputs = ByLength::read(Some(file.path())).unwrap();
        for is_quick in [true, false] {
            assert_eq!(*inputs.of(is_quick), Inputs { pace: Pace::Rate(7), ..Inputs::new(is_quick) });
            assert_eq!(*ByLength::read(None).unwrap().of(is_quick), Inputs::new(is_quick));
        }
        let missing = file.path().with_extension("missing");
        assert!(ByLength::read(Some(&missing)).is_err());
    }

    #[test]
    fn errors_name_the_setting() {
        for (text, expected) in [
            (r#"{"rate": 0}"#, "rate is 0: a whole number from 1 to 100000 is wanted"),
            (r#"{"rate": "many"}"#, "rate is \"many\": a whole number from 1 to 100000 is wanted"),
            (r#"{"workers": 1.5}"#, "workers is 1.5: a whole number from 1 to 1000 is wanted"),
            (r#"{"loops": -1}"#, "loops is -1: a whole number from 0 to 1000000000 is wanted"),
            (r#"{"duration": 5}"#, "duration is 5: a duration from \"100ms\" to \"1h\" is wanted"),
            (r#"{"duration": "5"}"#, "duration is \"5\": a duration from \"100ms\" to \"1h\" is wanted"),
            (r#"{"pause": "11s"}"#, "pause is \"11s\": a duration from \"0s\" to \"10s\" is wanted"),
            (
                r#"{"rate": 1, "clients": 1}"#,
                "rate and clients: one of them says how requests come, not both",
            ),
        ] {
            assert_eq!(parse(text), Err(expected.to_owned()), "{text}");
        }
        let unknown = parse(r#"{"speed": 1}"#).unwrap_err();
        assert!(unknown.starts_with("\"speed\" is no setting: there are rate,"), "{unknown}");
        let list = parse("[]").unwrap_err();
        assert!(list.starts_with("not an object of JSON"), "{list}");
    }
}
