//! The body of an OTLP trace export: protobuf, written by hand.
//!
//! # Source
//! `opentelemetry/proto/{collector/trace/v1/trace_service,trace/v1/trace}.proto`, release 1.x, whose
//! field numbers are stable.

use std::time::UNIX_EPOCH;

use super::span::{AttributeValue, SpanRecord};
use crate::redact::Redactor;

const ERROR_STATUS: u64 = 2;

/// Texts of a span are bounded; what is above is cut, after redaction.
const TEXT_BYTES_MAX: usize = 4096;

/// An `ExportTraceServiceRequest` with one resource.
pub(super) fn encode(
    resource: &[(String, String)],
    scope_version: &str,
    spans: &[SpanRecord],
    redactor: &Redactor,
) -> Vec<u8> {
    let mut request = Vec::with_capacity(spans.len() * 256);
    message(&mut request, 1, |resource_spans| {
        message(resource_spans, 1, |out| {
            for (key, value) in resource {
                message(out, 1, |out| text_attribute(out, key, value, redactor));
            }
        });
        message(resource_spans, 2, |scope_spans| {
            message(scope_spans, 1, |scope| {
                bytes(scope, 1, b"millrace");
                bytes(scope, 2, scope_version.as_bytes());
            });
            for span in spans {
                message(scope_spans, 2, |out| write_span(out, span, redactor));
            }
        });
    });
    request
}

fn write_span(out: &mut Vec<u8>, span: &SpanRecord, redactor: &Redactor) {
    let since = span.start.duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
    bytes(out, 1, &span.context.trace_id);
    bytes(out, 2, &span.context.span_id);
    if let Some(parent) = span.parent {
        bytes(out, 4, &parent);
    }
    text(out, 5, &span.name, redactor);
    varint_field(out, 6, span.kind as u64);
    fixed64(out, 7, start);
    fixed64(out, 8, start.saturating_add(span.duration_nanos));
    for (key, value) in &span.attributes {
        message(out, 9, |out| match value {
            AttributeValue::Text(value) => text_attribute(out, key, value, redactor),
            AttributeValue::Bool(value) => {
                attribute(out, key, |out| varint_field(out, 2, u64::from(*value)));
            }
            AttributeValue::Integer(value) => {
                attribute(out, key, |out| varint_field(out, 3, *value as u64));
            }
            AttributeValue::Float(value) => {
                attribute(out, key, |out| fixed64(out, 4, value.to_bits()));
            }
        });
    }
    for link in &span.links {
        message(out, 13, |out| {
            bytes(out, 1, &link.trace_id);
            bytes(out, 2, &link.span_id);
        });
    }
    if let Some(error) = &span.error {
        message(out, 15, |out| {
            text(out, 2, error, redactor);
            varint_field(out, 3, ERROR_STATUS);
        });
    }
}

fn text_attribute(out: &mut Vec<u8>, key: &str, value: &str, redactor: &Redactor) {
    attribute(out, key, |out| text(out, 1, value, redactor));
}

/// A `KeyValue`; `value` writes the `AnyValue`.
fn attribute(out: &mut Vec<u8>, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    bytes(out, 1, key.as_bytes());
    message(out, 2, value);
}

fn text(out: &mut Vec<u8>, field: u32, value: &str, redactor: &Redactor) {
    let redacted = redactor.redact(value);
    let cut = &redacted[..redacted.floor_char_boundary(TEXT_BYTES_MAX)];
    bytes(out, field, cut.as_bytes());
}

fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    bytes(out, field, &inner);
}

fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    varint(out, u64::from(field << 3 | 2));
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint_field(out: &mut Vec<u8>, field: u32, value: u64) {
    varint(out, u64::from(field << 3));
    varint(out, value);
}

fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    varint(out, u64::from(field << 3 | 1));
    out.extend_from_slice(&value.to_le_bytes());
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
