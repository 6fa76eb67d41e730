//! The files that paths, patterns and folders mean.

use std::path::{Path, PathBuf};

/// The files that paths, patterns and folders stand for. Of the files below a folder those are meant
/// that have one of the extensions, and are neither in a hidden folder, such as `.git`, nor behind a
/// link to a folder.
///
/// # Errors
/// A path stands for nothing.
pub fn expand_files(paths: &[String], extensions: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_empty() {
            return Err("the path is empty: name a file or a folder".to_owned());
        }
        let before = files.len();
        let folder = match path.strip_suffix("...") {
            Some("") => Some("."),
            Some(folder) => folder.strip_suffix('/'),
            None => Some(&**path).filter(|path| Path::new(path).is_dir()),
        };
        if let Some(folder) = folder {
            walk(Path::new(folder), extensions, &mut files)?;
            if files.len() == before {
                let wanted: Vec<_> = extensions.iter().map(|it| format!(".{it}")).collect();
                let wanted = wanted.join(" or ");
                return Err(format!("{path}: no {wanted} file is below this folder"));
            }
            continue;
        }
        let found = millrace_component::files::expand(path).map_err(|error| error.to_string())?;
        // What is no regular file, or a link that leads nowhere, is refused by name when it is read.
        let exists = |path: &PathBuf| path.symlink_metadata().is_ok() && !path.is_dir();
        files.extend(found.into_iter().filter(exists));
        if files.len() == before {
            return Err(format!("{path}: no such file"));
        }
    }
    Ok(files)
}

fn walk(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        let extension = path.extension().and_then(|it| it.to_str());
        if path.is_dir() {
            // A link to a folder may lead to one that it is in.
            if !is_hidden(&path) && !path.is_symlink() {
                walk(&path, extensions, files)?;
            }
        } else if extension.is_some_and(|it| extensions.contains(&it)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a folder is none of those that people keep their own files in.
fn is_hidden(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|it| it.to_str());
    name.is_some_and(|it| it.starts_with('.'))
}
