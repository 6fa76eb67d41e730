//! Outputs that end messages here or route them to other outputs.

use millrace_component::Descriptor;

mod retrying;

mod broker;
mod cache;
mod drop;
mod drop_on;
mod fallback;
mod inproc;
mod reject;
mod reject_errored;
mod resource;
mod retry;
mod switch;
mod sync_response;

/// The outputs of this family.
pub const OUTPUTS: &[Descriptor] = &[
    broker::COMPONENT,
    cache::COMPONENT,
    drop::COMPONENT,
    drop_on::COMPONENT,
    fallback::COMPONENT,
    inproc::COMPONENT,
    reject::COMPONENT,
    reject_errored::COMPONENT,
    resource::COMPONENT,
    retry::COMPONENT,
    switch::COMPONENT,
    sync_response::COMPONENT,
];
