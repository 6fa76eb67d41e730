//! Components over the local machine: files, standard streams, processes.

mod bounded_lines;
mod caches;
mod inputs;
mod outputs;
mod process_group;
mod processors;
mod scanners;
#[cfg(test)]
mod testing;
mod whole_file;

pub use caches::CACHES;
pub use inputs::{INPUTS, end_standard_input};
pub use outputs::OUTPUTS;
pub use process_group::kill_commands;
pub use processors::PROCESSORS;
pub use scanners::SCANNERS;
