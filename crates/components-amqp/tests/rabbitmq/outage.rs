//! Lost connections, silent networks, and brokers that restart.

use std::time::Duration;

use millrace_message::ErrorClass;
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::proxy::Proxy;
use millrace_testkit::rabbitmq::RabbitmqServer;
use millrace_testkit::shared;

use crate::support::{
    batch, connect_input, connect_output, drain, fill, read, read_many, workbench,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_is_delivered_again_after_the_connection_is_cut() {
    let vhost = shared::rabbitmq();
    fill(&vhost, "q", 4).await;
    let proxy = Proxy::start(vhost.address()).unwrap();
    let url = proxy.url(&vhost.url()).unwrap();
    let mut input = workbench().input(&format!("amqp_0_9: {{ urls: ['{url}'], queue: q }}"));
    connect_input(&mut input).await;
    let old = read_many(&mut input, 4).await;

    proxy.cut();
    let lost = tokio::time::timeout(PATIENCE, input.read()).await.unwrap();
    assert_eq!(lost.err().unwrap().class(), ErrorClass::NotConnected);
    connect_input(&mut input).await;
    let new = read_many(&mut input, 4).await;
    assert!(new.iter().all(|it| it.meta("amqp_redelivered") == "true"));

    // These have the tags 1 to 4 as well, and must not reach the new channel.
    old.into_iter().for_each(|it| it.ack());
    let mut new = new.into_iter();
    new.next().unwrap().ack();
    vhost
        .wait_for_depth("q", PATIENCE, |it| it.unacknowledged == 3 && it.ready == 0)
        .unwrap();
    new.for_each(|it| it.ack());
    input.stop().await;
    input.close().await.unwrap();
    assert_eq!(drain(&vhost, "q"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_says_that_its_connection_is_lost_and_connects_again() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let proxy = Proxy::start(vhost.address()).unwrap();
    let url = proxy.url(&vhost.url()).unwrap();
    let yaml = format!("amqp_0_9: {{ urls: ['{url}'], exchange: '', key: q }}");
    let output = workbench().output(&yaml);
    connect_output(&output).await;
    output.write(&batch(["a"])).await.unwrap();
    proxy.cut();
    // The channel may hear of it before the connection is known to be lost.
    let error = loop {
        let error = output.write(&batch(["b"])).await.unwrap_err();
        if error.error().class() != ErrorClass::Retry {
            break error;
        }
    };
    assert_eq!(error.error().class(), ErrorClass::NotConnected);
    connect_output(&output).await;
    output.write(&batch(["b"])).await.unwrap();
    output.close().await.unwrap();
    assert_eq!(drain(&vhost, "q"), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_under_way_when_the_network_goes_silent_fails_after_its_timeout() {
    let vhost = shared::rabbitmq();
    vhost.declare_queue("q").unwrap();
    let proxy = Proxy::start(vhost.address()).unwrap();
    let url = proxy.url(&vhost.url()).unwrap();
    let fields = "exchange: '', key: q, timeout: 100ms";
    let output = workbench().output(&format!("amqp_0_9: {{ urls: ['{url}'], {fields} }}"));
    connect_output(&output).await;
    proxy.black_hole();
    let error = output.write(&batch(["a"])).await.unwrap_err();
    assert_eq!(error.error().class(), ErrorClass::Retry);
    assert!(
        error.error().text().contains("within 100ms"),
        "{:?}",
        error.error()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_takes_no_longer_than_its_timeout_when_the_network_is_silent() {
    let vhost = shared::rabbitmq();
    fill(&vhost, "q", 1).await;
    let proxy = Proxy::start(vhost.address()).unwrap();
    let url = proxy.url(&vhost.url()).unwrap();
    let mut input = workbench().input(&format!("amqp_0_9: {{ urls: ['{url}'], queue: q }}"));
    connect_input(&mut input).await;
    let message = read(&mut input).await;
    proxy.black_hole();
    message.ack();
    let closed = async {
        input.stop().await;
        input.close().await
    };
    let closed = tokio::time::timeout(Duration::from_secs(30), closed).await;
    let error = closed.expect("an end in time").unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotConnected);
    proxy.down().unwrap();
    vhost
        .wait_for_depth("q", PATIENCE, |it| it.ready == 1)
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_messages_and_consumers_survive_a_restart_of_the_broker() {
    let mut server = RabbitmqServer::start().unwrap();
    let vhost = server.vhost().unwrap();
    vhost.declare_queue("q").unwrap();
    // RabbitMQ confirms messages once they are on disk, but writes definitions there later: a queue
    // that was declared seconds before a kill may be gone with all that it had confirmed.
    server.restart().unwrap();
    let url = vhost.url();
    let output = workbench().output(&format!("amqp: {{ url: '{url}', target: q }}"));
    connect_output(&output).await;
    let names: Vec<_> = (0..1000).map(|it| it.to_string()).collect();
    for name in &names {
        output.write(&batch([name.as_str()])).await.unwrap();
    }
    let mut input = workbench().input(&format!("amqp_0_9: {{ urls: ['{url}'], queue: q }}"));
    connect_input(&mut input).await;
    let _unsettled = read_many(&mut input, 10).await;

    server.kill();
    server.start_again().unwrap();

    let error = output.write(&batch(["late"])).await.unwrap_err();
    assert_eq!(error.error().class(), ErrorClass::NotConnected);
    connect_output(&output).await;
    output.write(&batch(["late"])).await.unwrap();
    let lost = tokio::time::timeout(PATIENCE, input.read()).await.unwrap();
    assert_eq!(lost.err().unwrap().class(), ErrorClass::NotConnected);
    connect_input(&mut input).await;
    for name in names.iter().map(String::as_str).chain(["late"]) {
        let message = read(&mut input).await;
        assert_eq!(message.text(), name);
        message.ack();
    }
    input.stop().await;
    input.close().await.unwrap();
    output.close().await.unwrap();
    assert_eq!(drain(&vhost, "q"), Vec::<String>::new());
}
