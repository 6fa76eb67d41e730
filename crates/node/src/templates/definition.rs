//! The document that defines a template.

use std::collections::BTreeSet;

use millrace_component::Mapping;
use millrace_spec::lint::{self, LintHooks};
use millrace_spec::{
    ComponentKind, ComponentSpec, FieldKind, FieldSpec, Literal, Node, ReadContext, Spanned, Spec,
    Status, codes,
};

/// A template: a component that is made of a few fields.
#[derive(Debug, Spec)]
#[spec(check = check)]
pub(super) struct Definition {
    /// The name of the component that it makes.
    #[spec(lint = is_name)]
    pub name: Spanned<String>,
    /// The kind of the component that it makes.
    #[spec(rename = "type")]
    pub kind: Kind,
    /// How likely its fields, or what it does, will change.
    #[spec(default = "stable")]
    pub status: Stability,
    /// Headings under which it is listed.
    #[spec(default = [])]
    pub categories: Vec<String>,
    /// What it does, in a sentence.
    #[spec(default = "")]
    pub summary: String,
    /// What it does, and how it is used.
    #[spec(default = "")]
    pub description: String,
    /// The fields that its users set, and its mapping reads.
    #[spec(rename = "fields", default = [])]
    pub of_uses: Vec<Field>,
    /// Makes the config of a component of its kind out of an object of its fields.
    pub mapping: Mapping,
    /// Renames or drops the series of its metrics. `$label` is the label of the use.
    #[spec(kind = FieldKind::Mapping)]
    pub metrics_mapping: Option<Spanned<String>>,
    /// Configs, and what the template makes of each: `millrace template lint` tries them.
    #[spec(default = [])]
    pub tests: Vec<Test>,
}

/// The kinds of components that templates make.
#[derive(Clone, Copy, Debug, Spec)]
pub(super) enum Kind {
    /// A cache.
    Cache,
    /// An input.
    Input,
    /// An output.
    Output,
    /// A processor.
    Processor,
    /// A rate limit.
    RateLimit,
}

/// How far a template can be relied on.
#[derive(Clone, Copy, Debug, Spec)]
pub(super) enum Stability {
    /// It changes only with a new major version.
    Stable,
    /// It changes only for a good reason.
    Beta,
    /// It may change at any time.
    Experimental,
}

/// A field of a template.
#[derive(Clone, Debug, Spec)]
#[spec(check = check_default)]
pub(super) struct Field {
    /// Its name.
    #[spec(lint = not_empty)]
    pub name: Spanned<String>,
    /// What it does.
    #[spec(default = "")]
    pub description: String,
    /// The type of its values.
    #[spec(rename = "type")]
    pub scalar: ScalarType,
    /// Whether it has one value or several.
    #[spec(default = "scalar")]
    pub kind: Shape,
    /// Its value in a config that does not set it. Without one, the field is required.
    pub default: Option<Node>,
    /// Left out of small samples.
    #[spec(default = false)]
    pub advanced: bool,
    /// Scrubbed from everything that is printed.
    #[spec(default = false)]
    pub secret: bool,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, Spec)]
pub(super) enum ScalarType {
    /// A text.
    String,
    /// An integer.
    Int,
    /// A number.
    Float,
    /// `true` or `false`.
    Bool,
    /// Any config, such as that of a component.
    Unknown,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, Spec)]
pub(super) enum Shape {
    /// One.
    Scalar,
    /// An object with any keys.
    Map,
    /// A list.
    List,
}

/// A use of a template, and what becomes of it.
#[derive(Debug, Spec)]
pub(super) struct Test {
    /// What it is about.
    pub name: String,
    /// The fields of the template.
    pub config: Node,
    /// What the template makes of them; without it, that is only checked.
    pub expected: Option<Node>,
}

impl Definition {
    /// The component as it looks to those who use it.
    pub fn component(&self) -> ComponentSpec {
        let paragraphs = [&self.summary, &self.description].map(|it| it.trim());
        let paragraphs: Vec<_> = paragraphs.into_iter().filter(|it| !it.is_empty()).collect();
        let fields = self.of_uses.iter().map(Field::spec);
        ComponentSpec {
            kind: self.kind.component(),
            name: self.name.value.clone().into(),
            body: FieldKind::Object(fields.collect()),
            status: match self.status {
                Stability::Stable => Status::Stable,
                Stability::Beta => Status::Beta,
                Stability::Experimental => Status::Experimental,
            },
            since: None,
            categories: self.categories.iter().map(|it| it.clone().into()).collect(),
            description: paragraphs.join("\n\n").into(),
            examples: Vec::new(),
            built: true,
        }
    }
}

impl Kind {
    fn component(self) -> ComponentKind {
        match self {
            Self::Cache => ComponentKind::Cache,
            Self::Input => ComponentKind::Input,
            Self::Output => ComponentKind::Output,
            Self::Processor => ComponentKind::Processor,
            Self::RateLimit => ComponentKind::RateLimit,
        }
    }
}

impl Field {
    fn holds(&self) -> FieldKind {
        let scalar = match self.scalar {
            ScalarType::String => FieldKind::String,
            ScalarType::Int => FieldKind::Int,
            ScalarType::Float => FieldKind::Float,
            ScalarType::Bool => FieldKind::Bool,
            ScalarType::Unknown => FieldKind::Any,
        };
        match self.kind {
            Shape::Scalar => scalar,
            Shape::Map => FieldKind::Map(Box::new(scalar)),
            Shape::List => FieldKind::List(Box::new(scalar)),
        }
    }

    fn spec(&self) -> FieldSpec {
        FieldSpec {
            default: self.default.as_ref().map(Literal::from),
            advanced: self.advanced,
            secret: self.secret,
            description: self.description.clone().into(),
            ..FieldSpec::new(self.name.value.clone(), self.holds())
        }
    }
}

/// As Bento demands it of the names of components.
fn is_name(name: &Spanned<String>, node: &Node, cx: &mut ReadContext) {
    let is_word = |word: &str| {
        let mut bytes = word.bytes();
        !word.is_empty() && bytes.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
    };
    if !name.split('_').all(is_word) {
        let message = format!("`{}` is no name of a component", name.value);
        cx.error(codes::INVALID_VALUE, node.span, message).help =
            Some("use lower-case letters and digits, with `_` between words".to_owned());
    }
}

fn not_empty(name: &Spanned<String>, node: &Node, cx: &mut ReadContext) {
    if name.is_empty() {
        cx.error(codes::INVALID_VALUE, node.span, "the field has no name");
    }
}

fn check(definition: &mut Definition, _: &Node, cx: &mut ReadContext) {
    let mut names = BTreeSet::new();
    for field in &definition.of_uses {
        if !names.insert(field.name.as_str()) {
            let message = format!("field {} is defined twice", field.name.value);
            cx.error(codes::CONFLICT, field.name.span, message);
        }
    }
}

/// A default is of the type of its field.
fn check_default(field: &mut Field, _: &Node, cx: &mut ReadContext) {
    if let Some(default) = &field.default {
        cx.within("default", |cx| {
            lint::value(&field.holds(), default, &NoChildren, cx);
        });
    }
}

/// The fields of templates hold plain values only.
struct NoChildren;

impl LintHooks for NoChildren {
    fn component(&self, _: ComponentKind, _: &Node, _: &mut ReadContext) {}
    fn mapping(&self, _: &Node, _: &mut ReadContext) {}
    fn interpolated(&self, _: &Node, _: &mut ReadContext) {}
}
