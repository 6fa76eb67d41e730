//! The answers of gojq 0.12.16, as Bento runs it.
//!
//! Each line of the table holds a query, an input and what gojq gives for them: results as JSON with
//! spaces between them, an error behind `!`, or `refused` when it is no query. Rows whose errors are
//! worded differently here hold no more than the `!`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use millrace_jq::{Error, Limits, Program};
use millrace_message::Value;

fn answer(query: &str, input: &str) -> String {
    let program = match Program::compile(query, &["metadata"]) {
        Ok(program) => program,
        Err(error) => return format!("refused: {error}"),
    };
    let input = Value::parse_json(Bytes::copy_from_slice(input.as_bytes())).unwrap();
    let metadata = Value::parse_json(Bytes::from_static(b"{\"key\":\"value\"}")).unwrap();
    match program.run(input, vec![metadata], Limits::default()) {
        Ok(results) => {
            let results = results.iter().map(printed);
            results.collect::<Vec<_>>().join(" ")
        }
        Err(error) => {
            assert!(!matches!(error, Error::Limit(_)), "{query}: {error}");
            format!("!{error}")
        }
    }
}

/// As gojq prints, which escapes less than a payload does.
fn printed(value: &Value) -> String {
    let program = Program::compile("tojson", &[]).unwrap();
    let results = program.run(value.clone(), Vec::new(), Limits::default());
    results.unwrap()[0].as_str().unwrap().to_owned()
}

fn is_as_expected(found: &str, expected: &str) -> bool {
    if expected.starts_with("refused") {
        return found.starts_with("refused");
    }
    // Results before an error are dropped here: Bento drops them too.
    let error = expected
        .strip_prefix('!')
        .or_else(|| expected.rsplit_once(" !").map(|(_, error)| error));
    match error {
        Some("") => found.starts_with('!'),
        Some(error) => found == format!("!{error}"),
        None => found == expected,
    }
}

#[test]
fn answers_are_those_of_gojq() {
    let mut wrong = Vec::new();
    for line in include_str!("gojq.txt").lines() {
        if line.starts_with("##") {
            continue;
        }
        let mut parts = line.splitn(3, '\t');
        let mut part = || parts.next().expect("a row has three parts");
        let (query, input, expected) = (part(), part(), part());
        let found = answer(query, input);
        if !is_as_expected(&found, expected) {
            wrong.push(format!(
                "{query}\n   on {input}\n   is {found}\n   not {expected}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// gojq leaves an empty container there.
#[test]
fn a_deletion_below_null_changes_nothing() {
    for (query, input, expected) in [
        (r#"del(.a)"#, r#"null"#, r#"null"#),
        (r#"del(.a.b)"#, r#"null"#, r#"null"#),
        (r#"del(.a.b)"#, r#"{"a":null}"#, r#"{"a":null}"#),
        (r#"delpaths([["a"]])"#, r#"null"#, r#"null"#),
        (r#"del(.[0])"#, r#"null"#, r#"null"#),
        (r#"del(.a[0])"#, r#"{"a":null}"#, r#"{"a":null}"#),
        (r#"del(.a,.b)"#, r#"null"#, r#"null"#),
        (r#"del(.[1:])"#, r#"null"#, r#"null"#),
        (r#"del(.[-1])"#, r#"null"#, r#"null"#),
        (
            r#"delpaths([["a","b","c"]])"#,
            r#"{"a":{"b":null}}"#,
            r#"{"a":{"b":null}}"#,
        ),
        (r#"delpaths([["a"],[0]])"#, r#"null"#, r#"null"#),
        (r#"delpaths([["a"],["b",0]])"#, r#"null"#, r#"null"#),
        (r#"del(.[0].a, .[1])"#, r#"[null,2]"#, r#"[null]"#),
        (
            r#"delpaths([[{"start":0,"end":1},0,"a"]])"#,
            r#"[null,2]"#,
            r#"[null,2]"#,
        ),
        (
            r#"to_entries | del(.[0].value.x)"#,
            r#"{"a":null}"#,
            r#"[{"key":"a","value":null}]"#,
        ),
        (r#"del(.x.a)"#, r#"{"x":null}"#, r#"{"x":null}"#),
        (r#"del(.a?)"#, r#"null"#, r#"null"#),
        (r#"del(.a.b.c)"#, r#"null"#, r#"null"#),
        (r#".a |= empty"#, r#"null"#, r#"null"#),
        (r#"del(.[0:1])"#, r#"null"#, r#"null"#),
        (r#"del(.a, .b.c)"#, r#"{"a":1,"b":null}"#, r#"{"b":null}"#),
    ] {
        assert_eq!(answer(query, input), expected, "{query} {input}");
    }
}

#[test]
fn comments_reach_to_the_end_of_their_line() {
    assert_eq!(
        answer("# a comment\n1 # another \\\n that goes on\n+ 2", "null"),
        "3"
    );
}

#[test]
fn a_question_mark_before_an_alternative_needs_no_space() {
    assert_eq!(answer(".a?//1", "[]"), "1");
}

#[test]
fn integers_are_exact_up_to_ten_thousand_digits_and_kept_beyond() {
    let long = "9".repeat(20_000);
    assert_eq!(answer(".", &long), long);
    assert_eq!(answer("[., 1] | max | tostring | length", &long), "20000");
    assert_eq!(
        answer(". + 1", &long),
        "!integers of more than 10000 digits cannot be computed with"
    );
    let power = "reduce range(1000) as $i (1; . * 10)";
    assert_eq!(
        answer(&format!("{power} | . / 10 | tostring | length"), "null"),
        "1000"
    );
    // The least integer of 128 bits has no counterpart there.
    for (query, expected) in [
        ("-.", "170141183460469231731687303715884105728"),
        (
            "abs, length",
            "170141183460469231731687303715884105728 170141183460469231731687303715884105728",
        ),
        (". / -1", "170141183460469231731687303715884105728"),
        (". % -1", "0"),
        (". - 1", "-170141183460469231731687303715884105729"),
    ] {
        let found = answer(query, "-170141183460469231731687303715884105728");
        assert_eq!(found, expected, "{query}");
    }
}

#[test]
fn what_is_deliberately_not_as_in_gojq_stays_so() {
    for (query, input, expected) in [
        // There, what follows is looked for at the root.
        (
            r#"path(reduce ("a","b") as $k (.; .[$k]))"#,
            "null",
            r#"["a","b"]"#,
        ),
        (
            r#"[path(foreach ("a","b") as $k (.; .[$k]))]"#,
            "null",
            r#"[["a"],["a","b"]]"#,
        ),
        // There, digits of a second are taken for whole ones.
        (r#"strptime("%S.%f") | .[5]"#, r#""47.5""#, "47.5"),
        (r#"strptime("%S.%f") | .[5]"#, r#""47.000123""#, "47.000123"),
        // There, it stays below zero.
        ("abs", "-9223372036854775808", "9223372036854775808"),
        // There, it is an error of each message.
        (
            ". // @none",
            "1",
            "refused: there is no format `@none` (at byte 5)",
        ),
        (
            r#"strptime("%Y %Z")"#,
            r#""2015 CET""#,
            "!strptime(\"%Y %Z\") cannot be applied to \"2015 CET\": failed to parse \"2015 CET\" with \"%Y %Z\": cannot parse \"CET\" with \"%Z\"",
        ),
    ] {
        assert_eq!(answer(query, input), expected, "{query}");
    }
}
