//! `component_examples.jsonl`: the documented examples of components, which must lint clean.

use serde_json::Value as Json;

use crate::rows::text;
use crate::verdict::Verdict;
use crate::workbench::lint_config;

/// Lints the config of a row.
pub fn run(row: &Json) -> Verdict {
    lint_config(text(row, "config")?)
}
