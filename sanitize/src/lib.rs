#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod dsn;
mod edit;
mod filter;
mod godebug;
mod keys;
#[cfg(test)]
mod linear;
mod sanitizer;
mod sql;
mod steps;
mod text;
mod token;
mod url;

pub use dsn::{DsnSanitizer, dsn};
pub use filter::{Filter, ParseFilterError};
pub use keys::SensitiveKeys;
pub use sanitizer::{Sanitizer, Stage, TextKind};
pub use sql::{Dialect, ParseDialectError, SqlSanitizer, sql, sql_bytes, sql_summary};
pub use text::{TextSanitizer, text};
pub use token::TokenPrefixes;
pub use url::{UrlMode, UrlSanitizer, url};
