//! Unit tests of configs: Bento's own cases, and what a definition can ask for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_component::Registry;
use millrace_message::{Message, Value};
use millrace_node::registry;
use millrace_node::unit_test::{
    Case, CaseFailure, ConfigFile, Provide, Report, Settings, Stop, Target, Texts, find, read_case,
    read_conditions, run_case,
};
use millrace_spec::env::Environment;
use millrace_stream::Processors;
use millrace_testkit::cases;
use serde_json::Value as Json;
use tempfile::TempDir;

/// A folder with files, and what is found in it.
struct Folder {
    dir: TempDir,
    registry: Arc<Registry>,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self {
            dir,
            registry: Arc::new(registry()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn find(&self, names: &[&str]) -> Result<Vec<Target>, String> {
        let files: Vec<_> = names.iter().map(|it| self.path(it)).collect();
        find(&files, &self.registry)
    }

    fn report(&self, name: &str, resources: &[&str]) -> Report {
        let settings = Settings {
            resources: resources
                .iter()
                .map(|it| self.path(it).display().to_string())
                .collect(),
            env_files: Vec::new(),
        };
        let targets = self.find(&[name]).unwrap();
        assert_eq!(targets.len(), 1);
        targets[0].run(&settings, &self.registry, &Stop::never())
    }
}

/// What fails of a config with tests in it.
fn failures(config: &str) -> Vec<String> {
    failures_beside(config, &[])
}

fn failures_beside(config: &str, beside: &[(&str, &str)]) -> Vec<String> {
    let folder = Folder::new(&[&[("config.yaml", config)], beside].concat());
    let report = folder.report("config.yaml", &[]);
    assert_eq!(report.lints, [""; 0]);
    report.failures.into_iter().map(|it| it.reason).collect()
}

#[track_caller]
fn holds(config: &str) {
    assert_eq!(failures(config), [""; 0]);
}

// Bento's own cases.

#[test]
fn conditions_pass_bentos_cases() {
    let registry = Arc::new(registry());
    for row in cases::rows("config_cases.jsonl") {
        if row["kind"] != "unit_test_condition" {
            continue;
        }
        let folder = TempDir::new().unwrap();
        for (name, text) in row["files"].as_object().into_iter().flatten() {
            let path = folder.path().join(name.strip_prefix("$TMP/").unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text.as_str().unwrap()).unwrap();
        }
        let conditions = read_conditions(&row["condition"].to_string(), &registry).unwrap();
        let mut message = Message::from(row["message"]["content"].as_str().unwrap());
        for (name, value) in row["message"]["meta"].as_object().into_iter().flatten() {
            let value = Value::parse_json(value.to_string().into()).unwrap();
            message.metadata.set(name.as_str(), value);
        }
        let unmet = conditions.check(&message, folder.path());
        assert_eq!(unmet.is_empty(), row["expect"]["pass"], "{row}\n{unmet:?}");
        if let Some(expected) = row["expect"]["error"].as_str() {
            assert!(unmet[0].reason.contains(expected), "{row}\n{unmet:?}");
        }
    }
}

/// Targets that are each one mapping.
struct Mappings<'a> {
    by_target: BTreeMap<String, String>,
    registry: &'a Arc<Registry>,
}

impl Provide for Mappings<'_> {
    fn provide(&self, case: &Case) -> Result<Processors, String> {
        let folder = Folder::new(&[]);
        let mapping = &self.by_target[&case.target_processors];
        let config = folder.path("config.yaml");
        let processor = serde_json::json!({"pipeline": {"processors": [{"mapping": mapping}]}});
        std::fs::write(&config, processor.to_string()).unwrap();
        let case = Case {
            target_processors: "/pipeline/processors".to_owned(),
            ..case.clone()
        };
        ConfigFile {
            path: &config,
            resources: &[],
            environment: &Environment::empty(),
            registry: self.registry,
            sources: &Arc::default(),
            texts: &Texts::default(),
        }
        .provide(&case)
    }
}

