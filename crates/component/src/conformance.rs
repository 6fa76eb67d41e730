//! What the tests of components share (feature `conformance`): reading a config from text and
//! building it without an engine.
//!
//! Everything here panics with the reason: it is called by tests alone.

use std::sync::Arc;

use millrace_diagnostics::{Diagnostics, Renderer, SourceMap};
use millrace_message::Error;
use millrace_spec::env::{Environment, interpolate};
use millrace_spec::{FieldType, ReadContext, tree};
use millrace_telemetry::Scope;

use crate::{
    BatchPolicy, Budget, BufferChild, BuildContext, BuiltBuffer, BuiltCache, BuiltInput,
    BuiltOutput, BuiltProcessor, BuiltRateLimit, CacheChild, Descriptor, Engine, Flow, Input,
    InputChild, InputPart, LeafOutput, Ledger, Output, OutputChild, OutputPart, ProcessorChild,
    RateLimitChild, Registry, Services, Sink, Source,
};

/// Builds components of some families from config text.
pub struct Workbench {
    registry: Arc<Registry>,
    flow: Flow,
}

impl Workbench {
    /// A workbench for these families, with a byte budget that nothing exhausts.
    pub fn new<'a>(families: impl IntoIterator<Item = &'a [Descriptor]>) -> Self {
        Self {
            registry: Arc::new(Registry::new(families)),
            flow: Flow::new(Budget::new(usize::MAX / 2), Ledger::default()),
        }
    }

    /// Reads a config.
    ///
    /// # Errors
    /// Every complaint, rendered as a person sees it.
    pub fn read<T: FieldType>(&self, yaml: &str) -> Result<T, String> {
        let sources = Arc::new(SourceMap::new());
        let mut diagnostics = Diagnostics::new();
        let source = sources.add("test.yaml", yaml);
        let text = interpolate(yaml, source, &Environment::empty());
        let node = tree::parse(&text, &mut diagnostics);
        let mut cx = ReadContext::new(Arc::clone(&sources));
        cx.set_extension(Arc::clone(&self.registry));
        let value = node.as_ref().and_then(|node| T::read(node, &mut cx));
        for diagnostic in cx.diagnostics().iter() {
            diagnostics.push(diagnostic.clone());
        }
        match value {
            Some(value) if !diagnostics.has_errors() => Ok(value),
            _ => Err(Renderer::new(&sources)
                .redact(cx.redactor().clone())
                .render_all(&diagnostics)),
        }
    }

    /// The context that a component of this name is built in.
    pub fn context(&self, name: &str) -> BuildContext {
        let root = BuildContext::new(
            Arc::new(Bare),
            self.flow.clone(),
            Scope::detached(),
            Services::default(),
        );
        root.child(name, "", name)
    }

    /// An asynchronous leaf input.
    pub fn input(&self, yaml: &str) -> Box<dyn Input> {
        let child: InputChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        match child.config.build(&self.context(child.name)) {
            Ok(InputPart::Leaf(leaf)) => match leaf.input {
                BuiltInput::Async(input) => input,
                BuiltInput::Blocking(_) => panic!("{} is a blocking input", child.name),
            },
            Ok(InputPart::Composite(_)) => panic!("{} is a composite", child.name),
            Err(error) => panic!("build {}: {error}", child.name),
        }
    }

    /// A leaf output.
    pub fn leaf_output(&self, yaml: &str) -> LeafOutput {
        let child: OutputChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        match child.config.build(&self.context(child.name)) {
            Ok(OutputPart::Leaf(leaf)) => leaf,
            Ok(OutputPart::Composite(_)) => panic!("{} is a composite", child.name),
            Err(error) => panic!("build {}: {error}", child.name),
        }
    }

    /// An asynchronous leaf output.
    pub fn output(&self, yaml: &str) -> Arc<dyn Output> {
        match self.leaf_output(yaml).output {
            BuiltOutput::Async(output) => output,
            BuiltOutput::Blocking(_) => panic!("it is a blocking output"),
        }
    }

    /// A cache.
    pub fn cache(&self, yaml: &str) -> BuiltCache {
        let child: CacheChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let cache = child.config.build(&self.context(child.name));
        cache.unwrap_or_else(|error| panic!("build {}: {error}", child.name))
    }

    /// A rate limit.
    pub fn rate_limit(&self, yaml: &str) -> BuiltRateLimit {
        let child: RateLimitChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let limit = child.config.build(&self.context(child.name));
        limit.unwrap_or_else(|error| panic!("build {}: {error}", child.name))
    }

    /// A buffer.
    pub fn buffer(&self, yaml: &str) -> BuiltBuffer {
        let child: BufferChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let buffer = child.config.build(&self.context(child.name));
        buffer.unwrap_or_else(|error| panic!("build {}: {error}", child.name))
    }
}

/// An engine without anything: leaves need none.
struct Bare;

fn nothing<T>(what: &str) -> Result<T, Error> {
    Err(Error::fatal(format!("a workbench has no {what}")))
}

impl Engine for Bare {
    fn input(&self, _: &InputChild, _: &BuildContext) -> Result<Source, Error> {
        nothing("child inputs")
    }

    fn batched(
        &self,
        _: Arc<dyn Sink>,
        _: &BatchPolicy,
        _: &BuildContext,
    ) -> Result<Arc<dyn Sink>, Error> {
        nothing("child outputs")
    }

    fn output(&self, _: &OutputChild, _: &BuildContext) -> Result<Arc<dyn Sink>, Error> {
        nothing("child outputs")
    }

    fn processor(
        &self,
        child: &ProcessorChild,
        cx: &BuildContext,
    ) -> Result<BuiltProcessor, Error> {
        child.config.build(cx)
    }

    fn cache(&self, _: &str) -> Result<BuiltCache, Error> {
        nothing("caches")
    }

    fn rate_limit(&self, _: &str) -> Result<BuiltRateLimit, Error> {
        nothing("rate limits")
    }

    fn processor_resource(&self, _: &str) -> Result<BuiltProcessor, Error> {
        nothing("processor resources")
    }

    fn input_resource(&self, _: &str) -> Result<Source, Error> {
        nothing("input resources")
    }

    fn output_resource(&self, _: &str) -> Result<Arc<dyn Sink>, Error> {
        nothing("output resources")
    }
}
