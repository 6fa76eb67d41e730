//! `lint_clean_configs.jsonl`: configs of the documentation, which must lint clean.

use serde_json::Value as Json;

use crate::rows::text;
use crate::verdict::Verdict;
use crate::workbench::lint_config;

/// Lints the config of a row.
pub fn run(row: &Json) -> Verdict {
    lint_config(text(row, "config")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Failure, Pass};
    use serde_json::json;

    #[test]
    fn a_tampered_row_fails() {
        let config = "input:\n  generate:\n    mapping: root = 1\noutput:\n  drop: {}\n";
        assert_eq!(run(&json!({ "config": config })), Ok(Pass::Ran));
        let other = config.replace("drop", "aws_sqs").replace("{}", "{url: u}");
        assert_eq!(run(&json!({ "config": other })), Ok(Pass::Linted));
        for tampered in [
            config.replace("root = 1", "root ="),
            config.replace("drop", "dorp"),
        ] {
            let verdict = run(&json!({ "config": tampered }));
            assert!(
                matches!(verdict, Err(Failure::Differs { .. })),
                "{verdict:?}"
            );
        }
        assert!(matches!(run(&json!({})), Err(Failure::Misread(_))));
    }
}
