//! What a component says of itself, and the lists that components are found in.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_spec::{About, ComponentKind, FieldKind, Spec};

use crate::config::{
    AnyConfig, BufferConfig, CacheConfig, InputConfig, OutputConfig, ProcessorConfig,
    RateLimitConfig, Read, ScannerConfig,
};

/// A component that is part of this build.
#[derive(Clone, Copy)]
pub struct Descriptor {
    pub(crate) kind: ComponentKind,
    about: &'static About,
    fields: fn() -> FieldKind,
    pub(crate) read: Read,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident: $kind:ident, $config:ident;)*) => {
        impl Descriptor {$(
            $(#[$doc])*
            pub const fn $name<C: Spec + $config + 'static>() -> Self {
                Self {
                    kind: ComponentKind::$kind,
                    about: &C::ABOUT,
                    fields: C::kind,
                    read: |node, cx| Some(AnyConfig::$kind(Arc::new(C::read(node, cx)?))),
                }
            }
        )*}
    };
}

constructors! {
    /// An input with the config `C`.
    input: Input, InputConfig;
    /// A buffer with the config `C`.
    buffer: Buffer, BufferConfig;
    /// A processor with the config `C`.
    processor: Processor, ProcessorConfig;
    /// An output with the config `C`.
    output: Output, OutputConfig;
    /// A cache with the config `C`.
    cache: Cache, CacheConfig;
    /// A rate limit with the config `C`.
    rate_limit: RateLimit, RateLimitConfig;
    /// A scanner with the config `C`.
    scanner: Scanner, ScannerConfig;
}

impl Descriptor {
    /// The kind of component.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// The name that is its key in a config.
    pub fn name(&self) -> &'static str {
        self.about.component.map_or("", |(_, name)| name)
    }

    /// Its reference page, status and categories.
    pub fn about(&self) -> &'static About {
        self.about
    }

    /// Its field table: an object, or a bare value such as a mapping.
    pub fn fields(&self) -> FieldKind {
        (self.fields)()
    }
}

/// Every component of a build, by kind and name.
#[derive(Default)]
pub struct Registry {
    components: BTreeMap<(ComponentKind, &'static str), Descriptor>,
}

impl Registry {
    /// A registry of these families.
    pub fn new<'a>(families: impl IntoIterator<Item = &'a [Descriptor]>) -> Self {
        let mut components = BTreeMap::new();
        for descriptor in families.into_iter().flatten() {
            let key = (descriptor.kind(), descriptor.name());
            let earlier = components.insert(key, *descriptor);
            assert!(
                earlier.is_none(),
                "two components are called {} {}",
                key.0,
                key.1
            );
        }
        Self { components }
    }

    /// The component of this kind and name, when it is part of this build.
    pub fn get<'a>(&'a self, kind: ComponentKind, name: &'a str) -> Option<&'a Descriptor> {
        self.components.get(&(kind, name))
    }

    /// The names of this kind, in order.
    pub fn names(&self, kind: ComponentKind) -> impl Iterator<Item = &'static str> {
        self.components
            .keys()
            .filter(move |(of, _)| *of == kind)
            .map(|(_, name)| *name)
    }

    /// Every component, by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = &Descriptor> {
        self.components.values()
    }

    /// Whether this build, or Bento, has a component of this kind and name.
    pub fn is_known(&self, kind: ComponentKind, name: &str) -> bool {
        self.get(kind, name).is_some()
    }
}

/// Declares the components of a family: one word each.
///
/// `component_list! { pub INPUTS: generate, file }` declares the modules `generate` and `file`
/// and the list of their `COMPONENT`s.
#[macro_export]
macro_rules! component_list {
    ($vis:vis $list:ident: $($module:ident),* $(,)?) => {
        $(mod $module;)*

        /// The components of this family.
        $vis const $list: &[$crate::Descriptor] = &[$($module::COMPONENT),*];
    };
}
