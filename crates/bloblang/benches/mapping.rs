//! What a message costs: parse, filter, map and print an order of about 650 bytes, as a whole and
//! stage by stage.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use millrace_bloblang::{Environment, Mapping};
use millrace_message::Message;

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

const FILTER: &str = r#"root = if this.status == "test" { deleted() }"#;

const RESHAPE: &str = r#"
root.order_id = this.id
root.customer = this.customer.name.trim().uppercase()
root.email_domain = this.customer.email.split("@").index(1)
root.n_items = this.items.length()
root.total = this.items.map_each(i -> i.qty * i.price_cents).sum()
root.country = this.address.country | "??"
"#;

/// The workload whose mapping computes much.
const HEAVY: &str = include_str!("../../../bench/pipelines/b3.yaml");

const SMALL: &str = r#"{"amount":42,"id":7,"kind":"click","user":"user-7"}"#;
const ENRICH: &str =
    "root = this\nroot.amount_x2 = this.amount * 2\nroot.is_click = this.kind == \"click\"";
const WITHOUT: &str = "root = this.without(\"kind\")\nroot.user = this.user.uppercase()";

fn mapping(text: &str) -> Mapping {
    Mapping::compile(text, &Environment::new()).expect("the mapping compiles")
}

/// The text of the first mapping of a pipeline's config.
fn mapping_of(config: &str) -> String {
    let after = config
        .split_once("mapping: |\n")
        .expect("it has a mapping")
        .1;
    let lines = after
        .lines()
        .take_while(|line| line.starts_with("        "));
    lines
        .map(|line| format!("{}\n", line.trim_start()))
        .collect()
}

/// Runs a chain of mappings on one payload; gives the length of what comes out.
fn run(chain: &[Mapping], payload: &Bytes) -> usize {
    let mut message = Message::from_bytes(payload.clone());
    for mapping in chain {
        let mapped = mapping
            .map(std::slice::from_ref(&message), 0)
            .expect("the mapping fits the payload");
        if !mapped.apply_to(&mut message) {
            return 0;
        }
    }
    message.bytes().len()
}

fn mappings(c: &mut Criterion) {
    let order = Bytes::from_static(ORDER.as_bytes());
    let small = Bytes::from_static(SMALL.as_bytes());
    let mut group = c.benchmark_group("mapping");
    let b2 = [mapping(FILTER), mapping(RESHAPE)];
    group.bench_function("b2_parse_filter_map_print", |b| {
        b.iter(|| run(black_box(&b2), black_box(&order)));
    });
    group.bench_function("b2_parse_only", |b| {
        b.iter(|| {
            Message::from_bytes(black_box(&order).clone())
                .value()
                .is_ok()
        });
    });
    let b1 = [mapping(ENRICH), mapping(WITHOUT)];
    group.bench_function("b1_two_small_mappings", |b| {
        b.iter(|| run(black_box(&b1), black_box(&small)));
    });
    let identity = [mapping("root = this\nroot.x = 1")];
    group.bench_function("order_with_one_field_more", |b| {
        b.iter(|| run(black_box(&identity), black_box(&order)));
    });
    group.finish();
}

/// One mapping, stage by stage: the parsed payload is read, the result is printed.
fn stages(c: &mut Criterion) {
    let order = Bytes::from_static(ORDER.as_bytes());
    let parsed = || {
        let message = Message::from_bytes(order.clone());
        message.value().expect("the order is JSON");
        message
    };
    let mut group = c.benchmark_group("stage");
    group.bench_function("parse", |b| b.iter(|| black_box(parsed())));
    for (name, text) in [("b2", RESHAPE), ("b3", &mapping_of(HEAVY))] {
        let mapping = mapping(text);
        let message = parsed();
        let evaluate = || {
            mapping
                .map(std::slice::from_ref(&message), 0)
                .expect("the mapping fits the payload")
        };
        group.bench_function(format!("evaluate_{name}"), |b| {
            b.iter(|| black_box(evaluate()));
        });
        let mut result = message.clone();
        assert!(evaluate().apply_to(&mut result));
        let value = result.value().expect("the result is a value").clone();
        let mut out = Vec::with_capacity(1024);
        group.bench_function(format!("print_{name}"), |b| {
            b.iter(|| {
                out.clear();
                black_box(&value).write_json(&mut out);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, mappings, stages);
criterion_main!(benches);
