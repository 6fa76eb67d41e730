//! `dotenv`: files of variables.

use millrace_spec::env::parse_dotenv;
use serde_json::{Map, Value as Json};

use crate::rows::text;
use crate::verdict::{Failure, Pass, Verdict, equal};

/// Reads the assignments of a row.
pub fn run(row: &Json) -> Verdict {
    let found = parse_dotenv(text(row, "input")?);
    let expect = &row["expect"];
    match (&expect["error"], &expect["json"], found) {
        (Json::String(_), Json::Null, Err(_)) => Ok(Pass::Ran),
        (Json::String(error), Json::Null, Ok(found)) => Err(Failure::differs(
            format!("an error: {error}"),
            format!("{found:?}"),
        )),
        (Json::Null, expected @ Json::Object(_), Ok(found)) => {
            let found = found.into_iter().map(|(name, value)| (name, value.into()));
            equal(expected, &Json::Object(found.collect::<Map<_, _>>()))
        }
        (Json::Null, expected @ Json::Object(_), Err(error)) => {
            Err(Failure::differs(expected.to_string(), error.to_string()))
        }
        _ => Err(Failure::misread("the row expects no one thing")),
    }
}
