//! What a payload costs: parse, read one path, print, on an order document of about 650 bytes.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use millrace_message::{Segment, Value};

const ORDER: &str = concat!(
    r#"{"id":4711,"status":"paid","created_at":"2026-01-01T03:55:33Z","#,
    r#""customer":{"id":17,"name":"  Customer 17 ","email":"c17@host17.example"},"#,
    r#""address":{"country":"DE","zip":"04109"},"items":["#,
    r#"{"sku":"SKU-1234","qty":3,"price_cents":2999},{"sku":"SKU-0042","qty":1,"price_cents":150},"#,
    r#"{"sku":"SKU-4999","qty":0,"price_cents":18250},{"sku":"SKU-0815","qty":4,"price_cents":777},"#,
    r#"{"sku":"SKU-2222","qty":2,"price_cents":1},{"sku":"SKU-3141","qty":1,"price_cents":29999},"#,
    r#"{"sku":"SKU-2718","qty":2,"price_cents":12345}],"tags":[" New ","sale","vip"],"#,
    r#""user_agent":"Mozilla/5.0 (X11; Linux x86_64)","#,
    r#""note":"lorem ipsum é中 4711 lorem ipsum é中 4711 lorem ipsum é中 4711 "}"#,
);

fn json(c: &mut Criterion) {
    let source = Bytes::from_static(ORDER.as_bytes());
    let order = Value::parse_json(source.clone()).expect("the order is JSON");
    let mut sorted = Vec::new();
    order.write_json(&mut sorted);
    let canonical = Value::parse_json(Bytes::from(sorted)).expect("printed JSON parses");
    let path = Segment::parse_dot_path("items.6.price_cents");
    let mut group = c.benchmark_group("json");
    group.throughput(criterion::Throughput::Bytes(ORDER.len() as u64));
    group.bench_function("parse", |b| {
        b.iter(|| Value::parse_json(black_box(&source).clone()));
    });
    group.bench_function("one_path", |b| {
        b.iter(|| {
            black_box(&order)
                .path(black_box(&path))
                .map(|found| found.as_i64())
        });
    });
    let mut out = Vec::with_capacity(1024);
    group.bench_function("print_unsorted", |b| {
        b.iter(|| {
            out.clear();
            black_box(&order).write_json(&mut out);
        });
    });
    group.bench_function("print_canonical", |b| {
        b.iter(|| {
            out.clear();
            black_box(&canonical).write_json(&mut out);
        });
    });
    group.bench_function("parse_serde_json", |b| {
        b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(ORDER.as_bytes())));
    });
    group.finish();
}

criterion_group!(benches, json);
criterion_main!(benches);
