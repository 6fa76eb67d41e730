//! What a component says of itself, and the lists that components are found in.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use millrace_spec::known::KnownComponents;
use millrace_spec::{About, Catalog, ComponentKind, ComponentSpec, ComponentTable, Spec};

use crate::ReadLogSettings;
use crate::config::{
    AnyConfig, BufferConfig, CacheConfig, InputConfig, OutputConfig, ProcessorConfig,
    RateLimitConfig, Read, ScannerConfig,
};
use crate::template::Template;

/// A component that is part of this build.
#[derive(Clone, Copy)]
pub struct Descriptor {
    pub(crate) kind: ComponentKind,
    about: &'static About,
    spec: fn() -> ComponentSpec,
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
                    spec: || ComponentSpec::of::<C>().expect("the derive names the component"),
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

    /// What is known of it without building it.
    pub fn spec(&self) -> ComponentSpec {
        (self.spec)()
    }
}

/// Every component of a build, by kind and name, and those that templates make.
#[derive(Clone, Default)]
pub struct Registry {
    built: BTreeMap<(ComponentKind, &'static str), Built>,
    templates: BTreeMap<ComponentKind, BTreeMap<String, Arc<dyn Template>>>,
    /// What has no descriptor: exporters of metrics and of traces, templates.
    others: ComponentTable,
    table: OnceLock<ComponentTable>,
    log_settings: Option<ReadLogSettings>,
}

/// A component, and its fields once they were asked for: a process uses few of all components, and
/// the tables of all are megabytes of code to run.
#[derive(Clone)]
struct Built {
    descriptor: Descriptor,
    spec: OnceLock<Arc<ComponentSpec>>,
}

impl Registry {
    /// A registry of these families.
    pub fn new<'a>(families: impl IntoIterator<Item = &'a [Descriptor]>) -> Self {
        let mut registry = Self::default();
        for descriptor in families.into_iter().flatten() {
            let key = (descriptor.kind(), descriptor.name());
            let built = Built {
                descriptor: *descriptor,
                spec: OnceLock::new(),
            };
            let earlier = registry.built.insert(key, built);
            assert!(
                earlier.is_none(),
                "two components are called {} {}",
                key.0,
                key.1
            );
        }
        registry
    }

    /// Adds what is known of components that are built without a descriptor: exporters of metrics
    /// and of traces.
    #[must_use]
    pub fn with(mut self, specs: impl IntoIterator<Item = ComponentSpec>) -> Self {
        specs.into_iter().for_each(|it| self.others.insert(it));
        self
    }

    /// Says how settings of a broker are read, which components start.
    #[must_use]
    pub fn with_log_settings(mut self, read: ReadLogSettings) -> Self {
        self.log_settings = Some(read);
        self
    }

    /// How settings of a broker are read; nothing when this build starts none.
    pub fn log_settings(&self) -> Option<ReadLogSettings> {
        self.log_settings
    }

    /// Adds a component that is made by a template. Its name must be free: not that of a component of
    /// this build, nor of another template; false when it is not, and nothing is added.
    pub fn add_template(&mut self, template: Arc<dyn Template>) -> bool {
        let spec = template.spec();
        if self.own(spec.kind, &spec.name).is_some() {
            return false;
        }
        self.others.insert(spec.clone());
        self.table = OnceLock::new();
        let of_kind = self.templates.entry(spec.kind).or_default();
        of_kind.insert(spec.name.to_string(), Arc::clone(&template));
        true
    }

    /// The template of this kind and name.
    pub fn template(&self, kind: ComponentKind, name: &str) -> Option<&Arc<dyn Template>> {
        self.templates.get(&kind)?.get(name)
    }

    /// The component of this kind and name, when it is part of this build.
    pub fn get(&self, kind: ComponentKind, name: &str) -> Option<&Descriptor> {
        self.built(kind, name).map(|it| &it.descriptor)
    }

    fn built(&self, kind: ComponentKind, name: &str) -> Option<&Built> {
        let first = self.built.range((kind, "")..);
        first
            .take_while(|((of, _), _)| *of == kind)
            .find(|((_, it), _)| *it == name)
            .map(|(_, built)| built)
    }

    /// What is known of a component of this build, or of a template.
    fn own(&self, kind: ComponentKind, name: &str) -> Option<Arc<ComponentSpec>> {
        if let Some(built) = self.built(kind, name) {
            let spec = || Arc::new(built.descriptor.spec());
            return Some(Arc::clone(built.spec.get_or_init(spec)));
        }
        self.others.component(kind, name)
    }

    /// Every component of this build, by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = &Descriptor> {
        self.built.values().map(|it| &it.descriptor)
    }

    /// What is known of every component of this build without building it.
    pub fn table(&self) -> &ComponentTable {
        self.table.get_or_init(|| {
            let mut table = ComponentTable::new();
            let built = self.iter().map(Descriptor::spec);
            let others = self.others.iter().map(|it| ComponentSpec::clone(it));
            built.chain(others).for_each(|spec| table.insert(spec));
            table
        })
    }
}

/// The components of this build, and those of Bento that are known by their fields only.
impl Catalog for Registry {
    fn component(&self, kind: ComponentKind, name: &str) -> Option<Arc<ComponentSpec>> {
        let own = self.own(kind, name);
        own.or_else(|| KnownComponents.component(kind, name))
    }

    fn names(&self, kind: ComponentKind) -> Vec<String> {
        let of_kind = self.built.keys().filter(|(of, _)| *of == kind);
        let mut names: Vec<String> = of_kind.map(|(_, name)| (*name).to_owned()).collect();
        names.extend(self.others.names(kind));
        names.extend(KnownComponents.names(kind));
        names.sort_unstable();
        names.dedup();
        names
    }
}
