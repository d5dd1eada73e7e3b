//! What Linux tells of a process in `/proc/ID/stat` (proc_pid_stat(5)) and `/proc/ID/status`.

use std::{fs, time::Duration};

use rustix::param::clock_ticks_per_second;

/// The fields behind the program's name, by the numbers that the manual gives them.
const USER_TIME: usize = 14;
const SYSTEM_TIME: usize = 15;
const USER_TIME_OF_CHILDREN: usize = 16;
const SYSTEM_TIME_OF_CHILDREN: usize = 17;
const START: usize = 22;
/// The first of them.
const FIRST: usize = 3;

pub(crate) struct Stat(String);

impl Stat {
    /// Of a process that runs.
    pub(crate) fn of(id: u32) -> Option<Self> {
        fs::read_to_string(format!("/proc/{id}/stat")).ok().map(Self)
    }

    /// When it began, in the system's own unit.
    pub(crate) fn start(&self) -> Option<&str> {
        self.field(START)
    }

    fn cpu_time(&self) -> Option<Duration> {
        self.ticks(USER_TIME, SYSTEM_TIME)
    }

    fn cpu_time_of_children(&self) -> Option<Duration> {
        self.ticks(USER_TIME_OF_CHILDREN, SYSTEM_TIME_OF_CHILDREN)
    }

    fn field(&self, number: usize) -> Option<&str> {
        // The second field is the program's name in parentheses, and may hold anything.
        let (_, after_name) = self.0.rsplit_once(')')?;
        after_name.split_whitespace().nth(number.checked_sub(FIRST)?)
    }

    fn ticks(&self, user: usize, system: usize) -> Option<Duration> {
        let ticks = |number| self.field(number)?.parse::<u64>().ok();
        let sum = ticks(user)?.checked_add(ticks(system)?)?;
        Some(Duration::from_secs_f64(sum as f64 / clock_ticks_per_second().max(1) as f64))
    }
}

/// The CPU time that a process has taken, in the program and in the kernel, which counts in hundredths of a second; none where there is
/// no such process, Linux only.
#[must_use]
pub fn cpu_time(id: u32) -> Option<Duration> {
    Stat::of(id)?.cpu_time()
}

/// What a process uses of the machine's memory, in bytes.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Memory {
    /// Now.
    pub now: u64,
    /// At most until now.
    pub most: u64,
}

/// The memory that a process uses; none where there is no such process any more, Linux only.
#[must_use]
pub fn memory(id: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let kibibytes = |key: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(key))?;
        value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let (now, most) = (kibibytes("VmRSS:")?, kibibytes("VmHWM:")?);
    Some(Memory { now: now << 10, most: most << 10 })
}

/// The CPU time of all processes that this one has started and waited for, and of theirs; Linux only.
#[must_use]
pub fn cpu_time_of_children() -> Option<Duration> {
    Stat::of(std::process::id())?.cpu_time_of_children()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_the_end_of_the_name() {
        let stat =
            Stat("7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 700 300 20 0 1 0 4242 1 2".to_owned());
        assert_eq!(stat.start(), Some("4242"));
        let second = clock_ticks_per_second();
        assert_eq!(stat.cpu_time(), Some(Duration::from_secs_f64(300.0 / second as f64)));
        assert_eq!(stat.cpu_time_of_children(), Some(Duration::from_secs_f64(1000.0 / second as f64)));
    }

    #[test]
    fn what_is_no_such_line_has_no_times() {
        for text in ["", "7 (a", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 4194560 1 2 3 4 x y 700 300"] {
            assert_eq!(Stat(text.to_owned()).cpu_time(), None, "{text}");
        }
    }
}
