//! Buffers on disk: what their processors and their rows may do to the rest of them.

use rusqlite::Connection;

use super::bench::{Bench, PATIENCE};

fn yaml(path: &std::path::Path, more: &str) -> String {
    let path = path.display();
    format!(
        "
input: {{ probe: {{}} }}
buffer: {{ sqlite: {{ path: '{path}', {more} }} }}
pipeline: {{ threads: 1 }}
output: {{ probe: {{}} }}
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_behind_a_buffer_that_waits_does_not_keep_the_input_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let waiting = "post_processors: [ { sleep: { duration: 1h } } ]";
    let mut bench = Bench::start(&yaml(&folder.path().join("rows"), waiting));
    for number in 0..20 {
        bench.send(number.to_string());
        bench.acks(1).await;
    }
    bench.stream.stopper().cancel();
    bench.flow.abort().cancel();
    bench.finished().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_before_a_buffer_that_waits_does_not_keep_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let waiting = "pre_processors: [ { sleep: { duration: '${! if content() == \"wait\" { \"1h\" } else { \"0s\" } }' } } ]";
    let mut bench = Bench::start(&yaml(&folder.path().join("rows"), waiting));
    for number in 0..20 {
        bench.send(number.to_string());
    }
    bench.send("wait");
    for number in 0..20 {
        assert_eq!(bench.written().await.payloads, [number.to_string()]);
    }
    bench.acks(20).await;
    bench.stream.stopper().cancel();
    bench.flow.abort().cancel();
    let (_, outcome) = bench.ack().await;
    assert!(outcome.error().is_some(), "{outcome:?}");
    bench.finished().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_ends_a_stream_whose_input_would_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    Bench::start(&yaml(&path, "")).end().await.1.unwrap();
    let rows = Connection::open(&path).unwrap();
    let damage = "INSERT INTO millrace_buffer (content) VALUES (x'ffffffff')";
    rows.execute(damage, []).unwrap();
    drop(rows);
    let bench = Bench::start(&yaml(&path, ""));
    let failed = tokio::time::timeout(PATIENCE, bench.flow.failed()).await;
    let error = failed.expect("the stream does not go on");
    assert!(
        error
            .text()
            .contains("row 1 of the sqlite buffer is damaged"),
        "{error}"
    );
    bench.stream.stopper().cancel();
    let ended = bench.finished().await.1.unwrap_err();
    assert!(ended.text().contains("is damaged"), "{ended}");
}
