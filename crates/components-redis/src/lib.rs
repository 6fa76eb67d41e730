//! Inputs, outputs, caches and rate limits over Redis.

mod address;
mod caches;
mod client;
mod failure;
mod inputs;
mod outputs;
mod rate_limits;

pub use caches::CACHES;
pub use inputs::INPUTS;
pub use outputs::OUTPUTS;
pub use rate_limits::RATE_LIMITS;
