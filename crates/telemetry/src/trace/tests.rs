use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;
use crate::metric::Counter;
use crate::redact::Redactor;

/// A decoded protobuf message: the values of each field, in order.
type Message = BTreeMap<u64, Vec<Vec<u8>>>;

/// Reads fields: numbers come as their bytes, little endian.
fn decode(mut bytes: &[u8]) -> Message {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut message = Message::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                let value = varint(&mut bytes);
                let field = message.entry(tag >> 3).or_default();
                field.push(value.to_le_bytes().to_vec());
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        message.entry(tag >> 3).or_default().push(value.to_vec());
        bytes = rest;
    }
    message
}

fn text(message: &Message, field: u64) -> &str {
    std::str::from_utf8(&message[&field][0]).unwrap()
}

fn number(message: &Message, field: u64) -> u64 {
    u64::from_le_bytes(message[&field][0].as_slice().try_into().unwrap())
}

fn spans_of(body: &[u8]) -> Vec<Message> {
    let resource_spans = decode(&decode(body)[&1][0]);
    let scope_spans = decode(&resource_spans[&2][0]);
    scope_spans[&2].iter().map(|it| decode(it)).collect()
}

fn attribute(span: &Message, index: usize) -> (String, Message) {
    let pair = decode(&span[&9][index]);
    (text(&pair, 1).to_owned(), decode(&pair[&2][0]))
}

/// Runs the exporter over all that `record` recorded; the bodies it sent.
async fn exported(settings: TraceSettings, record: impl FnOnce(&Tracer)) -> Vec<Vec<u8>> {
    let (tracer, exporter) = Tracer::with_exporter(settings);
    record(&tracer);
    drop(tracer);
    let bodies = Mutex::new(Vec::new());
    let send = |body| {
        bodies.lock().push(body);
        ready(Ok(()))
    };
    exporter.run(send, pending()).await;
    bodies.into_inner()
}

#[tokio::test]
async fn a_span_is_exported_with_all_it_was_given() {
    Redactor::global().add("planted-trace-secret");
    let parent =
        TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    let mut child = None;
    let bodies = exported(TraceSettings::default(), |tracer| {
        let mut span = tracer.start("publish", SpanKind::Producer, Some(parent));
        span.set("messaging.system", "rabbitmq");
        span.set("ok", true);
        span.set("n", -2i64);
        span.set("f", 0.5);
        span.set("body", "has planted-trace-secret".to_owned());
        span.link(parent);
        span.error(&"refused: planted-trace-secret");
        child = span.context();
        span.end();
    })
    .await;
    let resource_spans = decode(&decode(&bodies[0])[&1][0]);
    let resource = decode(&decode(&resource_spans[&1][0])[&1][0]);
    assert_eq!(text(&resource, 1), "service.name");
    assert_eq!(text(&decode(&resource[&2][0]), 1), "millrace");
    let [span] = &spans_of(&bodies[0])[..] else {
        panic!("one span");
    };
    let child = child.unwrap();
    assert_eq!(child.trace_id, parent.trace_id);
    assert_ne!(child.span_id, parent.span_id);
    assert_eq!(span[&1][0], parent.trace_id);
    assert_eq!(span[&2][0], child.span_id);
    assert_eq!(span[&4][0], parent.span_id);
    assert_eq!((text(span, 5), number(span, 6)), ("publish", 4));
    assert!(number(span, 7) > 1_700_000_000_000_000_000 && number(span, 8) >= number(span, 7));
    assert_eq!(text(&attribute(span, 0).1, 1), "rabbitmq");
    assert_eq!(number(&attribute(span, 1).1, 2), 1);
    assert_eq!(number(&attribute(span, 2).1, 3) as i64, -2);
    assert_eq!(f64::from_bits(number(&attribute(span, 3).1, 4)), 0.5);
    assert_eq!(text(&attribute(span, 4).1, 1), "has ***");
    assert_eq!(decode(&span[&13][0])[&1][0], parent.trace_id);
    let status = decode(&span[&15][0]);
    assert_eq!((text(&status, 2), number(&status, 3)), ("refused: ***", 2));
}

