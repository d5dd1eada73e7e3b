//! What the benches share.

pub mod encode;
pub mod spans;
