//! What processors do beyond the messages that come out: order, acknowledgement, shared state.

use std::sync::Arc;

use millrace_component::conformance::Workbench;
use millrace_component::{Batches, BuiltProcessor, Services};
use millrace_components_pure::{CACHES, Limiters, PROCESSORS, RATE_LIMITS};
use millrace_message::{Error, Message, MessageBatch, Origin, Outcome, Settle, Transaction};
use parking_lot::Mutex;
use smallvec::SmallVec;

const RESOURCES: &str = "cache_resources:\n- label: seen\n  memory: {}\n";

fn bench() -> Workbench {
    Workbench::new([CACHES, PROCESSORS, RATE_LIMITS])
        .with_services(Services::default().with(Arc::new(Limiters::default())))
        .with_resources(RESOURCES)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn processor(yaml: &str) -> BuiltProcessor {
    bench()
        .processor(yaml)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What a source hears of its messages, in order of their indexes.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Option<Vec<String>>>>);

impl Heard {
    fn outcomes(&self) -> Option<Vec<String>> {
        self.0.lock().clone()
    }
}

impl Settle for Heard {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        let text = |outcome: Outcome| match outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Filtered { by } => format!("filtered by {by}"),
            Outcome::Dropped { reason } => format!("dropped: {reason}"),
            Outcome::Failed(error) => format!("failed: {error}"),
        };
        *self.0.lock() = Some(outcomes.into_iter().map(text).collect());
    }

    fn show_held(&self, _: &mut dyn FnMut(&Origin)) -> bool {
        true
    }
}

/// A batch of one transaction.
fn batch(payloads: &[&str]) -> (MessageBatch, Heard) {
    let heard = Heard::default();
    let origins = Transaction::open(payloads.len(), Box::new(heard.clone()));
    let mut batch: MessageBatch = payloads.iter().map(|text| Message::from(*text)).collect();
    for (message, origin) in batch.iter_mut().zip(origins) {
        message.set_origin(origin);
    }
    (batch, heard)
}

fn texts(batches: &Batches) -> Vec<Vec<String>> {
    let text = |message: &Message| String::from_utf8_lossy(message.bytes()).into_owned();
    batches
        .iter()
        .map(|batch| batch.iter().map(text).collect())
        .collect()
}

fn deliver(batches: Batches) {
    batches.into_iter().flatten().for_each(Message::deliver);
}

fn fail(batches: Batches) {
    batches
        .into_iter()
        .flatten()
        .for_each(|message| message.fail(Error::retry("no queue")));
}

#[tokio::test]
async fn a_message_that_was_not_delivered_is_no_duplicate_when_it_comes_again() {
    let dedupe = processor("dedupe:\n  cache: seen\n  key: ${! content() }\n");
    assert!(dedupe.is_sync(), "a memory cache never waits");
    let (first, heard) = batch(&["a", "b", "a"]);
    let passed = dedupe.process(first).await;
    assert_eq!(texts(&passed), [["a", "b"]]);
    assert_eq!(heard.outcomes(), None, "nothing is acknowledged early");
    fail(passed);
    let outcomes = heard.outcomes().expect("everything has settled");
    assert_eq!(
        outcomes,
        [
            "failed: no queue",
            "failed: no queue",
            "failed: the message that this one is a duplicate of was not delivered: no queue"
        ]
    );

    let (replay, heard) = batch(&["a", "b"]);
    let passed = dedupe.process(replay).await;
    assert_eq!(texts(&passed), [["a", "b"]]);
    deliver(passed);
    assert_eq!(
        heard.outcomes().expect("settled"),
        ["delivered", "delivered"]
    );

    let (duplicate, heard) = batch(&["a"]);
    assert!(dedupe.process(duplicate).await.is_empty());
    assert_eq!(heard.outcomes().expect("settled"), ["filtered by dedupe"]);
}

