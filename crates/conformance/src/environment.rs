//! The variables that the rows of a file ask for.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value as Json;

use crate::rows::Row;

/// Files whose names rows with the mark `needs_env_file` read from variables.
const NAMED_FILES: [(&str, &str, &str); 2] = [
    ("BENTO_TEST_BLOBLANG_FILE", "file.json", r#"{"foo":"bar"}"#),
    (
        "BENTO_TEST_BLOBLANG_SCHEMA_FILE",
        "schema.json",
        r#"{"type":"object","properties":{"foo":{"type":"string"}}}"#,
    ),
];

/// The variables for all rows of a file. Files that they name lie in `folder`.
///
/// # Errors
/// A file cannot be written.
pub fn of_rows(rows: &[Row], folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::from([("TZ".to_owned(), "UTC".to_owned())]);
    for (variable, name, content) in NAMED_FILES {
        let path = folder.join(name);
        std::fs::write(&path, content).with_context(|| format!("write `{}`", path.display()))?;
        variables.insert(variable.to_owned(), path.to_string_lossy().into_owned());
    }
    for fields in rows.iter().filter_map(|row| row.fields.as_ref().ok()) {
        for (name, value) in needed(fields) {
            // A row that wants another value than an earlier one finds that out in its worker.
            variables
                .entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
        }
    }
    Ok(variables)
}

/// The variables that a row needs, which are those of its process.
fn needed(fields: &Json) -> impl Iterator<Item = (&str, &str)> {
    let needed = fields["needs"]["env"].as_object().into_iter().flatten();
    needed.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// Whether this process has the variables that a row needs.
///
/// # Errors
/// The variable that it has not, or that another row has set otherwise.
pub fn check(fields: &Json) -> Result<(), String> {
    for (name, value) in needed(fields) {
        if std::env::var(name).as_deref() != Ok(value) {
            return Err(format!("another row needs another value of {name}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_the_variables_that_they_ask_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let row = |value: &str| Row {
            id: String::new(),
            name: String::new(),
            fields: Ok(serde_json::json!({"needs": {"env": {"A_NAME": value}}})),
        };
        let variables = of_rows(&[row("1"), row("2")], folder.path()).expect("files are written");
        assert_eq!(variables["A_NAME"], "1");
        assert_eq!(variables["TZ"], "UTC");
        let file = std::fs::read_to_string(&variables["BENTO_TEST_BLOBLANG_FILE"]);
        assert_eq!(file.expect("the file is there"), r#"{"foo":"bar"}"#);
        assert!(check(&serde_json::json!({"needs": {"env": {"A_NAME": "2"}}})).is_err());
        assert!(check(&serde_json::json!({"needs": ["exec: cat"]})).is_ok());
    }
}
