//! What reads and writes messages by a schema.

pub mod avro;
mod lent;
mod processors;
pub mod protobuf;
mod registry;
mod scanners;
#[cfg(test)]
mod testing;

pub use processors::PROCESSORS;
pub use scanners::SCANNERS;
