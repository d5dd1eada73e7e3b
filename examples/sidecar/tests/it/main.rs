//! The sidecar as a process, between services that write traces and a receiver that misbehaves.

mod http;
mod make;
mod receiver;
mod sidecar;
mod truth;

mod appended;
mod bounds;
mod closing;
mod damage;
mod example_config;
mod faults;
mod kill;
mod large;
#[cfg(feature = "manual")]
mod manual;
mod once;
mod profiles;
mod pull;
mod push;
mod settings;
mod signals;
mod snapshots;
mod stdin;
mod telemetry;
mod watch;