#[tokio::test]
async fn a_duplicate_is_acknowledged_when_the_message_on_its_way_is_and_fails_with_it() {
    let dedupe = processor("dedupe:\n  cache: seen\n  key: ${! content() }\n");
    let ends = [
        (deliver as fn(Batches), "filtered by dedupe"),
        (
            fail,
            "failed: the message that this one is a duplicate of was not delivered: no queue",
        ),
    ];
    for (settle, expected) in ends {
        let (first, _) = batch(&[expected]);
        let passed = dedupe.process(first).await;
        let (second, heard) = batch(&[expected]);
        assert!(dedupe.process(second).await.is_empty());
        let (third, heard_later) = batch(&[expected]);
        assert!(dedupe.process(third).await.is_empty());
        assert_eq!(heard.outcomes(), None, "the first one has not arrived");
        settle(passed);
        assert_eq!(heard.outcomes().expect("it settles"), [expected]);
        assert_eq!(heard_later.outcomes().expect("it settles"), [expected]);
    }
}

#[tokio::test]
async fn duplicates_follow_the_copy_that_came_through_after_the_key_was_removed() {
    let chain = processor(
        "try:
  - dedupe: { cache: seen, key: '${! content().slice(0, 1) }' }
  - switch:
      - check: content().string().has_suffix(\"!\")
        processors: [ { cache: { resource: seen, operator: delete, key: '${! content().slice(0, 1) }' } } ]
",
    );
    let (first, heard_first) = batch(&["a!"]);
    let first = chain.process(first).await;
    let (second, heard_second) = batch(&["a2"]);
    let second = chain.process(second).await;
    assert_eq!(texts(&second), [["a2"]], "the key was removed behind it");
    fail(first);
    assert_eq!(
        heard_first.outcomes().expect("it fails"),
        ["failed: no queue"]
    );
    let (third, heard_third) = batch(&["a3"]);
    assert!(chain.process(third).await.is_empty(), "the key is there");
    assert_eq!(heard_third.outcomes(), None, "the second is on its way");
    deliver(second);
    assert_eq!(heard_second.outcomes().expect("it arrives"), ["delivered"]);
    assert_eq!(
        heard_third.outcomes().expect("with the second"),
        ["filtered by dedupe"]
    );
}

#[tokio::test]
async fn a_message_that_is_lost_on_its_way_gives_its_duplicates_back() {
    let dedupe = processor("dedupe:\n  cache: seen\n  key: ${! content() }\n");
    let (first, heard_first) = batch(&["a"]);
    let passed = dedupe.process(first).await;
    let (second, heard) = batch(&["a"]);
    assert!(dedupe.process(second).await.is_empty());
    drop(passed);
    assert!(heard_first.outcomes().expect("it settles")[0].starts_with("failed: "));
    assert!(heard.outcomes().expect("it settles")[0].starts_with("failed: "));
    let (again, heard) = batch(&["a"]);
    deliver(dedupe.process(again).await);
    assert_eq!(heard.outcomes().expect("settled"), ["delivered"]);
}

#[tokio::test]
async fn the_last_of_several_duplicates_is_kept_when_asked_for() {
    let yaml = "dedupe:\n  cache: seen\n  key: ${! json(\"id\") }\n  strategy: LIFO\n";
    let (input, _heard) = batch(&[r#"{"id":1,"v":1}"#, r#"{"id":2}"#, r#"{"id":1,"v":2}"#]);
    let passed = processor(yaml).process(input).await;
    assert_eq!(texts(&passed), [[r#"{"id":2}"#, r#"{"id":1,"v":2}"#]]);
}

#[tokio::test]
async fn attempts_that_are_made_again_settle_nothing() {
    let yaml = "
retry:
  backoff: { initial_interval: 1ms, max_interval: 1ms }
  processors:
    - mapping: 'root = if count(\"pure_retry\") < 3 { throw(\"not yet\") } else { \"done\" }'
";
    let (input, heard) = batch(&["a"]);
    let result = processor(yaml).process(input).await;
    assert_eq!(texts(&result), [["done"]]);
    assert_eq!(heard.outcomes(), None);
    deliver(result);
    assert_eq!(heard.outcomes().expect("settled"), ["delivered"]);
}

#[tokio::test]
async fn the_last_attempt_goes_on_flagged() {
    let yaml = "
retry:
  max_retries: 2
  backoff: { initial_interval: 1ms, max_interval: 1ms }
  processors: [ { mapping: 'root = throw(\"never\")' } ]
";
    let (input, heard) = batch(&["a"]);
    let result = processor(yaml).process(input).await;
    let message = &result[0][0];
    assert!(message.fault().is_some());
    let retries = message
        .metadata
        .get("retry_count")
        .and_then(millrace_message::Value::as_i64);
    assert_eq!(retries, Some(2));
    fail(result);
    assert_eq!(heard.outcomes().expect("settled"), ["failed: no queue"]);
}

#[tokio::test]
async fn a_switch_keeps_the_order_when_its_cases_filter_and_split() {
    let yaml = "
switch:
  - check: content() == \"2\" || content() == \"4\"
    processors: [ { mapping: 'root = if content() == \"2\" { deleted() } else { [4, 40] }' }, { unarchive: { format: json_array } } ]
  - check: content() == \"1\"
    processors: [ { mapping: 'root = \"one\"' } ]
";
    let switch = processor(yaml);
    assert!(switch.is_sync());
    let (input, heard) = batch(&["0", "1", "2", "3", "4", "5"]);
    let result = switch.process(input).await;
    assert_eq!(texts(&result), [["0", "one", "3", "4", "40", "5"]]);
    deliver(result);
    let outcomes = heard.outcomes().expect("settled");
    assert_eq!(outcomes[2], "filtered by mapping");
    assert_eq!(outcomes.iter().filter(|it| *it == "delivered").count(), 5);
}

#[tokio::test]
async fn an_archive_is_acknowledged_for_all_its_messages_and_its_parts_together() {
    let archive = processor("archive: { format: json_array }\n");
    let (input, heard) = batch(&["{ \"b\": 1, \"a\": 2 }", "[1]"]);
    let archived = archive.process(input).await;
    assert_eq!(texts(&archived), [[r#"[{"a":2,"b":1},[1]]"#]]);
    let parts = processor("unarchive: { format: json_array }\n")
        .process(archived[0].clone())
        .await;
    assert_eq!(texts(&parts), [[r#"{"a":2,"b":1}"#, "[1]"]]);
    deliver(archived);
    assert_eq!(heard.outcomes(), None, "the parts are still on their way");
    fail(parts);
    let outcomes = heard.outcomes().expect("settled");
    assert_eq!(outcomes, ["failed: no queue", "failed: no queue"]);
}

#[tokio::test]
async fn every_archive_format_is_read_back() {
    for format in ["binary", "json_array", "lines", "tar", "zip"] {
        let payloads = [r#"{"a":1}"#, "[2]", "\"three\""];
        let archive =
            format!("archive:\n  format: {format}\n  path: file-${{! content().length() }}\n");
        let (input, _heard) = batch(&payloads);
        let archived = processor(&archive).process(input).await;
        let unarchive = processor(&format!("unarchive: {{ format: {format} }}\n"));
        let parts = unarchive
            .process(archived.into_iter().next().expect("one batch"))
            .await;
        assert_eq!(texts(&parts), [payloads], "{format}");
        if matches!(format, "tar" | "zip") {
            let name = parts[0][1]
                .metadata
                .get("archive_filename")
                .map(|it| it.to_text());
            assert_eq!(name.as_deref(), Some("file-3"), "{format}");
        }
    }
}

#[tokio::test]
async fn what_separates_values_of_csv_is_any_character_that_the_format_names() {
    for (format, separator) in [
        ("csv", ","),
        ("csv:,", ","),
        ("csv:;", ";"),
        ("csv:|", "|"),
        ("csv:\\t", "\t"),
        ("csv:x", "x"),
    ] {
        let unarchive = processor(&format!("unarchive: {{ format: \"{format}\" }}\n"));
        let (input, _heard) = batch(&[&format!("a{separator}b\n1{separator}2\n")]);
        let parts = unarchive.process(input).await;
        assert_eq!(texts(&parts), [[r#"{"a":"1","b":"2"}"#]], "{format}");
    }
    let refused = bench().processor("unarchive: { format: \"csv:ab\" }\n");
    assert!(refused.is_err_and(|error| error.contains("one character")));
}

#[tokio::test]
async fn what_is_compressed_is_read_back() {
    for algorithm in ["flate", "gzip", "lz4", "pgzip", "snappy", "zlib", "zstd"] {
        let (input, _heard) = batch(&["some text", ""]);
        let compress = processor(&format!("compress: {{ algorithm: {algorithm} }}\n"));
        let compressed = compress.process(input).await;
        let decompress = processor(&format!("decompress: {{ algorithm: {algorithm} }}\n"));
        let read = decompress
            .process(compressed.into_iter().next().expect("one batch"))
            .await;
        assert_eq!(texts(&read), [["some text", ""]], "{algorithm}");
    }
}

#[tokio::test]
async fn a_branch_whose_processors_lose_a_message_flags_the_batch_and_keeps_it() {
    let yaml = "
branch:
  processors: [ { mapping: 'root = if content() == \"a\" { deleted() }' } ]
  result_map: root = \"changed\"
";
    let (input, heard) = batch(&["a", "b"]);
    let result = processor(yaml).process(input).await;
    assert_eq!(texts(&result), [["a", "b"]]);
    assert!(result[0].iter().all(|message| message.fault().is_some()));
    assert_eq!(
        heard.outcomes(),
        None,
        "what happens to the copies concerns no source"
    );
}

#[test]
fn a_composite_waits_exactly_when_a_child_does() {
    let wraps = [
        "try: [ CHILD ]",
        "catch: [ CHILD ]",
        "for_each: [ CHILD ]",
        "processors: [ CHILD ]",
        "branch: { processors: [ CHILD ] }",
        "switch: [ { processors: [ CHILD ] } ]",
        "while: { check: 'false', processors: [ CHILD ] }",
        "group_by: [ { check: 'true', processors: [ CHILD ] } ]",
        "parallel: { processors: [ CHILD ] }",
        "cached: { cache: seen, key: a, processors: [ CHILD ] }",
        "workflow: { branches: { a: { processors: [ CHILD ] } } }",
    ];
    for wrap in wraps {
        assert!(
            processor(&wrap.replace("CHILD", "{ noop: {} }")).is_sync(),
            "{wrap}"
        );
        assert!(
            !processor(&wrap.replace("CHILD", "{ sleep: { duration: 1ms } }")).is_sync(),
            "{wrap}"
        );
    }
}

#[test]
fn a_limit_that_is_defined_in_two_ways_is_an_error_that_names_both() {
    let alike = "
processors:
  - rate_limit: { resource: model, rate: 100 }
  - rate_limit: { resource: model, rate: 100, interval: 1s }
  - rate_limit: { resource: other, rate: 5 }
";
    assert!(bench().processor(alike).is_ok());
    let error = bench().processor(&alike.replace("interval: 1s", "interval: 2s"));
    let error = error.err().expect("they differ");
    assert!(
        error.contains("100 per 2s here and as 100 per 1s"),
        "{error}"
    );
}

#[tokio::test]
async fn group_by_value_and_split_move_messages_and_lose_none() {
    let (input, heard) = batch(&["a", "b", "a", "c"]);
    let groups = processor("group_by_value: { value: '${! content() }' }\n")
        .process(input)
        .await;
    assert_eq!(texts(&groups), [vec!["a", "a"], vec!["b"], vec!["c"]]);
    deliver(groups);
    assert_eq!(heard.outcomes().expect("settled").len(), 4);
    let (input, _heard) = batch(&["1", "22", "333", "4"]);
    let parts = processor("split: { size: 0, byte_size: 3 }\n")
        .process(input)
        .await;
    assert_eq!(texts(&parts), [vec!["1", "22"], vec!["333"], vec!["4"]]);
}

#[test]
fn a_key_that_tells_no_messages_apart_is_refused() {
    let refused = bench().processor("dedupe: { cache: seen, key: '' }\n");
    assert!(refused.is_err_and(|error| error.contains("the key is empty")));
}
