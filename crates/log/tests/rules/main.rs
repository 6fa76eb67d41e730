//! The rules of the log, one by one.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod any_bytes;
mod compaction;
mod corruption;
mod offline;
mod producers;
mod real_disk;
mod segments;
mod support;
mod validation;
