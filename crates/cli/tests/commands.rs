//! The commands that answer and end: what they print, and with which code they exit.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::process::Output;

use millrace_testkit::millrace;

fn run(args: &[&str], input: &[u8]) -> Output {
    run_with(args, &[], input)
}

fn run_with(args: &[&str], variables: &[(&str, &str)], input: &[u8]) -> Output {
    let mut command = millrace::command().unwrap();
    command.args(args).envs(variables.iter().copied());
    millrace::output(&mut command, input).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn mapped(args: &[&str], input: &str) -> (String, String, bool) {
    let output = run(&[&["blobl"], args].concat(), input.as_bytes());
    let success = output.status.success();
    (text(&output.stdout), text(&output.stderr), success)
}

#[test]
fn blobl_maps_each_line() {
    let (printed, told, success) = mapped(
        &["root.name = this.name.uppercase()"],
        "{\"name\":\"a\"}\n{\"name\":\"b\"}\r\n{\"name\":\"c\"}",
    );
    let expected = "{\"name\":\"A\"}\n{\"name\":\"B\"}\n{\"name\":\"C\"}\n";
    assert_eq!((&*printed, &*told, success), (expected, "", true));
}

#[test]
fn blobl_prints_texts_as_they_are_and_an_empty_line_for_what_is_deleted() {
    let mapping = "root = if this.n == 2 { deleted() } else { \"n is \" + this.n.string() }";
    let (printed, _, _) = mapped(&[mapping], "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    assert_eq!(printed, "n is 1\n\nn is 3\n");
}

#[test]
fn blobl_takes_raw_lines_and_prints_over_several_lines() {
    let (printed, _, _) = mapped(&["-r", "root = this.uppercase()"], "1 < two\n");
    assert_eq!(printed, "1 < TWO\n");
    let (printed, _, _) = mapped(&["--pretty", "root.a = [this.n]"], "{\"n\":1}\n");
    assert_eq!(printed, "{\n  \"a\": [\n    1\n  ]\n}\n");
}

#[test]
fn blobl_goes_on_after_a_line_it_fails_on_and_says_so_at_the_end() {
    let (printed, told, success) =
        mapped(&["root = this.n + 1"], "{\"n\":1}\nno json\n{\"n\":3}\n");
    assert_eq!(printed, "2\n4\n");
    assert!(told.starts_with("line 2: "), "{told}");
    assert!(!success);
}

#[test]
fn blobl_maps_every_line_on_several_threads_in_order() {
    let lines: String = (0..1000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let (printed, _, _) = mapped(&["-t", "4", "root = this.n"], &lines);
    let numbers: Vec<u32> = printed.lines().map(|it| it.parse().unwrap()).collect();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
}

#[test]
fn blobl_refuses_a_line_above_its_bound_and_reads_no_further() {
    let (printed, told, success) = mapped(
        &["--max-token-length", "8", "root = content().length()"],
        "12345678\n123456789\n1\n",
    );
    assert_eq!(printed, "8\n");
    assert!(told.contains("line 2 is longer than 8 bytes"), "{told}");
    assert!(!success);
}

#[test]
fn blobl_shows_where_a_mapping_is_wrong_and_reads_files_with_their_imports() {
    let (_, told, success) = mapped(&["root = this.nope("], "");
    assert!(told.contains("mapping:1:") && told.contains('^'), "{told}");
    assert!(!success);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("main.blobl");
    std::fs::write(
        folder.path().join("lib.blobl"),
        "map shout { root = this.uppercase() }",
    )
    .unwrap();
    std::fs::write(
        &file,
        "import \"./lib.blobl\"\nroot = this.a.apply(\"shout\")",
    )
    .unwrap();
    let (printed, told, _) = mapped(&["-f", file.to_str().unwrap()], "{\"a\":\"x\"}\n");
    assert_eq!(printed, "X\n", "{told}");
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], b"");
        assert!(output.status.success(), "{shell}");
        for word in ["lint", "blobl", "watcher"] {
            assert!(text(&output.stdout).contains(word), "{shell}: {word}");
        }
        assert!(!text(&output.stdout).contains("chilled"), "{shell}");
    }
}

