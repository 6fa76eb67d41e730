//! Reads files of rows, and the fields of a row.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value as Json;

use crate::verdict::Failure;

/// One line of a file of cases.
#[derive(Clone, Debug)]
pub struct Row {
    /// What identifies it: the file and line of Bento that it comes from.
    pub id: String,
    /// The name of the case, where it has one.
    pub name: String,
    /// Its fields, or why the line has none.
    pub fields: Result<Json, String>,
}

impl Row {
    fn of_line(number: usize, line: &str) -> Self {
        let (fields, place) = match serde_json::from_str::<Json>(line) {
            Ok(Json::Object(fields)) => (Ok(Json::Object(fields)), None),
            Ok(_) => (Err("the line is no JSON object".to_owned()), Some(number)),
            Err(error) => (Err(format!("the line is no JSON: {error}")), Some(number)),
        };
        let text = |field: &str| {
            let fields = fields.as_ref().ok()?;
            fields[field].as_str().map(str::to_owned)
        };
        Self {
            id: text("id").unwrap_or_else(|| format!("line {}", place.unwrap_or(number))),
            name: text("name").or_else(|| text("title")).unwrap_or_default(),
            fields,
        }
    }

    /// Whether it is about DuckDB, which Bento itself has in a special build only.
    pub fn is_apart(&self) -> bool {
        let fields = self.fields.as_ref().ok();
        let config = fields.and_then(|fields| fields["config"].as_str());
        config.is_some_and(|config| config.to_ascii_lowercase().contains("duckdb"))
    }
}

/// The rows of a file; a line that is no row is one that cannot be understood.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let bytes = std::fs::read(path).with_context(|| format!("read `{}`", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().enumerate();
    Ok(lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| Row::of_line(index + 1, line))
        .collect())
}

/// A text that every row of its kind has.
///
/// # Errors
/// The row has none.
pub fn text<'r>(row: &'r Json, field: &str) -> Result<&'r str, Failure> {
    row[field]
        .as_str()
        .ok_or_else(|| Failure::misread(format!("the row has no text `{field}`")))
}

/// A list that every row of its kind has.
///
/// # Errors
/// The row has none.
pub fn list<'r>(row: &'r Json, field: &str) -> Result<&'r [Json], Failure> {
    let list = row[field].as_array().map(Vec::as_slice);
    list.ok_or_else(|| Failure::misread(format!("the row has no list `{field}`")))
}

/// The entries of an object that a row may have.
pub fn entries<'r>(row: &'r Json, field: &str) -> impl Iterator<Item = (&'r String, &'r Json)> {
    row[field].as_object().into_iter().flatten()
}

/// Refuses a row that says something which is not known here: it could pass for the wrong reason.
///
/// # Errors
/// A field is not among those known.
pub fn only(object: &Json, known: &[&str]) -> Result<(), Failure> {
    let fields = object.as_object().into_iter().flatten();
    let mut unknown = fields.filter(|(field, _)| !known.contains(&field.as_str()));
    match unknown.next() {
        Some((field, _)) => Err(Failure::misread(format!("`{field}` is not known"))),
        None => Ok(()),
    }
}

/// Writes the files of a row below a folder that `$TMP` stands for.
///
/// # Errors
/// A file cannot be written.
pub fn write_files(row: &Json, folder: &Path) -> Result<(), Failure> {
    for (name, content) in entries(row, "files") {
        let path = in_folder(name, folder);
        let content = content
            .as_str()
            .ok_or_else(|| Failure::misread(format!("file `{name}` has no text")))?;
        let path = Path::new(&path);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(path, in_folder(content, folder)))
            .map_err(|error| Failure::misread(format!("write `{name}`: {error}")))?;
    }
    Ok(())
}

/// A text with the folder in the place of `$TMP`.
pub fn in_folder(text: &str, folder: &Path) -> String {
    text.replace("$TMP", &folder.to_string_lossy())
}

/// A folder of the row's own.
///
/// # Errors
/// None can be made.
pub fn folder() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|error| Failure::misread(format!("make a folder: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_row_is_one_that_cannot_be_understood() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, "{\"id\":\"a:1\",\"name\":\"n\"}\n\n{broken\n7\n").expect("a file");
        let rows = read(&path).expect("the file is there");
        let ids: Vec<_> = rows.iter().map(|row| &*row.id).collect();
        assert_eq!(ids, ["a:1", "line 3", "line 4"]);
        assert!(rows[0].fields.is_ok() && rows[1].fields.is_err() && rows[2].fields.is_err());
        assert!(read(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn what_is_not_known_of_a_row_is_refused() {
        let row = serde_json::json!({"get": "content", "unless": true});
        assert!(only(&row, &["get"]).is_err());
        assert!(only(&row, &["get", "unless"]).is_ok());
    }
}
