//! Outputs that end messages here or route them to other outputs.

use millrace_component::component_list;

mod retrying;

component_list! {
    pub OUTPUTS: broker, cache, drop, drop_on, fallback, inproc, reject, reject_errored, resource,
    retry, switch, sync_response
}
