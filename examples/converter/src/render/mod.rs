//! What people look at.

pub(crate) mod text;
pub(crate) mod tree;
