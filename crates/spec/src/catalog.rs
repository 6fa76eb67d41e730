//! Which components there are, and which one a config names.

use crate::{
    About, ComponentKind, Entry, FieldKind, FieldSpec, LintOptions, Literal, Node, ReadContext,
    Spec, Status, codes,
};
use millrace_diagnostics::{Span, did_you_mean};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of one component without building it.
#[derive(Clone, PartialEq, Debug)]
pub struct ComponentSpec {
    /// Its kind.
    pub kind: ComponentKind,
    /// Its name: the key in the config.
    pub name: Cow<'static, str>,
    /// What stands under the key.
    pub body: FieldKind,
    /// How far it can be relied on.
    pub status: Status,
    /// The version that brought it.
    pub since: Option<&'static str>,
    /// Headings under which it is listed.
    pub categories: Vec<Cow<'static, str>>,
    /// The reference page in Markdown; the first paragraph is the summary.
    pub description: Cow<'static, str>,
    /// Paths of example files.
    pub examples: Vec<&'static str>,
    /// Whether this build has it; otherwise only its fields are known.
    pub built: bool,
}

impl ComponentSpec {
    /// The component whose config is `C`; `None` when its derive names no component.
    pub fn of<C: Spec>() -> Option<Self> {
        let About {
            component,
            description,
            status,
            since,
            categories,
            examples,
        } = C::ABOUT;
        let (kind, name) = component?;
        Some(Self {
            kind,
            name: name.into(),
            body: C::kind(),
            status,
            since,
            categories: categories.iter().map(|it| Cow::Borrowed(*it)).collect(),
            description: description.into(),
            examples: examples.to_vec(),
            built: true,
        })
    }

    /// The fields, when the body is an object.
    pub fn fields(&self) -> &[FieldSpec] {
        match &self.body {
            FieldKind::Object(fields) => fields,
            _ => &[],
        }
    }

    /// The first paragraph of the description, on one line.
    pub fn summary(&self) -> String {
        crate::field::first_paragraph(&self.description)
    }
}

/// A set of components, by kind and name.
pub trait Catalog: Send + Sync {
    /// The component of this kind and name.
    fn component(&self, kind: ComponentKind, name: &str) -> Option<Arc<ComponentSpec>>;

    /// All names of a kind, sorted.
    fn names(&self, kind: ComponentKind) -> Vec<String>;
}

/// A catalog in memory.
#[derive(Clone, Default, Debug)]
pub struct ComponentTable {
    components: BTreeMap<ComponentKind, BTreeMap<String, Arc<ComponentSpec>>>,
}

impl ComponentTable {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component; one of the same kind and name is replaced.
    pub fn insert(&mut self, spec: ComponentSpec) {
        let names = self.components.entry(spec.kind).or_default();
        names.insert(spec.name.to_string(), Arc::new(spec));
    }

    /// All components, by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ComponentSpec>> {
        self.components.values().flat_map(BTreeMap::values)
    }
}

impl Catalog for ComponentTable {
    fn component(&self, kind: ComponentKind, name: &str) -> Option<Arc<ComponentSpec>> {
        self.components.get(&kind)?.get(name).map(Arc::clone)
    }

    fn names(&self, kind: ComponentKind) -> Vec<String> {
        self.components
            .get(&kind)
            .map_or_else(Vec::new, |names| names.keys().cloned().collect())
    }
}

/// The fields that may stand beside a component's own.
pub fn reserved_fields(kind: ComponentKind) -> Vec<FieldSpec> {
    let mut fields = Vec::new();
    if kind.has_label() {
        let docs =
            "Names the component in metrics, logs and traces, and for `resource` to find it.";
        fields.push(
            FieldSpec::new("label", FieldKind::String)
                .default("")
                .describe(docs),
        );
    }
    fields.push(FieldSpec::new("type", FieldKind::String).optional());
    fields.push(FieldSpec::new("plugin", FieldKind::Any).optional());
    if kind.has_processors() {
        let processors = FieldKind::components(ComponentKind::Processor);
        fields.push(FieldSpec::new("processors", processors).default(Literal::List(Vec::new())));
    }
    if kind == ComponentKind::Metrics {
        fields.push(FieldSpec::new("mapping", FieldKind::Mapping).default(""));
    }
    fields
}

/// The component that a node names.
#[derive(Clone, Debug)]
pub struct Named<'n> {
    /// The name.
    pub name: &'n str,
    /// Where the name stands.
    pub name_span: Span,
    /// What stands under the name; `None` for `type: name` alone.
    pub body: Option<&'n Node>,
    /// What is known of it.
    pub spec: Arc<ComponentSpec>,
}

