//! From files to a checked config: variables, YAML, `--set`, and every complaint at once.

mod paths;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_bloblang::Imported;
use millrace_component::{MappingCaches, Registry, check_resource_uses};
use millrace_components_http::service::check_endpoint_uses;
use millrace_components_kafka::{check_log_uses, check_written_topics};
use millrace_diagnostics::{Diagnostic, Diagnostics, Renderer, SourceMap, Span, did_you_mean};
use millrace_spec::env::{EnvUse, EnvUses, Environment, InterpolatedText, Unset, interpolate};
use millrace_spec::path::Schema;
use millrace_spec::render::normalise;
use millrace_spec::{
    ComponentKind, FieldType, LintOptions, Literal, Node, ReadContext, Resolved, Spec, Value,
    codes, set, tree,
};
use millrace_stream::ResourcesConfig;
use millrace_telemetry::Redactor;

use crate::templates::refuse_template;
use crate::{RootConfig, strict, surface};

pub use paths::read_env_files;
pub(crate) use paths::read_text;

/// Among how many files beside a missing one its name is looked for.
const NEIGHBOURS_MAX: usize = 1000;

/// Which texts make up a config.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The main config: a path, or a text with the name that errors show.
    pub main: Main,
    /// Patterns of files that hold further resources.
    pub resources: Vec<String>,
    /// Assignments of single fields, `path=value`.
    pub set: Vec<String>,
    /// Files of variables, read before the config.
    pub env_files: Vec<String>,
    /// How strict the check is.
    pub lint: LintOptions,
}

/// The main config.
#[derive(Clone, Debug)]
pub enum Main {
    /// A file.
    File(PathBuf),
    /// A text, and the name that errors show.
    Text { name: String, text: String },
}

impl Default for Main {
    fn default() -> Self {
        Self::Text {
            name: "(empty)".to_owned(),
            text: String::new(),
        }
    }
}

/// A config that was read, with everything there is to say about it.
pub struct Loaded {
    /// The config; absent when there are errors.
    pub config: Option<RootConfig>,
    /// Every complaint, in the order of the files.
    pub diagnostics: Diagnostics,
    /// What the main config is made of, as its file has it and as it is used.
    pub(crate) blocks: Blocks,
    /// The files that its mappings import, as they were read.
    pub(crate) imported: Imported,
    tree: Option<Node>,
    registry: Arc<Registry>,
    sources: Arc<SourceMap>,
    redactor: millrace_diagnostics::Redactor,
    secret_places: Vec<Span>,
    secret_texts: Vec<Span>,
}

/// What a main config is made of, by which one that was cut off is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Blocks {
    /// The file says nothing.
    pub(crate) is_empty: bool,
    /// There is an `input`, of the file or of `--set`.
    pub(crate) input: bool,
    /// There is an `output`, of the file or of `--set`.
    pub(crate) output: bool,
}

impl Blocks {
    /// What this one lacks of what the one that runs has.
    pub(crate) fn lacks(self, running: Self) -> Option<&'static str> {
        if self.is_empty && !running.is_empty {
            return Some("it is empty");
        }
        match (running.input && !self.input, running.output && !self.output) {
            (true, true) => Some("it has no `input` and no `output` any more"),
            (true, false) => Some("it has no `input` any more"),
            (false, true) => Some("it has no `output` any more"),
            (false, false) => None,
        }
    }
}

impl Loaded {
    /// Whether something forbids to run it.
    pub fn has_errors(&self) -> bool {
        self.config.is_none() || self.diagnostics.has_errors()
    }

    /// The complaints as a person reads them: place, quoted line, caret, help.
    pub fn render(&self, colour: bool) -> String {
        Renderer::new(&self.sources)
            .redact(self.redactor.clone())
            .hide(&self.secret_texts)
            .colour(colour)
            .render_all(&self.diagnostics)
    }

    /// The complaints, one line each, `path(line,col) message`; of very many the first ones.
    pub fn lines(&self) -> Vec<String> {
        self.lines_of(|_| true)
    }

    /// As [`Loaded::lines`], of those complaints alone for which `told` holds.
    pub fn lines_of(&self, told: impl Fn(&Diagnostic) -> bool) -> Vec<String> {
        let renderer = Renderer::new(&self.sources).redact(self.redactor.clone());
        renderer.lines(self.diagnostics.iter().filter(|it| told(it)))
    }

    /// A complaint about a field that shows only when the config runs: with its place, where the
    /// config has the field.
    pub fn late(&self, path: &[&str], message: &str) -> Diagnostic {
        let root = self.tree.as_ref();
        let node = root.and_then(|root| path.iter().try_fold(root, |node, name| node.get(name)));
        let complaint = Diagnostic::error(codes::CANNOT_START, message);
        match node {
            Some(node) => complaint.at(node.span),
            None => {
                let path = path.join(".");
                complaint.help(format!(
                    "the config does not set `{path}`: set it, or use `-s {path}=…`"
                ))
            }
        }
    }

