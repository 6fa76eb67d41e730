//! The check of a single resource, as somebody hands it to the HTTP API.

use std::sync::Arc;

use millrace_component::{
    CacheChild, InputChild, OutputChild, ProcessorChild, RateLimitChild, Registry,
};
use millrace_diagnostics::{Diagnostics, Renderer, Severity, SourceMap};
use millrace_spec::env::{Environment, interpolate};
use millrace_spec::{ComponentKind, FieldType, Node, ReadContext, tree};
use millrace_telemetry::Redactor;

/// The kinds of resources, as they are called in the path of a request.
const KINDS: [ComponentKind; 5] = [
    ComponentKind::Cache,
    ComponentKind::Input,
    ComponentKind::Output,
    ComponentKind::Processor,
    ComponentKind::RateLimit,
];

/// What there is to say about a resource, each in Bento's form for its API: `(line,1) message`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceLint {
    /// What forbids to use it.
    pub errors: Vec<String>,
    /// What does not.
    pub warnings: Vec<String>,
}

/// The kind of resource that a request names, such as `rate_limit`.
///
/// # Errors
/// There are no such resources; which there are.
pub fn resource_kind(name: &str) -> Result<ComponentKind, String> {
    let found = KINDS.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = KINDS.iter().map(|kind| format!("`{kind}`")).collect();
        format!(
            "there are no resources of the type `{name}`: use one of {}",
            names.join(", ")
        )
    })
}

/// Checks the config of a resource: the YAML of one component, with variables of the process. What
/// is secret in it is kept out of the logs, errors and traces of this process from then on.
///
/// It touches no network. That a label which the config names belongs to a resource is not checked:
/// resources may come later.
pub fn lint_resource(kind: ComponentKind, yaml: &str, registry: &Arc<Registry>) -> ResourceLint {
    let sources = Arc::new(SourceMap::new());
    let mut cx = ReadContext::new(Arc::clone(&sources));
    cx.set_extension(Arc::clone(registry));
    let source = sources.add("resource.yaml", yaml);
    let text = interpolate(yaml, source, &Environment::of_process());
    if let Some(missing) = text.missing_diagnostic() {
        cx.report(missing);
    }
    cx.add_env(text.uses.clone());
    let mut found = Diagnostics::new();
    if let Some(node) = tree::parse(&text, &mut found) {
        read(kind, &node, &mut cx);
    }
    Redactor::global().add_all(cx.redactor().secrets());
    found.extend(cx.take_diagnostics());
    found.sort();
    let renderer = Renderer::new(&sources).redact(cx.redactor().clone());
    let mut lint = ResourceLint::default();
    for diagnostic in &found {
        let line = renderer.api_line(diagnostic);
        match diagnostic.severity {
            Severity::Error => lint.errors.push(line),
            _ => lint.warnings.push(line),
        }
    }
    lint
}

/// Reads a component; only the complaints matter.
pub(crate) fn read(kind: ComponentKind, node: &Node, cx: &mut ReadContext) {
    fn discard<T>(_: Option<T>) {}
    match kind {
        ComponentKind::Cache => discard(CacheChild::read(node, cx)),
        ComponentKind::Input => discard(InputChild::read(node, cx)),
        ComponentKind::Output => discard(OutputChild::read(node, cx)),
        ComponentKind::Processor => discard(ProcessorChild::read(node, cx)),
        ComponentKind::RateLimit => discard(RateLimitChild::read(node, cx)),
        ComponentKind::Buffer
        | ComponentKind::Scanner
        | ComponentKind::Metrics
        | ComponentKind::Tracer => {
            let message = format!("a {kind} is no resource");
            cx.error(millrace_spec::codes::COMPONENT_UNKNOWN, node.span, message);
        }
    }
}
