//! OTLP's encodings (`opentelemetry-proto`, version 1).

mod json;

pub use json::JsonLines;
