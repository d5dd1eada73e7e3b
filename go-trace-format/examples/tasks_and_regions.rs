//! The tasks of a program as they end, each with the regions that goroutines went through for it.
//!
//! `cargo run --example tasks_and_regions -- FILE`; without a file, a recording of a small service.

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs::File,
    io::{self, Read, Write},
    time::Duration,
};

use go_trace_format::{EventKind, Reader, Time, event::TaskId};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/http.trace");

fn main() -> Result<(), Box<dyn Error>> {
    let file = File::open(env::args().nth(1).unwrap_or_else(|| RECORDING.to_owned()))?;
    tasks_and_regions(file, &mut io::stdout())
}

pub(crate) fn tasks_and_regions(trace: impl Read + Send, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut reader = Reader::new(trace)?;
    let mut tasks: HashMap<TaskId, Time> = HashMap::new();
    let mut open: HashMap<_, Vec<Time>> = HashMap::new();
    let mut regions: HashMap<TaskId, Vec<(String, Duration)>> = HashMap::new();
    while let Some(event) = reader.next_event()? {
        let time = event.raw_time();
        match event.kind() {
            EventKind::TaskBegin(task) => {
                tasks.insert(task.id, time);
            }
            EventKind::TaskEnd(task) => {
                // Neither its beginning nor its name need be in the trace.
                let Some(begin) = tasks.remove(&task.id) else { continue };
                let parent = task.parent.map(|parent| format!(", of task {parent}")).unwrap_or_default();
                writeln!(out, "{:>10.1?} {} (task {}{parent})", time - begin, task.name, task.id)?;
                for (name, duration) in regions.remove(&task.id).unwrap_or_default() {
                    writeln!(out, "{duration:>10.1?}   {name}")?;
                }
            }
            // Regions nest on their goroutine.
            EventKind::RegionBegin(_) => open.entry(event.goroutine()).or_default().push(time),
            EventKind::RegionEnd(region) => {
                let Some(begin) = open.get_mut(&event.goroutine()).and_then(Vec::pop) else { continue };
                regions.entry(region.task).or_default().push((region.name.to_string(), time - begin));
            }
            _ => {}
        }
    }
    writeln!(out, "{} tasks are open still when the trace ends", tasks.len())?;
    Ok(())
}
