//! What reads and writes messages by a schema.

mod processors;
mod scanners;

pub use processors::PROCESSORS;
pub use scanners::SCANNERS;
