//! What a component may use while it is built: its children, resources, metrics, and the stream
//! it belongs to.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use millrace_message::{Error, Fault, Message, MessageBatch};
use millrace_spec::ByteSize;
use millrace_telemetry::Scope;
use millrace_telemetry::metric::MappingFn;

use crate::config::{Configured, InputChild, OutputChild, ProcessorChild, ScannerChild};
use crate::{
    BatchPolicy, Batches, BuiltBuffer, BuiltCache, BuiltProcessor, BuiltRateLimit, Connection,
    Flow, LeafInput, LeafOutput, ScannerFactory, Side, Sink, Source, TextFlood,
};

/// An input, built: a leaf that the engine runs, or a composite that runs its children.
pub enum InputPart {
    /// A leaf.
    Leaf(LeafInput),
    /// A composite that is running already.
    Composite(Source),
}

/// An output, built: a leaf that the engine runs, or a composite that runs its children.
pub enum OutputPart {
    /// A leaf.
    Leaf(LeafOutput),
    /// A composite that is running already.
    Composite(Arc<dyn Sink>),
}

/// The engine, as components see it while they are built.
pub trait Engine: Send + Sync {
    /// Builds and starts an input with its processors.
    ///
    /// # Errors
    /// The input, or one of its processors, cannot be built.
    fn input(&self, child: &InputChild, cx: &BuildContext) -> Result<Source, Error>;

    /// Builds and starts an output with its processors.
    ///
    /// # Errors
    /// The output, or one of its processors, cannot be built.
    fn output(&self, child: &OutputChild, cx: &BuildContext) -> Result<Arc<dyn Sink>, Error>;

    /// Puts a batching policy in front of an output.
    ///
    /// # Errors
    /// One of the policy's processors cannot be built.
    fn batched(
        &self,
        sink: Arc<dyn Sink>,
        policy: &BatchPolicy,
        cx: &BuildContext,
    ) -> Result<Arc<dyn Sink>, Error>;

    /// Builds a processor, observed by the engine.
    ///
    /// # Errors
    /// The processor cannot be built.
    fn processor(&self, child: &ProcessorChild, cx: &BuildContext)
    -> Result<BuiltProcessor, Error>;

    /// The cache of this label.
    ///
    /// # Errors
    /// There is none, or it cannot be built.
    fn cache(&self, label: &str) -> Result<BuiltCache, Error>;

    /// The rate limit of this label.
    ///
    /// # Errors
    /// There is none, or it cannot be built.
    fn rate_limit(&self, label: &str) -> Result<BuiltRateLimit, Error>;

    /// The processor resource of this label.
    ///
    /// # Errors
    /// There is none, or it cannot be built.
    fn processor_resource(&self, label: &str) -> Result<BuiltProcessor, Error>;

    /// The config of the processor resource of this label.
    ///
    /// # Errors
    /// There is none.
    fn processor_config(&self, label: &str) -> Result<ProcessorChild, Error>;

    /// The input resource of this label; it runs once, so only its first user gets it.
    ///
    /// # Errors
    /// There is none, it has a user already, or it cannot be built.
    fn input_resource(&self, label: &str) -> Result<Source, Error>;

    /// The output resource of this label.
    ///
    /// # Errors
    /// There is none, or it cannot be built.
    fn output_resource(&self, label: &str) -> Result<Arc<dyn Sink>, Error>;
}

/// What a component may use while it is built. Cloning is cheap.
#[derive(Clone)]
pub struct BuildContext {
    engine: Arc<dyn Engine>,
    flow: Flow,
    metrics: Scope,
    identity: Arc<Identity>,
    services: Services,
    /// The resources whose configs are being built in place, from the outside in.
    inlined: Arc<[Arc<str>]>,
}

/// Which component this is.
#[derive(Debug)]
pub struct Identity {
    /// Its type name.
    pub component: Arc<str>,
    /// Its place in the config, such as `root.pipeline.processors.0`.
    pub path: Arc<str>,
    /// Its label, empty when it has none.
    pub label: Arc<str>,
    /// The lines that messages can make it log, again and again.
    lines: TextFlood,
}

