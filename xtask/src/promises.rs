//! Clients of the broker, what they are promised, and whether that is kept after the broker has ended
//! in some way.

pub mod check;
pub mod client;
pub mod story;
