//! `set_override`: `--set` expressions.

use millrace_spec::diagnostics::SourceMap;
use millrace_spec::path::{self, Schema};
use millrace_spec::set;
use serde_json::{Value as Json, json};

use super::paths::schema;
use super::yaml::{json, parse};
use crate::compare::same;
use crate::rows::{entries, list};
use crate::verdict::{Failure, Pass, Verdict};

/// Applies the expressions of a row.
pub fn run(row: &Json) -> Verdict {
    let (fields, catalog) = (schema::root(), schema::components());
    let schema = Schema {
        fields: &fields,
        catalog: &catalog,
    };
    let mut config = parse(row["config"].as_str().unwrap_or("{}"))?;
    let sources = SourceMap::new();
    let mut complaints = Vec::new();
    for expression in list(row, "set")? {
        let expression = expression
            .as_str()
            .ok_or_else(|| Failure::misread("an expression is no text"))?;
        if let Err(found) = set::apply(&mut config, expression, schema, &sources) {
            complaints.extend(found.iter().map(|it| it.message.clone()));
        }
    }
    match (row["expect"]["error"].as_str(), complaints.is_empty()) {
        // The wording is ours.
        (Some(_), false) => return Ok(Pass::Ran),
        (Some(error), true) => return Err(Failure::differs(error, json(&config).to_string())),
        (None, false) => return Err(Failure::differs("no error", complaints.join("\n"))),
        (None, true) => {}
    }
    for (at, expected) in entries(&row["expect"], "paths") {
        let found = path::get(&config, &path::from_dots(at)).map(json);
        let found = found.or_else(|error| implied(&config, at).ok_or(error));
        if !found.as_ref().is_ok_and(|found| same(expected, found, 0.0)) {
            return Err(Failure::differs(
                format!("{at}: {expected}"),
                format!("{found:?}"),
            ));
        }
    }
    Ok(Pass::Ran)
}

/// Bento reads the config back with its defaults: `type: drop` is a component `drop: {}`.
fn implied(config: &millrace_spec::Node, at: &str) -> Option<Json> {
    let (component, name) = at.rsplit_once('.')?;
    let component = path::get(config, &path::from_dots(component)).ok()?;
    (component.get("type")?.text()? == name).then(|| json!({}))
}
