//! The machine that something was measured on; Linux only.

use std::{fs, process::Command, time::Duration};

use rustix::{param::clock_ticks_per_second, system::uname, thread::sched_getaffinity};
use serde::Serialize;

/// What figures depend on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    /// How many this program may use.
    pub(crate) cpus: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    pub(crate) go: String,
    /// Whether the harness, which drives the load, was built for speed.
    pub(crate) harness_is_optimized: bool,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        let go = Command::new("go").arg("version").output();
        let go = go.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let kernel = uname();
        Self {
            processor: value(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown").to_owned(),
            cpus: sched_getaffinity(None).map_or(0, |cpus| cpus.count()),
            memory_bytes: value(&read("/proc/meminfo"), "MemTotal").map_or(0, kibibytes),
            kernel: format!("{} {}", kernel.sysname().to_string_lossy(), kernel.release().to_string_lossy()),
            go: go.trim().trim_start_matches("go version ").to_owned(),
            harness_is_optimized: !cfg!(debug_assertions),
        }
    }
}

/// Of the first line `NAME : VALUE`.
fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find_map(|(key, value)| (key.trim() == name).then(|| value.trim()))
}

fn kibibytes(text: &str) -> u64 {
    let number = text.trim_end_matches("kB").trim().parse::<u64>();
    number.map_or(0, |number| number << 10)
}

/// For how long all CPUs together have been busy with whatever, and have been there, since the machine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) busy: Duration,
    pub(crate) all: Duration,
}

impl Times {
    /// Until now; nothing where nobody tells.
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let (busy, all) = ticks(&stat).unwrap_or_default();
        let time = |ticks| Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second().max(1) as f64);
        Self { busy: time(busy), all: time(all) }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { busy: self.busy.saturating_sub(before.busy), all: self.all.saturating_sub(before.all) }
    }
}

/// Busy ones, and all. The first line is `cpu user nice system idle iowait irq softirq steal guest guest_nice` (proc_stat(5)); guests
/// are users, too.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = fields.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
    let all = fields.iter().sum::<u64>();
    let idle = fields.iter().skip(3).take(2).sum::<u64>();
    Some((all - idle, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_cpus_are_not_busy() {
        let stat = "cpu  1 2 4 1000 2000 8 16 32 4096 8192\ncpu0 9 9 9 9 9 9 9 9 9 9\n";
        assert_eq!(ticks(stat), Some((63, 3063)));
        assert_eq!(ticks("intr 1 2"), None);
    }

    #[test]
    fn values_are_found_by_their_names() {
        let text = "processor\t: 0\nmodel name\t: A: CPU\nmodel name\t: other\nMemTotal:       2048 kB\n";
        assert_eq!(value(text, "model name"), Some("A: CPU"));
        assert_eq!(value(text, "MemTotal").map(kibibytes), Some(2 << 20));
        assert_eq!(value(text, "nothing"), None);
    }
}
