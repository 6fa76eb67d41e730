//! The `tracer` block: where traces go.

use millrace_component::{Registry, check_not_built};
use millrace_spec::catalog::{check_reserved, infer};
use millrace_spec::{ComponentKind, ComponentSpec, FieldKind, FieldType, Node, ReadContext, Spec};

/// Where traces go.
#[derive(Clone, Copy, Debug)]
pub enum TracerConfig {
    /// Nowhere.
    None(NoTracer),
}

/// Records no traces.
#[derive(Clone, Copy, Debug, Spec)]
#[spec(tracer = "none")]
pub struct NoTracer {}

impl FieldType for TracerConfig {
    fn kind() -> FieldKind {
        FieldKind::Component(ComponentKind::Tracer)
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let registry = cx.extension::<Registry>();
        let registry = registry.expect("the reader of a config lends its registry");
        let named = infer(ComponentKind::Tracer, node, &*registry, cx)?;
        check_reserved(ComponentKind::Tracer, &named, node, cx);
        if !named.spec.built {
            check_not_built(ComponentKind::Tracer, &named, cx);
            return None;
        }
        let empty = Node::empty_mapping(node.span);
        let body = named.body.unwrap_or(&empty);
        cx.within(named.name, |cx| NoTracer::read(body, cx).map(Self::None))
    }
}

/// What is known of the tracers of this build.
pub(crate) fn tracers() -> impl Iterator<Item = ComponentSpec> {
    ComponentSpec::of::<NoTracer>().into_iter()
}
