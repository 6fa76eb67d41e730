//! What all mappings of a config share: counters and caches.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::process::{Command, Stdio};

/// What a config with these processors writes, and what it says; its input is two empty objects.
fn written(processors: &str, resources: &str, by_file: bool) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().display();
    let processors = processors.replace('\n', " ");
    let config = format!(
        "
http: {{ enabled: false }}
input: {{ generate: {{ count: 2, interval: '', mapping: 'root = {{}}' }} }}
pipeline: {{ threads: 1, processors: [ {processors} ] }}
output: {{ stdout: {{}} }}
{}
",
        resources.replace("$TMP", &directory.to_string())
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.env_remove("MILLRACE_CONFIG").arg("run");
    if by_file {
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, config).unwrap();
        command.env_remove("BENTO_CONFIG").arg(path);
    } else {
        command.env("BENTO_CONFIG", config);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn mappings_count_with_one_counter() {
    let processors = "{ mapping: 'root.a = count(\"x\")' }, { mutation: 'root.b = count(\"x\")' }";
    for by_file in [true, false] {
        let (written, told) = written(processors, "", by_file);
        let mut counts: Vec<u64> = written
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse().ok())
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 2, 3, 4], "{written}{told}");
    }
}

#[test]
fn mappings_reach_the_caches_of_the_stream() {
    let processors = r#"
{ mapping: 'root.set = cache_set("c", "key", "value")' },
{ mapping: 'root.got = cache_get("c", "key").string()' },
{ mutation: 'root.again = cache_add("c", "key", "other").catch("it is there")' },
{ branch: { processors: [ { mutation: 'root.gone = cache_delete("c", "key")' } ], result_map: 'root.gone = this.gone' } },
{ mutation: 'root.none = cache_get("c", "key").catch("none")' }"#;
    let line = "{\"again\":\"it is there\",\"gone\":null,\"got\":\"value\",\"none\":\"none\"}\n";
    for cache in ["memory: {}", "file: { directory: '$TMP/cache' }"] {
        let resources = format!("cache_resources: [ {{ label: c, {cache} }} ]");
        let (written, told) = written(processors, &resources, true);
        assert_eq!(written, line.repeat(2), "{cache}: {told}");
    }
}

#[test]
fn a_cache_that_is_not_declared_fails_the_message_that_names_it() {
    // One that a mapping names by a literal is refused before anything runs.
    let processor = r#"{ mapping: 'root = cache_get(this.no_cache | "absent", "key").catch(err -> err.string())' }"#;
    let (written, told) = written(processor, "", true);
    assert!(written.contains("absent"), "{written}{told}");
}
