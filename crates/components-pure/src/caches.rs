//! Caches in this process, and caches made of other caches.

use millrace_component::Descriptor;

mod lru;
mod memory;
mod multilevel;
mod noop;
mod ttlru;

/// The caches of this family.
pub const CACHES: &[Descriptor] = &[
    lru::COMPONENT,
    memory::COMPONENT,
    multilevel::COMPONENT,
    noop::COMPONENT,
    ttlru::COMPONENT,
];

mod recency;
