//! What the stacks of a trace's events tell of an unmodified program: the requests, calls and queries that its goroutines
//! were in.
//!
//! A goroutine's events mostly carry its stack: where it blocks, where it enters a system call, where it creates
//! another one. Whoever waits for a network shows itself that way. `entries` lists the functions that count, `class`
//! tells what one stack says, `classes` does so once for each stack of a generation, and `progress` follows a
//! goroutine from one stack to the next, through the operations that are `open` on it. What was in between is not seen, so that each begin and end has bounds.
//!
//! A trace holds no arguments: no URL, method, status, query or error. Nothing of that is guessed.

mod class;
mod classes;
mod entries;
mod function;
mod moment;
mod names;
mod open;
mod progress;

pub(crate) use class::{Class, Shown};
pub(crate) use classes::{Classes, Said};
pub(crate) use entries::Kind;
pub(crate) use moment::{Bounds, Moment};
pub(crate) use names::named;
pub(crate) use progress::{Progress, Step};
