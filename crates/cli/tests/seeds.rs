//! The configs of the operations guides that Millrace is specified by: each lints clean as it
//! stands, and those that need no server run. `seeds_on_servers.rs` runs the others.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/seeds")
}

fn millrace(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(args)
        .env("AMQP_URL", "amqp://guest:guest@localhost:5672/")
        .output()
        .expect("the binary of this package can be started")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn configs() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(seeds()).expect("the folder of the seeds is in the checkout");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn all_nine_lint_clean_as_they_stand() {
    let configs = configs();
    assert_eq!(configs.len(), 9);
    for path in configs {
        // A rate limit that names no declared resource is defined by its own `rate`.
        let output = millrace(&["lint", &path.display().to_string()]);
        assert!(
            output.status.success(),
            "{}: {}",
            path.display(),
            stderr(&output)
        );
        assert_eq!(stderr(&output), "", "{}", path.display());
    }
}

#[test]
fn every_config_prints_as_json_without_its_password() {
    for path in configs() {
        let output = millrace(&["-c", &path.display().to_string(), "--print-json"]);
        assert!(
            output.status.success(),
            "{}: {}",
            path.display(),
            stderr(&output)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.trim_start().starts_with('{'), "{}", path.display());
        assert!(!text.contains("guest:guest"), "{}: {text}", path.display());
    }
}

#[test]
fn a_backtick_in_the_text_as_printed_is_named_and_quotes_are_proposed() {
    let path = seeds().join("2-amqp-input.verbatim.txt");
    let output = millrace(&["-c", &path.display().to_string(), "--print-json"]);
    assert!(!output.status.success());
    let text = stderr(&output);
    assert!(text.contains('`') && text.contains("quot"), "{text}");
    assert!(
        text.contains("4:"),
        "the line of the backtick is named: {text}"
    );
}

/// Runs a seed that is only a part of a config, with an input that ends and an output that prints.
fn run_completed(name: &str) -> Output {
    let seed = std::fs::read_to_string(seeds().join(name)).expect("the seed is in the checkout");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join(name);
    let config = format!("{seed}\nhttp: {{ enabled: false }}\n{INPUT}output: {{ stdout: {{}} }}\n");
    std::fs::write(&path, config).expect("the temporary folder can be written to");
    millrace(&["-c", &path.display().to_string()])
}

const INPUT: &str =
    "input: { generate: { count: 50, interval: '', mapping: 'root.id = counter()' } }\n";

#[test]
fn every_message_passes_the_buffers_and_the_pipelines() {
    let wanted: HashSet<String> = (1..=50).map(|id| format!("{{\"id\":{id}}}")).collect();
    for name in [
        "1-buffer-memory.yaml",
        "1-buffer-batch.yaml",
        "1-pipeline-threads.yaml",
        "1-rate-limit.yaml",
    ] {
        let output = run_completed(name);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let text = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(
            lines.iter().cloned().collect::<HashSet<_>>(),
            wanted,
            "{name}"
        );
        assert_eq!(lines.len(), wanted.len(), "{name}: none comes twice");
    }
}
