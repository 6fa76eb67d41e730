use millrace_message::{Message, MessageBatch};

use crate::testing::{batch, ends_when_given_up, processor, run, try_processor};

#[test]
fn the_result_of_the_query_becomes_the_message() {
    for (query, payload, expected) in [
        (".foo.bar", r#"{"foo":{"bar":{"baz":1}}}"#, r#"{"baz":1}"#),
        (".foo.bar", r#"{"foo":{"bar":"text"}}"#, r#""text""#),
        (".foo.bar", r#"{"foo":{"bar":0.123}}"#, "0.123"),
        (".baz.qux", r#"{"foo":5}"#, "null"),
        (".foo.bar", r#"{"foo":{"bar":""}}"#, r#""""#),
        (".[]", "[1,2]", "[1,2]"),
        (
            r#"{foo: .foo} | .foo.bar = "baz""#,
            r#"{"foo":{"o":1},"bar":2}"#,
            r#"{"foo":{"bar":"baz","o":1}}"#,
        ),
        (
            r#"{Cities: .locations | map(select(.state == "WA").name) | sort | join(", ") }"#,
            r#"{"locations":[{"name":"Seattle","state":"WA"},{"name":"New York","state":"NY"},{"name":"Bellevue","state":"WA"}]}"#,
            r#"{"Cities":"Bellevue, Seattle"}"#,
        ),
        (
            "[.ts,.id,.msg] | @csv",
            r#"{"id":"1054fe28","msg":"sample \"log\"","ts":1641393111}"#,
            r#""1641393111,\"1054fe28\",\"sample \"\"log\"\"\"""#,
        ),
        (
            r#"@tsv "\([.a, null, true])""#,
            r#"{"a":"x\t\\"}"#,
            r#""x\\t\\\\\t\ttrue""#,
        ),
        (
            ".",
            "[9223372036854775807, 18446744073709551615, 123456789012345678901234567890, 1.0, 1e2, -0.5]",
            "[9223372036854775807,18446744073709551615,123456789012345678901234567890,1,100,-0.5]",
        ),
        (".[0] | tostring", "[1.0]", r#""1""#),
        ("[env | length, ($ENV | length)]", "null", "[0,0]"),
        ("nan", "null", "null"),
        ("reduce range(1000) as $i (0; . + $i)", "null", "499500"),
        (
            "def f: if . > 99999 then . else . + 1 | f end; f",
            "0",
            "100000",
        ),
    ] {
        let query = query.replace('\'', "''");
        let processor = processor(&format!("jq: {{ query: '{query}' }}"));
        assert_eq!(
            run(&processor, batch(&[payload])),
            [Ok(expected.to_owned())],
            "{query}"
        );
    }
}

#[test]
fn a_query_that_gives_nothing_removes_the_message() {
    let processor = processor("jq: { query: '.[] | select(. > 1)' }");
    let results = run(&processor, batch(&["[1]", "[2]", "[1,3,4]"]));
    assert_eq!(results, [Ok("2".to_owned()), Ok("[3,4]".to_owned())]);
}

#[test]
fn texts_are_read_and_written_as_they_are_when_asked_for() {
    for (query, payload, expected) in [
        (".foo", r#"{"foo":"a b"}"#, "a b"),
        (".foo", r#"{"foo":["<a>"]}"#, r#"["\u003ca\u003e"]"#),
        (".foo", r#"{"foo":""}"#, ""),
        (".foo[]", r#"{"foo":["a",1,null]}"#, "a1null"),
    ] {
        let processor = processor(&format!("jq: {{ query: '{query}', output_raw: true }}"));
        assert_eq!(
            run(&processor, batch(&[payload])),
            [Ok(expected.to_owned())],
            "{query}"
        );
    }
    let processor = processor(r#"jq: { query: 'split(" ") | length', raw: true }"#);
    assert_eq!(
        run(&processor, batch(&["no JSON at all"])),
        [Ok("4".to_owned())]
    );
}

#[test]
fn the_metadata_is_a_variable() {
    let mut message = Message::from("1");
    message.metadata.set("key", "value");
    let processor = processor("jq: { query: '[., $metadata.key, $metadata.none]' }");
    let results = run(&processor, MessageBatch::one(message));
    assert_eq!(results, [Ok(r#"[1,"value",null]"#.to_owned())]);
}

#[test]
fn a_message_that_the_query_fails_on_stays_and_says_why() {
    for (query, payload, complaint) in [
        (".a", "[1]", "expected an object but got: array ([1])"),
        (".a", "no JSON", "no JSON"),
        ("error(\"gone\")", "1", "gone"),
        ("halt", "1", "halt"),
        ("halt_error", "1", "halt"),
        ("[{}] | @csv", "1", "@csv cannot format an array including"),
        ("1, error(\"late\")", "1", "late"),
    ] {
        let processor = processor(&format!("jq: {{ query: '{query}' }}"));
        let results = run(&processor, batch(&[payload]));
        assert!(
            results[0].as_ref().is_err_and(|it| it.contains(complaint)),
            "{query}: {results:?}"
        );
    }
    let processor = processor("jq: { query: 'error' }");
    let long = format!("\"{}\"", "é".repeat(10_000));
    let results = run(&processor, batch(&[&long]));
    assert!(results[0].as_ref().is_err_and(|it| it.len() < 600));
}

#[test]
fn a_query_or_message_that_takes_too_much_is_an_error_that_names_the_limit() {
    let deep = format!("\"{}{}\"", "[".repeat(100_000), "]".repeat(100_000));
    for (query, payload, complaint) in [
        ("def f: 1 + f; f", "1", "builds more than"),
        ("\"x\" * 2e8 | . + .", "1", "builds more than"),
        ("fromjson", deep.as_str(), "1000 levels"),
        ("reduce range(2000) as $i (0; [.])", "1", "1000 levels"),
    ] {
        let processor = processor(&format!("jq: {{ query: '{query}' }}"));
        let results = run(&processor, batch(&[payload, "1"]));
        assert!(
            results[0].as_ref().is_err_and(|it| it.contains(complaint)),
            "{query}: {results:?}"
        );
    }
}

#[test]
fn a_query_that_is_none_is_refused_where_it_is_wrong() {
    for (query, complaint) in [
        (".foo |", "expected a query"),
        ("[.foo", "expected `]`"),
        ("nothing(.)", "there is no function `nothing/1`"),
        ("$none", "there is no variable `$none`"),
        ("import \"m\" as m; .", "modules are not supported"),
        ("input", "`input` has nothing to read"),
    ] {
        let error = try_processor(&format!("jq: {{ query: '{query}' }}")).err();
        let error = error.unwrap_or_else(|| panic!("{query} is built"));
        assert!(error.contains(complaint), "{query}: {error}");
    }
    let deep = "[".repeat(100_000);
    let error = try_processor(&format!("jq: {{ query: '{deep}' }}")).err();
    assert!(error.is_some_and(|it| it.contains("nests deeper")));
}

#[test]
fn a_mistake_is_shown_at_its_line_and_column() {
    let config = "jq:\n  query: |\n    .foo\n    | nothing(.bar)\n";
    let error = try_processor(config)
        .err()
        .expect("there is no such function");
    assert!(error.contains("4:7"), "{error}");
    assert!(error.contains("    | nothing(.bar)"), "{error}");
    assert!(error.contains("^^^"), "{error}");
}

#[test]
fn what_takes_long_ends_when_the_stream_is_given_up() {
    for query in [
        "def f: f; f",
        "[range(1000000)] | map(tostring) | join(\",\") | length",
        "try (def f: f; f) catch 1",
        "label $l | (def f: f; f), break $l",
    ] {
        ends_when_given_up(&format!("jq: {{ query: '{query}' }}"));
    }
}
