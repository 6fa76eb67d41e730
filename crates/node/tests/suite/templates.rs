//! Templates: what a config that uses them becomes, and what is said of it.

use std::path::Path;

use millrace_node::{Files, Loaded, Main, Templates, load};
use millrace_spec::LintOptions;
use millrace_spec::render::emit;
use tempfile::TempDir;

const SHOUT: &str = r#"
name: shout
type: processor
summary: Says it louder.
fields:
  - { name: suffix, type: string, default: "!" }
mapping: |
  root.mapping = """root = content().uppercase() + "%v" """.format(this.suffix)
"#;

const KEPT: &str = r"
name: kept
type: output
fields:
  - { name: path, type: string }
  - { name: then, type: unknown, default: [] }
mapping: |
  root.file.path = this.path
  root.processors = this.then
";

const LIMITED: &str = r#"
name: limited
type: processor
fields:
  - { name: amount, type: int }
mapping: 'root.sleep.duration = "%vx".format(this.amount)'
"#;

fn templates(texts: &[&str]) -> (TempDir, Templates) {
    let folder = TempDir::new().unwrap();
    for (index, text) in texts.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{index}.yaml")), text).unwrap();
    }
    let path = folder.path().display().to_string();
    let read = Templates::read(&[path]);
    (folder, read)
}

fn loaded_with(texts: &[&str], config: &str, lint: LintOptions) -> Loaded {
    let (_folder, templates) = templates(texts);
    assert!(templates.is_clean(), "{}", templates.render(false));
    let main = Main::Text {
        name: "config.yaml".into(),
        text: config.into(),
    };
    let files = Files {
        main,
        lint,
        ..Files::default()
    };
    load(&files, templates.registry())
}

/// What is said of a config that uses these templates.
fn said(texts: &[&str], config: &str) -> Vec<String> {
    loaded_with(texts, config, LintOptions::default()).lines()
}

/// What is said of these templates, without the folder that they are in.
fn refused(texts: &[&str]) -> Vec<String> {
    let (folder, templates) = templates(texts);
    assert!(templates.has_errors());
    without(folder.path(), templates.lines())
}

fn without(folder: &Path, lines: Vec<String>) -> Vec<String> {
    let folder = format!("{}/", folder.display());
    let lines = lines.into_iter();
    lines.map(|it| it.replace(&folder, "")).collect()
}

fn processors(list: &str) -> String {
    format!("pipeline: {{ processors: [ {list} ] }}\n")
}

#[test]
fn a_template_stands_wherever_a_component_of_its_kind_does() {
    let config = "\
input: { stdin: {} }
pipeline:
  processors:
    - label: loud
      shout: {}
    - try: [ { shout: { suffix: '?' } } ]
output:
  broker:
    outputs:
      - kept: { path: ./a }
      - type: kept
        kept: { path: ./b }
        processors: [ { shout: {} } ]
processor_resources:
  - label: spare
    shout: { suffix: '' }
";
    let loaded = loaded_with(&[SHOUT, KEPT], config, LintOptions::default());
    assert_eq!(loaded.lines(), [""; 0]);
    let pipeline = loaded.config.unwrap().stream.pipeline;
    let shouted = &pipeline.processors[0];
    assert_eq!((shouted.name, &*shouted.label), ("mapping", "loud"));
}

#[test]
fn the_fields_of_a_use_are_checked_as_those_of_any_component() {
    let config = processors("{ shout: { sufix: x } }, { limited: {} }, { limited: { amount: a } }");
    assert_eq!(
        said(&[SHOUT, LIMITED], &config),
        [
            "config.yaml(1,38) field sufix not recognised (did you mean `suffix`?)",
            "config.yaml(1,63) field amount is required",
            "config.yaml(1,90) field amount: expected an integer, found the text `a`",
        ]
    );
}

