//! What becomes of the messages of a buffer in the two ledgers.

use std::sync::atomic::Ordering;

use millrace_component::{Kind, STOPPED};

use super::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_buffer_that_is_given_up_counts_what_it_loses_as_dropped() {
    let yaml = "
input: { probe: {} }
buffer: { memory: {} }
output: { probe: { gated: true } }
";
    let mut bench = Bench::start(yaml);
    bench.send_numbers(0..20);
    bench.acks(20).await;
    bench.wires.gate.add_permits(3);
    assert_eq!(bench.sizes(3).await, [1; 3]);
    let flow = bench.flow.clone();
    let behind = || flow.buffer_ledger().unwrap().balance();
    while behind().delivered < 3 {
        tokio::task::yield_now().await;
    }
    bench.stream.stopper().cancel();
    flow.abort().cancel();
    let (before, _) = bench.finished().await;
    assert_eq!((before.received, before.delivered), (20, 20));
    let behind = behind();
    assert_eq!((behind.received, behind.delivered), (20, 3));
    assert_eq!(behind.count(Kind::Dropped, "buffer_shutdown"), 17);
    assert_eq!(behind.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_buffer_that_is_stopped_keeps_its_messages_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "
input: {{ probe: {{}} }}
buffer: {{ sqlite: {{ path: '{}' }} }}
output: {{ probe: {{ gated: true }} }}
",
        folder.path().join("b.db").display()
    );
    let mut bench = Bench::start(&yaml);
    bench.send_numbers(0..20);
    bench.acks(20).await;
    let flow = bench.flow.clone();
    // Nobody asked the input to stop: the abort alone has to end it.
    flow.abort().cancel();
    let (before, result) = bench.finished().await;
    result.unwrap();
    assert_eq!(before.delivered, 20);
    let behind = flow.buffer_ledger().unwrap().balance();
    assert_eq!(behind.total(Kind::Dropped), 0);
    assert_eq!(behind.total(Kind::Returned), behind.received);

    let mut again = Bench::start(&yaml);
    again.wires.gate.add_permits(20);
    // Two pipeline threads may overtake each other.
    let mut written = Vec::new();
    for _ in 0..20 {
        written.extend(again.written().await.payloads);
    }
    written.sort();
    let all: Vec<_> = (0..20).map(|it| format!("message {it:04}")).collect();
    assert_eq!(written, all);
    let flow = again.flow.clone();
    again.end().await.1.unwrap();
    let behind = flow.buffer_ledger().unwrap().balance();
    assert_eq!((behind.received, behind.delivered), (20, 20));
}

/// Gives a stream up while it writes, and lets the write succeed then: how many messages were written,
/// and how many are accounted as delivered.
async fn written_while_given_up(yaml: &str) -> (usize, u64) {
    let bench = Bench::start(yaml);
    bench.send_numbers(0..200);
    let (flow, wires) = (bench.flow.clone(), bench.wires.clone());
    while wires.begun.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    flow.abort().cancel();
    // All tasks are on this thread: each of them hears of it before the write may end.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    wires.gate.add_permits(1000);
    let (before, written) = bench.finished_with_writes().await;
    let behind = flow.buffer_ledger().map(|ledger| ledger.balance());
    for balance in std::iter::once(&before).chain(&behind) {
        assert_eq!(balance.in_flight(), 0, "{yaml}");
    }
    (written, behind.unwrap_or(before).delivered)
}

#[tokio::test]
async fn what_is_being_written_when_a_stream_is_given_up_is_counted_by_what_becomes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let stored = format!(
        "sqlite: {{ path: '{}' }}",
        folder.path().join("b.db").display()
    );
    let buffers = [
        "none: {}",
        "memory: {}",
        "memory: { limit: 30 }",
        "memory: { batch_policy: { enabled: true, count: 3 } }",
        "batch: { count: 3 }",
        "system_window: { size: 10ms, timestamp_mapping: root = now() }",
        &stored,
    ];
    let outputs = [
        "output: { probe: { gated: true } }",
        "output: { probe: { gated: true, max_in_flight: 3 } }",
        "output: { probe: { gated: true, batching: { count: 2 } } }",
        "output: { probe: { gated: true, blocking: true } }",
        "output: { probe: { gated: true, blocking: true, batching: { count: 2 } } }",
        "output: { probe: { gated: true, blocking: true }, processors: [ { noop: {} } ] }",
        "output: { broker: { outputs: [ { probe: { gated: true } }, { drop: {} } ] } }",
        "output: { retry: { output: { probe: { gated: true, blocking: true } } } }",
        "pipeline: { shard_by: content().string() }\noutput: { probe: { gated: true } }",
    ];
    for buffer in buffers {
        for output in outputs {
            let yaml = format!("input: {{ probe: {{}} }}\nbuffer: {{ {buffer} }}\n{output}\n");
            let (written, delivered) = written_while_given_up(&yaml).await;
            assert!(written > 0, "{yaml}");
            assert_eq!(delivered, written as u64, "{yaml}");
        }
    }
}

