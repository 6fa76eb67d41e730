//! The config of a component as one thing: its name, its label, and its typed fields.
//!
//! `check` is reading: every complaint is collected on the spanned tree, without I/O. `build`
//! comes after it and may open things.

use std::sync::Arc;

use millrace_diagnostics::{Span, did_you_mean};
use millrace_message::Error;
use millrace_spec::{ComponentKind, FieldKind, FieldType, Node, ReadContext, codes};

use crate::{
    BuildContext, BuiltBuffer, BuiltCache, BuiltProcessor, BuiltRateLimit, Descriptor, Guarantee,
    InputPart, OutputPart, Registry, ScannerFactory,
};

/// The typed config of an input.
pub trait InputConfig: Send + Sync {
    /// Builds the input; what has to be waited for belongs into its `connect`.
    ///
    /// # Errors
    /// The input cannot be built at all.
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error>;
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

/// The typed config of a processor.
pub trait ProcessorConfig: Send + Sync {
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
pub trait ScannerConfig: Send + Sync {
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
            config: Arc::clone(&self.config),
        }
    }
}

impl<C: ?Sized> std::fmt::Debug for Configured<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({:?})", self.name, self.label)
    }
}

macro_rules! children {
    ($($(#[$doc:meta])* $alias:ident: $kind:ident, $config:ident;)*) => {$(
        $(#[$doc])*
        pub type $alias = Configured<dyn $config>;

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
struct Component {
    name: &'static str,
    label: String,
    span: Span,
    processors: Vec<ProcessorChild>,
    config: AnyConfig,
}

/// The labels that were read, with the place of each.
#[derive(Default)]
struct Labels {
    seen: std::collections::HashMap<String, Span>,
}

/// Reads `{ label?, processors?, NAME: FIELDS }`, or the older `{ type: NAME, NAME: FIELDS }`.
fn read_component(kind: ComponentKind, node: &Node, cx: &mut ReadContext) -> Option<Component> {
    let registry = cx
        .extension::<Registry>()
        .expect("the reader of a config lends its registry");
    let Some(mapping) = node.as_mapping() else {
        cx.wrong_type(node, "object");
        return None;
    };
    let label = read_label(kind, node, cx);
    let processors = match node.get("processors").filter(|_| kind.has_processors()) {
        Some(list) => cx.within("processors", |cx| Vec::<ProcessorChild>::read(list, cx)),
        None => Some(Vec::new()),
    };
    let (name, name_span) = component_name(kind, node, &registry, cx)?;
    check_neighbours(kind, mapping, &name, cx);
    let Some(descriptor) = registry.get(kind, &name) else {
        report_missing(kind, &name, name_span, &registry, cx);
        return None;
    };
    let empty = Node::empty_mapping(node.span);
    let fields = node.get(&name).unwrap_or(&empty);
    if descriptor.about().status == millrace_spec::Status::Deprecated {
        cx.deprecated(name_span, format!("{kind} {name} is deprecated"));
    }
    let config = cx.within(&*name, |cx| descriptor.read(fields, cx));
    Some(Component {
        name: descriptor.name(),
        label: label?,
        span: node.span,
        processors: processors?,
        config: config?,
    })
}

/// The name of the component: the value of `type`, or the one key that is a component's name.
fn component_name(
    kind: ComponentKind,
    node: &Node,
    registry: &Registry,
    cx: &mut ReadContext,
) -> Option<(String, Span)> {
    if let Some(written) = node.get("type") {
        return Some((String::read(written, cx)?, written.span));
    }
    let mapping = node.as_mapping()?;
    let candidates: Vec<_> = mapping
        .entries
        .iter()
        .filter(|entry| !is_beside(kind, &entry.key))
        .collect();
    let known = candidates
        .iter()
        .find(|entry| registry.is_known(kind, &entry.key));
    let Some(entry) = known.or(candidates.first()) else {
        let message = format!("an {kind} without a type");
        let message = message
            .replace("an p", "a p")
            .replace("an b", "a b")
            .replace("an c", "a c");
        cx.error(codes::COMPONENT_MISSING, node.span, message).help =
            Some("name one as the key, such as `generate: { … }`".to_owned());
        return None;
    };
    Some((entry.key.to_string(), entry.key_span))
}

/// Whether a key may stand beside the component's own.
fn is_beside(kind: ComponentKind, key: &str) -> bool {
    match key {
        "type" => true,
        "label" => kind.has_label(),
        "processors" => kind.has_processors(),
        _ => false,
    }
}

fn check_neighbours(
    kind: ComponentKind,
    mapping: &millrace_spec::Mapping,
    name: &str,
    cx: &mut ReadContext,
) {
    for entry in &mapping.entries {
        if &*entry.key != name && !is_beside(kind, &entry.key) {
            let message = format!(
                "field {} is invalid when the component type is {name}",
                entry.key
            );
            cx.error(codes::UNKNOWN_FIELD, entry.key_span, message);
        }
    }
}

fn read_label(kind: ComponentKind, node: &Node, cx: &mut ReadContext) -> Option<String> {
    let Some(written) = node.get("label").filter(|_| kind.has_label()) else {
        if cx.options().require_labels && kind.has_label() {
            cx.error(
                codes::MISSING_LABEL,
                node.span,
                format!("label is required for {kind}"),
            );
        }
        return Some(String::new());
    };
    let label = String::read(written, cx)?;
    if label.is_empty() {
        return Some(label);
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if label.starts_with('_') || !label.chars().all(allowed) {
        cx.error(
            codes::BAD_LABEL,
            written.span,
            format!("label `{label}` is not valid"),
        )
        .help = Some("use a-z, 0-9 and _, not beginning with _".to_owned());
        return None;
    }
    if let Some(first) = cx
        .state::<Labels>()
        .seen
        .insert(label.clone(), written.span)
    {
        let line = cx
            .sources()
            .locate(first)
            .map_or(0, |(_, position)| position.line);
        let message =
            format!("label '{label}' collides with a previously defined label at line {line}");
        cx.error(codes::DUPLICATE_LABEL, written.span, message);
        return None;
    }
    Some(label)
}

fn report_missing(
    kind: ComponentKind,
    name: &str,
    span: Span,
    registry: &Registry,
    cx: &mut ReadContext,
) {
    let help = did_you_mean(name, registry.names(kind));
    cx.error(
        codes::COMPONENT_UNKNOWN,
        span,
        format!("{kind} {name} is not known"),
    )
    .help = help;
}

/// How a descriptor turns the tree into a typed config.
pub(crate) type Read = fn(&Node, &mut ReadContext) -> Option<AnyConfig>;

impl Descriptor {
    /// Reads the fields of a component of this kind and name.
    pub fn read(&self, node: &Node, cx: &mut ReadContext) -> Option<AnyConfig> {
        (self.read)(node, cx)
    }
}
