//! What the components of this crate promise as every component of their kind does.

use millrace_component::conformance;
use millrace_message::{Message, MessageBatch};
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::proxy::Proxy;
use millrace_testkit::rabbitmq::{RabbitmqServer, Vhost};
use millrace_testkit::shared;

use crate::support::{drain, workbench};

/// A virtual host with a queue `q`.
fn vhost() -> Vhost {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    vhost
}

/// What has ever arrived in the queue.
fn arrived(vhost: &Vhost) -> impl FnMut() -> Vec<String> {
    let mut all = Vec::new();
    move || {
        all.extend(drain(vhost, "q"));
        all.clone()
    }
}

fn fill(vhost: &Vhost) -> impl FnMut(&[&str]) {
    move |payloads| {
        for payload in payloads {
            vhost.publish("q", payload).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_0_9_keeps_the_promises_of_an_input() {
    let vhost = vhost();
    let yaml = format!("amqp_0_9: {{ urls: ['{}'], queue: q }}", vhost.url());
    conformance::input(|| workbench().input(&yaml), fill(&vhost)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_0_9_recovers_from_a_cut_connection_as_an_input() {
    let vhost = vhost();
    let proxy = Proxy::start(vhost.address()).unwrap();
    let url = proxy.url(&vhost.url()).unwrap();
    let input = workbench().input(&format!("amqp_0_9: {{ urls: ['{url}'], queue: q }}"));
    conformance::input_over_a_cut(input, fill(&vhost), || proxy.cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_0_9_keeps_the_promises_of_an_output() {
    let vhost = vhost();
    let yaml = format!(
        "amqp_0_9: {{ urls: ['{}'], exchange: '', key: q }}",
        vhost.url()
    );
    conformance::output(|| workbench().leaf_output(&yaml), arrived(&vhost)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_keeps_the_promises_of_an_output() {
    let vhost = vhost();
    let yaml = format!("amqp: {{ url: '{}', target: q }}", vhost.url());
    conformance::output(|| workbench().leaf_output(&yaml), arrived(&vhost)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_0_9_recovers_from_a_cut_connection_as_an_output() {
    let vhost = vhost();
    let proxy = Proxy::start(vhost.address()).unwrap();
    let url = proxy.url(&vhost.url()).unwrap();
    let yaml = format!("amqp_0_9: {{ urls: ['{url}'], exchange: '', key: q }}");
    let leaf = workbench().leaf_output(&yaml);
    conformance::output_over_a_cut(leaf, arrived(&vhost), || proxy.cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_0_9_recovers_from_a_restarted_broker() {
    let mut server = RabbitmqServer::start().unwrap();
    let vhost = server.vhost().unwrap();
    vhost.declare_queue("q").unwrap();
    let url = vhost.url();
    let mut restart = || {
        server.stop().unwrap();
        server.start_again().unwrap();
    };
    let yaml = format!("amqp_0_9: {{ urls: ['{url}'], exchange: '', key: q }}");
    let leaf = workbench().leaf_output(&yaml);
    conformance::output_over_a_cut(leaf, arrived(&vhost), &mut restart).await;
    let input = workbench().input(&format!("amqp_0_9: {{ urls: ['{url}'], queue: q }}"));
    conformance::input_over_a_cut(input, fill(&vhost), &mut restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn amqp_0_9_names_the_messages_that_come_back() {
    let vhost = vhost();
    let yaml = format!(
        "amqp_0_9: {{ urls: ['{}'], exchange: '', key: '${{! content() }}', mandatory: true }}",
        vhost.url()
    );
    let batch: MessageBatch = ["q", "no", "q", "where"]
        .map(Message::from)
        .into_iter()
        .collect();
    let leaf = workbench().leaf_output(&yaml);
    conformance::output_refuses(leaf, batch, &[1, 3], arrived(&vhost)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_output_notices_that_its_connection_is_lost() {
    let vhost = vhost();
    let proxy = Proxy::start(vhost.address()).unwrap();
    let url = proxy.url(&vhost.url()).unwrap();
    let yaml = format!("amqp_0_9: {{ urls: ['{url}'], exchange: '', key: q }}");
    let output = workbench().output(&yaml);
    for _ in 0..2 {
        output.connect().await.unwrap();
        proxy.cut();
        let lost = tokio::time::timeout(PATIENCE, output.lost());
        lost.await.expect("it does not notice");
    }
}
