//! The files that a pattern names, as Bento's configs write them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use glob::Pattern;
use millrace_message::Error;

/// What makes a path a pattern.
const MAGIC: [char; 3] = ['*', '?', '['];

/// The files that `pattern` names, in order.
///
/// `*`, `?` and `[a-z]` stand for parts of a name; `**` stands for any folders, and a pattern with it
/// names files alone. A path without any of them names itself, whether there is such a file or not.
///
/// # Errors
/// The pattern is malformed, or a folder cannot be read.
pub fn expand(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    if !pattern.contains(MAGIC) {
        return Ok(vec![PathBuf::from(pattern)]);
    }
    let mut segments = pattern.split("**");
    let first = segments.next().unwrap_or_default();
    let mut found = matches(first)?;
    let mut segments = segments.peekable();
    if segments.peek().is_none() {
        return Ok(found);
    }
    if first.is_empty() {
        found = vec![PathBuf::from(".")];
    }
    while let Some(segment) = segments.next() {
        let mut below = BTreeSet::new();
        for path in &found {
            walk(path, &mut below)?;
        }
        if segment.is_empty() {
            found = below.into_iter().collect();
            continue;
        }
        let mut next = BTreeSet::new();
        for path in below {
            let path = Pattern::escape(&path.to_string_lossy());
            for found in matches(&format!("{path}{segment}"))? {
                // What is found may be a folder, whose files are meant.
                let is_last = segments.peek().is_none();
                if is_last {
                    walk(&found, &mut next)?;
                } else {
                    next.insert(found);
                }
            }
        }
        found = next.into_iter().collect();
    }
    found.retain(|path| !path.is_dir());
    Ok(found)
}

/// Whether a pattern is well-formed; no folder is read.
///
/// # Errors
/// It is malformed.
pub fn check(pattern: &str) -> Result<(), Error> {
    let mut segments = pattern.split("**").filter(|it| it.contains(MAGIC));
    segments.try_for_each(|segment| {
        Pattern::new(segment)
            .map(drop)
            .map_err(|error| malformed(segment, &error))
    })
}

fn malformed(pattern: &str, error: &glob::PatternError) -> Error {
    Error::fatal(format!("pattern `{pattern}`: {error}"))
}

/// The paths that match a pattern without `**`.
fn matches(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    if pattern.is_empty() {
        return Ok(Vec::new());
    }
    let paths = glob::glob(pattern).map_err(|error| malformed(pattern, &error))?;
    paths
        .map(|path| path.map_err(|error| Error::fatal(format!("read a folder: {error}"))))
        .collect()
}

/// A path and all that is below it. Links are not followed, so that there is an end.
fn walk(path: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    let wrong = |error: std::io::Error| {
        Error::fatal(format!("read the folder `{}`: {error}", path.display()))
    };
    found.insert(path.to_owned());
    if !path.symlink_metadata().map_err(wrong)?.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(wrong)? {
        walk(&entry.map_err(wrong)?.path(), found)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [
            "a.js",
            "b.txt",
            "[c]/d.js",
            "c/d.js",
            "c/e/f.js",
            "c/e/a.js/g.js",
        ] {
            let path = folder.path().join(name);
            let parent = path.parent().expect("a file is in a folder");
            std::fs::create_dir_all(parent).expect("a folder");
            std::fs::write(path, "").expect("a file");
        }
        let paths = expand(&format!("{}/{pattern}", folder.path().display()));
        let mut names: Vec<String> = paths
            .expect("a good pattern")
            .iter()
            .map(|it| it.strip_prefix(folder.path()).expect("it is below"))
            .map(|it| it.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_malformed_pattern_is_found_without_reading_folders() {
        for pattern in ["/x/[a", "/x/**/[a"] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
        for pattern in ["/x/[a]", "/x/**", "**/*.js", "***", "/x/y", ""] {
            assert!(check(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn a_path_names_itself() {
        assert_eq!(found("a.js"), ["a.js"]);
        assert_eq!(found("absent.js"), ["absent.js"]);
    }

    #[test]
    fn a_pattern_names_what_matches() {
        assert_eq!(found("*.js"), ["a.js"]);
        assert_eq!(found("?/*.js"), ["c/d.js"]);
        assert!(found("*.absent").is_empty());
    }

    #[test]
    fn two_stars_stand_for_any_folders() {
        let all = ["[c]/d.js", "c/d.js", "c/e/a.js/g.js", "c/e/f.js"];
        assert_eq!(found("**/d.js"), ["[c]/d.js", "c/d.js"]);
        assert_eq!(
            found("**/*.js"),
            [&["[c]/d.js", "a.js"][..], &all[1..]].concat()
        );
        assert_eq!(found("c/**"), &all[1..]);
        assert_eq!(found("**/a.js"), ["a.js", "c/e/a.js/g.js"]);
    }

    #[test]
    fn a_malformed_pattern_is_an_error() {
        assert!(expand("a[").is_err());
    }
}
