//! All tests of the crate: one program, since each would link every component.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod bento_fields;
mod bento_scanners;
mod contract;
mod engine;
mod resource_lint;
mod secrets;
mod sequence_join;
mod templates;
mod unit_test;
