//! `kafka` and `kafka_franz` over sockets, with a broker within the test.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod broker;
mod contract;
mod fields;
mod reading;
mod security;
mod server;
mod stubs;
mod unreadable;
mod writing;