#[tokio::test]
async fn a_parent_decides_whether_its_children_are_recorded() {
    let sampled =
        TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    let unsampled = TraceContext {
        sampled: false,
        ..sampled
    };
    for ratio in [0.0, 1.0] {
        let settings = TraceSettings {
            sampling_ratio: ratio,
            ..TraceSettings::default()
        };
        let bodies = exported(settings, |tracer| {
            tracer.start("yes", SpanKind::Server, Some(sampled)).end();
            let span = tracer.start("no", SpanKind::Server, Some(unsampled));
            assert!(!span.is_recording());
            let context = span.context().unwrap();
            assert!(!context.sampled && context.trace_id == unsampled.trace_id);
        })
        .await;
        let names: Vec<_> = spans_of(&bodies[0])
            .iter()
            .map(|it| text(it, 5).to_owned())
            .collect();
        assert_eq!(names, ["yes"], "ratio {ratio}");
    }
}

#[tokio::test]
async fn the_ratio_samples_new_traces() {
    let settings = TraceSettings {
        sampling_ratio: 0.25,
        ..TraceSettings::default()
    };
    let bodies = exported(settings, |tracer| {
        for _ in 0..4000 {
            tracer.start("root", SpanKind::Internal, None).end();
        }
    })
    .await;
    let count: usize = bodies.iter().map(|it| spans_of(it).len()).sum();
    // 1000 expected, standard deviation 27: this fails once in 10^13 runs.
    assert!((800..1200).contains(&count), "{count}");
    assert!(
        bodies.iter().all(|it| spans_of(it).len() <= 512),
        "batches are bounded"
    );
}

#[tokio::test]
async fn what_the_queue_cannot_hold_is_dropped_and_counted() {
    let settings = TraceSettings {
        queue_spans_max: 3,
        ..TraceSettings::default()
    };
    let dropped = settings.dropped.clone();
    let bodies = exported(settings, |tracer| {
        for _ in 0..10 {
            tracer.start("s", SpanKind::Internal, None).end();
        }
    })
    .await;
    assert_eq!(spans_of(&bodies[0]).len(), 3);
    assert_eq!(dropped.get(), 7.0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_tried_again_and_dropped_in_the_end() {
    let attempts = Arc::new(Counter::detached());
    for (error, expected) in [
        (ExportError::Retry("no connection".into()), 4.0),
        (ExportError::Rejected("400".into()), 1.0),
    ] {
        let settings = TraceSettings::default();
        let dropped = settings.dropped.clone();
        let (tracer, exporter) = Tracer::with_exporter(settings);
        tracer.start("s", SpanKind::Internal, None).end();
        let before = attempts.get();
        let (gone, is_gone) = oneshot::channel();
        let counted = attempts.clone();
        let total = before + expected;
        let mut gone = Some(gone);
        let send = move |_| {
            counted.inc();
            if counted.get() == total
                && let Some(gone) = gone.take()
            {
                gone.send(()).unwrap();
            }
            ready(Err(error.clone()))
        };
        let stop = async {
            is_gone.await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        };
        exporter.run(send, stop).await;
        assert_eq!(attempts.get() - before, expected);
        assert_eq!(dropped.get(), 1.0);
        drop(tracer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_what_is_left_without_waiting() {
    let (tracer, exporter) = Tracer::with_exporter(TraceSettings::default());
    tracer.start("s", SpanKind::Internal, None).end();
    let started = tokio::time::Instant::now();
    let mut sent = 0;
    let send = |body: Vec<u8>| {
        sent += spans_of(&body).len();
        ready(Ok(()))
    };
    exporter.run(send, ready(())).await;
    assert_eq!(sent, 1);
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(tracer.is_enabled());
    tracer.start("late", SpanKind::Internal, None).end();
}

#[test]
fn a_disabled_tracer_has_no_context() {
    let mut span = Tracer::disabled().start("s", SpanKind::Internal, None);
    span.set("a", 1i64);
    span.error(&"e");
    assert_eq!(span.context(), None);
}
