//! In which order messages are processed and written, and what one leaves in a cache for the next.

use std::sync::atomic::Ordering;

use super::bench::Bench;

/// Takes the messages that a pipeline of one thread makes of twenty that are all waiting.
async fn made(processors: &str, expected: usize) -> Vec<String> {
    let mut bench = Bench::start(&format!(
        "
input: {{ probe: {{}} }}
pipeline: {{ threads: 1, processors: [ {processors} ] }}
output: {{ probe: {{}} }}
cache_resources: [ {{ label: kept, memory: {{}} }} ]
"
    ));
    bench.send_numbers(0..20);
    let mut made = Vec::new();
    while made.len() < expected {
        made.extend(bench.written().await.payloads);
    }
    let (balance, result) = bench.end().await;
    result.unwrap();
    assert_eq!(balance.received, 20);
    assert_eq!(balance.delivered as usize, expected);
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn without_processors_the_order_is_kept_whatever_the_number_of_threads() {
    const COUNT: usize = 2_000;
    let mut bench = Bench::start(
        "
input: { probe: {} }
pipeline: { threads: 8 }
output: { probe: {} }
",
    );
    bench.send_numbers(0..COUNT);
    let mut written = Vec::new();
    while written.len() < COUNT {
        written.extend(bench.written().await.payloads);
    }
    let (_, result) = bench.end().await;
    result.unwrap();
    assert!(written.is_sorted(), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_an_output_keep_the_order_though_many_wait_for_it() {
    const COUNT: usize = 5_000;
    let folder = tempfile::tempdir().unwrap();
    for (name, pattern) in [("one", "fan_out"), ("two", "fan_out_sequential")] {
        let path = folder.path().join(name);
        let mut bench = Bench::start(&format!(
            "
input: {{ probe: {{}} }}
output:
  broker:
    pattern: {pattern}
    outputs: [ {{ file: {{ path: '{}' }} }}, {{ drop: {{}} }} ]
    batching: {{ count: 17, period: 10ms }}
",
            path.display()
        ));
        bench.send_numbers(0..COUNT);
        bench.acks(COUNT).await;
        bench.end().await.1.unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!(lines.len(), COUNT, "{pattern}");
        assert!(lines.is_sorted(), "{pattern}");
    }
}

/// Outputs that have others write, around one child.
const AROUND: [&str; 11] = [
    "CHILD",
    "fallback: [ { CHILD }, { reject: no } ]",
    "switch: { cases: [ { output: { CHILD } }, { output: { drop: {} } } ] }",
    "retry: { output: { CHILD } }",
    "drop_on: { error: true, output: { CHILD } }",
    "drop_on: { back_pressure: 60s, output: { CHILD } }",
    "reject_errored: { CHILD }",
    "broker: { pattern: fan_out, outputs: [ { CHILD }, { drop: {} } ] }",
    "broker: { batching: { count: 2, period: 5ms }, outputs: [ { CHILD }, { drop: {} } ] }",
    "broker: { batching: { count: 2, period: 5ms }, outputs: [ { fallback: [ { CHILD }, { reject: no } ] } ] }",
    "broker: { pattern: fan_out_sequential, outputs: [ { CHILD }, { drop: {} } ] }",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_processes_keeps_the_order_below_every_other_one() {
    const COUNT: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    for (number, around) in AROUND.into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        // One in ten takes far longer than the others.
        let child = format!(
            "file: {{ path: '{}' }}, processors: [ {{ mapping: 'root = content()\n\n\
             let x = range(0, if content().string().has_suffix(\"3\") {{ 10000 }} else {{ 1 }})\
             .fold(0, it -> it.tally + it.value)' }} ]",
            path.display()
        );
        let mut bench = Bench::start(&format!(
            "
input: {{ probe: {{}} }}
pipeline: {{ threads: 1 }}
output: {{ {} }}
",
            around.replace("CHILD", &child)
        ));
        bench.send_numbers(0..COUNT);
        bench.acks(COUNT).await;
        bench.end().await.1.unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = written.lines().collect();
        assert_eq!(lines.len(), COUNT, "{around}");
        assert!(lines.is_sorted(), "{around}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_batch_go_on_though_one_of_them_is_written_again() {
    const COUNT: usize = 5;
    for around in &AROUND[1..] {
        let mut bench = Bench::start(&format!(
            "
input: {{ probe: {{}} }}
output:
  {}
  processors:
    - mapping: 'root = range(0, 6).map_each(n -> content().string() + n.string())'
    - unarchive: {{ format: json_array }}
    - split: {{ size: 1 }}
",
            around.replace(
                "CHILD",
                "retry: { backoff: { initial_interval: 1ms }, output: { probe: { max_in_flight: 1, refuse: '0', refusals: 1 } } }"
            )
        ));
        for number in 0..COUNT {
            bench.send(number.to_string());
        }
        bench.acks(COUNT).await;
        bench.end().await.1.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_output_has_processed_does_not_wait_for_what_it_is_to_process() {
    const COUNT: usize = 300;
    let child = "
  broker: { outputs: [ { drop: {} } ], batching: { count: 5 } }, processors: [ { probe: {} }, \
      { mapping: 'root = range(0, 10000).fold(content().length(), it -> it.tally + it.value)' } ]";
    for around in AROUND {
        let mut bench = Bench::start(&format!(
            "
input: {{ probe: {{}} }}
output: {{ {} }}
",
            around.replace("CHILD", child)
        ));
        let wires = bench.wires.clone();
        bench.send_numbers(0..COUNT);
        bench.acks(1).await;
        let processed = wires.stepped.load(Ordering::Relaxed);
        assert!(
            processed < COUNT / 2,
            "{around}: {processed} were processed before one was delivered"
        );
        bench.acks(COUNT - 1).await;
        bench.end().await.1.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_through_the_whole_pipeline_before_the_next_one_begins() {
    let counted = made(
        "{ branch: { processors: [ { cache: { resource: kept, operator: get, key: n } } ], \
         result_map: 'meta n = content().number()' } }, \
         { catch: [] }, \
         { mapping: 'meta n = @n.or(0) + 1' }, \
         { cache: { resource: kept, operator: set, key: n, value: '${! @n }' } }, \
         { mapping: 'root = @n.string()' }",
        20,
    );
    let numbers: Vec<_> = (1..=20).map(|it| it.to_string()).collect();
    assert_eq!(counted.await, numbers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_removed_behind_a_dedupe_is_new_for_the_next_message() {
    let passed = made(
        "{ dedupe: { cache: kept, key: same } }, \
         { cache: { resource: kept, operator: delete, key: same } }",
        20,
    );
    assert_eq!(passed.await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_meets_its_own_key_is_a_duplicate_of_nobody() {
    let again = [
        "{ dedupe: { cache: kept, key: '${! content() }' } }, \
         { dedupe: { cache: kept, key: '${! content() }' } }",
        "{ resource: same }, { resource: same }",
        "{ while: { at_least_once: true, max_loops: 3, check: 'true', processors: [ { resource: same } ] } }",
        "{ resource: same }, { archive: { format: lines } }, { unarchive: { format: lines } }, { resource: same }",
    ];
    for processors in again {
        let mut bench = Bench::start(&format!(
            "
input: {{ probe: {{}} }}
pipeline: {{ threads: 1, processors: [ {processors} ] }}
output: {{ probe: {{}} }}
cache_resources: [ {{ label: kept, memory: {{}} }} ]
processor_resources: [ {{ label: same, dedupe: {{ cache: kept, key: '${{! content() }}' }} }} ]
"
        ));
        bench.send_numbers(0..3);
        bench.acks(3).await;
        let (balance, result) = bench.end().await;
        result.unwrap();
        assert_eq!(
            (balance.received, balance.in_flight()),
            (3, 0),
            "{processors}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dedupe_that_an_output_uses_too_does_not_wait_for_it() {
    let mut bench = Bench::start(
        "
input: { probe: {} }
pipeline: { threads: 1, processors: [ { resource: same } ] }
output: { probe: {}, processors: [ { resource: same } ] }
cache_resources: [ { label: kept, memory: {} } ]
processor_resources: [ { label: same, dedupe: { cache: kept, key: '${! content() }' } } ]
",
    );
    bench.send_numbers(0..3);
    bench.acks(3).await;
    let (balance, result) = bench.end().await;
    result.unwrap();
    assert_eq!(balance.in_flight(), 0);
}
