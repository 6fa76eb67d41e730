//! YAML cases, positions, limits.

use super::*;
use crate::env::{Environment, interpolate};
use crate::{Resolved, Value};
use millrace_diagnostics::{Renderer, SourceMap};
use proptest::prelude::*;

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

/// The value as compact text: order kept, strings quoted.
fn shape(node: &Node) -> String {
    match &node.value {
        Value::Scalar(it) if it.resolved == Resolved::String => format!("{:?}", it.text),
        Value::Scalar(it) => format!("{}", it.text),
        Value::Sequence(items) => {
            format!(
                "[{}]",
                items.iter().map(shape).collect::<Vec<_>>().join(",")
            )
        }
        Value::Mapping(map) => {
            let entry = |it: &crate::Entry| format!("{}:{}", it.key, shape(&it.value));
            format!(
                "{{{}}}",
                map.entries.iter().map(entry).collect::<Vec<_>>().join(",")
            )
        }
    }
}

fn shape_of(text: &str) -> String {
    shape(&tree(text).1)
}

/// The complaints in full.
fn rendered(text: &str) -> String {
    let (sources, _, diagnostics) = parsed(text);
    Renderer::new(&sources).render_all(&diagnostics)
}

#[test]
fn yaml_is_composed_in_the_order_of_the_file() {
    for (text, expected) in [
        ("", ""),
        ("# nothing\n", ""),
        ("a: 1\nb: [x, 'y', ~]\n", r#"{a:1,b:["x","y",~]}"#),
        ("- a\n-\n- b: c\n  d: e\n", r#"["a",,{b:"c",d:"e"}]"#),
        (r#"{"a": {"b": "c\u00e9\n"}}"#, "{a:{b:\"cé\\n\"}}"),
        ("a: !!str 5\nb: !!int '6'\n", r#"{a:"5",b:6}"#),
        ("a: >\n  x\n  y\n\n  z\n", r#"{a:"x y\nz\n"}"#),
        ("1: x\ntrue: y\n", r#"{1:"x",true:"y"}"#),
        (
            r#"{"pipeline":{"processors":["mapping":"root.x = 1"]}}"#,
            r#"{pipeline:{processors:[{mapping:"root.x = 1"}]}}"#,
        ),
        ("url: ${URL}/x # c\n", r#"{url:"amqp://h/x"}"#),
        ("- ${NL}\n- \"${NL}\"", r#"["x\\ny","x\ny"]"#),
        (
            "k:\n  a: [\n    1,\n]\n  b: {\n  x: y\n }\n",
            r#"{k:{a:[1],b:{x:"y"}}}"#,
        ),
        ("\u{feff}a: 1\r\nb: 2\r\n", "{a:1,b:2}"),
    ] {
        assert_eq!(shape_of(text), expected, "{text}");
    }
}

#[test]
fn anchors_aliases_and_merge_keys_are_resolved() {
    let text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\nc:\n  <<: *b\n  y: 5\nd: {<<: [*b, *m]}\ne: *m\n";
    let (sources, node) = tree(text);
    assert_eq!(shape(node.get("c").unwrap()), "{y:5,x:1}");
    assert_eq!(shape(node.get("d").unwrap()), "{x:1,y:2,z:4}");
    assert_eq!(shape(node.get("e").unwrap()), "{y:3,z:4}");
    assert_eq!(
        written(&sources, node.get("c").unwrap().span),
        "<<: *b\n  y: 5"
    );
}

#[test]
fn parts_of_a_scalar_are_found_in_the_file() {
    let text = "m: |\n  root = this\n    .map_each(x)\n\n  | y\ns: 'it''s ${URL} x'\nd: \"a\\tb\\\n   c\"\nf: >-\n  one\n  two\n";
    let (sources, node) = tree(text);
    for (key, part, expected) in [
        ("m", "map_each", "map_each"),
        ("m", "| y", "| y"),
        ("s", "it's", "it''s"),
        ("s", "amqp", "${URL}"),
        ("s", " x", " x"),
        ("d", "a\tb", "a\\tb"),
        ("d", "c", "c"),
        ("f", "two", "two"),
    ] {
        let node = node.get(key).unwrap();
        let at = node.text().unwrap().find(part).unwrap();
        assert_eq!(
            written(&sources, node.span_of(at..at + part.len())),
            expected,
            "{key} {part}"
        );
    }
}

#[test]
fn a_hundred_thousand_keys_are_read_and_each_duplicate_is_found() {
    let keys = |from: usize| (from..100_000).map(|it| format!("k{it}: {it}\n"));
    let text: String = keys(0).chain(keys(99_998)).collect();
    let (_, node, diagnostics) = parsed(&text);
    let node = node.expect("duplicates are reported and left out");
    assert_eq!(node.as_mapping().unwrap().entries.len(), 100_000);
    assert_eq!(node.get("k99999").and_then(Node::text), Some("99999"));
    assert_eq!(diagnostics.len(), 2);
}

#[test]
fn a_duplicate_key_is_reported_and_the_first_kept() {
    let (sources, node, diagnostics) = parsed("a: 1\nb: 2\na: 3\n");
    assert_eq!(shape(&node.unwrap()), "{a:1,b:2}");
    insta::assert_snapshot!(Renderer::new(&sources).render_all(&diagnostics), @r#"
    error[duplicate-key]: mapping key "a" is defined twice
     --> c.yaml:3:1
      |
    3 | a: 3
      | ^
     --> c.yaml:1:1
      |
    1 | a: 1
      | ^ first defined here
      = help: remove one of them
    "#);
}

#[test]
fn syntax_errors_come_with_advice() {
    for (text, line, message, help) in [
        (
            "urls:\n  - `amqp://h`\n",
            "2:5",
            "a value cannot start with a backtick",
            "put the value in quotes: `\"amqp://h\"`",
        ),
        (
            "a: @x y # c\n",
            "1:4",
            "a value cannot start with `@`",
            "put the value in quotes: `\"@x y\"`",
        ),
        (
            "a:\n\tb: 1\n",
            "2:1",
            "a tab in the indentation",
            "indent with spaces: YAML allows no tabs there",
        ),
        (
            "a:\n  b:1\n  c: 2\n",
            "2:3",
            "no space after the colon",
            "write `b: 1`",
        ),
        (
            "a: b: c\n",
            "1:5",
            "a second `: ` in one line",
            "put text that holds `: ` in quotes",
        ),
        (
            "a: \"x\nb: 1\n",
            "",
            "a quote is opened and not closed",
            "close it",
        ),
        (
            "a: [1, 2\nb: 3\n",
            "2:2",
            "a bracket is opened and not closed",
            "",
        ),
        (
            "x: ${BAD}\n",
            "1:4",
            "a value cannot start with a backtick",
            "put it in quotes: `\"${BAD}\"`",
        ),
        (
            "a: *x y\n",
            "1:4",
            "names an alias, and nothing has this name",
            "put the value in quotes",
        ),
        (
            "a:\n    b: 1\n  c: 2\n",
            "3:3",
            "not indented like the ones before it",
            "",
        ),
        ("a: \"x\" y\n", "1:", "text after the closing quote", ""),
        ("a: \"\\d\"\n", "1:", "unknown escape", "single quotes"),
        (
            "a: %x\n",
            "1:4",
            "a value cannot start with `%`",
            "put the value in quotes: `\"%x\"`",
        ),
        (
            "a: {{ x }}\n",
            "",
            "a key must be a plain value",
            "put `{{ … }}` and `[ … ]` in quotes when they are text",
        ),
        (
            "a: 1\n b: 2\n",
            "2:3",
            "this line continues the value above it",
            "alike",
        ),
        (
            "foo\nbar: 1",
            "2:4",
            "this line continues the value above it",
            "",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "2:1",
            "a config file holds one YAML document, and here begins another",
            "put each config into its own file, or remove the line `---`",
        ),
        (
            "a: &a [*a]",
            "1:8",
            "an alias cannot stand inside the value that it names",
            "",
        ),
    ] {
        let found = rendered(text);
        assert!(found.contains(&format!("c.yaml:{line}")), "{text}: {found}");
        assert!(
            found.contains(message) && found.contains(help),
            "{text}: {found}"
        );
    }
}

#[test]
fn a_billion_laughs_are_refused_early() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..30 {
        let item = format!("*a{},", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", item.repeat(9));
    }
    assert!(rendered(&text).contains("aliases expand to more than 100000 values"));
}

#[test]
fn many_aliases_of_a_large_text_are_refused() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a,".repeat(40));
    let found = rendered(&text);
    assert!(
        found.contains("aliases expand to more than 33554432 bytes"),
        "{found}"
    );
    let few = text.replace(&"*a,".repeat(40), &"*a,".repeat(30));
    assert_eq!(rendered(&few), "");
}

#[test]
fn aliases_cannot_pile_levels_up() {
    let nested = |inner: &str| format!("{}{inner}{}", "[".repeat(150), "]".repeat(150));
    let text = format!("a: &a {}\nb: &b {}\n", nested("x"), nested("*a"));
    let found = rendered(&text);
    assert!(found.contains("more than 200 levels"), "{found}");
    assert!(found.contains("c.yaml:2:"), "{found}");
    assert_eq!(rendered(&format!("a: &a {}\nb: [[*a]]\n", nested("x"))), "");
}

#[test]
fn anchors_inside_each_other_do_not_keep_their_values_again_and_again() {
    let levels = 150;
    let open: String = (0..levels).map(|it| format!("&a{it} [")).collect();
    let text = format!("{open}{}{}", "x,".repeat(10_000), "]".repeat(levels));
    let found = rendered(&text);
    assert!(
        found.contains("anchors name more than 500000 values"),
        "{found}"
    );
    assert!(found.contains("remove the anchors"), "{found}");
    // A hundred thousand of them beside each other are few.
    let many: String = (0..100_000).map(|it| format!("- &a{it} x\n")).collect();
    assert_eq!(rendered(&many), "");
    let aliases: String = (0..99_999).map(|it| format!("- *a{it}\n")).collect();
    assert_eq!(rendered(&(many + &aliases)), "");
}

#[test]
fn a_text_of_ten_megabytes_has_one_place() {
    for text in [
        "x y".repeat(3_500_000),
        format!("'{}'", "x y".repeat(3_500_000)),
    ] {
        let (sources, node) = tree(&format!("a: {text}\n"));
        let node = node.get("a").unwrap();
        assert_eq!(node.as_scalar().unwrap().places.len(), 1);
        let at = node.span_of(9_000_000..9_000_003);
        assert_eq!(written(&sources, at), "x y");
    }
}

#[test]
fn a_long_list_and_a_line_of_many_keys_are_read() {
    let keys: String = (0..100_000).map(|it| format!("a{it}: 1, ")).collect();
    let (sources, node) = tree(&format!("{{{keys}}}"));
    let last = &node.as_mapping().unwrap().entries[99_999];
    assert_eq!(written(&sources, last.key_span), "a99999");
    let items = "- x\n".repeat(100_000);
    let (_, node) = tree(&items);
    assert_eq!(node.as_sequence().unwrap().len(), 100_000);
}

#[test]
fn endless_nesting_is_refused() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(5_000),
        "a: {".repeat(100_000),
    ] {
        let found = rendered(&text);
        assert!(found.contains("error[") && found.len() < 2000, "{found}");
    }
    let mut deep = String::new();
    for level in 0..1000 {
        deep += &format!("{:level$}a:\n", "");
    }
    assert!(rendered(&deep).contains("more than 200 levels"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_parses_or_is_refused_with_a_place(
        text in "([a-c]|: |:|- |\n|\n  |\n- |\\{|\\}|\\[|\\]|,|'|\"|\\||>|#|&a |\\*a|<<: |!|%|@|`|\t|\\\\|é|\\$\\{URL\\}|\\?|---\n|\r\n){0,25}",
    ) {
        let (sources, node, diagnostics) = parsed(&text);
        prop_assert!(node.is_some() || diagnostics.has_errors());
        Renderer::new(&sources).render_all(&diagnostics);
    }

    #[test]
    fn every_plain_scalar_stands_where_its_span_says(
        items in proptest::collection::vec("[a-zé日]{1,6}", 1..8),
        flow in any::<bool>(),
    ) {
        let text = if flow {
            format!("k: [ {} ]", items.join(" ,  "))
        } else {
            items.iter().map(|it| format!("-   {it} # x\n")).collect()
        };
        let (sources, node) = tree(&text);
        let list = if flow { node.get("k").unwrap() } else { &node };
        for (item, node) in items.iter().zip(list.as_sequence().unwrap()) {
            prop_assert_eq!(item, &written(&sources, node.span));
            prop_assert_eq!(item, &written(&sources, node.span_of(0..item.len())));
        }
    }
}
