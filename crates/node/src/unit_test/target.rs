//! Finds definitions, reads them, and runs their cases.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use millrace_component::Registry;
use millrace_diagnostics::{Diagnostic, Diagnostics, Position, Renderer, SourceMap, Span};
use millrace_spec::env::{Environment, InterpolatedText};
use millrace_spec::{FieldType, LintOptions, Node, Spanned, codes, tree};

use super::case::Case;
use super::conditions::Conditions;
use super::execute::run_case;
use super::provider::ConfigFile;
use super::stop::Stop;
use super::texts::Texts;
use crate::load::{Files, Loader, Main, load, read_text};
use crate::templates::refuse_template;

/// What the name of a definition file ends in, before its extension.
pub const SUFFIXES: [&str; 2] = ["_bento_test", "_millrace_test"];

/// What the name of a mapping file ends in: one can be tested without a config.
const MAPPING_EXTENSION: &str = "blobl";

/// What tests of configs may use beside the files themselves.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Patterns of files with further resources.
    pub resources: Vec<String>,
    /// Patterns of files of variables.
    pub env_files: Vec<String>,
}

/// A config and the cases that test it.
pub struct Target {
    /// The config, or the mapping file.
    pub config: PathBuf,
    cases: Vec<Spanned<Case>>,
    sources: Arc<SourceMap>,
    complaints: Vec<String>,
}

/// What became of the cases of a config.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is wrong with the config or a definition, one line each.
    pub lints: Vec<String>,
    /// How many cases were run.
    pub cases: usize,
    /// What did not hold, in the order of the cases.
    pub failures: Vec<Failure>,
    /// Whether cases were left out because the process was asked to stop.
    pub is_stopped: bool,
}

impl Report {
    /// How many cases did not hold.
    pub fn failed_cases(&self) -> usize {
        let mut cases: Vec<_> = self.failures.iter().map(|it| &it.case).collect();
        cases.dedup();
        cases.len()
    }

    /// Whether everything holds.
    pub fn is_success(&self) -> bool {
        self.lints.is_empty() && self.failures.is_empty() && !self.is_stopped
    }
}

/// Why a case fails.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The name of the case.
    pub name: String,
    /// Where the case begins.
    pub case: Place,
    /// What differs; over several lines where something is compared.
    pub reason: String,
    /// The condition that is not met.
    pub condition: Option<Place>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// Line and column.
    pub position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.position)
    }
}

/// Finds what is tested by these files, each a config or a definition, in the order of their names.
/// A file without tests is passed over.
///
/// # Errors
/// A file is missing, or the config that a definition belongs to.
pub fn find(files: &[PathBuf], registry: &Arc<Registry>) -> Result<Vec<Target>, String> {
    let mut definitions = BTreeMap::new();
    for file in files {
        let config = config_of(file);
        // What is no regular file, or a link that leads nowhere, is refused by name when it is read.
        if config.symlink_metadata().is_err() {
            let mapping = config.with_extension(MAPPING_EXTENSION);
            let (config, mapping, file) = (config.display(), mapping.display(), file.display());
            return Err(format!(
                "{file}: neither the config that it tests, {config}, nor a mapping file {mapping} \
                 exists"
            ));
        }
        let found = definitions_of(&config);
        definitions.insert(config, found);
    }
    let targets = definitions.into_iter();
    let read = |(config, definitions): (PathBuf, Vec<PathBuf>)| {
        Target::read(config, &definitions, registry).transpose()
    };
    targets.filter_map(read).collect()
}

/// The config, or the mapping file, that a file tests, or is.
fn config_of(file: &Path) -> PathBuf {
    let file: PathBuf = file
        .components()
        .filter(|it| *it != Component::CurDir)
        .collect();
    let stem = file.file_stem().and_then(|it| it.to_str()).unwrap_or("");
    let tested = SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix));
    let Some(stem) = tested else { return file };
    let config = with_stem(&file, stem);
    let mapping = config.with_extension(MAPPING_EXTENSION);
    if !config.is_file() && mapping.is_file() {
        return mapping;
    }
    config
}

