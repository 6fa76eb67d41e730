//! The `sqlite` buffer: what it has acknowledged survives a kill, and is delivered until it is
//! accepted.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use millrace_component::conformance::Workbench;
use millrace_component::{Source, track};
use millrace_message::{Error, Message, MessageBatch};
use millrace_testkit::poll::{self, PATIENCE};
use tokio::sync::mpsc;

#[path = "buffer/trace.rs"]
mod trace;

const CHILD: &str = "MILLRACE_TEST_BUFFER";

fn start(path: &Path, more: &str, upstream: Source) -> Source {
    let bench = Workbench::new([millrace_components_sql::BUFFERS]);
    start_on(&bench, path, more, upstream)
}

fn start_on(bench: &Workbench, path: &Path, more: &str, upstream: Source) -> Source {
    let yaml = format!("sqlite:\n  path: '{}'\n{more}", path.display());
    bench.buffer(&yaml).run(upstream)
}

/// An input that emits what is sent to it, and says what was acknowledged.
fn source() -> (
    mpsc::UnboundedSender<String>,
    mpsc::UnboundedReceiver<(String, bool)>,
    Source,
) {
    let (send, mut payloads) = mpsc::unbounded_channel::<String>();
    let (told, acknowledged) = mpsc::unbounded_channel();
    let source = Source::spawn(8, |writer| async move {
        let mut waiting = Vec::new();
        loop {
            let payload = tokio::select! {
                payload = payloads.recv() => payload,
                () = writer.stop().cancelled() => None,
            };
            let Some(payload) = payload else { break };
            let mut batch = MessageBatch::one(Message::from(payload.as_str()));
            let outcomes = track(&mut batch);
            let told = told.clone();
            waiting.push(tokio::spawn(async move {
                let is_delivered = outcomes.await.is_success();
                let _told = told.send((payload, is_delivered));
            }));
            if writer.batches.push(batch).await.is_err() {
                break;
            }
        }
        writer.exhaust();
        for task in waiting {
            task.await.unwrap();
        }
        Ok(())
    });
    (send, acknowledged, source)
}