impl Identity {
    /// A component of this type name, at this place in the config, with this label.
    pub fn new(
        component: impl Into<Arc<str>>,
        path: impl Into<Arc<str>>,
        label: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            component: component.into(),
            path: path.into(),
            label: label.into(),
            lines: TextFlood::new(),
        }
    }

    /// The flag of a message that this component failed on.
    pub fn fault(&self, cause: Error) -> Fault {
        Fault {
            component: Arc::clone(&self.component),
            path: Arc::clone(&self.path),
            label: Arc::clone(&self.label),
            cause,
        }
    }

    /// Converts the messages of a batch, each for itself; one that cannot be converted goes on as
    /// `convert` left it, with its fault set.
    pub fn convert_each(
        &self,
        mut batch: MessageBatch,
        mut convert: impl FnMut(&mut Message) -> Result<(), Error>,
    ) -> Batches {
        for message in batch.iter_mut() {
            if let Err(error) = convert(message) {
                message.set_fault(self.fault(error));
            }
        }
        smallvec::smallvec![batch]
    }

    /// The error with this component and its place in front, unless it names a place within it
    /// already.
    #[must_use]
    pub fn locate(&self, error: &Error) -> Error {
        match error.text().contains(&*self.path) {
            true => error.clone(),
            false => error.context(format_args!("`{}` at {}", self.component, self.path)),
        }
    }

    /// Logs what went wrong in this component where no message carries it. Of lines that come again
    /// and again a few pass, and the next one tells how many were left out.
    pub fn log_error(&self, what: impl Display) {
        self.log_bounded(what, |it, text, left_out| {
            let (component, path, label) = it.names();
            tracing::error!(component, path, label, left_out, "{text}");
        });
    }

    /// Logs what may have gone wrong in this component; bounded as [`Identity::log_error`] is.
    pub fn log_warning(&self, what: impl Display) {
        self.log_bounded(what, |it, text, left_out| {
            let (component, path, label) = it.names();
            tracing::warn!(component, path, label, left_out, "{text}");
        });
    }

    /// Logs a warning of somebody else, such as a command that writes to its standard error: all of
    /// them, because only they say what happened there.
    pub fn pass_on_warning(&self, what: impl Display) {
        let (component, path, label) = self.names();
        tracing::warn!(component, path, label, "{what}");
    }

    fn log_bounded(&self, what: impl Display, log: impl Fn(&Self, &str, Option<u64>)) {
        let text = what.to_string();
        if let Some(left_out) = self.lines.passes(&text) {
            log(self, &text, (left_out > 0).then_some(left_out));
        }
    }

    /// The component, its path and its label, as the fields of log lines.
    pub fn names(&self) -> (&str, &str, &str) {
        (&self.component, &self.path, &self.label)
    }
}

impl Drop for Identity {
    /// Nothing is logged after this: tells what was left out.
    fn drop(&mut self) {
        let left_out = self.lines.left_out();
        if left_out > 0 {
            let (component, path, label) = self.names();
            tracing::warn!(
                component,
                path,
                label,
                left_out,
                "more lines like those before"
            );
        }
    }
}

/// Things that the process lends to components, one of each type: the HTTP server of the
/// service, the process-wide limiters, the pipes of `inproc`.
#[derive(Clone, Default)]
pub struct Services {
    services: Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Services {
    /// Adds a service, replacing an earlier one of the same type.
    #[must_use]
    pub fn with<T: Any + Send + Sync>(self, service: Arc<T>) -> Self {
        let mut services = Arc::unwrap_or_clone(self.services);
        services.insert(TypeId::of::<T>(), service);
        Self {
            services: Arc::new(services),
        }
    }

    /// The service of this type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(self.services.get(&TypeId::of::<T>())?)
            .downcast()
            .ok()
    }
}

impl BuildContext {
    /// The context of the root of a stream; `metrics` is the scope of the stream.
    pub fn new(engine: Arc<dyn Engine>, flow: Flow, metrics: Scope, services: Services) -> Self {
        let identity = Identity::new("stream", "root", "");
        Self {
            engine,
            flow,
            metrics,
            identity: Arc::new(identity),
            services,
            inlined: Arc::default(),
        }
    }

    /// The context of something below this one that has no config of its own: `segment` is added to
    /// the path.
    #[must_use]
    pub fn child(&self, component: &str, label: &str, segment: &str) -> Self {
        self.below(component, label, segment, None)
    }

    /// The context of a component below this one: `segment` is added to the path.
    #[must_use]
    pub fn of<C: ?Sized>(&self, child: &Configured<C>, segment: &str) -> Self {
        let mapping = child.metrics.clone();
        self.below(child.name, &child.label, segment, mapping)
    }