#[test]
fn what_a_template_makes_wrongly_is_told_at_its_use_with_its_name() {
    let lines = said(
        &[LIMITED],
        &processors("{ try: [ { limited: { amount: 5 } } ] }"),
    );
    let [line] = &*lines else {
        panic!("{lines:?}");
    };
    let at = "config.yaml(1,38) template `limited` makes `sleep.duration`: ";
    assert!(line.starts_with(at), "{line}");
    let config = processors("{ shout: { suffix: '\"' } }");
    let shown = loaded_with(&[SHOUT], &config, LintOptions::default()).render(false);
    let made = r#"= note: the template makes `root = content().uppercase() + """`"#;
    assert!(shown.contains(made), "{shown}");
}

#[test]
fn what_goes_through_a_template_as_it_is_keeps_its_place() {
    let config = "\
output:
  kept:
    path: out
    then:
      - mapping: root = this
      - mapping: root = thiz(
";
    let lines = said(&[KEPT], config);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let at = "config.yaml(6,";
    assert!(lines[0].starts_with(at), "{lines:?}");
    assert!(lines[0].contains("template `kept` makes `processors.1.mapping`: "));
}

#[test]
fn a_resource_that_a_template_names_has_to_be_declared() {
    const CACHED: &str = "{ name: remembered, type: processor, fields: [ { name: where, type: string } ], mapping: 'root.dedupe = { \"cache\": this.where, \"key\": \"k\" }' }";
    let lines = said(&[CACHED], &processors("{ remembered: { where: here } }"));
    assert_eq!(
        lines,
        [
            "config.yaml(1,50) template `remembered` makes `dedupe.cache`: cache resource `here` is \
             not declared (declare it under `cache_resources` with `label: here`)"
        ]
    );
}

#[test]
fn a_template_that_uses_itself_is_an_error_and_ends() {
    const ENDLESS: &str =
        "{ name: endless, type: processor, mapping: 'root.try = [ { \"endless\": {} } ]' }";
    const DOUBLING: &str = "{ name: doubling, type: processor, fields: [ { name: n, type: int } ], mapping: 'root.try = if this.n > 0 { [ { \"doubling\": { \"n\": this.n - 1 } }, { \"doubling\": { \"n\": this.n - 1 } } ] } else { [] }' }";
    let lines = said(&[ENDLESS], &processors("{ endless: {} }"));
    let [line] = &*lines else {
        panic!("{lines:?}");
    };
    assert!(
        line.contains("templates use each other more than 20 times"),
        "{line}"
    );
    assert!(line.contains("`endless` uses itself"), "{line}");
    assert!(line.starts_with("config.yaml(1,"), "{line}");
    let lines = said(&[DOUBLING], &processors("{ doubling: { n: 3 } }"));
    assert_eq!(lines, [""; 0]);
    let lines = said(&[DOUBLING], &processors("{ doubling: { n: 19 } }"));
    let [line] = &*lines else {
        panic!("{} complaints", lines.len());
    };
    let much = "the templates of this config make more than 100000 values";
    assert!(line.contains(much), "{line}");
}

#[test]
fn templates_that_use_themselves_are_told_once_with_the_way_around() {
    let template = |name: &str, makes: &str| {
        format!("{{ name: {name}, type: processor, mapping: 'root.try = [ {makes} ]' }}")
    };
    let start = template("start", r#"{ "ping": {} }"#);
    let ping = template("ping", r#"{ "pong": {} }, { "pong": {} }"#);
    let pong = template("pong", r#"{ "noop": {} }, { "ping": {} }"#);
    // Two uses, each of which doubles at every second level.
    let config = processors("{ start: {} }, { start: {} }");
    assert_eq!(
        said(&[&start, &ping, &pong], &config),
        [
            "config.yaml(1,29) templates use each other more than 20 times: `start` → `ping` → \
             `pong` → `ping` (`ping` uses itself: let its mapping make something else)"
        ]
    );
    // What is wrong deep in a template that uses itself names each place once.
    const SINKING: &str = "{ name: sinking, type: processor, fields: [ { name: n, type: int } ], mapping: 'root.try = [ if this.n > 0 { { \"sinking\": { \"n\": this.n - 1 } } } else { { \"nothing\": {} } } ]' }";
    let lines = said(&[SINKING], &processors("{ sinking: { n: 15 } }"));
    let [line] = &*lines else {
        panic!("{lines:?}");
    };
    let place = "template `sinking` makes `try.0.sinking`: template `sinking` makes `try.0`: ";
    assert!(line.contains(place), "{line}");
    assert_eq!(line.matches("template `sinking`").count(), 2, "{line}");
}

#[test]
fn a_mapping_that_fails_or_makes_no_component_is_told_at_the_use() {
    const PICKY: &str = "{ name: picky, type: processor, fields: [ { name: n, type: int, default: 0 } ], mapping: 'root = match this.n { 0 => throw(\"no\"), 1 => deleted(), 2 => \"text\", 3 => [], 4 => { \"nothing\": 1 } }' }";
    for (n, part) in [
        (0, "template `picky`: its mapping fails: "),
        (1, "template `picky`: its mapping deletes the config"),
        (
            2,
            "template `picky`: its mapping makes a text, and no object",
        ),
        (3, "template `picky`: expected a processor, found a list"),
        (
            4,
            "template `picky`: processor type 'nothing' was not recognised",
        ),
    ] {
        let lines = said(&[PICKY], &processors(&format!("{{ picky: {{ n: {n} }} }}")));
        let [line] = &*lines else {
            panic!("{lines:?}");
        };
        assert!(line.starts_with("config.yaml(1,29) "), "{line}");
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn fields_have_the_types_and_defaults_that_the_template_says() {
    const TYPED: &str = r#"
name: typed
type: processor
fields:
  - { name: s, type: string }
  - { name: i, type: int, default: 7 }
  - { name: f, type: float, default: 0.5 }
  - { name: b, type: bool, default: true }
  - { name: u, type: unknown, default: { a: [ null, 1 ] } }
  - { name: l, type: string, kind: list, default: [] }
  - { name: m, type: int, kind: map, default: {} }
mapping: |
  root.log.message = this.format_json(no_indent: true)
"#;
    const EXPECTED: &str =
        r#"{"b":true,"f":0.5,"i":7,"l":["1","x"],"m":{"k":2},"s":"10","u":{"a":[null,1]}}"#;
    let test = format!(
        "tests:\n  - name: t\n    config: {{ s: 10, l: [ 1, x ], m: {{ k: '2' }} }}\n    expected:\n      log:\n        message: '{EXPECTED}'\n"
    );
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("typed.yaml");
    std::fs::write(&path, format!("{TYPED}{test}")).unwrap();
    let linted = Templates::lint(&[path], &[]);
    assert!(linted.is_clean(), "{}", linted.render(false));
}

#[test]
fn a_template_that_makes_too_much_in_its_test_is_told_once() {
    const VAST: &str = "\
name: vast
type: processor
mapping: 'root.try = range(0, 400).map_each(x -> range(0, 400))'
tests: [ { name: t, config: {} } ]
";
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.yaml");
    std::fs::write(&path, VAST).unwrap();
    let lines = Templates::lint(&[path], &[]).lines();
    assert_eq!(
        without(folder.path(), lines),
        ["t.yaml(4,29) test `t`: template `vast`: its mapping makes more than 100000 values"]
    );
}

#[test]
fn the_tests_of_a_template_fail_where_it_makes_something_else() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.yaml");
    let tests = "\
tests:
  - name: other
    config: {}
    expected: { mapping: root = this }
  - name: unknown
    config: { suffix: a, prefix: b }
  - name: broken
    config: { suffix: '\"' }
  - name: fine
    config: { suffix: b }
";
    std::fs::write(&path, format!("{SHOUT}{tests}")).unwrap();
    let linted = Templates::lint(&[path], &[]);
    assert!(linted.has_errors());
    let lines = without(folder.path(), linted.lines());
    let starts = [
        "t.yaml(12,15) test `other`: the config is not the expected one: ",
        "t.yaml(14,26) test `unknown`: field prefix not recognised",
        "t.yaml(16,13) test `broken`: template `shout` makes `mapping`: ",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_template_file_is_checked_before_it_is_used() {
    assert_eq!(
        refused(&["name: Bad-Name\ntype: buffer\nfields: [ { name: a, type: text }, { name: b } ]\nmapping: 'root ='\nmeow: 1\n"])
            .iter()
            .map(|line| line.split(')').next().unwrap())
            .collect::<Vec<_>>(),
        ["0.yaml(1,7", "0.yaml(2,7", "0.yaml(3,28", "0.yaml(3,36", "0.yaml(4,17", "0.yaml(5,1"]
    );
    let lines = refused(&[
        "{ name: a, type: cache, fields: [ { name: x, type: int, default: y }, { name: x, type: int } ], mapping: root = this, metrics_mapping: 'root = ' }",
    ]);
    assert!(
        lines[0].contains("expected an integer, found the text `y`"),
        "{lines:?}"
    );
}

#[test]
fn the_name_of_a_template_has_to_be_free() {
    let taken = "{ name: mapping, type: processor, mapping: root = this }";
    assert_eq!(
        refused(&[SHOUT, SHOUT, taken]),
        [
            "1.yaml(2,7) processor shout is the name of another template (choose another name)",
            "2.yaml(1,9) processor mapping is the name of a component of this build (choose another \
             name)",
        ]
    );
    // A component that this build lacks may come from a template.
    let (_folder, read) = templates(&[
        "{ name: splunk_hec, type: output, fields: [ { name: url, type: string } ], mapping: 'root.http_client.url = this.url' }",
    ]);
    assert!(read.is_clean(), "{}", read.render(false));
}

#[test]
fn the_echo_of_a_config_hides_what_is_secret_in_what_templates_make() {
    const POSTED: &str = r#"
name: posted
type: output
fields:
  - { name: user, type: string }
  - { name: pin, type: string }
  - { name: token, type: string, secret: true }
  - { name: url, type: string, default: "http://example.com" }
mapping: |
  root.http_client.url = this.url
  root.http_client.basic_auth = { "enabled": true, "username": this.user, "password": this.pin }
  root.http_client.headers.Authorization = "Bearer " + this.token
"#;
    let config = "output: { posted: { user: ann, pin: '12', token: a-long-token } }\n";
    let loaded = loaded_with(&[POSTED], config, LintOptions::default());
    assert_eq!(loaded.lines(), [""; 0]);
    let echoed = emit::yaml(&loaded.normalised().unwrap());
    let (_, output) = echoed.split_once("\noutput:\n").unwrap();
    let expected = "  label: \"\"
  posted:
    user: ann
    pin: '!!!SECRET_SCRUBBED!!!'
    token: '!!!SECRET_SCRUBBED!!!'
    url: http://example.com
";
    assert!(output.starts_with(expected), "{output}");
    assert!(!echoed.contains("a-long-token"), "{echoed}");
}

/// Mappings of templates that put their field `secret` where it cannot stand.
const PASTED: &[&str] = &[
    r#"root.mapping = "root = " + this.secret"#,
    r#"root.mapping = "root = this." + this.secret + "()""#,
    r#"root.mapping = "root = \"" + this.secret + "\" + (""#,
    r#"root.mapping = "root = " + this.secret.uppercase()"#,
    r#"root.mapping = "root = 5 " + this.secret.encode("base64")"#,
    r#"root.mapping = "root = 5 " + this.secret.encode("hex")"#,
    r#"root.mapping = "root = 5 " + this.secret.escape_url_query()"#,
    r#"root.mapping = "root = this.a.re_match(\"(" + this.secret + "\")""#,
    r#"root.mapping = "root = this.a.ts_parse(" + this.secret.slice(1)"#,
    r#"root.log.message = "${! " + this.secret + " }""#,
    r#"root.log.level = this.secret.slice(1)"#,
    r#"root.sleep.duration = this.secret.slice(2) + "x""#,
    r#"root.jq.query = ". | " + this.secret"#,
    r#"root.awk = { "codec": "none", "program": "{ " + this.secret + " " }"#,
    r#"root.javascript.code = "let = (" + this.secret"#,
    r#"root.jmespath.query = "a[" + this.secret"#,
    r#"root.template.text = "{{ " + this.secret + " }}""#,
    r#"root.grok.expressions = [ "%{WORD:a} (" + this.secret ]"#,
    r#"root.http.url = "http://a:" + this.secret.slice(1)"#,
    r#"root = { this.secret.slice(3): {} }"#,
    r#"root.noop = { this.secret.slice(3): {} }"#,
    r#"root.sleep.duration = this.secret.number().string()"#,
    r#"root.sleep.duration = this.secret.slice(2).parse_json().string()"#,
];

#[test]
fn no_complaint_shows_a_piece_of_a_secret_that_a_template_pastes() {
    // As the config writes it, what it is, and in Base64.
    let secrets = [
        (r#""hunter2 is""#, "hunter2 is", "aHVudGVyMiBpcw"),
        (r#""hunt\x65r2\u0020is""#, "hunter2 is", "aHVudGVyMiBpcw"),
        (r#"'hunter2" is'"#, "hunter2\" is", "aHVudGVyMiIgaXM"),
        (r#""hunter2\nis""#, "hunter2\nis", "aHVudGVyMgppcw"),
    ];
    for mapping in PASTED {
        let template = format!(
            "name: pasted\ntype: processor\nfields:\n  - {{ name: secret, type: string, secret: \
             true }}\nmapping: |\n  {mapping}\n"
        );
        for (written, secret, in_base64) in secrets {
            let config = processors(&format!("{{ pasted: {{ secret: {written} }} }}"));
            let loaded = loaded_with(&[&template], &config, LintOptions::default());
            let said = loaded.render(false) + &loaded.lines().join("\n");
            let said = said.to_lowercase();
            assert!(said.contains("template `pasted`"), "{mapping}: {said}");
            let in_hex: String = secret.bytes().map(|it| format!("{it:02x}")).collect();
            let pieces = [secret, in_base64, &in_hex].map(str::to_lowercase);
            let mut runs = pieces.iter().flat_map(|it| it.as_bytes().windows(4));
            let shown = runs.find(|it| said.as_bytes().windows(4).any(|said| said == *it));
            assert!(shown.is_none(), "{mapping}, {written}: {said}");
            for word in ["`is", "is`", "'is", "\"is", "is\"", "is'", "is\u{b7}"] {
                assert!(!said.contains(word), "{mapping}, {written}: {said}");
            }
        }
    }
}

#[test]
fn a_complaint_beside_a_secret_still_says_what_is_wrong() {
    let template = "name: t\ntype: processor\nfields: [ { name: secret, type: string, secret: true } ]\n\
                    mapping: 'root.http = { \"ur\": \"http://a\", \"headers\": { \"Authorization\": this.secret } }'\n";
    let config = processors("{ t: { secret: hunter2 is } }");
    let lines = said(&[template], &config);
    let expected = "template `t` makes `http`: field ur not recognised (did you mean `url`?)";
    assert!(lines.iter().any(|it| it.contains(expected)), "{lines:?}");
}

#[test]
fn a_template_used_twice_may_make_the_same_labels() {
    const LABELLED: &str = "{ name: labelled, type: processor, mapping: 'root.try = [ { \"label\": \"inner\", \"noop\": {} } ]' }";
    let lines = said(
        &[LABELLED],
        &processors("{ labelled: {} }, { labelled: {} }"),
    );
    assert_eq!(lines, [""; 0]);
    const TWICE: &str = "{ name: twice, type: processor, mapping: 'root.try = [ { \"label\": \"a\", \"noop\": {} }, { \"label\": \"a\", \"noop\": {} } ]' }";
    let lines = said(&[TWICE], &processors("{ twice: {} }"));
    assert!(lines[0].contains("label 'a' collides"), "{lines:?}");
}

#[test]
fn a_strict_check_sees_what_templates_make() {
    const FORGETFUL: &str = "{ name: forgetful, type: input, mapping: 'root.file = { \"paths\": [ \"x\" ], \"auto_replay_nacks\": false }' }";
    let strict = LintOptions {
        deny_weaker_guarantees: true,
        require_labels: true,
        ..LintOptions::default()
    };
    let config = "input: { label: in, forgetful: {} }\noutput: { label: out, drop: {} }\n";
    let lines = loaded_with(&[FORGETFUL], config, strict).lines();
    let [line] = &*lines else {
        panic!("{lines:?}");
    };
    let start = "config.yaml(1,21) template `forgetful`: auto_replay_nacks is false: ";
    assert!(line.starts_with(start), "{line}");
}
