//! `echo` and `--print-json`: the config as it is understood.

use std::path::PathBuf;
use std::process::ExitCode;

use millrace_spec::render::emit;
use millrace_spec::{LintOptions, Literal};

use super::config::{components, load_config, print_complaints};
use super::print;
use crate::args::ConfigArgs;

/// Prints the config as YAML.
pub fn echo(args: &ConfigArgs, file: Option<PathBuf>) -> ExitCode {
    show(args, file, emit::yaml)
}

/// Prints the config as JSON.
pub fn print_json(args: &ConfigArgs) -> ExitCode {
    show(args, None, |config| emit::json_pretty(config) + "\n")
}

fn show(args: &ConfigArgs, file: Option<PathBuf>, form: fn(&Literal) -> String) -> ExitCode {
    let Some(registry) = components(&args.templates) else {
        return ExitCode::FAILURE;
    };
    let loaded = load_config(args, file, LintOptions::default(), &registry);
    print_complaints(&loaded);
    match loaded.normalised() {
        Some(config) if !loaded.has_errors() => print(&form(&config)),
        _ => ExitCode::FAILURE,
    }
}
