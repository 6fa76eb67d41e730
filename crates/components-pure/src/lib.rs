//! Components without a third party: they compute, route, or hold things in memory.

mod buffers;
mod caches;
mod copies;
mod inputs;
mod outputs;
mod pipes;
mod processors;
mod rate_limits;
#[cfg(test)]
mod testing;

pub use buffers::{BUFFERS, Calendar, Window};
pub use caches::CACHES;
pub use inputs::INPUTS;
pub use outputs::OUTPUTS;
pub use pipes::Pipes;
pub use processors::{Limiters, PROCESSORS};
pub use rate_limits::RATE_LIMITS;
