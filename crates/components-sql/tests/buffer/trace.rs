//! Each acknowledgement of the buffer follows a sync that covers its rows: read from a trace of
//! what the process really asked of the operating system.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{source, start};

const TRACE: &str = "MILLRACE_TEST_TRACE";
const FOLDER: &str = "MILLRACE_TEST_TRACED_BUFFER";
const MESSAGES: usize = 300;

/// One event of the trace.
#[derive(Debug, PartialEq)]
enum Event {
    /// These bytes were written to the log of the database.
    Written(String),
    /// What was written to it is on disk.
    Synced,
    /// The input was told that this message is stored.
    Acknowledged(String),
}

fn record(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    [&[kind], &length.to_ne_bytes()[..], data].concat()
}

fn events(mut trace: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let [kind, rest @ ..] = trace {
        let (length, rest) = rest.split_first_chunk().unwrap();
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap();
        let (data, rest) = rest.split_at(length);
        let text = String::from_utf8_lossy(data).into_owned();
        events.push(match kind {
            b'W' => Event::Written(text),
            b'S' => Event::Synced,
            b'A' => Event::Acknowledged(text),
            _ => panic!("a record of the kind {kind}"),
        });
        trace = rest;
    }
    events
}

/// How many messages were acknowledged, or the first one whose row was not on disk by then.
fn covered(events: &[Event]) -> Result<usize, &str> {
    let (mut written, mut durable) = (String::new(), String::new());
    let mut acknowledged = 0;
    for event in events {
        match event {
            Event::Written(text) => written.push_str(text),
            Event::Synced => durable.push_str(&std::mem::take(&mut written)),
            Event::Acknowledged(payload) if durable.contains(payload.as_str()) => {
                acknowledged += 1;
            }
            Event::Acknowledged(payload) => return Err(payload),
        }
    }
    Ok(acknowledged)
}

/// Not a test of its own: what the next one runs in a process that is traced.
#[tokio::test(flavor = "multi_thread")]
async fn the_traced_buffer_of_another_test() {
    let (Ok(folder), Ok(trace)) = (std::env::var(FOLDER), std::env::var(TRACE)) else {
        return;
    };
    let mut trace = OpenOptions::new().append(true).open(trace).unwrap();
    let (send, mut acknowledged, upstream) = source();
    let buffer = start(&Path::new(&folder).join("b.db"), "", upstream);
    let mut told = 0;
    for number in 0..MESSAGES {
        send.send(format!("<message {number:04}>")).unwrap();
        // Some commits hold one row, some hold many.
        if number % 7 == 0 {
            let (payload, is_delivered) = acknowledged.recv().await.unwrap();
            assert!(is_delivered);
            trace.write_all(&record(b'A', payload.as_bytes())).unwrap();
            told += 1;
        }
    }
    for _ in told..MESSAGES {
        let (payload, is_delivered) = acknowledged.recv().await.unwrap();
        assert!(is_delivered);
        trace.write_all(&record(b'A', payload.as_bytes())).unwrap();
    }
    drop(send);
    // What is stored stays for a next start.
    buffer.stop();
    buffer.finish().await.unwrap();
}

#[test]
fn each_acknowledgement_follows_a_sync_that_covers_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("trace.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/buffer/trace.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([library.as_os_str(), source.as_ref()])
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(compiled.success());
    let trace = folder.path().join("trace");
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "trace::the_traced_buffer_of_another_test"])
        .env("LD_PRELOAD", library)
        .env(TRACE, &trace)
        .env(FOLDER, folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let mut events = events(&std::fs::read(&trace).unwrap());
    assert_eq!(covered(&events), Ok(MESSAGES));
    // The check is one that fails: without the syncs, nothing is covered.
    events.retain(|event| *event != Event::Synced);
    assert_eq!(covered(&events), Err("<message 0000>"));
}
