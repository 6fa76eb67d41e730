//! Processors that run programs in languages of others.

mod processors;
#[cfg(test)]
mod testing;

pub use processors::PROCESSORS;
