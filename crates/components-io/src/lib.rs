//! Components over the local machine: files, standard streams, processes.

mod caches;
mod inputs;
mod outputs;
mod process_group;
mod processors;
mod scanners;
#[cfg(test)]
mod testing;

pub use caches::CACHES;
pub use inputs::INPUTS;
pub use outputs::OUTPUTS;
pub use processors::PROCESSORS;
pub use scanners::SCANNERS;
