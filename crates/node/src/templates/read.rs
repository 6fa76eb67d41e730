//! Reading template files, and the registry that has what they define.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_bloblang::{Environment, Imported};
use millrace_component::Registry;
use millrace_diagnostics::{Diagnostic, Diagnostics, Redactor, Renderer, SourceMap};
use millrace_spec::env::InterpolatedText;
use millrace_spec::{FieldType, LintOptions, Node, ReadContext, codes, tree};

use super::definition::Definition;
use super::template::Template;
use super::trial;
use crate::expand_files;
use crate::load::read_text;

/// What the names of template files end in, in a folder of them.
const EXTENSIONS: [&str; 2] = ["yaml", "yml"];

/// What a template can be.
const KINDS: [&str; 5] = ["cache", "input", "output", "processor", "rate_limit"];

/// The files that paths, patterns and folders of templates mean.
///
/// # Errors
/// One of them means none.
pub(crate) fn template_files(patterns: &[String]) -> Result<Vec<PathBuf>, String> {
    expand_files(patterns, &EXTENSIONS)
}

/// Those of the files that no pattern of templates means.
///
/// # Errors
/// As [`template_files`].
pub fn without_templates(files: Vec<PathBuf>, patterns: &[String]) -> Result<Vec<PathBuf>, String> {
    let same = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let templates: HashSet<_> = template_files(patterns)?.iter().map(same).collect();
    let is_left = |path: &PathBuf| !templates.contains(&same(path));
    Ok(files.into_iter().filter(is_left).collect())
}

/// Whether a file is a template instead of a config, which is then an error that says so.
pub(crate) fn refuse_template(root: &Node, cx: &mut ReadContext) -> bool {
    let text = |name: &str| root.get(name).and_then(Node::text);
    let is_kind = |kind: &&str| text("type") == Some(*kind);
    let is_template =
        text("name").is_some() && text("mapping").is_some() && KINDS.iter().any(is_kind);
    if is_template {
        let message = "this is a template of a component, and no config";
        cx.error(codes::UNKNOWN_FIELD, root.span, message).help = Some(
            "`millrace template lint` checks it, and `-t` with its file or folder adds it to the \
             components, and leaves it out of the configs"
                .to_owned(),
        );
    }
    is_template
}

/// The components of this build with those of templates, and what is wrong with these.
pub struct Templates {
    registry: Arc<Registry>,
    /// The environments of their mappings, a file each.
    environments: Vec<Environment>,
    diagnostics: Diagnostics,
    sources: Arc<SourceMap>,
    redactor: Redactor,
}

impl Templates {
    /// Reads the templates of these files, patterns and folders.
    pub fn read(patterns: &[String]) -> Self {
        let mut reader = Reader::new(LintOptions::default());
        reader.add_all(patterns);
        reader.finish()
    }

    /// Checks these files, and tries the tests in them. What they make may use each other, and the
    /// templates of the patterns.
    pub fn lint(files: &[PathBuf], patterns: &[String]) -> Self {
        let mut reader = Reader::new(LintOptions {
            allow_not_built: true,
            ..LintOptions::default()
        });
        reader.add_all(patterns);
        let read: Vec<_> = files.iter().filter_map(|it| reader.file(it)).collect();
        for file in &read {
            let kind = file.definition.component().kind;
            let name = &file.definition.name;
            // Files that are checked together need not be used together: two may have one name.
            if reader.registry.template(kind, name).is_none() {
                reader.add(file);
            }
        }
        let registry = Arc::new(reader.registry.clone());
        for file in &read {
            reader.trials(file, &registry);
        }
        reader.finish()
    }

    /// The components of this build, and those of the templates that could be read.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The files that the mappings of the templates import, as they were read.
    pub(crate) fn imported(&self) -> Imported {
        let mut imported = Imported::default();
        for environment in &self.environments {
            imported.extend(environment.imported());
        }
        imported
    }

    /// Whether there is nothing to say.
    pub fn is_clean(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether a template cannot be used, or a test of it does not hold.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.has_errors()
    }

    /// The complaints as a person reads them: place, quoted line, caret, help.
    pub fn render(&self, colour: bool) -> String {
        let renderer = Renderer::new(&self.sources).redact(self.redactor.clone());
        renderer.colour(colour).render_all(&self.diagnostics)
    }

