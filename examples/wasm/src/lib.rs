//! [`Session`](trace_to_otel::Session) for programs in other languages, by way of WebAssembly: bytes of traces in, finished OTLP
//! requests out, and nothing else. What the host has to do is said in [`abi`].
//!
//! `examples/wasm/build` makes of it the Go package `examples/go-flight/internal/convert/module`.

pub mod abi;
mod settings;

pub use settings::{Settings, SettingsError};
