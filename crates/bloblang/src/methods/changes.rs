//! Methods that tell how two values differ, and that apply such differences.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use millrace_message::{Array, Object, Text, Value};

use crate::eval_error::EvalError;
use crate::registry::{Category, Example, Method, Parameter, Reach, Status};

pub(super) const METHODS: &[Method] = &[
    Method::value(
        "diff",
        "The changes that make the other value of the target: objects with `Type` (`create`, `update` or `delete`), `Path`, `From` and `To`. An array is compared by its elements whatever their order.",
        |target, call| {
            if target.is_null() {
                return Ok(Value::Null);
            }
            let mut changes = Vec::new();
            compare(&mut Vec::new(), &target, call.arguments.value(0), &mut changes)?;
            Ok(Value::from(changes))
        },
    )
    .reach(Reach::Deep)
    .category(Category::Objects)
    .status(Status::Beta)
    .parameters(&[Parameter::any("other", "What the target is compared with.")])
    .examples(&[Example::new(
        "root = this.before.diff(this.after)",
        &[
            (
                r#"{"before":{"a":1,"b":[1,2]},"after":{"a":2,"b":[1,2,3],"c":{}}}"#,
                r#"[{"From":1,"Path":["a"],"To":2,"Type":"update"},{"From":null,"Path":["b","2"],"To":3,"Type":"create"},{"From":null,"Path":["c"],"To":{},"Type":"create"}]"#,
            ),
            (r#"{"before":{"a":true},"after":{"a":{}}}"#, "error:types do not match"),
        ],
    )]),
    Method::value(
        "patch",
        "The target with the changes of a changelog as `diff` makes it.",
        |target, call| {
            if target.is_null() {
                return Ok(Value::Null);
            }
            let changelog = call.arguments.array(0)?;
            let mut value = target.into_owned();
            for (at, change) in changelog.iter().enumerate() {
                Change::read(&change)
                    .and_then(|change| change.apply(&mut value, 0))
                    .map_err(|reason| EvalError::new(format!("change {at}: {reason}")))?;
            }
            Ok(value)
        },
    )
    .reach(Reach::Deep)
    .category(Category::Objects)
    .status(Status::Beta)
    .parameters(&[Parameter::any("changelog", "The changes, in order.")])
    .examples(&[Example::new(
        "root = this.value.patch(this.changes)",
        &[
            (
                r#"{"value":{"a":1,"b":2},"changes":[{"Type":"update","Path":["a"],"From":1,"To":5},{"Type":"delete","Path":["b"]},{"Type":"create","Path":["c"],"To":"new"}]}"#,
                r#"{"a":5,"c":"new"}"#,
            ),
            (
                r#"{"value":{"a":1},"changes":[{"Type":"update","Path":["a","b"],"To":5}]}"#,
                "error:change 0: `a` is no object or array",
            ),
        ],
    )]),
];

/// Adds the changes from one value to another below `path`.
fn compare(
    path: &mut Vec<Text>,
    from: &Value,
    to: &Value,
    changes: &mut Vec<Value>,
) -> Result<(), EvalError> {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            for (key, value) in from {
                below(path, &key, |path| match to.get(&key) {
                    Some(other) => compare_member(path, &value, &other, changes),
                    None => add("delete", path, &value, &Value::Null, changes),
                })?;
            }
            for (key, value) in to {
                if !from.contains_key(&key) {
                    below(path, &key, |path| {
                        add("create", path, &Value::Null, &value, changes)
                    })?;
                }
            }
            Ok(())
        }
        (Value::Array(from), Value::Array(to)) => compare_arrays(path, from, to, changes),
        // At the top, each member of what is missing on one side is a change.
        (Value::Object(from), Value::Null) => from.entries().try_for_each(|(key, value)| {
            below(path, &key, |path| {
                add("delete", path, &value, &Value::Null, changes)
            })
        }),
        (from, Value::Null) => add("delete", path, from, &Value::Null, changes),
        _ => compare_member(path, from, to, changes),
    }
}

/// As [`compare`], for values that are both there; null is a value like any other.
fn compare_member(
    path: &mut Vec<Text>,
    from: &Value,
    to: &Value,
    changes: &mut Vec<Value>,
) -> Result<(), EvalError> {
    let is_text = |value: &Value| {
        value.as_f64().is_some() || matches!(value, Value::String(_) | Value::Number(_))
    };
    match (from, to) {
        (Value::Null, Value::Null) => Ok(()),
        (Value::Null, _) | (_, Value::Null) => add("update", path, from, to, changes),
        (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)) => {
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || compare(path, from, to, changes))
        }
        _ if from == to => Ok(()),
        _ if from.kind() == to.kind() || (is_text(from) && is_text(to)) => {
            add("update", path, from, to, changes)
        }
        _ => Err(EvalError::new(format!(
            "types do not match: {} and {} at `{}`",
            from.kind(),
            to.kind(),
            path.join(".")
        ))),
    }
}

