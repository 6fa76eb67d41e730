//! Components that templates make: what stands under such a name becomes the config of another
//! component of the same kind, which is read in its place.

use std::sync::Arc;

use millrace_spec::catalog::{Labels, Named};
use millrace_spec::{ComponentKind, ComponentSpec, Node, ReadContext, Value, codes};
use millrace_telemetry::metric::MappingFn;

use crate::ProcessorChild;
use crate::config::{Component, read_component};

/// How many templates may use each other: one that uses itself never ends.
const NESTED_MAX: usize = 20;

/// How many levels of objects and lists a config may have, with all that templates make of it.
const DEPTH_MAX: usize = millrace_spec::tree::MAX_DEPTH;

/// How many values the templates of a config may make.
const NODES_MAX: usize = millrace_spec::tree::MAX_ALIASED_NODES;

/// What a template makes of one use.
pub struct Expansion {
    /// The config of a component of the template's kind. Its spans are in the config that uses the
    /// template: nobody but its author has seen the rest.
    pub config: Node,
    /// Renames or drops the series of the component.
    pub metrics: Option<Arc<MappingFn>>,
}

/// Makes the config of a component from a few fields.
pub trait Template: Send + Sync {
    /// The component as it looks to those who use it.
    fn spec(&self) -> &ComponentSpec;

    /// Makes the config. It does no I/O beyond what its mapping asks for, and what it makes is bounded
    /// as a config file is. `None` exactly when at least one error was reported.
    fn expand(&self, at: &Named<'_>, label: &str, cx: &mut ReadContext) -> Option<Expansion>;
}

/// The templates whose results are being read, and what was made of them so far.
#[derive(Default)]
struct Expanded {
    names: Vec<String>,
    nodes: usize,
    kept: Vec<(String, Node)>,
    /// Those that are read no more: it has been told that they use each other too deep.
    refused: Vec<String>,
}

/// What the templates of a config have made, each with the name of its template. It is kept where the
/// options of the reader deny weaker guarantees, for the check of those.
pub fn made_by_templates(cx: &mut ReadContext) -> Vec<(String, Node)> {
    std::mem::take(&mut cx.state::<Expanded>().kept)
}

/// Reads what a template makes of a use.
pub(crate) fn read(
    template: &dyn Template,
    named: &Named<'_>,
    label: &str,
    cx: &mut ReadContext,
) -> Option<Component> {
    // That it is too much has been told, once for the whole config.
    if cx.state::<Expanded>().nodes > NODES_MAX {
        return None;
    }
    check_nested(named, cx)?;
    cx.within(named.name, |cx| {
        let made = template.expand(named, label, cx)?;
        check_size(named, &made.config, cx)?;
        cx.state::<Expanded>().names.push(named.name.to_owned());
        // Two uses of a template make the same labels, and nobody can tell them apart by those.
        let outer = std::mem::take(cx.state::<Labels>());
        let kind = template.spec().kind;
        let read = |cx: &mut ReadContext| read_component(kind, &made.config, cx);
        let component = cx.within_template(named.name, read);
        *cx.state::<Labels>() = outer;
        cx.state::<Expanded>().names.pop();
        if cx.options().deny_weaker_guarantees {
            let made = (named.name.to_owned(), made.config);
            cx.state::<Expanded>().kept.push(made);
        }
        let mut component = component?;
        if !label.is_empty() {
            label.clone_into(&mut component.label);
        }
        component.metrics = both(component.metrics, made.metrics);
        Some(component)
    })
}

/// Adds the processors that stand beside the use of a template: those of the template are nearer to
/// the connection.
pub(crate) fn add_processors(
    kind: ComponentKind,
    component: &mut Component,
    mut beside: Vec<ProcessorChild>,
) {
    if kind == ComponentKind::Output {
        beside.append(&mut component.processors);
        component.processors = beside;
    } else {
        component.processors.append(&mut beside);
    }
}

/// The mapping of a template that another template uses runs first.
fn both(inner: Option<Arc<MappingFn>>, outer: Option<Arc<MappingFn>>) -> Option<Arc<MappingFn>> {
    match (inner, outer) {
        (Some(inner), Some(outer)) => Some(Arc::new(move |name, labels| {
            let mapped = inner(name, labels)?;
            let labels = mapped.labels.iter().map(|(name, it)| (&**name, &**it));
            outer(&mapped.name, &labels.collect::<Vec<_>>())
        })),
        (inner, outer) => inner.or(outer),
    }
}

/// Refuses a use that is too deep within others. Where a template uses itself, that is said once, of the
/// outermost one: what stands at every level below it would say the same.
fn check_nested(named: &Named<'_>, cx: &mut ReadContext) -> Option<()> {
    let expanded = cx.state::<Expanded>();
    if expanded.refused.iter().any(|it| it == named.name) {
        return None;
    }
    if expanded.names.len() < NESTED_MAX {
        return Some(());
    }
    let mut uses = expanded.names.clone();
    uses.push(named.name.to_owned());
    let again = (1..uses.len()).find(|it| uses[..*it].contains(&uses[*it]));
    let own = again.map(|it| uses[it].clone());
    uses.truncate(again.map_or(uses.len(), |it| it + 1));
    let refused = own.as_deref().unwrap_or(named.name);
    expanded.refused.push(refused.to_owned());
    let quoted: Vec<_> = uses.iter().map(|it| format!("`{it}`")).collect();
    let message = format!(
        "templates use each other more than {NESTED_MAX} times: {}",
        quoted.join(" → ")
    );
    // It names the templates that it is in.
    cx.outside_templates(|cx| {
        cx.error(codes::LIMIT, named.name_span, message).help =
            own.map(|name| format!("`{name}` uses itself: let its mapping make something else"));
    });
    None
}

fn check_size(named: &Named<'_>, made: &Node, cx: &mut ReadContext) -> Option<()> {
    let mut count = 0;
    let depth = measure(made, &mut count);
    let expanded = cx.state::<Expanded>();
    expanded.nodes = expanded.nodes.saturating_add(count);
    let message = if expanded.nodes > NODES_MAX {
        format!("the templates of this config make more than {NODES_MAX} values")
    } else if cx.path_segments().len() + depth > DEPTH_MAX {
        format!("the config nests more than {DEPTH_MAX} levels with what templates make of it")
    } else {
        return Some(());
    };
    let message = format!("template `{}`: {message}", named.name);
    cx.error(codes::LIMIT, named.name_span, message);
    None
}

/// The levels below a node, itself included; `count` grows by the nodes. The depth of what a template
/// makes is bounded before it gets here.
fn measure(node: &Node, count: &mut usize) -> usize {
    *count += 1;
    let deepest = match &node.value {
        Value::Scalar(_) => 0,
        Value::Sequence(items) => items.iter().map(|it| measure(it, count)).max().unwrap_or(0),
        Value::Mapping(map) => {
            let values = map.entries.iter().map(|it| measure(&it.value, count));
            values.max().unwrap_or(0)
        }
    };
    deepest + 1
}
