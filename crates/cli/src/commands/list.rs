//! `list`: the components of this build.

use std::fmt::Write;
use std::process::ExitCode;

use millrace_bloblang::registry::About;
use millrace_component::Registry;
use millrace_diagnostics::did_you_mean;
use millrace_node::{RootConfig, registry};
use millrace_spec::path::Schema;
use millrace_spec::render::{emit, json_schema};
use millrace_spec::{ComponentKind, Literal, Spec};

use super::{complain, print};

/// The kinds that are no components.
const BLOBLANG: [&str; 2] = ["bloblang-functions", "bloblang-methods"];

/// Prints the components of the kinds named, or of all.
pub fn list(kinds: &[String], format: &str) -> ExitCode {
    let registry = registry();
    if let Some(reason) = kinds.iter().find_map(|it| unknown(it)) {
        complain(&reason);
        return ExitCode::FAILURE;
    }
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
        _ => print(&text(&registry, kinds)),
    }
}

/// What can be listed.
pub fn kinds() -> Vec<&'static str> {
    let components = ComponentKind::ALL.map(plural);
    components.into_iter().chain(BLOBLANG).collect()
}

/// The complaint about a kind that does not exist.
fn unknown(kind: &str) -> Option<String> {
    let known = kinds();
    if known.contains(&kind) {
        return None;
    }
    let help = did_you_mean(kind, known.iter().copied())
        .unwrap_or_else(|| format!("one of {}", known.join(", ")));
    Some(format!("there is no kind `{kind}` of components ({help})"))
}

/// A line for each component, and for each function and method when they are asked for.
fn text(registry: &Registry, kinds: &[String]) -> String {
    let mut text = String::new();
    for kind in ComponentKind::ALL {
        let plural = plural(kind);
        if kinds.is_empty() || kinds.iter().any(|it| it == plural) {
            let components = registry.iter().filter(|it| it.kind() == kind);
            let lines = components.map(|it| (it.name(), it.about().summary()));
            section(&mut text, plural, lines.collect());
        }
    }
    for kind in BLOBLANG {
        if kinds.iter().any(|it| it == kind) {
            let lines = bloblang(kind).map(|it| (it.name, it.summary.to_owned()));
            section(&mut text, kind, lines.collect());
        }
    }
    text
}

fn section(text: &mut String, title: &str, mut lines: Vec<(&'static str, String)>) {
    if lines.is_empty() {
        return;
    }
    lines.sort();
    let _infallible = writeln!(text, "{title}");
    for (name, summary) in lines {
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
fn names(registry: &Registry, kinds: &[String]) -> Literal {
    let texts = |names: Vec<&'static str>| {
        let texts = names.into_iter().map(|it| Literal::String(it.into()));
        Literal::List(texts.collect())
    };
    let mut lists: Vec<(String, Literal)> = Vec::new();
    for kind in ComponentKind::ALL {
        let of_kind = registry.table().iter().filter(|it| it.kind == kind);
        let names: Vec<_> = of_kind.map(|it| Literal::String(it.name.clone())).collect();
        lists.push((plural(kind).to_owned(), Literal::List(names)));
    }
    for kind in BLOBLANG {
        let names = bloblang(kind).map(|it| it.name);
        lists.push((kind.to_owned(), texts(sorted(names))));
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
