//! Components of this build, read and built as rows ask for them.

use std::sync::{Arc, OnceLock};

use millrace_bloblang::Environment;
use millrace_component::conformance::Workbench;
use millrace_component::{
    BuildContext, BuiltProcessor, Engine, MappingCaches, ProcessorChild, Registry, Services,
};
use millrace_components_pure::Limiters;
use millrace_node::{Files, Main};
use millrace_spec::diagnostics::{
    Code, Diagnostic, Diagnostics, Renderer, Severity, SourceMap, Span,
};
use millrace_spec::env::InterpolatedText;
use millrace_spec::{FieldType, LintOptions, Node, ReadContext, Value, codes, tree};
use serde_json::Value as Json;

use crate::verdict::{Failure, Pass, Verdict};

/// What a documented snippet leaves to its reader.
const LEFT_OPEN: [Code; 2] = [codes::MISSING_ENV_VAR, codes::RESOURCE_UNKNOWN];

/// The components of this build.
pub fn registry() -> Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    Arc::clone(REGISTRY.get_or_init(|| Arc::new(millrace_node::registry())))
}

/// How strict rows are read: what is known and not built is checked, too.
fn rules() -> LintOptions {
    LintOptions {
        allow_not_built: true,
        ..LintOptions::default()
    }
}

/// What was read from the config of a component, and what lint says of it.
pub struct Read<T> {
    /// The config; absent when it cannot be built.
    pub value: Option<T>,
    /// What is wrong with it.
    pub errors: Vec<Diagnostic>,
    /// Whether all components in it are in this build.
    pub is_built: bool,
    sources: Arc<SourceMap>,
}

impl<T> Read<T> {
    fn new(value: Option<T>, diagnostics: &Diagnostics, sources: Arc<SourceMap>) -> Self {
        let is_error = |it: &&Diagnostic| it.severity == Severity::Error;
        Self {
            value,
            errors: diagnostics.iter().filter(is_error).cloned().collect(),
            is_built: diagnostics
                .iter()
                .all(|it| it.code != codes::COMPONENT_NOT_BUILT),
            sources,
        }
    }

    /// The errors, one a line: `(line,col) message`.
    pub fn lines(&self) -> Vec<String> {
        let renderer = Renderer::new(&self.sources);
        let lines = self.errors.iter().map(|it| renderer.one_line(it));
        lines
            .map(|line| line.trim_start_matches("config.yaml").to_owned())
            .collect()
    }
}

/// Reads what stands at the root of a text.
pub fn read<T: FieldType>(yaml: &str, environment: Environment) -> Read<T> {
    let text = Text::new(yaml);
    text.read(text.node.as_ref(), environment)
}

/// As [`read`], without the fields that nothing knows, which Bento passes over where it builds a
/// component without linting it.
pub fn read_unlinted<T: FieldType>(yaml: &str, environment: Environment) -> Read<T> {
    let text = Text::new(yaml);
    let linted: Read<T> = text.read(text.node.as_ref(), environment.clone());
    let unknown = linted.errors.iter();
    let unknown = unknown.filter(|it| it.code == codes::UNKNOWN_FIELD);
    let unknown: Vec<Span> = unknown.filter_map(|it| it.span).collect();
    let known = text.node.clone().map(|node| without(node, &unknown));
    text.read(known.as_ref(), environment)
}

/// A node without the entries whose keys stand at these places.
fn without(mut node: Node, keys: &[Span]) -> Node {
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => {
            for item in Arc::make_mut(items) {
                *item = without(item.clone(), keys);
            }
        }
        Value::Mapping(mapping) => {
            let entries = Arc::make_mut(&mut mapping.entries);
            entries.retain(|it| !keys.contains(&it.key_span));
            for entry in entries {
                entry.value = without(entry.value.clone(), keys);
            }
        }
    }
    node
}

/// The config of a component.
struct Text {
    sources: Arc<SourceMap>,
    node: Option<Node>,
    diagnostics: Diagnostics,
}

impl Text {
    fn new(yaml: &str) -> Self {
        let sources = Arc::new(SourceMap::new());
        let text = InterpolatedText::verbatim(yaml, sources.add("config.yaml", yaml));
        let mut diagnostics = Diagnostics::new();
        Self {
            node: tree::parse(&text, &mut diagnostics),
            sources,
            diagnostics,
        }
    }

