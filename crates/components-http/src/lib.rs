//! HTTP: the inputs, outputs and processor that speak it, and the HTTP server of the service.
//!
//! Server and client are built on hyper directly. The server answers a request on the task of
//! its connection; the client keeps connections alive and reuses them.

mod client;
mod growing_charge;
mod inputs;
mod multipart;
mod outputs;
mod processors;
pub mod server;
pub mod service;
#[cfg(test)]
mod testing;
mod websocket;

pub use inputs::INPUTS;
pub use millrace_http_client::{Body, Chunk, Poster};
pub use outputs::OUTPUTS;
pub use processors::PROCESSORS;
pub use service::{HttpConfig, HttpService};
