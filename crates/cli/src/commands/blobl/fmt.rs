//! `blobl fmt`: mapping files in their canonical form.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use millrace_bloblang::format;
use millrace_component::read_text_file;
use millrace_node::expand_files;

use super::render;
use crate::args::FmtArgs;
use crate::commands::{complain, complain_styled, plain, print};

/// The longest mapping that is read, in bytes.
const TEXT_MAX: usize = 64 << 20;

/// Formats files, or the standard input.
pub fn fmt(args: &FmtArgs) -> ExitCode {
    if args.paths.is_empty() || args.paths == ["-"] {
        return exit_code(from_stdin(args.check));
    }
    let files = match expand_files(&args.paths, &["blobl"]) {
        Ok(files) => files,
        Err(reason) => {
            complain(&reason);
            return ExitCode::FAILURE;
        }
    };
    let mut is_good = true;
    for file in files {
        is_good &= one_file(&file, args).unwrap_or_else(|reason| {
            complain_styled(reason.trim_end());
            false
        });
    }
    exit_code(Ok(is_good))
}

fn exit_code(result: Result<bool, String>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            complain_styled(reason.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Whether the standard input is in order: with `check` it has to have its form already.
fn from_stdin(check: bool) -> Result<bool, String> {
    let text = read(std::io::stdin().lock(), "the standard input")?;
    let formatted = formatted("standard input", &text)?;
    if check {
        let is_formatted = formatted == text;
        if !is_formatted {
            complain("the standard input is not formatted");
        }
        return Ok(is_formatted);
    }
    Ok(print(&formatted) == ExitCode::SUCCESS)
}

/// Whether a file is in order afterwards.
fn one_file(path: &Path, args: &FmtArgs) -> Result<bool, String> {
    let name = path.display().to_string();
    let text =
        read_text_file(path, TEXT_MAX).map_err(|error| plain(&format!("read {name}: {error}")))?;
    let formatted = formatted(&name, &text)?;
    if !args.check && !args.write {
        return Ok(print(&formatted) == ExitCode::SUCCESS);
    }
    if formatted == text {
        return Ok(true);
    }
    print(&format!("{name}\n"));
    if args.write {
        replace(path, &formatted).map_err(|error| plain(&format!("write {name}: {error}")))?;
    }
    Ok(!args.check)
}

fn read(from: impl Read, name: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = from.take(TEXT_MAX as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| plain(&format!("read {name}: {error}")))?;
    if text.len() > TEXT_MAX {
        return Err(format!("{name} is longer than {TEXT_MAX} bytes"));
    }
    Ok(text)
}

fn formatted(name: &str, text: &str) -> Result<String, String> {
    format(text).map_err(|errors| render(name, text, errors))
}

/// Replaces the content of a file as a whole: whatever happens meanwhile, it has the old one or the
/// new one.
pub(super) fn replace(path: &Path, content: &str) -> std::io::Result<()> {
    // The file that a link names is replaced, not the link.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = write_beside(&path, &beside, content);
    if written.is_err() {
        // What is left of the attempt is of no use; the first error counts.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn write_beside(path: &Path, beside: &Path, content: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::create(beside)?;
    if let Ok(earlier) = path.metadata() {
        file.set_permissions(earlier.permissions())?;
    }
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}
