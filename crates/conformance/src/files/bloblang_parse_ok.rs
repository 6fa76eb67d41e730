//! `bloblang_parse_ok.jsonl`: mappings and interpolations of the documentation, which must parse.

use millrace_bloblang::parser::{parse_interpolation, parse_mapping};
use serde_json::Value as Json;

use super::bloblang_tests::complaints;
use crate::rows::text;
use crate::verdict::{Failure, Pass, Verdict};

/// Parses the program of a row.
pub fn run(row: &Json) -> Verdict {
    let program = text(row, "program")?;
    let errors = match text(row, "kind")? {
        "mapping_parse_ok" => parse_mapping(program).errors,
        "interpolation_parse_ok" => parse_interpolation(program).errors,
        other => return Err(Failure::misread(format!("kind `{other}` is not known"))),
    };
    if errors.is_empty() {
        Ok(Pass::Ran)
    } else {
        Err(Failure::differs(
            format!("`{program}` parses ({})", text(row, "verified")?),
            complaints(&errors),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tampered_row_fails() {
        let row =
            |kind: &str, program: &str| json!({"kind": kind, "program": program, "verified": ""});
        assert!(run(&row("mapping_parse_ok", "root = this")).is_ok());
        assert!(run(&row("interpolation_parse_ok", "a ${! this.a } b")).is_ok());
        assert!(matches!(
            run(&row("mapping_parse_ok", "root = this.")),
            Err(Failure::Differs { .. })
        ));
        assert!(matches!(
            run(&row("query_parse_ok", "this")),
            Err(Failure::Misread(_))
        ));
    }
}
