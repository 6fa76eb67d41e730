//! What says where a stream waits.

use std::time::{Duration, Instant};

use super::bench::{Bench, PATIENCE};

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_output_shows_in_the_queues_in_front_of_it_and_in_the_oldest_message() {
    let yaml = "
input: { probe: {} }
pipeline: { threads: 1 }
output: { probe: { gated: true } }
";
    let bench = Bench::start(yaml);
    bench.send_numbers(0..1000);
    let flow = bench.flow.clone();
    let edge = |path: &str| {
        let edges = flow.edges();
        edges.into_iter().find(|it| it.path() == path).unwrap()
    };
    let started = Instant::now();
    let is_full = |path| edge(path).depth() == 128;
    let is_stuck = || {
        edge("root.input").blocked() > Duration::from_millis(300)
            && is_full("root.input")
            && is_full("root.pipeline")
    };
    while !is_stuck() {
        assert!(started.elapsed() < PATIENCE, "nobody waits");
        tokio::task::yield_now().await;
    }
    assert!(edge("root.pipeline").blocked() > Duration::ZERO);
    let (path, ages) = flow.all_ages().remove(0);
    assert_eq!(&*path, "root.input");
    assert!(ages.oldest(Instant::now()) > Duration::from_millis(300));
    bench.wires.gate.add_permits(1000);
    let waited = {
        let (balance, _) = bench.end().await;
        assert_eq!(balance.delivered, 1000);
        edge("root.input").blocked()
    };
    assert_eq!(ages.oldest(Instant::now()), Duration::ZERO);
    assert_eq!(edge("root.input").depth(), 0);
    assert_eq!(
        edge("root.input").blocked(),
        waited,
        "nobody waits any more"
    );
}
