//! Bento's own cases for env interpolation, `.env` files, `--set` and config paths.
//!
//! The rows are read from `../shared/conformance` beside the workspace, or from the folder that
//! `MILLRACE_CONFORMANCE` names; without it there is nothing to compare with.

#![allow(clippy::unwrap_used, reason = "the rows have what the schemas promise")]

use millrace_spec::catalog::{Catalog, ComponentSpec, ComponentTable};
use millrace_spec::diagnostics::{Diagnostics, SourceMap};
use millrace_spec::env::{Environment, InterpolatedText, interpolate, parse_dotenv};
use millrace_spec::path::{self, Schema};
use millrace_spec::{
    ComponentKind, FieldKind, FieldSpec, Literal, Node, Resolved, Status, Value, set, tree,
};
use millrace_testkit::cases;
use serde_json::Value as Json;

/// The rows of a kind; empty when the cases are not there.
fn rows(kind: &str) -> Vec<Json> {
    let all = cases::rows("config_cases.jsonl");
    let is_there = !all.is_empty();
    let rows: Vec<_> = all.into_iter().filter(|row| row["kind"] == kind).collect();
    assert!(!is_there || !rows.is_empty(), "no row of kind {kind}");
    rows
}

fn parse(text: &str) -> Node {
    let sources = SourceMap::new();
    let id = sources.add("case", text);
    let mut diagnostics = Diagnostics::new();
    tree::parse(&InterpolatedText::verbatim(text, id), &mut diagnostics).expect("YAML of a case")
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping(map) => map
            .entries
            .iter()
            .map(|it| (it.key.to_string(), json(&it.value)))
            .collect(),
        Value::Scalar(scalar) => match scalar.resolved {
            Resolved::Null => Json::Null,
            Resolved::Bool(value) => value.into(),
            Resolved::Int(value) => value.into(),
            Resolved::UInt(value) => value.into(),
            Resolved::Float(value) => value.into(),
            Resolved::String => (&*scalar.text).into(),
        },
    }
}

fn object(fields: Vec<FieldSpec>) -> FieldKind {
    FieldKind::Object(fields)
}

fn list(item: FieldKind) -> FieldKind {
    FieldKind::List(Box::new(item))
}

/// The components that the cases about paths use; some are not as they are in Bento.
fn components() -> ComponentTable {
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

fn root() -> Vec<FieldSpec> {
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

#[test]
fn variables_are_replaced_as_in_bento() {
    for row in rows("env_interpolation") {
        let input = row["input"].as_str().unwrap();
        let mut environment = Environment::empty();
        for (name, value) in row["env"].as_object().unwrap() {
            environment.set(name, value.as_str().unwrap());
        }
        let sources = SourceMap::new();
        let it = interpolate(input, sources.add("case", input), &environment);
        match row["expect"]["error"].as_str() {
            Some(error) => assert_eq!(it.missing_diagnostic().unwrap().message, error),
            None => {
                assert_eq!(
                    it.text,
                    row["expect"]["result"].as_str().unwrap(),
                    "{input}"
                );
                assert!(it.missing_diagnostic().is_none(), "{input}");
            }
        }
    }
}

#[test]
fn dotenv_files_are_read_as_in_bento() {
    for row in rows("dotenv") {
        let input = row["input"].as_str().unwrap();
        let found = parse_dotenv(input);
        match row["expect"].get("json") {
            None => assert!(found.is_err(), "{input}"),
            Some(expected) => {
                let found: Json = found
                    .unwrap()
                    .into_iter()
                    .map(|(k, v)| (k, Json::from(v)))
                    .collect();
                let found = if found == Json::Array(vec![]) {
                    serde_json::json!({})
                } else {
                    found
                };
                assert_eq!(&found, expected, "{input}");
            }
        }
    }
}

#[test]
fn set_expressions_override_single_fields() {
    let (fields, catalog) = (root(), components());
    let schema = Schema {
        fields: &fields,
        catalog: &catalog,
    };
    for row in rows("set_override") {
        let mut config = parse(row["config"].as_str().unwrap_or("{}"));
        let sources = SourceMap::new();
        let mut complaints = String::new();
        for expression in row["set"].as_array().unwrap() {
            if let Err(found) =
                set::apply(&mut config, expression.as_str().unwrap(), schema, &sources)
            {
                complaints += &found
                    .iter()
                    .map(|it| it.message.clone())
                    .collect::<String>();
            }
        }
        if let Some(error) = row["expect"]["error"].as_str() {
            // Here a complaint says what was found, and not by its tag.
            let error = error.replace(
                "invalid type !!str, expected object",
                "expected an object, found the text `meow`",
            );
            assert!(complaints.contains(&error), "{complaints}");
            continue;
        }
        assert_eq!(complaints, "");
        assert_eq!(
            config.get("output").map(json),
            Some(serde_json::json!({"type": "drop"}))
        );
        for (at, expected) in row["expect"]["paths"].as_object().unwrap() {
            if at != "output.drop" {
                assert_eq!(
                    &json(path::get(&config, &path::from_dots(at)).unwrap()),
                    expected
                );
            }
        }
    }
}

#[test]
fn values_are_set_by_path() {
    let (fields, catalog) = (root(), components());
    let schema = Schema {
        fields: &fields,
        catalog: &catalog,
    };
    for row in rows("set_yaml_path") {
        let name = row["name"].as_str().unwrap();
        let mut config = parse(row["input"].as_str().unwrap());
        let segments = path::from_pointer(row["path"].as_str().unwrap()).unwrap();
        let value = row["value_yaml"].as_str().map(parse);
        let result = path::set(&mut config, &segments, value, schema);
        match row["expect"]["error"].as_str() {
            Some(error) => assert!(
                result.as_ref().is_err_and(|it| it.reason.contains(error)),
                "{name}: {result:?}"
            ),
            None => {
                assert_eq!(result, Ok(()), "{name}");
                let expected = parse(row["expect"]["output_yaml"].as_str().unwrap());
                assert_eq!(json(&config), json(&expected), "{name}");
            }
        }
    }
}

#[test]
fn values_are_found_by_path() {
    for row in rows("get_yaml_path") {
        let config = parse(row["input"].as_str().unwrap());
        let segments = path::from_pointer(row["path"].as_str().unwrap()).unwrap();
        let found = path::get(&config, &segments);
        match row["expect"]["error"].as_str() {
            Some(error) => assert!(found.is_err_and(|it| it.contains(error)), "{error}"),
            None => {
                let expected = parse(row["expect"]["output_yaml"].as_str().unwrap());
                assert_eq!(json(found.unwrap()), json(&expected));
            }
        }
    }
}

#[test]
fn labels_lead_to_their_components() {
    let (fields, catalog) = (root(), components());
    let schema = Schema {
        fields: &fields,
        catalog: &catalog,
    };
    for row in rows("yaml_labels_to_path") {
        let found = path::labels(&parse(row["input"].as_str().unwrap()), schema);
        let found: Json = found
            .into_iter()
            .map(|(label, at)| (label, Json::from(at)))
            .collect();
        assert_eq!(found, row["expect"], "{}", row["name"]);
    }
}

#[test]
fn literals_become_nodes() {
    let literal = Literal::Map(vec![(
        "a".into(),
        Literal::List(vec![1.into(), "x".into(), Literal::Null]),
    )]);
    let span = parse("a").span;
    assert_eq!(
        json(&Node::from_literal(&literal, span)),
        serde_json::json!({"a": [1, "x", null]})
    );
    assert!(
        components()
            .names(ComponentKind::Input)
            .contains(&"kafka".to_owned())
    );
}
