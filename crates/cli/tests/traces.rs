//! Traces across two running pipelines: who is whose parent, and what is recorded when.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::path::PathBuf;

use millrace_testkit::http;
use millrace_testkit::millrace::Millrace;
use millrace_testkit::otlp::{Collector, Span};
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";

/// A pipeline that answers what it is sent, after a mapping.
const BACK: &str = "
input: { http_server: { path: /post } }
pipeline:
  processors:
    - mapping: 'root = content().uppercase()'
    - sync_response: {}
output: { drop: {} }
";

/// A pipeline that asks the other one.
const FRONT: &str = "
input: { http_server: { path: /post } }
pipeline:
  processors:
    - label: shout
      mapping: 'root = content().string() + \"!\"'
    - http: { url: '${BACK}/post', verb: POST, retries: 0 }
    - sync_response: {}
output: { drop: {} }
";

struct Service {
    process: Millrace,
    url: String,
    _folder: tempfile::TempDir,
}

fn start(config: &str, tracer: &str, back: &str) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("config.yaml");
    let port = free_port();
    let config = format!("http: {{ address: '127.0.0.1:{port}' }}\ntracer:\n  {tracer}\n{config}");
    std::fs::write(&path, config).unwrap();
    let process = Millrace::run(&path, &[("BACK", back)]).unwrap();
    let url = format!("http://127.0.0.1:{port}");
    poll::until("the pipeline", PATIENCE, || {
        let answer = http::get(&format!("{url}/ready")).ok()?;
        (answer.status == 200).then_some(())
    })
    .unwrap();
    Service {
        process,
        url,
        _folder: folder,
    }
}

fn exporting(collector: &Collector, more: &str) -> String {
    format!(
        "open_telemetry_collector: {{ http: [ {{ address: '{}' }} ], tags: {{ team: cities }}{more} }}",
        collector.address()
    )
}

fn send(service: &Service, headers: &[(&str, &str)]) -> http::Response {
    http::request("POST", &format!("{}/post", service.url), headers, b"hi").unwrap()
}

fn named<'a>(spans: &'a [Span], name: &str, path: &str) -> &'a Span {
    let is_it = |it: &&Span| {
        it.name == name
            && it
                .attributes
                .get("millrace.path")
                .is_some_and(|it| it == path)
    };
    let found: Vec<_> = spans.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{name} at {path}: {spans:#?}");
    found[0]
}

#[test]
fn a_trace_goes_through_two_pipelines_from_the_client_on() {
    let collectors = [Collector::start().unwrap(), Collector::start().unwrap()];
    let mut back = start(BACK, &exporting(&collectors[1], ""), "");
    let mut front = start(FRONT, &exporting(&collectors[0], ""), &back.url);
    let header = format!("00-{TRACE}-{CLIENT}-01");
    let answer = send(&front, &[("traceparent", &header)]);
    assert_eq!((answer.status, &*answer.text()), (200, "HI!"));
    // The last spans are sent at the end.
    assert!(front.process.terminate(PATIENCE).unwrap().success());
    assert!(back.process.terminate(PATIENCE).unwrap().success());

    let spans = collectors[0].spans().unwrap();
    let input = named(&spans, "input_http_server", "root.input");
    assert_eq!(input.parent_id, CLIENT);
    let children = [
        ("mapping", "root.pipeline.processors.0"),
        ("http", "root.pipeline.processors.1"),
        ("sync_response", "root.pipeline.processors.2"),
        ("output_drop", "root.output"),
    ];
    for (name, path) in children {
        let span = named(&spans, name, path);
        assert_eq!(span.parent_id, input.span_id, "{name}");
        assert!(input.start <= span.start && span.end <= input.end, "{name}");
    }
    assert_eq!(spans.len(), 5);
    let labelled = named(&spans, "mapping", "root.pipeline.processors.0");
    assert_eq!(labelled.attributes["millrace.label"], "shout");
    assert_eq!(input.resource["service.name"], "millrace");
    assert_eq!(input.resource["team"], "cities");

    let asked = named(&spans, "http", "root.pipeline.processors.1");
    let behind = collectors[1].spans().unwrap();
    let input = named(&behind, "input_http_server", "root.input");
    assert_eq!(input.parent_id, asked.span_id);
    assert_eq!(behind.len(), 4);
    for span in spans.iter().chain(&behind) {
        assert_eq!(span.trace_id, TRACE, "{}", span.name);
        assert_eq!(span.status, 0, "{span:?}");
    }
}

#[test]
fn a_processor_that_fails_ends_its_span_in_an_error_and_the_message_without_a_trace_starts_one() {
    let collector = Collector::start().unwrap();
    let config = "
input: { http_server: { path: /post } }
pipeline:
  processors:
    - mapping: 'root = throw(\"no such city\")'
    - mapping: 'root = content()'
output: { drop: {} }
";
    let mut service = start(config, &exporting(&collector, ""), "");
    assert_eq!(send(&service, &[]).status, 200);
    assert!(service.process.terminate(PATIENCE).unwrap().success());
    let spans = collector.spans().unwrap();
    let input = named(&spans, "input_http_server", "root.input");
    assert_eq!(input.parent_id, "");
    let failed = named(&spans, "mapping", "root.pipeline.processors.0");
    assert_eq!(failed.status, 2);
    assert!(failed.status_message.contains("no such city"), "{failed:?}");
    let passed = named(&spans, "mapping", "root.pipeline.processors.1");
    assert_eq!((passed.status, &passed.trace_id), (0, &input.trace_id));
}

#[test]
fn a_trace_that_its_sender_does_not_record_is_passed_on_and_not_exported() {
    let collector = Collector::start().unwrap();
    let mut back = start(BACK, &exporting(&collector, ""), "");
    let none = ", sampling: { enabled: true, ratio: 0 }";
    let mut front = start(FRONT, &exporting(&collector, none), &back.url);
    assert_eq!(send(&front, &[]).status, 200);
    let header = format!("00-{TRACE}-{CLIENT}-00");
    assert_eq!(send(&front, &[("traceparent", &header)]).status, 200);
    assert!(front.process.terminate(PATIENCE).unwrap().success());
    assert!(back.process.terminate(PATIENCE).unwrap().success());
    assert_eq!(collector.spans().unwrap(), []);
}

#[test]
fn without_a_tracer_the_context_of_the_client_is_passed_on_as_it_is() {
    let collector = Collector::start().unwrap();
    let mut back = start(BACK, &exporting(&collector, ""), "");
    let mut front = start(FRONT, "none: {}", &back.url);
    let header = format!("00-{TRACE}-{CLIENT}-01");
    assert_eq!(send(&front, &[("traceparent", &header)]).status, 200);
    assert!(front.process.terminate(PATIENCE).unwrap().success());
    assert!(back.process.terminate(PATIENCE).unwrap().success());
    let spans = collector.spans().unwrap();
    assert_eq!(
        named(&spans, "input_http_server", "root.input").parent_id,
        CLIENT
    );
}

#[test]
fn a_collector_that_is_not_there_loses_spans_and_no_message() {
    let tracer = format!(
        "open_telemetry_collector: {{ http: [ {{ address: '127.0.0.1:{}' }} ] }}",
        free_port()
    );
    let mut service = start(BACK, &tracer, "");
    assert_eq!(send(&service, &[]).text(), "HI");
    assert!(service.process.terminate(PATIENCE).unwrap().success());
    let told = service.process.logs();
    assert!(
        told.iter().any(|it| it["message"]
            .as_str()
            .is_some_and(|it| it.contains("export traces"))),
        "{told:?}"
    );
}
