//! The processors of a config file that a case targets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_component::{
    Budget, Leftovers, ProcessorChild, Registry, check_resource_uses, resources_named,
};
use millrace_diagnostics::{Diagnostics, Renderer, SourceMap};
use millrace_spec::env::Environment;
use millrace_spec::path::{self, Schema};
use millrace_spec::{FieldType, LintOptions, Node, ReadContext, Spec, codes};
use millrace_stream::{ErrorHandling, PlacedResources, Processors};
use millrace_telemetry::{Redactor, Scope};

use super::case::Case;
use super::execute::Provide;
use super::mocks::{Places, replace_mocked};
use super::target::is_mapping;
use super::texts::{ConfigTree, Texts};
use super::used;
use crate::RootConfig;
use crate::components::services_of_tests;
use crate::load::{Loader, declared, read_text};
use crate::memory;

/// A config whose processors are tested, or a mapping file.
pub struct ConfigFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// Patterns of files with further resources.
    pub resources: &'a [String],
    /// The variables, without those of a case.
    pub environment: &'a Environment,
    /// The components.
    pub registry: &'a Arc<Registry>,
    /// The texts of the definition, which mocks stand in.
    pub sources: &'a Arc<SourceMap>,
    /// What cases have read before.
    pub texts: &'a Texts,
}

impl Provide for ConfigFile<'_> {
    fn provide(&self, case: &Case) -> Result<Processors, String> {
        if let Some(file) = self.mapping_file(case) {
            let result = self.mapping(case, &file);
            let target = file.display();
            result.map_err(|it| format!("failed to initialise Bloblang mapping '{target}': {it}"))
        } else {
            let target = &case.target_processors;
            let result = self.processors(case);
            result.map_err(|it| format!("failed to initialise processors '{target}': {it}"))
        }
    }
}

/// What is read of a config: processors, each with its path, and the resources for them.
type Target = (Vec<(String, ProcessorChild)>, PlacedResources);