    fn below(
        &self,
        component: &str,
        label: &str,
        segment: &str,
        mapping: Option<Arc<MappingFn>>,
    ) -> Self {
        let path = format!("{}.{segment}", self.identity.path);
        Self {
            engine: Arc::clone(&self.engine),
            flow: self.flow.clone(),
            // The series of a component live as long as its stream, not as long as its building.
            metrics: self.metrics.kept_child(label, path.as_str(), mapping),
            identity: Arc::new(Identity::new(component, path, label)),
            services: self.services.clone(),
            inlined: Arc::clone(&self.inlined),
        }
    }

    /// The context in which the config of a processor resource is built again in this place, as
    /// [`Engine::processor_config`] gives it.
    ///
    /// # Errors
    /// Fatal: this place is within the same resource, which would never end.
    pub fn inlined(&self, label: &str) -> Result<Self, Error> {
        if self.inlined.iter().any(|it| **it == *label) {
            return Err(Error::fatal(format!(
                "processor resource `{label}` uses itself"
            )));
        }
        let outer = self.inlined.iter().cloned();
        Ok(Self {
            inlined: outer.chain([label.into()]).collect(),
            ..self.clone()
        })
    }

    /// Who this component is.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Its type name.
    pub fn component(&self) -> &str {
        &self.identity.component
    }

    /// Its place in the config.
    pub fn path(&self) -> &str {
        &self.identity.path
    }

    /// Its label, empty when it has none.
    pub fn label(&self) -> &str {
        &self.identity.label
    }

    /// The stream that it belongs to.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// How many bytes a content may become: `max`, and no more than all messages together may take.
    pub fn bound(&self, max: ByteSize) -> usize {
        let max = usize::try_from(max.0).unwrap_or(usize::MAX);
        max.min(self.flow.budget().limit())
    }

    /// Where its metrics are registered.
    pub fn metrics(&self) -> &Scope {
        &self.metrics
    }

    /// A service of the process.
    pub fn service<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.services.get()
    }

    /// Registers the connection of this leaf.
    pub fn connection(&self, side: Side) -> Connection {
        self.flow
            .connection(side, self.component(), self.path(), self.label())
    }

    /// Builds and starts a child input; `segment` is its field, such as `inputs.0`.
    ///
    /// # Errors
    /// The child cannot be built.
    pub fn input(&self, child: &InputChild, segment: &str) -> Result<Source, Error> {
        self.engine.input(child, &self.of(child, segment))
    }

    /// Builds and starts a child output; `segment` is its field, such as `outputs.0`.
    ///
    /// # Errors
    /// The child cannot be built.
    pub fn output(&self, child: &OutputChild, segment: &str) -> Result<Arc<dyn Sink>, Error> {
        self.engine.output(child, &self.of(child, segment))
    }

    /// Builds a list of child processors; `segment` is their field, such as `processors`, and
    /// empty when the list is the whole config.
    ///
    /// # Errors
    /// One of them cannot be built.
    pub fn processors(
        &self,
        children: &[ProcessorChild],
        segment: &str,
    ) -> Result<Vec<BuiltProcessor>, Error> {
        let build = |(index, child): (usize, &ProcessorChild)| {
            let segment = match segment {
                "" => index.to_string(),
                field => format!("{field}.{index}"),
            };
            self.engine.processor(child, &self.of(child, &segment))
        };
        children.iter().enumerate().map(build).collect()
    }

    /// Builds a child scanner.
    ///
    /// # Errors
    /// The child cannot be built.
    pub fn scanner(
        &self,
        child: &ScannerChild,
        segment: &str,
    ) -> Result<Arc<dyn ScannerFactory>, Error> {
        child.config.build(&self.of(child, segment))
    }

    /// The cache resource of this label.
    ///
    /// # Errors
    /// There is none, or it cannot be built.
    pub fn cache(&self, label: &str) -> Result<BuiltCache, Error> {
        self.engine.cache(label)
    }

    /// The rate limit resource of this label.
    ///
    /// # Errors
    /// There is none, or it cannot be built.
    pub fn rate_limit(&self, label: &str) -> Result<BuiltRateLimit, Error> {
        self.engine.rate_limit(label)
    }

    /// The engine, for components that stand for a resource.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Builds the buffer of the stream.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn buffer(&self, buffer: &crate::BufferChild) -> Result<BuiltBuffer, Error> {
        let cx = self.of(buffer, "buffer");
        let built = buffer.config.build(&cx);
        built.map_err(|error| cx.identity().locate(&error))
    }
}
