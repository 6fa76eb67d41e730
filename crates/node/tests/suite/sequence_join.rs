//! `sequence` joins what its inputs read, as Bento's documentation shows.

use std::path::Path;
use std::sync::Arc;

use millrace_component::{Balance, Budget, Kind, Leftovers, Services};
use millrace_node::{Files, Main, load, registry};
use millrace_stream::{Environment, Stream};
use millrace_telemetry::Scope;

const USERS: &str = "uuid,name,age\nAAA,Melanie,34\nBBB,Emma,28\nCCC,Geri,45\n";
const HOBBIES: &str = "uuid,hobby\nCCC,pokemon go\nAAA,rowing\nAAA,golf\n";

/// Runs a config in a folder with these files; what it has written to `out`, sorted.
async fn run(files: &[(&str, &str)], config: &str) -> (Vec<String>, Balance) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let balance = run_in(folder.path(), config).await;
    let text = std::fs::read_to_string(folder.path().join("out")).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    (lines, balance)
}

async fn run_in(folder: &Path, config: &str) -> Balance {
    let (balance, ended) = start(folder, config).finish().await;
    ended.unwrap();
    balance
}

fn start(folder: &Path, config: &str) -> Stream {
    let main = Main::Text {
        name: "config.yaml".into(),
        text: config.replace("DIR", folder.to_str().unwrap()),
    };
    let files = Files {
        main,
        ..Files::default()
    };
    let loaded = load(&files, &Arc::new(registry()));
    let shown = loaded.render(false);
    let config = loaded.config.unwrap_or_else(|| panic!("{shown}"));
    let environment = Environment {
        budget: Budget::new(1 << 30),
        leftovers: Leftovers::default(),
        scope: Scope::detached(),
        services: Services::default(),
        error_handling: millrace_stream::ErrorHandling::default(),
    };
    Stream::start(&config.stream, environment).unwrap()
}

/// Runs a config of three messages that are never delivered, until each was tried again, and
/// aborts it.
async fn aborted(folder: &Path, config: &str) -> Balance {
    let stream = start(folder, config);
    let flow = stream.flow().clone();
    while flow.ledger().balance().replayed < 3 {
        tokio::task::yield_now().await;
    }
    flow.abort().cancel();
    let (balance, _) = stream.finish().await;
    assert_eq!(balance.in_flight(), 0);
    balance
}

fn joined(kind: &str, strategy: &str, iterations: u64, inputs: &str, rest: &str) -> String {
    format!(
        "input:
  sequence:
    sharded_join:
      type: {kind}
      id_path: uuid
      iterations: {iterations}
      merge_strategy: {strategy}
    inputs: {inputs}
{rest}
"
    )
}

