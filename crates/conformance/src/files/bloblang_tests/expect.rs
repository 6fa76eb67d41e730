//! What a row expects of what its program gave.

use millrace_bloblang::line_and_column;
use millrace_bloblang::parser::parse_mapping;
use serde_json::Value as Json;

use super::given::Given;
use crate::compare::{same, same_json_text, theirs};
use crate::messages;
use crate::rows;
use crate::verdict::Failure;

/// What rows can expect, one of which each must.
const RESULTS: [&str; 9] = [
    "json", "string", "special", "error", "content", "deleted", "sequence", "bool", "meta",
];

/// How they can say so.
const MANNERS: [&str; 8] = [
    "match",
    "phase",
    "typed",
    "compare",
    "tolerance",
    "line",
    "col",
    "meta_typed",
];

/// Refuses what is not known here.
///
/// # Errors
/// The name of what is not, or that nothing is expected.
pub fn check_fields(expect: &Json) -> Result<(), Failure> {
    rows::only(expect, &[&RESULTS[..], &MANNERS[..]].concat())?;
    if RESULTS.iter().all(|field| expect.get(field).is_none()) {
        return Err(Failure::misread("the row expects nothing"));
    }
    Ok(())
}

/// An error at parse time has its place, where the row names one.
///
/// # Errors
/// It is found elsewhere.
pub fn check_place(expect: &Json, program: &str) -> Result<(), Failure> {
    let (Some(line), Some(column)) = (expect["line"].as_u64(), expect["col"].as_u64()) else {
        return Ok(());
    };
    if expect["phase"] != "parse" {
        return Ok(());
    }
    let errors = parse_mapping(program).errors;
    let first = errors.first().map(|error| error.span.range().start);
    let place = first.map(|at| line_and_column(program, at));
    match place {
        // What Bento parses last it complains of; what is wrong may begin before that.
        Some((our_line, our_column)) if our_line as u64 == line && our_column as u64 <= column => {
            Ok(())
        }
        _ => Err(Failure::differs(
            format!("an error at line {line}, column {column}"),
            format!("{place:?}"),
        )),
    }
}

/// Whether what was given is what is expected.
///
/// # Errors
/// The row cannot be understood.
pub fn agrees(expect: &Json, given: &Given) -> Result<bool, Failure> {
    let tolerance = expect["tolerance"].as_f64().unwrap_or(0.0);
    if let Some(special) = expect["special"].as_str() {
        return match special {
            "nothing" => Ok(matches!(given, Given::Nothing)),
            "deleted" => Ok(matches!(given, Given::Deleted)),
            other => Err(Failure::misread(format!("special `{other}` is not known"))),
        };
    }
    if expect["deleted"] == true {
        return Ok(matches!(given, Given::Deleted));
    }
    match given {
        Given::Message(message) => {
            let content = messages::text(message);
            let as_json = match &expect["compare"] {
                Json::Null => false,
                Json::String(how) if how == "json" || how == "json_or_text" => true,
                how => return Err(Failure::misread(format!("compare {how} is not known"))),
            };
            let is_content = expect["content"].as_str().is_none_or(|expected| {
                expected == content || (as_json && same_json_text(expected, &content))
            });
            let is_json = expect.get("json").is_none_or(|expected| {
                let actual = serde_json::from_str(&content).unwrap_or_default();
                same(expected, &actual, tolerance)
            });
            let is_meta = expect
                .get("meta")
                .is_none_or(|expected| same(expected, &messages::metadata(message), 0.0));
            Ok(is_content && is_json && is_meta)
        }
        Given::Value(value) => Ok(if let Some(expected) = expect["string"].as_str() {
            expected == value.to_text().as_str()
        } else if let Some(expected) = expect["bool"].as_bool() {
            value.as_bool() == Some(expected)
        } else if let Some(expected) = expect.get("json") {
            same(expected, &theirs(value), tolerance)
        } else {
            false
        }),
        // A query that gives nothing renders as null.
        Given::Nothing | Given::Deleted => Ok(expect.get("json").is_some_and(Json::is_null)
            || expect["string"].as_str() == Some("null")),
        Given::Sequence(given) => {
            let expected = rows::list(expect, "sequence")?;
            if expected.len() != given.len() {
                return Ok(false);
            }
            for (expected, given) in expected.iter().zip(given) {
                if !agrees(expected, given)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}
