//! Runs the real parts of a tracing system on loopback, each a process of its own that ends with its value.
//!
//! | folder, module | is |
//! |---|---|
//! | `build` | the script that builds the parts written in Go |
//! | `parts/collector`, [`Collector`] | the OpenTelemetry Collector, with a file exporter to read back what it took |

mod collector;
mod part;

pub use collector::Collector;
pub use part::build;
