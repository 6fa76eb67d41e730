//! What a newcomer meets on the command line: wrong arguments, what is not built, variables from
//! files.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A folder with files in it, where commands run.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, content) in files {
            std::fs::write(folder.path(name), content).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command line without quotes; its output, and what it told.
    fn run(&self, line: &str) -> (Output, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args(line.split(' ').filter(|it| !it.is_empty()))
            .current_dir(self.0.path())
            .env_remove("MILLRACE_CONFIG")
            .env_remove("BENTO_CONFIG")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output, told)
    }

    fn code_and_told(&self, line: &str) -> (Option<i32>, String) {
        let (output, told) = self.run(line);
        (output.status.code(), told)
    }
}

#[test]
fn what_is_quoted_of_a_wrong_argument_does_not_steer_the_terminal() {
    let folder = Folder::new(&[]);
    let hostile = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{202e}\r\nerror: x";
    let shown = r"\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{202e}\r\nerror: x";
    let (flag, value) = (format!("--{hostile}"), format!("--threads={hostile}"));
    let config = format!("{hostile}.yaml");
    for args in [
        &[hostile][..],
        &[&*config],
        &[&*flag],
        &["run", &*flag],
        &["run", "a.yaml", hostile],
        &["run", "-s", hostile],
        &["--log.level", hostile],
        &["list", "--format", hostile],
        &["completions", hostile],
        &["blobl", &*value],
        &["topic", hostile],
        &["plan", "--retention", hostile],
        &["--print-json", hostile],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        let command = command.args(args).current_dir(folder.0.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told:?}");
        let steers = |it: char| it.is_control() && it != '\n' || it == '\u{202e}';
        assert!(!told.contains(steers), "{args:?}: {told:?}");
        assert!(told.contains(shown), "{args:?}: {told}");
        assert!(!told.contains("\nerror: x"), "{args:?}: {told}");
    }
}

#[test]
fn a_field_that_cannot_be_set_is_the_only_complaint() {
    let folder = Folder::new(&[("c.yaml", "input: { stdin: {} }\n")]);
    for command in ["run", "lint", "echo"] {
        for (set, meant) in [
            ("pipeline.threadz=2", "threads"),
            ("pipeline.processors.-.mappin=a", "mapping"),
            ("output.broker.outputs.-.drop.x=a", "drop.x"),
            ("input.stdin.scanner.lines.delimitr=a", "lines.delimitr"),
            ("logger.levl=info", "level"),
        ] {
            let (code, told) = folder.code_and_told(&format!("{command} -s {set} c.yaml"));
            assert_eq!(code, Some(1), "{command} {set}: {told}");
            let (path, _) = set.split_once('=').unwrap();
            let place = told.matches(&format!("--set {path}")).count();
            assert!(place >= 1 && told.contains(meant), "{told}");
            let complaints = told.matches("failed to set config field override").count();
            let other = told.contains("expected a") || told.contains("required");
            assert!(complaints == 1 && !other, "{command} {set}: {told}");
        }
    }
}

const CONFIG: &str = "
http: { enabled: false }
input: { generate: { mapping: 'root = env(\"OF_FILE\")', count: 1 } }
pipeline:
  processors:
    - mapping: 'root = [ content().string(), \"${OF_FILE}\" ].join(\" \")'
    - command: { name: sh, args_mapping: '[ \"-c\", \"cat; echo \\\" $OF_FILE\\\"\" ]' }
output: { stdout: {} }
";

#[test]
fn variables_of_files_reach_mappings_and_programs_as_they_reach_the_config() {
    let folder = Folder::new(&[("c.yaml", CONFIG), ("some.env", "OF_FILE=seen\nOTHER=1\n")]);
    for line in [
        "run -e some.env c.yaml",
        "-e *.env -c c.yaml",
        "-e some.env run c.yaml",
    ] {
        let (output, told) = folder.run(line);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, "seen seen seen\n", "{line}: {told}");
    }
}

#[test]
fn a_bad_file_of_variables_is_the_only_complaint() {
    let folder = Folder::new(&[("c.yaml", CONFIG), ("bad.env", "OTHER=1\nno assignment\n")]);
    for command in ["lint", "run", "echo"] {
        let (code, told) = folder.code_and_told(&format!("{command} -e bad.env c.yaml"));
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("read bad.env: line 2: "), "{told}");
        assert!(!told.contains("OF_FILE"), "{told}");
        assert_eq!(told.trim().lines().count(), 1, "{told}");
    }
    let (_, told) = folder.code_and_told("lint -e none/*.env c.yaml");
    assert_eq!(told, "none/*.env: no file matches this pattern\n");
}

#[test]
fn what_is_wrong_with_the_command_line_itself_is_code_2() {
    let folder = Folder::new(&[
        ("c.yaml", "input: { stdin: {} }\n"),
        ("bad.yaml", "input: 5\n"),
    ]);
    for line in [
        "rnu",
        "run --nope c.yaml",
        "run a.yaml b.yaml",
        "list inputz",
        "list --format xml",
        "create nosuch",
        "create a/b/c/d",
        "completions nosuch",
        "run -s pipeline.threads c.yaml",
        "run --log.level loud c.yaml",
        "--print-json run c.yaml",
        "lint",
        "blobl",
        "",
    ] {
        let (code, told) = folder.code_and_told(line);
        assert_eq!(code, Some(2), "{line}: {told}");
        assert!(!told.is_empty(), "{line}");
    }
    for line in [
        "run none.yaml",
        "run bad.yaml",
        "lint none.yaml",
        "lint *.yml",
        "lint -r none.yaml c.yaml",
        "lint -s pipeline.threds=1 c.yaml",
        "echo bad.yaml",
    ] {
        let (code, told) = folder.code_and_told(line);
        assert_eq!(code, Some(1), "{line}: {told}");
    }
}