    /// A complaint as a person reads it.
    pub fn show(&self, complaint: &Diagnostic, colour: bool) -> String {
        let renderer = Renderer::new(&self.sources).redact(self.redactor.clone());
        let renderer = renderer.hide(&self.secret_texts);
        renderer.colour(colour).render(complaint)
    }

    /// A complaint on one line: `path(line,col) message`.
    pub fn line(&self, complaint: &Diagnostic) -> String {
        let renderer = Renderer::new(&self.sources).redact(self.redactor.clone());
        renderer.one_line(complaint)
    }

    /// The config with defaults filled in and secrets scrubbed, as it is echoed.
    pub fn normalised(&self) -> Option<Literal> {
        let fields = RootConfig::fields();
        let schema = Schema {
            fields: &fields,
            catalog: &*self.registry,
        };
        let mut tree = self.tree.clone()?;
        // The field of a template is not known to be secret, but what its text becomes is.
        scrub(&mut tree, &self.secret_places);
        let mut config = normalise::config(&tree, schema);
        // A secret may stand in other fields too, such as the text of a log line.
        let known = Redactor::new();
        known.add_all(self.redactor.secrets());
        config.change_strings(&|text| {
            let is_open = text != normalise::SCRUBBED;
            is_open.then(|| known.mask_known(text, normalise::SCRUBBED))?
        });
        Some(config)
    }
}

/// Replaces the texts that stand where secrets were read.
fn scrub(node: &mut Node, secret: &[Span]) {
    match &mut node.value {
        Value::Sequence(items) => {
            let items = Arc::make_mut(items).iter_mut();
            items.for_each(|it| scrub(it, secret));
        }
        Value::Mapping(map) => {
            let entries = Arc::make_mut(&mut map.entries).iter_mut();
            let values = entries.map(|it| &mut it.value);
            values.for_each(|it| scrub(it, secret));
        }
        Value::Scalar(scalar) => {
            let is_empty = scalar.text.is_empty() || scalar.resolved == Resolved::Null;
            if !is_empty && secret.contains(&node.span) {
                *node = Node::string(normalise::SCRUBBED, node.span);
            }
        }
    }
}

/// A text as it may be shown: without the secrets of the configs that were read.
pub fn without_secrets(text: &str) -> String {
    Redactor::global().redact(text).into_owned()
}

/// Reads and checks a config, without touching the network.
///
/// What is secret in it is kept out of the logs, errors and traces of this process from then on.
pub fn load(files: &Files, registry: &Arc<Registry>) -> Loaded {
    let mut loader = Loader::new(Arc::new(SourceMap::new()), files.lint, registry);
    if !loader.read_env_files(&files.env_files) {
        // Without its variables the config has many faults that are only consequences.
        return loader.refused(registry);
    }
    let mut main = loader.read_main(files);
    if let Some(tree) = &main
        && refuse_template(tree, &mut loader.cx)
    {
        return loader.refused(registry);
    }
    let mut blocks = Blocks::default();
    if let Some(tree) = &mut main {
        blocks.is_empty =
            matches!(&tree.value, Value::Mapping(blocks) if blocks.entries.is_empty());
        loader.apply_overrides(tree, &files.set, registry);
        let has = |name| tree.get(name).is_some_and(|it| !it.is_null());
        (blocks.input, blocks.output) = (has("input"), has("output"));
    }
    let config = main.as_ref().and_then(|tree| {
        let directory = match &files.main {
            Main::File(path) => path.parent().map(Path::to_owned),
            Main::Text { .. } => None,
        };
        loader.share_mappings(directory);
        loader.cx.within("root", |cx| RootConfig::read(tree, cx))
    });
    let mappings = loader.cx.extension::<millrace_bloblang::Environment>();
    if let (Some(config), Some(mappings)) = (&config, &mappings) {
        mappings.set_allowance(config.mapping_limits.allowance());
    }
    if let Some(config) = &config {
        check_endpoint_uses(&config.http, &surface::PATHS, &mut loader.cx);
        check_log_uses(config.log.is_some(), &mut loader.cx);
    }
    let config = loader.with_resources(main.as_ref(), config, &files.resources);
    check_written_topics(&mut loader.cx);
    if files.lint.deny_weaker_guarantees
        && let Some(tree) = &main
    {
        strict::check(tree, registry, &mut loader.cx);
    }
    Redactor::global().add_all(loader.cx.redactor().secrets());
    let diagnostics = loader.take_diagnostics();
    let config = config.filter(|_| !diagnostics.has_errors());
    Loaded {
        config,
        diagnostics,
        blocks,
        imported: mappings.map(|it| it.imported()).unwrap_or_default(),
        tree: main,
        registry: Arc::clone(registry),
        sources: loader.sources,
        redactor: loader.cx.redactor().clone(),
        secret_places: loader.cx.secret_places().to_vec(),
        secret_texts: loader.cx.secret_texts().to_vec(),
    }
}

