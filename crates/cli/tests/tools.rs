//! The tools for configs and mappings: `test` and `blobl fmt`.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::path::Path;

use millrace_testkit::millrace;
use tempfile::TempDir;

/// What a command printed to its two outputs, and whether it was content.
fn run(folder: &Path, args: &[&str], input: &str) -> (String, String, Option<i32>) {
    let mut command = millrace::command().unwrap();
    command.args(args).current_dir(folder);
    let output = millrace::output(&mut command, input.as_bytes()).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code(),
    )
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const UPPER: &str = "pipeline: { processors: [{ mapping: 'root = content().uppercase()' }] }\n";
const HOLDS: &str = "tests:\n  - name: upper\n    input_batch: [{ content: a }]\n    output_batches: [[{ content_equals: A }]]\n";
const FAILS: &str = "tests:\n  - name: lower\n    input_batch: [{ content: a }]\n    output_batches:\n      - - content_equals: a\n";

#[test]
fn tests_that_hold_are_named_and_the_exit_code_is_0() {
    let folder = folder(&[
        ("a.yaml", UPPER),
        ("a_millrace_test.yaml", HOLDS),
        ("sub/b.yaml", &format!("{UPPER}{HOLDS}")),
    ]);
    let (printed, told, code) = run(folder.path(), &["test", "./..."], "");
    let expected =
        "Test 'a.yaml' succeeded\nTest 'sub/b.yaml' succeeded\n\n2 tests of 2 configs passed\n";
    assert_eq!((&*printed, &*told, code), (expected, "", Some(0)));
}

#[test]
fn a_failure_is_told_with_its_place_and_what_came() {
    let folder = folder(&[
        ("a.yaml", UPPER),
        ("a_bento_test.yaml", FAILS),
        ("b.yaml", &format!("meow: 1\n{UPPER}{HOLDS}")),
    ]);
    let (printed, told, code) = run(folder.path(), &["test", "a.yaml", "b.yaml"], "");
    let expected = "\
Test 'a.yaml' failed
Test 'b.yaml' failed

Failures:

--- a.yaml ---

lower [a_bento_test.yaml:2:5]:
batch 0 message 0: content_equals: content mismatch
  expected: a
  received: A
  the condition: a_bento_test.yaml:5:27

--- b.yaml ---

Lint: b.yaml(1,1) field meow not recognised

2 tests of 2 configs: 1 passed, 1 failed, 1 config with lint errors
";
    assert_eq!((&*printed, &*told, code), (expected, "", Some(1)));
}

#[test]
fn no_tests_are_a_failure_and_no_paths_a_wrong_use() {
    let folder = folder(&[("a.yaml", UPPER)]);
    let (printed, _, code) = run(folder.path(), &["test", "."], "");
    assert_eq!((&*printed, code), ("No tests were found\n", Some(1)));
    let (_, told, code) = run(folder.path(), &["test"], "");
    assert!(told.contains("nothing to test"), "{told}");
    assert_eq!(code, Some(2));
    let (_, told, code) = run(folder.path(), &["-s", "a=b", "test", "."], "");
    assert!(told.contains("mocks"), "{told}");
    assert_eq!(code, Some(1));
}

#[test]
fn components_log_to_the_standard_output_when_that_is_asked_for() {
    let logs = "pipeline: { processors: [{ log: { message: 'seen ${! content() }' } }] }\n";
    let tests = "tests: [{ name: a, input_batch: [{ content: x }], output_batches: [[{}]] }]\n";
    let folder = folder(&[("a.yaml", &format!("{logs}{tests}"))]);
    let (printed, told, _) = run(folder.path(), &["test", "a.yaml"], "");
    assert!(
        !printed.contains("seen x") && told.is_empty(),
        "{printed}{told}"
    );
    let (printed, told, code) = run(folder.path(), &["test", "--log", "info", "a.yaml"], "");
    assert!(printed.contains("seen x"), "{printed}");
    assert_eq!((&*told, code), ("", Some(0)));
}

#[test]
fn secrets_of_a_config_are_not_shown_by_its_failures() {
    let config = "
pipeline: { processors: [{ mapping: 'root = \"${PASS}\"' }] }
output: { http_client: { url: 'http://u:${PASS}@h' } }
tests:
  - name: a
    input_batch: [{}]
    output_batches: [[{ content_equals: x }]]
";
    let folder = folder(&[("a.yaml", config), (".env", "PASS=swordfish\n")]);
    let (printed, told, code) = run(folder.path(), &["test", "-e", ".env", "a.yaml"], "");
    assert!(printed.contains("received: ***"), "{printed}{told}");
    assert!(
        !printed.contains("swordfish") && code == Some(1),
        "{printed}"
    );
}

