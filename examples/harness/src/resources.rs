//! What each process of a run took of the machine, looked at ten times a second; Linux only.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::Serialize;
use trace_harness::{cpu_time, memory, run_file};

const INTERVAL: Duration = Duration::from_millis(100);

/// Of a run, each process by itself.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Resources(Vec<OfProcess>);

#[derive(Clone, Debug, Serialize)]
struct OfProcess {
    process: String,
    id: u32,
    samples: Vec<Sample>,
}

/// What a process had taken until a moment, and had then.
#[derive(Clone, Debug, Serialize)]
struct Sample {
    /// In UTC.
    time: String,
    /// CPU time since it began, in seconds.
    cpu: f64,
    /// Memory that it has, in bytes.
    rss: u64,
}

/// Looks until it is stopped.
pub(crate) struct Watch {
    ends: Arc<AtomicBool>,
    watcher: JoinHandle<Resources>,
}

impl Watch {
    /// Of the processes in a run file.
    pub(crate) fn start(file: PathBuf) -> Self {
        let ends = Arc::<AtomicBool>::default();
        let its_end = Arc::clone(&ends);
        let watcher = thread::spawn(move || {
            let mut found = BTreeMap::new();
            while !its_end.load(Ordering::Relaxed) {
                look(&file, &mut found);
                thread::sleep(INTERVAL);
            }
            Resources(found.into_values().collect())
        });
        Self { ends, watcher }
    }

    pub(crate) fn stop(self) -> Resources {
        self.ends.store(true, Ordering::Relaxed);
        self.watcher.join().unwrap_or_default()
    }
}

/// One sample of each process that runs. A process that ends meanwhile has none.
fn look(file: &Path, found: &mut BTreeMap<(u32, String), OfProcess>) {
    let time = Timestamp::try_from(SystemTime::now()).unwrap_or_default().to_string();
    for process in run_file::running(file).unwrap_or_default() {
        let (Some(cpu), Some(memory)) = (cpu_time(process.id), memory(process.id)) else { continue };
        let of_process = found.entry((process.id, process.start)).or_insert_with(|| OfProcess {
            process: process.name,
            id: process.id,
            samples: Vec::new(),
        });
        of_process.samples.push(Sample { time: time.clone(), cpu: cpu.as_secs_f64(), rss: memory.now });
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn who_runs_has_samples_and_who_does_not_has_none() {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("processes");
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let start = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
        let id = process::id();
        fs::write(&file, format!("{id} {start} this test\n{id} 1 another of that id\n")).unwrap();
        let mut found = BTreeMap::new();
        for _ in 0..2 {
            look(&file, &mut found);
        }
        let described = serde_json::to_value(Resources(found.into_values().collect())).unwrap();
        assert_eq!(described.as_array().unwrap().len(), 1);
        assert_eq!(described[0]["process"], "this test");
        assert_eq!(described[0]["id"], id);
        let samples = described[0]["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 2);
        assert!(samples[0]["rss"].as_u64().unwrap() > 0);
        assert!(samples[0]["cpu"].as_f64().unwrap() >= 0.0);
        assert!(samples[0]["time"].as_str().unwrap().ends_with('Z'));
    }
}
