//! `bloblang_tests.jsonl`: table tests of the language, of interpolations, and of the parser.

use millrace_bloblang::SyntaxError;
use serde_json::Value as Json;

use crate::rows;
use crate::verdict::{Failure, Pass, Verdict};

mod expect;
mod given;
mod prefix;

/// The fields that rows have.
const FIELDS: [&str; 16] = [
    "id",
    "test",
    "name",
    "kind",
    "origin",
    "program",
    "batch",
    "index",
    "this",
    "this_typed",
    "overlay",
    "files",
    "needs",
    "note",
    "expect",
    "parser",
];

/// Runs the program of a row as its kind says.
pub fn run(row: &Json) -> Verdict {
    let fields = [&FIELDS[..], &["inputs"]].concat();
    rows::only(row, &fields)?;
    let folder = rows::folder()?;
    rows::write_files(row, folder.path())?;
    let program = rows::in_folder(rows::text(row, "program")?, folder.path());
    let expect = &row["expect"];
    if let kind @ ("token" | "query_prefix") = rows::text(row, "kind")? {
        return prefix::run(row, kind, &program);
    }
    expect::check_fields(expect)?;
    let given = given::run(row, &program)?;
    let expected = || format!("{expect} from `{program}`");
    match (expect["error"].as_str(), given) {
        (Some(_), Err(_)) => expect::check_place(expect, &program).map(|()| Pass::Ran),
        // Bento's callers turn a deleted root into this error; ours get no value.
        (Some("root was deleted"), Ok(given::Given::Deleted)) => Ok(Pass::Ran),
        (Some(_), Ok(given)) => Err(Failure::differs(expected(), given.to_string())),
        (None, Err(error)) => Err(Failure::differs(expected(), format!("an error: {error}"))),
        (None, Ok(given)) if expect::agrees(expect, &given)? => Ok(Pass::Ran),
        (None, Ok(given)) => Err(Failure::differs(expected(), given.to_string())),
    }
}

/// What is wrong with a program.
pub fn complaints(errors: &[SyntaxError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(kind: &str, program: &str, expect: Json) -> Json {
        json!({"kind": kind, "program": program, "expect": expect,
            "batch": [{"content": "{\"a\":5}", "meta": {"m": "x"}}]})
    }

    #[test]
    fn rows_of_every_kind_pass_and_fail_when_they_are_tampered_with() {
        for (kind, program, right, wrong) in [
            ("query", "this.a", json!({"json": 5}), json!({"json": 6})),
            (
                "query",
                "deleted()",
                json!({"special": "deleted"}),
                json!({"special": "nothing"}),
            ),
            (
                "query",
                "throw(\"x\")",
                json!({"error": "x"}),
                json!({"json": 5}),
            ),
            (
                "mapping",
                "root.b = this.a\nmeta n = \"y\"",
                json!({"content": "{\"b\":5}", "meta": {"m": "x", "n": "y"}}),
                json!({"content": "{\"b\":5}", "meta": {"m": "x"}}),
            ),
            (
                "mapping",
                "root = deleted()",
                json!({"deleted": true}),
                json!({"content": ""}),
            ),
            (
                "mapping_value",
                "root = this.a + 1",
                json!({"json": 6.0}),
                json!({"json": 5}),
            ),
            (
                "predicate",
                "this.a == 5",
                json!({"bool": true}),
                json!({"bool": false}),
            ),
            (
                "interpolation",
                "a${! this.a }",
                json!({"string": "a5"}),
                json!({"string": "a6"}),
            ),
            (
                "query_prefix",
                "this.a and",
                json!({"remaining": " and"}),
                json!({"remaining": ""}),
            ),
        ] {
            assert_eq!(run(&row(kind, program, right)), Ok(Pass::Ran), "{program}");
            let verdict = run(&row(kind, program, wrong));
            assert!(
                matches!(verdict, Err(Failure::Differs { .. })),
                "{program}: {verdict:?}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for row in [
            row("quest", "this", json!({"json": 5})),
            row("query", "this.a", json!({"json": 5, "jason": 6})),
            row("query", "this.a", json!({})),
            row("query", "this.a", json!({"special": "gone"})),
        ] {
            let verdict = run(&row);
            assert!(
                matches!(verdict, Err(Failure::Misread(_))),
                "{row}: {verdict:?}"
            );
        }
        let mut unknown = row("query", "this.a", json!({"json": 5}));
        unknown["vars"] = json!({});
        assert!(matches!(run(&unknown), Err(Failure::Misread(_))));
    }
}
