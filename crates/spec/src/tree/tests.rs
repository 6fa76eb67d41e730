//! YAML cases, positions, limits.

use super::*;
use crate::env::{Environment, interpolate};
use millrace_diagnostics::{Renderer, SourceMap};

fn parsed(text: &str) -> (SourceMap, Option<Node>, Diagnostics) {
    let sources = SourceMap::new();
    let id = sources.add("c.yaml", text);
    let mut environment = Environment::empty();
    environment.set("URL", "amqp://h");
    environment.set("BAD", "`x`");
    environment.set("NL", "x\ny");
    let mut diagnostics = Diagnostics::new();
    let node = parse(&interpolate(text, id, &environment), &mut diagnostics);
    (sources, node, diagnostics)
}

fn tree(text: &str) -> (SourceMap, Node) {
    let (sources, node, diagnostics) = parsed(text);
    assert!(
        diagnostics.is_empty(),
        "{}",
        Renderer::new(&sources).render_all(&diagnostics)
    );
    (sources, node.unwrap())
}

fn written(sources: &SourceMap, span: millrace_diagnostics::Span) -> String {
    sources.get(span.source).unwrap().slice(span).to_owned()
}

#[test]
fn spans_cover_what_was_written() {
    let (sources, node) = tree("a:\n  b: 1\n  c:\n    - x\n    - y: z\nd: {e: [1, 2]}\nh:\n");
    assert_eq!(
        written(&sources, node.get("a").unwrap().span),
        "b: 1\n  c:\n    - x\n    - y: z"
    );
    assert_eq!(
        written(&sources, node.get_path(&["a", "c"]).unwrap().span),
        "- x\n    - y: z"
    );
    assert_eq!(
        written(&sources, node.get("d").unwrap().span),
        "{e: [1, 2]}"
    );
    assert_eq!(
        written(&sources, node.get_path(&["d", "e"]).unwrap().span),
        "[1, 2]"
    );
    assert_eq!(written(&sources, node.get("h").unwrap().span), "h");
}
