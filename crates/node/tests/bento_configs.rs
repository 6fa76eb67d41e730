//! Bento's documented configs have no complaint, whether their components are built or not.

#![allow(clippy::unwrap_used, reason = "the rows have what they promise")]

use std::sync::Arc;

use millrace_diagnostics::{Diagnostic, Severity};
use millrace_node::{Files, Main, load, registry};
use millrace_spec::{LintOptions, codes};
use millrace_testkit::cases;

/// How many of the documented configs must lint clean. Five of the others hold a placeholder such
/// as `TODO` in the place of a URL, which is an error here.
const FLOOR: usize = 199;

#[test]
fn documented_configs_have_no_complaint() {
    let registry = Arc::new(registry());
    let rows = cases::rows("lint_clean_configs.jsonl");
    let mut failed = Vec::new();
    for row in &rows {
        let main = Main::Text {
            name: "config.yaml".into(),
            text: row["config"].as_str().unwrap().into(),
        };
        let loaded = load(
            &Files {
                main,
                lint: LintOptions {
                    allow_not_built: true,
                    ..LintOptions::default()
                },
                ..Files::default()
            },
            &registry,
        );
        // A documented snippet leaves variables and the resources that it names to its reader.
        let left_open = [codes::MISSING_ENV_VAR, codes::RESOURCE_UNKNOWN];
        let is_error = |it: &&Diagnostic| it.severity == Severity::Error;
        let mut errors = loaded.diagnostics.iter().filter(is_error);
        if errors.any(|it| !left_open.contains(&it.code)) {
            failed.push(format!("==== {}\n{}", row["id"], loaded.render(false)));
        }
    }
    let clean = rows.len() - failed.len();
    assert!(
        rows.is_empty() || clean >= FLOOR,
        "{clean} of {} are clean:\n{}",
        rows.len(),
        failed.join("\n")
    );
}
