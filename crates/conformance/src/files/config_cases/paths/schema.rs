//! The components that the cases about paths use; some are not as they are in Bento.

use millrace_spec::catalog::{ComponentSpec, ComponentTable};
use millrace_spec::{ComponentKind, FieldKind, FieldSpec, Status};

fn object(fields: Vec<FieldSpec>) -> FieldKind {
    FieldKind::Object(fields)
}

fn list(item: FieldKind) -> FieldKind {
    FieldKind::List(Box::new(item))
}

/// The components.
pub fn components() -> ComponentTable {
    use ComponentKind::{Input, Output, Processor};
    let text = |name: &'static str| FieldSpec::new(name, FieldKind::String);
    let texts = |name: &'static str| FieldSpec::new(name, list(FieldKind::String));
    let any = |name: &'static str| FieldSpec::new(name, FieldKind::Any);
    let processors = FieldKind::components(Processor);
    let steps = FieldSpec::new("processors", processors.clone());
    let mut table = ComponentTable::new();
    for (kind, name, body) in [
        (
            Input,
            "kafka",
            object(vec![texts("addresses"), texts("topics")]),
        ),
        (
            Input,
            "generate",
            object(vec![any("count"), text("interval"), text("mapping")]),
        ),
        (
            Input,
            "dynamic",
            object(vec![FieldSpec::new(
                "inputs",
                FieldKind::Map(Box::new(FieldKind::Component(Input))),
            )]),
        ),
        (
            Output,
            "nats",
            object(vec![texts("urls"), text("subject"), any("max_in_flight")]),
        ),
        (Output, "drop", object(vec![])),
        (Processor, "compress", object(vec![text("algorithm")])),
        (
            Processor,
            "workflow",
            object(vec![
                FieldSpec::new("order", list(list(FieldKind::String))),
                FieldSpec::new(
                    "things",
                    FieldKind::Map(Box::new(FieldKind::Component(Processor))),
                ),
            ]),
        ),
        (
            Processor,
            "for_each",
            object(vec![FieldSpec::new("things", processors.clone())]),
        ),
        (
            Processor,
            "mega_for_each",
            object(vec![FieldSpec::new("things", list(processors))]),
        ),
        (
            Processor,
            "switch",
            list(object(vec![text("check"), steps])),
        ),
    ] {
        table.insert(ComponentSpec {
            kind,
            name: name.into(),
            body,
            status: Status::Stable,
            since: None,
            categories: Vec::new(),
            description: "".into(),
            examples: Vec::new(),
            built: true,
        });
    }
    table
}

/// The fields at the root of a config.
pub fn root() -> Vec<FieldSpec> {
    let component = |kind| FieldKind::Component(kind);
    let processors = FieldSpec::new(
        "processors",
        FieldKind::components(ComponentKind::Processor),
    );
    vec![
        FieldSpec::new("input", component(ComponentKind::Input)),
        FieldSpec::new("buffer", component(ComponentKind::Buffer)),
        FieldSpec::new("pipeline", object(vec![processors])),
        FieldSpec::new("output", component(ComponentKind::Output)),
        FieldSpec::new(
            "cache_resources",
            FieldKind::components(ComponentKind::Cache),
        ),
    ]
}
