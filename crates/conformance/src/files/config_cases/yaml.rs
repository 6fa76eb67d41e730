//! YAML as rows hold it.

use millrace_spec::diagnostics::{Diagnostics, SourceMap};
use millrace_spec::env::InterpolatedText;
use millrace_spec::{Node, Resolved, Value, tree};
use serde_json::Value as Json;

use crate::verdict::Failure;

/// The tree of a text.
///
/// # Errors
/// It is no YAML.
pub fn parse(text: &str) -> Result<Node, Failure> {
    let sources = SourceMap::new();
    let id = sources.add("case", text);
    let mut diagnostics = Diagnostics::new();
    let tree = tree::parse(&InterpolatedText::verbatim(text, id), &mut diagnostics);
    tree.filter(|_| !diagnostics.has_errors())
        .ok_or_else(|| Failure::misread(format!("no YAML: {text}")))
}

/// A tree as JSON.
pub fn json(node: &Node) -> Json {
    match &node.value {
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping(map) => map
            .entries
            .iter()
            .map(|it| (it.key.to_string(), json(&it.value)))
            .collect(),
        Value::Scalar(scalar) => match scalar.resolved {
            Resolved::Null => Json::Null,
            Resolved::Bool(value) => value.into(),
            Resolved::Int(value) => value.into(),
            Resolved::UInt(value) => value.into(),
            Resolved::Float(value) => value.into(),
            Resolved::String => (&*scalar.text).into(),
        },
    }
}
