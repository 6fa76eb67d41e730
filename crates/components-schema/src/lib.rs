//! What reads and writes messages by a schema.

pub mod protobuf;

mod processors;
mod scanners;
#[cfg(test)]
mod testing;

pub use processors::PROCESSORS;
pub use scanners::SCANNERS;
