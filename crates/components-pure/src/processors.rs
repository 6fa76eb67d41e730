//! Processors that compute, and those that combine other processors.

use millrace_component::component_list;

component_list! {
    pub PROCESSORS: archive, bloblang, branch, cache, cached, catch, compress, decompress, dedupe,
        for_each, log, mapping, mutation, noop, processors, rate_limit, resource, switch, r#try
}

mod composite;
mod compression;
mod zip_format;

pub use rate_limit::Limiters;