/// Reads the texts of a config.
pub(crate) struct Loader {
    pub(crate) cx: ReadContext,
    /// What `${…}` stands for.
    pub(crate) environment: Environment,
    unset: Unset,
    sources: Arc<SourceMap>,
}

/// A text that was read as YAML.
pub(crate) struct ParsedText {
    /// What it says, if that can be understood.
    pub(crate) tree: Option<Node>,
    /// It says nothing: there are comments in it at the most.
    is_void: bool,
    uses: EnvUses,
    missing: Vec<EnvUse>,
    missing_complaint: Option<Diagnostic>,
    complaints: Diagnostics,
}

impl ParsedText {
    pub(crate) fn of(interpolated: InterpolatedText) -> Self {
        let mut complaints = Diagnostics::new();
        let tree = tree::parse(&interpolated, &mut complaints);
        let is_void = tree.as_ref().is_some_and(Node::is_null);
        let tree = tree.map(|tree| match tree.is_null() {
            true => Node::empty_mapping(tree.span),
            false => tree,
        });
        Self {
            tree,
            is_void,
            missing_complaint: interpolated.missing_diagnostic(),
            uses: interpolated.uses,
            missing: interpolated.missing,
            complaints,
        }
    }

    /// Whether the text has a place for this variable.
    pub(crate) fn has_variable(&self, name: &str) -> bool {
        self.uses
            .iter()
            .chain(&self.missing)
            .any(|it| it.name == name)
    }
}

impl Loader {
    /// A loader with the variables of the process, that adds the texts it reads to `sources`.
    pub(crate) fn new(
        sources: Arc<SourceMap>,
        lint: LintOptions,
        registry: &Arc<Registry>,
    ) -> Self {
        let mut cx = ReadContext::new(Arc::clone(&sources)).with_options(lint);
        cx.set_extension(Arc::clone(registry));
        Self {
            cx,
            environment: Environment::of_process(),
            unset: Unset::default(),
            sources,
        }
    }

    /// What was found so far, without what unset variables explain.
    pub(crate) fn take_diagnostics(&mut self) -> Diagnostics {
        let found = self.cx.take_diagnostics().into_iter();
        let mut found: Diagnostics = found
            .filter(|it| !self.unset.explains(it, &self.sources))
            .collect();
        found.sort();
        found
    }

    /// What was loaded when there is no use in reading the config.
    fn refused(mut self, registry: &Arc<Registry>) -> Loaded {
        Loaded {
            config: None,
            diagnostics: self.take_diagnostics(),
            blocks: Blocks::default(),
            imported: Imported::default(),
            tree: None,
            registry: Arc::clone(registry),
            redactor: self.cx.redactor().clone(),
            secret_places: Vec::new(),
            secret_texts: Vec::new(),
            sources: self.sources,
        }
    }

    /// What all mappings of the config have in common: counters, caches, where relative paths begin.
    fn share_mappings(&mut self, directory: Option<PathBuf>) {
        let caches = Arc::new(MappingCaches::default());
        self.cx.set_extension(Arc::clone(&caches));
        let mut environment = millrace_bloblang::Environment::new().with_caches(caches);
        if let Some(directory) = directory {
            environment = environment.with_directory(directory);
        }
        self.cx.set_extension(Arc::new(environment));
    }

    /// Adds the variables of files; false when one of them cannot be used, which is reported.
    pub(crate) fn read_env_files(&mut self, patterns: &[String]) -> bool {
        let (assignments, refused) = read_env_files(patterns);
        self.environment.extend(assignments);
        self.report_all(refused)
    }

    /// The files that patterns name, and whether each pattern names some; else that is reported.
    pub(crate) fn expand(&mut self, patterns: &[String]) -> (Vec<PathBuf>, bool) {
        let (files, refused) = paths::expand(patterns);
        (files, self.report_all(refused))
    }

    /// Whether there was nothing to report.
    fn report_all(&mut self, refused: Vec<Diagnostic>) -> bool {
        let nothing = refused.is_empty();
        for diagnostic in refused {
            self.cx.report(diagnostic);
        }
        nothing
    }

    fn read_main(&mut self, files: &Files) -> Option<Node> {
        let parsed = match &files.main {
            Main::File(path) => self.read_file(path)?,
            Main::Text { name, text } => return self.parse(name, text).tree,
        };
        if parsed.is_void && files.set.is_empty() {
            self.refuse_void(parsed.tree.as_ref());
        }
        parsed.tree
    }

