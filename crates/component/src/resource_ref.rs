//! Labels of resources in fields: read as text, and checked against what is declared once the
//! whole config has been read.

use std::marker::PhantomData;
use std::ops::Deref;

use millrace_diagnostics::{Span, did_you_mean};
use millrace_spec::{ComponentKind, FieldKind, FieldType, Node, ReadContext, codes};

/// The label of a resource of one kind.
pub struct ResourceRef<K> {
    label: String,
    kind: PhantomData<fn() -> K>,
}

/// The label of a cache.
pub type CacheRef = ResourceRef<CacheKind>;
/// The label of a rate limit.
pub type RateLimitRef = ResourceRef<RateLimitKind>;
/// The label of an input resource.
pub type InputRef = ResourceRef<InputKind>;
/// The label of a processor resource.
pub type ProcessorRef = ResourceRef<ProcessorKind>;
/// The label of an output resource.
pub type OutputRef = ResourceRef<OutputKind>;

/// Which kind of component a [`ResourceRef`] names.
pub trait ResourceKind {
    /// The kind.
    const KIND: ComponentKind;
}

macro_rules! kinds {
    ($($name:ident = $kind:ident;)*) => {$(
        #[doc = concat!("Names a resource of the kind `", stringify!($kind), "`.")]
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl ResourceKind for $name {
            const KIND: ComponentKind = ComponentKind::$kind;
        }
    )*};
}

kinds! {
    CacheKind = Cache;
    RateLimitKind = RateLimit;
    InputKind = Input;
    ProcessorKind = Processor;
    OutputKind = Output;
}

impl<K> Deref for ResourceRef<K> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.label
    }
}

impl<K> Clone for ResourceRef<K> {
    fn clone(&self) -> Self {
        Self {
            label: self.label.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> std::fmt::Debug for ResourceRef<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.label.fmt(f)
    }
}

impl<K: ResourceKind> FieldType for ResourceRef<K> {
    fn kind() -> FieldKind {
        FieldKind::Resource(K::KIND)
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let label = String::read(node, cx)?;
        add_resource_use(K::KIND, &label, node.span, cx);
        Some(Self {
            label,
            kind: PhantomData,
        })
    }

    fn means_absent(node: &Node) -> bool {
        node.is_null() || node.text() == Some("")
    }
}

/// Every place of a config that names a resource.
#[derive(Default)]
struct ResourceUses {
    uses: Vec<ResourceUse>,
}

struct ResourceUse {
    kind: ComponentKind,
    label: String,
    span: Span,
    /// Which template names it, and where in what it made.
    template: Option<String>,
}

/// Records that the label is used as a resource of this kind.
pub fn add_resource_use(kind: ComponentKind, label: &str, span: Span, cx: &mut ReadContext) {
    let found = ResourceUse {
        kind,
        label: label.to_owned(),
        span,
        template: cx.place_in_template(),
    };
    cx.state::<ResourceUses>().uses.push(found);
}

/// Reports every use of a resource that is not among the declared labels of its kind. Call it
/// when the whole config, its resource files included, has been read.
pub fn check_resource_uses(declared: &[(ComponentKind, String)], cx: &mut ReadContext) {
    for found in std::mem::take(&mut cx.state::<ResourceUses>().uses) {
        let ResourceUse {
            kind, label, span, ..
        } = found;
        if declared
            .iter()
            .any(|(of, name)| *of == kind && *name == label)
        {
            continue;
        }
        let names = declared
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, name)| name.as_str());
        let help = did_you_mean(&label, names).unwrap_or_else(|| {
            format!("declare it under `{kind}_resources` with `label: {label}`")
        });
        let mut message = format!("{kind} resource `{label}` is not declared");
        if let Some(template) = found.template {
            message = format!("{template}: {message}");
        }
        cx.error(codes::RESOURCE_UNKNOWN, span, message).help = Some(help);
    }
}
