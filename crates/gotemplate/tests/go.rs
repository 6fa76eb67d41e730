//! Templates give what Go's `text/template` with Sprig gives, which is what renders them in Bento.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use millrace_gotemplate::{Limits, NoHost, Template};
use millrace_message::Value;

#[path = "go/table.rs"]
mod table;

/// What becomes of a template, or its error.
fn rendered(source: &str) -> Result<String, String> {
    let value = Value::parse_json(table::DOCUMENT.into()).unwrap();
    let template = Template::parse(source, &[]).map_err(|it| format!("syntax: {it}"))?;
    let output = template.render(&value, Limits::default(), &mut NoHost);
    match output {
        Ok(output) => Ok(String::from_utf8_lossy(&output).into_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Errors are the same to the letter; those of the syntax have their place beside their text.
fn is_same(ours: &Result<String, String>, theirs: &Result<&str, &str>) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(ours), Err(theirs)) => match ours.strip_prefix("syntax: ") {
            Some(ours) => theirs.contains(ours),
            None => ours == theirs,
        },
        _ => false,
    }
}

fn check(cases: &[table::Case]) {
    let mut wrong = Vec::new();
    for (source, theirs) in cases {
        let ours = rendered(source);
        if !is_same(&ours, theirs) {
            wrong.push(format!("{source}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_is_kept_and_trimmed_as_in_go() {
    check(table::TEXT_AND_TRIMMING);
}

#[test]
fn literals_are_read_as_in_go() {
    check(table::LITERALS);
}

#[test]
fn fields_and_methods_are_found_as_in_go() {
    check(table::FIELDS);
}

#[test]
fn variables_live_as_long_as_in_go() {
    check(table::VARIABLES);
}

#[test]
fn conditions_choose_as_in_go() {
    check(table::CONDITIONS);
}

#[test]
fn ranges_go_over_what_they_go_over_in_go() {
    check(table::RANGES);
}

#[test]
fn templates_call_each_other_as_in_go() {
    check(table::TEMPLATES);
}

#[test]
fn pipelines_pass_values_as_in_go() {
    check(table::PIPELINES);
}

#[test]
fn values_compare_as_in_go() {
    check(table::COMPARISONS);
}

#[test]
fn printf_writes_what_go_writes() {
    check(table::PRINTF);
}

#[test]
fn strings_are_changed_as_by_sprig() {
    check(table::STRINGS);
}

#[test]
fn numbers_are_computed_as_by_sprig() {
    check(table::MATH);
}

#[test]
fn defaults_and_json_are_those_of_sprig() {
    check(table::DEFAULTS);
}

#[test]
fn lists_are_made_as_by_sprig() {
    check(table::LISTS);
}

#[test]
fn maps_are_made_and_changed_as_by_sprig() {
    check(table::DICTS);
}

#[test]
fn encodings_hashes_and_patterns_are_those_of_sprig() {
    check(table::ENCODING);
}

#[test]
fn paths_and_urls_are_those_of_sprig() {
    check(table::PATHS_AND_URLS);
}

#[test]
fn times_are_those_of_sprig() {
    check(table::DATES);
}

#[test]
fn versions_are_those_of_sprig() {
    check(table::VERSIONS);
}