    /// Complains of a config that says nothing: a file that was cut off looks like that.
    fn refuse_void(&mut self, tree: Option<&Node>) {
        let mut complaint = Diagnostic::error(codes::MISSING_FIELD, "the config is empty");
        complaint.span = tree.map(|it| it.span);
        complaint.help = Some(
            "give it an `input` and an `output`, as `millrace create` writes them; `{}` stands for \
             the defaults, stdin to stdout"
                .to_owned(),
        );
        self.cx.report(complaint);
    }

    fn read_file(&mut self, path: &Path) -> Option<ParsedText> {
        let name = path.display().to_string();
        match read_text(path) {
            Ok(text) => Some(self.parse(&name, &text)),
            Err(error) => {
                self.refuse_file(path, &error);
                None
            }
        }
    }

    /// Complains of a file that cannot be read.
    pub(crate) fn refuse_file(&mut self, path: &Path, reason: &impl std::fmt::Display) {
        let message = format!("read {}: {reason}", path.display());
        let mut complaint = Diagnostic::error(codes::UNREADABLE_FILE, message);
        complaint.help = remedy(path);
        self.cx.report(complaint);
    }

    fn parse(&mut self, name: &str, text: &str) -> ParsedText {
        let source = self.sources.add(name, text);
        let parsed = ParsedText::of(interpolate(text, source, &self.environment));
        self.note(&parsed);
        parsed
    }

    /// Takes over what there is to tell of a text, and which variables went into it.
    pub(crate) fn note(&mut self, parsed: &ParsedText) {
        let missing = parsed.missing_complaint.as_ref();
        if let Some(missing) = missing.filter(|_| !self.cx.options().skip_env_check) {
            self.cx.report(missing.clone());
        }
        self.cx.add_env(parsed.uses.clone());
        for diagnostic in &parsed.complaints {
            self.cx.report(diagnostic.clone());
        }
        if let Some(tree) = &parsed.tree
            && !parsed.missing.is_empty()
        {
            self.unset.note(&parsed.missing, tree, &self.sources);
        }
    }

    fn apply_overrides(&mut self, tree: &mut Node, overrides: &[String], registry: &Registry) {
        let fields = RootConfig::fields();
        let schema = Schema {
            fields: &fields,
            catalog: registry,
        };
        for expression in overrides {
            if let Err(refused) = set::apply(tree, expression, schema, &self.sources) {
                for diagnostic in &refused {
                    self.cx.report(diagnostic.clone());
                }
            }
        }
    }

    /// Adds the resources of further files, and checks that every resource named is declared.
    fn with_resources(
        &mut self,
        main: Option<&Node>,
        mut config: Option<RootConfig>,
        patterns: &[String],
    ) -> Option<RootConfig> {
        let mut labels = main.map(declared).unwrap_or_default();
        let (paths, mut is_all_known) = self.expand(patterns);
        let mut more = ResourcesConfig::default();
        let mut complete = is_all_known;
        for path in paths {
            let Some(tree) = self.read_file(&path).and_then(|it| it.tree) else {
                is_all_known = false;
                continue;
            };
            labels.extend(declared(&tree));
            let read = self
                .cx
                .within("root", |cx| ResourcesConfig::read(&tree, cx));
            match read {
                Some(read) => more.extend(read),
                None => complete = false,
            }
        }
        // What a file declares that cannot be read is not known.
        if is_all_known {
            check_resource_uses(&labels, &mut self.cx);
        }
        if let Some(config) = &mut config {
            config.stream.resources.extend(more);
        }
        config.filter(|_| complete && is_all_known)
    }
}

/// What to do about a config that cannot be read.
fn remedy(path: &Path) -> Option<String> {
    if path.is_dir() {
        let help = "name one config in this folder; `lint` and `test` take whole folders";
        return Some(help.to_owned());
    }
    if path.exists() {
        return None;
    }
    if paths::dangling(path).is_some() {
        return Some("let the link lead to a file, or name another one".to_owned());
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let beside = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names: Vec<String> = beside
        .take(NEIGHBOURS_MAX)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .collect();
    let name = path.file_name()?.to_str()?;
    let near = did_you_mean(name, names.iter().map(String::as_str));
    near.or_else(|| Some("name a file that exists".to_owned()))
}

/// The labels of the resources that a config declares, whatever else is wrong with it.
pub(crate) fn declared(config: &Node) -> Vec<(ComponentKind, String)> {
    let kinds = [
        ComponentKind::Input,
        ComponentKind::Processor,
        ComponentKind::Output,
        ComponentKind::Cache,
        ComponentKind::RateLimit,
    ];
    let mut labels = Vec::new();
    for kind in kinds {
        let list = config.get(&format!("{kind}_resources"));
        for item in list.and_then(Node::as_sequence).into_iter().flatten() {
            if let Some(label) = item.get("label").and_then(Node::text) {
                labels.push((kind, label.to_owned()));
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests;
