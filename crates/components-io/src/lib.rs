//! Components over the local machine: files, standard streams, processes.

mod inputs;
mod outputs;
mod scanners;

pub use inputs::INPUTS;
pub use outputs::OUTPUTS;
pub use scanners::SCANNERS;
