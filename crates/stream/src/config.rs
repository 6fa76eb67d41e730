//! The config of one stream: input, buffer, pipeline, output, and the resources they name.

use millrace_component::{
    BufferChild, CacheChild, InputChild, OutputChild, ProcessorChild, Query, RateLimitChild,
};
use millrace_spec::{Node, ReadContext, Spec, codes};

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
#[spec(check = check_threads)]
pub struct PipelineConfig {
    /// How many threads run the processors, up to 4096; -1 stands for one for each core. With more than
    /// one, messages may overtake each other: see `shard_by`. Without processors there is one.
    #[spec(default = -1)]
    pub threads: i64,
    /// Keeps the order of messages for which this query gives the same value, from the input to
    /// their settlement: one of them after the other is processed and written. A message that is
    /// not written is written again in place, as its processors left it, and holds back the later
    /// ones of its shard; `replay.max_attempts` of the inputs, the smallest of them, says how often.
    #[spec(advanced)]
    pub shard_by: Option<Query>,
    /// The processors, in order.
    #[spec(default = [])]
    pub processors: Vec<ProcessorChild>,
}

/// Each is a thread of the operating system, with a stack and its mappings: some processors wait
/// hundreds of times longer than they compute, and beyond this many a machine refuses more (a
/// process may have 65,530 mappings) in places where that ends the process.
const THREADS_MAX: i64 = 4096;

fn check_threads(config: &mut PipelineConfig, node: &Node, cx: &mut ReadContext) {
    if config.threads > THREADS_MAX {
        let span = node.field_span("threads");
        let message = format!("a pipeline has no more than {THREADS_MAX} threads");
        cx.error(codes::INVALID_VALUE, span, message).help =
            Some("use -1 for one for each core, or some for each where processors wait".to_owned());
    }
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

/// Resources, each with its place in the list of its kind: those that nothing uses may be left out.
#[derive(Clone, Debug, Default)]
pub struct PlacedResources {
    /// Inputs.
    pub inputs: Vec<(usize, InputChild)>,
    /// Processors.
    pub processors: Vec<(usize, ProcessorChild)>,
    /// Outputs.
    pub outputs: Vec<(usize, OutputChild)>,
    /// Caches.
    pub caches: Vec<(usize, CacheChild)>,
    /// Rate limits.
    pub rate_limits: Vec<(usize, RateLimitChild)>,
}

impl From<ResourcesConfig> for PlacedResources {
    fn from(all: ResourcesConfig) -> Self {
        fn placed<T>(list: Vec<T>) -> Vec<(usize, T)> {
            list.into_iter().enumerate().collect()
        }
        Self {
            inputs: placed(all.input_resources),
            processors: placed(all.processor_resources),
            outputs: placed(all.output_resources),
            caches: placed(all.cache_resources),
            rate_limits: placed(all.rate_limit_resources),
        }
    }
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