#[test]
fn cases_pass_bentos_cases() {
    let registry = Arc::new(registry());
    for row in cases::rows("config_cases.jsonl") {
        if row["kind"] != "unit_test_case" {
            continue;
        }
        let case = read_case(row["case_yaml"].as_str().unwrap(), &registry).unwrap();
        let targets = row["target_mappings"].as_object().unwrap();
        let text = |it: &Json| it.as_str().unwrap().to_owned();
        let mappings = Mappings {
            by_target: targets
                .iter()
                .map(|(key, it)| (key.clone(), text(it)))
                .collect(),
            registry: &registry,
        };
        let failures = run_case(&case, Path::new(""), &mappings, &Stop::never()).unwrap();
        let failures = failures.unwrap();
        let told = |it: &CaseFailure| it.reason.clone();
        let told: Vec<_> = failures.iter().map(told).collect();
        let expected = row["expect"]["failures"].as_array().unwrap();
        let expected: Vec<_> = expected.iter().map(|it| text(&it["reason"])).collect();
        assert_eq!(told, expected, "{row}");
    }
}

// Where tests are found.

#[test]
fn tests_are_found_beside_a_config_and_in_it() {
    let tests = "tests: [{ name: a, output_batches: [] }]";
    let folder = Folder::new(&[
        ("foo.yaml", "{}"),
        ("foo_bento_test.yaml", tests),
        ("foo_millrace_test.yaml", tests),
        ("bar.yaml", tests),
        ("plain.yaml", "{}"),
        ("chart.yaml", "{{- if .Values.x }}\nnot: yaml"),
    ]);
    let all = [
        "foo.yaml",
        "foo_bento_test.yaml",
        "bar.yaml",
        "plain.yaml",
        "chart.yaml",
    ];
    let found = folder.find(&all).unwrap();
    let names: Vec<_> = found.iter().map(|it| it.config.clone()).collect();
    assert_eq!(names, [folder.path("bar.yaml"), folder.path("foo.yaml")]);
    assert_eq!(folder.report("foo_millrace_test.yaml", &[]).cases, 2);
}

#[test]
fn a_definition_without_its_config_is_an_error() {
    let folder = Folder::new(&[("bar_bento_test.yaml", "tests: [{ name: a }]")]);
    let error = folder.find(&["bar_bento_test.yaml"]).err().unwrap();
    for name in ["bar.yaml", "bar.blobl"] {
        assert!(error.contains(name), "{error}");
    }
    assert!(folder.find(&["foo.yaml"]).is_err());
}

#[test]
fn what_is_wrong_with_a_definition_or_its_config_is_told_with_its_place() {
    let folder = Folder::new(&[
        (
            "foo.yaml",
            "pipeline:\n  meow: woof\n  processors:\n    - mapping: root = this\n",
        ),
        (
            "foo_bento_test.yaml",
            "tests:\n  - nam: a\n  - name: b\n    output_batches:\n      - - content_equal: x\n          \
             content_matches: '['\n  - name: c\n    clock: noon\n  - name: d\n    input_batch: [{ content: '{}' }]\n    \
             output_batches: [[{ json_equals: {} }]]\n",
        ),
    ]);
    let report = folder.report("foo.yaml", &[]);
    let lints = report.lints.join("\n");
    for expected in [
        "foo_bento_test.yaml(2,5) field nam not recognised (did you mean `name`?)",
        "foo_bento_test.yaml(5,11) field content_equal not recognised",
        "foo_bento_test.yaml(6,28) field content_matches: error parsing regexp",
        "foo_bento_test.yaml(8,12) field clock: `noon` is not a time",
        "foo.yaml(2,3) field meow not recognised",
    ] {
        assert!(lints.contains(expected), "{expected}\n{lints}");
    }
    // The case that can be read is run.
    assert_eq!((report.cases, report.failures.len()), (1, 0), "{report:?}");
}

#[test]
fn a_failure_names_its_case_its_place_and_the_condition() {
    let folder = Folder::new(&[
        (
            "foo.yaml",
            "pipeline: { processors: [ { mapping: 'root = content().uppercase()' } ] }",
        ),
        (
            "foo_bento_test.yaml",
            "tests:\n  - name: upper\n    input_batch: [{ content: a }]\n    output_batches:\n      \
             - - content_equals: B\n",
        ),
    ]);
    let report = folder.report("foo.yaml", &[]);
    let failure = &report.failures[0];
    assert_eq!(failure.name, "upper");
    assert!(
        failure
            .case
            .to_string()
            .ends_with("foo_bento_test.yaml:2:5"),
        "{}",
        failure.case
    );
    let condition = failure.condition.as_ref().unwrap().to_string();
    assert!(
        condition.ends_with("foo_bento_test.yaml:5:27"),
        "{condition}"
    );
    assert_eq!(
        failure.reason,
        "batch 0 message 0: content_equals: content mismatch\n  expected: B\n  received: A"
    );
}