#[test]
fn commands_and_options_of_bento_that_are_not_built_are_refused_by_name() {
    let folder = Folder::new(&[("c.yaml", "input: { stdin: {} }\n")]);
    for (line, name) in [
        ("streams", "streams"),
        ("-c c.yaml streams --no-api a.yaml", "streams"),
        ("studio pull --name x", "studio"),
    ] {
        let (code, told) = folder.code_and_told(line);
        assert_eq!(code, Some(2), "{line}: {told}");
        assert!(
            told.contains(name) && told.contains("not part of this build"),
            "{told}"
        );
        assert!(
            !told.contains("unrecognized") && !told.contains("unexpected"),
            "{told}"
        );
    }
}

#[test]
fn every_kind_lists_what_is_built_under_each_of_its_names() {
    let folder = Folder::new(&[]);
    for (names, component) in [
        (["inputs", "input"], "generate"),
        (["buffers", "buffer"], "memory"),
        (["processors", "processor"], "mapping"),
        (["outputs", "output"], "stdout"),
        (["caches", "cache"], "memory"),
        (["rate-limits", "rate_limit"], "local"),
        (["scanners", "scanner"], "lines"),
        (["metrics", "metric"], "prometheus"),
        (["tracers", "tracer"], "open_telemetry_collector"),
        (["bloblang-functions", "bloblang-function"], "uuid_v4"),
        (["bloblang-methods", "bloblang-method"], "uppercase"),
    ] {
        for name in names {
            let (output, _) = folder.run(&format!("list {name}"));
            let listed = String::from_utf8(output.stdout).unwrap();
            let mut lines = listed.lines();
            assert_eq!(lines.next(), Some(names[0]), "{name}");
            let line = format!("  {component} ");
            assert!(lines.any(|it| it.starts_with(&line)), "{name}: {listed}");
            let (output, _) = folder.run(&format!("list --format json {name}"));
            let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let of_kind = listed[names[0]].as_array().unwrap();
            assert!(of_kind.contains(&component.into()), "{name}: {listed}");
        }
    }
}

#[test]
fn a_config_that_cannot_be_read_is_told_with_a_remedy() {
    let folder = Folder::new(&[("orders.yaml", "input: { stdin: {} }\n")]);
    for (line, remedy) in [
        ("run .", "name one config in this folder"),
        ("run order.yaml", "did you mean `orders.yaml`?"),
        (
            "echo ./nothing/like/it.yaml",
            "read ./nothing/like/it.yaml: No such file",
        ),
        ("run quite-different.yaml", "name a file that exists"),
    ] {
        let (code, told) = folder.code_and_told(line);
        assert_eq!(code, Some(1), "{line}");
        assert!(told.contains(remedy), "{line}: {told}");
    }
}

#[test]
fn a_misspelt_key_beside_a_component_is_told_with_what_was_meant() {
    let config = "\
input:
  lable: in
  stdin: {}
  processor: [ { mapping: root = this } ]
pipeline: { processors: [ { mapping: root = this, lable: x } ] }
";
    let folder = Folder::new(&[("c.yaml", config)]);
    let (code, told) = folder.code_and_told("lint c.yaml");
    assert_eq!(code, Some(1));
    for meant in ["(2,3)", "(5,"] {
        let is_told = |line: &str| line.contains(meant) && line.contains("did you mean `label`?");
        assert!(told.lines().any(is_told), "{told}");
    }
    assert!(told.contains("did you mean `processors`?"), "{told}");
}

#[test]
fn a_resource_without_a_label_is_an_error_with_its_place_and_what_to_do() {
    let config = "
input: { stdin: {} }
output: { drop: {} }
cache_resources:
  - memory: {}
  - label: ''
    memory: {}
rate_limit_resources: [ { local: {} } ]
processor_resources: [ { label: fine, mapping: root = this }, { couchbase: {} } ]
";
    let folder = Folder::new(&[
        ("c.yaml", config),
        ("r.yaml", "input_resources: [ { stdin: {} } ]\n"),
    ]);
    let (code, told) = folder.code_and_told("lint -r r.yaml c.yaml");
    assert_eq!(code, Some(1));
    for (place, message) in [
        (
            "c.yaml(5,5) ",
            "label is required for memory: this cache resource has none (add `label: NAME` beside \
             `memory`; others use it by that name)",
        ),
        ("c.yaml(6,5) ", "label is required for memory: "),
        (
            "c.yaml(8,",
            "label is required for local: this rate limit resource has none",
        ),
        (
            "c.yaml(9,",
            "label is required for couchbase: this processor resource has none",
        ),
        (
            "r.yaml(1,",
            "label is required for stdin: this input resource has none",
        ),
    ] {
        let is_said = |line: &str| line.starts_with(place) && line.contains(message);
        assert!(told.lines().any(is_said), "{place}{message}: {told}");
    }
    let (_, strict) = folder.code_and_told("lint --labels c.yaml");
    let complaints = strict
        .matches("c.yaml(5,5) label is required for memory")
        .count();
    assert_eq!(complaints, 1, "{strict}");
    let (code, told) = folder.code_and_told("run c.yaml");
    assert!(code == Some(1) && told.contains("missing-label"), "{told}");
}
