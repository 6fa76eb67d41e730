//! The documents that Millrace is specified by, which lie beside the checkout.

use std::path::PathBuf;

/// The variable that names their folder.
const FOLDER: &str = "MILLRACE_SEEDS";

/// One of the documents, such as `4-message-queue-operations-guide.md`. They lie in the folder that
/// `MILLRACE_SEEDS` names, else in `../shared/reference/seeds` beside the workspace; none when there
/// is no such folder, for then there is nothing to compare with.
///
/// # Panics
/// The folder was named and the document is not in it.
pub fn text(file: &str) -> Option<String> {
    let named = std::env::var_os(FOLDER).map(PathBuf::from);
    let is_named = named.is_some();
    let beside = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/seeds"
    );
    let path = named.unwrap_or_else(|| beside.into()).join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if is_named => panic!("{FOLDER}: read `{}`: {error}", path.display()),
        Err(_) => None,
    }
}

/// A file or folder of the checkout.
#[must_use]
pub fn in_checkout(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}
