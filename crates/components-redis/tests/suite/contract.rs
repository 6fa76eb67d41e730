//! What the components of this crate promise as every component of their kind does, on a real
//! Redis.

use std::time::Duration;

use millrace_component::conformance::{self, Keeps, Workbench};
use millrace_message::{Message, MessageBatch};
use millrace_testkit::poll::PATIENCE;
use millrace_testkit::proxy::Proxy;
use millrace_testkit::redis::{RedisClient, RedisDatabase, RedisOptions, RedisServer};
use millrace_testkit::shared;

fn bench() -> Workbench {
    Workbench::new([
        millrace_components_redis::CACHES,
        millrace_components_redis::INPUTS,
        millrace_components_redis::OUTPUTS,
        millrace_components_redis::RATE_LIMITS,
    ])
}

/// A connection that can be cut, and its URL.
fn proxied(database: &RedisDatabase) -> (Proxy, String) {
    let proxy = Proxy::before(database.url()).unwrap();
    let url = proxy.url(database.url()).unwrap();
    (proxy, url)
}

fn fill(database: &RedisDatabase) -> impl FnMut(&[&str]) {
    let mut client = database.client().unwrap();
    move |entries| {
        let words: Vec<&str> = ["RPUSH", "list"].iter().chain(entries).copied().collect();
        client.command(&words).unwrap();
    }
}

fn arrived(database: &RedisDatabase) -> impl FnMut() -> Vec<String> {
    let mut client = database.client().unwrap();
    move || client.list("list").unwrap()
}

const MODES: [&str; 2] = ["", ", reliable: { enabled: true }"];

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_the_promises_of_a_cache() {
    let database = shared::redis();
    let cache = bench().cache(&format!("redis: {{ url: '{}' }}", database.url()));
    conformance::cache(&cache, Keeps::Values).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_the_promises_of_a_rate_limit() {
    let database = shared::redis();
    let mut limits = 0;
    let fresh = || {
        limits += 1;
        bench().rate_limit(&format!(
            "redis: {{ url: '{}', key: 'limit {limits}', count: 5, interval: 1h }}",
            database.url()
        ))
    };
    conformance::rate_limit(fresh, 5, Duration::from_secs(3600)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_list_keeps_the_promises_of_an_input() {
    for mode in MODES {
        let database = shared::redis();
        let yaml = format!(
            "redis_list: {{ url: '{}', key: list{mode} }}",
            database.url()
        );
        conformance::input(|| bench().input(&yaml), fill(&database)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_list_reliable_recovers_from_a_cut_connection_as_an_input() {
    let database = shared::redis();
    let (proxy, url) = proxied(&database);
    let yaml = format!(
        "redis_list: {{ url: '{url}', key: list, reliable: {{ enabled: true, lease: 1s }} }}"
    );
    conformance::input_over_a_cut(bench().input(&yaml), fill(&database), || proxy.cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_list_keeps_the_promises_of_an_output() {
    let database = shared::redis();
    let yaml = format!("redis_list: {{ url: '{}', key: list }}", database.url());
    conformance::output(|| bench().leaf_output(&yaml), arrived(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_list_recovers_from_a_cut_connection_as_an_output() {
    let database = shared::redis();
    let (proxy, url) = proxied(&database);
    let leaf = bench().leaf_output(&format!("redis_list: {{ url: '{url}', key: list }}"));
    conformance::output_over_a_cut(leaf, arrived(&database), || proxy.cut()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_list_names_the_messages_that_it_refuses() {
    let database = shared::redis();
    let yaml = format!(
        "redis_list: {{ url: '{}', key: '${{! this.key.not_null() }}' }}",
        database.url()
    );
    let payloads = [r#"{"key":"list"}"#, "{}", r#"{"n":1,"key":"list"}"#, "text"];
    let batch: MessageBatch = payloads.into_iter().map(Message::from).collect();
    let leaf = bench().leaf_output(&yaml);
    conformance::output_refuses(leaf, batch, &[1, 3], arrived(&database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_list_recovers_from_a_restarted_server() {
    let options = RedisOptions {
        durable: true,
        ..RedisOptions::default()
    };
    let mut server = RedisServer::start(options).unwrap();
    let (url, port) = (server.url(), server.port());
    let client = || RedisClient::connect(&format!("redis://127.0.0.1:{port}")).unwrap();
    let leaf = bench().leaf_output(&format!("redis_list: {{ url: '{url}', key: out }}"));
    let arrived = || client().list("out").unwrap();
    let restart = || {
        server.stop().unwrap();
        server.start_again().unwrap();
    };
    conformance::output_over_a_cut(leaf, arrived, restart).await;

    let yaml = format!(
        "redis_list: {{ url: '{url}', key: in, reliable: {{ enabled: true, lease: 1s }} }}"
    );
    let fill = |entries: &[&str]| {
        let words: Vec<&str> = ["RPUSH", "in"].iter().chain(entries).copied().collect();
        client().command(&words).unwrap();
    };
    let restart = || {
        server.stop().unwrap();
        server.start_again().unwrap();
    };
    conformance::input_over_a_cut(bench().input(&yaml), fill, restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_output_notices_that_its_connection_is_lost() {
    let database = shared::redis();
    let (proxy, url) = proxied(&database);
    let output = bench().output(&format!("redis_list: {{ url: '{url}', key: list }}"));
    for _ in 0..2 {
        output.connect().await.unwrap();
        proxy.cut();
        let lost = tokio::time::timeout(PATIENCE, output.lost());
        lost.await.expect("it does not notice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_recovers_from_a_restarted_server_as_a_cache_and_as_a_rate_limit() {
    let options = RedisOptions {
        durable: true,
        ..RedisOptions::default()
    };
    let mut server = RedisServer::start(options).unwrap();
    let url = server.url();
    let mut restart = || {
        server.stop().unwrap();
        server.start_again().unwrap();
    };
    let cache = bench().cache(&format!("redis: {{ url: '{url}' }}"));
    conformance::cache_over_a_cut(&cache, &mut restart).await;
    let limit = bench().rate_limit(&format!(
        "redis: {{ url: '{url}', key: limit, count: 3, interval: 1h }}"
    ));
    conformance::rate_limit_over_a_cut(&limit, &mut restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_recovers_from_a_cut_connection_as_a_cache_and_as_a_rate_limit() {
    let database = shared::redis();
    let (proxy, url) = proxied(&database);
    let cache = bench().cache(&format!("redis: {{ url: '{url}' }}"));
    conformance::cache_over_a_cut(&cache, || proxy.cut()).await;
    let limit = bench().rate_limit(&format!(
        "redis: {{ url: '{url}', key: limit, count: 3, interval: 1h }}"
    ));
    conformance::rate_limit_over_a_cut(&limit, || proxy.cut()).await;
}
