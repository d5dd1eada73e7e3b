#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod credentials;
mod dsn;
mod edit;
mod filter;
mod godebug;
mod keys;
#[cfg(test)]
mod linear;
mod options;
mod rules;
mod sanitizer;
mod shapes;
mod sql;
mod steps;
mod text;
mod url;

pub use dsn::dsn;
pub use filter::{Filter, ParseFilterError};
pub use keys::SensitiveKeys;
pub use options::{UrlMode, UrlOptions};
pub use sanitizer::{Sanitizer, Stage, TextKind};
pub use shapes::{Alphabet, TokenShape, TokenShapes};
pub use sql::{Dialect, ParseDialectError, SqlOptions, sql, sql_bytes, sql_summary};
pub use text::text;
pub use url::url;
