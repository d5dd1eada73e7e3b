//! The program, run as a process.

mod common;

mod cut;
mod diff;
mod export;
mod filter;
mod find;
mod input;
#[cfg(feature = "manual")]
mod manual;
mod otlp;
mod profile;
mod sanitize;
mod select;
mod several;
mod spans;
mod stats;
mod timeline;
mod verbs;