// Targets.

const LABELLED: &str = "
input:
  stdin: {}
  processors:
    - mapping: 'root = \"input\"'
pipeline:
  processors:
    - mapping: 'root = content() + \" first\"'
    - label: second
      mapping: 'root = content() + \" second\"'
processor_resources:
  - label: third
    mapping: 'root = content() + \" third\"'
";

#[test]
fn a_target_is_a_pointer_a_label_or_in_another_file() {
    for (target, expected) in [
        ("/pipeline/processors", "x first second"),
        ("/pipeline/processors/1", "x second"),
        ("/input/processors", "input"),
        ("second", "x second"),
        ("third", "x third"),
        ("other/target.yaml#/pipeline/processors/0", "x first"),
        ("other/target.yaml#second", "x second"),
    ] {
        let tests = format!(
            "{LABELLED}
tests:
  - name: {target}
    target_processors: {target}
    input_batch: [{{ content: x }}]
    output_batches: [[{{ content_equals: '{expected}' }}]]
"
        );
        let failed = failures_beside(&tests, &[("other/target.yaml", LABELLED)]);
        assert_eq!(failed, [""; 0], "{target}");
    }
}

#[test]
fn a_target_that_is_not_there_is_a_failure_that_says_so() {
    for (target, expected) in [
        ("/not/there", "not: key not found in mapping"),
        ("/pipeline/processors/7", "greater than array length"),
        ("nobody", "target for label 'nobody' failed"),
        ("missing.yaml#/pipeline/processors", "missing.yaml"),
        ("http://host/x", "contains non-path scheme value"),
    ] {
        let tests = format!("{LABELLED}\ntests: [{{ name: a, target_processors: '{target}' }}]\n");
        let failed = failures(&tests);
        assert!(failed[0].contains(expected), "{target}: {failed:?}");
    }
}

#[test]
fn a_mapping_file_is_tested_with_what_it_imports() {
    let config = "
tests:
  - name: cities
    target_mapping: maps/cities.blobl
    input_batch:
      - json_content: { n: 1 }
      - json_content: { n: drop }
    output_batches: [[{ json_equals: { n: 2 } }]]
";
    let mapping = "import \"more.blobl\"\nroot = if this.n == \"drop\" { deleted() } else { this.apply(\"add\") }";
    let failed = failures_beside(
        config,
        &[
            ("maps/cities.blobl", mapping),
            ("maps/more.blobl", "map add { root.n = this.n + 1 }"),
        ],
    );
    assert_eq!(failed, [""; 0]);
    let failed = failures_beside(config, &[("maps/cities.blobl", "root = \nroot = this.")]);
    assert!(failed[0].contains("cities.blobl(1,"), "{failed:?}");
}

#[test]
fn a_definition_beside_a_mapping_file_tests_that() {
    let tests = "
tests:
  - name: adds
    input_batch: [{ json_content: { n: 1 } }]
    output_batches: [[{ json_equals: { n: 2 } }]]
";
    let folder = Folder::new(&[
        ("add.blobl", "root.n = this.n + 1"),
        ("add_millrace_test.yaml", tests),
        (
            "both.yaml",
            "pipeline: { processors: [{ mapping: root.n = 2 }] }",
        ),
        ("both.blobl", "root.n = 3"),
        ("both_millrace_test.yaml", tests),
    ]);
    for name in [
        "add.blobl",
        "add_millrace_test.yaml",
        "both_millrace_test.yaml",
    ] {
        let report = folder.report(name, &[]);
        assert!(
            report.is_success() && report.cases == 1,
            "{name}: {report:?}"
        );
    }
    std::fs::write(folder.path("add.blobl"), "root.n = this.n +").unwrap();
    let report = folder.report("add.blobl", &[]);
    assert!(
        report.failures[0].reason.contains("add.blobl(1,"),
        "{report:?}"
    );
}

// What a case sees.

#[test]
fn variables_of_a_case_are_seen_by_the_config_and_by_mappings() {
    holds(
        "
pipeline:
  processors:
    - mapping: 'root = \"${GREETING:none} \" + env(\"GREETING\").or(\"unset\")'
tests:
  - name: set
    environment: { GREETING: hi }
    input_batch: [{}]
    output_batches: [[{ content_equals: hi hi }]]
  - name: unset
    input_batch: [{}]
    output_batches: [[{ content_equals: none unset }]]
",
    );
}

