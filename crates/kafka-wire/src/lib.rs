//! Kafka's wire and record formats, without I/O.
//!
//! What is read here comes from strangers: every length is checked against the bytes that are left
//! before anything is allocated or skipped, and nothing panics.

pub mod batch;
mod varint;
