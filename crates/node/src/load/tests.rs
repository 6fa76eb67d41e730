//! What is refused before anything runs, because of the config as a whole or of its file.

use super::*;

fn loaded(yaml: &str) -> Loaded {
    let files = Files {
        main: Main::Text {
            name: "test.yaml".to_owned(),
            text: yaml.to_owned(),
        },
        ..Files::default()
    };
    load(&files, &Arc::new(crate::registry()))
}

fn complaints(yaml: &str) -> Vec<String> {
    loaded(yaml).lines()
}

/// A config with these inputs.
fn inputs(http: &str, inputs: &[&str]) -> String {
    format!(
        "http: {http}\ninput:\n  broker:\n    inputs:\n      - {}\noutput: {{ drop: {{}} }}\n",
        inputs.join("\n      - ")
    )
}

#[test]
fn a_path_that_is_taken_is_refused_with_its_place_and_the_reason_of_a_run() {
    for (http, of, expected) in [
        (
            "{}",
            &["http_server: { path: /metrics }"][..],
            &["test.yaml(5,30) path `/metrics` is served by another component already"][..],
        ),
        (
            "{}",
            &["http_server: { path: /bento/ping }"],
            &["(5,30) path `/bento/ping`"],
        ),
        (
            "{ root_path: /x }",
            &["http_server: { path: /x/a, ws_path: /a }"],
            &["(5,45) path `/x/a`"],
        ),
        (
            "{}",
            &[
                "http_server: { ws_path: /w }",
                "http_server: { ws_path: /v }",
            ],
            &["(6,22) path `/post`"],
        ),
        (
            "{ enabled: false }",
            &["http_server: { path: /a }"],
            &["(5,22) field address is empty, and the HTTP server of the service is disabled"],
        ),
        (
            "{ enabled: false }",
            &["http_server: { address: 'a:1', path: '/{a' }"],
            &["(5,46) path segment `{a` is neither text nor one parameter"],
        ),
        (
            "{ enabled: false }",
            &["http_server: { address: 'a:1', path: /a, ws_path: /a }"],
            &["(5,59) path `/a` is served by another component already"],
        ),
    ] {
        let found = complaints(&inputs(http, of));
        assert_eq!(found.len(), expected.len(), "{of:?}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{of:?}: {found}");
        }
    }
}

#[test]
fn an_address_that_is_taken_is_refused_whatever_the_path() {
    let own = |path: &str| format!("http_server: {{ address: 'a:1', path: {path}, ws_path: '' }}");
    let found = complaints(&inputs("{}", &[&own("/a"), &own("/b")]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("(6,33) field address: another component listens at `a:1`"),
        "{found:?}"
    );
    let found = complaints(&inputs("{ address: 'a:1' }", &[&own("/a")]));
    assert!(
        found[0].contains("the HTTP server of the service listens at `a:1`"),
        "{found:?}"
    );
}

#[test]
fn paths_that_can_be_served_together_are_not_complained_of() {
    for (http, of) in [
        ("{}", &["http_server: {}"][..]),
        (
            "{ address: 'a:1' }",
            &[
                "http_server: { path: '/a/{b}', ws_path: /a/ }",
                "http_server: { path: /b, ws_path: '' }",
                "http_server: { address: 'a:2' }",
                "http_server: { address: 'a:0', path: /metrics, ws_path: /bento/metrics }",
                "http_server: { address: 'a:0', path: /metrics, ws_path: /bento/metrics }",
            ],
        ),
    ] {
        assert_eq!(complaints(&inputs(http, of)), [""; 0], "{of:?}");
    }
    // A resource that nothing names is not served.
    let unused = "input_resources: [ { label: a, http_server: { path: /metrics } } ]\n";
    assert_eq!(
        complaints(&format!("{}{unused}", inputs("{}", &["http_server: {}"]))),
        [""; 0]
    );
}

#[test]
fn what_a_run_refuses_by_its_fields_is_refused_with_its_place() {
    for (yaml, expected) in [
        (
            "http: { cert_file: /a }",
            "(1,20) TLS needs both `cert_file` and `key_file`, and only one is set",
        ),
        (
            "input: { http_server: { address: 'a:1', key_file: /a } }",
            "(1,51) TLS needs both `cert_file` and `key_file`",
        ),
        (
            "output: { http_client: { url: 'https://a', tls: { enabled: true, root_cas: abc } } }",
            "field root_cas: no certificate in PEM form",
        ),
        (
            "input: { file: { paths: [ /x, '/x/[a' ] } }",
            "(1,31) pattern `/x/[a`: ",
        ),
        (
            "input: { csv: { paths: [ '/x/[a' ] } }",
            "pattern `/x/[a`: ",
        ),
        (
            "input: { subprocess: { name: '' } }",
            "(1,30) field name is empty",
        ),
        (
            "output: { subprocess: { name: '' } }",
            "(1,31) field name is empty",
        ),
        (
            "pipeline: { processors: [ { subprocess: { name: '' } } ] }",
            "(1,49) field name is empty",
        ),
        (
            r#"input: { subprocess: { name: "a\0" } }"#,
            "(1,30) field name has a zero byte",
        ),
        (
            r#"input: { subprocess: { name: a, args: [ b, "\0" ] } }"#,
            "(1,44) field args has a zero byte",
        ),
        (
            r#"output: { subprocess: { name: a, args: [ "\0" ] } }"#,
            "field args has a zero byte",
        ),
        (
            r#"pipeline: { processors: [ { subprocess: { name: a, args: [ "\0" ] } } ] }"#,
            "field args has a zero byte",
        ),
        (
            r#"buffer: { sqlite: { path: "/x/\0.db" } }"#,
            "(1,27) field path has a zero byte",
        ),
        (
            "output: { http_client: { url: 'http://a:99999/b' } }",
            "url: its port is not a number",
        ),
    ] {
        let found = complaints(yaml);
        assert!(
            found.iter().any(|it| it.contains(expected)),
            "{yaml}: {found:?}"
        );
    }
}

#[test]
fn what_the_headers_of_a_client_hold_is_secret_where_a_name_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("env");
    std::fs::write(&env, "KEY=planted-key-77\nPLACE=a-place-77\n").unwrap();
    let headers = "{ X-Tenant: 'of ${KEY}', X-Place: '${PLACE}', X-Api-Token: planted-token-77 }";
    let yaml = format!("output: {{ http_client: {{ url: 'http://a', headers: {headers} }} }}");
    let loaded = load(
        &Files {
            main: Main::Text {
                name: "test.yaml".to_owned(),
                text: yaml,
            },
            env_files: vec![env.display().to_string()],
            ..Files::default()
        },
        &Arc::new(crate::registry()),
    );
    assert!(!loaded.has_errors(), "{:?}", loaded.lines());
    assert_eq!(
        without_secrets("planted-key-77 a-place-77 planted-token-77"),
        "*** a-place-77 ***"
    );
}

