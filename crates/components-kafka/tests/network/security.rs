//! Encryption and logins.

use std::path::Path;

use millrace_kafka_client::Hash;
use millrace_message::{ErrorClass, Message};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::broker::{TestBroker, bench, end, read_texts};

const MECHANISMS: &str = "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
                          listener.name.outside.plain.sasl.jaas.config=\
                          org.apache.kafka.common.security.plain.PlainLoginModule required \
                          user_alice=\"wonderland\";\n";

/// A broker of TLS and logins, with the file of who signed its certificate.
async fn broker() -> (TestBroker, TempDir, String) {
    let files = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&own, &issuer).unwrap();
    let store = own.serialize_pem() + &certificate.pem();
    let store = file(files.path(), "broker.pem", &store);
    let settings = format!("ssl.keystore.type=PEM\nssl.keystore.location={store}\n{MECHANISMS}");
    let broker = TestBroker::secured("SASL_SSL", &settings).await;
    let cluster = broker.cluster().await;
    for (hash, password) in [(Hash::Sha256, "rabbit"), (Hash::Sha512, "hatter")] {
        let set = cluster.set_password("alice", hash, password, 4096).await;
        set.unwrap();
    }
    let authority = file(files.path(), "authority.pem", &authority);
    (broker, files, authority)
}

fn file(dir: &Path, name: &str, pem: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, pem).unwrap();
    path.display().to_string()
}

/// An input or output of each family, with a login.
fn configs(
    (brokers, tls): (&str, &str),
    mechanism: &str,
    password: &str,
    fields: &str,
) -> [String; 2] {
    let sasl = format!("mechanism: {mechanism}, password: {password}");
    [
        format!(
            "kafka: {{ addresses: [ '{brokers}' ], tls: {tls}, \
             sasl: {{ {sasl}, user: alice }}, {fields} }}"
        ),
        format!(
            "kafka_franz: {{ seed_brokers: [ '{brokers}' ], tls: {tls}, \
             sasl: [ {{ {sasl}, username: alice }} ], {fields} }}"
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mechanism_logs_in_over_tls() {
    let (broker, _files, authority) = broker().await;
    let tls = format!("{{ enabled: true, root_cas_file: '{authority}' }}");
    let place = (broker.outside(), tls);
    let place = (place.0.as_str(), place.1.as_str());
    let bench = bench();
    for (mechanism, password, topic) in [
        ("PLAIN", "wonderland", "plain"),
        ("SCRAM-SHA-256", "rabbit", "scram256"),
        ("SCRAM-SHA-512", "hatter", "scram512"),
    ] {
        broker.topic(topic, 1).await;
        for output in configs(place, mechanism, password, &format!("topic: {topic}")) {
            let output = bench.output(&output);
            output.connect().await.unwrap();
            output.write(&Message::from("x").into()).await.unwrap();
            output.close().await.unwrap();
        }
        let fields = format!("topics: [ {topic} ], consumer_group: {topic}, commit_period: 10ms");
        for yaml in configs(place, mechanism, password, &fields) {
            let mut input = bench.input(&yaml);
            input.connect().await.unwrap();
            // The second one goes on behind what the first one has committed.
            if yaml.starts_with("kafka:") {
                assert_eq!(read_texts(&mut *input, 2).await, ["x", "x"]);
            }
            end(input).await;
        }
        let committed = broker.committed(topic).await;
        assert_eq!(committed, [(topic.to_owned(), 0, 2)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_why() {
    let (broker, _files, authority) = broker().await;
    let address = broker.outside();
    let trusted = format!("{{ enabled: true, root_cas_file: '{authority}' }}");
    let bench = bench();
    for (tls, password, class, reason) in [
        (
            trusted.as_str(),
            "wrong",
            ErrorClass::Rejected,
            "SASL_AUTHENTICATION_FAILED",
        ),
        (
            "{ enabled: true }",
            "wonderland",
            ErrorClass::NotConnected,
            "TLS: ",
        ),
        (
            "{ enabled: true, root_cas_file: /no/such/file }",
            "wonderland",
            ErrorClass::Fatal,
            "root_cas_file",
        ),
    ] {
        for output in configs((&address, tls), "PLAIN", password, "topic: t") {
            let error = bench.output(&output).connect().await.unwrap_err();
            assert_eq!(error.class(), class, "{error}");
            assert!(error.text().contains(reason), "{error}");
        }
        let fields = "topics: [ t ], consumer_group: g";
        for input in configs((&address, tls), "PLAIN", password, fields) {
            let error = bench.input(&input).connect().await.unwrap_err();
            assert_eq!(error.class(), class, "{error}");
            assert!(error.text().contains(reason), "{error}");
        }
    }
}
