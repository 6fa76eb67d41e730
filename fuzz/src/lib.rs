//! The fuzz targets: each takes arbitrary bytes and panics when a promise is broken.
//!
//! What holds for all of them: no input panics, overflows the stack, or takes more time or memory
//! than its size explains. Each target says what it asks beyond that.
//!
//! `cargo xtask fuzz TARGET` looks for inputs with libFuzzer; the inputs of `corpus/TARGET` are
//! replayed by every run of the tests. A finding becomes a file there, named after what it broke.

mod targets;

pub use targets::{TARGETS, Target, target};
