//! The inputs of this family.

use millrace_component::Descriptor;

mod http_client;
mod http_server;

/// The inputs of this family.
pub const INPUTS: &[Descriptor] = &[http_client::COMPONENT, http_server::COMPONENT];
