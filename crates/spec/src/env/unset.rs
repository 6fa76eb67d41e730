//! Which complaints about a config say no more than that a variable is not set.
//!
//! A variable without a value leaves an empty text, which is seldom what its field takes. What is
//! said about that text helps nobody: the variable is reported once, and the rest is left out.

use millrace_diagnostics::{Code, Diagnostic, SourceMap, Span};

use crate::env::EnvUse;
use crate::{Node, Value, codes};

/// What a value can be blamed for.
const ABOUT_VALUES: [Code; 8] = [
    codes::WRONG_TYPE,
    codes::INVALID_VALUE,
    codes::INVALID_OPTION,
    codes::BAD_BLOBLANG,
    codes::UNSET_VARIABLE,
    codes::RESOURCE_UNKNOWN,
    codes::COMPONENT_UNKNOWN,
    codes::BAD_LABEL,
];

/// The places whose values are not known, because a variable in them is not set.
#[derive(Default, Debug)]
pub struct Unset {
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    /// The `${…}`.
    variable: Span,
    /// The scalar that it stands in.
    scalar: Span,
}

impl Unset {
    /// Notes the places of a text's missing variables, with the tree that was made of it.
    pub fn note(&mut self, missing: &[EnvUse], tree: &Node, sources: &SourceMap) {
        for variable in missing {
            let scalar = innermost(tree, variable.span, sources).unwrap_or(variable.span);
            self.places.push(Place {
                variable: variable.span,
                scalar,
            });
        }
    }

    /// Whether a complaint is only about the text that a missing variable left.
    ///
    /// In a scalar of several lines, such as a mapping, only the variable's own line counts.
    pub fn explains(&self, complaint: &Diagnostic, sources: &SourceMap) -> bool {
        let Some(span) = complaint
            .span
            .filter(|_| ABOUT_VALUES.contains(&complaint.code))
        else {
            return false;
        };
        let line = |span: Span| sources.locate(span).map(|(_, at)| at.line);
        self.places.iter().any(|place| {
            let is_around = span.contains(place.variable);
            let is_beside = place.scalar.contains(span) && line(span) == line(place.variable);
            is_around || is_beside
        })
    }
}

/// The scalar around a variable; of a field whose whole value it is, with the key.
fn innermost(node: &Node, variable: Span, sources: &SourceMap) -> Option<Span> {
    match &node.value {
        Value::Scalar(_) => node.span.contains(variable).then_some(node.span),
        Value::Sequence(items) => items.iter().find_map(|it| innermost(it, variable, sources)),
        Value::Mapping(mapping) => mapping.entries.iter().find_map(|entry| {
            // What is left of `key: ${VAR}` has the place of the key.
            if entry.value.is_null() && is_value_of(entry.key_span, variable, sources) {
                return Some(entry.key_span.to(variable));
            }
            innermost(&entry.value, variable, sources)
        }),
    }
}

/// Whether only a colon and blanks stand between a key and a variable.
fn is_value_of(key: Span, variable: Span, sources: &SourceMap) -> bool {
    if key.source != variable.source || variable.start < key.end {
        return false;
    }
    let between = Span {
        start: key.end,
        end: variable.start,
        ..key
    };
    sources
        .get(key.source)
        .is_some_and(|source| source.slice(between).trim() == ":")
}
