//! What the tests of components share (feature `conformance`): reading a config from text and
//! building it without an engine, and for each kind of component the suite of what it promises.
//!
//! Everything here panics with the reason: it is called by tests alone.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_diagnostics::{Diagnostics, Renderer, SourceMap};
use millrace_message::Error;
use millrace_spec::env::{Environment, interpolate};
use millrace_spec::{FieldType, ReadContext, Spec, tree};
use millrace_telemetry::Scope;
use parking_lot::Mutex;

use crate::{
    BatchPolicy, Budget, BufferChild, BuildContext, BuiltBuffer, BuiltCache, BuiltInput,
    BuiltOutput, BuiltProcessor, BuiltRateLimit, CacheChild, Configured, Descriptor, Engine, Flow,
    Input, InputChild, InputPart, LeafInput, LeafOutput, Ledger, Output, OutputChild, OutputPart,
    ProcessorChild, RateLimitChild, Registry, ScannerChild, ScannerFactory, Services, Sink, Source,
};
use children::Children;

mod buffers;
mod caches;
mod children;
mod composites;
mod inputs;
mod local;
mod outputs;
mod processors;
mod rate_limits;
mod scanners;
mod secrets;
mod sources;

pub use buffers::buffer;
pub use caches::{Keeps, cache, cache_over_a_cut};
pub use composites::{Order, Routed, input_of_children, output_of_children};
pub use inputs::{input, input_in_any_order, input_over_a_cut, input_with_offsets};
pub use local::{End, input_without_acks};
pub use outputs::{output, output_over_a_cut, output_refuses, output_to_nowhere};
pub use processors::processor;
pub use rate_limits::{rate_limit, rate_limit_over_a_cut};
pub use scanners::scanner;
pub use secrets::{PLANTED, keeps_secrets};

/// Builds components of some families from config text.
pub struct Workbench {
    registry: Arc<Registry>,
    flow: Flow,
    services: Services,
    resources: Arc<Resources>,
}

