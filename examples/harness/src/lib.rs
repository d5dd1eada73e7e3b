//! Runs the real parts of a tracing system on loopback, each a process of its own that ends with its value.
//!
//! | folder, module | is |
//! |---|---|
//! | `build` | the script that builds the parts written in Go |
//! | `parts/collector`, [`Collector`] | the OpenTelemetry Collector, with a file exporter to read back what it took |
//! | `parts/jaeger`, [`Jaeger`] | Jaeger, keeping what it takes in memory, with its query API |
//! | [`Process`] | a part, or any other program that has to end when we do |
//! | [`Port`] | a port for one that cannot tell which one it was given |
//! | `stat` | the CPU time and the memory of processes |
//! | [`run_file`] | which processes were started, for who comes after an interrupted run |
//!
//! The command `trace-harness` makes whole scenarios of them.

mod collector;
mod jaeger;
mod part;
mod port;
pub mod run_file;
mod stat;

pub use collector::{Collector, Place};
pub use jaeger::Jaeger;
pub use part::{Process, build, kill};
pub use port::Port;
pub use stat::{Memory, cpu_time, cpu_time_of_children, memory};
