//! Templates on the command line: in a run, in what is checked, listed and created, and their own
//! tests.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::process::{Command, Stdio};

use tempfile::TempDir;

const SHOUT: &str = r#"
name: shout
type: processor
categories: [ Voice ]
summary: Says it louder.
fields:
  - { name: suffix, description: What follows., type: string, default: "!" }
mapping: |
  root.mapping = """root = content().uppercase() + "%v" """.format(this.suffix)
metrics_mapping: |
  meta from = $label
  root = if this == "processor_received" { "shouted" } else { deleted() }
tests:
  - name: the default
    config: {}
    expected:
      mapping: 'root = content().uppercase() + "!" '
"#;

const COUNTED: &str = r#"
name: counted
type: input
fields:
  - { name: count, type: int }
mapping: |
  root.generate = { "count": this.count, "interval": "", "mapping": "root = counter().string()" }
  root.processors = [ { "mapping": """root = content() + "a" """ } ]
"#;

const MARKED: &str = r#"
name: marked
type: output
mapping: |
  root.stdout = {}
  root.processors = [ { "mapping": """root = content() + "d" """ } ]
"#;

const WARM: &str = r#"
name: warm
type: cache
fields:
  - { name: values, type: unknown, default: {} }
mapping: root.memory.init_values = this.values
"#;

const PACE: &str = r#"
name: pace
type: rate_limit
fields:
  - { name: count, type: int }
mapping: |
  root.local = { "count": this.count, "interval": "1s" }
"#;

/// Uses another template.
const GREETED: &str = r#"
name: greeted
type: processor
mapping: |
  root.try = [ { "mapping": "root = content() + \" hello\"" }, { "shout": { "suffix": "?" } } ]
"#;

const ALL: [(&str, &str); 6] = [
    ("t/shout.yaml", SHOUT),
    ("t/counted.yaml", COUNTED),
    ("t/marked.yml", MARKED),
    ("t/deep/warm.yaml", WARM),
    ("t/deep/pace.yaml", PACE),
    ("t/deep/greeted.yaml", GREETED),
];

struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        for (name, text) in files {
            let path = folder.0.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn with_all(config: &str) -> Self {
        Self::new(&[&ALL[..], &[("c.yaml", config)]].concat())
    }

    /// What a command line printed, what it told, and its exit code.
    fn run(&self, line: &str) -> (String, String, Option<i32>) {
        let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args(line.split(' '))
            .current_dir(self.0.path())
            .env_remove("MILLRACE_CONFIG")
            .env_remove("BENTO_CONFIG")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            text(output.stdout),
            text(output.stderr),
            output.status.code(),
        )
    }
}

const CONFIG: &str = r#"
http: { enabled: false }
input:
  counted: { count: 2 }
  processors: [ { mapping: 'root = content() + "b"' } ]
pipeline:
  threads: 1
  processors:
    - mapping: 'root = content() + " " + cache_get("known", "k").string()'
    - rate_limit: { resource: slow }
    - label: loud
      greeted: {}
output:
  marked: {}
  processors: [ { mapping: 'root = content() + "c"' } ]
cache_resources:
  - label: known
    warm: { values: { k: v } }
rate_limit_resources:
  - label: slow
    pace: { count: 1000 }
metrics: { logger: {} }
"#;

#[test]
fn a_run_uses_templates_of_every_kind_and_one_uses_another() {
    let folder = Folder::with_all(CONFIG);
    for line in ["run -t t c.yaml", "-t t/... run c.yaml", "-t t -c c.yaml"] {
        let (printed, told, code) = folder.run(line);
        assert_eq!(
            (&*printed, code),
            ("1AB V HELLO?cd\n2AB V HELLO?cd\n", Some(0)),
            "{line}: {told}"
        );
    }
}

#[test]
fn without_its_template_a_component_is_not_known() {
    let folder = Folder::with_all(CONFIG);
    let (_, told, code) = folder.run("lint -t t/shout.yaml c.yaml");
    assert_eq!(code, Some(1));
    assert!(
        told.contains("input type 'counted' was not recognised"),
        "{told}"
    );
    let unknown = "pipeline: { processors: [ { shout: {} } ] }\ntests: [ { name: a } ]";
    let misspelt = "pipeline: { processors: [ { mappin: root = 1 } ] }";
    let folder = Folder::new(&[("u.yaml", unknown), ("m.yaml", misspelt)]);
    for command in ["run", "lint", "test"] {
        let (printed, told, _) = folder.run(&format!("{command} u.yaml"));
        let told = printed + &told;
        let hint = "if a template makes this processor, name its file with `-t`";
        assert!(told.contains(hint), "{command}: {told}");
    }
    // A name that is only misspelt needs no template.
    let (_, told, _) = folder.run("lint m.yaml");
    assert!(told.contains("did you mean `mapping`?"), "{told}");
    assert!(!told.contains("`-t`"), "{told}");
}