impl Workbench {
    /// A workbench for these families, with a byte budget that nothing exhausts.
    pub fn new<'a>(families: impl IntoIterator<Item = &'a [Descriptor]>) -> Self {
        let families = families.into_iter().chain([children::CHILDREN]);
        Self::of(Arc::new(Registry::new(families)))
    }

    /// As [`Workbench::new`], for the components of a registry.
    pub fn of(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            flow: Flow::new(Budget::new(usize::MAX / 2), Ledger::default()),
            services: Services::default().with(Arc::<Children>::default()),
            resources: Arc::default(),
        }
    }

    /// Lends these services to what is built.
    #[must_use]
    pub fn with_services(mut self, services: Services) -> Self {
        self.services = services.with(self.children());
        self
    }

    /// With so many bytes for what is in flight.
    #[must_use]
    pub fn with_budget(mut self, bytes: usize) -> Self {
        self.flow = Flow::new(Budget::new(bytes), Ledger::default());
        self
    }

    /// What the components share that are built on it.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// What its scripted children have seen.
    fn children(&self) -> Arc<Children> {
        self.services
            .get()
            .expect("every workbench has scripted children")
    }

    /// Declares resources: a config with `cache_resources`, `rate_limit_resources` and
    /// `processor_resources`.
    ///
    /// # Errors
    /// As [`Workbench::read`].
    pub fn with_resources(mut self, yaml: &str) -> Result<Self, String> {
        self.resources = Arc::new(Resources {
            config: self.read(yaml)?,
            ..Resources::default()
        });
        Ok(self)
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
        for diagnostic in cx.diagnostics() {
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
            Arc::new(Bare {
                resources: Arc::clone(&self.resources),
                flow: self.flow.clone(),
                services: self.services.clone(),
            }),
            self.flow.clone(),
            Scope::detached(),
            self.services.clone(),
        );
        root.child(name, "", name)
    }

    /// An asynchronous leaf input.
    pub fn input(&self, yaml: &str) -> Box<dyn Input> {
        match self.leaf_input(yaml).input {
            BuiltInput::Async(input) => input,
            BuiltInput::Blocking(_) => panic!("it is a blocking input"),
        }
    }

    /// A leaf input.
    pub fn leaf_input(&self, yaml: &str) -> LeafInput {
        let child: InputChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        match child.config.build(&self.context(child.name)) {
            Ok(InputPart::Leaf(leaf)) => leaf,
            Ok(InputPart::Composite(_)) => panic!("{} is a composite", child.name),
            Err(error) => panic!("build {}: {error}", child.name),
        }
    }

    /// A running composite input.
    pub fn source(&self, yaml: &str) -> Source {
        let child: InputChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let source = composite_input(&child, &self.context(child.name));
        source.unwrap_or_else(|error| panic!("build {}: {error}", child.name))
    }

    /// A running composite output.
    pub fn sink(&self, yaml: &str) -> Arc<dyn Sink> {
        let child: OutputChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let sink = composite_output(&child, &self.context(child.name));
        sink.unwrap_or_else(|error| panic!("build {}: {error}", child.name))
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

    /// A processor.
    ///
    /// # Errors
    /// What is wrong with its config, or why it cannot be built.
    pub fn processor(&self, yaml: &str) -> Result<BuiltProcessor, String> {
        let child: ProcessorChild = self.read(yaml)?;
        let cx = self.context(child.name);
        child.config.build(&cx).map_err(|error| error.to_string())
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

    /// What opens scanners.
    pub fn scanner(&self, yaml: &str) -> Arc<dyn ScannerFactory> {
        let child: ScannerChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let factory = child.config.build(&self.context(child.name));
        factory.unwrap_or_else(|error| panic!("build {}: {error}", child.name))
    }

    /// A buffer.
    pub fn buffer(&self, yaml: &str) -> BuiltBuffer {
        let child: BufferChild = self.read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let buffer = child.config.build(&self.context(child.name));
        buffer.unwrap_or_else(|error| panic!("build {}: {error}", child.name))
    }
}

/// The resources that components may use.
#[derive(Default)]
struct Resources {
    config: ResourcesConfig,
    caches: Mutex<HashMap<String, BuiltCache>>,
    rate_limits: Mutex<HashMap<String, BuiltRateLimit>>,
    processors: Mutex<HashMap<String, BuiltProcessor>>,
    outputs: Mutex<HashMap<String, Arc<dyn Sink>>>,
}

/// The resources, as they are configured.
#[derive(Clone, Debug, Default, Spec)]
struct ResourcesConfig {
    /// Caches.
    #[spec(default = [])]
    cache_resources: Vec<CacheChild>,
    /// Rate limits.
    #[spec(default = [])]
    rate_limit_resources: Vec<RateLimitChild>,
    /// Processors.
    #[spec(default = [])]
    processor_resources: Vec<ProcessorChild>,
    /// Inputs.
    #[spec(default = [])]
    input_resources: Vec<InputChild>,
    /// Outputs.
    #[spec(default = [])]
    output_resources: Vec<OutputChild>,
}

/// What is built already under this label, or what `build` makes of its config.
fn resource<C: ?Sized, B: Clone>(
    label: &str,
    built: &Mutex<HashMap<String, B>>,
    configs: &[Configured<C>],
    build: impl FnOnce(&Configured<C>) -> Result<B, Error>,
) -> Result<B, Error> {
    if let Some(built) = built.lock().get(label) {
        return Ok(built.clone());
    }
    let Some(config) = configs.iter().find(|config| config.label == label) else {
        return Err(Error::fatal(format!("resource `{label}` is not declared")));
    };
    let new = build(config)?;
    built.lock().insert(label.to_owned(), new.clone());
    Ok(new)
}

fn composite_input(child: &InputChild, cx: &BuildContext) -> Result<Source, Error> {
    match child.config.build(cx)? {
        InputPart::Composite(source) => Ok(source),
        InputPart::Leaf(_) => nothing("child inputs but scripted ones and composites"),
    }
}

fn composite_output(child: &OutputChild, cx: &BuildContext) -> Result<Arc<dyn Sink>, Error> {
    match child.config.build(cx)? {
        OutputPart::Composite(sink) => Ok(sink),
        OutputPart::Leaf(_) => nothing("child outputs but scripted ones and composites"),
    }
}

/// An engine that has resources and scripted children at most: that is all a suite needs.
#[derive(Clone)]
struct Bare {
    resources: Arc<Resources>,
    flow: Flow,
    services: Services,
}

impl Bare {
    fn resource_cx<C: ?Sized>(&self, config: &Configured<C>) -> BuildContext {
        let root = BuildContext::new(
            Arc::new(self.clone()),
            self.flow.clone(),
            Scope::detached(),
            self.services.clone(),
        );
        root.of(config, "resources")
    }
}

fn nothing<T>(what: &str) -> Result<T, Error> {
    Err(Error::fatal(format!("a workbench has no {what}")))
}

impl Engine for Bare {
    fn input(&self, child: &InputChild, cx: &BuildContext) -> Result<Source, Error> {
        composite_input(child, cx)
    }

    fn batched(
        &self,
        _: Arc<dyn Sink>,
        _: &BatchPolicy,
        _: &BuildContext,
    ) -> Result<Arc<dyn Sink>, Error> {
        nothing("batching in front of outputs")
    }

    fn output(&self, child: &OutputChild, cx: &BuildContext) -> Result<Arc<dyn Sink>, Error> {
        composite_output(child, cx)
    }

    fn processor(
        &self,
        child: &ProcessorChild,
        cx: &BuildContext,
    ) -> Result<BuiltProcessor, Error> {
        child.config.build(cx)
    }

    fn cache(&self, label: &str) -> Result<BuiltCache, Error> {
        let Resources { caches, config, .. } = &*self.resources;
        resource(label, caches, &config.cache_resources, |it| {
            it.config.build(&self.resource_cx(it))
        })
    }

    fn rate_limit(&self, label: &str) -> Result<BuiltRateLimit, Error> {
        let Resources {
            rate_limits,
            config,
            ..
        } = &*self.resources;
        resource(label, rate_limits, &config.rate_limit_resources, |it| {
            it.config.build(&self.resource_cx(it))
        })
    }

    fn processor_resource(&self, label: &str) -> Result<BuiltProcessor, Error> {
        let Resources {
            processors, config, ..
        } = &*self.resources;
        resource(label, processors, &config.processor_resources, |it| {
            it.config.build(&self.resource_cx(it))
        })
    }

    fn processor_config(&self, label: &str) -> Result<ProcessorChild, Error> {
        let configs = &self.resources.config.processor_resources;
        let config = configs.iter().find(|config| config.label == label);
        config
            .cloned()
            .ok_or_else(|| Error::fatal(format!("resource `{label}` is not declared")))
    }

    fn input_resource(&self, label: &str) -> Result<Source, Error> {
        let mut configs = self.resources.config.input_resources.iter();
        let config = configs.find(|config| config.label == label);
        let config =
            config.ok_or_else(|| Error::fatal(format!("resource `{label}` is not declared")))?;
        composite_input(config, &self.resource_cx(config))
    }

    fn output_resource(&self, label: &str) -> Result<Arc<dyn Sink>, Error> {
        let Resources {
            outputs, config, ..
        } = &*self.resources;
        resource(label, outputs, &config.output_resources, |it| {
            composite_output(it, &self.resource_cx(it))
        })
    }
}