/// Whether a file is a mapping, and no config.
pub(super) fn is_mapping(file: &Path) -> bool {
    file.extension().is_some_and(|it| it == MAPPING_EXTENSION)
}

/// The files beside a config or a mapping file that hold tests of it.
fn definitions_of(config: &Path) -> Vec<PathBuf> {
    let stem = config.file_stem().and_then(|it| it.to_str()).unwrap_or("");
    let forms = if is_mapping(config) {
        vec![config.with_extension("yaml"), config.with_extension("yml")]
    } else {
        vec![config.to_owned()]
    };
    let beside = forms
        .iter()
        .flat_map(|form| SUFFIXES.map(|suffix| with_stem(form, &format!("{stem}{suffix}"))));
    beside.filter(|it| it.exists()).collect()
}

fn with_stem(file: &Path, stem: &str) -> PathBuf {
    let name = match file.extension().and_then(|it| it.to_str()) {
        Some(extension) => format!("{stem}.{extension}"),
        None => stem.to_owned(),
    };
    file.with_file_name(name)
}

impl Target {
    /// Reads the tests in a config and in its definitions; `None` when there are none.
    fn read(
        config: PathBuf,
        definitions: &[PathBuf],
        registry: &Arc<Registry>,
    ) -> Result<Option<Self>, String> {
        let mut target = Self {
            config,
            cases: Vec::new(),
            sources: Arc::default(),
            complaints: Vec::new(),
        };
        let is_yaml = target.config.extension();
        let is_yaml = is_yaml.is_some_and(|it| it == "yaml" || it == "yml");
        let inline = Some(target.config.clone()).filter(|_| is_yaml);
        for (file, is_config) in definitions
            .iter()
            .map(|it| (it.clone(), false))
            .chain(inline.map(|it| (it, true)))
        {
            let text =
                read_text(&file).map_err(|error| format!("read {}: {error}", file.display()))?;
            // Of the files of a folder many are no configs, and their YAML is none of our business.
            if !is_config || may_have_tests(&text) {
                target.read_definition(&file, &text, registry);
            }
        }
        let has_tests = !target.cases.is_empty() || !target.complaints.is_empty();
        Ok(has_tests.then_some(target))
    }

    /// Reads the cases of one file. Variables in it stay as they are, as in Bento.
    fn read_definition(&mut self, file: &Path, text: &str, registry: &Arc<Registry>) {
        let mut loader = reader(&self.sources, file.parent(), registry);
        let source = self.sources.add(file.display().to_string(), text);
        let mut found = Diagnostics::new();
        let tree = tree::parse(&InterpolatedText::verbatim(text, source), &mut found);
        for diagnostic in &found {
            loader.cx.report(diagnostic.clone());
        }
        // The tests of a template are of another kind.
        let is_template = tree
            .as_ref()
            .is_some_and(|tree| refuse_template(tree, &mut loader.cx));
        let tests = tree.as_ref().filter(|_| !is_template);
        if let Some(tests) = tests.and_then(|tree| tree.get("tests")) {
            let cases = loader.cx.within("tests", |cx| match tests.as_sequence() {
                Some(items) => items
                    .iter()
                    .filter_map(|it| Spanned::read(it, cx))
                    .collect(),
                None => {
                    if !tests.is_null() {
                        cx.wrong_type(tests, "a list");
                    }
                    Vec::new()
                }
            });
            self.cases.extend(cases);
        }
        let renderer = Renderer::new(&self.sources);
        let diagnostics = loader.take_diagnostics();
        let errors = diagnostics.iter().filter(|it| is_error(it));
        self.complaints
            .extend(errors.map(|it| renderer.one_line(it)));
    }

