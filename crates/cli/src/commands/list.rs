//! `list`: the components of this build.

use std::fmt::Write;
use std::process::ExitCode;

use millrace_node::{RootConfig, registry};
use millrace_spec::path::Schema;
use millrace_spec::render::{emit, json_schema};
use millrace_spec::{ComponentKind, Spec};

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
                "format `{other}` is not known; one of `text`, `jsonschema`"
            ));
            ExitCode::FAILURE
        }
    }
}

fn plural(kind: ComponentKind) -> String {
    match kind {
        ComponentKind::RateLimit => "rate-limits".to_owned(),
        ComponentKind::Metrics => "metrics".to_owned(),
        kind => format!("{kind}s"),
    }
}
