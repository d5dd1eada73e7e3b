#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

mod fold;
mod hex;
mod id;
mod traceparent;

pub use fold::{Fold, FoldIndex, Resolution};
pub use id::{ParseIdError, SpanId, TraceId};
pub use traceparent::{ParseTraceParentError, TraceFlags, TraceParent};
