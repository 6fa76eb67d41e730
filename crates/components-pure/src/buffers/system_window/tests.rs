use std::time::Duration;

use jiff::Timestamp;
use millrace_component::{BufferChild, Flow, SourceWriter};
use millrace_message::clock::SetClock;
use millrace_message::{Message, Outcome, Settle, Transaction};
use millrace_testkit::cases;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::testing::bench;

/// What the source has heard, by the content of the message.
type Heard = Arc<Mutex<Vec<(String, Outcome)>>>;

struct Report(Heard, Vec<String>);

impl Settle for Report {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        self.0.lock().extend(self.1.into_iter().zip(outcomes));
    }
}

/// A buffer over an input that a test feeds, at ten seconds past 1970.
struct Fed {
    buffer: Source,
    input: mpsc::UnboundedSender<Vec<&'static str>>,
    heard: Heard,
    flow: Flow,
    _clock: SetClock,
}

fn feed(fields: &str) -> Fed {
    let bench = bench();
    let config: Config = bench
        .read(&format!(
            "{{ timestamp_mapping: root = this.at, {fields} }}"
        ))
        .unwrap_or_else(|error| panic!("{error}"));
    let begin = Timestamp::from_second(10).expect("a time");
    let clock = millrace_message::clock::set_following(begin, || Instant::now().into_std());
    let buffer = config.windows(&bench.context("system_window"));
    let (input, batches) = mpsc::unbounded_channel();
    let heard = Heard::default();
    let upstream = Source::spawn(64, {
        let heard = Arc::clone(&heard);
        |writer| emit(writer, batches, heard)
    });
    Fed {
        buffer: Box::new(buffer).run(upstream),
        input,
        heard,
        flow: bench.flow().clone(),
        _clock: clock,
    }
}

async fn emit(
    writer: SourceWriter,
    mut batches: mpsc::UnboundedReceiver<Vec<&'static str>>,
    heard: Heard,
) -> Result<(), Error> {
    loop {
        let batch = tokio::select! {
            batch = batches.recv() => batch,
            // It may be about to hand over one more.
            () = writer.stop().cancelled() => {
                tokio::time::sleep(Duration::from_millis(10)).await;
                batches.try_recv().ok()
            }
        };
        let Some(texts) = batch else {
            writer.exhaust();
            return Ok(());
        };
        let names = texts.iter().map(|it| (*it).to_owned()).collect();
        let origins = Transaction::open(texts.len(), Box::new(Report(Arc::clone(&heard), names)));
        let mut batch: MessageBatch = texts.into_iter().map(Message::from).collect();
        for (message, origin) in batch.iter_mut().zip(origins) {
            message.set_origin(origin);
        }
        let pushed = writer.batches.push(batch).await;
        assert!(pushed.is_ok(), "the buffer reads until its input ends");
    }
}

impl Fed {
    fn send(&self, texts: &[&'static str]) {
        self.input.send(texts.to_vec()).expect("the input runs");
    }

    async fn next(&self) -> Option<MessageBatch> {
        self.buffer.batches().pop().await
    }

    /// What the source has heard, once everything that is under way has arrived.
    async fn heard(&self) -> Vec<String> {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let heard = self.heard.lock();
        let name = |outcome: &Outcome| match outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Dropped { reason } => reason.to_string(),
            other => format!("{other:?}"),
        };
        let line = |(text, outcome): &(String, Outcome)| format!("{text} {}", name(outcome));
        heard.iter().map(line).collect()
    }
}

fn texts(batch: &MessageBatch) -> Vec<String> {
    let text = |it: &Message| String::from_utf8_lossy(it.bytes()).into_owned();
    batch.iter().map(text).collect()
}

fn deliver(batch: MessageBatch) {
    batch.into_iter().for_each(Message::deliver);
}

