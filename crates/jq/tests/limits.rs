//! Programs and messages that want more than there is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use millrace_jq::{Error, Limit, Limits, Program};
use millrace_message::{Halt, Value};

const LIMITS: Limits = Limits {
    steps: 200_000,
    bytes: 4 << 20,
    time: Duration::from_secs(60),
    halt: Halt::NEVER,
};

fn run(query: &str, input: Value, limits: Limits) -> Result<Vec<Value>, Error> {
    let program = Program::compile(query, &[]).unwrap_or_else(|it| panic!("{query}: {it}"));
    program.run(input, Vec::new(), limits)
}

fn limit(query: &str, input: Value, limits: Limits) -> Limit {
    match run(query, input, limits) {
        Err(Error::Limit(limit)) => limit,
        Err(other) => panic!("{query}: {other}"),
        Ok(results) => panic!("{query}: {} results", results.len()),
    }
}

/// The queries that give something, or fail otherwise.
fn without_limit(queries: &[&str], input: &Value, limits: Limits) -> Vec<String> {
    let ran = queries
        .iter()
        .map(|query| (query, run(query, input.clone(), limits.clone())));
    ran.filter(|(_, result)| !matches!(result, Err(Error::Limit(_))))
        .map(|(query, result)| match result {
            Ok(results) => format!("{query}: {} results", results.len()),
            Err(error) => format!("{query}: {error}"),
        })
        .collect()
}

