//! The contract between engines and components: traits, descriptors, registry, policies.
//!
//! Engines and components never see each other; both depend on this crate alone.

mod ages;
mod batching;
mod budget;
mod buffer;
mod build;
mod cache;
pub mod clock;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod descriptor;
pub mod files;
mod flood;
mod flow;
mod heirs;
mod input;
mod intake;
mod ledger;
mod leftovers;
mod log_client;
mod log_servers;
mod mapping_caches;
mod metadata_filter;
mod not_built;
mod old_codec;
mod output;
mod parts;
mod pattern;
mod policy;
mod pressure;
mod processor;
pub mod queue;
mod rate_limit;
mod resource_ref;
mod scanner;
mod script;
mod sink;
mod source;
mod template;
mod track;

pub use ages::{AgeSlot, Ages};
pub use batching::{BatchPolicy, Batcher};
pub use budget::{Budget, Charge};
pub use buffer::{Buffer, BuiltBuffer, Guarantee};
pub use build::{BuildContext, Engine, Identity, InputPart, OutputPart, Services};
pub use cache::{Added, BuiltCache, Cache, LocalCache};
pub use config::{
    AnyConfig, BufferChild, BufferConfig, CacheChild, CacheConfig, Configured, InputChild,
    InputConfig, OutputChild, OutputConfig, ProcessorChild, ProcessorConfig, RateLimitChild,
    RateLimitConfig, ScannerChild, ScannerConfig,
};
pub use descriptor::{Descriptor, Registry};
pub use flood::{Flood, TextFlood};
pub use flow::{Connection, Edge, Flow, Kept, Side};
pub use heirs::Legacy;
pub use input::{Ack, BLOCKING_READ_MAX, BlockingInput, BuiltInput, Incoming, Input, LeafInput};
pub use intake::Intake;
pub use ledger::{Balance, HANDED_OVER, Kind, LOST_WITH_BUFFER, Ledger, STOPPED, UNREADABLE};
pub use leftovers::{Leftover, Leftovers};
pub use log_client::LogClient;
pub use log_servers::{LogServers, LogSettings, NewLog, ReadLogSettings, ServedLog};
pub use mapping_caches::MappingCaches;
pub use metadata_filter::{MetadataExclusion, MetadataFilter, NameFilter};
pub use millrace_formats::{FileError, read_file, read_text_file, read_whole};
pub use not_built::check as check_not_built;
pub use old_codec::OldCodec;
pub use output::{BlockingOutput, BuiltOutput, LeafOutput, Output, Reads, WriteError};
pub use parts::{PART_COST, PartRoom, TooManyParts};
pub use pattern::Pattern;
pub use policy::{Backoff, ReplayPolicy};
pub use pressure::{Pressing, Urgency};
pub use processor::{AsyncProcessor, Batches, BuiltProcessor, Processor, process_all};
pub use queue::{QueueGauge, Receiver, Sender, Weigh};
pub use rate_limit::{BuiltRateLimit, RateLimit};
pub use resource_ref::{
    CacheRef, InputRef, OutputRef, ProcessorRef, RateLimitRef, add_resource_use,
    check_resource_uses, expect_resource, resources_named,
};
pub use scanner::{Scanner, ScannerFactory, SourceDetails};
pub use script::{Interpolated, Mapped, Mapping, Payload, Query, timestamp};
pub use sink::{CompositeSink, Sink};
pub use source::{Source, SourceWriter};
pub use template::{Expansion, Template, made_by_templates};
pub use track::track;
