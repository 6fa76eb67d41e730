//! Which complaints about a config say no more than that a variable is not set.
//!
//! A variable without a value leaves an empty text, which is seldom what its field takes. What is
//! said about that text helps nobody: the variable is reported once, and the rest is left out.

use millrace_diagnostics::{Code, Diagnostic, SourceId, SourceMap, Span};

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
///
/// A hostile file may have a hundred thousand of them: each is found by a binary search.
#[derive(Default, Debug)]
pub struct Unset {
    /// Ascending by variable, and so by scalar too: scalars do not overlap.
    places: Vec<Place>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Place {
    /// The `${…}`.
    variable: Span,
    /// The scalar that it stands in.
    scalar: Span,
}

impl Unset {
    /// Notes the places of a text's missing variables, with the tree that was made of it.
    pub fn note(&mut self, missing: &[EnvUse], tree: &Node, sources: &SourceMap) {
        let mut found: Vec<Place> = missing
            .iter()
            .map(|it| Place {
                variable: it.span,
                scalar: it.span,
            })
            .collect();
        found.sort_by_key(|it| start(it.variable));
        find_scalars(tree, &mut found, sources);
        self.places.extend(found);
        self.places.sort_by_key(|it| start(it.variable));
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
        let is_around = variables_in(&self.places, span).next().is_some();
        is_around || self.is_beside(span, sources)
    }

    /// Whether a place within a scalar is on the line of one of its variables.
    fn is_beside(&self, span: Span, sources: &SourceMap) -> bool {
        let until = |places: &[Place]| places.partition_point(|it| start(it.scalar) <= start(span));
        let Some(place) = until(&self.places).checked_sub(1).map(|it| self.places[it]) else {
            return false;
        };
        let source = sources
            .get(span.source)
            .filter(|_| place.scalar.contains(span));
        let line = source.and_then(|source| {
            let (start, text) = source.line(source.position(span.start).line)?;
            let end = start as usize + text.len();
            Some(Span::new(span.source, start as usize, end))
        });
        line.is_some_and(|line| {
            let beside = Span {
                start: line.start.max(place.scalar.start),
                end: line.end.min(place.scalar.end),
                ..line
            };
            variables_in(&self.places, beside).next().is_some()
        })
    }
}

fn start(span: Span) -> (SourceId, u32) {
    (span.source, span.start)
}

/// The places whose variable is within a span.
fn variables_in(places: &[Place], span: Span) -> impl Iterator<Item = &Place> {
    let first = places.partition_point(|it| start(it.variable) < start(span));
    let begin_in = places[first..]
        .iter()
        .take_while(move |it| start(it.variable) < (span.source, span.end));
    begin_in.filter(move |it| span.contains(it.variable))
}

/// Finds the scalar around each variable; of a field whose whole value it is, with the key.
fn find_scalars(node: &Node, places: &mut [Place], sources: &SourceMap) {
    match &node.value {
        Value::Scalar(_) => set_scalar(places, node.span),
        Value::Sequence(items) => {
            for item in items.iter() {
                find_scalars(item, places, sources);
            }
        }
        Value::Mapping(mapping) => {
            for entry in mapping.entries.iter() {
                if entry.value.is_null() {
                    // What is left of `key: ${VAR}` has the place of the key.
                    let next = places.partition_point(|it| {
                        start(it.variable) < (entry.key_span.source, entry.key_span.end)
                    });
                    if let Some(place) = places.get_mut(next)
                        && is_value_of(entry.key_span, place.variable, sources)
                    {
                        place.scalar = entry.key_span.to(place.variable);
                        continue;
                    }
                }
                find_scalars(&entry.value, places, sources);
            }
        }
    }
}

fn set_scalar(places: &mut [Place], scalar: Span) {
    let first = places.partition_point(|it| start(it.variable) < start(scalar));
    for place in &mut places[first..] {
        // An alias brings a scalar again.
        if !scalar.contains(place.variable) || place.scalar == scalar {
            break;
        }
        place.scalar = scalar;
    }
}

/// The most bytes that are looked at between a key and the variable that may be its value.
const BETWEEN_MAX: u32 = 1024;

/// Whether only a colon and blanks stand between a key and a variable.
fn is_value_of(key: Span, variable: Span, sources: &SourceMap) -> bool {
    let is_near = |it: u32| it <= BETWEEN_MAX;
    if key.source != variable.source || !variable.start.checked_sub(key.end).is_some_and(is_near) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{Environment, interpolate};
    use millrace_diagnostics::Diagnostics;

    fn noted(text: &str) -> (SourceMap, Unset) {
        let sources = SourceMap::new();
        let source = sources.add("c.yaml", text);
        let interpolated = interpolate(text, source, &Environment::empty());
        let tree = crate::tree::parse(&interpolated, &mut Diagnostics::new()).expect("YAML");
        let mut unset = Unset::default();
        unset.note(&interpolated.missing, &tree, &sources);
        (sources, unset)
    }

    /// Whether a complaint about the last place where `part` stands is explained.
    fn explained(text: &str, part: &str) -> bool {
        let (sources, unset) = noted(text);
        let source = unset.places[0].variable.source;
        let start = text.rfind(part).expect("a part of the text");
        let span = Span::new(source, start, start + part.len());
        let complaint = Diagnostic::error(codes::WRONG_TYPE, "no number").at(span);
        unset.explains(&complaint, &sources)
    }

    #[test]
    fn complaints_about_the_text_around_a_variable_are_explained_and_others_are_not() {
        for (text, part, expected) in [
            ("a: ${X}\nb: ${Y}\n", "b", true),
            ("a: '${X} c'\nb: d\n", "c", true),
            ("a: '${X} c'\nb: d\n", "d", false),
            ("a: {b: '${X}1', c: 'd', e: '${Y}2'}\n", "d", false),
            ("a: {b: '${X}1', c: 'd', e: '${Y}2'}\n", "2", true),
            (
                "a: {b: '${X}1', c: 'd', e: '${Y}2'}\n",
                "{b: '${X}1', c: 'd', e: '${Y}2'}",
                true,
            ),
            ("a: |\n  x ${X}\n  y\nb: '${Y}'\n", "y", false),
            ("a: |\n  x ${X}\n  y\nb: '${Y}'\n", "x", true),
        ] {
            assert_eq!(explained(text, part), expected, "{text} {part}");
        }
    }

    #[test]
    fn each_of_many_variables_on_one_line_gets_its_own_scalar() {
        let keys: String = (0..50_000)
            .map(|it| format!("a{it}: 'x${{X{it}}}', "))
            .collect();
        let (sources, unset) = noted(&format!("{{{keys}}}"));
        assert_eq!(unset.places.len(), 50_000);
        for place in &unset.places {
            assert_eq!(place.scalar.start + 2, place.variable.start);
            let complaint = Diagnostic::error(codes::WRONG_TYPE, "").at(place.scalar);
            assert!(unset.explains(&complaint, &sources));
        }
    }
}
