//! What the benches share.

#[cfg(feature = "sdk")]
pub mod encode;
pub mod made;
pub mod spans;
pub mod total;
