//! All tests of the components of Redis: one program, since each would link the engine.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod cache;
mod contract;
mod lease;
mod list;