    /// The complaints, one line each: `path(line,col) message`.
    pub fn lines(&self) -> Vec<String> {
        let renderer = Renderer::new(&self.sources).redact(self.redactor.clone());
        renderer.lines(self.diagnostics.iter())
    }
}

/// A template with the definition that it comes from.
struct File {
    definition: Definition,
    template: Arc<Template>,
    environment: Environment,
}

struct Reader {
    options: LintOptions,
    registry: Registry,
    environments: Vec<Environment>,
    sources: Arc<SourceMap>,
    diagnostics: Diagnostics,
    redactor: Redactor,
}

impl Reader {
    fn new(options: LintOptions) -> Self {
        Self {
            options,
            registry: crate::registry(),
            environments: Vec::new(),
            sources: Arc::new(SourceMap::new()),
            diagnostics: Diagnostics::new(),
            redactor: Redactor::new(),
        }
    }

    fn finish(mut self) -> Templates {
        self.diagnostics.sort();
        Templates {
            registry: Arc::new(self.registry),
            environments: self.environments,
            diagnostics: self.diagnostics,
            sources: self.sources,
            redactor: self.redactor,
        }
    }

    /// Adds what the files define that patterns name.
    fn add_all(&mut self, patterns: &[String]) {
        let files = match template_files(patterns) {
            Ok(files) => files,
            Err(reason) => return self.refuse(format!("templates: {reason}")),
        };
        for file in files {
            if let Some(read) = self.file(&file) {
                self.add(&read);
            }
        }
    }

    fn add(&mut self, file: &File) {
        if self.registry.add_template(Arc::clone(&file.template) as _) {
            return;
        }
        let name = &file.definition.name;
        let kind = file.definition.component().kind;
        let is_template = self.registry.template(kind, name).is_some();
        let whose = if is_template {
            "another template"
        } else {
            "a component of this build"
        };
        let message = format!("{kind} {} is the name of {whose}", name.value);
        let complaint = Diagnostic::error(codes::CONFLICT, message).at(name.span);
        self.diagnostics.push(complaint.help("choose another name"));
    }

    fn refuse(&mut self, message: String) {
        let complaint = Diagnostic::error(codes::UNREADABLE_FILE, message);
        self.diagnostics.push(complaint);
    }

    /// Reads one file; variables in it stay as they are, as in Bento.
    fn file(&mut self, path: &Path) -> Option<File> {
        let name = path.display().to_string();
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) => {
                self.refuse(format!("read {name}: {error}"));
                return None;
            }
        };
        let source = self.sources.add(name, &*text);
        let mut environment = Environment::new();
        if let Some(folder) = path.parent() {
            environment = environment.with_directory(folder);
        }
        self.environments.push(environment.clone());
        let mut cx = ReadContext::new(Arc::clone(&self.sources)).with_options(self.options);
        cx.set_extension(Arc::new(environment.clone()));
        let text = InterpolatedText::verbatim(&text, source);
        let node = tree::parse(&text, &mut self.diagnostics);
        let definition = node.and_then(|node| Definition::read(&node, &mut cx));
        let (template, failed) = cx.errors_in(|cx| {
            let definition = definition.as_ref()?;
            Some(Template::new(definition, &environment, cx))
        });
        self.take(&mut cx, |message| message);
        let (definition, template) = definition.zip(template.filter(|_| !failed))?;
        Some(File {
            definition,
            template: Arc::new(template),
            environment,
        })
    }

    fn trials(&mut self, file: &File, registry: &Arc<Registry>) {
        for test in &file.definition.tests {
            let mut cx = ReadContext::new(Arc::clone(&self.sources)).with_options(self.options);
            cx.set_extension(Arc::new(file.environment.clone()));
            cx.set_extension(Arc::clone(registry));
            trial::run(test, &file.template, &mut cx);
            self.take(&mut cx, |message| {
                format!("test `{}`: {message}", test.name)
            });
        }
    }

    /// Takes over what was found, and what is secret.
    fn take(&mut self, cx: &mut ReadContext, message: impl Fn(String) -> String) {
        for mut diagnostic in cx.take_diagnostics() {
            diagnostic.message = message(diagnostic.message);
            self.diagnostics.push(diagnostic);
        }
        self.redactor
            .extend(cx.redactor().secrets().map(str::to_owned));
    }
}