/// Opening it would wait for somebody to write into it.
#[test]
fn a_named_pipe_is_refused_by_name_wherever_a_config_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let path = pipe.display().to_string();
    let reason = "it is a named pipe, not a regular file";
    let registry = Arc::new(crate::registry());
    let refused = |files: Files| {
        let lines = load(&files, &registry).lines();
        assert!(
            lines
                .iter()
                .any(|it| it.contains(&path) && it.contains(reason)),
            "{lines:?}"
        );
    };
    refused(Files {
        main: Main::File(pipe.clone()),
        ..Files::default()
    });
    refused(Files {
        resources: vec![path.clone()],
        ..Files::default()
    });
    refused(Files {
        env_files: vec![path.clone()],
        ..Files::default()
    });
    for named in [path.clone(), folder.path().display().to_string()] {
        let files = crate::expand_files(std::slice::from_ref(&named), &["yaml"]).unwrap();
        assert_eq!(files, std::slice::from_ref(&pipe), "{named}");
    }
    let templates = crate::Templates::read(std::slice::from_ref(&path));
    assert!(
        templates.lines()[0].contains(reason),
        "{:?}",
        templates.lines()
    );
    let mapping = complaints(&format!(
        "pipeline: {{ processors: [ {{ mapping: 'import \"{path}\"' }} ] }}"
    ));
    assert!(mapping.iter().any(|it| it.contains(reason)), "{mapping:?}");
}

#[test]
fn links_to_folders_are_not_followed_below_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, "input: { stdin: {} }").unwrap();
    for link in ["one", "two"] {
        std::os::unix::fs::symlink(".", folder.path().join(link)).unwrap();
    }
    std::os::unix::fs::symlink("a.yaml", folder.path().join("b.yaml")).unwrap();
    let named = format!("{}/...", folder.path().display());
    let files = crate::expand_files(&[named], &["yaml"]).unwrap();
    assert_eq!(files, [file, folder.path().join("b.yaml")]);
    // One that is named is meant.
    let named = folder.path().join("one").display().to_string();
    assert_eq!(crate::expand_files(&[named], &["yaml"]).unwrap().len(), 2);
}

