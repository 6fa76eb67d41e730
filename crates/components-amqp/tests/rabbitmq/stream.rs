//! Through the engine: from one queue to another while the network breaks.

use std::collections::BTreeSet;
use std::sync::Arc;

use millrace_component::conformance::Workbench;
use millrace_component::{Budget, Leftovers, Services};
use millrace_stream::{Environment, Stream, StreamConfig};
use millrace_telemetry::Scope;
use millrace_testkit::poll::{PATIENCE, until};
use millrace_testkit::proxy::Proxy;
use millrace_testkit::rabbitmq::Vhost;
use millrace_testkit::shared;

use crate::support::{drain, fill};

fn start(yaml: &str) -> Stream {
    let bench = Workbench::new([
        millrace_components_amqp::INPUTS,
        millrace_components_amqp::OUTPUTS,
        millrace_components_pure::INPUTS,
        millrace_components_pure::OUTPUTS,
        millrace_components_pure::PROCESSORS,
        millrace_components_pure::BUFFERS,
    ]);
    let config: StreamConfig = bench.read(yaml).unwrap_or_else(|error| panic!("{error}"));
    let environment = Environment {
        budget: Budget::new(64 << 20),
        leftovers: Leftovers::default(),
        scope: Scope::detached(),
        services: Services::default(),
        error_handling: millrace_stream::ErrorHandling::default(),
    };
    Stream::start(&config, environment).unwrap()
}

fn ready(vhost: &Vhost, queue: &str) -> u64 {
    vhost.depth(queue).map_or(0, |it| it.ready)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_from_queue_to_queue_while_connections_are_cut() {
    let vhost = Arc::new(shared::rabbitmq());
    fill(&vhost, "from", 1000).await;
    vhost.declare_queue("to").unwrap();
    let reading = Proxy::start(vhost.address()).unwrap();
    let writing = Proxy::start(vhost.address()).unwrap();
    let from = reading.url(&vhost.url()).unwrap();
    let to = writing.url(&vhost.url()).unwrap();
    let stream = start(&format!(
        "
input:
  amqp_0_9: {{ urls: ['{from}'], queue: from, prefetch_count: 100 }}
pipeline:
  threads: 2
  processors:
    - mapping: root = content().string()
output:
  amqp_0_9: {{ urls: ['{to}'], exchange: '', key: to, mandatory: true }}
"
    ));
    let stop = stream.stopper();
    let finished = tokio::spawn(stream.finish());
    let watched = Arc::clone(&vhost);
    tokio::task::spawn_blocking(move || {
        for (share, proxy) in [
            (100, &reading),
            (300, &writing),
            (500, &reading),
            (700, &writing),
        ] {
            until("the output queue grows", PATIENCE, || {
                (ready(&watched, "to") >= share).then_some(())
            })
            .unwrap();
            proxy.cut();
        }
        watched
            .wait_for_depth("from", PATIENCE, |it| it.total() == 0)
            .unwrap();
    })
    .await
    .unwrap();
    stop.cancel();
    let (balance, ended) = finished.await.unwrap();
    ended.unwrap();
    assert_eq!(balance.in_flight(), 0);
    assert_eq!(drain(&vhost, "from"), Vec::<String>::new());
    let arrived: BTreeSet<_> = drain(&vhost, "to").into_iter().collect();
    let expected: BTreeSet<_> = (0..1000).map(|it| it.to_string()).collect();
    assert_eq!(arrived, expected);
}
