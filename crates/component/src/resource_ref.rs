//! Labels of resources in fields: read as text, and checked against what is declared once the
//! whole config has been read.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::ops::Deref;

use millrace_diagnostics::{Code, Span, did_you_mean};
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

/// A resource: its kind and its label.
type Resource = (ComponentKind, String);

/// Every place of a config that names a resource.
#[derive(Default)]
struct ResourceUses {
    uses: Vec<ResourceUse>,
    /// Uses that only a resource of a certain component fits.
    expected: Vec<(ResourceUse, &'static str)>,
    /// The labelled components that are being read, from the outside in.
    within: Vec<Resource>,
    /// The names of the labelled components that were read.
    names: BTreeMap<Resource, &'static str>,
}

struct ResourceUse {
    kind: ComponentKind,
    label: String,
    span: Span,
    /// Which template names it, and where in what it made.
    template: Option<String>,
    /// The outermost labelled component around it; resources stand in none.
    by: Option<Resource>,
}

impl ResourceUse {
    fn here(kind: ComponentKind, label: &str, span: Span, cx: &mut ReadContext) -> Self {
        Self {
            kind,
            label: label.to_owned(),
            span,
            template: cx.place_in_template(),
            by: cx.state::<ResourceUses>().within.first().cloned(),
        }
    }

    fn resource(&self) -> Resource {
        (self.kind, self.label.clone())
    }

    /// Says that it cannot be used.
    fn refuse(&self, code: Code, reason: &str, help: &str, cx: &mut ReadContext) {
        let message = match &self.template {
            Some(template) => format!("{template}: {reason}"),
            None => reason.to_owned(),
        };
        cx.error(code, self.span, message).help = Some(help.to_owned());
    }
}

/// Records that the label is used as a resource of this kind.
pub fn add_resource_use(kind: ComponentKind, label: &str, span: Span, cx: &mut ReadContext) {
    let found = ResourceUse::here(kind, label, span, cx);
    cx.state::<ResourceUses>().uses.push(found);
}

/// Records that the resource of this label has to be a component of the name `component`.
pub fn expect_resource(
    kind: ComponentKind,
    label: &str,
    component: &'static str,
    span: Span,
    cx: &mut ReadContext,
) {
    let found = ResourceUse::here(kind, label, span, cx);
    cx.state::<ResourceUses>().expected.push((found, component));
}

/// Reads a labelled component: what it uses is used by it.
pub(crate) fn read_labelled<T>(
    kind: ComponentKind,
    label: &str,
    cx: &mut ReadContext,
    read: impl FnOnce(&mut ReadContext) -> Option<T>,
    name: impl FnOnce(&T) -> &'static str,
) -> Option<T> {
    if label.is_empty() {
        return read(cx);
    }
    let resource = (kind, label.to_owned());
    cx.state::<ResourceUses>().within.push(resource.clone());
    let component = read(cx);
    let uses = cx.state::<ResourceUses>();
    uses.within.pop();
    if let Some(component) = &component {
        uses.names.insert(resource, name(component));
    }
    component
}

/// The resources that were named so far, without the first `from` times; one comes as often as it is
/// named. Call it before [`check_resource_uses`], which begins anew.
pub fn resources_named(from: usize, cx: &mut ReadContext) -> Vec<(ComponentKind, String)> {
    let uses = cx.state::<ResourceUses>().uses.iter();
    uses.skip(from).map(ResourceUse::resource).collect()
}

/// Reports every use of a resource that is not among the declared labels of its kind, of one that
/// uses itself, and of one that is another component than the use needs. Call it when the whole
/// config, its resource files included, has been read.
pub fn check_resource_uses(declared: &[(ComponentKind, String)], cx: &mut ReadContext) {
    let all = std::mem::take(cx.state::<ResourceUses>());
    let known: BTreeSet<Resource> = declared.iter().cloned().collect();
    for found in all.uses.iter().filter(|it| !known.contains(&it.resource())) {
        let (kind, label) = (found.kind, &found.label);
        let names = declared
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, name)| name.as_str());
        let near = cx.may_suggest().then(|| did_you_mean(label, names));
        let help = near.flatten().unwrap_or_else(|| {
            format!("declare it under `{kind}_resources` with `label: {label}`")
        });
        let reason = format!("{kind} resource `{label}` is not declared");
        found.refuse(codes::RESOURCE_UNKNOWN, &reason, &help, cx);
    }
    for (found, component) in &all.expected {
        let name = all.names.get(&found.resource());
        if let Some(name) = name.filter(|name| *name != component) {
            let (kind, label) = (found.kind, &found.label);
            let reason = format!("{kind} resource `{label}` is a {name}, not a {component}");
            let help = format!("name a {kind} resource that is a {component}");
            found.refuse(codes::INVALID_VALUE, &reason, &help, cx);
        }
    }
    refuse_circles(&all.uses, cx);
}

/// How far the search for circles has come with a resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Search {
    /// What it uses is being followed.
    Open,
    Done,
}

/// Reports resources that use themselves, directly or by way of others: they could never be built.
fn refuse_circles(uses: &[ResourceUse], cx: &mut ReadContext) {
    let mut used: BTreeMap<&Resource, Vec<&ResourceUse>> = BTreeMap::new();
    for found in uses {
        if let Some(by) = &found.by {
            used.entry(by).or_default().push(found);
        }
    }
    let mut searched: BTreeMap<Resource, Search> = BTreeMap::new();
    for first in used.keys() {
        let mut path = vec![((*first).clone(), 0)];
        while let Some((resource, followed)) = path.last_mut() {
            let resource = resource.clone();
            let is_done = searched.get(&resource) == Some(&Search::Done);
            let next = used.get(&resource).and_then(|uses| uses.get(*followed));
            let Some(found) = next.filter(|_| !is_done) else {
                searched.insert(resource, Search::Done);
                path.pop();
                continue;
            };
            searched.insert(resource, Search::Open);
            *followed += 1;
            let target = found.resource();
            match searched.get(&target) {
                None => path.push((target, 0)),
                Some(Search::Done) => {}
                Some(Search::Open) => {
                    let reason = format!("{} resource `{}` uses itself", found.kind, found.label);
                    let help = "a resource is built of others: take one use out of the circle";
                    found.refuse(codes::INVALID_VALUE, &reason, help, cx);
                }
            }
        }
    }
}
