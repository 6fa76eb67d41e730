//! What the configs accept and refuse, without a broker.

use millrace_component::{InputChild, OutputChild};

use crate::support::workbench;

fn input_error(fields: &str) -> String {
    let yaml = format!("amqp_0_9:\n  queue: q\n  {fields}\n");
    let read = workbench().read::<InputChild>(&yaml);
    read.expect_err("the config is wrong")
}

#[test]
fn the_shapes_of_the_guides_are_accepted() {
    let read = |yaml: &str| {
        let child = workbench().read::<OutputChild>(yaml);
        child.unwrap_or_else(|error| panic!("{error}"))
    };
    read("amqp: { url: 'amqp://guest:guest@rabbitmq:5672/', target: inference_requests }");
    read("amqp_0_9: { exchange: '', key: q1, mandatory: true, urls: ['amqp://h:5672/'] }");
    read("amqp: { url: 'amqps://h', target: '${! meta(\"t\") }', priority: '1', timeout: 1s }");
}

#[test]
fn a_field_that_rabbitmq_does_not_have_is_refused_by_name() {
    let error = input_error("urls: ['amqp://h/']\n  prefetch_size: 1");
    assert!(
        error.contains("field prefetch_size is not supported"),
        "{error}"
    );
}

#[test]
fn a_list_without_a_url_is_refused() {
    for urls in ["[]", "['']", "[' , ']"] {
        let error = input_error(&format!("urls: {urls}"));
        assert!(error.contains("at least one URL is needed"), "{error}");
    }
}

#[test]
fn a_bad_url_and_a_bad_pattern_are_found_in_one_pass_without_showing_the_password() {
    let fields = "urls: ['amqp://u:planted-secret@host:port/']\n  nack_reject_patterns: ['(']";
    let error = input_error(fields);
    assert!(
        error.contains("not the address of a broker: not a URL"),
        "{error}"
    );
    assert!(error.contains("error parsing regexp"), "{error}");
    assert!(!error.contains("planted-secret"), "{error}");
}

#[test]
fn the_default_exchange_cannot_be_declared() {
    let yaml = "amqp: { url: 'amqp://h', target: q, exchange_declare: { enabled: true } }";
    let error = workbench()
        .read::<OutputChild>(yaml)
        .expect_err("it is wrong");
    assert!(
        error.contains("the default exchange cannot be declared"),
        "{error}"
    );
}
