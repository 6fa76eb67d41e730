//! What becomes of the messages of a buffer in the two ledgers.

use millrace_component::{Kind, STOPPED};

use super::bench::{Bench, ended};

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
    assert_eq!(ended(&behind, Kind::Dropped, "buffer_shutdown"), 17);
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
        assert_eq!(ended(&balance, Kind::Dropped, STOPPED), dropped, "{case}");
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
