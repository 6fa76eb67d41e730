//! Components without a third party: they compute, route, or hold things in memory.

mod buffers;
mod inputs;
mod outputs;
mod pipes;
mod processors;

pub use buffers::BUFFERS;
pub use inputs::INPUTS;
pub use outputs::OUTPUTS;
pub use pipes::Pipes;
pub use processors::PROCESSORS;
