//! Against a server that speaks the documented API of a Buf Schema Registry.

use std::collections::BTreeMap;

use millrace_component::{BuiltProcessor, conformance};
use millrace_message::MessageBatch;
use prost::Message as _;
use prost_reflect::prost_types::{
    FileDescriptorProto, FileDescriptorSet, FileOptions, UninterpretedOption,
};

use crate::protobuf::Schema;
use crate::registry::testing::{Answer, Registry, build, run};
use crate::testing::batch;

const PATH: &str = "/buf.reflect.v1beta1.FileDescriptorSetService/GetFileDescriptorSet";

const PERSON: &str = r#"
syntax = "proto3";
package testing;
import "google/protobuf/any.proto";
message Person { string first_name = 1; int32 age = 2; google.protobuf.Any extra = 3; }
"#;

/// The descriptors of a file and all that it imports.
fn compiled(text: &str) -> Vec<u8> {
    let files = BTreeMap::from([("file.proto".to_owned(), text.to_owned())]);
    Schema::compile(files).unwrap().pool().encode_to_vec()
}

/// An answer with these descriptors.
fn answer(descriptors: &[u8]) -> Answer {
    let mut body = Vec::new();
    let descriptors = bytes::Bytes::copy_from_slice(descriptors);
    prost::encoding::string::encode(2, &"c0ffee".to_owned(), &mut body);
    prost::encoding::bytes::encode(1, &descriptors, &mut body);
    Answer::Protobuf(body)
}

fn serve(registry: &Registry, path: &str, text: &str) {
    registry.answer(&format!("{path}{PATH}"), answer(&compiled(text)));
}

fn config(registry: &Registry, operator: &str, module: &str) -> String {
    let url = format!("http://{}", registry.address);
    format!(
        "protobuf: {{ operator: {operator}, message: testing.Person,
            bsr: [ {{ module: b/c/people, url: '{url}', {module} }} ] }}"
    )
}

fn processor(registry: &Registry, operator: &str, module: &str) -> BuiltProcessor {
    build(&config(registry, operator, module)).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_promises_of_a_processor() {
    let registry = Registry::start().await;
    conformance::processor(&processor(&registry, "to_json", "")).await;
    serve(&registry, "", PERSON);
    for operator in ["to_json", "from_json"] {
        conformance::processor(&processor(&registry, operator, "")).await;
    }
}

#[tokio::test]
async fn json_becomes_protobuf_and_comes_back_and_the_module_is_asked_for_once() {
    let registry = Registry::start().await;
    serve(&registry, "", PERSON);
    let there = processor(&registry, "from_json", "");
    let back = processor(&registry, "to_json", "");
    let document = r#"{"age":5,"firstName":"a"}"#;
    for _ in 0..2 {
        let encoded = run(&there, document).await.unwrap();
        assert_eq!(encoded, b"\x0a\x01a\x10\x05");
        assert_eq!(run(&back, encoded).await.unwrap(), document.as_bytes());
        assert!(
            run(&there, "{\"x\":1}")
                .await
                .unwrap_err()
                .contains("unknown field")
        );
    }
    assert_eq!(registry.requests().len(), 2);
}

#[tokio::test]
async fn the_request_names_the_module_and_its_version_and_carries_the_key() {
    let registry = Registry::start().await;
    serve(&registry, "", PERSON);
    let fields = "version: v1.2, api_key: the-key";
    assert!(
        run(&processor(&registry, "to_json", fields), "")
            .await
            .is_ok()
    );
    assert!(run(&processor(&registry, "to_json", ""), "").await.is_ok());
    let requests = registry.requests();
    assert!(
        requests[0].starts_with(&format!("POST {PATH} HTTP/1.1\r\n")),
        "{requests:?}"
    );
    for header in [
        "content-type: application/proto\r\n",
        "connect-protocol-version: 1\r\n",
        "authorization: Bearer the-key\r\n",
    ] {
        assert!(requests[0].contains(header), "{requests:?}");
    }
    assert!(!requests[1].contains("authorization"), "{requests:?}");
    assert_eq!(
        registry.bodies(),
        [
            &b"\x0a\x0ab/c/people\x12\x04v1.2"[..],
            b"\x0a\x0ab/c/people"
        ]
    );
}

#[tokio::test]
async fn the_path_and_the_user_of_the_url_are_part_of_the_request() {
    let registry = Registry::start().await;
    serve(&registry, "/base", PERSON);
    let yaml = format!(
        "protobuf: {{ operator: to_json, message: testing.Person,
            bsr: [ {{ module: m, url: 'http://u:p@{}/base/' }} ] }}",
        registry.address
    );
    assert!(run(&build(&yaml).ok().unwrap(), "").await.is_ok());
    assert!(registry.requests()[0].contains("authorization: Basic dTpw\r\n"));
}

