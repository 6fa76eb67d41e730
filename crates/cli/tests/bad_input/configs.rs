//! What is wrong with a config is said with its place, before anything runs.

use millrace_testkit::millrace::{self, Millrace};

use super::{Said, Setup, contains, end};

#[track_caller]
fn refused(config: &str, parts: &[&str]) {
    let said = Setup::new(config).run();
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert_eq!(said.stdout, [""; 0]);
    for part in parts {
        contains(&said.stderr, part);
    }
}

#[test]
fn broken_yaml_is_named_with_its_line_and_a_remedy() {
    refused(
        "input:\n  stdin: {\noutput: { stdout: {} }\n",
        &[
            "error[yaml-syntax]",
            "config.yaml:",
            "a bracket is opened and not closed",
        ],
    );
    refused(
        "input:\n\tstdin: {}\n",
        &[
            "config.yaml:2:1",
            "a tab in the indentation",
            "indent with spaces",
        ],
    );
}

#[test]
fn an_unknown_component_is_named_with_the_one_that_was_meant() {
    refused(
        "input: { stdn: {} }\noutput: { stdout: {} }\n",
        &[
            "config.yaml:1:10",
            "input type 'stdn' was not recognised",
            "did you mean `stdin`?",
        ],
    );
}

#[test]
fn a_variable_that_is_used_in_no_secret_is_shown() {
    refused(
        "http: { enabled: false }\n\
         input: { file: { paths: [ \"${NO_SUCH_FILE:/no/such/cities}\" ] } }\n\
         output: { stdout: {} }\n",
        &["/no/such/cities"],
    );
}

#[test]
fn a_missing_variable_is_named_with_its_place() {
    refused(
        "input: { stdin: {} }\noutput: { file: { path: \"${NO_SUCH_PATH}/x\" } }\n",
        &[
            "config.yaml:2:26",
            "[NO_SUCH_PATH]",
            "${NO_SUCH_PATH:value}",
        ],
    );
}

#[test]
fn a_config_that_is_no_utf8_is_refused_with_the_byte() {
    let setup = Setup::new("");
    setup.write("config.yaml", b"input: { stdin: {} } # \xff\n");
    let said = setup.run();
    assert_eq!(said.code, Some(1));
    contains(
        &said.stderr,
        "config.yaml: it is not UTF-8: the byte at offset 23",
    );
}

#[test]
fn a_config_nested_ten_thousand_deep_is_refused() {
    let config = format!("input: {}{}\n", "[".repeat(10_000), "]".repeat(10_000));
    refused(&config, &["config.yaml:1:"]);
}

#[test]
fn a_branch_that_holds_a_workflow_of_itself_is_refused() {
    let said = Setup::new(
        "http: { enabled: false }
input: { generate: { count: 1, interval: '', mapping: 'root = 1' } }
pipeline: { processors: [ workflow: { branch_resources: [ a ] } ] }
output: { drop: {} }
processor_resources:
  - label: a
    branch:
      processors: [ workflow: { branch_resources: [ b ] } ]
  - label: b
    branch:
      processors: [ workflow: { branch_resources: [ a ] } ]
",
    )
    .run();
    assert_eq!(said.code, Some(1));
    contains(&said.stderr, "processor resource `a` uses itself");
}

#[test]
fn the_value_of_a_variable_that_is_a_password_somewhere_is_shown_nowhere() {
    let setup = Setup::new(
        "http: { enabled: false }
input: { generate: { count: 1, interval: '', mapping: 'root = 1' } }
pipeline:
  processors:
    - log: { message: 'the token is ${TOKEN}' }
    - http:
        url: http://127.0.0.1:1/${TOKEN}
        retries: 0
        basic_auth: { enabled: true, username: a, password: '${TOKEN}' }
output: { stdout: {} }
",
    );
    let run = |arguments: &[&str]| {
        let mut command = millrace::command().unwrap();
        command
            .args(arguments)
            .current_dir(setup.folder.path())
            .env("TOKEN", "planted-secret");
        let said = end(Millrace::start(&mut command).unwrap());
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let all = said.stdout.join("\n") + &said.stderr;
        assert!(!all.contains("planted-secret"), "{all}");
        all
    };
    contains(&run(&["run", "config.yaml"]), "the token is ***");
    contains(
        &run(&["-c", "config.yaml", "--print-json"]),
        "the token is !!!SECRET_SCRUBBED!!!",
    );
}

