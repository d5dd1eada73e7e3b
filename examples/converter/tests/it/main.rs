//! The program, run as a process.

mod anonymize;
mod common;

mod cut;
mod diff;
mod export;
mod filter;
mod find;
mod input;
#[cfg(feature = "manual")]
mod manual;
#[path = "../../../../go-trace-format/tests/it/support/oracle.rs"]
mod oracle;
mod otlp;
mod profile;
mod sanitize;
mod select;
mod several;
mod spans;
mod stats;
mod timeline;
mod verbs;