#[test]
fn the_metrics_of_a_template_are_renamed_as_it_says() {
    let config = "\
http: { enabled: false }
input: { generate: { count: 3, interval: '', mapping: root = \"x\" } }
pipeline: { threads: 1, processors: [ { label: loud, shout: {} }, { label: plain, noop: {} } ] }
output: { drop: {} }
metrics: { logger: {} }
";
    let folder = Folder::with_all(config);
    let (_, told, code) = folder.run("run -t t c.yaml");
    assert_eq!(code, Some(0), "{told}");
    let lines = || {
        told.lines()
            .filter(|it| it.contains("root.pipeline.processors.0"))
    };
    let shouted: Vec<_> = lines().collect();
    let [shouted] = &*shouted else {
        panic!("{told}");
    };
    for part in [r#""name":"shouted""#, r#""from":"loud""#, r#""value":3"#] {
        assert!(shouted.contains(part), "{part}: {shouted}");
    }
    // The processor beside it has its own names.
    let other = told
        .lines()
        .filter(|it| it.contains("root.pipeline.processors.1"));
    assert!(
        other.filter(|it| it.contains("processor_received")).count() == 1,
        "{told}"
    );
}

#[test]
fn what_a_template_says_of_itself_does_not_steer_the_terminal() {
    let loud = SHOUT.replace("Says it louder.", "\"Says\\e[2J\\r it.\"");
    let folder = Folder::new(&[("t/shout.yaml", &loud)]);
    let (printed, told, code) = folder.run("list -t t processors");
    assert_eq!(code, Some(0), "{told}");
    assert!(printed.contains(r"Says\u{1b}[2J\r it."), "{printed:?}");
}

#[test]
fn templates_are_listed_created_echoed_and_in_the_schema() {
    let folder = Folder::with_all("pipeline: { processors: [ { shout: {} } ] }\n");
    let (printed, told, code) = folder.run("list -t t processors");
    assert_eq!(code, Some(0), "{told}");
    let line = printed
        .lines()
        .find(|it| it.trim_start().starts_with("shout "));
    assert!(line.unwrap().ends_with(" Says it louder."), "{printed}");
    let (printed, ..) = folder.run("list processors");
    assert!(!printed.contains("shout"), "{printed}");

    let (created, told, code) = folder.run("create -t t -s counted/shout/marked");
    assert_eq!(code, Some(0), "{told}");
    for part in [
        "counted:\n    count: ",
        "shout:\n        # What follows.",
        "marked: {}",
    ] {
        assert!(created.contains(part), "{part}: {created}");
    }

    let (schema, ..) = folder.run("list --templates t --format jsonschema");
    for part in [
        r#""processor.shout": {"#,
        r##""$ref": "#/$defs/input.counted""##,
    ] {
        assert!(schema.contains(part), "{part}");
    }

    let (echoed, told, code) = folder.run("echo -t t c.yaml");
    assert_eq!(code, Some(0), "{told}");
    let shout = "      shout:\n        suffix: '!'\n";
    assert!(echoed.contains(shout), "{echoed}");
    assert!(!echoed.contains("uppercase"), "{echoed}");
}

#[test]
fn templates_are_checked_and_tested_by_a_command() {
    let folder = Folder::new(&ALL);
    for line in [
        "template lint t",
        "template lint ./t/...",
        "template lint t/shout.yaml",
    ] {
        let (_, told, code) = folder.run(line);
        assert_eq!((&*told, code), ("", Some(0)), "{line}");
    }
    let wrong = SHOUT.replace("+ \"!\" '", "+ \"?\" '");
    let folder = Folder::new(&[("t/a.yaml", &wrong), ("t/b.yaml", GREETED)]);
    let (_, told, code) = folder.run("template lint t");
    let start = "t/a.yaml(17,7) test `the default`: the config is not the expected one: at mapping: expected ";
    assert_eq!(code, Some(1));
    assert!(
        told.starts_with(start) && told.lines().count() == 1,
        "{told}"
    );
    let (_, told, code) = folder.run("template lint");
    assert_eq!(code, Some(2));
    assert!(told.contains("nothing to lint"), "{told}");
    let (_, told, code) = folder.run("-t nowhere run c.yaml");
    assert_eq!(code, Some(1));
    assert!(told.contains("templates: nowhere: no such file"), "{told}");
}

#[test]
fn a_warning_alone_lets_a_template_pass_as_it_lets_a_config() {
    let config = "input: { stdin: {} }\npipeline: { processors: [ mapping: 'root = $x' ] }\n";
    let template = "name: t\ntype: processor\nmapping: 'root.mapping = \"root = $x\"'\n\
                    tests: [ { name: a, config: {} } ]\n";
    let folder = Folder::new(&[("c.yaml", config), ("t.yaml", template)]);
    for line in ["lint c.yaml", "template lint t.yaml"] {
        let (_, told, code) = folder.run(line);
        assert_eq!(code, Some(0), "{line}: {told}");
        assert!(told.contains(" warning: "), "{line}: {told}");
    }
}

#[test]
fn unit_tests_see_templates() {
    let config = "\
pipeline: { processors: [ { label: loud, shout: {} } ] }
tests:
  - name: louder
    target_processors: /pipeline/processors
    input_batch: [ { content: a } ]
    output_batches: [ [ { content_equals: A! } ] ]
  - name: by its label
    target_processors: loud
    input_batch: [ { content: a } ]
    output_batches: [ [ { content_equals: A! } ] ]
";
    let folder = Folder::with_all(config);
    let (printed, told, code) = folder.run("test -t t c.yaml");
    assert_eq!(code, Some(0), "{printed}{told}");
    let (.., code) = folder.run("test c.yaml");
    assert_eq!(code, Some(1));
}

#[test]
fn template_files_among_the_configs_are_left_out_or_said_to_be_templates() {
    let config = "\
pipeline: { processors: [ { label: loud, shout: {} } ] }
tests:
  - name: louder
    input_batch: [ { content: a } ]
    output_batches: [ [ { content_equals: A! } ] ]
";
    let folder = Folder::new(&[
        ("templates/shout.yaml", SHOUT),
        ("config.yaml", config),
        (".cache/broken.yaml", "nonsense: ["),
    ]);
    for line in [
        "lint -t ./templates ./...",
        "lint -t templates/shout.yaml templates/shout.yaml config.yaml",
        "test -t templates ./...",
    ] {
        let (printed, told, code) = folder.run(line);
        assert_eq!((&*told, code), ("", Some(0)), "{line}: {printed}");
    }
    for line in ["lint templates/shout.yaml", "test templates/shout.yaml"] {
        let (printed, told, code) = folder.run(line);
        let said = printed + &told;
        let hint = "this is a template of a component, and no config (`millrace template lint` \
                    checks it, and `-t`";
        assert!(said.contains(hint), "{line}: {said}");
        assert_eq!(
            (said.matches("shout.yaml(").count(), code),
            (1, Some(1)),
            "{said}"
        );
    }
}

#[test]
fn the_page_of_the_guide_says_what_happens() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/templates.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = |fence: &str| -> Vec<String> {
        let fence = format!("```{fence}\n");
        let blocks = page.split(&fence).skip(1);
        blocks
            .map(|it| it.split("\n```").next().unwrap().to_owned())
            .collect()
    };
    let [template, config] = &*blocks("yml") else {
        panic!("the page has a template and a config");
    };
    let folder = Folder::new(&[
        ("templates/dead_letter.yaml", template),
        ("config.yaml", config),
    ]);
    for line in [
        "template lint ./templates",
        "lint -t ./templates config.yaml",
    ] {
        let (_, told, code) = folder.run(line);
        assert_eq!((&*told, code), ("", Some(0)), "{line}");
    }
    let wrong = config.replace("url:", "ur:");
    std::fs::write(folder.0.path().join("config.yaml"), wrong).unwrap();
    let (_, told, _) = folder.run("lint -t ./templates config.yaml");
    let [complaint] = &*blocks("text") else {
        panic!("the page has one complaint");
    };
    assert!(told.contains(complaint.trim()), "{told}");
}