/// Finds out which component a node names, as Bento does: by its `type`, else by the one key that
/// is the name of a component of this kind. Reports when there is none or more than one.
pub fn infer<'n>(
    kind: ComponentKind,
    node: &'n Node,
    catalog: &dyn Catalog,
    cx: &mut ReadContext,
) -> Option<Named<'n>> {
    let Some(mapping) = node.as_mapping() else {
        let found = node.describe();
        let message = cx.about_field(&format!("expected {} {kind}, found {found}", article(kind)));
        let help = format!(
            "a component is written as `name: {{ … }}`, for example `{}`",
            example(kind)
        );
        cx.error(codes::WRONG_TYPE, node.span, message).help = Some(help);
        return None;
    };
    if let Some(entry) = mapping.get("type") {
        return explicit(kind, node, entry, catalog, cx);
    }
    let reserved = reserved_fields(kind);
    let is_reserved = |entry: &&Entry| reserved.iter().any(|it| it.name == *entry.key);
    let candidates: Vec<_> = mapping
        .entries
        .iter()
        .filter(|it| !is_reserved(it))
        .collect();
    let known = candidates.iter().filter_map(|entry| {
        catalog
            .component(kind, &entry.key)
            .map(|spec| (*entry, spec))
    });
    let known: Vec<_> = known.collect();
    match (&*known, &*candidates) {
        ([(entry, spec)], _) => Some(Named {
            name: &entry.key,
            name_span: entry.key_span,
            body: Some(&entry.value),
            spec: Arc::clone(spec),
        }),
        ([], []) => {
            let message = format!("an explicit {kind} type must be specified");
            cx.error(codes::COMPONENT_MISSING, node.span, message);
            None
        }
        ([], [entry]) => {
            unknown(kind, &entry.key, entry.key_span, catalog, cx);
            None
        }
        ([], _) => {
            let mut names: Vec<_> = candidates.iter().map(|it| &*it.key).collect();
            names.sort_unstable();
            let message = format!("unable to infer {kind} type from candidates: {names:?}");
            let help = names
                .iter()
                .take_while(|_| cx.may_suggest())
                .find_map(|it| near(kind, it, catalog));
            cx.error(codes::COMPONENT_UNKNOWN, node.span, message).help = help;
            None
        }
        ([first, second, ..], _) => {
            let mut names = [&*first.0.key, &*second.0.key];
            names.sort_unstable();
            let [a, b] = names;
            let message =
                format!("unable to infer {kind} type, multiple candidates '{a}' and '{b}'");
            cx.error(codes::COMPONENT_MISSING, second.0.key_span, message)
                .help = Some("keep one of them".to_owned());
            None
        }
    }
}

fn explicit<'n>(
    kind: ComponentKind,
    node: &'n Node,
    entry: &'n Entry,
    catalog: &dyn Catalog,
    cx: &mut ReadContext,
) -> Option<Named<'n>> {
    let Some(name) = entry.value.text() else {
        cx.wrong_type(&entry.value, "a text");
        return None;
    };
    let Some(spec) = catalog.component(kind, name) else {
        unknown(kind, name, entry.value.span, catalog, cx);
        return None;
    };
    let body = node
        .get(name)
        .filter(|it| !it.is_null())
        .or_else(|| node.get("plugin"));
    Some(Named {
        name,
        name_span: entry.value.span,
        body,
        spec,
    })
}

fn unknown(
    kind: ComponentKind,
    name: &str,
    span: Span,
    catalog: &dyn Catalog,
    cx: &mut ReadContext,
) {
    let near = cx.may_suggest().then(|| near(kind, name, catalog));
    let help = near.flatten().or_else(|| {
        let other = ComponentKind::ALL
            .into_iter()
            .find(|it| catalog.component(*it, name).is_some());
        other.map(|other| format!("`{name}` is the name of {} {other}", article(other)))
    });
    // Templates make what can have a label.
    let of_template = || {
        let hint = format!("if a template makes this {kind}, name its file with `-t`");
        kind.has_label().then_some(hint)
    };
    let message = format!("{kind} type '{name}' was not recognised");
    cx.error(codes::COMPONENT_UNKNOWN, span, message).help = help.or_else(of_template);
}

/// The component of a kind whose name is nearest to an unknown one.
fn near(kind: ComponentKind, name: &str, catalog: &dyn Catalog) -> Option<String> {
    let names = catalog.names(kind);
    did_you_mean(name, names.iter().map(String::as_str))
}

fn article(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Input | ComponentKind::Output => "an",
        _ => "a",
    }
}