#[tokio::test]
async fn what_a_given_up_sqlite_buffer_has_written_is_not_there_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let path = path.display();
    let yaml = format!(
        "input: {{ probe: {{}} }}\nbuffer: {{ sqlite: {{ path: '{path}' }} }}\noutput: {{ probe: {{ gated: true, blocking: true }} }}"
    );
    let (written, _) = written_while_given_up(&yaml).await;
    let again = Bench::start(&yaml);
    again.wires.gate.add_permits(1000);
    again.wires.payloads.lock().ended = true;
    let flow = again.flow.clone();
    let (_, rest) = again.finished_with_writes().await;
    assert!(written > 0 && rest > 0, "{written} and {rest}");
    let kept = flow.buffer_ledger().unwrap().balance();
    assert_eq!(kept.delivered, rest as u64);
    assert!(written + rest <= 200, "{written} and {rest} of 200");
}

#[tokio::test]
async fn a_message_that_is_being_given_up_for_another_output_is_counted_by_what_becomes_of_it() {
    let yaml = "
input: { probe: { replay: { max_attempts: 1, exhausted: { probe: { name: other, gated: true } } } } }
output: { probe: { refuse: message } }
";
    let bench = Bench::start(yaml);
    bench.send_numbers(0..1);
    let (flow, wires) = (bench.flow.clone(), bench.wires.clone());
    // Two attempts, and the other output.
    while wires.begun.load(Ordering::Relaxed) < 3 {
        tokio::task::yield_now().await;
    }
    flow.abort().cancel();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    wires.gate.add_permits(1);
    let (balance, written) = bench.finished_with_writes().await;
    assert_eq!((written, balance.delivered), (1, 1), "{balance:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stop_leaves_goes_back_or_is_dropped_where_nothing_is_taken_back() {
    for (acknowledged, replays, output) in [
        (true, true, "gated: true"),
        (true, false, "gated: true"),
        (true, true, "refuse: message"),
        (false, true, "gated: true"),
        (false, false, "gated: true"),
        (false, true, "refuse: message"),
    ] {
        let bench = Bench::start(&format!(
            "
input: {{ probe: {{ acknowledged: {acknowledged}, auto_replay_nacks: {replays} }} }}
output: {{ probe: {{ {output} }} }}
"
        ));
        bench.send_numbers(0..5);
        let flow = bench.flow.clone();
        while flow.ledger().balance().received < 5 {
            tokio::task::yield_now().await;
        }
        bench.stream.stopper().cancel();
        flow.abort().cancel();
        let (balance, result) = bench.finished().await;
        result.unwrap();
        let case = format!("{acknowledged} {replays} {output}: {balance:?}");
        let (back, dropped) = if acknowledged { (5, 0) } else { (0, 5) };
        assert_eq!(balance.total(Kind::Returned), back, "{case}");
        assert_eq!(balance.count(Kind::Dropped, STOPPED), dropped, "{case}");
        assert_eq!(balance.in_flight(), 0, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_outputs_with_a_thread_each_than_the_runtime_has_threads_for_short_work_all_run() {
    let mut bench = Bench::start(
        "
input: { probe: {} }
output: { broker: { copies: 600, pattern: fan_out, outputs: [ { drop: {} } ] } }
",
    );
    bench.send_numbers(0..3);
    bench.acks(3).await;
    let (balance, result) = bench.end().await;
    result.unwrap();
    assert_eq!(balance.delivered, 3);
}
