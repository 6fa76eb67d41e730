//! `list`: the components of this build.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use millrace_bloblang::registry::About;
use millrace_component::Registry;
use millrace_diagnostics::{did_you_mean, printable_line};
use millrace_node::RootConfig;
use millrace_spec::path::Schema;
use millrace_spec::render::{emit, json_schema};
use millrace_spec::{ComponentKind, ComponentSpec, Literal, Spec};

use super::config;
use super::{misuse, print};

/// The kinds that are no components.
const BLOBLANG: [&str; 2] = ["bloblang-functions", "bloblang-methods"];

/// Prints the components of the kinds named, or of all.
pub fn list(kinds: &[String], format: &str, templates: &[String]) -> ExitCode {
    let Some(registry) = config::components(templates) else {
        return ExitCode::FAILURE;
    };
    let known: Result<Vec<_>, _> = kinds.iter().map(|it| kind_named(it)).collect();
    let kinds = match known {
        Ok(kinds) => kinds,
        Err(reason) => return misuse(&reason),
    };
    match format {
        "jsonschema" => {
            let fields = RootConfig::fields();
            let schema = Schema {
                fields: &fields,
                catalog: &*registry,
            };
            print(&(emit::json_pretty(&json_schema::config(schema, "Millrace")) + "\n"))
        }
        "json" => print(&(emit::json(&names(&registry, &kinds)) + "\n")),
        _ => print(&text(&registry, &kinds)),
    }
}

/// What can be listed.
pub fn kinds() -> Vec<&'static str> {
    let components = ComponentKind::ALL.map(plural);
    components.into_iter().chain(BLOBLANG).collect()
}

/// The kind of this name, also in the singular or with `_`; else the complaint that there is none.
fn kind_named(name: &str) -> Result<&'static str, String> {
    let known = kinds();
    let written = name.replace('_', "-");
    let is_meant = |kind: &str| kind == written || kind.strip_suffix('s') == Some(&*written);
    if let Some(kind) = known.iter().copied().find(|kind| is_meant(kind)) {
        return Ok(kind);
    }
    let help = did_you_mean(name, known.iter().copied())
        .unwrap_or_else(|| format!("one of {}", known.join(", ")));
    Err(format!("there is no kind `{name}` of components ({help})"))
}

/// The components of a kind in this build, by name.
fn components(
    registry: &Registry,
    kind: ComponentKind,
) -> impl Iterator<Item = &Arc<ComponentSpec>> {
    registry.table().iter().filter(move |it| it.kind == kind)
}

/// A line for each component, and for each function and method when they are asked for.
fn text(registry: &Registry, kinds: &[&str]) -> String {
    let mut text = String::new();
    for kind in ComponentKind::ALL {
        let plural = plural(kind);
        if kinds.is_empty() || kinds.contains(&plural) {
            let components = components(registry, kind);
            let lines = components.map(|it| (it.name.to_string(), it.summary()));
            section(&mut text, plural, lines.collect());
        }
    }
    for kind in BLOBLANG {
        if kinds.contains(&kind) {
            let lines = bloblang(kind).map(|it| (it.name.to_owned(), it.summary.to_owned()));
            section(&mut text, kind, lines.collect());
        }
    }
    text
}

fn section(text: &mut String, title: &str, mut lines: Vec<(String, String)>) {
    if lines.is_empty() {
        return;
    }
    lines.sort();
    let _infallible = writeln!(text, "{title}");
    for (name, summary) in lines {
        // That of a template is a text of whoever wrote it.
        let summary = printable_line(&summary);
        let _infallible = writeln!(text, "  {name:<24} {summary}");
    }
}

/// The functions or the methods of Bloblang.
fn bloblang(kind: &str) -> Box<dyn Iterator<Item = About>> {
    if kind == BLOBLANG[0] {
        Box::new(millrace_bloblang::functions::all().map(|it| it.about))
    } else {
        Box::new(millrace_bloblang::methods::all().map(|it| it.about))
    }
}

/// The names by kind, those of Bloblang's functions and methods too.
fn names(registry: &Registry, kinds: &[&str]) -> Literal {
    let texts = |names: Vec<&'static str>| {
        let texts = names.into_iter().map(|it| Literal::String(it.into()));
        Literal::List(texts.collect())
    };
    let mut lists: Vec<(&str, Literal)> = Vec::new();
    for kind in ComponentKind::ALL {
        let names = components(registry, kind).map(|it| Literal::String(it.name.clone()));
        lists.push((plural(kind), Literal::List(names.collect())));
    }
    for kind in BLOBLANG {
        let names = bloblang(kind).map(|it| it.name);
        lists.push((kind, texts(sorted(names))));
    }
    lists.retain(|(kind, _)| kinds.is_empty() || kinds.contains(kind));
    let lists = lists.into_iter().map(|(kind, names)| (kind.into(), names));
    Literal::Map(lists.collect())
}

fn sorted(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

fn plural(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Input => "inputs",
        ComponentKind::Buffer => "buffers",
        ComponentKind::Processor => "processors",
        ComponentKind::Output => "outputs",
        ComponentKind::Cache => "caches",
        ComponentKind::RateLimit => "rate-limits",
        ComponentKind::Scanner => "scanners",
        ComponentKind::Metrics => "metrics",
        ComponentKind::Tracer => "tracers",
    }
}