    fn read<T: FieldType>(&self, node: Option<&Node>, environment: Environment) -> Read<T> {
        let mut cx = ReadContext::new(Arc::clone(&self.sources)).with_options(rules());
        cx.set_extension(registry());
        cx.set_extension(Arc::new(environment));
        let value = node.and_then(|node| T::read(node, &mut cx));
        let mut diagnostics = self.diagnostics.clone();
        diagnostics.extend(cx.take_diagnostics());
        Read::new(value, &diagnostics, Arc::clone(&self.sources))
    }
}

/// Passes a whole config when lint has nothing to say but what its reader has to fill in.
pub fn lint_config(text: &str) -> Verdict {
    let files = Files {
        main: Main::Text {
            name: "config.yaml".to_owned(),
            text: text.to_owned(),
        },
        lint: rules(),
        ..Files::default()
    };
    let loaded = millrace_node::load(&files, &registry());
    let is_error = |it: &&Diagnostic| it.severity == Severity::Error;
    let mut errors = loaded.diagnostics.iter().filter(is_error);
    if errors.any(|it| !LEFT_OPEN.contains(&it.code)) {
        return Err(Failure::differs("no complaint", loaded.lines().join("\n")));
    }
    let mut all = loaded.diagnostics.iter();
    Ok(if all.any(|it| it.code == codes::COMPONENT_NOT_BUILT) {
        Pass::Linted
    } else {
        Pass::Ran
    })
}

/// The resources of a row, and processors built on them.
pub struct Bench {
    bench: Workbench,
    environment: Environment,
    /// Mappings find their caches as long as it is there.
    _engine: Arc<dyn Engine>,
}

impl Bench {
    /// The resources that a row asks for, empty and its own.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn of_row(resources_yaml: &str, resources: &Json) -> Result<Self, String> {
        let mut yaml = resources_yaml.to_owned();
        for (field, block, component) in [
            ("caches", "cache_resources", "memory"),
            ("ratelimits", "rate_limit_resources", "local"),
        ] {
            let labels = resources[field].as_array().into_iter().flatten();
            let labels: Vec<&str> = labels.filter_map(Json::as_str).collect();
            if labels.is_empty() {
                continue;
            }
            yaml.push_str(&format!("\n{block}:\n"));
            for label in labels {
                yaml.push_str(&format!("- label: {label}\n  {component}: {{}}\n"));
            }
        }
        if yaml.trim().is_empty() {
            yaml = "{}".to_owned();
        }
        let services = Services::default().with(Arc::new(Limiters::default()));
        let bench = Workbench::of(registry())
            .with_services(services)
            .with_resources(&yaml)?;
        let engine = Arc::clone(bench.context("row").engine());
        let caches = MappingCaches::default();
        caches.bind(&engine);
        Ok(Self {
            environment: Environment::new().with_caches(Arc::new(caches)),
            bench,
            _engine: engine,
        })
    }

    /// What lint says of the config of a component.
    pub fn read<T: FieldType>(&self, yaml: &str) -> Read<T> {
        read(yaml, self.environment.clone())
    }

    /// As [`Bench::read`], without the fields that lint refuses because nothing knows them.
    pub fn read_unlinted<T: FieldType>(&self, yaml: &str) -> Read<T> {
        read_unlinted(yaml, self.environment.clone())
    }

    /// Builds a processor.
    ///
    /// # Errors
    /// Why it cannot be built.
    pub fn build(&self, child: &ProcessorChild) -> Result<BuiltProcessor, String> {
        let cx = self.bench.context(child.name);
        child.config.build(&cx).map_err(|error| error.to_string())
    }

    /// The context that a component of this name is built in.
    pub fn context(&self, name: &str) -> BuildContext {
        self.bench.context(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lint_tells_what_is_wrong_from_what_is_not_built() {
        let read = |yaml| read::<ProcessorChild>(yaml, Environment::new());
        assert!(read("mapping: root = this").errors.is_empty());
        let wrong = read("mapping: root =");
        assert!(!wrong.errors.is_empty() && wrong.is_built);
        assert!(wrong.lines()[0].starts_with("(1,"), "{:?}", wrong.lines());
        let absent = read("aws_lambda: {function: f}");
        assert!(absent.errors.is_empty() && !absent.is_built && absent.value.is_none());
        let unlinted = read_unlinted::<ProcessorChild>("log: {massage: x}", Environment::new());
        assert!(unlinted.errors.is_empty() && unlinted.value.is_some());
        let wrong = read("aws_lambda: {functoin: f}");
        assert!(!wrong.errors.is_empty() && !wrong.is_built);
    }
}
