//! Finds the config that the arguments mean.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_component::Registry;
use millrace_node::{Files, Loaded, Main, Templates, load};
use millrace_spec::LintOptions;

use super::{complain, complain_styled};
use crate::args::ConfigArgs;

/// Where a config is looked for when none is named.
const DEFAULTS: [&str; 3] = [
    "/millrace.yaml",
    "/etc/millrace/config.yaml",
    "/etc/millrace.yaml",
];

/// The components of this build and of the templates that the arguments name; `None` when one of these
/// cannot be used. What is wrong with them is printed to the standard error.
pub fn components(templates: &[String]) -> Option<Arc<Registry>> {
    sound_templates(templates).map(|it| Arc::clone(it.registry()))
}

/// As [`components`], with the templates themselves.
pub fn sound_templates(templates: &[String]) -> Option<Templates> {
    let templates = Templates::read(templates);
    print_templates(&templates);
    (!templates.has_errors()).then_some(templates)
}

/// Prints every complaint about templates to the standard error, with its place shown to people and in
/// one line each to programs.
pub fn print_templates(templates: &Templates) {
    if templates.is_clean() {
        return;
    }
    if std::io::stderr().is_terminal() {
        complain_styled(templates.render(true).trim_end());
    } else {
        templates.lines().iter().for_each(|line| complain(line));
    }
}

/// Loads the config that the arguments mean.
pub fn load_config(
    args: &ConfigArgs,
    file: Option<PathBuf>,
    lint: LintOptions,
    registry: &Arc<Registry>,
) -> Loaded {
    let main = main_config(file.or_else(|| args.config_file.clone()));
    load_main(args, main, lint, registry)
}

/// Loads this main config with what the arguments add to it.
pub fn load_main(
    args: &ConfigArgs,
    main: Main,
    lint: LintOptions,
    registry: &Arc<Registry>,
) -> Loaded {
    load(&files(args, main, lint), registry)
}

/// The files that the arguments mean, with the main config found already.
pub fn files_of(args: &ConfigArgs, file: Option<PathBuf>) -> Files {
    let main = main_config(file.or_else(|| args.config_file.clone()));
    files(args, main, LintOptions::default())
}

fn files(args: &ConfigArgs, main: Main, lint: LintOptions) -> Files {
    Files {
        main,
        resources: args.resources.clone(),
        set: args.set.clone(),
        env_files: args.env_file.clone(),
        lint,
    }
}

/// Whether the arguments, or the places where a config is looked for, name one.
pub fn is_named(args: &ConfigArgs) -> bool {
    let has_parts = !args.resources.is_empty() || !args.set.is_empty();
    args.config_file.is_some() || has_parts || found_config().is_some()
}

/// The config that is taken when none is named: from the environment, or from a known place.
pub fn found_config() -> Option<Main> {
    for name in ["MILLRACE_CONFIG", "BENTO_CONFIG"] {
        if let Ok(text) = std::env::var(name) {
            return Some(Main::Text {
                name: format!("${name}"),
                text,
            });
        }
    }
    let mut places = DEFAULTS.into_iter().map(Path::new);
    let found = places.find(|path| path.exists());
    found.map(|path| Main::File(path.to_owned()))
}

fn main_config(file: Option<PathBuf>) -> Main {
    let named = file.map(Main::File);
    named.or_else(found_config).unwrap_or_default()
}

/// Prints every complaint about a config to the standard error.
pub fn print_complaints(loaded: &Loaded) {
    if !loaded.diagnostics.is_empty() {
        complain_styled(loaded.render(std::io::stderr().is_terminal()).trim_end());
    }
}