#[test]
fn a_shell_offers_what_can_be_listed_and_what_a_config_can_begin_with() {
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(&["completions", shell], b"").stdout);
        for word in ["rate-limits", "bloblang-methods", "http_server", "trace"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn list_prints_names_as_json() {
    let output = run(&["list", "--format", "json", "inputs", "tracers"], b"");
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        listed["tracers"],
        serde_json::json!(["none", "open_telemetry_collector"])
    );
    let inputs = listed["inputs"].as_array().unwrap();
    assert!(inputs.contains(&"http_server".into()));
    assert_eq!(listed.as_object().unwrap().len(), 2);
    let all = run(&["list", "--format", "json"], b"");
    let listed: serde_json::Value = serde_json::from_slice(&all.stdout).unwrap();
    assert!(
        listed["bloblang-methods"]
            .as_array()
            .unwrap()
            .contains(&"uppercase".into())
    );
}

fn lint(name: &str, content: &str, flags: &[&str]) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap();
    let output = run(&[&["lint"], flags, &[path]].concat(), b"");
    let told = text(&output.stderr).replace(path, name);
    (told, output.status.success())
}

#[test]
fn strict_lint_reports_what_weakens_delivery_and_labels_what_has_none() {
    let config = "
input: { label: in, generate: { mapping: 'root = 1', count: 1 } }
buffer: { memory: {} }
output: { drop_on: { error: true, output: { http_client: { url: http://h, drop_on: [ 400 ] } } } }
";
    assert_eq!(lint("a.yaml", config, &[]), (String::new(), true));
    let (weak, clean) = lint("a.yaml", config, &["--strict"]);
    assert!(!clean);
    for told in [
        "a.yaml(3,9) buffer memory acknowledges messages on arrival",
        "a.yaml(4,29) error of drop_on is set",
    ] {
        assert!(weak.contains(told), "{told}: {weak}");
    }
    assert_eq!(weak.lines().count(), 2, "{weak}");
    let (unlabelled, clean) = lint("a.yaml", config, &["--labels"]);
    assert!(
        !clean && unlabelled.contains("label is required"),
        "{unlabelled}"
    );
    assert!(!unlabelled.contains("drop_on is set"), "{unlabelled}");
    let (both, _) = lint("a.yaml", config, &["--labels", "--strict"]);
    let lines = weak.lines().count() + unlabelled.lines().count();
    assert_eq!(both.lines().count(), lines, "{both}");
    let good = config
        .replace("buffer: { memory: {} }", "")
        .replace("error: true", "error: false");
    assert_eq!(lint("a.yaml", &good, &["--strict"]), (String::new(), true));
}

#[test]
fn the_blocks_of_markdown_pages_are_linted_with_the_lines_of_the_page() {
    let page = "# Page\n\n```yaml\ninput: { stdin: {} }\n```\n\ntext\n\n```yaml\noutput:\n  stdot: {}\n```\n";
    let (told, clean) = lint("page.md", page, &[]);
    assert!(!clean);
    assert!(told.starts_with("page.md(11,3) "), "{told}");
    assert!(told.contains("stdot"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    let (told, clean) = lint("page.md", "\n```yaml\ninput: {}\n", &[]);
    assert!(!clean && told.contains("has no end"), "{told}");
}

#[test]
fn a_variable_that_is_not_set_is_one_complaint() {
    let config = "
input:
  amqp_0_9: { urls: [ \"${NOT_SET_URL}\" ], queue: \"${NOT_SET_QUEUE}\", prefetch_count: ${NOT_SET_COUNT} }
pipeline:
  processors:
    - mapping: |
        root = ${NOT_SET_VALUE} + 1
    - sleep: { duration: \"${NOT_SET_TIME}\" }
output: { amqp_0_9: { urls: [ \"${NOT_SET_URL}\" ], exchange: e } }
";
    let (told, clean) = lint("a.yaml", config, &[]);
    assert!(!clean);
    assert_eq!(told.lines().count(), 1, "{told}");
    let names = "[NOT_SET_URL NOT_SET_QUEUE NOT_SET_COUNT NOT_SET_VALUE NOT_SET_TIME]";
    assert!(told.contains(names), "{told}");
    let clean = (String::new(), true);
    assert_eq!(lint("a.yaml", config, &["--skip-env-var-check"]), clean);
}

#[test]
fn what_has_nothing_to_do_with_a_missing_variable_is_still_said() {
    let config = "
input: { file: { paths: [ \"${NOT_SET_FILE}\" ], nope: 1 } }
pipeline:
  processors:
    - mapping: |
        root.a = \"${NOT_SET_TEXT}\"
        root.b = this.nope(
output: { drop: 5 }
";
    let (told, _) = lint("a.yaml", config, &["--skip-env-var-check"]);
    for place in ["a.yaml(2,", "a.yaml(7,", "a.yaml(8,"] {
        assert!(told.contains(place), "{place}: {told}");
    }
    assert!(told.contains("field nope not recognised"), "{told}");
    assert!(
        told.contains("field drop: expected an object, found the number 5"),
        "{told}"
    );
}

#[test]
fn a_component_that_is_not_built_passes_lint_and_is_one_error_of_a_run() {
    let config = "input: { nats: { urls: [ a ], subject: t } }\noutput: { drop: {} }\n";
    let (told, clean) = lint("a.yaml", config, &[]);
    assert!(clean, "{told}");
    assert!(
        told.contains("warning: input nats is not part of this build"),
        "{told}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, config).unwrap();
    let output = run(&["run", path.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.starts_with("error[component-not-built]: input nats is not part of this build\n"),
        "{told}"
    );
    assert!(told.contains("a.yaml:1:10"), "{told}");
    assert_eq!(told.matches("error").count(), 1, "{told}");
    assert!(!told.contains("warning"), "{told}");
}

#[test]
fn a_placeholder_of_documentation_passes_lint_and_is_an_error_of_a_run() {
    let config = "input: { http_client: { url: TODO } }\noutput: { drop: {} }\n";
    let (told, clean) = lint("a.yaml", config, &[]);
    let said = "a.yaml(1,30) warning: `TODO` stands for something that is filled in";
    assert!(clean && told.contains(said), "{told}");
    let output = run_with(&["run"], &[("BENTO_CONFIG", config)], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("does not begin with `http://`"));
    let wrong = config.replace("TODO", "localhost");
    assert!(!lint("a.yaml", &wrong, &[]).1);
}

#[test]
fn files_of_resources_alone_are_linted_as_whole_configs() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cache = "cache_resources: [ { label: c, memory: {} } ]\n";
    let user = "pipeline: { processors: [ { cache: { resource: c, operator: get, key: k } } ] }\n";
    let (cache, user) = (file("cache.yaml", cache), file("user.yaml", user));
    let output = run(&["-r", &cache, "lint"], b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let wrong = file(
        "wrong.yaml",
        "input: { generate: { huh: what, mapping: root = 1 } }\n",
    );
    let output = run(&["-r", &wrong, "lint"], b"");
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("field huh not recognised"), "{told}");
    let output = run(&["-r", &user, "lint"], b"");
    let told = text(&output.stderr);
    assert!(
        told.contains("cache resource `c` is not declared"),
        "{told}"
    );
}

#[test]
fn type_errors_name_the_field_what_it_takes_and_what_was_found() {
    let config = "
http: 5
input: { file: { paths: x.txt } }
pipeline: { threads: [ 1 ], processors: [ noop ] }
output: { broker: { outputs: [ { drop: {} } ], pattern: 7 } }
logger: { add_timestamp: maybe, level: {} }
shutdown_timeout: 5 apples
";
    let (told, clean) = lint("a.yaml", config, &[]);
    assert!(!clean && !told.contains("!!"), "{told}");
    for part in [
        "field http: expected an object, found the number 5",
        "field paths: expected a list, found the text `x.txt`",
        "field threads: expected an integer, found a list",
        "field processors.0: expected a processor, found the text `noop`",
        "field pattern: `7` is not one of its options",
        "field add_timestamp: expected `true` or `false`, found the text `maybe`",
        "field level: expected a text, found an object",
        "field shutdown_timeout: unknown unit",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_variable_of_a_mapping_that_is_never_assigned_is_a_warning_with_its_place() {
    let config = "
input: { stdin: {} }
pipeline:
  processors:
    - mapping: |
        let a = 1
        root.sum = $a + $b
    - log: { message: '${! $c }' }
output: { drop: {} }
";
    let (told, clean) = lint("a.yaml", config, &[]);
    assert!(clean, "{told}");
    assert!(
        told.contains("a.yaml(7,26) warning: variable `b` is assigned nowhere"),
        "{told}"
    );
    assert!(told.contains("variable `c` is assigned nowhere"), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn a_config_in_the_place_of_a_command_is_told_how_to_run() {
    for name in ["my.yaml", "other/config.yml"] {
        let output = run(&[name], b"");
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains(&format!("`millrace run {name}`")), "{told}");
    }
    let told = text(&run(&["rnu"], b"").stderr);
    assert!(!told.contains("to run this config"), "{told}");
}

#[test]
fn list_refuses_a_kind_that_does_not_exist_and_describes_functions() {
    let output = run(&["list", "inptus"], b"");
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("did you mean `inputs`?"), "{told}");
    let listed = text(&run(&["list", "bloblang-functions"], b"").stdout);
    assert!(listed.contains("\n  uuid_v4 "), "{listed}");
    assert!(!listed.contains("\ninputs\n"), "{listed}");
}

#[test]
fn a_resource_that_is_not_declared_is_said_beside_everything_else() {
    let config = "
input: { resource: nowhere }
pipeline:
  threads: many
  processors: [ { cache: { resource: here, operator: get, key: a } } ]
output: { drop: {} }
cache_resources: [ { label: here, memory: { nope: 1 } } ]
";
    let (told, _) = lint("a.yaml", config, &[]);
    for part in [
        "a.yaml(2,20) input resource `nowhere` is not declared",
        "field threads: expected an integer",
        "field nope not recognised",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(told.lines().count(), 3, "{told}");
    // What a file declares that cannot be read is not known.
    let (told, _) = lint("a.yaml", config, &["-r", "no_such_file.yaml"]);
    assert!(!told.contains("not declared"), "{told}");
}

#[test]
fn without_a_config_there_is_nothing_to_run_and_nothing_to_lint() {
    let output = run(&[], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let told = text(&output.stderr);
    assert!(told.contains("Usage: millrace"), "{told}");
    let output = run(&["lint"], b"");
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.starts_with("error: nothing to lint: "), "{told}");
}

#[test]
fn a_config_that_is_not_named_is_said_to_be_linted() {
    let config = [("MILLRACE_CONFIG", "input: { stdn: {} }")];
    let output = run_with(&["lint"], &config, b"");
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.starts_with("$MILLRACE_CONFIG note: "), "{told}");
    assert!(told.contains("did you mean `stdin`?"), "{told}");
}

#[test]
fn a_folder_is_linted_with_everything_below_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let empty = run(&["lint", path], b"");
    assert_eq!(empty.status.code(), Some(1));
    assert!(text(&empty.stderr).contains("no .yaml or .yml file"));
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("a.yaml"), "input: { stdn: {} }").unwrap();
    std::fs::write(folder.path().join("below/b.yml"), "output: { stdot: {} }").unwrap();
    std::fs::write(folder.path().join("c.txt"), "no config").unwrap();
    for named in [path.to_owned(), format!("{path}/...")] {
        let told = text(&run(&["lint", &named], b"").stderr);
        assert!(told.contains("stdn") && told.contains("stdot"), "{told}");
        assert_eq!(told.lines().count(), 2, "{told}");
    }
}

#[test]
fn blocks_of_a_page_that_are_no_configs_are_counted_and_not_linted() {
    let page = "
```yaml
# a component
label: \"\"
http: { url: a }
```

```yaml
- mapping: root = this
- nope: 5
```

1. In a list:
   ```yaml
   # a config
   output: { stdot: {} }
   ```
";
    let (told, clean) = lint("page.md", page, &[]);
    assert!(!clean);
    assert!(
        told.contains("page.md note: 2 blocks of YAML are no configs"),
        "{told}"
    );
    assert!(told.contains("page.md(16,14) "), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn a_set_expression_is_refused_with_its_path_and_what_was_meant() {
    let clean = "input: { stdin: {} }\noutput: { drop: {} }\n";
    for (expression, said) in [
        (
            "pipeline.threds=4",
            "--set pipeline.threds(1,10) failed to set config field override: pipeline.threds: \
             field not recognised (did you mean `threads`?)",
        ),
        ("input.stdn.codec=x", "(did you mean `stdin`?)"),
        (
            "pipeline.threads=many",
            "--set pipeline.threads(1,18) field threads: expected an integer, found the text `many`",
        ),
    ] {
        let (told, success) = lint("a.yaml", clean, &["-s", expression]);
        assert!(!success && told.contains(said), "{told}");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_told_from_a_file_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("config.yaml");
    std::os::unix::fs::symlink("nowhere.yaml", &link).unwrap();
    let (link, all) = (link.display(), folder.path().display());
    let (link, pattern, all) = (link.to_string(), format!("{all}/*.yaml"), all.to_string());
    for args in [
        vec!["run", &link],
        vec!["echo", &link],
        vec!["lint", &link],
        vec!["lint", &pattern],
        vec!["lint", &all],
        vec!["test", &link],
        vec!["run", "-r", &pattern, "-s", "input={stdin: {}}"],
        vec!["run", "-e", &link, "-s", "input={stdin: {}}"],
        vec!["lint", "-t", &link, &all],
    ] {
        let output = run(&args, b"");
        let told = text(&output.stderr) + &text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
        let expected = format!("{link}: it is a link to nowhere.yaml, which does not exist");
        assert!(told.contains(&expected), "{args:?}: {told}");
        assert!(!told.contains("did you mean"), "{args:?}: {told}");
    }
}

#[test]
fn an_empty_path_is_told_from_a_missing_argument() {
    for (args, code) in [
        (["run", ""], 2),
        (["echo", ""], 2),
        (["-c", ""], 2),
        (["lint", ""], 1),
        (["test", ""], 1),
    ] {
        let output = run(&args, b"");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        assert!(
            told.contains("the path is empty: name a file"),
            "{args:?}: {told}"
        );
    }
}

#[test]
fn what_is_created_and_not_built_is_said() {
    let output = run(&["create", "-s", "nats"], b"");
    assert!(output.status.success());
    let told = text(&output.stderr);
    assert!(
        told.starts_with("warning: input nats is not part of this build"),
        "{told}"
    );
    assert!(text(&output.stdout).contains("# Not part of this build"));
}

#[test]
fn an_address_that_cannot_be_used_is_shown_where_it_stands() {
    let config = "http: { address: nowhere }\ninput: { stdin: {} }\noutput: { drop: {} }\n";
    let (told, _) = lint("a.yaml", config, &[]);
    assert!(
        told.contains("a.yaml(1,18) field http.address: `nowhere` does not end in a port"),
        "{told}"
    );
    let disabled = config.replace("{ address", "{ enabled: false, address");
    assert_eq!(lint("a.yaml", &disabled, &[]), (String::new(), true));

    let input = "input: { http_server: { address: localhost } }\noutput: { drop: {} }\n";
    let (told, _) = lint("a.yaml", input, &[]);
    assert!(
        told.contains("a.yaml(1,34) field address: `localhost` does not end in a port"),
        "{told}"
    );

    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, config.replace("nowhere", &address)).unwrap();
    let output = run(&["run", path.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    let place = format!("`http.address`: listen on `{address}`");
    assert!(
        told.contains(&place) && told.contains("a.yaml(1,18)"),
        "{told}"
    );
}
