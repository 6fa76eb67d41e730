//! What the renderers print of one small component.

use super::*;
use crate::catalog::{Catalog, ComponentSpec, ComponentTable};
use crate::path::Schema;
use crate::{
    ComponentKind, Duration, FieldKind, FieldSpec, FieldType, Literal, Node, Resolved, Secret,
    Spec, Value,
};
use proptest::prelude::*;

/// Keeps the first of equal messages.
///
/// The others are dropped.
#[derive(Spec)]
#[spec(processor = "first", since = "0.1", category = "Utility")]
#[allow(dead_code)]
struct First {
    /// What makes messages equal.
    key: String,
    /// How it is done.
    #[spec(default = "fast", options("fast" = "Fast but rough.", "exact"))]
    mode: String,
    /// Headers to send.
    #[spec(default = {}, advanced, kind = FieldKind::Map(Box::new(FieldKind::String)))]
    headers: Node,
    #[spec(default = "5s", advanced)]
    timeout: Duration,
    auth: Auth,
    /// Run on each.
    #[spec(optional, kind = FieldKind::components(ComponentKind::Processor))]
    steps: Vec<Node>,
}

#[derive(Spec)]
#[allow(dead_code)]
struct Auth {
    #[spec(default = "")]
    password: Secret<String>,
    #[spec(default = ["amqp://localhost"])]
    urls: Vec<String>,
    #[spec(default = 3)]
    retries: u32,
}

/// Maps.
#[derive(Spec)]
#[spec(processor = "mapping")]
#[allow(dead_code)]
struct Mapping(String);

fn catalog() -> ComponentTable {
    let mut table = ComponentTable::new();
    table.insert(ComponentSpec::of::<First>().unwrap());
    table.insert(ComponentSpec::of::<Mapping>().unwrap());
    table
}

fn root() -> Vec<FieldSpec> {
    vec![
        FieldSpec::new("steps", FieldKind::components(ComponentKind::Processor))
            .default(Literal::List(vec![])),
        FieldSpec::new("threads", FieldKind::Int).default(-1),
    ]
}

fn parse(text: &str) -> Node {
    let sources = crate::diagnostics::SourceMap::new();
    let id = sources.add("x", text);
    let text = crate::env::InterpolatedText::verbatim(text, id);
    crate::tree::parse(&text, &mut crate::diagnostics::Diagnostics::new()).expect("YAML")
}