/// A component of a kind that needs no more than its name.
pub(crate) fn example(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Input => "stdin: {}",
        ComponentKind::Output => "stdout: {}",
        ComponentKind::Processor => "mapping: root = this",
        ComponentKind::Buffer | ComponentKind::Tracer => "none: {}",
        ComponentKind::Cache => "memory: {}",
        ComponentKind::RateLimit => "local: {}",
        ComponentKind::Scanner => "lines: {}",
        ComponentKind::Metrics => "prometheus: {}",
    }
}

/// The labels that were seen so far, for the check that each is used once.
#[derive(Default, Debug)]
pub struct Labels {
    seen: BTreeMap<String, Span>,
}

impl Labels {
    /// The labels and where they stand.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Span)> {
        self.seen
            .iter()
            .map(|(label, span)| (label.as_str(), *span))
    }
}

/// Checks what stands beside a component's own field: no key but the reserved ones, a valid label
/// that nothing else has. `processors` and `mapping` are left to the caller.
pub fn check_reserved(kind: ComponentKind, named: &Named<'_>, node: &Node, cx: &mut ReadContext) {
    let Some(mapping) = node.as_mapping() else {
        return;
    };
    let reserved = reserved_fields(kind);
    for entry in mapping.entries.iter() {
        if *entry.key == *named.name {
            continue;
        }
        if !reserved.iter().any(|field| field.name == *entry.key) {
            let (key, name) = (&entry.key, named.name);
            let message =
                format!("field {key} is invalid when the component type is {name} ({kind})");
            let fields = named.spec.fields();
            let names = reserved.iter().map(|field| &*field.name);
            let near = cx.may_suggest().then(|| did_you_mean(key, names));
            let diagnostic = cx.error(codes::UNKNOWN_FIELD, entry.key_span, message);
            if fields.iter().any(|field| field.name == **key) {
                diagnostic.help = Some(format!("`{key}` is a field of `{name}`: indent it"));
            } else {
                diagnostic.help = near.flatten();
            }
        }
    }
    let LintOptions { require_labels, .. } = cx.options();
    match mapping
        .get("label")
        .filter(|entry| entry.value.text() != Some(""))
    {
        Some(entry) => check_label(entry, named, cx),
        None if is_resource(kind, cx) => missing_label(kind, named, node, cx),
        None if cx.is_in_template() => {}
        None if require_labels && kind.has_label() && named.name != "resource" => {
            let message = format!("label is required for {}", named.name);
            cx.error(codes::MISSING_LABEL, node.span, message);
        }
        None => {}
    }
}

/// Whether the reader is at a component that others name by its label.
fn is_resource(kind: ComponentKind, cx: &ReadContext) -> bool {
    let [.., list, index] = cx.path_segments() else {
        return false;
    };
    let of_kind = list.strip_suffix("_resources");
    of_kind == Some(&*kind.to_string()) && index.parse::<usize>().is_ok()
}

fn missing_label(kind: ComponentKind, named: &Named<'_>, node: &Node, cx: &mut ReadContext) {
    let kind = kind.to_string().replace('_', " ");
    let message = format!(
        "label is required for {}: this {kind} resource has none",
        named.name
    );
    let help = format!(
        "add `label: NAME` beside `{}`; others use it by that name",
        named.name
    );
    cx.error(codes::MISSING_LABEL, node.span, message).help = Some(help);
}

fn check_label(entry: &Entry, named: &Named<'_>, cx: &mut ReadContext) {
    let Some(label) = entry.value.text() else {
        cx.wrong_type(&entry.value, "a text");
        return;
    };
    let span = entry.value.span;
    if named.name == "resource" {
        let message = "label field should be omitted when pointing to a resource";
        cx.error(codes::SHOULD_OMIT, entry.key_span, message);
        return;
    }
    if !is_label(label) {
        let message = format!(
            "invalid label '{label}': should match the regular expression /^[a-z0-9_]+$/ and must \
             not start with an underscore"
        );
        cx.error(codes::BAD_LABEL, span, message);
        return;
    }
    if let Some(first) = cx.state::<Labels>().seen.get(label).copied() {
        let line = cx.sources().locate(first).map_or(0, |(_, at)| at.line);
        let message =
            format!("label '{label}' collides with a previously defined label at line {line}");
        let diagnostic = cx.error(codes::DUPLICATE_LABEL, span, message);
        *diagnostic = diagnostic.clone().related(first, "first used here");
        return;
    }
    cx.state::<Labels>().seen.insert(label.to_owned(), span);
}

/// Whether a text can be a label: lower-case letters, digits and `_`, not starting with `_`.
pub fn is_label(text: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
    !text.is_empty() && !text.starts_with('_') && text.bytes().all(allowed)
}
