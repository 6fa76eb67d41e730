//! The engine with the real components around two of the tests' own: an input and an output that
//! do what a test tells them, and tell what they see.

pub mod accounting;
pub mod bench;
pub mod drop_on;
pub mod durable_buffers;
pub mod edges;
pub mod endless;
pub mod error_handling;
pub mod fallback;
pub mod fatal;
pub mod flush;
pub mod order;
pub mod probe;
pub mod read_until;
pub mod replay;
pub mod starting;
pub mod switch;
pub mod upstream_reports;