#[test]
fn the_end_of_a_window_is_waited_for_however_far_it_is() {
    let look = Duration::from_secs(60);
    let years = |it: i128| it * 366 * 86_400 * 1_000_000_000;
    for (left, expected) in [
        (-1, Duration::ZERO),
        (1_000, Duration::from_micros(1)),
        (years(1), look),
        (years(8000), look),
    ] {
        assert_eq!(super::run::wait(left), expected, "{left}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_leaves_as_one_batch_when_the_clock_is_past_its_end() {
    let fed = feed("size: 10s, allowed_lateness: 2s");
    let begin = Instant::now();
    fed.send(&[r#"{"at":12}"#, r#"{"at":25}"#]);
    fed.send(&[r#"{"at":20}"#]);
    let window = fed.next().await.expect("it leaves");
    assert_eq!(begin.elapsed().as_secs(), 12, "its end and the lateness");
    assert_eq!(texts(&window), [r#"{"at":12}"#, r#"{"at":20}"#]);
    for message in window.iter() {
        let end = message.metadata.get("window_end_timestamp");
        assert_eq!(end.and_then(|it| it.as_str()), Some("1970-01-01T00:00:20Z"));
    }
    assert!(fed.heard().await.is_empty(), "nothing is delivered yet");
    deliver(window);
    let window = fed.next().await.expect("it leaves");
    assert_eq!(begin.elapsed().as_secs(), 22);
    assert_eq!(texts(&window), [r#"{"at":25}"#]);
    assert_eq!(fed.heard().await, [r#"{"at":20} delivered"#]);
    deliver(window);
    let mut heard = fed.heard().await;
    heard.sort();
    assert_eq!(heard.len(), 3, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_late_or_has_no_time_is_dropped_and_counted() {
    let fed = feed("size: 10s");
    fed.send(&[
        r#"{"at":9}"#,
        r#"{"at":"nope"}"#,
        r#"{"at":"11.5"}"#,
        "text",
    ]);
    let window = fed.next().await.expect("it leaves");
    assert_eq!(texts(&window), [r#"{"at":"11.5"}"#]);
    deliver(window);
    let expected = [
        r#"{"at":9} window_too_late"#,
        r#"{"at":"nope"} window_timestamp"#,
        r#"{"at":"11.5"} delivered"#,
        "text window_timestamp",
    ];
    assert_eq!(fed.heard().await, expected);
}

#[tokio::test(start_paused = true)]
async fn what_fails_comes_again_in_its_window_although_that_has_left() {
    let fed = feed("size: 10s");
    fed.send(&[r#"{"at":12}"#, r#"{"at":13}"#]);
    let mut window = fed.next().await.expect("it leaves");
    for round in 0..3 {
        let last = window.len() - 1;
        for (index, message) in window.into_iter().enumerate() {
            match index == last {
                true => message.fail(Error::retry("no queue")),
                false => message.deliver(),
            }
        }
        window = fed.next().await.expect("it comes again");
        assert_eq!(texts(&window), [r#"{"at":13}"#], "round {round}");
        let end = window[0].metadata.get("window_end_timestamp");
        assert_eq!(end.and_then(|it| it.as_str()), Some("1970-01-01T00:00:20Z"));
    }
    deliver(window);
    let expected = [r#"{"at":12} delivered"#, r#"{"at":13} delivered"#];
    assert_eq!(fed.heard().await, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_although_the_time_is_over_is_told_to_its_source() {
    let fed = feed("size: 10s");
    fed.send(&[r#"{"at":11}"#, r#"{"at":12}"#]);
    let mut window = fed.next().await.expect("the window leaves");
    fed.send(&[r#"{"at":21}"#]);
    assert!(fed.heard().await.is_empty());
    fed.flow.abort().cancel();
    let given_up = fed.heard().await;
    assert_eq!(given_up.len(), 1, "{given_up:?}");
    assert!(
        given_up[0].starts_with(r#"{"at":21} Failed"#),
        "{given_up:?}"
    );
    let origins = window.take_origins();
    origins
        .into_iter()
        .for_each(millrace_message::Origin::deliver);
    assert_eq!(
        fed.heard().await[1..],
        [r#"{"at":11} delivered"#, r#"{"at":12} delivered"#]
    );
    drop(fed.input);
    fed.buffer.finish().await.expect("it ends in order");
}

#[tokio::test(start_paused = true)]
async fn a_message_of_several_windows_is_acknowledged_with_the_last_of_them() {
    let fed = feed("size: 10s, slide: 5s");
    fed.send(&[r#"{"at":12}"#]);
    for end in [15, 20] {
        assert!(fed.heard().await.is_empty(), "before {end}");
        let window = fed.next().await.expect("it leaves");
        let found = window[0].metadata.get("window_end_timestamp");
        let expected = format!("1970-01-01T00:00:{end}Z");
        assert_eq!(found.and_then(|it| it.as_str()), Some(&*expected));
        deliver(window);
    }
    assert_eq!(fed.heard().await, [r#"{"at":12} delivered"#]);
}

#[tokio::test(start_paused = true)]
async fn open_windows_leave_at_once_when_the_input_ends_and_when_the_stream_stops() {
    for is_stop in [false, true] {
        let begin = Instant::now();
        let Fed {
            buffer,
            input,
            heard,
            flow: _,
            _clock,
        } = feed("size: 1h");
        let messages = vec![r#"{"at":12}"#, r#"{"at":4000}"#, r#"{"at":13}"#];
        input.send(messages).expect("the input runs");
        if is_stop {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            buffer.stop();
        } else {
            drop(input);
        }
        let mut windows = Vec::new();
        while let Some(window) = buffer.batches().pop().await {
            windows.push(texts(&window));
            deliver(window);
        }
        let expected = [vec![r#"{"at":12}"#, r#"{"at":13}"#], vec![r#"{"at":4000}"#]];
        assert_eq!(windows, expected, "stop: {is_stop}");
        assert!(begin.elapsed().as_secs() < 60, "nothing is waited for");
        buffer.finish().await.expect("it ends well");
        let is_delivered = |it: &(String, Outcome)| matches!(it.1, Outcome::Delivered);
        let heard = heard.lock();
        assert!(
            heard.len() == 3 && heard.iter().all(is_delivered),
            "{heard:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_input_still_hands_over_after_the_stop_leaves_in_its_window() {
    let fed = feed("size: 1h");
    fed.send(&[r#"{"at":12}"#]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    fed.buffer.stop();
    let first = fed.next().await.expect("the open window");
    assert_eq!(texts(&first), [r#"{"at":12}"#]);
    let end = first[0].metadata.get("window_end_timestamp").cloned();
    fed.send(&[r#"{"at":13}"#]);
    let second = fed.next().await.expect("what came after it");
    assert_eq!(texts(&second), [r#"{"at":13}"#]);
    assert_eq!(second[0].metadata.get("window_end_timestamp"), end.as_ref());
    deliver(first);
    deliver(second);
    assert!(fed.next().await.is_none());
    let expected = [r#"{"at":12} delivered"#, r#"{"at":13} delivered"#];
    assert_eq!(fed.heard().await, expected);
}

#[test]
fn bentos_configs_are_read_or_refused_as_bento_does() {
    let rows = cases::rows("config_cases.jsonl");
    for row in rows.iter().filter(|it| it["kind"] == "buffer_config") {
        let yaml = row["buffer_yaml"].as_str().expect("a text");
        if !yaml.contains("system_window") {
            continue;
        }
        let read = bench().read::<BufferChild>(yaml);
        let expected = &row["expect"];
        let is_refused = !(expected["lint_error"].is_null() && expected["build_error"].is_null());
        assert_eq!(read.is_err(), is_refused, "{}: {read:?}", row["id"]);
        if let (Err(error), Some(reason)) = (read, expected["build_error"].as_str()) {
            assert!(error.contains(reason), "{error}");
        }
    }
}

#[test]
fn lengths_that_no_window_has_are_refused() {
    for (fields, reason) in [
        ("size: 0s", "invalid size"),
        ("size: -1s", "invalid size"),
        ("size: 1m, slide: 1m", "invalid slide"),
        ("size: 1m, slide: -1s", "invalid slide"),
        ("size: 1m, slide: 10s, offset: 10s", "invalid offset"),
        ("size: 1m, allowed_lateness: 1m", "invalid allowed_lateness"),
    ] {
        let error = bench()
            .read::<BufferChild>(&format!("system_window: {{ {fields} }}"))
            .expect_err(fields);
        assert!(error.contains(reason), "{fields}: {error}");
        assert_eq!(error.matches("]: invalid").count(), 1, "{fields}: {error}");
    }
    for fields in ["size: 1h, offset: -6h", "size: 1m, slide: '', offset: 30s"] {
        let read = bench().read::<BufferChild>(&format!("system_window: {{ {fields} }}"));
        read.unwrap_or_else(|error| panic!("{fields}: {error}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sliding_window_shares_its_messages_and_counts_each_source_message_once() {
    let fed = feed("size: 10s, slide: 2s");
    fed.send(&[r#"{"at":13}"#]);
    drop(fed.input);
    let mut windows = 0;
    while let Some(window) = fed.buffer.batches().pop().await {
        windows += 1;
        deliver(window);
    }
    fed.buffer.finish().await.expect("it ends well");
    assert_eq!(windows, 5);
    assert_eq!(fed.heard.lock().len(), 1);
}