impl ConfigFile<'_> {
    fn processors(&self, case: &Case) -> Result<Processors, String> {
        let (file, place) = self.place_of(&case.target_processors)?;
        let mut loader = self.loader(case);
        let mappings = self.mappings(&loader, &file);
        loader.cx.set_extension(Arc::new(mappings));
        let Some(config) = self.tree(&file, case, &mut loader) else {
            return Err(self.told(&mut loader));
        };
        let fields = RootConfig::fields();
        let schema = Schema {
            fields: &fields,
            catalog: &**self.registry,
        };
        let mut mocked = mocked(&config, case, schema)?;
        let path = if place.starts_with('/') {
            path::from_pointer(&place)?
        } else {
            let found = match &mut mocked {
                Some((tree, places)) => places.get(&place, tree, schema),
                None => config.labels(schema).get(&place).cloned(),
            };
            found.ok_or_else(|| {
                format!(
                    "target for label '{place}' failed as the label was not found in the test \
                     target file, it is not currently possible to target resources imported \
                     separate to the test file"
                )
            })?
        };
        let tree = mocked.as_ref().map(|(tree, _)| tree).or(config.root());
        let tree = tree.expect("a tree is given only when it has a root");
        let target = path::get(tree, &path)?;
        let mocks = mocked
            .as_ref()
            .map_or(&[][..], |(_, places)| places.mocks());
        let mocks = used::at(mocks, tree);
        let target = self.read(&mut loader, case, tree, &path, target, mocks);
        // Those of a mock stand nowhere in the config, from which the others are known.
        Redactor::global().add_all(loader.cx.redactor().secrets());
        match target {
            Some(target) => build(target),
            None => Err(self.told(&mut loader)),
        }
    }

    fn tree(&self, file: &Path, case: &Case, loader: &mut Loader) -> Option<Arc<ConfigTree>> {
        self.texts
            .tree(file, self.sources, case, self.environment, loader)
    }

    /// The mapping that a case targets: the one it names, or the tested file when that is one.
    fn mapping_file(&self, case: &Case) -> Option<PathBuf> {
        if !case.target_mapping.is_empty() {
            return Some(self.directory().join(&case.target_mapping));
        }
        let is_elsewhere = case.target_processors.contains('#');
        (is_mapping(self.path) && !is_elsewhere).then(|| self.path.to_owned())
    }

    fn mapping(&self, case: &Case, file: &Path) -> Result<Processors, String> {
        let name = file.display().to_string();
        let text = read_text(file).map_err(|error| format!("read {name}: {error}"))?;
        let mut loader = self.loader(case);
        let mappings = self.mappings(&loader, file);
        let source = self.sources.add(&*name, &*text);
        if let Err(errors) = millrace_bloblang::Mapping::compile(&text, &mappings) {
            for error in errors {
                let (start, end) = (error.span.start as usize, error.span.end as usize);
                let span = millrace_diagnostics::Span::new(source, start, end);
                loader
                    .cx
                    .error(codes::BAD_BLOBLANG, span, error.message)
                    .help = error.help;
            }
            return Err(self.told(&mut loader));
        }
        loader.cx.set_extension(Arc::new(mappings));
        let span = millrace_diagnostics::Span::new(source, 0, text.len());
        let literal = [("mapping".into(), millrace_spec::Literal::from(text))];
        let node = Node::from_literal(&millrace_spec::Literal::Map(literal.into()), span);
        match ProcessorChild::read(&node, &mut loader.cx) {
            Some(child) => build((vec![(String::new(), child)], PlacedResources::default())),
            None => Err(self.told(&mut loader)),
        }
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The file that a target is in, and its pointer or label there.
    fn place_of(&self, target: &str) -> Result<(PathBuf, String), String> {
        if let Some((scheme, _)) = target.split_once("://")
            && scheme != "file"
        {
            return Err(format!(
                "target processors '{target}' contains non-path scheme value"
            ));
        }
        let target = target.strip_prefix("file://").unwrap_or(target);
        let (file, place) = match target.split_once('#') {
            Some((file, place)) if !place.is_empty() && !file.is_empty() => {
                (self.directory().join(file), place)
            }
            Some(("", place)) if !place.is_empty() => (self.path.to_owned(), place),
            Some((place, _)) => (self.path.to_owned(), place),
            None => (self.path.to_owned(), target),
        };
        if place.is_empty() {
            return Err("the target is empty: give a JSON pointer or a label".to_owned());
        }
        Ok((file, place.to_owned()))
    }

    fn loader(&self, case: &Case) -> Loader {
        let lint = LintOptions {
            skip_env_check: true,
            ..LintOptions::default()
        };
        let mut loader = Loader::new(Arc::clone(self.sources), lint, self.registry);
        loader.environment = self.environment.clone();
        let own = case.environment.iter().flat_map(|it| it.0.iter().cloned());
        loader.environment.extend(own);
        loader
    }

    /// What mappings in a file can use: what lies beside it, and the variables of the case.
    fn mappings(&self, loader: &Loader, file: &Path) -> millrace_bloblang::Environment {
        let variables = loader.environment.iter();
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let directory = file.parent().unwrap_or(Path::new(""));
        millrace_bloblang::Environment::new()
            .with_directory(directory)
            .with_variables(variables)
    }

    /// Reads what is targeted and the resources it may use, and nothing else of the config: what is
    /// wrong there is not in the way of a test.
    fn read(
        &self,
        loader: &mut Loader,
        case: &Case,
        tree: &Node,
        path: &[String],
        target: &Node,
        mocks: Vec<used::Resource>,
    ) -> Option<Target> {
        let (files, is_complete) = loader.expand(self.resources);
        let further = files.iter().map(|file| self.tree(file, case, loader));
        let further = further.collect::<Option<Vec<_>>>()?;
        let further = further.iter().map(|it| it.root());
        let trees = std::iter::once(Some(tree)).chain(further);
        let trees = trees.collect::<Option<Vec<_>>>()?;
        // The target may be one of the resources, whose labels are taken.
        let mut apart = self.loader_like(loader);
        let place = path.join(".");
        let children = match target.as_sequence() {
            Some(items) => {
                let read = |(index, item): (usize, &Node)| {
                    let child = ProcessorChild::read(item, &mut apart);
                    child.map(|child| (format!("{place}.{index}"), child))
                };
                items.iter().enumerate().map(read).collect::<Vec<_>>()
            }
            None => vec![ProcessorChild::read(target, &mut apart).map(|it| (place, it))],
        };
        let named = resources_named(0, &mut apart);
        // What is secret in a mock is known once it is read, and a case may show it anyhow.
        let used = used::read(&trees, [&*named, &*mocks].concat(), &mut loader.cx);
        if let Some(used) = &used {
            let is_known = named.iter().all(|it| used.found.contains(it));
            let labels = match is_known {
                true => used.found.clone(),
                false => trees.iter().flat_map(|tree| declared(tree)).collect(),
            };
            check_resource_uses(&labels, &mut apart);
        }
        for secret in apart.redactor().secrets() {
            loader.cx.add_secret_text(secret);
        }
        for diagnostic in &apart.take_diagnostics() {
            loader.cx.report(diagnostic.clone());
        }
        let children = children.into_iter().collect::<Option<Vec<_>>>()?;
        let is_sound = is_complete && !loader.cx.diagnostics().has_errors();
        used.filter(|_| is_sound)
            .map(|used| (children, used.resources))
    }

    /// A context with the same sources and extensions, that has read nothing yet.
    fn loader_like(&self, loader: &Loader) -> ReadContext {
        let mut apart = ReadContext::new(Arc::clone(self.sources));
        apart = apart.with_options(loader.cx.options());
        apart.set_extension(Arc::clone(self.registry));
        if let Some(mappings) = loader.cx.extension::<millrace_bloblang::Environment>() {
            apart.set_extension(mappings);
        }
        apart
    }

    /// The errors that were found, one line each.
    fn told(&self, loader: &mut Loader) -> String {
        let redactor = loader.cx.redactor().clone();
        let found: Diagnostics = loader.take_diagnostics();
        let renderer = Renderer::new(self.sources).redact(redactor);
        let errors = found
            .iter()
            .filter(|it| it.severity == millrace_diagnostics::Severity::Error);
        let lines: Vec<_> = errors.map(|it| renderer.one_line(it)).collect();
        lines.join("\n")
    }
}

/// The config with the mocks of a case, and where its labels stand then; nothing when it has none.
fn mocked<'c>(
    config: &'c ConfigTree,
    case: &Case,
    schema: Schema<'_>,
) -> Result<Option<(Node, Places<'c>)>, String> {
    let has_mocks = case.mocks.as_ref().is_some_and(|it| !it.0.is_empty());
    let Some(mut tree) = config.root().filter(|_| has_mocks).cloned() else {
        return Ok(None);
    };
    let mut places = Places::of(config.labels(schema));
    replace_mocked(&mut tree, case, &mut places, schema)?;
    Ok(Some((tree, places)))
}

fn build((processors, resources): Target) -> Result<Processors, String> {
    let environment = millrace_stream::Environment {
        budget: Budget::new(memory::default_limit()),
        leftovers: Leftovers::default(),
        scope: Scope::detached(),
        services: services_of_tests(),
        error_handling: ErrorHandling::default(),
    };
    Processors::build(resources, &processors, environment).map_err(|error| error.to_string())
}
