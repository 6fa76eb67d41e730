//! The pipeline engine: admission, threads, outputs, acknowledgement, shutdown.
//!
//! ```text
//! leaf input → admission → [buffer] → pipeline threads → output → settlement → admission
//! ```

mod admission;
mod attempt;
mod batching_sink;
mod blocking_output;
mod chain;
mod config;
mod engine;
mod faulted;
mod leaf_input;
mod leaf_output;
mod legacy;
mod on_error;
mod own_thread;
mod processed;
mod processors;
mod resources;
mod root_output;
mod runs;
mod sharded;
mod spans;
mod starting;
mod stream;
mod threads;
mod writes;

pub use config::{PipelineConfig, PlacedResources, ResourcesConfig, StreamConfig};
pub use on_error::{ErrorHandling, ErrorLog};
pub use processors::Processors;
pub use stream::{Environment, Stream};