fn text(batch: &MessageBatch) -> String {
    String::from_utf8_lossy(batch[0].bytes()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_acknowledged_before_they_are_delivered_and_leave_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (send, mut acknowledged, upstream) = source();
    let buffer = start(&folder.path().join("b.db"), "", upstream);
    for number in 0..500 {
        send.send(format!("message {number}")).unwrap();
    }
    for _ in 0..500 {
        assert!(acknowledged.recv().await.unwrap().1);
    }
    drop(send);
    for number in 0..500 {
        let batch = buffer.batches().pop().await.unwrap();
        assert_eq!(text(&batch), format!("message {number}"));
        for message in batch {
            message.deliver();
        }
    }
    assert!(buffer.batches().pop().await.is_none());
    buffer.finish().await.unwrap();
    let (send, _acknowledged, upstream) = source();
    let buffer = start(&folder.path().join("b.db"), "", upstream);
    drop(send);
    assert!(
        buffer.batches().pop().await.is_none(),
        "delivered rows are deleted"
    );
    buffer.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_is_sent_again_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (send, _acknowledged, upstream) = source();
    let buffer = start(&folder.path().join("b.db"), "", upstream);
    send.send("a".to_owned()).unwrap();
    drop(send);
    for _ in 0..3 {
        let batch = buffer.batches().pop().await.unwrap();
        assert_eq!(text(&batch), "a");
        batch.fail(&Error::retry("no"));
    }
    for message in buffer.batches().pop().await.unwrap() {
        message.deliver();
    }
    assert!(buffer.batches().pop().await.is_none());
    buffer.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_buffer_keeps_what_was_not_accepted_for_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let (send, mut acknowledged, upstream) = source();
    let bench = Workbench::new([millrace_components_sql::BUFFERS]);
    let buffer = start_on(&bench, &path, "", upstream);
    for number in 0..300 {
        send.send(number.to_string()).unwrap();
    }
    for _ in 0..300 {
        assert!(acknowledged.recv().await.unwrap().1);
    }
    let first = buffer.batches().pop().await.unwrap();
    let second = buffer.batches().pop().await.unwrap();
    buffer.stop();
    for message in first {
        message.deliver();
    }
    second.fail(&Error::retry("no"));
    while let Some(batch) = buffer.batches().pop().await {
        drop(batch);
    }
    buffer.finish().await.unwrap();
    let kept = bench.context("test").flow().kept();
    let [kept] = &kept[..] else {
        panic!("{kept:?}");
    };
    assert_eq!((&*kept.file, kept.messages), (path.to_str().unwrap(), 299));
    // A digit or more, and what the codec adds.
    assert!((299 * 10..299 * 100).contains(&kept.bytes), "{kept:?}");
    let (send, _acknowledged, upstream) = source();
    let bench = Workbench::new([millrace_components_sql::BUFFERS]);
    let buffer = start_on(&bench, &path, "", upstream);
    drop(send);
    for number in 1..300 {
        let batch = buffer.batches().pop().await.unwrap();
        assert_eq!(text(&batch), number.to_string());
        for message in batch {
            message.deliver();
        }
    }
    assert!(buffer.batches().pop().await.is_none());
    buffer.finish().await.unwrap();
    let kept = bench.context("test").flow().kept();
    assert_eq!((kept[0].messages, kept[0].bytes), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_buffer_makes_the_input_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (send, mut acknowledged, upstream) = source();
    let buffer = start(&folder.path().join("b.db"), "  max_bytes: 3000\n", upstream);
    for _ in 0..10 {
        send.send("x".repeat(1000)).unwrap();
    }
    drop(send);
    assert!(acknowledged.recv().await.unwrap().1);
    assert!(acknowledged.recv().await.unwrap().1);
    let (mut received, mut told) = (0, 2);
    while let Some(batch) = buffer.batches().pop().await {
        // At most two of these fit at a time: no more are acknowledged beside those that left.
        while acknowledged.try_recv().is_ok() {
            told += 1;
        }
        assert!(told <= received + 2, "{told} {received}");
        received += 1;
        for message in batch {
            message.deliver();
        }
    }
    assert_eq!(received, 10);
    buffer.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_use_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let (_send, _acknowledged, upstream) = source();
    let _buffer = start(&path, "", upstream);
    let bench = Workbench::new([millrace_components_sql::BUFFERS]);
    for (path, reason) in [
        (path.display().to_string(), "another process"),
        ("/nowhere/b.db".to_owned(), "No such file or directory"),
    ] {
        let yaml = format!("sqlite: {{ path: '{path}' }}");
        let child: millrace_component::BufferChild = bench.read(&yaml).unwrap();
        let error = child.config.build(&bench.context("sqlite")).err().unwrap();
        assert!(
            error.text().contains(reason) && error.text().contains("path"),
            "{error}"
        );
    }
}

/// Not a test of its own: what `what_was_acknowledged_survives_a_kill` runs and kills. It fills a
/// buffer and writes down each acknowledgement after it came.
#[tokio::test(flavor = "multi_thread")]
async fn the_buffer_of_another_test() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let folder = Path::new(&folder);
    let (send, mut acknowledged, upstream) = source();
    let _buffer = start(&folder.join("b.db"), "", upstream);
    let mut list = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(folder.join("list"))
        .unwrap();
    let round = std::process::id();
    for number in 0.. {
        send.send(format!("{round} {number}")).unwrap();
        if number % 50 == 49 {
            for _ in 0..50 {
                let (payload, is_delivered) = acknowledged.recv().await.unwrap();
                assert!(is_delivered);
                std::io::Write::write_all(&mut list, format!("{payload}\n").as_bytes()).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    let lines = || std::fs::read_to_string(&list).map_or(0, |text| text.lines().count());
    for _ in 0..3 {
        let before = lines();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_buffer_of_another_test", "--nocapture"])
            .env(CHILD, folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let filled = poll::until("the buffer to fill", PATIENCE, || {
            (lines() >= before + 100).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        filled.unwrap();
    }
    let written = std::fs::read_to_string(&list).unwrap();
    let acknowledged: BTreeSet<String> = written.lines().map(str::to_owned).collect();
    let (send, _acknowledged, upstream) = source();
    let buffer = start(&folder.path().join("b.db"), "", upstream);
    drop(send);
    let mut found = BTreeSet::new();
    while let Some(batch) = buffer.batches().pop().await {
        assert!(found.insert(text(&batch)), "none comes twice");
        for message in batch {
            message.deliver();
        }
    }
    buffer.finish().await.unwrap();
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "{lost:?}");
}
