//! `create`: a config to start from.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use millrace_component::Registry;
use millrace_diagnostics::did_you_mean;
use millrace_node::RootConfig;
use millrace_spec::render::sample::{self, Options};
use millrace_spec::{Catalog, ComponentKind, ComponentSpec, Spec};

use super::config::components;
use super::{complain, misuse, print};

/// The fields that `inputs/processors/outputs` are about.
const MAIN_FIELDS: [&str; 3] = ["input", "pipeline", "output"];

/// Where resources are declared.
const RESOURCES: [(ComponentKind, &str); 5] = [
    (ComponentKind::Input, "input_resources"),
    (ComponentKind::Processor, "processor_resources"),
    (ComponentKind::Output, "output_resources"),
    (ComponentKind::Cache, "cache_resources"),
    (ComponentKind::RateLimit, "rate_limit_resources"),
];

/// Prints a config with the components of the expression, such as `file/mapping,log/stdout`.
pub fn create(expression: &str, small: bool, templates: &[String]) -> ExitCode {
    let Some(registry) = components(templates) else {
        return ExitCode::FAILURE;
    };
    match config(expression, small, &registry) {
        Ok(created) => {
            for component in created.not_built {
                complain(&format!(
                    "warning: {component} is not part of this build: `millrace run` refuses it"
                ));
            }
            print(&created.text)
        }
        Err(reason) => misuse(&reason),
    }
}

/// A config to start from.
struct Created {
    text: String,
    /// What it names that this build does not have, such as `input kafka`.
    not_built: Vec<String>,
}

fn config(expression: &str, small: bool, registry: &Registry) -> Result<Created, String> {
    let segments: Vec<&str> = expression.split('/').collect();
    if segments.len() > MAIN_FIELDS.len() {
        let message = "expected at most inputs/processors/outputs";
        return Err(format!("{message}, and `{expression}` has more slashes"));
    }
    let names = |at: usize, default: &'static str| -> Vec<String> {
        let list = segments.get(at).copied().unwrap_or_default();
        let names = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let names: Vec<_> = names.map(str::to_owned).collect();
        let is_default = names.is_empty() && !default.is_empty();
        if is_default {
            vec![default.to_owned()]
        } else {
            names
        }
    };
    let writer = Writer {
        registry,
        options: Options {
            small,
            comments: true,
        },
    };
    let (inputs, processors, outputs) = (names(0, "stdin"), names(1, ""), names(2, "stdout"));
    let mut chosen = vec![
        (
            "input",
            writer.one_or_broker(ComponentKind::Input, "inputs", &inputs)?,
        ),
        ("pipeline", writer.pipeline(&processors)?),
        (
            "output",
            writer.one_or_broker(ComponentKind::Output, "outputs", &outputs)?,
        ),
    ];
    let named = [
        (ComponentKind::Input, inputs),
        (ComponentKind::Processor, processors),
        (ComponentKind::Output, outputs),
    ];
    chosen.extend(writer.resources(&named));
    // The components `log` are nothing without the block.
    if named
        .iter()
        .any(|(_, names)| names.iter().any(|it| it == "log"))
    {
        chosen.push(("log", "  log.dirs: ./millrace-log\n".to_owned()));
    }
    let mut fields = RootConfig::fields();
    if small {
        fields.retain(|field| chosen.iter().any(|(name, _)| *name == field.name));
    }
    Ok(Created {
        text: sample::config(&fields, &chosen, writer.options),
        not_built: writer.not_built(&named),
    })
}

struct Writer<'r> {
    registry: &'r Registry,
    options: Options,
}

