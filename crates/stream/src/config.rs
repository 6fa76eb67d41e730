//! The config of one stream: input, buffer, pipeline, output, and the resources they name.

use millrace_component::{
    BufferChild, CacheChild, InputChild, OutputChild, ProcessorChild, Query, RateLimitChild,
};
use millrace_spec::Spec;

/// One stream and its resources.
#[derive(Clone, Debug, Spec)]
pub struct StreamConfig {
    /// Where messages come from.
    #[spec(default = {"stdin": {}})]
    pub input: InputChild,
    /// Holds messages between the input and the pipeline.
    #[spec(default = {"none": {}})]
    pub buffer: BufferChild,
    /// What is done with each message.
    pub pipeline: PipelineConfig,
    /// Where messages go.
    #[spec(default = {"stdout": {}})]
    pub output: OutputChild,
    /// Resources of this stream.
    #[spec(flatten)]
    pub resources: ResourcesConfig,
}

/// What is done with each message, and by how many threads.
#[derive(Clone, Debug, Spec)]
pub struct PipelineConfig {
    /// How many threads run the processors; -1 stands for one for each core.
    #[spec(default = -1)]
    pub threads: i64,
    /// Keeps the order of messages for which this query gives the same value, from the input to
    /// their settlement: one of them after the other is processed and written.
    #[spec(advanced)]
    pub shard_by: Option<Query>,
    /// The processors, in order.
    #[spec(default = [])]
    pub processors: Vec<ProcessorChild>,
}

/// Components that others name by label.
#[derive(Clone, Debug, Default, Spec)]
pub struct ResourcesConfig {
    /// Inputs that a `resource` input names.
    #[spec(default = [], advanced)]
    pub input_resources: Vec<InputChild>,
    /// Processors that a `resource` processor names.
    #[spec(default = [])]
    pub processor_resources: Vec<ProcessorChild>,
    /// Outputs that a `resource` output names.
    #[spec(default = [], advanced)]
    pub output_resources: Vec<OutputChild>,
    /// Caches.
    #[spec(default = [])]
    pub cache_resources: Vec<CacheChild>,
    /// Rate limits.
    #[spec(default = [])]
    pub rate_limit_resources: Vec<RateLimitChild>,
}

impl ResourcesConfig {
    /// Adds the resources of another file.
    pub fn extend(&mut self, other: Self) {
        self.input_resources.extend(other.input_resources);
        self.processor_resources.extend(other.processor_resources);
        self.output_resources.extend(other.output_resources);
        self.cache_resources.extend(other.cache_resources);
        self.rate_limit_resources.extend(other.rate_limit_resources);
    }
}
