//! The method that checks a value against a JSON Schema.

use std::borrow::Cow;

use bytes::Bytes;
use millrace_message::Value;

use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::json_schema::Schema;
use crate::registry::{Category, Example, Method, Parameter, PreparedMethod, Reach};

pub(super) const METHODS: &[Method] = &[Method::prepared(
    "json_schema",
    "The target itself when it fits a JSON Schema (draft 4, 6 or 7), else an error that lists what does not.",
    json_schema,
)
    .reach(Reach::Deep)
.category(Category::Objects)
.parameters(&[Parameter::string(
    "schema",
    "The schema as JSON; `$ref` points to parts of it, never elsewhere.",
)])
.examples(&[
    Example::new(
        r#"root = this.json_schema("""{"type":"object","properties":{"foo":{"type":"string"}},"required":["id"]}""")"#,
        &[
            (r#"{"foo":"bar","id":1}"#, r#"{"foo":"bar","id":1}"#),
            (r#"{"foo":5}"#, "error:(root) id is required\nfoo invalid type. expected: string, given: integer"),
        ],
    ),
    Example::new(
        r#"root = this.json_schema("{}}").catch(error())"#,
        &[("1", "error:failed to parse json schema definition")],
    ),
])];

fn json_schema(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let failed =
        |reason: &str| EvalError::new(format!("failed to parse json schema definition: {reason}"));
    let source = Bytes::copy_from_slice(arguments.text(0)?.as_bytes());
    let source = Value::parse_json(source).map_err(|error| failed(&error.to_string()))?;
    let schema = Schema::new(&source).map_err(|error| failed(&error))?;
    Ok(Box::new(move |target: Cow<'_, Value>| {
        let complaints = schema.complaints(&target);
        if complaints.is_empty() {
            return Ok(target.into_owned());
        }
        Err(EvalError::new(complaints.join("\n")))
    }))
}
