//! Where a literal or an expression ends, and what a literal is.

use millrace_bloblang::parser::parse_expression_prefix;
use millrace_bloblang::{Environment, Outcome, Query};
use millrace_message::Message;
use serde_json::Value as Json;

use super::complaints;
use crate::compare::{same, theirs};
use crate::rows::{only, text};
use crate::verdict::{Failure, Pass, Verdict};

/// Parses what the program begins with.
pub fn run(row: &Json, kind: &str, program: &str) -> Verdict {
    let expect = &row["expect"];
    only(
        expect,
        &["remaining", "json", "typed", "error", "match", "phase"],
    )?;
    let length = if kind == "token" {
        token(text(row, "parser")?, program)?
    } else {
        expression(program)
    };
    match (expect["error"].as_str(), length) {
        (Some(_), Err(_)) => Ok(Pass::Ran),
        (Some(error), Ok(length)) => Err(Failure::differs(
            format!("an error: {error}"),
            format!("`{}` parses", &program[..length]),
        )),
        (None, Err(error)) => Err(Failure::differs(expect.to_string(), error)),
        (None, Ok(length)) => {
            let remaining = text(expect, "remaining")?;
            if program[length..] != *remaining {
                return Err(Failure::differs(remaining, &program[length..]));
            }
            match expect.get("json") {
                Some(expected) => value(&program[..length], expected),
                None => Ok(Pass::Ran),
            }
        }
    }
}

fn expression(program: &str) -> Result<usize, String> {
    match parse_expression_prefix(program) {
        Ok((_, length)) => Ok(length),
        Err(errors) => Err(complaints(&errors)),
    }
}

/// How long the literal is that the program begins with.
///
/// Our lexer has no entry for one literal: it is the expression, as far as that is no more than the
/// literal.
fn token(parser: &str, program: &str) -> Result<Result<usize, String>, Failure> {
    let begins = |pattern: &[char]| program.starts_with(pattern);
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let is_literal = match parser {
        "Number" => {
            // An expression would go on with the next dot.
            let whole = digits(program);
            let fraction = program[whole..].strip_prefix('.').map_or(0, digits);
            let length = if fraction > 0 {
                whole + 1 + fraction
            } else {
                whole
            };
            let found = (whole > 0).then_some(length);
            return Ok(found.ok_or_else(|| "no number".to_owned()));
        }
        "Boolean" => program.starts_with("true") || program.starts_with("false"),
        "Null" => program.starts_with("null"),
        "QuotedString" => begins(&['"']) && !program.starts_with("\"\"\""),
        "QuotedMultilineString" => program.starts_with("\"\"\""),
        "LiteralValue" => begins(&['"', '[', '{', 't', 'f', 'n', '-']) || digits(program) > 0,
        "Array" | "Object" => begins(&[if parser == "Array" { '[' } else { '{' }]),
        other => return Err(Failure::misread(format!("parser `{other}` is not known"))),
    };
    Ok(if is_literal {
        expression(program)
    } else {
        Err(format!("no {parser}"))
    })
}

/// Whether a literal stands for a value.
fn value(literal: &str, expected: &Json) -> Verdict {
    let query = Query::compile(literal, &Environment::new());
    let query =
        query.map_err(|errors| Failure::differs_json(expected, &complaints(&errors).into()))?;
    let batch = [Message::from_bytes("")];
    let actual = match query.evaluate(&batch, 0) {
        Ok(Outcome::Nothing | Outcome::Deleted) => Json::from("no value"),
        Ok(outcome) => theirs(&outcome.into_value().unwrap_or_default()),
        Err(error) => Json::from(error.to_string()),
    };
    if same(expected, &actual, 0.0) {
        Ok(Pass::Ran)
    } else {
        Err(Failure::differs_json(expected, &actual))
    }
}
