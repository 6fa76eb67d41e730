//! `bloblang_examples.jsonl`: the documented examples of functions and methods.

use std::sync::Arc;

use millrace_bloblang::{Environment, Mapped, Mapping};
use millrace_message::{Context, Message};
use serde_json::Value as Json;

use super::bloblang_tests::complaints;
use crate::messages;
use crate::rows::{only, text};
use crate::verdict::{Failure, Pass, Verdict};

/// The span that Bento runs the examples of functions in.
const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Compiles the mapping of a row and runs its cases in order.
pub fn run(row: &Json) -> Verdict {
    let program = text(row, "mapping")?;
    let compiled = Mapping::compile(program, &Environment::new());
    let mapping =
        compiled.map_err(|errors| Failure::differs("the mapping compiles", complaints(&errors)))?;
    let has_mark = |mark: &str| {
        let mut marks = row["marks"].as_array().into_iter().flatten();
        marks.any(|it| it == mark)
    };
    let cases = row["cases"].as_array().map_or(&[][..], Vec::as_slice);
    if cases.is_empty() && !has_mark("parse_only") {
        return Err(Failure::misread("the row has no cases"));
    }
    for case in cases {
        run_case(&mapping, case, has_mark("nondeterministic"))?;
    }
    Ok(Pass::Ran)
}

fn run_case(mapping: &Mapping, case: &Json, is_random: bool) -> Result<(), Failure> {
    only(case, &["input", "output", "error", "deleted"])?;
    let mut message = Message::from_bytes(text(case, "input")?.to_owned().into_bytes());
    message.set_context(Some(Arc::new(Context {
        trace_parent: Some(TRACE_PARENT.into()),
        ..Context::default()
    })));
    let mapped = mapping.map(std::slice::from_ref(&message), 0);
    let actual = match mapped {
        Err(_) if case["error"].is_string() => return Ok(()),
        Err(error) => format!("an error: {error}"),
        Ok(Mapped::Deleted) if case["deleted"] == true => return Ok(()),
        Ok(Mapped::Deleted) => "deleted".to_owned(),
        Ok(mapped) => {
            // Deleted was told apart above.
            let _is_kept = mapped.apply_to(&mut message);
            let actual = messages::text(&message);
            let is_expected = case["output"] == *actual;
            if is_expected || (is_random && case["output"].is_string()) {
                return Ok(());
            }
            actual
        }
    };
    let expected = match (&case["output"], &case["error"], &case["deleted"]) {
        (Json::String(output), _, _) => output.clone(),
        (_, Json::String(error), _) => format!("an error: {error}"),
        (_, _, Json::Bool(true)) => "deleted".to_owned(),
        _ => return Err(Failure::misread("the case expects nothing")),
    };
    Err(Failure::differs(expected, actual))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(output: &str) -> Json {
        json!({"mapping": "root.a = counter()", "cases": [
            {"input": "{}", "output": "{\"a\":1}"},
            {"input": "{}", "output": output},
        ]})
    }

    #[test]
    fn cases_run_in_order_on_one_mapping() {
        assert_eq!(run(&row("{\"a\":2}")), Ok(Pass::Ran));
    }

    #[test]
    fn a_tampered_row_fails() {
        assert_eq!(
            run(&row("{\"a\":1}")),
            Err(Failure::differs("{\"a\":1}", "{\"a\":2}"))
        );
        let mut unknown = row("{\"a\":2}");
        unknown["cases"][0]["outputs"] = json!("x");
        assert!(matches!(run(&unknown), Err(Failure::Misread(_))));
        unknown["cases"] = json!([]);
        assert!(matches!(run(&unknown), Err(Failure::Misread(_))));
        let broken = json!({"mapping": "root = ", "marks": ["parse_only"]});
        assert!(matches!(run(&broken), Err(Failure::Differs { .. })));
    }
}