#[test]
fn a_config_that_says_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    let registry = Arc::new(crate::registry());
    for (text, is_refused) in [
        ("", true),
        ("# nothing\n", true),
        ("---\n", true),
        ("{}", false),
    ] {
        std::fs::write(&path, text).unwrap();
        let files = Files {
            main: Main::File(path.clone()),
            ..Files::default()
        };
        let loaded = load(&files, &registry);
        assert_eq!(loaded.config.is_none(), is_refused, "{text:?}");
        let set = Files {
            set: vec!["input.stdin.max_buffer=7".to_owned()],
            ..files
        };
        assert!(load(&set, &registry).config.is_some(), "{text:?}");
    }
}

#[test]
fn of_many_unknown_names_the_first_hundred_are_compared_with_those_that_there_are() {
    let many = |processor: &str| format!("    - {processor}\n").repeat(150);
    let suggested = |processors: &str| {
        let config = format!("pipeline:\n  processors:\n{processors}");
        let loaded = loaded(&config);
        let helps = loaded.diagnostics.iter().filter_map(|it| it.help.as_ref());
        let count = helps.filter(|it| it.contains("did you mean")).count();
        (loaded.diagnostics.len(), count)
    };
    assert_eq!(suggested(&many("mappin: x")), (150, 100));
    assert_eq!(suggested(&many("log: { massage: x }")).1, 100);
    assert_eq!(suggested(&many("archive: { format: tarr }")).1, 100);
    let both = many("mappin: x") + &many("log: { massage: x }");
    assert_eq!(suggested(&both), (300, 100));
}

#[test]
fn what_the_process_holds_open_can_be_a_config() {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    let (from, mut to) = std::io::pipe().unwrap();
    to.write_all(b"input: { nope: {} }").unwrap();
    drop(to);
    let files = Files {
        main: Main::File(format!("/dev/fd/{}", from.as_raw_fd()).into()),
        ..Files::default()
    };
    let lines = load(&files, &Arc::new(crate::registry())).lines();
    assert!(lines[0].contains("'nope' was not recognised"), "{lines:?}");
}

#[test]
fn who_uses_the_log_of_the_process_needs_one() {
    let config =
        "input: { log: { topics: [ t ] } }\nbuffer: { log: {} }\noutput: { log: { topic: t } }\n";
    let found = complaints(config);
    let expected =
        "there is no log in this process (add the block `log: {}` to the config: it starts one)";
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found.iter().all(|it| it.ends_with(expected)), "{found:#?}");
    let with_log = format!("log: {{ log.dirs: ./data }}\n{config}");
    assert_eq!(complaints(&with_log), Vec::<String>::new());
    // Who uses them has the log.
    let resources = "output_resources: [ { label: a, log: { topic: t } } ]\ninput: { stdin: {} }\n";
    assert_eq!(complaints(resources), Vec::<String>::new());
}

/// The buffer would take a message for a batch of its own, and delete it with what it delivered.
#[test]
fn an_output_to_the_topic_of_the_buffer_is_refused_with_the_place_of_both() {
    let config = |buffer: &str, output: &str| {
        format!("log: {{ log.dirs: ./data }}\nbuffer: {{ log: {{ {buffer} }} }}\n{output}\n")
    };
    let refused = |found: Vec<String>, topic: &str, at: &str| {
        assert_eq!(found.len(), 1, "{found:?}");
        let expected = format!(" topic `{topic}` is that of the buffer at test.yaml:{at}");
        let message = found[0].split_once(')').map(|(_, message)| message);
        assert!(message.unwrap().starts_with(&expected), "{found:?}");
    };
    let output = "output: { log: { topic: t } }";
    refused(complaints(&config("topic: t", output)), "t", "2:25");
    let own = "output: { log: { topic: millrace-buffer } }";
    refused(complaints(&config("", own)), "millrace-buffer", "2:16");
    let nested = "output: { fallback: [ { drop: {} }, { log: { topic: t } } ] }";
    refused(complaints(&config("topic: t", nested)), "t", "2:25");
    for sound in [
        config("", output),
        config("topic: t", "output: { log: { topic: '${! this.topic }' } }"),
    ] {
        assert_eq!(complaints(&sound), Vec::<String>::new());
    }
}

#[test]
fn the_block_of_the_log_is_checked_as_the_file_of_a_broker_is() {
    let found = complaints(
        "log: { num.partitions: 0, log.dirz: x, log.retention.ms: soon }\ninput: { stdin: {} }\n",
    );
    for expected in [
        "test.yaml(1,24) `num.partitions`: it must be at least 1",
        "(1,27) a broker has no key `log.dirz` (did you mean `log.dirs`?)",
        "`log.retention.ms`: it is not a number",
    ] {
        let is_told = found.iter().any(|it| it.contains(expected));
        assert!(is_told, "{expected}: {found:#?}");
    }
}
