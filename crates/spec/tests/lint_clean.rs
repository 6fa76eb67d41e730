//! Bento's documented configs have no complaint by the tables of known components alone.
//!
//! What is built is checked by its own reader elsewhere; here every component is one that this
//! build has not, so this tests the parser, the table and the walker on real configs.

#![allow(clippy::unwrap_used, reason = "the rows have what they promise")]

use millrace_spec::catalog::{check_reserved, infer};
use millrace_spec::diagnostics::{Diagnostics, Renderer, SourceMap};
use millrace_spec::env::{Environment, interpolate};
use millrace_spec::known::KnownComponents;
use millrace_spec::lint::{self, LintHooks};
use millrace_spec::{
    ComponentKind, FieldKind, FieldSpec, FieldType, Literal, Node, ReadContext, tree,
};
use millrace_testkit::cases;
use std::sync::Arc;

/// Checks child components by their tables, and of Bloblang only that it is text.
struct Tables;

impl LintHooks for Tables {
    fn component(&self, kind: ComponentKind, node: &Node, cx: &mut ReadContext) {
        let Some(named) = infer(kind, node, &KnownComponents, cx) else {
            return;
        };
        check_reserved(kind, &named, node, cx);
        if let Some(processors) = node.get("processors").filter(|_| kind.has_processors()) {
            lint::value(
                &FieldKind::components(ComponentKind::Processor),
                processors,
                self,
                cx,
            );
        }
        if let Some(body) = named.body {
            lint::value(&named.spec.body, body, self, cx);
        }
    }

    fn mapping(&self, node: &Node, cx: &mut ReadContext) {
        String::read(node, cx);
    }

    fn interpolated(&self, node: &Node, cx: &mut ReadContext) {
        String::read(node, cx);
    }
}

fn root() -> FieldKind {
    use ComponentKind::{Buffer, Cache, Input, Metrics, Output, Processor, RateLimit, Tracer};
    let any = |name: &'static str| FieldSpec::new(name, FieldKind::Any).optional();
    let one =
        |name: &'static str, kind| FieldSpec::new(name, FieldKind::Component(kind)).optional();
    let list = |name: &'static str, kind| {
        FieldSpec::new(name, FieldKind::components(kind)).default(Literal::List(Vec::new()))
    };
    let threads = FieldSpec::new("threads", FieldKind::Int).default(-1);
    FieldKind::Object(vec![
        any("http"),
        one("input", Input),
        one("buffer", Buffer),
        FieldSpec::new(
            "pipeline",
            FieldKind::Object(vec![threads, list("processors", Processor)]),
        ),
        one("output", Output),
        list("input_resources", Input),
        list("processor_resources", Processor),
        list("output_resources", Output),
        list("cache_resources", Cache),
        list("rate_limit_resources", RateLimit),
        any("logger"),
        one("metrics", Metrics),
        one("tracer", Tracer),
        any("error_handling"),
        any("tests"),
    ])
}

/// The complaints about a config.
fn complaints(text: &str) -> String {
    let sources = Arc::new(SourceMap::new());
    let id = sources.add("config.yaml", text);
    let text = interpolate(text, id, &Environment::empty());
    let mut found = Diagnostics::new();
    let mut cx = ReadContext::new(Arc::clone(&sources));
    if let Some(node) = tree::parse(&text, &mut found) {
        lint::value(&root(), &node, &Tables, &mut cx);
    }
    found.extend(cx.take_diagnostics());
    Renderer::new(&sources).render_all(&found)
}

#[test]
fn documented_configs_have_no_complaint() {
    let mut failed = String::new();
    for row in cases::rows("lint_clean_configs.jsonl") {
        let found = complaints(row["config"].as_str().unwrap());
        if !found.is_empty() {
            failed += &format!("==== {}\n{found}\n", row["id"]);
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn mistakes_in_configs_are_all_found() {
    insta::assert_snapshot!(
        complaints(
            "input:\n  label: Bad\n  kafka:\n    addresses: a\n    topcis: [x]\n    consumer_group: g\n  processors:\n  - maping: root = this\npipeline:\n  threads: many\n  processors:\n  - label: same\n    dedupe: {cache: c, key: k, strategy: LIF}\n  - label: same\n    kafka: {}\n  - switch:\n    - check: 'true'\n      processors: {}\noutput:\n  nah: nope\n  drop: {}\n",
        ),
        @r#"
        error[bad-label]: invalid label 'Bad': should match the regular expression /^[a-z0-9_]+$/ and must not start with an underscore
         --> config.yaml:2:10
          |
        2 |   label: Bad
          |          ^^^

        error[unknown-component]: processor type 'maping' was not recognised
         --> config.yaml:8:5
          |
        8 |   - maping: root = this
          |     ^^^^^^
          = help: did you mean `mapping`?

        error[wrong-type]: field addresses: expected a list, found the text `a`
         --> config.yaml:4:16
          |
        4 |     addresses: a
          |                ^

        error[missing-field]: field topics is required
         --> config.yaml:4:5
          |
        4 |     addresses: a
          |     ^^^^^^^^^^^^ `topics` is missing here

        error[unknown-field]: field topcis not recognised
         --> config.yaml:5:5
          |
        5 |     topcis: [x]
          |     ^^^^^^
          = help: did you mean `topics`?

        error[wrong-type]: field threads: expected an integer, found the text `many`
          --> config.yaml:10:12
           |
        10 |   threads: many
           |            ^^^^

        error[invalid-option]: field strategy: `LIF` is not one of its options
          --> config.yaml:13:42
           |
        13 |     dedupe: {cache: c, key: k, strategy: LIF}
           |                                          ^^^
           = help: did you mean `LIFO`?

        error[unknown-component]: processor type 'kafka' was not recognised
          --> config.yaml:15:5
           |
        15 |     kafka: {}
           |     ^^^^^
           = help: `kafka` is the name of an input

        error[wrong-type]: field processors: expected a list, found an object
          --> config.yaml:18:19
           |
        18 |       processors: {}
           |                   ^^

        error[unknown-field]: field nah is invalid when the component type is drop (output)
          --> config.yaml:20:3
           |
        20 |   nah: nope
           |   ^^^
        "#
    );
}
