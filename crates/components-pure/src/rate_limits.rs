//! Rate limits in this process.

use millrace_component::component_list;

component_list! { pub RATE_LIMITS: local }

pub use local::LocalLimit;
