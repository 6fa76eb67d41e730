//! Reads the cases.

use std::path::PathBuf;

use serde_json::Value;

/// The rows of one file of cases; empty, with a note on stderr, when there is no such file.
#[allow(clippy::print_stderr)]
pub fn rows(file: &str) -> Vec<Value> {
    let Some(path) = folder()
        .map(|folder| folder.join("bento").join(file))
        .filter(|p| p.exists())
    else {
        eprintln!("{file}: no conformance cases here, nothing is compared");
        return Vec::new();
    };
    let text = std::fs::read_to_string(&path).expect("the cases are readable");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

pub fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("MILLRACE_CONFORMANCE") {
        return Some(folder.into());
    }
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)?;
    Some(workspace.parent()?.join("shared/conformance"))
}

/// A field that every row of its kind has.
pub fn text<'r>(row: &'r Value, field: &str) -> &'r str {
    row[field]
        .as_str()
        .unwrap_or_else(|| panic!("row without `{field}`: {row}"))
}
