//! All tests of the broker: one program, since each would link it whole.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod compaction;
mod config;
mod configs;
mod describe;
mod elections;
mod followers;
mod operators;
mod produce_fetch;
mod protocol;
mod quorum;
mod reassignments;
mod security;
mod snapshots;
mod start;
mod support;
mod topics;
mod transactions;
mod validation;
