//! Files that a command writes from something else and that are committed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Texts by their paths in a folder.
pub type Files = BTreeMap<PathBuf, String>;

/// The generated files of one folder.
pub struct Generated {
    /// The command that writes them.
    pub command: &'static str,
    /// Where they stand.
    pub folder: &'static str,
    /// Whether a file there, by its path in the folder, is one of them.
    pub is_one: fn(&Path) -> bool,
    /// Makes all of them.
    pub make: fn() -> Result<Files>,
}

impl Generated {
    /// Writes the files anew; true when that worked.
    pub fn run(&self, arguments: &[String]) -> Result<bool> {
        if let Some(extra) = arguments.first() {
            bail!("`{}` takes no arguments, found `{extra}`", self.command);
        }
        for path in self.rewrite()? {
            println!("written: {}", path.display());
        }
        Ok(true)
    }

    /// Writes the files anew; false, with their names, when they were not up to date.
    pub fn check(&self) -> Result<bool> {
        let changed = self.rewrite()?;
        for path in &changed {
            eprintln!("not up to date: {}/{}", self.folder, path.display());
        }
        if !changed.is_empty() {
            eprintln!("they are written anew: commit them");
        }
        Ok(changed.is_empty())
    }

    /// Writes what differs, removes what is no longer generated, and returns the paths of it.
    fn rewrite(&self) -> Result<Vec<PathBuf>> {
        let fresh = (self.make)()?;
        let folder = Path::new(self.folder);
        let mut old = match folder.exists() {
            true => read(folder)?,
            false => Files::new(),
        };
        old.retain(|path, _| (self.is_one)(path));
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
        for path in old.keys().filter(|path| !fresh.contains_key(*path)) {
            fs::remove_file(folder.join(path))?;
            changed.push(path.clone());
        }
        Ok(changed)
    }
}

/// All files below a folder.
pub fn read(root: &Path) -> Result<Files> {
    let mut files = Files::new();
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
            files.insert(path.strip_prefix(root)?.to_owned(), text);
        }
    }
    Ok(files)
}
