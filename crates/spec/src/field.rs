//! The field table: what a component's config may hold.
//!
//! Lint, reader, JSON Schema, reference pages, sample configs and the normalised config all come
//! from these tables; `#[derive(Spec)]` writes them.

use crate::{Literal, Node};
use std::borrow::Cow;
use std::fmt;

/// The kinds of components.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ComponentKind {
    /// Where messages come from.
    Input,
    /// Holds messages between input and processing.
    Buffer,
    /// Changes messages.
    Processor,
    /// Where messages go.
    Output,
    /// Key-value resource.
    Cache,
    /// Rate limit resource.
    RateLimit,
    /// Cuts a stream of bytes into messages.
    Scanner,
    /// Where metrics go.
    Metrics,
    /// Where traces go.
    Tracer,
}

impl ComponentKind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Self; 9] = [
        Self::Input,
        Self::Buffer,
        Self::Processor,
        Self::Output,
        Self::Cache,
        Self::RateLimit,
        Self::Scanner,
        Self::Metrics,
        Self::Tracer,
    ];

    /// The word of the config: `input`, `rate_limit`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Buffer => "buffer",
            Self::Processor => "processor",
            Self::Output => "output",
            Self::Cache => "cache",
            Self::RateLimit => "rate_limit",
            Self::Scanner => "scanner",
            Self::Metrics => "metrics",
            Self::Tracer => "tracer",
        }
    }

    /// The kind of a word of the config.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether a component of this kind may have a `label`.
    pub fn has_label(self) -> bool {
        use ComponentKind::{Cache, Input, Output, Processor, RateLimit};
        matches!(self, Input | Processor | Output | Cache | RateLimit)
    }

    /// Whether a component of this kind may have `processors` beside its own field.
    pub fn has_processors(self) -> bool {
        matches!(self, Self::Input | Self::Output)
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a field holds.
#[derive(Clone, PartialEq, Debug)]
pub enum FieldKind {
    /// Any value.
    Any,
    /// Text.
    String,
    /// `true` or `false`.
    Bool,
    /// An integer.
    Int,
    /// A number.
    Float,
    /// A duration such as `1m30s`.
    Duration,
    /// A number of bytes, plain or as text such as `10MiB`.
    ByteSize,
    /// Text with `${! … }` interpolations.
    Interpolated,
    /// A Bloblang mapping.
    Mapping,
    /// Text that is one of these.
    Options(Vec<FieldOption>),
    /// An object with these fields.
    Object(Vec<FieldSpec>),
    /// A list.
    List(Box<FieldKind>),
    /// An object with any keys.
    Map(Box<FieldKind>),
    /// A component.
    Component(ComponentKind),
    /// The label of a resource.
    Resource(ComponentKind),
}

impl FieldKind {
    /// A list of components: `processors`, `cases[].output`, …
    pub fn components(kind: ComponentKind) -> Self {
        Self::List(Box::new(Self::Component(kind)))
    }
}

/// One of the values that a field accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldOption {
    /// The value.
    pub value: Cow<'static, str>,
    /// What it means; may be empty.
    pub description: Cow<'static, str>,
}

/// One field of an object.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldSpec {
    /// The key.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub kind: FieldKind,
    /// The value that an absent field has.
    pub default: Option<Literal>,
    /// May be absent without having a default.
    pub optional: bool,
    /// Left out of small samples.
    pub advanced: bool,
    /// Still accepted, with a warning.
    pub deprecated: bool,
    /// Scrubbed from everything that is printed.
    pub secret: bool,
    /// Why any value but the default is refused: the field is known, and this build does not do
    /// what it asks for.
    pub unsupported: Option<&'static str>,
    /// The version that brought it.
    pub since: Option<&'static str>,
    /// Other spellings of the key.
    pub aliases: Vec<&'static str>,
    /// What it does, in Markdown; the first paragraph is the summary.
    pub description: Cow<'static, str>,
    /// Values to show in documentation.
    pub examples: Vec<Literal>,
    /// What samples hold where the default, or nothing, would be refused.
    pub sample: Option<Literal>,
}

impl FieldSpec {
    /// A required field.
    pub fn new(name: impl Into<Cow<'static, str>>, kind: FieldKind) -> Self {
        Self {
            name: name.into(),
            kind,
            default: None,
            optional: false,
            advanced: false,
            deprecated: false,
            secret: false,
            unsupported: None,
            since: None,
            aliases: Vec::new(),
            description: Cow::Borrowed(""),
            examples: Vec::new(),
            sample: None,
        }
    }