    /// Checks the config and runs every case, until it is asked to stop.
    pub fn run(&self, settings: &Settings, registry: &Arc<Registry>, stop: &Stop) -> Report {
        let mut lints = self.complaints.clone();
        for line in self.lint(settings, registry) {
            if !lints.contains(&line) {
                lints.push(line);
            }
        }
        let mut loader = Loader::new(Arc::clone(&self.sources), LintOptions::default(), registry);
        loader.read_env_files(&settings.env_files);
        let texts = Texts::default();
        let config = ConfigFile {
            path: &self.config,
            resources: &settings.resources,
            environment: &loader.environment,
            registry,
            sources: &self.sources,
            texts: &texts,
        };
        let directory = self.config.parent().unwrap_or(Path::new(""));
        let (mut cases, mut failures) = (0, Vec::new());
        for case in &self.cases {
            let failure = |reason: String, condition: Option<Span>| Failure {
                name: case.name.clone(),
                case: self.place(case.span),
                reason,
                condition: condition.map(|span| self.place(span)),
            };
            match run_case(case, directory, &config, stop) {
                Ok(None) => break,
                Ok(Some(found)) => {
                    failures.extend(found.into_iter().map(|it| failure(it.reason, it.span)));
                }
                Err(reason) => failures.push(failure(reason, None)),
            }
            cases += 1;
        }
        Report {
            lints,
            cases,
            failures,
            is_stopped: cases < self.cases.len(),
        }
    }

    /// What is wrong with the config. Each case may set other variables, and resources may come
    /// from files that only a run names: what depends on them is left to the cases.
    fn lint(&self, settings: &Settings, registry: &Arc<Registry>) -> Vec<String> {
        if is_mapping(&self.config) {
            return Vec::new();
        }
        let files = Files {
            main: Main::File(self.config.clone()),
            resources: settings.resources.clone(),
            set: Vec::new(),
            env_files: settings.env_files.clone(),
            lint: LintOptions {
                skip_env_check: true,
                allow_not_built: true,
                ..LintOptions::default()
            },
        };
        let loaded = load(&files, registry);
        loaded.lines_of(|it| is_error(it) && it.code != codes::RESOURCE_UNKNOWN)
    }

    fn place(&self, span: Span) -> Place {
        let source = self.sources.get(span.source);
        let source = source.expect("the spans of cases are in the sources of their target");
        Place {
            file: source.name().to_owned(),
            position: source.position(span.start),
        }
    }
}

fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == millrace_diagnostics::Severity::Error
}

/// Whether a text may have the field `tests` at its root: it need not be YAML.
fn may_have_tests(text: &str) -> bool {
    let begins = |line: &str| {
        let line = line.trim_start_matches(['{', ' ', '"', '\'']);
        line.starts_with("tests") || line.contains("tests:") || line.contains("tests\":")
    };
    text.lines().any(begins)
}

fn reader(sources: &Arc<SourceMap>, directory: Option<&Path>, registry: &Arc<Registry>) -> Loader {
    let mut loader = Loader::new(Arc::clone(sources), LintOptions::default(), registry);
    loader.environment = Environment::empty();
    let mappings = millrace_bloblang::Environment::new();
    let mappings = mappings.with_directory(directory.unwrap_or(Path::new("")));
    loader.cx.set_extension(Arc::new(mappings));
    loader
}

/// Reads one case from a text.
///
/// # Errors
/// Every complaint about it, one line each.
pub fn read_case(yaml: &str, registry: &Arc<Registry>) -> Result<Case, String> {
    read_part(yaml, registry)
}

/// Reads the conditions on one message from a text.
///
/// # Errors
/// As [`read_case`].
pub fn read_conditions(yaml: &str, registry: &Arc<Registry>) -> Result<Conditions, String> {
    read_part(yaml, registry)
}

fn read_part<T: FieldType>(yaml: &str, registry: &Arc<Registry>) -> Result<T, String> {
    let sources = Arc::new(SourceMap::new());
    let mut loader = reader(&sources, None, registry);
    let source = sources.add("definition", yaml);
    let mut found = Diagnostics::new();
    let tree = tree::parse(&InterpolatedText::verbatim(yaml, source), &mut found);
    let empty = Node::empty_mapping(Span::new(source, 0, 0));
    let value = T::read(tree.as_ref().unwrap_or(&empty), &mut loader.cx);
    let complaints = loader.take_diagnostics();
    let errors = found.iter().chain(&complaints).filter(|it| is_error(it));
    let lines: Vec<_> = errors
        .map(|it| Renderer::new(&sources).one_line(it))
        .collect();
    match value {
        Some(value) if lines.is_empty() => Ok(value),
        _ => Err(lines.join("\n")),
    }
}