const TO_FILE: &str = "output: { file: { path: DIR/out, codec: lines } }";

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_two_files_are_joined_by_their_id() {
    let inputs = "[{ file: { paths: [DIR/hobbies.csv, DIR/main.csv], scanner: { csv: {} } } }]";
    for iterations in [1, 10] {
        let config = joined("full-outer", "array", iterations, inputs, TO_FILE);
        let files = [("main.csv", USERS), ("hobbies.csv", HOBBIES)];
        let (lines, balance) = run(&files, &config).await;
        let expected = [
            r#"{"age":"28","name":"Emma","uuid":"BBB"}"#,
            r#"{"age":"34","hobby":["rowing","golf"],"name":"Melanie","uuid":"AAA"}"#,
            r#"{"age":"45","hobby":"pokemon go","name":"Geri","uuid":"CCC"}"#,
        ];
        assert_eq!(lines, expected);
        assert_eq!(balance.delivered, 3);
        assert_eq!(balance.total(Kind::Filtered), 6 * iterations);
        assert_eq!(balance.in_flight(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_of_several_formats_are_joined_after_their_own_processors() {
    let nested = r#"{"document":{"uuid":"CCC","hobbies":[{"type":"pokemon go"}]}}
{"document":{"uuid":"AAA","hobbies":[{"type":"rowing"},{"type":"golf"}]}}
"#;
    let inputs = "
      - file: { paths: [DIR/main.csv], scanner: { csv: {} } }
      - file: { paths: [DIR/hobbies.ndjson], scanner: { lines: {} } }
        processors:
          - mapping: |
              root.uuid = this.document.uuid
              root.hobbies = this.document.hobbies.map_each(this.type)";
    let config = joined("full-outer", "array", 10, inputs, TO_FILE);
    let files = [("main.csv", USERS), ("hobbies.ndjson", nested)];
    let expected = [
        r#"{"age":"28","name":"Emma","uuid":"BBB"}"#,
        r#"{"age":"34","hobbies":["rowing","golf"],"name":"Melanie","uuid":"AAA"}"#,
        r#"{"age":"45","hobbies":["pokemon go"],"name":"Geri","uuid":"CCC"}"#,
    ];
    assert_eq!(run(&files, &config).await.0, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outer_join_emits_each_message_of_the_last_input() {
    let users = "uuid,name\naaa,A\nbbb,B\nccc,C\n";
    let hobbies = "uuid,hobby\nccc,fencing\naaa,running\naaa,gaming\n";
    let last = "uuid,stuff\naaa,first\nccc,second\naaa,third\n";
    let inputs = "
      - csv: { paths: [DIR/1.csv, DIR/2.csv] }
      - csv: { paths: [DIR/last.csv] }";
    for (strategy, expected) in [
        (
            "array",
            [
                r#"{"hobby":"fencing","name":"C","stuff":"second","uuid":"ccc"}"#,
                r#"{"hobby":["running","gaming"],"name":"A","stuff":"first","uuid":"aaa"}"#,
                r#"{"hobby":["running","gaming"],"name":"A","stuff":["first","third"],"uuid":"aaa"}"#,
            ],
        ),
        (
            "replace",
            [
                r#"{"hobby":"fencing","name":"C","stuff":"second","uuid":"ccc"}"#,
                r#"{"hobby":"gaming","name":"A","stuff":"first","uuid":"aaa"}"#,
                r#"{"hobby":"gaming","name":"A","stuff":"third","uuid":"aaa"}"#,
            ],
        ),
        (
            "keep",
            [
                r#"{"hobby":"fencing","name":"C","stuff":"second","uuid":"ccc"}"#,
                r#"{"hobby":"running","name":"A","stuff":"first","uuid":"aaa"}"#,
                r#"{"hobby":"running","name":"A","stuff":"first","uuid":"aaa"}"#,
            ],
        ),
    ] {
        let config = joined("outer", strategy, 1, inputs, TO_FILE);
        let files = [("1.csv", users), ("2.csv", hobbies), ("last.csv", last)];
        assert_eq!(run(&files, &config).await.0, expected, "{strategy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joined_message_that_is_not_delivered_is_sent_again() {
    let inputs = "[{ csv: { paths: [DIR/main.csv] } }]";
    let rest = "
pipeline:
  processors:
    - mapping: 'root = if count(\"sequence_join\") <= 2 { throw(\"not yet\") }'
output:
  reject_errored: { file: { path: DIR/out, codec: lines } }";
    let config = joined("full-outer", "array", 1, inputs, rest);
    let (lines, balance) = run(&[("main.csv", USERS)], &config).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(balance.replayed, 2);
    assert_eq!((balance.delivered, balance.in_flight()), (3, 0));
}

#[test]
fn a_join_that_cannot_work_is_refused() {
    for (fields, reason) in [
        ("type: outer", "needs an `id_path`"),
        (
            "{ type: outer, id_path: a, iterations: 0 }",
            "at least one iteration",
        ),
        ("{ type: inner, id_path: a }", "inner"),
        ("{ type: outer, id_path: a, merge_strategy: add }", "add"),
    ] {
        let fields = fields.trim_start_matches("{ ").trim_end_matches(" }");
        let text = format!(
            "input: {{ sequence: {{ sharded_join: {{ {fields} }}, inputs: [{{ stdin: {{}} }}] }} }}\noutput: {{ drop: {{}} }}"
        );
        let files = Files {
            main: Main::Text {
                name: "config.yaml".into(),
                text,
            },
            ..Files::default()
        };
        let shown = load(&files, &Arc::new(registry())).render(false);
        assert!(shown.contains(reason), "{shown}");
    }
}

#[test]
fn what_nobody_can_read_again_is_not_collected() {
    let queue = "{ broker: { inputs: [{ amqp_0_9: { urls: [amqp://h], queue: q } }] } }";
    let deleted = "{ csv: { paths: [DIR/x], delete_on_finish: true } }";
    let kept = "{ csv: { paths: [DIR/x] } }";
    for (kind, iterations, inputs, refused) in [
        ("full-outer", 1, [kept, deleted], Some("input csv forgets")),
        ("full-outer", 1, [queue, kept], Some("input broker forgets")),
        ("outer", 1, [deleted, kept], Some("input csv forgets")),
        ("outer", 2, [kept, queue], Some("input broker forgets")),
        ("outer", 1, [kept, queue], None),
        ("none", 1, [deleted, queue], None),
    ] {
        let inputs = format!("[{}]", inputs.join(", "));
        let files = Files {
            main: Main::Text {
                name: "config.yaml".into(),
                text: joined(kind, "array", iterations, &inputs, TO_FILE),
            },
            ..Files::default()
        };
        let shown = load(&files, &Arc::new(registry())).render(false);
        match refused {
            Some(refused) => assert!(shown.contains(refused), "{kind} {inputs}: {shown}"),
            None => assert_eq!(shown, "", "{kind} {inputs}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_the_last_input_is_acknowledged_when_it_is_delivered_joined() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.csv"), USERS).unwrap();
    let last = folder.path().join("last.csv");
    std::fs::write(&last, HOBBIES).unwrap();
    let inputs = "
      - csv: { paths: [DIR/main.csv] }
      - csv: { paths: [DIR/last.csv], delete_on_finish: true }";
    let nowhere = "output: { reject: 'not now' }";
    let config = joined("outer", "array", 1, inputs, nowhere);
    let balance = aborted(folder.path(), &config).await;
    assert!(last.exists(), "nothing of it was delivered");
    assert_eq!(balance.total(Kind::Returned), 3, "{balance:?}");

    let config = joined("outer", "array", 1, inputs, TO_FILE);
    let balance = run_in(folder.path(), &config).await;
    assert_eq!((balance.received, balance.delivered), (6, 3));
    assert_eq!(balance.in_flight(), 0);
    assert!(!last.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn joined_messages_that_a_stop_leaves_are_counted_as_dropped() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.csv"), USERS).unwrap();
    let inputs = "[{ csv: { paths: [DIR/main.csv] } }]";
    let config = joined(
        "full-outer",
        "array",
        1,
        inputs,
        "output: { reject: 'not now' }",
    );
    let balance = aborted(folder.path(), &config).await;
    let stopped = (Kind::Dropped, millrace_component::STOPPED.into());
    assert_eq!(balance.others.get(&stopped), Some(&3), "{balance:?}");
}