#[test]
fn endless_programs_meet_the_limit_of_steps_or_bytes() {
    let queries = [
        "def f: f; f",
        "def f: f | .; f",
        "def f: ., f; f",
        "def f: f, .; f",
        "def f: 1 + f; f",
        "def f: [f]; f",
        "def f: {a: f}; f",
        "def f: if f then 1 else 2 end; f",
        "def f: try f catch f; f",
        "def f: f?; f",
        "def f: f // f; f",
        "def f: reduce f as $x (0; .); f",
        "def f: foreach f as $x (f; f); f",
        "def f: f as [$a] ?// $b | 1; f",
        "def f: label $x | f; f",
        "def f: path(f); f",
        "def f: .a | f; null | path(f)",
        "path(def f: .[0]?, f; f)",
        "first(def f: f; f)",
        "limit(1; def f: f; f)",
        "nth(5; def f: empty, f; f)",
        "last(repeat(1))",
        "isempty(def f: empty, f; f)",
        "any(repeat(false); .)",
        "def f: . as {a: $x} | f; {} | f",
        "def f: def g: f | g; g; f",
        "def f(a; b): f(b; a); f(1; 2)",
        "def f(a; b): f(a | b; b | a); f(.; .)",
        "[limit(1e18; range(1e18))]",
        "range(1e18) | select(. < 0)",
        "range(1e300; infinite; 1)",
        "reduce repeat(1) as $x (0; . + 1)",
        "foreach range(infinite) as $x (0; . + $x; empty)",
        "walk(def f: f; f)",
        "[.[] | until(false; .)]",
        "{} | .a |= (def f: f; f)",
        "with_entries(def f: f; f)",
        "\"x\" | gsub(\"x\"; def f: f; f)",
        "\"a\" | [splits(\"b\")] | repeat(.) | empty",
        "def f(a): f(a | a); f(.)",
        "def f(a; b; c): f(a | b; b | c; c | a); f(.; .; .)",
        "def f(a): def g(b): f(a | b); g(a); f(.)",
        "def f($x; a): f([$x]; a | $x); f(1; .)",
        "def f: .[f]; f",
        "def f: f |= f; f",
        "def f(g): f(g | .); f(.)",
        "def f($x): f([$x]); f(1)",
        "def f(g): g | f(f(g)); f(.)",
        "def f: def g: f; g; f",
        "def f: \"\\(f)\"; f",
        "range(infinite)",
        "[range(infinite)]",
        "[limit(1e9; repeat(1))]",
        "last(range(1e12))",
        "0 | until(false; . + 1)",
        "0 | [recurse(. + 1)]",
        "[while(true; .)]",
        "[combinations(1000)]",
        "label $x | repeat(1) | select(. == 2)",
    ];
    let input = Value::from(vec![Value::from(1_i64), Value::from(2_i64)]);
    let others = without_limit(&queries, &input, LIMITS);
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn large_values_meet_the_limit_before_they_are_built() {
    let queries = [
        "\"x\" * 1e8",
        "\"x\" * 1e6 | [., .] | add | [., .] | add | [., .] | add | [., .] | add",
        "reduce range(100) as $i (\"x\"; . + .)",
        "reduce range(100) as $i ([1]; . + .)",
        "reduce range(1e5) as $i (\"\"; . + \"xxxxxxxx\")",
        ".[1e8 - 1e7] = 1",
        "[range(1e4)] | transpose? // [.[] | [range(1e4)]]",
        "[range(1e5)] | map([.]) | transpose",
        "[range(1e5) | \"x\"] | implode? // [range(1e6)]",
        "[range(65; 1e6)] | implode",
        "[limit(100; \"x\" | recurse(. + .))]",
        "\"x\" | until(length > 1e9; . + .)",
        "\"x\" * 1e5 | [limit(100; recurse(ltrimstr(\"x\")))]",
        "\"x\" * 1e5 | [range(100) as $i | .[$i:]]",
        "\"ab\" * 1e5 | [splits(\"b\")] | map(. * 1000)",
        "\"ab\" * 1e5 | gsub(\"b\"; \"x\" * 1000)",
        "\"ab\" * 1e5 | [match(\"(a)(b)\"; \"g\")]",
        "\"ab\" * 1e5 | [scan(\".\")]",
        "\"ab\" * 1e5 | split(\"b\"; null)",
        "\"ab\" * 1e5 | [indices(\"a\", \"b\")]",
        "[range(1e4)] | join(\"x\" * 1e4)",
        "[range(1e4)] | combinations(1e4)",
        "[[range(1000)] | combinations(2)]",
        "\"'\" * 1e6 | @sh",
        "\"x\" * 3e6 | @base64",
        "\"é\" * 1e6 | @uri",
        "[\"x\" * 1e6] | tojson | tojson | tojson | tojson | tojson",
        "[range(1e4)] | [paths, paths, paths, paths] | map(tojson) | [., .] | tojson",
        "[range(1e5)] | to_entries",
        "[range(1e5) | {key: tostring, value: 1}] | from_entries",
        "[range(1e5)] | group_by(.)",
        "reduce range(1000) as $i (9; . * .)? // [range(1e6)]",
        "\"x\" * 1e6 | explode",
        "\"x\" * 1e6 | [match(\"\"; \"g\")]",
        "\"x\" * 1e6 | split(\"\")",
        "\"<\" * 1e6 | @html",
        "[range(3e4) | \"%1000Y\"] | add as $f | 0 | strftime($f)",
        "reduce range(60) as $i (1; [., .]) | tojson",
        "reduce range(60) as $i (1; [., .]) | flatten",
        "reduce range(60) as $i (1; [., .])",
        "reduce range(60) as $i (1; {a: ., b: .}) | [paths] | length",
        "(reduce range(60) as $i (1; [., .])) as $x | (reduce range(60) as $i (1; [., .])) == $x",
        "[range(1e4)] | . - .",
        "[range(1e4)] | sort_by(-.) | unique | group_by(.) | map(add) | [range(1e6)]",
    ];
    let others = without_limit(&queries, &Value::Null, LIMITS);
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn values_that_nest_too_deep_are_an_error_not_the_end_of_the_stack() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let error = run("fromjson", Value::from(deep), Limits::default()).unwrap_err();
    assert!(error.to_string().contains("1000 levels"), "{error}");
    let nest = "reduce range(100000) as $i (0; [.])";
    for query in [
        ".",
        "tojson",
        "flatten",
        "sort",
        "unique",
        "[paths] | length",
        "tostream",
        "walk(.)",
        "contains(.)",
        ". == [.]",
        "[., .] | sort",
        "[getpath([range(2000) | 0])] | .[0]",
        "setpath([range(2000) | 0]; 1)",
        "{a: .} * {a: .}",
        "del(..)",
    ] {
        let query = format!("{nest} | {query}");
        assert!(
            matches!(
                run(&query, Value::Null, Limits::default()),
                Err(Error::Limit(_))
            ),
            "{query}"
        );
    }
}

#[test]
fn positions_and_numbers_that_are_too_large_are_errors_of_the_program() {
    for (query, complaint) in [
        (".[1e12] = 1", "array index too large: 1000000000000"),
        (".[infinite] = 1", "array index too large"),
        (".[1e12] |= 1", "array index too large: 1000000000000"),
        ("setpath([1e18]; 1)", "array index too large"),
        ("[1] | .[-1e12] = 1", "array index should not be negative"),
        (
            "reduce range(30) as $i (9; . * .)",
            "integers of more than 10000 digits",
        ),
        ("limit(\"a\"; 1)", "cannot subtract"),
        ("\"a\" | test(\"(\" * 1e5)", "it is too large"),
        ("\"a\" | test(\"(a{1,1000}){1,1000}\")", "it is too large"),
        ("\"a\" | test(\"(\" * 1000 + \")\" * 1000)", "nest"),
    ] {
        match run(query, Value::Null, Limits::default()) {
            Err(Error::Failed(text)) => assert!(text.contains(complaint), "{query}: {text}"),
            Err(other) => panic!("{query}: {other}"),
            Ok(results) => panic!("{query}: {} results", results.len()),
        }
    }
    for (query, expected) in [
        ("getpath([1e12])", Value::Null),
        ("[1] | .[1e300]", Value::Null),
        ("[1, 2] | .[-1e300:1e300] | length", Value::from(2_i64)),
        ("\"x\" * 1e9", Value::Null),
        ("[1] | del(.[1e12]) | length", Value::from(1_i64)),
        (
            "[infinite, -infinite] | implode | length",
            Value::from(2_i64),
        ),
        ("9e18 | todate | type", Value::from("string")),
        (
            "[1e300, 1e300, 1e300, 0, 0, 0, 0, 0] | mktime | type",
            Value::from("number"),
        ),
    ] {
        let results = run(query, Value::Null, Limits::default());
        assert_eq!(results.unwrap(), [expected], "{query}");
    }
}

#[test]
fn a_run_that_has_had_its_time_ends() {
    let limits = Limits {
        time: Duration::ZERO,
        ..Limits::default()
    };
    for query in [
        "def f: f; f",
        "[range(1e6)] | sort | length",
        "[range(1e6) | tostring] | map(test(\"x\")) | length",
    ] {
        let met = limit(query, Value::Null, limits.clone());
        assert!(matches!(met, Limit::Time(_)), "{query}: {met}");
    }
    let text = Value::from("ab".repeat(100_000));
    let met = limit("[match(\"a\"; \"g\")] | length", text, limits);
    assert!(matches!(met, Limit::Time(_)), "{met}");
}

#[test]
fn a_run_that_is_given_up_ends_whatever_the_program_catches() {
    let limits = Limits {
        halt: Halt::when(|| true),
        ..Limits::default()
    };
    for query in ["def f: f; f", "try (def f: f; f) catch 1", "(def f: f; f)?"] {
        let met = limit(query, Value::Null, limits.clone());
        assert_eq!(met, Limit::GivenUp, "{query}");
    }
}

#[test]
fn what_no_limit_is_met_by_goes_deep_without_the_stack() {
    for (query, expected) in [
        (
            "def f: if . > 300000 then . else . + 1 | f end; 0 | f",
            300_001_i64,
        ),
        (
            "def f($x): if $x > 300000 then $x else f($x + 1) end; f(0)",
            300_001_i64,
        ),
        (
            "def f: if . == 0 then 0 else 1 + (. - 1 | f) end; 50000 | f",
            50_000,
        ),
        ("[limit(100000; repeat(1))] | length", 100_000),
        (
            "reduce range(200000) as $i ([]; . + [$i]) | length",
            200_000,
        ),
        (
            "reduce range(100000) as $i ({}; .[$i % 100 | tostring] += 1) | length",
            100,
        ),
        (
            "reduce range(50000) as $i ([]; .[$i] = $i) | length",
            50_000,
        ),
        ("[range(100000)] | map(. + 1) | add", 5_000_050_000),
        ("reduce range(100000) as $i (0; [.]) | 7", 7),
        (
            "[reduce range(100000) as $i (0; [.]) | ..] | length",
            100_001,
        ),
        ("last(limit(100000; repeat(1)))", 1),
        (
            "[range(100000)] | del(.[] | select(. % 2 == 0)) | length",
            50_000,
        ),
        ("[range(100000)] | .[] |= empty | length", 0),
        ("\"ab\" * 100000 | gsub(\"b\"; \"c\") | length", 200_000),
    ] {
        let results = run(query, Value::Null, Limits::default());
        let results = results.unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(results, [Value::from(expected)], "{query}");
    }
}

#[test]
fn nothing_in_a_program_catches_a_limit() {
    for query in [
        "try range(infinite) catch 1",
        "[range(infinite)?]",
        "range(infinite) // 1 | empty",
        "label $x | try [range(infinite)] catch break $x",
        "[range(infinite)] as [$a] ?// $a | 1",
        "first(try (def f: f; f) catch .), 1",
    ] {
        limit(query, Value::Null, LIMITS);
    }
}

#[test]
fn an_expression_that_other_engines_take_for_ever_on_takes_no_time() {
    let text = Value::from("a".repeat(50_000) + "b");
    let began = Instant::now();
    for query in [
        "test(\"^(a+)+$\")",
        "test(\"^(a|a)*$\")",
        "[match(\"(a*)*c\"; \"g\")] | length",
        "test(\"(((a{1,100}){1,100}){1,100})\")",
        "gsub(\"(a?){20}a{20}c\"; \"\") | length",
        "[match(\"a*[^a]|a\"; \"g\")] | length",
        "[match(\".*[^A-Z]|[a-z]\"; \"g\")] | length",
        "test(\"((a{0,50}){0,50}){0,4}$\")",
        "[splits(\"(x+x+)+y\")] | length",
        "[range(2000) | tostring as $n | test(\"(a{1,20}){1,20}\" + $n)] | length",
    ] {
        // A result, an error or a limit: what counts is that it comes.
        let _ = run(query, text.clone(), Limits::default());
    }
    assert!(began.elapsed() < Duration::from_secs(60));
    let error = run(
        "test(\"((a{1,100}){1,100}){1,100}\")",
        text,
        Limits::default(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("invalid regular expression"),
        "{error}"
    );
}

#[test]
fn programs_that_nest_too_deep_are_refused() {
    for (open, close) in [
        ("[", "]"),
        ("(", ")"),
        ("{a:", "}"),
        ("-", ""),
        ("1+", "1"),
        ("try ", "1"),
        ("if 1 then ", "1"),
        ("\"\\(", ")\""),
        ("def f: ", "1; 1"),
        ("reduce ", "1"),
        (". as [", "$x]"),
        ("f(", ")"),
        ("1//", "1"),
        (".[", "]"),
        (".", ".a"),
    ] {
        let text = open.repeat(20_000) + &close.repeat(20_000);
        assert!(Program::compile(&text, &[]).is_err(), "{open}");
    }
    for step in [
        ".a", "[0]", "?", "[]", "[1:]", "| .", ", 1", "+ 1", "// 1", "and 1",
    ] {
        // Long chains are refused or run; they do not end the process.
        let text = format!(".a{}", step.repeat(20_000));
        if let Ok(program) = Program::compile(&text, &[]) {
            let _ = program.run(Value::Null, Vec::new(), LIMITS);
        }
    }
    let long = "1,".repeat(200_000) + "1";
    assert!(Program::compile(&long, &[]).is_err());
}

#[test]
fn large_messages_pass_with_the_limits_that_are_set() {
    let rows: Vec<String> = (0..20_000)
        .map(|id| format!("{{\"id\":{id},\"name\":\"user {id}\",\"tags\":[\"a\",\"b\"]}}"))
        .collect();
    let text = Bytes::from(format!("[{}]", rows.join(",")));
    let query = "map(select(.id % 2 == 0) | {id, name: (.name | ascii_upcase), n: (.tags | length)}) | length";
    let results = run(query, Value::parse_json(text).unwrap(), Limits::default());
    assert_eq!(results.unwrap(), [Value::from(10_000_i64)]);
}
