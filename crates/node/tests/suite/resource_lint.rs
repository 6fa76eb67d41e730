//! The check of resources that are handed to the HTTP API.

use std::sync::Arc;

use millrace_node::{lint_resource, registry, resource_kind};
use millrace_testkit::cases;

#[test]
fn bentos_cases_have_bentos_complaints() {
    let registry = Arc::new(registry());
    let rows = cases::rows("config_cases.jsonl");
    for row in rows.iter().filter(|it| it["kind"] == "resource_api_lint") {
        let text = |name: &str| row[name].as_str().expect("a text");
        let kind = resource_kind(text("resource_type")).expect("there are such resources");
        let lint = lint_resource(kind, text("config"), &registry);
        let expected = row["expect"]["lints"].as_array().expect("a list");
        let expected: Vec<_> = expected.iter().filter_map(|it| it.as_str()).collect();
        assert_eq!(lint.errors, expected, "{}", row["id"]);
    }
}

fn lint(kind: &str, yaml: &str) -> (Vec<String>, Vec<String>) {
    let kind = resource_kind(kind).expect("there are such resources");
    let lint = lint_resource(kind, yaml, &Arc::new(registry()));
    (lint.errors, lint.warnings)
}

#[test]
fn a_resource_that_can_be_used_has_no_complaint() {
    for (kind, yaml) in [
        ("cache", "memory: { default_ttl: 5m }"),
        ("input", "label: a\ngenerate: { mapping: root = 1 }"),
        ("output", "drop: {}"),
        ("processor", "resource: somewhere_else"),
        ("rate_limit", "local: {}"),
    ] {
        assert_eq!(lint(kind, yaml), (Vec::new(), Vec::new()), "{kind}: {yaml}");
    }
}

#[test]
fn what_forbids_to_use_it_is_told_with_its_line() {
    for (kind, yaml, reason) in [
        ("cache", "memory: [", "(1,1) "),
        ("cache", "{}", "(1,1) "),
        (
            "cache",
            "nope: {}",
            "(1,1) cache type 'nope' was not recognised",
        ),
        ("processor", "\nmapping: 'root = '", "(2,1) "),
        (
            "output",
            "nats: { urls: [ a ], subject: b }",
            "not part of this build",
        ),
        (
            "cache",
            "memory:\n  default_ttl: ${MILLRACE_NO_SUCH_VARIABLE}",
            "(2,1) ",
        ),
    ] {
        let (errors, _) = lint(kind, yaml);
        assert!(
            errors.iter().any(|it| it.contains(reason)),
            "{yaml}: {errors:?}"
        );
    }
}

#[test]
fn a_secret_is_not_repeated() {
    let yaml = "http_client: { url: 'http://user:pl4nted@host/', nope: pl4nted }";
    let (errors, warnings) = lint("output", yaml);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        !format!("{errors:?}{warnings:?}").contains("pl4nted"),
        "{errors:?}"
    );
}

#[test]
fn only_resources_are_known() {
    let error = resource_kind("buffer").expect_err("buffers are no resources");
    assert!(
        error.contains("`buffer`") && error.contains("`rate_limit`"),
        "{error}"
    );
}
