//! Configs that hang for ever in the programs that Millrace follows, as they were reported there.
//! Where a config writes to `stdout`, a probe stands; nothing else is changed but addresses and
//! times.

use std::net::TcpListener;

use millrace_component::Kind;

use super::bench::Bench;

/// An address that nobody listens on.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// connect#1210: a `fallback` never leaves an output that cannot connect.
#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_leaves_an_output_that_cannot_connect() {
    let yaml = format!(
        r#"
input:
  generate:
    mapping: |
      root.id = count("report_1210")
    interval: 0s
    count: 3

pipeline:
  threads: 1
  processors:
    - bloblang: |
        root = match {{
          this.id == 1 => {{"msg": "foo"}}
          this.id == 2 => {{"msg": "bar"}}
          _ => throw("UNKNOWN ID")
        }}

        root.id = this.id

output:
  switch:
    retry_until_success: true
    cases:
      - check: errored()
        output:
          probe: {{ name: errored }}
      - output:
          fallback:
            - redis_list:
                url: redis://127.0.0.1:{}
                key: test
                connect_timeout: 200ms
            - probe: {{ name: fallback }}
          processors:
            - log:
                message: "successful message: ${{! json() }}"
"#,
        closed_port()
    );
    let mut bench = Bench::start(&yaml);
    let mut by_name: [Vec<String>; 2] = Default::default();
    for _ in 0..3 {
        let written = bench.written().await;
        by_name[usize::from(written.by == "errored")].extend(written.payloads);
    }
    let [mut fallback, errored] = by_name;
    fallback.sort();
    assert_eq!(
        fallback,
        [r#"{"id":1,"msg":"foo"}"#, r#"{"id":2,"msg":"bar"}"#]
    );
    assert_eq!(errored, [r#"{"id":3}"#]);
    let (balance, result) = bench.finished().await;
    result.unwrap();
    assert_eq!((balance.received, balance.delivered), (3, 3));
}

/// connect#1780: nobody reads the `inproc` that a `fallback` writes to first. Its deadline is the
/// default for children.
#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_leaves_an_inproc_that_nobody_reads() {
    let yaml = "
input:
  generate:
    mapping: |
      root = nanoid()
    interval: 10ms
    count: 5

output:
  fallback:
    - inproc: nonexistent
    - probe: { name: fallback }
";
    let started = std::time::Instant::now();
    let mut bench = Bench::start(yaml);
    assert_eq!(bench.sizes(5).await.len(), 5);
    let (balance, result) = bench.finished().await;
    result.unwrap();
    assert_eq!((balance.received, balance.delivered), (5, 5));
    let elapsed = started.elapsed().as_secs();
    assert!(
        elapsed >= 10,
        "the deadline is ten seconds, and not {elapsed}"
    );
}

/// connect#1798: `drop_on` with back-pressure over an output with a batching policy.
#[tokio::test(flavor = "multi_thread")]
async fn a_drop_on_over_a_batching_output_neither_hangs_nor_drops() {
    let yaml = r#"
input:
  generate:
    count: 10
    mapping: root = count("report_1798")
    interval: 20ms

output:
  drop_on:
    back_pressure: 0s
    error: false
    output:
      sql_raw:
        driver: sqlite
        dsn: file::memory:?cache=shared
        query: SELECT 1
        batching:
          count: 2
          processors:
            - log:
                message: ${! batch_index() } - ${! batch_size() }
"#;
    let (balance, result) = Bench::start(yaml).finished().await;
    result.unwrap();
    assert_eq!((balance.received, balance.delivered), (10, 10));
    assert_eq!(balance.total(Kind::Dropped), 0);
}

/// connect#1798 again: what the policy makes is batches of two.
#[tokio::test(flavor = "multi_thread")]
async fn a_drop_on_leaves_the_batches_of_its_child_whole() {
    let yaml = "
input: { probe: {} }
output:
  drop_on:
    back_pressure: 0s
    output:
      probe: { batching: { count: 2 } }
";
    let mut bench = Bench::start(yaml);
    bench.send_numbers(0..10);
    assert_eq!(bench.sizes(10).await, [2; 5]);
    let (balance, _) = bench.end().await;
    assert_eq!(balance.delivered, 10);
}

/// connect#1798, the other promise of `drop_on`: an output that takes nothing for longer than
/// allowed costs messages, but never time.
#[tokio::test(flavor = "multi_thread")]
async fn a_drop_on_drops_while_its_child_takes_nothing() {
    let yaml = "
input: { probe: {} }
output:
  drop_on:
    back_pressure: 10ms
    output:
      probe: { gated: true, max_in_flight: 1 }
";
    let mut bench = Bench::start(yaml);
    bench.send_numbers(0..10);
    bench.acks(9).await;
    bench.wires.gate.add_permits(1);
    bench.acks(1).await;
    let (balance, _) = bench.end().await;
    assert_eq!((balance.delivered, balance.total(Kind::Dropped)), (1, 9));
}