impl Writer<'_> {
    fn one_or_broker(
        &self,
        kind: ComponentKind,
        list: &str,
        names: &[String],
    ) -> Result<String, String> {
        match names {
            [name] => self.component(kind, name, 2),
            names => Ok(format!(
                "  broker:\n    {list}:\n{}",
                self.items(kind, names, 6)?
            )),
        }
    }

    fn pipeline(&self, names: &[String]) -> Result<String, String> {
        let processors = if names.is_empty() {
            " []\n".to_owned()
        } else {
            format!("\n{}", self.items(ComponentKind::Processor, names, 4)?)
        };
        Ok(format!("  threads: -1\n  processors:{processors}"))
    }

    /// The components as items of a list.
    fn items(
        &self,
        kind: ComponentKind,
        names: &[String],
        indent: usize,
    ) -> Result<String, String> {
        let mut text = String::new();
        for name in names {
            let component = self.component(kind, name, indent + 2)?;
            text += &format!("{:indent$}- {}", "", component.trim_start());
        }
        Ok(text)
    }

    /// What is known of these components.
    fn specs(&self, named: &[(ComponentKind, Vec<String>)]) -> Vec<Arc<ComponentSpec>> {
        let components = named.iter().flat_map(|(kind, names)| {
            names
                .iter()
                .map(|name| self.registry.component(*kind, name))
        });
        components.flatten().collect()
    }

    /// Those of these components that this build does not have.
    fn not_built(&self, named: &[(ComponentKind, Vec<String>)]) -> Vec<String> {
        let missing = self.specs(named).into_iter().filter(|spec| !spec.built);
        let names: BTreeSet<String> = missing
            .map(|spec| format!("{} {}", spec.kind, spec.name))
            .collect();
        names.into_iter().collect()
    }

    /// The declarations of the resources that these components name.
    fn resources(&self, named: &[(ComponentKind, Vec<String>)]) -> Vec<(&'static str, String)> {
        let needed: BTreeSet<ComponentKind> = self
            .specs(named)
            .iter()
            .flat_map(|spec| sample::needed_resources(spec))
            .collect();
        RESOURCES
            .into_iter()
            .filter(|(kind, _)| needed.contains(kind))
            .map(|(kind, field)| (field, sample::resource(kind, 2)))
            .collect()
    }

    fn component(&self, kind: ComponentKind, name: &str, indent: usize) -> Result<String, String> {
        let Some(spec) = self.registry.component(kind, name) else {
            let names = self.registry.names(kind);
            let help = did_you_mean(name, names.iter().map(String::as_str));
            let help = help.map_or_else(String::new, |help| format!(" ({help})"));
            return Err(format!("unrecognised {kind} type '{name}'{help}"));
        };
        let fields = sample::component(&spec, self.options, indent);
        let note = if spec.built {
            String::new()
        } else {
            format!(
                "{:indent$}# Not part of this build: a run refuses it.\n",
                ""
            )
        };
        Ok(format!("{:indent$}label: \"\"\n{note}{fields}", ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_node::{Files, Main, load, registry};

    #[test]
    fn what_is_created_names_the_components_and_what_they_need() {
        let created =
            config("file,stdin/mapping/drop", true, &registry()).expect("known components");
        let text = created.text;
        assert_eq!(created.not_built, [] as [&str; 0]);
        for part in [
            "  broker:\n    inputs:\n      - label: \"\"\n        file:",
            "    - label: \"\"\n      mapping:",
            "  drop: {}\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("shutdown_timeout"), "{text}");
    }

    /// What is said about a config.
    fn complaints(text: String) -> String {
        let main = Main::Text {
            name: "created".into(),
            text: text.clone(),
        };
        let files = Files {
            main,
            ..Files::default()
        };
        let loaded = load(&files, &Arc::new(registry()));
        if loaded.diagnostics.is_empty() {
            return String::new();
        }
        format!("{}in:\n{text}\n", loaded.render(false))
    }

    #[test]
    fn the_default_config_is_read_without_a_complaint() {
        for small in [true, false] {
            assert_eq!(
                complaints(config("", small, &registry()).expect("the default").text),
                ""
            );
        }
    }

    /// What a sample cannot hold: names of resources that are declared elsewhere, and what has another
    /// default in Bento. With the complaint that asks for it.
    const LEFT_TO_THE_USER: [(ComponentKind, &str, &str); 2] = [
        (ComponentKind::Cache, "multilevel", "at least two levels"),
        (ComponentKind::Input, "kafka", "without a consumer_group"),
    ];

    /// The complaints about samples of all components, made by `sample` where it makes one.
    fn complaints_of_all(sample: impl Fn(&ComponentSpec, bool) -> Option<String>) -> String {
        let mut said = String::new();
        for spec in registry().table().iter() {
            let left = LEFT_TO_THE_USER
                .iter()
                .find(|(kind, name, _)| *kind == spec.kind && *name == spec.name);
            for small in [true, false] {
                let Some(text) = sample(spec, small) else {
                    continue;
                };
                let complaints = complaints(text);
                let is_expected = match left {
                    Some((_, _, what)) => {
                        let told = ["error[", "warning["].map(|it| complaints.matches(it).count());
                        complaints.contains(what) && told.iter().sum::<usize>() == 1
                    }
                    None => complaints.is_empty(),
                };
                if !is_expected {
                    said += &complaints;
                }
            }
        }
        said
    }

    #[test]
    fn what_is_created_for_any_component_is_read_without_a_complaint() {
        let said = complaints_of_all(|spec, small| {
            let expression = match spec.kind {
                ComponentKind::Input => spec.name.to_string(),
                ComponentKind::Processor => format!("/{}", spec.name),
                ComponentKind::Output => format!("//{}", spec.name),
                _ => return None,
            };
            Some(
                config(&expression, small, &registry())
                    .expect("it is built")
                    .text,
            )
        });
        assert!(said.is_empty(), "{said}");
    }

    #[test]
    fn the_samples_of_other_components_are_read_without_a_complaint() {
        let said = complaints_of_all(|spec, small| {
            let (head, indent) = match spec.kind {
                ComponentKind::Cache => ("cache_resources:\n  - label: a\n", 4),
                ComponentKind::RateLimit => ("rate_limit_resources:\n  - label: a\n", 4),
                ComponentKind::Buffer => ("buffer:\n", 2),
                ComponentKind::Metrics => ("metrics:\n", 2),
                ComponentKind::Tracer => ("tracer:\n", 2),
                ComponentKind::Scanner => ("input:\n  file:\n    paths: [ a ]\n    scanner:\n", 6),
                _ => return None,
            };
            let options = Options {
                small,
                comments: true,
            };
            // The components `log` are nothing without the block.
            let log = if spec.name == "log" { "log: {}\n" } else { "" };
            Some(log.to_owned() + head + &sample::component(spec, options, indent))
        });
        assert!(said.is_empty(), "{said}");
    }

    #[test]
    fn the_examples_of_the_reference_pages_are_read_without_a_complaint() {
        let registry = registry();
        let mut examples = 0;
        let mut said = String::new();
        for spec in registry.table().iter() {
            for block in spec.description.split("```yaml\n").skip(1) {
                let (example, _) = block.split_once("```").expect("a block has an end");
                said += &complaints(example.to_owned());
                examples += 1;
            }
        }
        assert!(said.is_empty(), "{said}");
        assert!(examples > 10, "{examples} examples");
    }

    #[test]
    fn an_unknown_component_is_refused_with_a_proposal() {
        let reason = config("stdn", true, &registry())
            .err()
            .expect("no such input");
        assert_eq!(
            reason,
            "unrecognised input type 'stdn' (did you mean `stdin`?)"
        );
        assert!(config("a/b/c/d", true, &registry()).is_err());
    }

    #[test]
    fn what_is_not_built_is_named_beside_what_is() {
        let created = config("nats,stdin//nats", true, &registry()).expect("known components");
        assert_eq!(created.not_built, ["input nats", "output nats"]);
        let note = "      - label: \"\"\n        # Not part of this build: a run refuses it.\n        nats:";
        assert!(created.text.contains(note), "{}", created.text);
        assert_eq!(created.text.matches("# Not part").count(), 2);
    }
}
