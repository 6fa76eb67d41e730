//! AMQP 0.9.1, the protocol of RabbitMQ: the input `amqp_0_9`, the outputs `amqp_0_9` and `amqp`.
//!
//! ```text
//! urls ─→ dial ─→ connection ─┬→ one channel with a consumer        (inputs)
//!                             └→ a channel for each write under way (publisher)
//! ```
//!
//! Connections are not shared between components, so that one component's trouble is its own.

mod declare;
mod dial;
mod fault;
mod headers;
mod in_order;
mod inputs;
mod outputs;
mod publisher;
mod urls;

pub use inputs::INPUTS;
pub use outputs::OUTPUTS;
