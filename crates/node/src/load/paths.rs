//! The files that the patterns of a command line name, and the variables that some of them hold.

use std::fs::File;
use std::path::{Path, PathBuf};

use millrace_component::{files, read_whole};
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
    let mut found = files::expand(pattern).map_err(|error| error.to_string())?;
    found.retain(|path| path.exists());
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
/// It cannot be read, is too large, or no UTF-8.
pub fn read_text(path: &Path) -> Result<String, String> {
    let read = || match read_whole(File::open(path)?, MAX_TEXT_BYTES, 0)? {
        Some(bytes) => Ok(bytes),
        None => Err(std::io::Error::other(format!(
            "the file is larger than {MAX_TEXT_BYTES} bytes"
        ))),
    };
    let bytes = read().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8: the byte at offset {at}")
    })
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
        assert!(error.contains("larger than"), "{error}");
        assert!(read_text(Path::new("/nowhere")).is_err());
    }
}
