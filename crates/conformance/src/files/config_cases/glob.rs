//! `glob`: the files that a pattern names.

use std::path::Path;

use serde_json::Value as Json;

use crate::rows::{self, list, text};
use crate::verdict::{Failure, Verdict, equal};

/// Expands the pattern of a row in a tree of files.
pub fn run(row: &Json) -> Verdict {
    let folder = rows::folder()?;
    for name in list(row, "tree")? {
        let name = name
            .as_str()
            .ok_or_else(|| Failure::misread("a file has no name"))?;
        make(&folder.path().join(name), name.ends_with('/'))
            .map_err(|error| Failure::misread(format!("make `{name}`: {error}")))?;
    }
    let pattern = format!("{}{}", folder.path().display(), text(row, "pattern")?);
    let found = millrace_component::files::expand(&pattern);
    let found =
        found.map_err(|error| Failure::differs_json(&row["expect"], &error.to_string().into()))?;
    let mut found: Vec<String> = found
        .iter()
        .map(|path| {
            let below = path.strip_prefix(folder.path()).unwrap_or(path);
            below.to_string_lossy().into_owned()
        })
        .collect();
    found.sort();
    equal(&row["expect"], &found.into())
}

fn make(path: &Path, is_folder: bool) -> std::io::Result<()> {
    if is_folder {
        return std::fs::create_dir_all(path);
    }
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    std::fs::write(path, "")
}
