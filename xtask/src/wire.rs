//! `cargo xtask wire`: writes the codec of Kafka's messages from the tables in
//! `crates/kafka-wire/tables`.

mod keys;
mod kinds;
mod metadata;
mod modules;
mod read;
mod structs;
mod values;
mod write;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use millrace_kafka_tables::{Table, read_folder};

use crate::step::succeeds;

/// Where the tables stand.
const TABLES: &str = "crates/kafka-wire/tables";
/// Where the generated files stand; `generated.rs` beside it is one of them.
const SOURCES: &str = "crates/kafka-wire/src";
/// The folders of tables, each a module.
const FOLDERS: [&str; 3] = ["api", "metadata", "records"];

/// The generated files by their paths in [`SOURCES`].
type Files = BTreeMap<PathBuf, String>;

/// The tables of one folder.
pub struct Folder {
    name: &'static str,
    tables: Vec<Table>,
}

/// Writes the files anew; true when that worked.
pub fn run(arguments: &[String]) -> Result<bool> {
    if let Some(extra) = arguments.first() {
        bail!("`wire` takes no arguments, found `{extra}`");
    }
    for path in rewrite()? {
        println!("written: {}", path.display());
    }
    Ok(true)
}

/// Writes the files anew; false, with their names, when they were not up to date.
pub fn check() -> Result<bool> {
    let changed = rewrite()?;
    for path in &changed {
        eprintln!("not up to date: {SOURCES}/{}", path.display());
    }
    if !changed.is_empty() {
        eprintln!("the files are written anew: commit them");
    }
    Ok(changed.is_empty())
}

/// Writes what differs, removes what is no longer generated, and returns the paths of it.
fn rewrite() -> Result<Vec<PathBuf>> {
    let fresh = formatted(&generate(Path::new(TABLES))?)?;
    let sources = Path::new(SOURCES);
    let mut changed = Vec::new();
    for (path, text) in &fresh {
        let target = sources.join(path);
        if fs::read_to_string(&target).ok().as_ref() == Some(text) {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&target, text).with_context(|| format!("write {}", target.display()))?;
        changed.push(path.clone());
    }
    let mut folders = vec![sources.join("generated")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !fresh.contains_key(path.strip_prefix(sources)?) {
                fs::remove_file(&path)?;
                changed.push(path.strip_prefix(sources)?.to_owned());
            }
        }
    }
    Ok(changed)
}

/// All files from the tables in a folder, not yet formatted.
fn generate(tables: &Path) -> Result<Files> {
    let mut folders = Vec::new();
    for name in FOLDERS {
        let tables = read_folder(&tables.join(name)).map_err(|error| anyhow!(error))?;
        folders.push(Folder { name, tables });
    }
    let errors = tables.join("errors.txt");
    let errors =
        fs::read_to_string(&errors).with_context(|| format!("read {}", errors.display()))?;

    let mut files = Files::new();
    let generated = Path::new("generated");
    for folder in &folders {
        for table in &folder.tables {
            let path = generated.join(folder.name).join(&table.name);
            files.insert(
                path.with_extension("rs"),
                structs::module(folder.name, table),
            );
        }
        let list = match folder.name {
            "metadata" => metadata::module(folder),
            _ => modules::list(folder),
        };
        files.insert(generated.join(folder.name).with_extension("rs"), list);
    }
    files.insert("generated.rs".into(), modules::root());
    files.insert(generated.join("api_key.rs"), keys::api_key(&folders[0])?);
    files.insert(generated.join("error_code.rs"), keys::error_code(&errors)?);
    files.insert(generated.join("kinds.rs"), kinds::list(&folders));
    Ok(files)
}

/// The files as rustfmt writes them.
fn formatted(files: &Files) -> Result<Files> {
    let folder = tempfile::tempdir().context("make a folder")?;
    for (path, text) in files {
        let path = folder.path().join(path);
        let parent = path.parent().context("a file is in a folder")?;
        fs::create_dir_all(parent)?;
        fs::write(path, text)?;
    }
    let mut rustfmt = Command::new("rustfmt");
    // It follows the modules.
    rustfmt
        .args(["--edition", "2024", "--config-path", "rustfmt.toml"])
        .arg(folder.path().join("generated.rs"));
    if !succeeds(&mut rustfmt)? {
        bail!("the generated files cannot be formatted");
    }
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(folder.path().join(path))?;
        Ok((path.clone(), text))
    };
    files.keys().map(read).collect()
}

/// The first lines of a generated file.
fn header(source: &str, about: &str) -> String {
    let source =
        format!("//! Generated by `cargo xtask wire` from `tables/{source}`; do not edit.\n");
    match about {
        "" => source,
        about => format!("{source}//!\n//! {about}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_code() {
        let tables = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(TABLES);
        let files = generate(&tables).unwrap();
        let fetch = &files[Path::new("generated/api/fetch.rs")];
        let first =
            "//! Generated by `cargo xtask wire` from `tables/api/fetch.wire`; do not edit.";
        assert_eq!(fetch.lines().next(), Some(first));
        assert!(fetch.contains("pub struct FetchRequest"));
        let keys = &files[Path::new("generated/api_key.rs")];
        assert!(keys.contains("Produce = 0"));
    }
}
