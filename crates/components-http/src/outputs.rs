//! The outputs of this family.

use millrace_component::Descriptor;

mod http_client;
mod http_server;

/// The outputs of this family.
pub const OUTPUTS: &[Descriptor] = &[http_client::COMPONENT, http_server::COMPONENT];
