//! Reads the cases.

use millrace_testkit::cases;
use serde_json::Value;

/// The rows of one file of cases; empty, with a note on stderr, when there is no such file.
#[allow(clippy::print_stderr)]
pub fn rows(file: &str) -> Vec<Value> {
    let rows = cases::rows(file);
    if rows.is_empty() {
        eprintln!("{file}: no conformance cases here, nothing is compared");
    }
    rows
}

/// A field that every row of its kind has.
pub fn text<'r>(row: &'r Value, field: &str) -> &'r str {
    row[field]
        .as_str()
        .unwrap_or_else(|| panic!("row without `{field}`: {row}"))
}
