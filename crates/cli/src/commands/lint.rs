//! `lint`: everything that a run would refuse, without running.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use millrace_node::{Loaded, Main};
use millrace_spec::LintOptions;

use super::complain;
use super::config::{load_config, load_main};
use crate::args::{ConfigArgs, LintArgs};

/// Checks the files named, or the config that the arguments mean.
pub fn lint(args: &ConfigArgs, paths: &[String], rules: LintArgs) -> ExitCode {
    let LintArgs {
        deprecated,
        labels,
        skip_env_var_check,
        strict,
    } = rules;
    let options = LintOptions {
        deny_deprecated: deprecated || strict,
        require_labels: labels || strict,
        skip_env_check: skip_env_var_check,
        deny_weaker_guarantees: strict,
        allow_not_built: true,
    };
    let mut files = match expand(paths) {
        Ok(files) => files,
        Err(reason) => {
            complain(&reason);
            return ExitCode::FAILURE;
        }
    };
    if !files.is_empty() {
        files.extend(args.config_file.clone());
    }
    let mut clean = true;
    if files.is_empty() {
        clean &= report(&load_config(args, None, options));
    }
    for file in files {
        if file.extension().is_none_or(|it| it != "md") {
            clean &= report(&load_config(args, Some(file), options));
            continue;
        }
        match snippets(&file) {
            Ok(snippets) => {
                for main in snippets {
                    clean &= report(&load_main(args, main, options));
                }
            }
            Err(reason) => {
                complain(&reason);
                clean = false;
            }
        }
    }
    if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints every complaint, with its place shown to people and in one line each, as Bento does, to
/// programs; true when none of them is an error.
fn report(loaded: &Loaded) -> bool {
    if std::io::stderr().is_terminal() {
        let shown = loaded.render(true);
        if !shown.trim().is_empty() {
            complain(shown.trim_end());
        }
    } else {
        loaded.lines().iter().for_each(|line| complain(line));
    }
    !loaded.diagnostics.has_errors()
}

/// The blocks of a Markdown file that begin with ```yaml, each with as many empty lines in front
/// that its complaints have the lines of the file.
fn snippets(path: &Path) -> Result<Vec<Main>, String> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("read {name}: {error}"))?;
    // The mark by which a page says that its blocks are no whole configs.
    if text.starts_with("\n# BENTO LINT DISABLE") {
        return Ok(Vec::new());
    }
    let mut snippets = Vec::new();
    let mut open: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        let fence = line.trim();
        match &mut open {
            None if fence == "```yaml" || fence.starts_with("```yaml ") => {
                open = Some("\n".repeat(number + 1));
            }
            Some(text) if fence == "```" => {
                snippets.push(Main::Text {
                    name: name.clone(),
                    text: std::mem::take(text),
                });
                open = None;
            }
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    match open {
        None => Ok(snippets),
        Some(text) => {
            let line = text.len() - text.trim_start_matches('\n').len();
            Err(format!("{name}({line},1) the block of YAML has no end"))
        }
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