#[test]
fn secrets_of_a_mock_are_not_shown_by_a_failure() {
    let config = "
pipeline:
  processors:
    - { label: asks, http: { url: 'http://h' } }
    - { label: ends, mapping: 'root = this' }
tests:
  - name: of the target
    mocks:
      asks: { http: { url: 'http://u:flounder@127.0.0.1:1', retries: 0, basic_auth: { password: swordfish } } }
    input_batch: [{ content: '{\"a\": \"swordfish\"}' }]
    output_batches: [[{ content_equals: 'flounder and swordfish' }]]
  - name: of a resource
    mocks:
      known: { redis: { url: 'redis://:stonefish@127.0.0.1:1' } }
    target_processors: ends
    input_batch: [{ content: '{\"a\": \"stonefish\"}' }]
    output_batches: [[{ content_equals: a }]]
  - name: refused
    mocks:
      asks: { http: { url: 'http://u:monkfish@127.0.0.1:1', basic_auth: { password: 5, monkfish: 1 } } }
cache_resources: [{ label: known, memory: {} }]
";
    let folder = folder(&[("a.yaml", config)]);
    let (printed, told, code) = run(folder.path(), &["test", "a.yaml"], "");
    assert_eq!(code, Some(1), "{printed}{told}");
    for shown in [
        "  expected: *** and ***\n",
        "  received: {\"a\":\"***\"}\n",
        "refused [",
    ] {
        assert!(printed.contains(shown), "{shown}: {printed}");
    }
    let all = printed + &told;
    assert!(!all.contains("fish") && !all.contains("flounder"), "{all}");
}

/// Whether a terminal would show a text as it is.
fn is_printable(text: &str) -> bool {
    !text.contains(|it: char| (it.is_control() && it != '\n') || it == '\u{202e}')
}

#[test]
fn names_and_contents_do_not_steer_the_terminal() {
    let file = "a\u{1b}c\n.yaml";
    let config = r#"
pipeline: { processors: [{ mapping: 'root = "\u001b[31m\r\u202eb"' }] }
tests:
  - name: "x\e]0;t\a\nTest 'b.yaml' succeeded"
    input_batch: [{}]
    output_batches: [[{ content_equals: "\ec\u202e" }]]
  - name: "\x9b2J"
    target_processors: "\e[1m"
"#;
    let folder = folder(&[(file, config)]);
    let (printed, told, code) = run(folder.path(), &["test", file], "");
    assert_eq!(code, Some(1));
    assert!(is_printable(&printed), "{printed:?}");
    assert!(is_printable(&told), "{told:?}");
    for shown in [
        r"Test 'a\u{1b}c\n.yaml' failed",
        r"x\u{1b}]0;t\u{7}\nTest 'b.yaml' succeeded [a\u{1b}c\n.yaml:4:5]:",
        r"  expected: \u{1b}c\u{202e}",
        r"  received: \u{1b}[31m\r\u{202e}b",
        r"\u{9b}2J [a\u{1b}c\n.yaml:7:5]:",
        r"failed to initialise processors '\u{1b}[1m'",
    ] {
        let mut lines = printed.lines();
        assert!(lines.any(|it| it.starts_with(shown)), "{shown}: {printed}");
    }
    let missing = "\u{1b}c.yaml";
    let (_, told, code) = run(folder.path(), &["test", missing], "");
    assert!(
        is_printable(&told) && told.contains(r"\u{1b}c.yaml"),
        "{told:?}"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn what_is_linted_does_not_steer_the_terminal() {
    let file = "a\u{1b}c.yaml";
    let config = r#"
input: { label: "\e[31m\r", generate: { mapping: "root = \"\e\".nope()" } }
"\e[2J\u202e": 1
"#;
    let folder = folder(&[(file, config), ("b\u{1b}c.md", "```yaml\nno: 1\n```\n")]);
    for path in [file, "b\u{1b}c.md", "\u{1b}m.yaml", "./..."] {
        let (printed, told, _) = run(folder.path(), &["lint", path], "");
        assert!(is_printable(&printed) && is_printable(&told), "{told:?}");
        assert!(told.contains(r"\u{1b}"), "{told:?}");
    }
}

#[test]
fn the_standard_input_is_formatted() {
    let folder = folder(&[]);
    let fmt =
        |args: &[&str], input: &str| run(folder.path(), &[&["blobl", "fmt"], args].concat(), input);
    assert_eq!(
        fmt(&[], "root.a  = 1+2 # why"),
        ("root.a = 1 + 2 # why\n".into(), String::new(), Some(0))
    );
    assert_eq!(fmt(&["--check", "-"], "root = 1\n").2, Some(0));
    let (printed, told, code) = fmt(&["--check"], "root =  1\n");
    assert_eq!(
        (&*printed, &*told, code),
        ("", "the standard input is not formatted\n", Some(1))
    );
    let (_, told, code) = fmt(&[], "root = 1 +");
    assert!(
        told.contains("standard input:1:11") && code == Some(1),
        "{told}"
    );
}

#[test]
fn files_are_checked_and_written_as_a_whole() {
    let folder = folder(&[
        ("a.blobl", "root.a  =  1"),
        ("sub/b.blobl", "root = 1\n"),
        ("c.txt", "x"),
    ]);
    let fmt = |args: &[&str]| run(folder.path(), &[&["blobl", "fmt"], args].concat(), "");
    assert_eq!(
        fmt(&["--check", "."]),
        ("./a.blobl\n".into(), String::new(), Some(1))
    );
    assert_eq!(
        fmt(&["-w", "./..."]),
        ("./a.blobl\n".into(), String::new(), Some(0))
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("a.blobl"), "root.a = 1\n");
    assert_eq!(fmt(&["--check", "."]).2, Some(0));
    let names = |path: &Path| std::fs::read_dir(path).unwrap().count();
    assert_eq!(names(folder.path()), 3, "nothing is left beside the files");
    std::fs::write(folder.path().join("bad.blobl"), "root = ").unwrap();
    let (_, told, code) = fmt(&["-w", "."]);
    assert!(told.contains("bad.blobl:1:8") && code == Some(1), "{told}");
    assert_eq!(read("bad.blobl"), "root = ");
}
