//! The tables of Kafka's messages in `crates/kafka-wire/tables`: their notation and what they mean.
//!
//! `cargo xtask wire` makes the codec from them; the tests of the codec make random messages from
//! them. The notation is described in the README beside the tables.

mod model;
mod parse;
mod resolve;

use std::fs;
use std::path::Path;

pub use model::{Api, Field, Kind, Message, Struct, Table, Type, Versions};
pub use parse::TableError;

/// Reads all tables of one folder, sorted by name.
///
/// # Errors
/// A file cannot be read, or breaks the notation; the text names it and the line.
pub fn read_folder(folder: &Path) -> Result<Vec<Table>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut tables = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|it| it == "wire") {
            tables.push(read_file(&path)?);
        }
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

fn read_file(path: &Path) -> Result<Table, String> {
    let place = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| place(&error))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Table::parse(&name, &text).map_err(|error| place(&error))
}