#[test]
fn a_normalised_config_has_its_defaults_and_no_secrets() {
    let config = parse(
        "threads: '2'\nsteps:\n- type: first\n  first:\n    auth: {urls: ['amqp://u:p@h', x], password: hunter2}\n    key: 007\n    steps:\n    - mapping: |\n        root = this\n        root.x = 1\n- label: l\n  mapping: 'a: b'\n- unknown: {url: 'http://u:p@h'}\n",
    );
    let (fields, catalog) = (root(), catalog());
    let schema = Schema {
        fields: &fields,
        catalog: &catalog,
    };
    let normal = normalise::config(&config, schema);
    insta::assert_snapshot!(emit::yaml(&normal), @r#"
    steps:
      - label: ""
        first:
          key: '007'
          mode: fast
          headers: {}
          timeout: 5s
          auth:
            password: '!!!SECRET_SCRUBBED!!!'
            urls:
              - 'amqp://!!!SECRET_SCRUBBED!!!@h'
              - x
            retries: 3
          steps:
            - label: ""
              mapping: |
                root = this
                root.x = 1
      - label: l
        mapping: 'a: b'
      - unknown:
          url: 'http://!!!SECRET_SCRUBBED!!!@h'
    threads: 2
    "#);
    assert_eq!(
        emit::json(&normalise::config(&parse("{}"), schema)),
        r#"{"steps":[],"threads":-1}"#
    );
}

#[test]
fn a_sample_says_what_is_required() {
    let spec = ComponentSpec::of::<First>().unwrap();
    let full = sample::component(
        &spec,
        sample::Options {
            small: false,
            comments: true,
        },
        2,
    );
    let small = sample::component(
        &spec,
        sample::Options {
            small: true,
            comments: false,
        },
        0,
    );
    insta::assert_snapshot!(format!("{full}---\n{small}"), @r#"
      first:
        # What makes messages equal.
        key: "" # No default (required)
        # How it is done.
        mode: fast
        # Headers to send.
        headers: {}
        timeout: 5s
        auth:
          password: ""
          urls:
            - amqp://localhost
          retries: 3
        # Run on each.
        # steps: [] # No default (optional)
    ---
    first:
      key: "" # No default (required)
      mode: fast
      auth:
        password: ""
        urls:
          - amqp://localhost
        retries: 3
      # steps: [] # No default (optional)
    "#);
}

#[test]
fn a_reference_page_has_every_field() {
    insta::assert_snapshot!(markdown::component(&ComponentSpec::of::<First>().unwrap()), @r#"
    # `first` processor

    Status: stable; since 0.1; categories: Utility.

    Keeps the first of equal messages.

    The others are dropped.

    ```yaml
    label: ""
    first:
      key: "" # No default (required)
      mode: fast
      auth:
        password: ""
        urls:
          - amqp://localhost
        retries: 3
      # steps: [] # No default (optional)
    ```

    With all fields:

    ```yaml
    label: ""
    first:
      key: "" # No default (required)
      mode: fast
      headers: {}
      timeout: 5s
      auth:
        password: ""
        urls:
          - amqp://localhost
        retries: 3
      # steps: [] # No default (optional)
    ```

    ## Fields

    ### `key`

    What makes messages equal.

    Type: text; required.

    ### `mode`

    How it is done.

    Type: one of these; default: `"fast"`.

    - `fast`: Fast but rough.
    - `exact`

    ### `headers`

    Headers to send.

    Type: object of texts by name; default: `{}`; advanced.

    ### `timeout`

    Type: duration, such as `1m30s`; default: `"5s"`; advanced.

    ### `auth`

    Type: object.

    ### `auth.password`

    Type: text; default: `""`; secret.

    ### `auth.urls`

    Type: list of texts; default: `["amqp://localhost"]`.

    ### `auth.retries`

    Type: integer; default: `3`.

    ### `steps`

    Run on each.

    Type: list of processors; optional.
    "#);
}

#[test]
fn the_schema_is_json_and_names_every_component() {
    let (fields, catalog) = (root(), catalog());
    let schema = json_schema::config(
        Schema {
            fields: &fields,
            catalog: &catalog,
        },
        "test",
    );
    let json: serde_json::Value = serde_json::from_str(&emit::json_pretty(&schema)).unwrap();
    let first = &json["$defs"]["processor.first"];
    assert_eq!(first["required"], serde_json::json!(["key"]));
    assert_eq!(
        first["properties"]["mode"]["enum"],
        serde_json::json!(["fast", "exact"])
    );
    assert_eq!(
        first["properties"]["steps"]["items"]["$ref"],
        "#/$defs/processor"
    );
    assert_eq!(
        first["properties"]["auth"]["properties"]["password"]["writeOnly"],
        true
    );
    let choices = json["$defs"]["processor"]["anyOf"].as_array().unwrap();
    assert_eq!(
        choices.len(),
        1 + catalog.names(ComponentKind::Processor).len()
    );
}

fn literals() -> impl Strategy<Value = Literal> {
    let leaf = prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(Literal::Int),
        (1u64 << 63..).prop_map(Literal::UInt),
        "\\PC{0,12}".prop_map(Literal::from),
        "[a-z \n:#'\"\\-\t]{0,20}".prop_map(Literal::from),
        "(true|no|0x1|1e3|~|null|2020-01-01|- a|: b|#c|\u{2028}|\u{85}|a\nb\n)"
            .prop_map(Literal::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = "[a-z: #-]{0,5}|true|1".prop_map(std::borrow::Cow::Owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Literal::List),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Literal::Map(map.into_iter().collect())),
        ]
    })
}

fn literal(node: &Node) -> Literal {
    match &node.value {
        Value::Scalar(scalar) => scalar.into(),
        Value::Sequence(items) => Literal::List(items.iter().map(literal).collect()),
        Value::Mapping(map) => Literal::Map(
            map.entries
                .iter()
                .map(|it| (it.key.to_string().into(), literal(&it.value)))
                .collect(),
        ),
    }
}

proptest! {
    #[test]
    fn emitted_text_is_read_back_as_the_same_value(value in literals()) {
        for text in [emit::yaml(&value), emit::json(&value), emit::json_pretty(&value)] {
            prop_assert_eq!(&literal(&parse(&text)), &value, "{}", text);
        }
    }
}

#[test]
fn the_resolved_type_survives_in_quotes() {
    let node = parse(&emit::yaml(&Literal::from("12")));
    assert_eq!(
        node.as_scalar().map(|it| it.resolved),
        Some(Resolved::String)
    );
    assert_eq!(First::kind(), ComponentSpec::of::<First>().unwrap().body);
}
