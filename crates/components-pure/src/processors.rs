//! Processors that compute, and those that combine other processors.

use millrace_component::component_list;

component_list! {
    pub PROCESSORS: archive, bloblang, bounds_check, branch, cache, cached, catch, compress,
        decompress, dedupe, for_each, group_by, group_by_value, insert_part, log, mapping, metric, mutation,
        noop, parallel, processors, rate_limit, resource, retry, select_parts, sleep, split,
        switch, sync_response, r#try, unarchive, r#while, workflow
}

mod composite;
mod compression;
mod zip_format;

pub use rate_limit::Limiters;