#[test]
fn each_case_has_resources_of_its_own_and_more_may_come_from_files() {
    let folder = Folder::new(&[
        (
            "config.yaml",
            "
cache_resources:
  - label: near
    memory: {}
output_resources:
  - label: unused
    kafka: { addresses: [a], topic: b }
pipeline:
  processors:
    - cache: { resource: near, operator: add, key: k, value: v }
    - cache: { resource: far, operator: set, key: k, value: '${! content() }' }
    - cache: { resource: far, operator: get, key: k }
tests:
  - &case
    name: one
    input_batch: [{ content: a }]
    output_batches: [[{ content_equals: a, bloblang: '!errored()' }]]
  - <<: *case
    name: two
",
        ),
        ("far.yaml", "cache_resources: [{ label: far, memory: {} }]"),
        (
            "near.yaml",
            "cache_resources: [{ label: near, memory: {} }]",
        ),
    ]);
    let report = folder.report("config.yaml", &["far.yaml"]);
    assert!(report.is_success(), "{report:?}");
    let report = folder.report("config.yaml", &[]);
    assert!(report.failures[0].reason.contains("`far`"), "{report:?}");
    let report = folder.report("config.yaml", &["far.yaml", "near.yaml"]);
    assert!(report.failures[0].reason.contains("near"), "{report:?}");
}

#[test]
fn what_is_wrong_elsewhere_in_a_config_is_not_in_the_way_of_its_tests() {
    let folder = Folder::new(&[(
        "config.yaml",
        "
input: { kafka: { addresses: [a], topics: [b], consumer_group: c } }
pipeline: { processors: [{ mapping: 'root = content().uppercase()' }] }
tests:
  - name: a
    input_batch: [{ content: a }]
    output_batches: [[{ content_equals: A }]]
",
    )]);
    let report = folder.report("config.yaml", &[]);
    assert!(report.is_success(), "{report:?}");
}

// Mocks.

const FETCHES: &str = "
pipeline:
  processors:
    - label: get
      http: { url: 'http://127.0.0.1:1', verb: GET, retries: 0 }
    - mapping: 'root = content() + \" by \" + @by.or(\"nobody\")'
    - branch:
        processors:
          - http: { url: 'http://127.0.0.1:1' }
        result_map: 'root = this.text'
";

#[test]
fn mocks_replace_processors_by_label_and_by_pointer() {
    holds(&format!(
        "{FETCHES}
tests:
  - name: both
    mocks:
      get: {{ mapping: 'root = \"got\"' }}
      /pipeline/processors/2/branch/processors/0: {{ mapping: 'root.text = content().uppercase()' }}
    input_batch: [{{ content: x }}]
    output_batches: [[{{ content_equals: GOT BY NOBODY }}]]
"
    ));
}

#[test]
fn a_mock_keeps_the_label_and_may_be_a_part_of_a_processor() {
    holds(&format!(
        "{FETCHES}
tests:
  - name: label
    target_processors: get
    mocks:
      /pipeline/processors/0: {{ mapping: 'root = \"by pointer\"' }}
    input_batch: [{{}}]
    output_batches: [[{{ content_equals: by pointer }}]]
  - name: part
    target_processors: /pipeline/processors/1
    mocks:
      /pipeline/processors/1/mapping: 'root = \"in part\"'
    input_batch: [{{}}]
    output_batches: [[{{ content_equals: in part }}]]
  - name: whole list
    mocks:
      /pipeline: {{ processors: [{{ mapping: 'root = \"whole\"' }}] }}
    input_batch: [{{}}]
    output_batches: [[{{ content_equals: whole }}]]
"
    ));
}

#[test]
fn a_mock_that_fits_nowhere_is_a_failure() {
    for (mock, expected) in [
        (
            "nobody: { mapping: 'root = 1' }",
            "mock for label 'nobody' could not be applied",
        ),
        ("/pipeline/nope: {}", "nope: field not recognised"),
        (
            "/pipeline/processors/1: { mapping: 'root = ' }",
            "config.yaml(",
        ),
    ] {
        let tests = format!(
            "{FETCHES}\ntests: [{{ name: a, target_processors: /pipeline/processors/1, mocks: {{ {mock} }} }}]\n"
        );
        let folder = Folder::new(&[("config.yaml", &tests)]);
        let report = folder.report("config.yaml", &[]);
        assert!(report.failures[0].reason.contains(expected), "{report:?}");
    }
}

