use millrace_component::BuiltProcessor;
use millrace_component::conformance;
use millrace_message::{Message, MessageBatch};

use crate::registry::testing::{Answer, Registry, build, framed, latest, run, serve_references};

const SCHEMA: &str = r#"{"type":"record","name":"r","fields":[
    {"name":"name","type":"string"},{"name":"hobby","type":["null","string"],"default":null}]}"#;

fn encoder(registry: &Registry, fields: &str) -> BuiltProcessor {
    let url = format!("http://{}", registry.address);
    let yaml = format!("schema_registry_encode: {{ url: '{url}', {fields} }}");
    build(&yaml).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_promises_of_a_processor() {
    let registry = Registry::start().await;
    conformance::processor(&encoder(&registry, "subject: foo")).await;
    registry.avro(1, "a", "\"string\"");
    conformance::processor(&encoder(&registry, "subject: '${! this.id }'")).await;
}

#[tokio::test]
async fn json_becomes_avro_with_the_number_of_the_schema_before_it() {
    let registry = Registry::start().await;
    registry.avro(258, "foo", SCHEMA);
    let expected = framed(258, b"\x06foo\x02\x02x");
    for (fields, message) in [
        ("subject: foo", r#"{"name":"foo","hobby":{"string":"x"}}"#),
        (
            "subject: foo, avro_raw_json: true",
            r#"{"name":"foo","hobby":"x"}"#,
        ),
    ] {
        let encoder = encoder(&registry, fields);
        assert_eq!(run(&encoder, message).await, Ok(expected.clone()));
        let missing = run(&encoder, r#"{"name":"foo"}"#).await;
        assert_eq!(missing, Ok(framed(258, b"\x06foo\0")));
        for (message, expected) in [
            (r#"{"hobby":null}"#, "`name`: it is missing"),
            (r#"{"name":"foo","x":1}"#, "no field `x`"),
            (r#"{"name":"foo","hobby":5}"#, "`hobby`"),
            ("{", "the payload is no JSON"),
        ] {
            let error = run(&encoder, message).await.unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
    assert_eq!(registry.requests().len(), 2);
}

#[tokio::test]
async fn what_is_encoded_is_decoded_again() {
    let registry = Registry::start().await;
    serve_references(&registry);
    let url = format!("http://{}", registry.address);
    let decoder = format!("schema_registry_decode: {{ url: '{url}', avro_raw_json: true }}");
    let decoder = build(&decoder).ok().unwrap();
    for (subject, message) in [
        (
            "user",
            r#"{"address":{"city":"c","state":{"code":"CA"}},"name":"n"}"#,
        ),
        ("union", r#"{"city":"c","state":null}"#),
        ("json", r#"{ "moo": "x" }"#),
    ] {
        let encoder = encoder(
            &registry,
            &format!("subject: {subject}, avro_raw_json: true"),
        );
        let encoded = run(&encoder, message).await.unwrap();
        assert_ne!(encoded, message.as_bytes());
        assert_eq!(
            run(&decoder, encoded).await,
            Ok(message.as_bytes().to_vec())
        );
    }
}

#[tokio::test]
async fn the_subject_of_each_message_is_asked_for_once() {
    let registry = Registry::start().await;
    registry.avro(1, "a", r#""string""#);
    registry.avro(2, "b%2Fc", r#"{"type":"map","values":"string"}"#);
    let encoder = encoder(&registry, "subject: '${! meta(\"to\") }'");
    let message = |to: &str, payload: &str| {
        let mut message = Message::from(payload);
        message.metadata.set("to", to);
        message
    };
    for _ in 0..2 {
        let batch: MessageBatch = [
            message("a", "\"x\""),
            message("b/c", r#"{"k":"v"}"#),
            message("a", "\"y\""),
            message("nowhere", "1"),
        ]
        .into_iter()
        .collect();
        let batch = encoder.process(batch).await.remove(0);
        let payloads: Vec<_> = batch.iter().map(|it| it.bytes().to_vec()).collect();
        let map = framed(2, b"\x02\x02k\x02v\0");
        assert_eq!(
            payloads,
            [framed(1, b"\x02x"), map, framed(1, b"\x02y"), b"1".to_vec()]
        );
        let error = batch[3].fault().unwrap().cause.to_string();
        assert!(
            error.contains("subject `nowhere`: it is not found"),
            "{error}"
        );
    }
    let requests = registry.requests();
    let found = requests.iter().filter(|it| !it.contains("nowhere"));
    assert_eq!(found.count(), 2, "{requests:?}");
    let without = Message::from("1");
    let batch = encoder.process(without.into()).await.remove(0);
    assert!(batch[0].fault().is_some());
}

#[tokio::test]
async fn a_schema_is_fetched_again_after_the_refresh_period_and_the_old_one_serves_meanwhile() {
    let registry = Registry::start().await;
    registry.avro(1, "foo", "\"int\"");
    // A period without a length: each batch asks again.
    let often = encoder(&registry, "subject: foo, refresh_period: 0s");
    let seldom = encoder(&registry, "subject: foo, refresh_period: 1h");
    assert_eq!(run(&often, "5").await, Ok(framed(1, b"\x0a")));
    assert_eq!(run(&seldom, "5").await, Ok(framed(1, b"\x0a")));
    registry.avro(2, "foo", "\"string\"");
    assert_eq!(run(&often, "\"x\"").await, Ok(framed(2, b"\x02x")));
    assert_eq!(run(&seldom, "5").await, Ok(framed(1, b"\x0a")));
    registry.answer(&latest("foo"), Answer::Status(503, "", String::new()));
    assert_eq!(run(&often, "\"y\"").await, Ok(framed(2, b"\x02y")));
    let asked = registry.requests().len();
    assert_eq!(asked, 4);
    registry.avro(3, "foo", "\"long\"");
    assert_eq!(run(&often, "5").await, Ok(framed(3, b"\x0a")));
}

#[tokio::test]
async fn many_at_a_time_wait_for_one_answer() {
    let registry = Registry::start().await;
    registry.avro(1, "foo", "\"int\"");
    let encoder = encoder(&registry, "subject: foo");
    let runs = (0..20).map(|_| run(&encoder, "5"));
    for encoded in futures::future::join_all(runs).await {
        assert_eq!(encoded, Ok(framed(1, b"\x0a")));
    }
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn a_closed_processor_has_forgotten_its_schemas() {
    let registry = Registry::start().await;
    registry.avro(1, "foo", "\"int\"");
    let encoder = encoder(&registry, "subject: foo");
    assert!(run(&encoder, "5").await.is_ok());
    encoder.close().await;
    registry.avro(2, "foo", "\"int\"");
    assert_eq!(run(&encoder, "5").await, Ok(framed(2, b"\x0a")));
}

#[test]
fn periods_and_subjects_that_are_none_are_refused() {
    for fields in [
        "subject: foo, refresh_period: no duration",
        "subject: '${! bad interpolation }'",
        "",
    ] {
        let yaml = format!("schema_registry_encode: {{ url: 'http://example.com', {fields} }}");
        assert!(build(&yaml).is_err(), "{fields}");
    }
}

/// What Millrace adds to the fields of Bento.
const ADDED: [&str; 1] = ["max_size:"];

#[test]
fn fields_are_those_of_bento_but_for_what_is_added() {
    let own = ["avro", "schema_registry_encode", "schema_registry_decode"];
    let components = crate::PROCESSORS.iter().chain(crate::SCANNERS);
    for descriptor in components.filter(|it| own.contains(&it.name())) {
        let found = millrace_spec::known::differences(&descriptor.spec());
        let is_added = |line: &String| ADDED.iter().any(|it| line.starts_with(it));
        let deviations: Vec<_> = found.iter().filter(|it| !is_added(it)).collect();
        assert!(
            deviations.is_empty(),
            "{}: {deviations:?}",
            descriptor.name()
        );
    }
}
