//! `set_yaml_path`, `get_yaml_path` and `yaml_labels_to_path`: reaching into a config by path.

use millrace_spec::path::{self, Schema};
use serde_json::Value as Json;

use super::yaml::{json, parse};
use crate::rows::text;
use crate::verdict::{Failure, Pass, Verdict, equal};

pub mod schema;

/// Sets a value by its path, or deletes it.
pub fn set(row: &Json) -> Verdict {
    let (fields, catalog) = (schema::root(), schema::components());
    let schema = Schema {
        fields: &fields,
        catalog: &catalog,
    };
    let mut config = parse(text(row, "input")?)?;
    let value = match &row["value_yaml"] {
        Json::Null => None,
        Json::String(yaml) => Some(parse(yaml)?),
        _ => return Err(Failure::misread("the value is no YAML")),
    };
    let set = pointer(row)?.and_then(|segments| {
        path::set(&mut config, &segments, value, schema).map_err(|refused| refused.reason)
    });
    judge(row, set.map(|()| json(&config)))
}

/// Gets a value by its path.
pub fn get(row: &Json) -> Verdict {
    let config = parse(text(row, "input")?)?;
    let found = pointer(row)?.and_then(|segments| path::get(&config, &segments).map(json));
    judge(row, found)
}

/// Finds labelled components.
pub fn labels(row: &Json) -> Verdict {
    let (fields, catalog) = (schema::root(), schema::components());
    let schema = Schema {
        fields: &fields,
        catalog: &catalog,
    };
    let found = path::labels(&parse(text(row, "input")?)?, schema);
    let found: Json = found
        .into_iter()
        .map(|(label, at)| (label, Json::from(at)))
        .collect();
    equal(&row["expect"], &found)
}

/// The segments of the path of a row, or why it is none.
fn pointer(row: &Json) -> Result<Result<Vec<String>, String>, Failure> {
    Ok(path::from_pointer(text(row, "path")?))
}

fn judge(row: &Json, found: Result<Json, String>) -> Verdict {
    let expect = &row["expect"];
    match (&expect["error"], &expect["output_yaml"], found) {
        // The path that leads nowhere is part of the text.
        (Json::String(error), Json::Null, Err(found)) if found.contains(&**error) => Ok(Pass::Ran),
        (Json::String(error), Json::Null, found) => {
            Err(Failure::differs(error, format!("{found:?}")))
        }
        (Json::Null, Json::String(yaml), Ok(found)) => equal(&json(&parse(yaml)?), &found),
        (Json::Null, Json::String(yaml), Err(error)) => Err(Failure::differs(yaml, error)),
        _ => Err(Failure::misread("the row expects no one thing")),
    }
}