#[tokio::test]
async fn an_any_may_hold_the_types_of_another_module() {
    let (people, pets) = (Registry::start().await, Registry::start().await);
    serve(&people, "", PERSON);
    serve(
        &pets,
        "",
        "syntax = \"proto2\"; package pets; message Cat { required string name = 1; }",
    );
    let modules =
        [&pets, &people].map(|it| format!("{{ module: m, url: 'http://{}' }}", it.address));
    let yaml = |operator: &str| {
        format!(
            "protobuf: {{ operator: {operator}, message: testing.Person, bsr: [ {} ] }}",
            modules.join(", ")
        )
    };
    let there = build(&yaml("from_json")).ok().unwrap();
    let back = build(&yaml("to_json")).ok().unwrap();
    let document = r#"{"extra":{"@type":"type.googleapis.com/pets.Cat","name":"Tom"}}"#;
    let encoded = run(&there, document).await.unwrap();
    assert_eq!(run(&back, encoded).await.unwrap(), document.as_bytes());
    let error = run(&there, r#"{"extra":{"@type":"x/pets.Cat"}}"#)
        .await
        .unwrap_err();
    assert!(error.contains("`pets.Cat.name` is not set"), "{error}");
    let error = run(&there, r#"{"extra":{"@type":"x/pets.Dog"}}"#)
        .await
        .unwrap_err();
    assert!(
        error.contains("`x/pets.Dog` is in none of the schemas"),
        "{error}"
    );
}

#[tokio::test]
async fn a_module_that_cannot_be_had_says_why() {
    let refusal = |status, body: &str| Answer::Status(status, "", body.to_owned());
    let not_found = r#"{"code":"not_found","message":"no module people"}"#;
    let texts = FileDescriptorSet {
        file: vec![FileDescriptorProto {
            name: Some("a.proto".to_owned()),
            options: Some(FileOptions {
                uninterpreted_option: vec![UninterpretedOption::default()],
                ..FileOptions::default()
            }),
            ..FileDescriptorProto::default()
        }],
    };
    let lonely = FileDescriptorSet {
        file: vec![FileDescriptorProto {
            name: Some("a.proto".to_owned()),
            dependency: vec!["b.proto".to_owned()],
            ..FileDescriptorProto::default()
        }],
    };
    // A size that is far above what follows it.
    let claims = b"\x0a\xff\xff\xff\xff\x0f".to_vec();
    for (answer, expected) in [
        (refusal(404, not_found), "404 Not Found: no module people"),
        (refusal(401, "the-key"), "the registry answers 401"),
        (refusal(503, ""), "the registry answers 503"),
        (
            refusal(200, "<html>"),
            "the address is none of a Buf Schema Registry",
        ),
        (Answer::Cut, "module `b/c/people` from http://127.0.0.1"),
        (Answer::Protobuf(b"\xff".to_vec()), "the answer is damaged"),
        (Answer::Protobuf(claims), "the answer is damaged"),
        (self::answer(b"\xff"), "no set of file descriptors"),
        (
            self::answer(&texts.encode_to_vec()),
            "options of `a.proto` were not compiled",
        ),
        (self::answer(&lonely.encode_to_vec()), "do not fit together"),
        (
            Answer::Protobuf(Vec::new()),
            "(b/c/people) define no message `testing.Person`",
        ),
    ] {
        let registry = Registry::start().await;
        registry.answer(PATH, answer);
        let processor = processor(&registry, "to_json", "api_key: the-key");
        let error = run(&processor, "").await.unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("the-key"), "{error}");
    }
}

#[tokio::test]
async fn every_message_is_told_of_a_module_that_is_not_there_with_one_request() {
    let registry = Registry::start().await;
    let processor = processor(&registry, "to_json", "");
    let messages: MessageBatch = batch(&[b"1", b"2"]);
    let batch = processor.process(messages).await.remove(0);
    assert!(batch.iter().all(|it| it.fault().is_some()));
    let payloads: Vec<_> = batch.iter().map(|it| it.bytes().to_vec()).collect();
    assert_eq!(payloads, [b"1", b"2"]);
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_answers_again_is_asked_again() {
    let registry = Registry::start().await;
    registry.answer(PATH, Answer::Hang);
    let processor = processor(&registry, "to_json", "");
    let error = run(&processor, "").await.unwrap_err();
    assert!(error.contains("does not answer within 10s"), "{error}");
    serve(&registry, "", PERSON);
    // It is told again for a second.
    assert!(run(&processor, "").await.is_err());
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert!(run(&processor, "").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_refuses_is_not_asked_again_for_a_minute() {
    let registry = Registry::start().await;
    let processor = processor(&registry, "to_json", "");
    assert!(run(&processor, "").await.is_err());
    serve(&registry, "", PERSON);
    tokio::time::advance(std::time::Duration::from_secs(59)).await;
    assert!(run(&processor, "").await.is_err());
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert!(run(&processor, "").await.is_ok());
    assert_eq!(registry.requests().len(), 2);
}

#[tokio::test]
async fn many_at_a_time_wait_for_one_answer() {
    let registry = Registry::start().await;
    serve(&registry, "", PERSON);
    let processor = processor(&registry, "to_json", "");
    let runs = (0..20).map(|_| run(&processor, ""));
    let runs = futures::future::join_all(runs).await;
    assert!(runs.iter().all(Result::is_ok));
    assert_eq!(registry.requests().len(), 1);
}
