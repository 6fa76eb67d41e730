//! `lint`: everything that a run would refuse by the config alone, without running.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use millrace_component::{Registry, read_text_file};
use millrace_node::{Loaded, Main, RootConfig, expand_files, without_templates};
use millrace_spec::tree::MAX_TEXT_BYTES;
use millrace_spec::{FieldSpec, LintOptions, Spec};

use super::config::{components, found_config, is_named, load_config, load_main};
use super::{complain, complain_styled, misuse};
use crate::args::{ConfigArgs, LintArgs};

/// Checks the files named, or else the config that a run would take.
pub fn lint(args: &ConfigArgs, paths: &[String], rules: LintArgs) -> ExitCode {
    let LintArgs {
        deprecated,
        labels,
        skip_env_var_check,
        strict,
    } = rules;
    let options = LintOptions {
        deny_deprecated: deprecated,
        require_labels: labels,
        skip_env_check: skip_env_var_check,
        deny_weaker_guarantees: strict,
        allow_not_built: true,
    };
    let Some(registry) = components(&args.templates) else {
        return ExitCode::FAILURE;
    };
    let linter = Linter {
        args,
        options,
        registry,
    };
    if paths.is_empty() {
        return linter.implied();
    }
    let files = expand_files(paths, &["yaml", "yml"]);
    let mut files = match files.and_then(|files| without_templates(files, &args.templates)) {
        Ok(files) => files,
        Err(reason) => {
            complain(&reason);
            return ExitCode::FAILURE;
        }
    };
    files.extend(args.config_file.clone());
    let mut clean = true;
    for file in files {
        if file.extension().is_none_or(|it| it != "md") {
            clean &= linter.file(args, file);
            continue;
        }
        match read_page(&file) {
            Ok(page) => {
                page.tell_skipped(&file);
                for main in page.configs {
                    clean &= linter.text(main);
                }
            }
            Err(reason) => {
                complain(&reason);
                clean = false;
            }
        }
    }
    exit_code(clean)
}

/// What all configs are checked with.
struct Linter<'a> {
    args: &'a ConfigArgs,
    options: LintOptions,
    registry: Arc<Registry>,
}

impl Linter<'_> {
    fn file(&self, args: &ConfigArgs, file: PathBuf) -> bool {
        report(&load_config(args, Some(file), self.options, &self.registry))
    }

    fn text(&self, main: Main) -> bool {
        report(&load_main(self.args, main, self.options, &self.registry))
    }

    /// Checks the config that a run without a command would take.
    fn implied(&self) -> ExitCode {
        let Self {
            args,
            options,
            registry,
        } = self;
        if !is_named(args) {
            return misuse(
                "nothing to lint: name files or folders, as in `millrace lint config.yaml`",
            );
        }
        if args.config_file.is_none() && found_config().is_none() && !args.resources.is_empty() {
            return self.resources();
        }
        if args.config_file.is_none()
            && let Some(found) = found_config()
        {
            let name = match &found {
                Main::File(path) => path.display().to_string(),
                Main::Text { name, .. } => name.clone(),
            };
            complain(&format!(
                "{name} note: no file is named, so this config is checked"
            ));
        }
        exit_code(report(&load_config(args, None, *options, registry)))
    }

    /// Checks files of resources that are named without a config, each as a config that has the others
    /// for its resources: whatever stands in them is checked.
    fn resources(&self) -> ExitCode {
        let files = match expand_files(&self.args.resources, &["yaml", "yml"]) {
            Ok(files) => files,
            Err(reason) => {
                complain(&reason);
                return ExitCode::FAILURE;
            }
        };
        let mut clean = true;
        for file in &files {
            let others = files.iter().filter(|it| *it != file);
            let args = ConfigArgs {
                resources: others.map(|it| it.display().to_string()).collect(),
                ..self.args.clone()
            };
            clean &= self.file(&args, file.clone());
        }
        exit_code(clean)
    }
}

fn exit_code(clean: bool) -> ExitCode {
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
            complain_styled(shown.trim_end());
        }
    } else {
        loaded.lines().iter().for_each(|line| complain(line));
    }
    !loaded.diagnostics.has_errors()
}

/// A Markdown file.
#[derive(Default)]
struct Page {
    /// Its blocks that hold a config, each with as many empty lines in front that its complaints have
    /// the lines of the file.
    configs: Vec<Main>,
    /// How many blocks of YAML hold something else.
    skipped: usize,
}

impl Page {
    fn tell_skipped(&self, path: &Path) {
        let blocks = match self.skipped {
            0 => return,
            1 => "1 block of YAML is no config".to_owned(),
            several => format!("{several} blocks of YAML are no configs"),
        };
        complain(&format!(
            "{} note: {blocks}: no field of one, such as `input`, or a `label` is at the root; not \
             checked",
            path.display()
        ));
    }
}

/// Reads the blocks of a Markdown file that begin with ```yaml.
fn read_page(path: &Path) -> Result<Page, String> {
    let name = path.display().to_string();
    let text =
        read_text_file(path, MAX_TEXT_BYTES).map_err(|error| format!("read {name}: {error}"))?;
    let mut page = Page::default();
    // The mark by which a page says that its blocks are no whole configs.
    if text.starts_with("\n# BENTO LINT DISABLE") {
        return Ok(page);
    }
    let fields = RootConfig::fields();
    let mut open: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        let fence = line.trim();
        match &mut open {
            None if fence == "```yaml" || fence.starts_with("```yaml ") => {
                open = Some("\n".repeat(number + 1));
            }
            Some(text) if fence == "```" => {
                if is_config(text, &fields) {
                    page.configs.push(Main::Text {
                        name: name.clone(),
                        text: std::mem::take(text),
                    });
                } else {
                    page.skipped += 1;
                }
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
        None => Ok(page),
        Some(text) => {
            let line = text.len() - text.trim_start_matches('\n').len();
            Err(format!("{name}({line},1) the block of YAML has no end"))
        }
    }
}

/// Whether a block has a field of a config at its root, and no label, which only components have. It
/// may have faults, so it is not parsed.
fn is_config(block: &str, fields: &[FieldSpec]) -> bool {
    let lines = || block.lines().filter(|line| !line.trim().is_empty());
    let indent = |line: &str| line.len() - line.trim_start().len();
    let root = lines().map(indent).min().unwrap_or(0);
    let keys = || {
        let at_root = lines().filter(|line| indent(line) == root);
        at_root.filter_map(|line| line.trim_start_matches([' ', '{']).split_once(':'))
    };
    let is_field = |key: &str| fields.iter().any(|field| field.name == *key.trim());
    keys().any(|(key, _)| is_field(key)) && keys().all(|(key, _)| key.trim() != "label")
}
