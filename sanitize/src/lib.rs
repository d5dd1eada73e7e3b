#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

#[cfg(feature = "anonymize")]
mod anonymize;
mod credentials;
mod dsn;
mod edit;
mod filter;
mod godebug;
mod keys;
#[cfg(test)]
mod linear;
mod options;
mod places;
mod rules;
mod sanitizer;
mod shapes;
mod sql;
#[cfg(feature = "anonymize")]
mod standard;
mod steps;
mod text;
mod url;
mod words;

#[cfg(feature = "anonymize")]
pub use anonymize::{anonymous_file, anonymous_function, stand_in};
pub use dsn::dsn;
pub use filter::{Filter, ParseFilterError};
pub use keys::SensitiveKeys;
pub use options::{UrlMode, UrlOptions};
pub use sanitizer::{Sanitizer, Stage, TextKind};
pub use shapes::{Alphabet, TokenShape, TokenShapes};
pub use sql::{Dialect, ParseDialectError, SqlOptions, sql, sql_bytes, sql_summary};
pub use text::text;
pub use url::url;
