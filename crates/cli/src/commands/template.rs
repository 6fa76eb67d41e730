//! `template`: work on templates of components.

use std::process::ExitCode;

use millrace_node::{Templates, expand_files};

use super::config::print_templates;
use super::{complain, misuse};

/// Checks template files and runs the tests in them.
pub fn lint(paths: &[String], templates: &[String]) -> ExitCode {
    if paths.is_empty() {
        return misuse(
            "nothing to lint: name files or folders, as in `millrace template lint ./templates`",
        );
    }
    let files = match expand_files(paths, &["yaml", "yml"]) {
        Ok(files) => files,
        Err(reason) => {
            complain(&reason);
            return ExitCode::FAILURE;
        }
    };
    let linted = Templates::lint(&files, templates);
    print_templates(&linted);
    if linted.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
