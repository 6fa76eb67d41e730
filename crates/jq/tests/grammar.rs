//! Programs that a small grammar gives.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use bytes::Bytes;
use millrace_jq::{Limits, Program};
use millrace_message::{Halt, Value};
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    steps: 20_000,
    bytes: 1 << 20,
    time: Duration::from_secs(60),
    halt: Halt::NEVER,
};

const INPUTS: &[&str] = &[
    "null",
    "[1,[2,{\"a\":3}],\"x\"]",
    "{\"a\":{\"b\":[1,2]},\"b\":\"text\",\"c\":1.50}",
    "123456789012345678901234567890",
];

fn program() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        ".",
        "..",
        ".a",
        ".[0]",
        ".[]",
        "1",
        "-1",
        "1e400",
        "nan",
        "\"x\"",
        "null",
        "true",
        "[]",
        "{}",
        "empty",
        "error",
        "$x",
        "f",
        "g(.)",
        "length",
        "keys",
        "type",
        "tojson",
        "fromjson",
        "tostring",
        "tonumber",
        "paths",
        "to_entries",
        "from_entries",
        "add",
        "sort",
        "unique",
        "reverse",
        "explode",
        "implode",
        "flatten",
        "transpose",
        "min",
        "first",
        "last",
        "not",
        "break $out",
        "input_line_number",
        "tostream",
        "combinations",
        "gmtime",
        "mktime",
        "todate",
        "fromdate",
        "@csv",
        "@sh",
        "@base64d",
        "@uri",
        "halt",
        "infinite",
        "ascii_downcase",
        "recurse",
        "any",
        "all",
        "env",
        "floor",
        "significand",
        "frexp",
        "trim",
        "_capture",
        "170141183460469231731687303715884105728",
    ]);
    leaf.prop_map(str::to_owned)
        .prop_recursive(5, 40, 3, |inner| {
            let two = (inner.clone(), inner.clone());
            let three = (inner.clone(), inner.clone(), inner.clone());
            prop_oneof![
                two.clone().prop_map(|(a, b)| format!("({a} | {b})")),
                two.clone().prop_map(|(a, b)| format!("({a}, {b})")),
                (
                    two.clone(),
                    prop::sample::select(vec![
                        "+", "-", "*", "/", "%", "==", "<", ">=", "and", "or", "//",
                    ])
                )
                    .prop_map(|((a, b), operator)| format!("({a} {operator} {b})")),
                (
                    two.clone(),
                    prop::sample::select(vec!["=", "|=", "+=", "*=", "//="])
                )
                    .prop_map(|((a, b), operator)| format!("({a} {operator} {b})")),
                (
                    two.clone(),
                    prop::sample::select(vec![
                        "has",
                        "contains",
                        "index",
                        "split",
                        "join",
                        "ltrimstr",
                        "test",
                        "match",
                        "splits",
                        "getpath",
                        "delpaths",
                        "path",
                        "paths",
                        "map",
                        "map_values",
                        "del",
                        "select",
                        "with_entries",
                        "recurse",
                        "walk",
                        "sort_by",
                        "group_by",
                        "min_by",
                        "unique_by",
                        "first",
                        "limit",
                        "until",
                        "range",
                        "flatten",
                        "strftime",
                        "strptime",
                        "bsearch",
                        "error",
                        "isempty",
                        "any",
                        "pick",
                        "format",
                        "capture",
                        "scan",
                        "_fill",
                        "nth",
                        "inside",
                        "in",
                        "repeat",
                        "tostream",
                        "fromstream",
                        "truncate_stream",
                        "INDEX",
                        "IN",
                    ])
                )
                    .prop_map(|((a, b), name)| format!("({a} | {name}({b}))")),
                (
                    three.clone(),
                    prop::sample::select(vec![
                        "setpath", "limit", "sub", "gsub", "while", "range", "pow", "split",
                        "test", "any", "recurse", "fma", "ldexp", "nth", "match", "_match",
                        "_between", "_limit", "_nth", "_test", "gsub",
                    ])
                )
                    .prop_map(|((a, b, c), name)| format!("({a} | {name}({b}; {c}))")),
                three
                    .clone()
                    .prop_map(|(a, b, c)| format!("if {a} then {b} else {c} end")),
                three
                    .clone()
                    .prop_map(|(a, b, c)| format!("(reduce {a} as $x ({b}; {c}))")),
                three
                    .clone()
                    .prop_map(|(a, b, c)| format!("(foreach {a} as [$x] ({b}; {c}; [$x, .]))")),
                three
                    .clone()
                    .prop_map(|(a, b, c)| format!("({a} as [$x] ?// {{b: $x}} ?// $x | {b}, {c})")),
                three
                    .clone()
                    .prop_map(|(a, b, c)| format!("(def f: {a}; def g(f): {b}; {c})")),
                three.prop_map(|(a, b, c)| format!("({a})[{b}:{c}]")),
                two.clone()
                    .prop_map(|(a, b)| format!("(try {a} catch {b})")),
                two.clone()
                    .prop_map(|(a, b)| format!("{{({a}): {b}, a: {b}}}")),
                two.prop_map(|(a, b)| format!("({a})[{b}]?")),
                inner.clone().prop_map(|a| format!("[{a}]")),
                inner.clone().prop_map(|a| format!("(label $out | {a})")),
                inner.clone().prop_map(|a| format!("\"a\\({a})\"")),
                inner.clone().prop_map(|a| format!("path({a})")),
                inner.prop_map(|a| format!("({a})?")),
            ]
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_program_panics_or_gives_what_cannot_be_written(program in program()) {
        let whole = format!(
            "label $out | def f: .; def g(x): x; . as $x | {program}"
        );
        if let Ok(compiled) = Program::compile(&whole, &[]) {
            for input in INPUTS {
                let input = Value::parse_json(Bytes::from_static(input.as_bytes())).unwrap();
                for result in compiled.run(input, Vec::new(), LIMITS).unwrap_or_default() {
                    let json = result.to_json();
                    prop_assert!(Value::parse_json(json).is_ok());
                }
            }
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in r#"[ .|,\[\](){}a-c0-2"\\$@?/=<>+*%:;#-]{0,30}"#) {
        let _ = Program::compile(&text, &[]);
    }
}
