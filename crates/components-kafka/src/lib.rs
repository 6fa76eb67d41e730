//! Kafka's protocol: what reads and writes topics.
//!
//! ```text
//! topic ─→ Consumer ─→ reader::task ─→ Incoming      acknowledged offsets ─→ commits of the group
//! MessageBatch ─→ record ─→ Producer ─→ topic         deliveries ─→ outcomes
//! ```
//!
//! The client is the crate `kafka-client`; the broker is the one that the block `log` starts in this
//! process, or any over the network.

mod buffers;
mod client;
mod failure;
mod inputs;
mod log;
mod outputs;
mod reader;
mod record;
mod server;
mod topics;
mod writer;

pub use buffers::BUFFERS;
pub use inputs::INPUTS;
pub use log::{check_uses as check_log_uses, check_written_topics};
pub use outputs::OUTPUTS;
