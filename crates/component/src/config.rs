//! The config of a component as one thing: its name, its label, and its typed fields.
//!
//! `check` is reading: every complaint is collected on the spanned tree, without I/O. `build`
//! comes after it and may open things.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use millrace_diagnostics::Span;
use millrace_message::Error;
use millrace_spec::catalog::{Named, check_reserved, infer};
use millrace_spec::{ComponentKind, FieldKind, FieldType, Node, ReadContext, Status};
use millrace_telemetry::metric::MappingFn;

use crate::{
    BuildContext, BuiltBuffer, BuiltCache, BuiltProcessor, BuiltRateLimit, Descriptor, Guarantee,
    InputPart, MappingCaches, OutputPart, Registry, ScannerFactory, template,
};

use crate::resource_ref::read_labelled;

/// The typed config of an input.
pub trait InputConfig: Send + Sync {
    /// Builds the input; what has to be waited for belongs into its `connect`.
    ///
    /// # Errors
    /// The input cannot be built at all.
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error>;

    /// Whether its source forgets what was acknowledged, so that nobody can read it again: a queue
    /// does, a file that stays does not.
    fn forgets_acknowledged(&self) -> bool {
        false
    }
}

/// The typed config of a buffer.
pub trait BufferConfig: Send + Sync {
    /// Builds the buffer.
    ///
    /// # Errors
    /// The buffer cannot be built at all.
    fn build(&self, cx: &BuildContext) -> Result<BuiltBuffer, Error>;

    /// When it acknowledges what it was given.
    fn guarantee(&self) -> Guarantee;
}

/// The typed config of a processor. A composite that needs more of a child than its behaviour, as a
/// workflow of its branches, can ask for the type.
pub trait ProcessorConfig: Any + Send + Sync {
    /// Builds the processor.
    ///
    /// # Errors
    /// The processor cannot be built at all.
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error>;
}

/// The typed config of an output.
pub trait OutputConfig: Send + Sync {
    /// Builds the output; what has to be waited for belongs into its `connect`.
    ///
    /// # Errors
    /// The output cannot be built at all.
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error>;
}

/// The typed config of a cache.
pub trait CacheConfig: Send + Sync {
    /// Builds the cache; a connection is opened when it is first used.
    ///
    /// # Errors
    /// The cache cannot be built at all.
    fn build(&self, cx: &BuildContext) -> Result<BuiltCache, Error>;
}

/// The typed config of a rate limit.
pub trait RateLimitConfig: Send + Sync {
    /// Builds the rate limit; a connection is opened when it is first used.
    ///
    /// # Errors
    /// The rate limit cannot be built at all.
    fn build(&self, cx: &BuildContext) -> Result<BuiltRateLimit, Error>;
}

/// The typed config of a scanner.
pub trait ScannerConfig: fmt::Debug + Send + Sync {
    /// Builds what opens the scanners.
    ///
    /// # Errors
    /// The scanner cannot be built at all.
    fn build(&self, cx: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error>;
}

/// The typed config of any component, by kind.
pub enum AnyConfig {
    /// An input.
    Input(Arc<dyn InputConfig>),
    /// A buffer.
    Buffer(Arc<dyn BufferConfig>),
    /// A processor.
    Processor(Arc<dyn ProcessorConfig>),
    /// An output.
    Output(Arc<dyn OutputConfig>),
    /// A cache.
    Cache(Arc<dyn CacheConfig>),
    /// A rate limit.
    RateLimit(Arc<dyn RateLimitConfig>),
    /// A scanner.
    Scanner(Arc<dyn ScannerConfig>),
}

/// One configured component: name, label, place, and its typed fields.
pub struct Configured<C: ?Sized> {
    /// The type name, such as `http_client`.
    pub name: &'static str,
    /// The label, empty when it has none.
    pub label: String,
    /// Where it stands in the file.
    pub span: Span,
    /// The processors beside the fields of an input or output.
    pub processors: Vec<ProcessorChild>,
    /// Renames or drops the series of its metrics and of those of its children.
    pub metrics: Option<Arc<MappingFn>>,
    /// The caches that its mappings reach, those of the whole config.
    pub mapping_caches: MappingCaches,
    /// The fields.
    pub config: Arc<C>,
}

impl<C: ?Sized> Clone for Configured<C> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            label: self.label.clone(),
            span: self.span,
            processors: self.processors.clone(),
            metrics: self.metrics.clone(),
            mapping_caches: self.mapping_caches.clone(),
            config: Arc::clone(&self.config),
        }
    }
}

/// What is shown of a child beside its name: of a scanner, which has no label, its fields.
macro_rules! shown {
    (ScannerChild, $child:ident) => {
        $child.config
    };
    ($alias:ident, $child:ident) => {
        $child.label
    };
}