// What goes in and comes out.

#[test]
fn input_is_text_json_or_a_file_with_metadata() {
    let failed = failures_beside(
        "
pipeline: { processors: [{ mapping: 'root = content() + \"!\"' }] }
tests:
  - name: forms
    input_batch:
      - content: text
        metadata: { n: 5, t: { a: [1] } }
      - json_content: { b: 1, a: [null, 1.50, <] }
      - json_content: null
      - file_content: data/in.txt
      - {}
    output_batches:
      - - content_equals: text!
          metadata_equals: { n: 5, t: { a: [1] } }
          bloblang: '@n + 1 == 6 && @t.a.length() == 1'
        - content_equals: '{\"a\":[null,1.5,\"<\"],\"b\":1}!'
        - content_equals: null!
        - content_equals: from a file!
        - content_equals: '!'
",
        &[("data/in.txt", "from a file")],
    );
    assert_eq!(failed, [""; 0]);
}

/// Opening it would wait for somebody to write into it.
#[test]
fn a_named_pipe_is_refused_by_name_wherever_a_test_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let pipe = pipe.display();
    let failed = failures(&format!(
        "
pipeline: {{ processors: [{{ mapping: root = this }}] }}
tests:
  - name: content
    input_batch: [{{ file_content: {pipe} }}]
    output_batches: [[{{}}]]
  - name: condition
    input_batch: [{{ content: '{{}}' }}]
    output_batches: [[{{ file_equals: {pipe} }}]]
  - name: mapping
    target_mapping: {pipe}
    input_batch: [{{ content: '{{}}' }}]
    output_batches: [[{{}}]]
"
    ));
    assert_eq!(failed.len(), 3, "{failed:?}");
    for failed in failed {
        assert!(
            failed.contains("it is a named pipe, not a regular file"),
            "{failed}"
        );
    }
}

#[test]
fn batches_pass_each_processor_one_after_the_other() {
    holds(
        "
pipeline:
  processors:
    - mapping: 'root = content() + count(\"x\").string()'
    - mapping: 'root = content() + count(\"x\").string()'
tests:
  - name: order
    input_batches: [[{ content: a }], [{ content: b }]]
    input_batch: [{ content: c }]
    output_batches:
      - [{ content_equals: a14 }]
      - [{ content_equals: b25 }]
      - [{ content_equals: c36 }]
",
    );
}

