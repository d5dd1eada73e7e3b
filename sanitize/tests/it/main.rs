//! The sanitizers, seen from outside.

mod examples;
mod filter;
mod forms;
mod leaks;
mod properties;
mod secrets;
mod sql;
mod text;
mod url;