    /// Sets the default.
    #[must_use]
    pub fn default(mut self, value: impl Into<Literal>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// May be absent.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Marks it as advanced.
    #[must_use]
    pub fn advanced(mut self) -> Self {
        self.advanced = true;
        self
    }

    /// Marks it as deprecated.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Marks it as secret.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Refuses any value but the default, and says why.
    #[must_use]
    pub fn unsupported(mut self, reason: &'static str) -> Self {
        self.unsupported = Some(reason);
        self
    }

    /// Sets the version that brought it.
    #[must_use]
    pub fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    /// Adds another spelling of the key.
    #[must_use]
    pub fn alias(mut self, name: &'static str) -> Self {
        self.aliases.push(name);
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn describe(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds an example value.
    #[must_use]
    pub fn example(mut self, value: impl Into<Literal>) -> Self {
        self.examples.push(value.into());
        self
    }

    /// Sets what samples hold, where the default or nothing would be refused.
    #[must_use]
    pub fn sample(mut self, value: impl Into<Literal>) -> Self {
        self.sample = Some(value.into());
        self
    }

    /// Narrows a text field to these options.
    #[must_use]
    pub fn options<V, D>(mut self, options: impl IntoIterator<Item = (V, D)>) -> Self
    where
        V: Into<Cow<'static, str>>,
        D: Into<Cow<'static, str>>,
    {
        let option = |(value, description): (V, D)| FieldOption {
            value: value.into(),
            description: description.into(),
        };
        self.kind = FieldKind::Options(options.into_iter().map(option).collect());
        self
    }

    /// Whether a config without this field is refused.
    ///
    /// An object without a default of its own stands for its children's defaults.
    pub fn is_required(&self) -> bool {
        if self.optional || self.deprecated || self.default.is_some() {
            return false;
        }
        match &self.kind {
            FieldKind::Object(fields) => fields.iter().any(Self::is_required),
            _ => true,
        }
    }

    /// Whether a value says no more than the default does.
    pub fn is_default(&self, node: &Node) -> bool {
        match (&self.default, &self.kind, node.as_mapping()) {
            (None, FieldKind::Object(fields), Some(mapping)) => {
                let get = |key: &str| fields.iter().find(|field| field.name == *key);
                let mut entries = mapping.entries.iter();
                entries.all(|it| get(&it.key).is_none_or(|field| field.is_default(&it.value)))
            }
            (None, ..) => Literal::from(node).is_empty(),
            (Some(default), ..) => {
                let same_text =
                    matches!(default, Literal::String(text) if node.text() == Some(text));
                same_text || Literal::from(node).means_same(default)
            }
        }
    }

    /// The first paragraph of the description, on one line.
    pub fn summary(&self) -> String {
        first_paragraph(&self.description)
    }
}

/// What a component is, beside its fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    /// Its kind and name, for the config of a component.
    pub component: Option<(ComponentKind, &'static str)>,
    /// The reference page in Markdown; the first paragraph is the summary.
    pub description: &'static str,
    /// How far it can be relied on.
    pub status: Status,
    /// The version that brought it.
    pub since: Option<&'static str>,
    /// Headings under which it is listed.
    pub categories: &'static [&'static str],
    /// Paths of example files, from the root of the repository.
    pub examples: &'static [&'static str],
}

impl About {
    /// Nothing said.
    pub const NONE: Self = Self {
        component: None,
        description: "",
        status: Status::Stable,
        since: None,
        categories: &[],
        examples: &[],
    };

    /// The first paragraph of the description, on one line.
    pub fn summary(&self) -> String {
        first_paragraph(self.description)
    }
}

/// How far a component can be relied on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// Fields change only with a new major version.
    Stable,
    /// Fields may change for a good reason.
    Beta,
    /// Fields may change at any time.
    Experimental,
    /// To be removed.
    Deprecated,
}

impl Status {
    /// The word of listings: `stable`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Beta => "beta",
            Self::Experimental => "experimental",
            Self::Deprecated => "deprecated",
        }
    }

    /// The status of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Stable,
            Self::Beta,
            Self::Experimental,
            Self::Deprecated,
        ];
        all.into_iter().find(|status| status.name() == name)
    }
}

pub(crate) fn first_paragraph(text: &str) -> String {
    let lines = text
        .trim_start()
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}
