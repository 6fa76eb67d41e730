//! The processors of this family.

use millrace_component::Descriptor;

mod http;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[http::COMPONENT];
