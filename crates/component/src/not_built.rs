//! Components that Bento has and this build has not: their fields are checked against the table
//! of known components, so that `lint` finds what is wrong with them; a run is refused.

use millrace_spec::catalog::Named;
use millrace_spec::lint::{self, LintHooks};
use millrace_spec::{ComponentKind, FieldType, Node, ReadContext, codes};

use crate::{
    BufferChild, CacheChild, InputChild, Interpolated, Mapping, OutputChild, ProcessorChild,
    RateLimitChild, ScannerChild,
};

/// Says that the component is not part of this build, and checks its fields.
pub fn check(kind: ComponentKind, named: &Named<'_>, cx: &mut ReadContext) {
    let message = format!("{kind} {} is not part of this build", named.name);
    let (code, span) = (codes::COMPONENT_NOT_BUILT, named.name_span);
    if cx.options().allow_not_built {
        let help = "its fields were checked; `run` refuses it";
        cx.warn(code, span, message).help = Some(help.to_owned());
    } else {
        let help = "`millrace list` shows the components that are";
        cx.error(code, span, message).help = Some(help.to_owned());
    }
    let empty = Node::empty_mapping(named.name_span);
    let body = named.body.unwrap_or(&empty);
    cx.within(named.name, |cx| {
        lint::value(&named.spec.body, body, &Children, cx);
    });
}

/// The children of such a component are read as any other component is.
struct Children;

impl LintHooks for Children {
    fn component(&self, kind: ComponentKind, node: &Node, cx: &mut ReadContext) {
        match kind {
            ComponentKind::Input => discard(InputChild::read(node, cx)),
            ComponentKind::Buffer => discard(BufferChild::read(node, cx)),
            ComponentKind::Processor => discard(ProcessorChild::read(node, cx)),
            ComponentKind::Output => discard(OutputChild::read(node, cx)),
            ComponentKind::Cache => discard(CacheChild::read(node, cx)),
            ComponentKind::RateLimit => discard(RateLimitChild::read(node, cx)),
            ComponentKind::Scanner => discard(ScannerChild::read(node, cx)),
            // No component has metrics or a tracer as a child.
            ComponentKind::Metrics | ComponentKind::Tracer => {}
        }
    }

    fn mapping(&self, node: &Node, cx: &mut ReadContext) {
        if !Mapping::means_absent(node) {
            discard(Mapping::read(node, cx));
        }
    }

    fn interpolated(&self, node: &Node, cx: &mut ReadContext) {
        discard(Interpolated::read(node, cx));
    }
}

/// Only the complaints matter.
fn discard<T>(_: Option<T>) {}
