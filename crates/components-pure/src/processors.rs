//! Processors that compute, and those that combine other processors.

use millrace_component::Descriptor;

mod archive;
mod bloblang;
mod bounds_check;
mod branch;
mod cache;
mod cached;
mod catch;
mod compress;
mod decompress;
mod dedupe;
mod for_each;
mod grok;
mod group_by;
mod group_by_value;
mod insert_part;
mod json_schema;
mod log;
mod mapping;
mod metric;
mod msgpack;
mod mutation;
mod noop;
mod parallel;
mod parse_log;
#[expect(
    clippy::module_inception,
    reason = "a component lies in the file of its name"
)]
mod processors;
mod rate_limit;
mod resource;
mod retry;
mod select_parts;
mod sleep;
mod split;
mod switch;
mod sync_response;
mod r#try;
mod unarchive;
mod r#while;
mod workflow;
mod xml;

/// The processors of this family.
pub const PROCESSORS: &[Descriptor] = &[
    archive::COMPONENT,
    bloblang::COMPONENT,
    bounds_check::COMPONENT,
    branch::COMPONENT,
    cache::COMPONENT,
    cached::COMPONENT,
    catch::COMPONENT,
    compress::COMPONENT,
    decompress::COMPONENT,
    dedupe::COMPONENT,
    for_each::COMPONENT,
    grok::COMPONENT,
    group_by::COMPONENT,
    group_by_value::COMPONENT,
    insert_part::COMPONENT,
    json_schema::COMPONENT,
    log::COMPONENT,
    mapping::COMPONENT,
    metric::COMPONENT,
    msgpack::COMPONENT,
    mutation::COMPONENT,
    noop::COMPONENT,
    parallel::COMPONENT,
    parse_log::COMPONENT,
    processors::COMPONENT,
    rate_limit::COMPONENT,
    resource::COMPONENT,
    retry::COMPONENT,
    select_parts::COMPONENT,
    sleep::COMPONENT,
    split::COMPONENT,
    switch::COMPONENT,
    sync_response::COMPONENT,
    r#try::COMPONENT,
    unarchive::COMPONENT,
    r#while::COMPONENT,
    workflow::COMPONENT,
    xml::COMPONENT,
];

mod composite;
mod compression;
mod payload_text;
mod zip_format;

pub use rate_limit::Limiters;
