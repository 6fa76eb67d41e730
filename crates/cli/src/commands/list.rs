//! `list`: the components of this build.

use std::fmt::Write;
use std::process::ExitCode;

use millrace_component::Registry;
use millrace_node::{RootConfig, registry};
use millrace_spec::path::Schema;
use millrace_spec::render::{emit, json_schema};
use millrace_spec::{ComponentKind, Literal, Spec};

use super::{complain, print};

/// Prints the components of the kinds named, or of all.
pub fn list(kinds: &[String], format: &str) -> ExitCode {
    let registry = registry();
    match format {
        "jsonschema" => {
            let fields = RootConfig::fields();
            let schema = Schema {
                fields: &fields,
                catalog: &registry,
            };
            print(&(emit::json_pretty(&json_schema::config(schema, "Millrace")) + "\n"))
        }
        "json" => print(&(emit::json(&names(&registry, kinds)) + "\n")),
        "text" => {
            let mut text = String::new();
            for kind in ComponentKind::ALL {
                let names: Vec<_> = registry
                    .iter()
                    .filter(|it| it.kind() == kind)
                    .map(|it| (it.name(), it.about().summary()))
                    .collect();
                let plural = plural(kind);
                if names.is_empty() || !(kinds.is_empty() || kinds.contains(&plural)) {
                    continue;
                }
                let _infallible = writeln!(text, "{plural}");
                for (name, summary) in names {
                    let _infallible = writeln!(text, "  {name:<18} {summary}");
                }
            }
            print(&text)
        }
        other => {
            complain(&format!(
                "format `{other}` is not known; one of `text`, `json`, `jsonschema`"
            ));
            ExitCode::FAILURE
        }
    }
}

/// The names by kind, those of Bloblang's functions and methods too.
fn names(registry: &Registry, kinds: &[String]) -> Literal {
    let texts = |names: Vec<&'static str>| {
        let texts = names.into_iter().map(|it| Literal::String(it.into()));
        Literal::List(texts.collect())
    };
    let mut lists: Vec<(String, Literal)> = Vec::new();
    for kind in ComponentKind::ALL {
        let of_kind = registry.table().iter().filter(|it| it.kind == kind);
        let names: Vec<_> = of_kind.map(|it| Literal::String(it.name.clone())).collect();
        lists.push((plural(kind), Literal::List(names)));
    }
    let functions = millrace_bloblang::functions::all().map(|it| it.about.name);
    let methods = millrace_bloblang::methods::all().map(|it| it.about.name);
    lists.push(("bloblang-functions".to_owned(), texts(sorted(functions))));
    lists.push(("bloblang-methods".to_owned(), texts(sorted(methods))));
    lists.retain(|(kind, _)| kinds.is_empty() || kinds.contains(kind));
    let lists = lists.into_iter().map(|(kind, names)| (kind.into(), names));
    Literal::Map(lists.collect())
}

fn sorted(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

fn plural(kind: ComponentKind) -> String {
    match kind {
        ComponentKind::RateLimit => "rate-limits".to_owned(),
        ComponentKind::Metrics => "metrics".to_owned(),
        kind => format!("{kind}s"),
    }
}
