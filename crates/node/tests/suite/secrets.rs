//! Every component with a secret keeps it out of its errors and log lines, when its server is not
//! there, and when it is answered with what it has sent.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use millrace_component::Descriptor;
use millrace_component::conformance::{PLANTED, Workbench, keeps_secrets};
use millrace_node::registry;
use millrace_spec::{ComponentKind, FieldKind, FieldSpec};

/// What the configs have in place of the address of the server, and of the secret.
const CONFIGS: &[&str] = &[
    "input amqp_0_9: { urls: ['amqp://u:PLANTED@HOST/?connection_timeout=500'], queue: q }",
    "input http_client: { url: 'http://u:PLANTED@HOST/?token=PLANTED', retries: 0, timeout: 1s }",
    "input kafka: { addresses: [ 'HOST' ], topics: [ t ], consumer_group: g, sasl: { mechanism: PLAIN, user: u, password: PLANTED } }",
    "input kafka_franz: { seed_brokers: [ 'HOST' ], topics: [ t ], consumer_group: g, sasl: [ { mechanism: SCRAM-SHA-256, username: u, password: PLANTED } ] }",
    "input redis_list: { url: 'redis://:PLANTED@HOST', key: k }",
    "output amqp: { url: 'amqp://u:PLANTED@HOST/?connection_timeout=500', target: q }",
    "output amqp_0_9: { urls: ['amqp://u:PLANTED@HOST/?connection_timeout=500'], exchange: '', key: q }",
    "output http_client: { url: 'http://HOST/?api_key=PLANTED', retries: 0, timeout: 1s, basic_auth: { enabled: true, username: u, password: PLANTED } }",
    "output kafka: { addresses: [ 'HOST' ], topic: t, sasl: { mechanism: SCRAM-SHA-512, user: u, password: PLANTED } }",
    "output kafka_franz: { seed_brokers: [ 'HOST' ], topic: t, sasl: [ { mechanism: PLAIN, username: u, password: PLANTED } ] }",
    "output redis_list: { url: 'redis://u:PLANTED@HOST', key: k }",
    "output sql_insert: { driver: postgres, dsn: 'postgres://u:PLANTED@HOST/d?sslmode=disable&connect_timeout=1', table: t, columns: [c], args_mapping: 'root = [content()]' }",
    "output sql_insert: { driver: postgres, dsn: 'postgres://u:PLANTED@HOST/d?connect_timeout=1', table: t, columns: [c], args_mapping: 'root = [content()]' }",
    "output sql_raw: { driver: mysql, dsn: 'u:PLANTED@tcp(HOST)/d?timeout=1s', query: SELECT 1 }",
    "cache redis: { url: 'redis://:PLANTED@HOST', retries: { max_elapsed_time: 1ms } }",
    "rate_limit redis: { url: 'redis://:PLANTED@HOST', key: k }",
    "processor http: { url: 'http://u:PLANTED@HOST/?key=PLANTED', retries: 0, timeout: 1s }",
    "processor http: { url: 'http://HOST/', retries: 0, timeout: 1s, oauth2: { enabled: true, client_key: k, client_secret: PLANTED, token_url: 'http://u:PLANTED@HOST/' } }",
    "processor protobuf: { operator: to_json, message: a.B, bsr: [ { module: b, url: 'http://HOST', api_key: PLANTED } ] }",
    "processor protobuf: { operator: to_json, message: a.B, bsr: [ { module: b, url: 'http://u:PLANTED@HOST/?key=PLANTED' } ] }",
    "processor schema_registry_decode: { url: 'http://u:PLANTED@HOST/?key=PLANTED' }",
    "processor schema_registry_encode: { url: 'http://u:PLANTED@HOST/?key=PLANTED', subject: s }",
    "processor schema_registry_encode: { url: 'http://HOST/', subject: s, basic_auth: { enabled: true, username: u, password: PLANTED } }",
    "processor schema_registry_encode: { url: 'http://HOST/', subject: s, oauth: { enabled: true, consumer_key: k, consumer_secret: PLANTED, access_token_secret: PLANTED } }",
    "processor sql_insert: { driver: postgres, dsn: 'postgres://u:PLANTED@HOST/d?sslmode=disable&connect_timeout=1', table: t, columns: [c], args_mapping: 'root = [content()]' }",
    "processor sql_raw: { driver: mysql, dsn: 'u:PLANTED@tcp(HOST)/d?timeout=1s', query: SELECT 1 }",
    "processor sql_select: { driver: postgres, dsn: 'postgres://u:PLANTED@HOST/d?sslmode=disable&connect_timeout=1', table: t, columns: [c] }",
];

/// They listen, and connect to nothing: their secrets never leave them.
const LISTENING: &[&str] = &["input http_server", "output http_server"];

#[test]
fn every_component_with_a_secret_or_an_address_is_checked() {
    let left_out: Vec<_> = registry()
        .iter()
        .filter(|it| it.spec().fields().iter().any(has_secret))
        .map(name)
        .filter(|name| !LISTENING.contains(&name.as_str()))
        .filter(|name| !CONFIGS.iter().any(|it| it.starts_with(&format!("{name}:"))))
        .collect();
    assert!(left_out.is_empty(), "not checked: {left_out:?}");
}

fn name(descriptor: &Descriptor) -> String {
    format!("{} {}", descriptor.kind(), descriptor.name())
}

fn has_secret(field: &FieldSpec) -> bool {
    field.secret
        || ["url", "urls", "dsn"].contains(&&*field.name)
        || match &field.kind {
            FieldKind::Object(fields) => fields.iter().any(has_secret),
            FieldKind::List(item) | FieldKind::Map(item) => match &**item {
                FieldKind::Object(fields) => fields.iter().any(has_secret),
                _ => false,
            },
            _ => false,
        }
}

#[tokio::test]
async fn no_component_shows_its_secret_when_nobody_listens() {
    // Nobody listens where somebody has just stopped listening.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    check_all(address).await;
}

#[tokio::test]
async fn no_component_shows_its_secret_when_it_hears_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || echo(stream));
        }
    });
    check_all(address).await;
}

/// Answers everything with itself.
fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

async fn check_all(address: SocketAddr) {
    for config in CONFIGS {
        let (kind, yaml) = config.split_once(' ').unwrap();
        let kind = ComponentKind::from_name(kind).unwrap();
        let yaml = yaml
            .replace("HOST", &address.to_string())
            .replace("PLANTED", PLANTED);
        let bench = Workbench::of(Arc::new(registry()));
        keeps_secrets(&bench, kind, &yaml).await;
    }
}