macro_rules! children {
    ($($(#[$doc:meta])* $alias:ident: $kind:ident, $config:ident;)*) => {$(
        $(#[$doc])*
        pub type $alias = Configured<dyn $config>;

        impl fmt::Debug for $alias {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", self.name, shown!($alias, self))
            }
        }

        impl FieldType for $alias {
            fn kind() -> FieldKind {
                FieldKind::Component(ComponentKind::$kind)
            }

            fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
                let component = read_component(ComponentKind::$kind, node, cx)?;
                match component.config {
                    AnyConfig::$kind(config) => Some(Self {
                        name: component.name,
                        label: component.label,
                        span: component.span,
                        processors: component.processors,
                        metrics: component.metrics,
                        mapping_caches: cx
                            .extension::<MappingCaches>()
                            .map(|caches| (*caches).clone())
                            .unwrap_or_default(),
                        config,
                    }),
                    _ => None,
                }
            }
        }
    )*};
}

children! {
    /// A configured input.
    InputChild: Input, InputConfig;
    /// A configured buffer.
    BufferChild: Buffer, BufferConfig;
    /// A configured processor.
    ProcessorChild: Processor, ProcessorConfig;
    /// A configured output.
    OutputChild: Output, OutputConfig;
    /// A configured cache.
    CacheChild: Cache, CacheConfig;
    /// A configured rate limit.
    RateLimitChild: RateLimit, RateLimitConfig;
    /// A configured scanner.
    ScannerChild: Scanner, ScannerConfig;
}

/// A component as it was read, before its kind is told apart.
pub(crate) struct Component {
    name: &'static str,
    pub label: String,
    span: Span,
    pub processors: Vec<ProcessorChild>,
    pub metrics: Option<Arc<MappingFn>>,
    config: AnyConfig,
}

/// Reads `{ label?, processors?, NAME: FIELDS }`, or the older `{ type: NAME, NAME: FIELDS }`.
pub(crate) fn read_component(
    kind: ComponentKind,
    node: &Node,
    cx: &mut ReadContext,
) -> Option<Component> {
    let label = node.get("label").and_then(Node::text).unwrap_or_default();
    read_labelled(
        kind,
        label,
        cx,
        |cx| read_unlabelled(kind, node, cx),
        |it| it.name,
    )
}

fn read_unlabelled(kind: ComponentKind, node: &Node, cx: &mut ReadContext) -> Option<Component> {
    let registry = cx
        .extension::<Registry>()
        .expect("the reader of a config lends its registry");
    let named = infer(kind, node, &*registry, cx)?;
    let ((), failed) = cx.errors_in(|cx| check_reserved(kind, &named, node, cx));
    let processors = match node.get("processors").filter(|_| kind.has_processors()) {
        Some(list) => cx.within("processors", |cx| Vec::<ProcessorChild>::read(list, cx)),
        None => Some(Vec::new()),
    };
    let label = node.get("label").and_then(Node::text);
    let label = label.unwrap_or_default().to_owned();
    let component = if let Some(descriptor) = registry.get(kind, named.name) {
        let config = read_fields(descriptor, &named, node, cx);
        processors
            .zip(config)
            .map(|(processors, config)| Component {
                name: descriptor.name(),
                label,
                span: node.span,
                processors,
                metrics: None,
                config,
            })
    } else if let Some(template) = registry.template(kind, named.name) {
        let made = template::read(&**template, &named, &label, cx);
        processors.zip(made).map(|(processors, mut made)| {
            made.span = node.span;
            template::add_processors(kind, &mut made, processors);
            made
        })
    } else {
        crate::not_built::check(kind, &named, cx);
        None
    };
    component.filter(|_| !failed)
}

fn read_fields(
    descriptor: &Descriptor,
    named: &Named<'_>,
    node: &Node,
    cx: &mut ReadContext,
) -> Option<AnyConfig> {
    if named.spec.status == Status::Deprecated {
        let (kind, name) = (named.spec.kind, named.name);
        cx.deprecated(named.name_span, format!("{kind} {name} is deprecated"));
    }
    let empty = Node::empty_mapping(node.span);
    let fields = named.body.unwrap_or(&empty);
    cx.within(named.name, |cx| descriptor.read(fields, cx))
}

/// How a descriptor turns the tree into a typed config.
pub(crate) type Read = fn(&Node, &mut ReadContext) -> Option<AnyConfig>;

impl Descriptor {
    /// Reads the fields of a component of this kind and name.
    pub fn read(&self, node: &Node, cx: &mut ReadContext) -> Option<AnyConfig> {
        (self.read)(node, cx)
    }
}
