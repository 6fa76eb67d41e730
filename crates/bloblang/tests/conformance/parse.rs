//! What must parse, what must not, and where an expression ends.

use millrace_bloblang::SyntaxError;
use millrace_bloblang::parser::{parse_expression_prefix, parse_interpolation, parse_mapping};

use crate::rows::{rows, text};

fn errors(kind: &str, program: &str) -> Vec<SyntaxError> {
    match kind {
        "interpolation" | "interpolation_parse_ok" => parse_interpolation(program).errors,
        "query" => parse_expression_prefix(program).err().unwrap_or_default(),
        _ => parse_mapping(program).errors,
    }
}

#[test]
fn every_mapping_of_the_docs_parses() {
    let mut failures = Vec::new();
    for row in rows("bloblang_parse_ok.jsonl") {
        if !text(&row, "verified").starts_with("linted") {
            continue;
        }
        let program = text(&row, "program");
        let errors = errors(text(&row, "kind"), program);
        if !errors.is_empty() {
            failures.push(format!("{}: {errors:?}\n{program}", text(&row, "id")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_program_that_bento_runs_parses() {
    let mut failures = Vec::new();
    for row in rows("bloblang_tests.jsonl") {
        let kind = text(&row, "kind");
        let is_error_at_parse = row["expect"]["phase"] == "parse";
        if matches!(kind, "token" | "query_prefix") || is_error_at_parse {
            continue;
        }
        let program = text(&row, "program");
        let errors = errors(kind, program);
        if !errors.is_empty() {
            failures.push(format!("{}: {errors:?}\n{program}", text(&row, "id")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn an_expression_ends_where_bento_ends_it() {
    for row in rows("bloblang_tests.jsonl") {
        let is_ending = match text(&row, "kind") {
            "query_prefix" => true,
            // The literals that Bento tests alone are expressions here; a number would take a field.
            "token" => row["expect"]["remaining"].is_string() && row["parser"] != "Number",
            _ => false,
        };
        if !is_ending {
            continue;
        }
        let program = text(&row, "program");
        let (_, length) = parse_expression_prefix(program)
            .unwrap_or_else(|errors| panic!("{}: {errors:?}", text(&row, "id")));
        assert_eq!(
            &program[length..],
            text(&row["expect"], "remaining"),
            "{program}"
        );
    }
}

#[test]
fn an_error_stands_where_bento_finds_it() {
    for row in rows("bloblang_tests.jsonl") {
        let (Some(line), Some(column)) = (
            row["expect"]["line"].as_u64(),
            row["expect"]["col"].as_u64(),
        ) else {
            continue;
        };
        if row["expect"]["phase"] != "parse" {
            continue;
        }
        let program = text(&row, "program");
        let errors = parse_mapping(program).errors;
        let error = errors
            .first()
            .unwrap_or_else(|| panic!("no error: {program}"));
        let place = millrace_bloblang::line_and_column(program, error.span.range().start);
        assert_eq!(place.0 as u64, line, "{program}: {error:?}");
        assert!(place.1 as u64 <= column, "{program}: {error:?}");
    }
}