#[test]
fn counts_that_differ_are_told() {
    let failed = failures(
        "
pipeline: { processors: [{ unarchive: { format: lines } }] }
tests:
  - name: more
    input_batches: [[{ content: \"a\\nb\" }], [{ content: c }]]
    output_batches: [[{ content_equals: a }]]
  - name: fewer
    input_batch: [{ content: a }]
    output_batches: [[{}, {}], []]
",
    );
    assert_eq!(
        failed,
        [
            "mismatch of output batch 0 message counts, expected 1, got 2",
            "unexpected message from batch 0: b",
            "unexpected batch: [c]",
            "wrong batch count, expected 2, got 1",
            "mismatch of output batch 0 message counts, expected 2, got 1",
        ]
    );
}

#[test]
fn every_condition_that_is_not_met_is_told_and_what_a_processor_failed_on() {
    let failed = failures_beside(
        "
pipeline: { processors: [{ mapping: 'root = this.nope.uppercase()' }] }
tests:
  - name: all
    input_batch: [{ content: '{\"a\":1}', metadata: { k: v } }]
    output_batches:
      - - bloblang: 'false'
          content_equals: x
          content_matches: ^x$
          file_equals: other.json
          file_json_equals: other.json
          file_json_contains: other.json
          json_equals: { a: 2 }
          json_contains: '{\"b\":1}'
          metadata_equals: { k: w }
",
        &[("other.json", "{\"a\":3}")],
    );
    let begins: Vec<_> = failed.iter().map(|it| it.lines().next().unwrap()).collect();
    assert_eq!(
        begins[..9],
        [
            "batch 0 message 0: bloblang: bloblang expression was false",
            "batch 0 message 0: content_equals: content mismatch",
            "batch 0 message 0: content_matches: pattern mismatch",
            "batch 0 message 0: file_equals: content mismatch",
            "batch 0 message 0: file_json_contains: JSON superset mismatch",
            "batch 0 message 0: file_json_equals: JSON content mismatch",
            "batch 0 message 0: json_contains: JSON superset mismatch",
            "batch 0 message 0: json_equals: JSON content mismatch",
            "batch 0 message 0: metadata_equals: metadata key 'k' mismatch",
        ]
    );
    assert!(begins[9].contains("expected string value"), "{begins:?}");
    assert!(
        failed[7].ends_with("at a: expected 2, received 1"),
        "{}",
        failed[7]
    );
}

#[test]
fn a_condition_that_is_empty_is_checked() {
    let failed = failures(
        "
tests:
  - name: empty
    input_batch: [{ content: x }, { content: 'null' }]
    output_batches:
      - - content_equals:
        - json_equals: null
",
    );
    assert_eq!(failed.len(), 1, "{failed:?}");
    let folder = Folder::new(&[(
        "config.yaml",
        "tests: [{ name: a, output_batches: [[{ bloblang: '' }]] }]",
    )]);
    assert!(!folder.report("config.yaml", &[]).lints.is_empty());
}

// The clock.

#[test]
fn time_begins_where_the_clock_is_set_and_passes_only_where_somebody_waits() {
    holds("
cache_resources:
  - label: short
    memory: { default_ttl: 60s }
rate_limit_resources:
  - label: slow
    local: { count: 1, interval: 1h }
pipeline:
  processors:
    - cache: { resource: short, operator: add, key: k, value: v }
    - mapping: 'root = timestamp_unix()'
    - sleep: { duration: 24h }
    - rate_limit: { resource: slow }
    - mapping: 'root = content() + \" \" + now().ts_format(\"2006-01-02T15:04:05.999Z\", \"UTC\")'
    - cache: { resource: short, operator: add, key: k, value: v }
tests:
  - name: leap day
    clock: 2024-02-29T00:00:00.5Z
    input_batch: [{}, {}]
    output_batches:
      - - content_equals: 1709164800 2024-03-02T01:00:00.5Z
          bloblang: '!errored()'
        - bloblang: 'errored() && now().ts_tz(\"UTC\") == \"2024-03-02T01:00:00.5Z\".ts_parse(\"2006-01-02T15:04:05Z07:00\")'
");
}

#[test]
fn documents_are_compared_as_what_goes_out() {
    holds(
        "
pipeline:
  processors:
    - mapping: |
        root.at = now().ts_tz(\"UTC\")
        root.raw = \"hi\".bytes()
        root.more = [ now().ts_tz(\"UTC\") ]
        meta at = now().ts_tz(\"UTC\")
tests:
  - name: leap day
    clock: 2024-02-29T23:30:00Z
    input_batch: [{}]
    output_batches:
      - - json_equals: { at: 2024-02-29T23:30:00Z, raw: aGk=, more: [ 2024-02-29T23:30:00Z ] }
          json_contains: { raw: aGk= }
          metadata_equals: { at: 2024-02-29T23:30:00Z }
",
    );
}

#[test]
fn values_that_differ_in_their_type_alone_are_told_apart() {
    let told = failures(
        "
pipeline: { processors: [{ mapping: 'meta n = 5' }] }
tests:
  - name: a number
    input_batch: [{}]
    output_batches: [[{ metadata_equals: { n: '5' } }]]
",
    );
    assert!(
        told[0].contains("expected: 5 (a string)\n  received: 5 (a number)"),
        "{told:?}"
    );
}

#[test]
fn without_a_clock_it_is_the_time_of_the_host() {
    holds(
        "
pipeline: { processors: [{ mapping: 'root = now() > \"2024-03-01T00:00:00Z\"' }] }
tests:
  - name: host
    input_batch: [{}]
    output_batches: [[{ bloblang: 'timestamp_unix() > 1709164800' }]]
",
    );
}

#[test]
fn messages_that_a_processor_gives_up_are_told() {
    let failed = failures("
pipeline: { processors: [{ group_by_value: { value: '${! this.n }' } }, { mapping: 'root = this.n' }] }
tests:
  - name: grouped
    input_batch: [{ json_content: { n: 1 } }, { json_content: { n: 2 } }]
    output_batches: [[{ content_equals: '1' }], [{ content_equals: '2' }]]
");
    assert_eq!(failed, [""; 0]);
}
