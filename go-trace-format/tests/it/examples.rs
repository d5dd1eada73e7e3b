//! What the examples print of the recordings in their folder.

#[path = "../../examples/blocked_time.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod blocked_time;
#[path = "../../examples/cut_window.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod cut_window;
#[path = "../../examples/gc_pauses.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod gc_pauses;
#[path = "../../examples/salvage.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod salvage;
#[path = "../../examples/tasks_and_regions.rs"]
#[allow(dead_code, reason = "here it is the example's function that is called")]
mod tasks_and_regions;

use std::{error::Error, time::Duration};

use go_trace_format::{EventKind, Mode, ReaderOptions, Time, WallTime};

const HTTP: &[u8] = include_bytes!("../../examples/http.trace");
const GC: &[u8] = include_bytes!("../../examples/gc.trace");
const GENERATIONS: &[u8] = include_bytes!("../../examples/generations.trace");

fn printed(example: impl FnOnce(&mut Vec<u8>) -> Result<(), Box<dyn Error>>) -> Vec<String> {
    let mut out = Vec::new();
    example(&mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn blocked_time_by_reason() {
    let lines = printed(|out| blocked_time::blocked_time(HTTP, out));
    assert!(lines.iter().any(|line| line == "37        6.2ms  network"), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "7 goroutines wait still when the trace ends");
}

#[test]
fn each_task_with_its_regions() {
    let lines = printed(|out| tasks_and_regions::tasks_and_regions(HTTP, out));
    let task = lines.iter().position(|line| line == "126.5µs POST /orders (task 12)").unwrap();
    assert_eq!(lines[task + 1..][..3], ["5.1µs   decode", "119.0µs   insert order", "1.4µs   render"]);
    let tasks = lines.iter().filter(|line| line.contains("(task ")).count();
    assert_eq!((tasks, &**lines.last().unwrap()), (12, "0 tasks are open still when the trace ends"));
}

#[test]
fn pauses_of_the_garbage_collector() {
    let lines = printed(|out| gc_pauses::gc_pauses(GC, out));
    assert_eq!(lines.iter().filter(|line| line.ends_with("GC mark termination")).count(), 3, "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "9 pauses, 270.5µs in all, 106.0µs the longest");
}

#[test]
fn what_a_damaged_file_has_left() {
    let whole = printed(|out| salvage::salvage(GENERATIONS, out));
    assert_eq!(whole[0], "Go reads all of it");
    assert_eq!(whole.last().unwrap(), "nothing was lost");
    let damaged = printed(|out| salvage::salvage(&salvage::damaged(GENERATIONS.to_vec()), out));
    assert!(damaged[0].starts_with("Go reads none of it, or no further: byte "), "{damaged:#?}");
    let generations = |lines: &[String]| lines.iter().filter(|line| line.starts_with("generation ")).count();
    assert_eq!(generations(&damaged), generations(&whole));
    assert!(damaged.last().unwrap().starts_with("- "), "{damaged:#?}");
}

/// When the program said something, and when a trace's first event was.
fn said(trace: &[u8]) -> (Vec<Time>, Time) {
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(trace).unwrap();
    let (mut times, mut begin) = (Vec::new(), None);
    while let Some(event) = reader.next_event().unwrap() {
        begin.get_or_insert(event.raw_time());
        if let EventKind::TaskBegin(_) | EventKind::RegionBegin(_) | EventKind::Log(_) = event.kind() {
            times.push(event.raw_time());
        }
    }
    (times, begin.unwrap())
}

#[test]
fn window_of_a_trace() {
    let window = Duration::from_millis(100)..Duration::from_millis(200);
    let mut cut = Vec::new();
    cut_window::cut_window(GENERATIONS, &window, &mut cut).unwrap();
    let (mut expected, begin) = said(GENERATIONS);
    let all = expected.len();
    expected.retain(|&time| window.contains(&(time - begin)));
    assert!((1..all).contains(&expected.len()), "{} of {all}", expected.len());
    assert_eq!(said(&cut).0, expected);
    assert!(cut.len() < GENERATIONS.len() / 2, "{} bytes", cut.len());
    // Wall times are as they were: each generation has kept its clock.
    let wall = |trace: &[u8]| -> Vec<WallTime> {
        let mut generations = ReaderOptions::new().generations(trace).unwrap();
        generations.by_ref().map(|generation| generation.unwrap().clock().snapshot().unwrap().wall).collect()
    };
    let clocks = wall(GENERATIONS);
    assert!(wall(&cut).iter().all(|clock| clocks.contains(clock)));
}
