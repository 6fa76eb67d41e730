//! Compares a component's field table with what Bento's schema says of it.

use super::KnownComponents;
use crate::catalog::{Catalog, ComponentSpec};
use crate::render::emit;
use crate::{FieldKind, FieldSpec, Literal};

/// How a component's fields differ from Bento's, one line each, beginning with the path of the
/// field: `tls.enabled: default true, in Bento false`. Sorted. A component that Bento has not
/// gives one line.
pub fn differences(spec: &ComponentSpec) -> Vec<String> {
    let Some(known) = KnownComponents.component(spec.kind, &spec.name) else {
        return vec!["not a component of Bento".to_owned()];
    };
    let mut found = Vec::new();
    kinds("", &spec.body, &known.body, &mut found);
    found.sort();
    found
}

/// Panics with both lists unless the component differs from Bento exactly as `deviations` say. A
/// deviation is the beginning of a line of [`differences`], at least the path with its colon.
///
/// # Panics
/// A difference that is not listed, or a deviation that does not exist.
pub fn assert_matches_bento(spec: &ComponentSpec, deviations: &[&str]) {
    let found = differences(spec);
    let listed = |line: &&String| deviations.iter().any(|it| line.starts_with(it));
    let exists = |it: &&&str| found.iter().any(|line| line.starts_with(**it));
    let unlisted: Vec<_> = found.iter().filter(|line| !listed(line)).collect();
    let stale: Vec<_> = deviations.iter().filter(|it| !exists(it)).collect();
    assert!(
        unlisted.is_empty() && stale.is_empty(),
        "{} {} differs from Bento: {unlisted:#?}; deviations that do not exist: {stale:#?}",
        spec.kind,
        spec.name
    );
}

fn kinds(path: &str, ours: &FieldKind, bento: &FieldKind, found: &mut Vec<String>) {
    use FieldKind::{
        Any, Bool, ByteSize, Component, Duration, Float, Int, Interpolated, List, Map, Mapping,
        Object, Options, Resource, String,
    };
    match (ours, bento) {
        (Object(ours), Object(bento)) => fields(path, ours, bento, found),
        (List(ours), List(bento)) => kinds(&format!("{path}[]"), ours, bento, found),
        (Map(ours), Map(bento)) => kinds(&join(path, "<name>"), ours, bento, found),
        (Component(ours), Component(bento)) if ours == bento => {}
        (Options(ours), Options(bento)) => {
            for option in bento
                .iter()
                .filter(|it| !ours.iter().any(|our| our.value == it.value))
            {
                found.push(format!("{path}: without the option `{}`", option.value));
            }
        }
        (Interpolated, Interpolated)
        | (Mapping, Mapping | String)
        | (Bool, Bool)
        | (Int | ByteSize, Int)
        | (Float, Float)
        | (String | Duration | ByteSize | Resource(_) | Interpolated | Options(_), String)
        | (_, Any) => {}
        (Any, _) | (Object(_), Map(_)) if matches!(bento, Map(_)) => {}
        _ => found.push(format!("{path}: {}, in Bento {}", name(ours), name(bento))),
    }
}

fn fields(path: &str, ours: &[FieldSpec], bento: &[FieldSpec], found: &mut Vec<String>) {
    for known in bento {
        let path = join(path, &known.name);
        match ours.iter().find(|field| field.name == known.name) {
            None => found.push(format!("{path}: absent")),
            Some(field) => self::field(&path, field, known, found),
        }
    }
    for field in ours
        .iter()
        .filter(|it| !bento.iter().any(|known| known.name == it.name))
    {
        found.push(format!("{}: not in Bento", join(path, &field.name)));
    }
}

fn field(path: &str, ours: &FieldSpec, bento: &FieldSpec, found: &mut Vec<String>) {
    kinds(path, &ours.kind, &bento.kind, found);
    let is_object = matches!(bento.kind, FieldKind::Object(_));
    if bento.secret && !ours.secret {
        found.push(format!("{path}: not secret, in Bento secret"));
    }
    match (&ours.default, &bento.default) {
        (Some(ours), Some(bento)) if !ours.means_same(bento) => {
            let (ours, bento) = (emit::json(ours), emit::json(bento));
            found.push(format!("{path}: default {ours}, in Bento {bento}"));
        }
        (Some(default), None) if !is_object && !is_empty_collection(default) => {
            found.push(format!(
                "{path}: default {}, in Bento none",
                emit::json(default)
            ));
        }
        (None, Some(default)) if !is_object => {
            found.push(format!(
                "{path}: no default, in Bento {}",
                emit::json(default)
            ));
        }
        // Of what is inside lists and maps the schemas do not say whether it is required.
        (None, None)
            if !is_object
                && !path.contains(['[', '<'])
                && ours.is_required() != bento.is_required() =>
        {
            let word = |it: &FieldSpec| {
                if it.is_required() {
                    "required"
                } else {
                    "optional"
                }
            };
            found.push(format!("{path}: {}, in Bento {}", word(ours), word(bento)));
        }
        _ => {}
    }
}

/// Bento takes an absent list or map for an empty one.
fn is_empty_collection(value: &Literal) -> bool {
    match value {
        Literal::List(items) => items.is_empty(),
        Literal::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn name(kind: &FieldKind) -> String {
    crate::render::markdown::type_name(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ComponentKind, Secret, Spec};

    /// Drops what was seen before.
    #[derive(Spec)]
    #[spec(processor = "dedupe")]
    #[allow(dead_code, reason = "only its table is used")]
    struct Dedupe {
        cache: String,
        key: String,
        #[spec(default = false)]
        drop_on_err: bool,
        #[spec(default = "FIFO", options("FIFO"))]
        strategy: String,
        extra: Option<Secret<String>>,
    }

    #[test]
    fn every_difference_is_named_by_its_path() {
        let spec = ComponentSpec::of::<Dedupe>().unwrap();
        let expected = [
            "drop_on_err: default false, in Bento true",
            "extra: not in Bento",
            "key: text, in Bento text with interpolations `${! … }`",
            "strategy: without the option `LIFO`",
        ];
        assert_eq!(differences(&spec), expected);
        assert_matches_bento(&spec, &["drop_on_err:", "extra:", "key:", "strategy:"]);
        let stale = std::panic::catch_unwind(|| assert_matches_bento(&spec, &["cache:"]));
        assert!(stale.is_err());
    }

    #[test]
    fn the_known_table_does_not_differ_from_itself() {
        for kind in ComponentKind::ALL {
            for name in KnownComponents.names(kind) {
                let spec = KnownComponents.component(kind, &name).unwrap();
                assert_eq!(differences(&spec), Vec::<String>::new(), "{kind} {name}");
            }
        }
    }
}