/// Elements that the other array has, too, are no change, wherever they stand; the others are
/// compared by their positions.
fn compare_arrays(
    path: &mut Vec<Text>,
    from: &Array,
    to: &Array,
    changes: &mut Vec<Value>,
) -> Result<(), EvalError> {
    let (removed, added) = (missing(from, to), missing(to, from));
    for position in &removed {
        let old = from.get(*position).unwrap_or_default();
        below(path, &position.to_string().into(), |path| {
            if added.binary_search(position).is_ok() {
                let new = to.get(*position).unwrap_or_default();
                compare_member(path, &old, &new, changes)
            } else {
                add("delete", path, &old, &Value::Null, changes)
            }
        })?;
    }
    for position in added {
        if removed.binary_search(&position).is_err() {
            let new = to.get(position).unwrap_or_default();
            below(path, &position.to_string().into(), |path| {
                add("create", path, &Value::Null, &new, changes)
            })?;
        }
    }
    Ok(())
}

/// The positions of the elements that the other array does not have, or not as often.
fn missing(array: &Array, other: &Array) -> Vec<usize> {
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::with_capacity(other.len());
    for element in other {
        *counts.entry(canonical(&element)).or_default() += 1;
    }
    let mut missing = Vec::new();
    for (position, element) in array.iter().enumerate() {
        match counts.entry(canonical(&element)) {
            Entry::Occupied(mut count) if *count.get() > 0 => *count.get_mut() -= 1,
            _ => missing.push(position),
        }
    }
    missing
}

/// Bytes that are the same for values between which there is no change.
fn canonical(value: &Value) -> Vec<u8> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match value {
        Value::Array(array) => {
            let mut parts: Vec<Vec<u8>> = array.iter().map(|it| canonical(&it)).collect();
            parts.sort_unstable();
            framed(b'[', parts.iter().map(Vec::as_slice))
        }
        Value::Object(object) => {
            let parts: Vec<Vec<u8>> = object
                .entries()
                .flat_map(|(key, value)| [key.as_bytes().to_vec(), canonical(&value)])
                .collect();
            framed(b'{', parts.iter().map(Vec::as_slice))
        }
        Value::F64(float) if float.fract() == 0.0 && float.abs() < 9e15 => {
            (*float as i64).to_string().into_bytes()
        }
        scalar => scalar.to_json().to_vec(),
    })
}

fn framed<'a>(kind: u8, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = vec![kind];
    for part in parts {
        out.extend_from_slice(&part.len().to_le_bytes());
        out.extend_from_slice(part);
    }
    out
}

fn below<T>(path: &mut Vec<Text>, key: &Text, run: impl FnOnce(&mut Vec<Text>) -> T) -> T {
    path.push(key.clone());
    let result = run(path);
    path.pop();
    result
}

fn add(
    kind: &'static str,
    path: &[Text],
    from: &Value,
    to: &Value,
    changes: &mut Vec<Value>,
) -> Result<(), EvalError> {
    let path: Vec<Value> = path.iter().cloned().map(Value::String).collect();
    changes.push(Value::Object(Object::from_iter([
        ("From", from.clone()),
        ("Path", Value::from(path)),
        ("To", to.clone()),
        ("Type", Value::from_static(kind)),
    ])));
    Ok(())
}

/// What a change does at its path.
enum Action {
    Set { is_new: bool, to: Value },
    Delete,
}

struct Change {
    action: Action,
    path: Vec<Text>,
}

