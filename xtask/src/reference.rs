//! `cargo xtask reference`: the generated pages of `docs/reference`: components, the blocks of a
//! config, Bloblang, and metrics.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::step::succeeds;
use crate::test::cargo;

/// Where the pages are.
const FOLDER: &str = "docs/reference";

/// The one page there that is written by hand.
const BY_HAND: &str = "differences.md";

/// The pages of a folder, by their paths in it.
type Pages = BTreeMap<PathBuf, String>;

/// Writes the pages anew; true when that worked.
pub fn run(arguments: &[String]) -> Result<bool> {
    if let Some(extra) = arguments.first() {
        bail!("`reference` takes no arguments, found `{extra}`");
    }
    for path in rewrite()? {
        println!("written: {}", path.display());
    }
    Ok(true)
}

/// Writes the pages anew; false, with their names, when they were not up to date.
pub fn check() -> Result<bool> {
    let changed = rewrite()?;
    for path in &changed {
        eprintln!("not up to date: {FOLDER}/{}", path.display());
    }
    if !changed.is_empty() {
        eprintln!("the pages are written anew: commit them");
    }
    Ok(changed.is_empty())
}

/// Writes what differs, and returns the paths of it.
fn rewrite() -> Result<Vec<PathBuf>> {
    let fresh = tempfile::tempdir().context("make a folder")?;
    let mut generator = cargo();
    generator
        .args([
            "run",
            "--quiet",
            "-p",
            "millrace-node",
            "--example",
            "reference",
            "--",
        ])
        .arg(fresh.path());
    if !succeeds(&mut generator)? {
        bail!("the pages cannot be generated");
    }
    let fresh = pages(fresh.path())?;
    let folder = Path::new(FOLDER);
    let old = if folder.exists() {
        pages(folder)?
    } else {
        Pages::new()
    };
    let mut changed = Vec::new();
    for (path, text) in &fresh {
        if old.get(path) != Some(text) {
            let target = folder.join(path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&target, text).with_context(|| format!("write {}", target.display()))?;
            changed.push(path.clone());
        }
    }
    let is_stale = |path: &&PathBuf| !fresh.contains_key(*path) && *path != Path::new(BY_HAND);
    for path in old.keys().filter(is_stale) {
        fs::remove_file(folder.join(path))?;
        changed.push(path.clone());
    }
    Ok(changed)
}

fn pages(root: &Path) -> Result<Pages> {
    let mut pages = Pages::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text =
                fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            pages.insert(path.strip_prefix(root)?.to_owned(), text);
        }
    }
    Ok(pages)
}
