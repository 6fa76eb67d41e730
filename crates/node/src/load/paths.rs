//! The files that the patterns of a command line name, and the variables that some of them hold.

use std::path::{Path, PathBuf};

use millrace_component::{files, read_text_file};
use millrace_diagnostics::Diagnostic;
use millrace_spec::codes;
use millrace_spec::env::parse_dotenv;
use millrace_spec::tree::MAX_TEXT_BYTES;

/// The files that patterns name; a pattern that names none is complained of.
pub(super) fn expand(patterns: &[String]) -> (Vec<PathBuf>, Vec<Diagnostic>) {
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for pattern in patterns {
        match expand_one(pattern) {
            Ok(found) => files.extend(found),
            Err(reason) => refused.push(Diagnostic::error(codes::UNREADABLE_FILE, reason)),
        }
    }
    (files, refused)
}

fn expand_one(pattern: &str) -> Result<Vec<PathBuf>, String> {
    if pattern.is_empty() {
        return Err("the path is empty: name a file".to_owned());
    }
    let mut found = files::expand(pattern).map_err(|error| error.to_string())?;
    // A link that leads nowhere is refused by name when it is read.
    found.retain(|path| path.symlink_metadata().is_ok());
    if !found.is_empty() {
        return Ok(found);
    }
    let reason = if pattern.contains(['*', '?', '[']) {
        "no file matches this pattern"
    } else {
        "no such file"
    };
    Err(format!("{pattern}: {reason}"))
}

/// The text of a file, which may be anything: larger than memory, or a device without an end.
///
/// # Errors
/// It cannot be read, is no regular file, too large, or no UTF-8.
pub fn read_text(path: &Path) -> Result<String, String> {
    read_text_file(path, MAX_TEXT_BYTES).map_err(|error| match dangling(path) {
        Some(target) => format!("it is a link to {}, which does not exist", target.display()),
        None => error.to_string(),
    })
}

/// Where a link leads to, if nothing is there.
pub(super) fn dangling(path: &Path) -> Option<PathBuf> {
    let target = path.read_link().ok()?;
    (!path.exists()).then_some(target)
}

/// The assignments of the files that patterns name, and what is wrong with those files.
pub fn read_env_files(patterns: &[String]) -> (Vec<(String, String)>, Vec<Diagnostic>) {
    let (files, mut refused) = expand(patterns);
    let mut assignments = Vec::new();
    for path in files {
        let text = read_text(&path);
        let read = text.and_then(|text| parse_dotenv(&text).map_err(|error| error.to_string()));
        match read {
            Ok(read) => assignments.extend(read),
            Err(error) => {
                let message = format!("read {}: {error}", path.display());
                refused.push(Diagnostic::error(codes::BAD_ENV_FILE, message));
            }
        }
    }
    (assignments, refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_refused() {
        let error = read_text(Path::new("/dev/zero")).expect_err("it has no end");
        assert_eq!(error, "it is a device, not a regular file");
        assert!(read_text(Path::new("/nowhere")).is_err());
    }
}