#[test]
fn no_piece_of_a_secret_is_shown_in_a_complaint_about_another_field() {
    for (field, told) in [
        ("sleep: { duration: '${TOKEN}' }", "unknown unit `***`"),
        ("sleep: { duration: '1m${TOKEN}' }", "unknown unit `***`"),
        (
            "log: { level: '${TOKEN}', message: x }",
            "is not one of its options",
        ),
        (
            "compress: { algorithm: '${TOKEN}' }",
            "is not one of its options",
        ),
        (
            "decompress: { algorithm: gzip, max_size: '${TOKEN}' }",
            "max_size",
        ),
        ("mapping: 'root = ${TOKEN}'", "config.yaml"),
        ("mapping: 'root = this.${TOKEN}'", "config.yaml"),
        ("mapping: 'root = $x${TOKEN}'", "config.yaml"),
        ("mapping: 'root = \"a\".${TOKEN}()'", "config.yaml"),
        ("log: { message: '${! ${TOKEN} }' }", "config.yaml"),
        (
            "log: { message: x, fields_mapping: '${TOKEN}' }",
            "config.yaml",
        ),
    ] {
        let setup = Setup::new(&format!(
            "http: {{ enabled: false }}
input: {{ generate: {{ count: 1, interval: '', mapping: 'root = 1' }} }}
pipeline:
  processors:
    - http: {{ url: http://127.0.0.1:1/, basic_auth: {{ enabled: true, username: a, password: '${{TOKEN}}' }} }}
    - {field}
output: {{ stdout: {{}} }}
"
        ));
        for command in ["run", "lint"] {
            let said = with_token(&setup, command, "12hunter of planted");
            assert_eq!(said.code, Some(1), "{field}: {}", said.stderr);
            let all = said.stdout.join("\n") + &said.stderr;
            for piece in ["hunter", "planted"] {
                assert!(!all.contains(piece), "{field}: {all}");
            }
            contains(&all, told);
        }
    }
}

#[test]
fn no_piece_of_a_secret_is_shown_when_a_mapping_fails_on_it() {
    for mapping in [
        "(\"${TOKEN}\" + this.x).parse_duration()",
        "(\"${TOKEN}\" + this.x).ts_strptime(\"%Y-%m-%d\")",
        "(\"${TOKEN}\" + this.x).ts_parse(\"2006-01-02\")",
        "(\"${TOKEN}\" + this.x).number()",
        "(\"${TOKEN}\" + this.x).decode(\"base64\")",
        "(\"${TOKEN}\" + this.x).bool()",
        "(\"${TOKEN}\" + this.x) - 1",
        "throw(\"not: \" + \"${TOKEN}\" + this.x)",
    ] {
        let setup = Setup::new(&format!(
            "http: {{ enabled: false }}
input: {{ generate: {{ count: 1, interval: '', mapping: 'root.x = \"\"' }} }}
pipeline:
  processors:
    - http: {{ url: http://127.0.0.1:1/, retries: 0, basic_auth: {{ enabled: true, username: a, password: '${{TOKEN}}' }} }}
    - catch: []
    - mapping: 'root = {mapping}'
    - log: {{ level: ERROR, message: '${{! error() }}' }}
output: {{ drop: {{}} }}
"
        ));
        let said = with_token(&setup, "run", "12hunter of planted");
        for piece in ["hunter", "planted"] {
            assert!(!said.stderr.contains(piece), "{mapping}: {}", said.stderr);
        }
        contains(&said.stderr, "root.pipeline.processors.2");
    }
}

fn with_token(setup: &Setup, command: &str, token: &str) -> Said {
    let mut process = millrace::command().unwrap();
    process
        .args([command, "config.yaml"])
        .current_dir(setup.folder.path())
        .env("TOKEN", token);
    end(Millrace::start(&mut process).unwrap())
}

#[test]
fn a_key_in_a_parameter_of_a_url_is_shown_nowhere() {
    let setup = Setup::new(
        "http: { enabled: false }
input: { generate: { count: 1, interval: '', mapping: 'root = 1' } }
pipeline:
  processors:
    - http: { url: 'http://127.0.0.1:1/v1?model=mini&api_key=planted-secret', retries: 0 }
    - log: { message: '${! error() }' }
output: { stdout: {} }
",
    );
    for arguments in [
        &["run", "config.yaml"] as &[_],
        &["echo", "config.yaml"],
        &["-c", "config.yaml", "--print-json"],
    ] {
        let mut command = millrace::command().unwrap();
        command.args(arguments).current_dir(setup.folder.path());
        let said = end(Millrace::start(&mut command).unwrap());
        let all = said.stdout.join("\n") + &said.stderr;
        assert_eq!(said.code, Some(0), "{all}");
        assert!(!all.contains("planted-secret"), "{all}");
        contains(&all, "/v1");
    }
}

#[test]
fn the_host_in_an_address_with_a_password_is_not_masked_elsewhere() {
    let setup = Setup::new(
        "input: { generate: { mapping: 'root = 1' } }
pipeline: { processors: [ { log: { message: 'writes to ${HOST} as ${PASSWORD}' } } ] }
output:
  broker:
    outputs:
      - sql_raw: { driver: postgres, dsn: 'postgres://u:${PASSWORD}@${HOST}/db', query: SELECT 1 }
      - sql_raw: { driver: mysql, dsn: 'u:${PASSWORD}@tcp(${HOST})/db', query: SELECT 1 }
      - redis_list: { url: 'redis://:${PASSWORD}@${HOST}', key: k }
      - http_client: { url: 'http://u:${PASSWORD}@${HOST}/', proxy_url: 'http://u:${PASSWORD}@${HOST}' }
",
    );
    let mut command = millrace::command().unwrap();
    command
        .args(["-c", "config.yaml", "--print-json"])
        .current_dir(setup.folder.path())
        .env("HOST", "db.example.com")
        .env("PASSWORD", "planted-secret");
    let said = end(Millrace::start(&mut command).unwrap());
    let all = said.stdout.join("\n") + &said.stderr;
    assert_eq!(said.code, Some(0), "{all}");
    contains(&all, "writes to db.example.com as !!!SECRET_SCRUBBED!!!");
    assert!(!all.contains("planted-secret"), "{all}");
}

#[test]
fn a_password_that_spoils_its_url_is_shown_nowhere() {
    for mark in ["/", "?", "#", " "] {
        let url = format!("//u:pl{mark}anted-secret@127.0.0.1:1/");
        let setup = Setup::new(&format!(
            "http: {{ enabled: false }}
tracer: {{ open_telemetry_collector: {{ http: [ {{ address: 'http:{url}' }} ] }} }}
input: {{ amqp_0_9: {{ urls: [ 'amqp:{url}' ], queue: q }} }}
pipeline: {{ processors: [ {{ http: {{ url: 'http:{url}' }} }} ] }}
output: {{ http_client: {{ url: 'http:{url}' }} }}
"
        ));
        for command in ["run", "lint", "echo"] {
            let said = with_token(&setup, command, "");
            let all = said.stdout.join("\n") + &said.stderr;
            assert!(!all.contains("anted-secret"), "{mark} {command}: {all}");
            if command != "echo" {
                assert_eq!(said.code, Some(1), "{all}");
                contains(&all, "neither `host:port` nor a URL");
            }
        }
    }
}
