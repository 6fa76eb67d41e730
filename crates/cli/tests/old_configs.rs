//! Configs in the old forms of Bento, which it runs with a warning.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::path::Path;
use std::process::Output;

use millrace_testkit::millrace;

fn run(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut command = millrace::command().unwrap();
    command.args(args).current_dir(folder);
    millrace::output(&mut command, input).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the standard input becomes, one message a line, with an old codec.
fn read_with(codec: &str, input: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "http: {{ enabled: false }}\ninput: {{ stdin: {{ codec: '{codec}', max_buffer: 100 }} }}\n\
         pipeline: {{ threads: 1, processors: [ {{ mapping: 'root = content().string().quote()' }} ] }}\n"
    );
    std::fs::write(folder.path().join("c.yaml"), config).unwrap();
    let output = run(folder.path(), &["run", "c.yaml"], input);
    assert!(output.status.success(), "{codec}: {}", text(&output.stderr));
    text(&output.stdout).lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_old_codec_cuts_the_input_as_its_scanner_does() {
    for (codec, input, expected) in [
        ("lines", "a\nb\n", r#""a" "b""#),
        ("delim:|", "a|b", r#""a" "b""#),
        ("csv", "x,y\n1,2\n", r#""{\"x\":\"1\",\"y\":\"2\"}""#),
        ("csv:;", "x;y\n1;2\n", r#""{\"x\":\"1\",\"y\":\"2\"}""#),
        ("all-bytes", "a\nb\n", r#""a\nb\n""#),
        ("chunker:2", "abc", r#""ab" "c""#),
        ("regex:[0-9]", "1a2b", r#""1a" "2b""#),
        ("skipbom/lines", "\u{feff}a\nb", r#""a" "b""#),
    ] {
        assert_eq!(read_with(codec, input.as_bytes()), expected, "{codec}");
    }
}

#[test]
fn a_file_is_read_as_its_name_says_or_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "x\n1\n").unwrap();
    std::fs::write(folder.path().join("a.txt"), "1\n2").unwrap();
    let pack = "http: { enabled: false }\ninput: { file: { paths: [ a.txt ], scanner: { to_the_end: {} } } }\n\
                pipeline: { processors: [ { compress: { algorithm: gzip } } ] }\n\
                output: { file: { path: b.gz, codec: all-bytes } }\n";
    std::fs::write(folder.path().join("pack.yaml"), pack).unwrap();
    let output = run(folder.path(), &["run", "pack.yaml"], b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (path, codec, expected) in [
        ("a.csv", "auto", "{\"x\":\"1\"}\n"),
        ("a.txt", "auto", "1\n2\n"),
        ("b.gz", "gzip/lines", "1\n2\n"),
    ] {
        let config = format!(
            "http: {{ enabled: false }}\npipeline: {{ threads: 1 }}\n\
             input: {{ file: {{ paths: [ {path} ], codec: {codec} }} }}\n"
        );
        std::fs::write(folder.path().join("c.yaml"), config).unwrap();
        let output = run(folder.path(), &["run", "c.yaml"], b"");
        assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
    }
}

#[test]
fn an_old_codec_is_told_as_deprecated_and_one_without_a_scanner_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lint = |flags: &[&str], config: &str| {
        std::fs::write(folder.path().join("c.yaml"), config).unwrap();
        let output = run(
            folder.path(),
            &[&["lint"], flags, &["c.yaml"]].concat(),
            b"",
        );
        (text(&output.stderr), output.status.success())
    };
    let old =
        "input: { http_client: { url: http://h, stream: { enabled: true, codec: lines } } }\n";
    assert!(lint(&[], old).1);
    let (told, clean) = lint(&["--deprecated"], old);
    assert!(!clean && told.contains("codec is deprecated"), "{told}");
    for (codec, hint) in [
        ("lines/multipart", "`batched`"),
        ("csv-safe", "continue_on_error: true"),
        ("nope", "scanner: { lines: {} }"),
        ("lines/csv", "scanner: { lines: {} }"),
        ("delim:", "scanner: { lines: {} }"),
    ] {
        let config = format!("input: {{ stdin: {{ codec: '{codec}' }} }}\n");
        let (told, clean) = lint(&[], &config);
        assert!(!clean, "{codec}: {told}");
        assert!(
            told.contains("c.yaml(1,") && told.contains(hint),
            "{codec}: {told}"
        );
    }
}
