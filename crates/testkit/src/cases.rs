//! Bento's own cases, which lie beside the checkout.

use std::path::PathBuf;

use serde_json::Value;

/// The variable that names the folder of the cases.
const FOLDER: &str = "MILLRACE_CONFORMANCE";

/// The rows of one file of Bento's cases, such as `components.jsonl`; none when there is no such
/// folder, for then there is nothing to compare with.
///
/// # Panics
/// As [`text`]; or a row is not JSON.
pub fn rows(file: &str) -> Vec<Value> {
    let text = text(file).unwrap_or_default();
    let rows = text.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{file}: a row is not JSON: {error}"))
}

/// One file of the cases. They lie in the folder that `MILLRACE_CONFORMANCE` names, else in
/// `../shared/conformance` beside the workspace.
///
/// # Panics
/// The folder was named and the file is not in it.
pub fn text(file: &str) -> Option<String> {
    let named = std::env::var_os(FOLDER).map(PathBuf::from);
    let is_named = named.is_some();
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance").into();
    let path = named.unwrap_or_else(beside).join("bento").join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if is_named => panic!("{FOLDER}: read `{}`: {error}", path.display()),
        Err(_) => None,
    }
}
