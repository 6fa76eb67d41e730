//! `env_interpolation`: variables in the raw text of a config.

use millrace_spec::diagnostics::SourceMap;
use millrace_spec::env::{Environment, interpolate};
use serde_json::{Value as Json, json};

use crate::rows::{entries, text};
use crate::verdict::{Failure, Verdict, equal};

/// Interpolates the input of a row.
pub fn run(row: &Json) -> Verdict {
    let input = text(row, "input")?;
    let mut environment = Environment::empty();
    for (name, value) in entries(row, "env") {
        let value = value
            .as_str()
            .ok_or_else(|| Failure::misread(format!("variable `{name}` is no text")))?;
        environment.set(name, value);
    }
    let sources = SourceMap::new();
    let found = interpolate(input, sources.add("case", input), &environment);
    let actual = match found.missing_diagnostic() {
        Some(missing) => json!({"error": missing.message}),
        None => json!({"result": found.text}),
    };
    let expect = &row["expect"];
    let expected = match (&expect["error"], &expect["result"]) {
        (Json::String(error), Json::Null) => json!({ "error": error }),
        (Json::Null, Json::String(result)) => json!({ "result": result }),
        _ => return Err(Failure::misread("the row expects no one thing")),
    };
    equal(&expected, &actual)
}
