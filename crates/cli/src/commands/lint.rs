//! `lint`: everything that a run would refuse, without running.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use millrace_spec::LintOptions;

use super::complain;
use super::config::load_config;
use crate::args::ConfigArgs;

/// Checks the files named, or the config that the arguments mean.
pub fn lint(args: &ConfigArgs, paths: &[String], options: LintOptions) -> ExitCode {
    let files = match expand(paths) {
        Ok(files) => files,
        Err(reason) => {
            complain(&reason);
            return ExitCode::FAILURE;
        }
    };
    let mut clean = true;
    let mut check = |file: Option<PathBuf>| {
        let loaded = load_config(args, file, options);
        loaded.lines().iter().for_each(|line| complain(line));
        clean &= !loaded.diagnostics.has_errors();
    };
    if files.is_empty() {
        check(None);
    }
    files.into_iter().for_each(|file| check(Some(file)));
    if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn expand(paths: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        if let Some(folder) = path.strip_suffix("/...") {
            walk(Path::new(folder), &mut files)?;
            continue;
        }
        let before = files.len();
        let found = glob::glob(path).map_err(|error| format!("{path}: {error}"))?;
        files.extend(found.filter_map(Result::ok));
        if files.len() == before {
            return Err(format!("{path}: no such file"));
        }
    }
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|it| it == "yaml" || it == "yml")
        {
            files.push(path);
        }
    }
    Ok(())
}
