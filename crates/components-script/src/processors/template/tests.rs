use std::fs;

use millrace_component::BuiltProcessor;
use millrace_message::{Message, MessageBatch, Value};

use crate::testing::{batch, ends_when_given_up, processor, run, try_processor};

/// A processor with this template.
fn template(text: &str) -> BuiltProcessor {
    let text = text.replace('\'', "''");
    processor(&format!("template: {{ text: '{text}' }}"))
}

/// What becomes of one payload.
fn of(text: &str, payload: &str) -> Result<String, String> {
    run(&template(text), batch(&[payload])).remove(0)
}

/// What is wrong with a config.
fn complaint(yaml: &str) -> String {
    try_processor(yaml)
        .err()
        .unwrap_or_else(|| panic!("nothing is wrong with {yaml}"))
}

#[test]
fn what_the_template_prints_becomes_the_payload() {
    for (text, payload, expected) in [
        (
            "{{ .foo }}-{{ .bar }}",
            r#"{"foo":"a","bar":1.50}"#,
            "a-1.50",
        ),
        ("", r#"{"foo":1}"#, ""),
        ("{{ . }}", "5", "5"),
        ("{{ . | len }}", r#"[1,2]"#, "2"),
        ("{{ .x | default \"none\" | upper }}", "{}", "NONE"),
        (
            "{{ range . }}{{ .a }};{{ end }}",
            r#"[{"a":1},{"a":"b"}]"#,
            "1;b;",
        ),
    ] {
        let results = run(&template(text), batch(&[payload, payload]));
        assert_eq!(results, vec![Ok(expected.to_owned()); 2], "{text}");
    }
}

#[test]
fn a_message_that_is_no_json_or_that_the_template_fails_on_is_unchanged_and_flagged() {
    let processor = template("{{ .a.b }}");
    let BuiltProcessor::Sync(inner) = &processor else {
        panic!("it never waits");
    };
    let batches = inner.process(batch(&["no json", r#"{"a":"text"}"#, r#"{"a":{"b":1}}"#]));
    let payloads: Vec<_> = batches[0].iter().map(|it| it.bytes().to_vec()).collect();
    assert_eq!(payloads, [&b"no json"[..], br#"{"a":"text"}"#, b"1"]);
    let faults: Vec<_> = batches[0]
        .iter()
        .map(|it| it.fault().map(|it| it.cause.text().to_owned()))
        .collect();
    assert!(
        faults[0]
            .as_ref()
            .is_some_and(|it| it.contains("invalid character")),
        "{faults:?}"
    );
    let expected = "template: main:1:5: executing \"main\" at <.a.b>: \
                    can't evaluate field b in type interface {}";
    assert_eq!(faults[1].as_deref(), Some(expected));
    assert_eq!(faults[2], None);
}

#[test]
fn metadata_is_read_by_meta_and_stays() {
    let mut message = Message::from("{}");
    message.metadata.set("key", "value");
    message
        .metadata
        .set("list", Value::from(vec![Value::I64(1), Value::I64(2)]));
    let text = r#"{{ meta "key" }} {{ index (meta "list") 1 }} {{ meta "none" }}"#;
    let BuiltProcessor::Sync(processor) = template(text) else {
        panic!("it never waits");
    };
    let batches = processor.process(MessageBatch::one(message));
    assert_eq!(&batches[0][0].bytes()[..], b"value 2 <no value>");
    let kept = batches[0][0].metadata.get("key").map(Value::to_text);
    assert_eq!(kept.as_deref(), Some("value"));
}

#[test]
fn functions_are_mappings_of_one_argument() {
    let processor = processor(
        r#"
template:
  text: '{{ up .a }} {{ (sum .l).total | typeOf }} {{ (sum .l).total }} {{ .a | same }} {{ keep . | len }}'
  functions:
    up: root = this.uppercase()
    sum: root.total = this.sum()
    same: root = if false { 1 }
    keep: 'let x = 1'
"#,
    );
    let results = run(&processor, batch(&[r#"{"a":"x","l":[1,2.5]}"#]));
    assert_eq!(results, [Ok("X float64 3.5 x 2".to_owned())]);
}

#[test]
fn a_function_that_fails_or_deletes_says_so() {
    let processor = processor(
        r#"
template:
  text: '{{ if .d }}{{ gone . }}{{ else }}{{ up .a }}{{ end }}'
  functions:
    up: root = this.uppercase()
    gone: root = deleted()
"#,
    );
    let results = run(&processor, batch(&[r#"{"d":true}"#, r#"{"a":true}"#]));
    let errors: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(
        errors[0].contains("error calling gone: root was deleted"),
        "{errors:?}"
    );
    assert!(
        errors[1].contains("error calling up: failed assignment (line 1)"),
        "{errors:?}"
    );
}

#[test]
fn sub_templates_call_each_other() {
    let processor = processor(
        r#"
template:
  text: 'hello {{ template "name" . }}'
  sub_templates:
    name: { text: '{{ template "inner" .foo }}!' }
    inner: { text: '<{{ . }}>' }
"#,
    );
    let results = run(&processor, batch(&[r#"{"foo":"world"}"#]));
    assert_eq!(results, [Ok("hello <world>!".to_owned())]);
}

#[test]
fn templates_are_read_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (main, inner) = (folder.path().join("a.txt"), folder.path().join("b.txt"));
    fs::write(&main, "hello {{ template \"hello\" . }}").expect("a file");
    fs::write(&inner, "{{ .foo }}").expect("a file");
    let config = format!(
        "template: {{ text: '{}', from_file: true, sub_templates: {{ hello: {{ text: '{}', from_file: true }} }} }}",
        main.display(),
        inner.display()
    );
    let results = run(&processor(&config), batch(&[r#"{"foo":"world"}"#]));
    assert_eq!(results, [Ok("hello world".to_owned())]);

    fs::write(&inner, "{{ .foo }}\n{{ uper .foo }}").expect("a file");
    let error = complaint(&config);
    let expected =
        "b.txt:2: this is no template: function \"uper\" not defined (did you mean `upper`?)";
    assert!(error.contains(expected), "{error}");
    fs::remove_file(&main).expect("it is there");
    assert!(
        complaint(&config).contains("read the template `"),
        "{}",
        complaint(&config)
    );
}

#[test]
fn mistakes_are_found_when_the_config_is_read_at_their_place() {
    for (yaml, expected) in [
        (
            "template: { text: '{{ invalid syntax' }",
            "function \"invalid\" not defined",
        ),
        (
            "template: { text: '{{ .a ' }",
            "this is no template: unclosed action",
        ),
        (
            "template: { text: '{{ uper .a }}' }",
            "did you mean `upper`?",
        ),
        (
            "template: { text: '{{ upcase .a }}', functions: { upcas: root = this } }",
            "did you mean `upcas`?",
        ),
        (
            "template: { text: '{{ $x }}' }",
            "undefined variable \"$x\"",
        ),
        ("template: { text: '{{ if .a }}' }", "unexpected EOF"),
        (
            "template: { text: '{{ genCA \"a\" 1 }}' }",
            "function \"genCA\" is not supported: keys",
        ),
        (
            "template: { text: '{{ getHostByName \"a\" }}' }",
            "a template asks no network",
        ),
        (
            "template: { text: '{{ 1i }}' }",
            "complex numbers are not supported",
        ),
        (
            "template: { sub_templates: { a: { text: '{{ end }}' } } }",
            "unexpected {{end}}",
        ),
        (
            "template: { functions: { upper: root = this } }",
            "the language has `upper` already",
        ),
        (
            "template: { functions: { range: root = this } }",
            "the language has `range` already",
        ),
        (
            "template: { functions: { and: root = this } }",
            "the language has `and` already",
        ),
        (
            "template: { functions: { genCA: root = this } }",
            "the language has `genCA` already",
        ),
        (
            "template: { functions: { a-b: root = this } }",
            "`a-b` is no name",
        ),
        ("template: { functions: { f: 'root = ' } }", "expected"),
        (
            "template: { sub_templates: { a: { from_file: false } } }",
            "field text is required",
        ),
    ] {
        let error = complaint(yaml);
        assert!(error.contains(expected), "{yaml}: {error}");
    }
    let error = complaint("template:\n  text: |\n    a\n    {{ uper .x }}\n");
    assert!(error.contains("test.yaml:4:8"), "{error}");
}

#[test]
fn a_template_without_end_is_stopped() {
    let error = of(
        "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}",
        "{}",
    );
    let error = error.expect_err("it has no end");
    assert!(
        error.contains("exceeded maximum template depth (1000)"),
        "{error}"
    );
    let error = of("{{ repeat 1000000000000 \"x\" }}", "{}").expect_err("it is too large");
    assert!(error.contains("bytes of memory"), "{error}");
}

#[test]
fn variables_of_the_environment_are_those_of_mappings() {
    let path = std::env::var("PATH").expect("it is set");
    let result = of(
        "{{ env \"PATH\" }}|{{ expandenv \"$PATH\" }}|{{ env \"NOT_SET_ANYWHERE\" }}",
        "{}",
    );
    assert_eq!(result, Ok(format!("{path}|{path}|")));
}

#[test]
fn what_takes_long_ends_when_the_stream_is_given_up() {
    for text in [
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        "{{ define \"a\" }}{{ range until 1000 }}{{ template \"a\" . }}{{ end }}{{ end }}{{ template \"a\" . }}",
    ] {
        ends_when_given_up(&format!("template: {{ text: '{text}' }}"));
    }
}