impl Change {
    /// Reads a change; the names of its members may be in any case.
    fn read(value: &Value) -> Result<Change, String> {
        let object = value.as_object().ok_or("it is no object")?;
        let member = |name: &str| {
            object
                .entries()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.into_owned())
        };
        let path = member("path").ok_or("it has no `Path`")?;
        let path = path.as_array().ok_or("its `Path` is no array")?;
        let path = path
            .iter()
            .map(|key| match &*key {
                Value::String(key) => Ok(key.clone()),
                _ => Err("a part of its `Path` is no string"),
            })
            .collect::<Result<_, _>>()?;
        let kind = member("type").unwrap_or_default();
        let is_new = kind.as_str() == Some("create");
        let action = match kind.as_str() {
            Some("create" | "update") => Action::Set {
                is_new,
                to: member("to").unwrap_or_default(),
            },
            Some("delete") => Action::Delete,
            _ => return Err("its `Type` is none of `create`, `update`, `delete`".to_owned()),
        };
        Ok(Change { action, path })
    }

    /// Makes the change in a value at `depth` of the path.
    fn apply(&self, value: &mut Value, depth: usize) -> Result<(), String> {
        let Some(key) = self.path.get(depth) else {
            if let Action::Set { to, .. } = &self.action {
                *value = to.clone();
            }
            return Ok(());
        };
        let is_last = depth + 1 == self.path.len();
        match (value, &self.action) {
            (Value::Object(object), Action::Delete) if is_last => {
                object.remove(key);
                Ok(())
            }
            (Value::Object(object), Action::Delete) if !object.contains_key(key) => Ok(()),
            (Value::Object(object), _) if is_last || object.contains_key(key) => {
                self.descend(object.entry(key), depth)
            }
            (Value::Array(array), action) => {
                let position: usize = key
                    .parse()
                    .map_err(|_| format!("invalid index in path, {key} is not a number"))?;
                let length = array.len();
                match action {
                    Action::Delete if is_last && position < length => {
                        array.make_mut().remove(position);
                        Ok(())
                    }
                    Action::Delete if position >= length => Ok(()),
                    Action::Set { is_new: true, to } if is_last && position >= length => {
                        array.make_mut().push(to.clone());
                        Ok(())
                    }
                    _ => match array.make_mut().get_mut(position) {
                        Some(element) => self.descend(element, depth),
                        None => Err(format!("value index {position} is invalid")),
                    },
                }
            }
            (Value::Object(_), _) => Err(format!("there is no `{key}` to change")),
            (_, _) => Err(match depth.checked_sub(1) {
                Some(above) => format!("`{}` is no object or array", self.path[above]),
                None => "the value is no object or array".to_owned(),
            }),
        }
    }

    fn descend(&self, value: &mut Value, depth: usize) -> Result<(), String> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.apply(value, depth + 1))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> Value {
        Value::parse_json(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    fn diff(from: &str, to: &str) -> String {
        let mut changes = Vec::new();
        match compare(&mut Vec::new(), &json(from), &json(to), &mut changes) {
            Ok(()) => String::from_utf8(Value::from(changes).to_json().to_vec()).unwrap(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn elements_are_compared_whatever_their_order() {
        assert_eq!(diff("[1,2,3]", "[3,2,1]"), "[]");
        assert_eq!(diff("[[1,2]]", "[[2,1]]"), "[]");
        assert_eq!(
            diff("[1,1,2]", "[1,2,2]"),
            r#"[{"From":1,"Path":["1"],"To":null,"Type":"delete"},{"From":null,"Path":["2"],"To":2,"Type":"create"}]"#
        );
        assert_eq!(
            diff(r#"[{"x":1}]"#, r#"[{"x":2}]"#),
            r#"[{"From":1,"Path":["0","x"],"To":2,"Type":"update"}]"#
        );
    }

    #[test]
    fn what_is_missing_at_the_top_is_a_change_for_each_member() {
        assert_eq!(
            diff(r#"{"a":1,"b":2}"#, "null"),
            r#"[{"From":1,"Path":["a"],"To":null,"Type":"delete"},{"From":2,"Path":["b"],"To":null,"Type":"delete"}]"#
        );
        assert_eq!(diff(r#"{"a":null}"#, r#"{"a":null}"#), "[]");
        assert_eq!(diff("5", "5"), "[]");
        assert!(diff(r#"{"a":[]}"#, r#"{"a":{}}"#).contains("types do not match"));
    }

    fn objects() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            (0..3_i64).prop_map(Value::from),
            "[ab]".prop_map(Value::from)
        ];
        scalar.prop_recursive(3, 24, 4, |inner| {
            proptest::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        })
    }

    proptest! {
        #[test]
        fn a_patch_with_the_difference_gives_the_other_value(from in objects(), to in objects()) {
            let is_object = |value: &Value| value.as_object().is_some();
            prop_assume!(is_object(&from) && is_object(&to));
            let mut changes = Vec::new();
            if compare(&mut Vec::new(), &from, &to, &mut changes).is_ok() {
                let mut patched = from.clone();
                for change in &changes {
                    Change::read(change).unwrap().apply(&mut patched, 0).unwrap();
                }
                prop_assert_eq!(patched, to);
            }
        }
    }
}
