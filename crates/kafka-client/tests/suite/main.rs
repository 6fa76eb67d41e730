//! All tests of the client: one program, since each would link a broker.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod admin;
mod broken;
mod consuming;
mod groups;
mod hostile;
mod produce_consume;
mod records;
mod replaced_topics;
mod support;
