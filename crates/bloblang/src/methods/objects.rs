//! Methods on objects.

use std::borrow::Cow;

use millrace_message::{Array, Object, Segment, Text, Value};

use crate::arguments::{Arguments, Call};
use crate::budget;
use crate::environment::Environment;
use crate::eval::dot_path;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::registry::{Category, Default, Example, Method, Parameter, PreparedMethod, Reach};

const WITH: &[Parameter] = &[Parameter::any("with", "What is put into the target.")];

pub(super) const METHODS: &[Method] = &[
    Method::value(
        "assign",
        "The object with the members of another one put into it; on a collision the other wins. Arrays are joined.",
        |target, call| combine(target, call.arguments.value(0), &mut |_, source| Ok(source)),
    )
    .reach(Reach::Deep)
    .category(Category::Objects)
    .parameters(WITH)
    .examples(&[Example::new(
        "root = this.foo.assign(this.bar)",
        &[(
            r#"{"foo":{"a":1,"b":{"c":2}},"bar":{"a":5,"b":{"d":3}}}"#,
            r#"{"a":5,"b":{"c":2,"d":3}}"#,
        )],
    )]),
    Method::value(
        "merge",
        "The object with the members of another one put into it; values that collide become an array of both. Arrays are joined.",
        |target, call| combine(target, call.arguments.value(0), &mut collide),
    )
    .reach(Reach::Deep)
    .category(Category::Objects)
    .parameters(WITH)
    .examples(&[Example::new(
        "root = this.foo.merge(this.bar)",
        &[(
            r#"{"foo":{"a":1,"b":{"c":2}},"bar":{"a":5,"b":{"d":3}}}"#,
            r#"{"a":[1,5],"b":{"c":2,"d":3}}"#,
        )],
    )]),
    Method::value("squash", "All objects of an array merged into one.", squash)
        .reach(Reach::Deep)
        .category(Category::Objects)
        .examples(&[Example::new(
            "root = this.squash()",
            &[(r#"[{"a":["x"]},{"b":1},{"a":["y"]}]"#, r#"{"a":["x","y"],"b":1}"#)],
        )]),
    Method::value(
        "collapse",
        "An object of one member per scalar, whose keys are the dot paths that lead there.",
        collapse,
    )
    .reach(Reach::Deep)
    .category(Category::Objects)
    .parameters(&[Parameter::bool("include_empty", "Keep empty arrays and objects.")
        .default(Default::Bool(false))])
    .examples(&[Example::new(
        "root.a = this.collapse()\nroot.b = this.collapse(include_empty: true)",
        &[(
            r#"{"foo":[{"bar":"1"},{"bar":{}}]}"#,
            r#"{"a":{"foo.0.bar":"1"},"b":{"foo.0.bar":"1","foo.1.bar":{}}}"#,
        )],
    )]),
    Method::value(
        "explode",
        "One copy of the object for each element of the array (or member of the object) at a path, with that element there.",
        explode,
    )
    .category(Category::Objects)
    .parameters(&[Parameter::string("path", "The dot path of what is exploded.")])
    .examples(&[Example::new(
        r#"root = this.explode("v")"#,
        &[
            (r#"{"id":1,"v":["a","b"]}"#, r#"[{"id":1,"v":"a"},{"id":1,"v":"b"}]"#),
            (r#"{"id":1,"v":{"x":2}}"#, r#"{"x":{"id":1,"v":2}}"#),
        ],
    )]),
    Method::value("keys", "The keys of an object, in order.", |target, _| {
        let keys = object(&target)?.keys().map(Value::String);
        Ok(Value::Array(keys.collect()))
    })
    .category(Category::Objects)
    .examples(&[Example::new(
        "root = this.keys()",
        &[(r#"{"b":1,"a":2}"#, r#"["a","b"]"#)],
    )]),
    Method::value("values", "The values of an object, in the order of their keys.", |target, _| {
        let values = object(&target)?.entries().map(|(_, value)| value.into_owned());
        Ok(Value::Array(values.collect()))
    })
    .category(Category::Objects)
    .examples(&[Example::new(
        "root = this.values()",
        &[(r#"{"b":1,"a":2}"#, "[2,1]")],
    )]),
    Method::value(
        "key_values",
        "Each member as an object with its `key` and its `value`, in the order of the keys.",
        |target, _| {
            budget::make(object(&target)?.len().saturating_mul(8 * size_of::<Value>()))?;
            let pairs = object(&target)?.entries().map(|(key, value)| {
                let members = [("key", Value::String(key)), ("value", value.into_owned())];
                Value::Object(Object::from_iter(members))
            });
            Ok(Value::Array(pairs.collect()))
        },
    )
    .category(Category::Objects)
    .examples(&[Example::new(
        "root = this.key_values()",
        &[(r#"{"b":1}"#, r#"[{"key":"b","value":1}]"#)],
    )]),
    Method::value("set", "The object with the value at a dot path replaced, or removed by `deleted()`.", set)
        .category(Category::Objects)
        .parameters(&[
            Parameter::string("path", "The dot path."),
            Parameter::any("value", "What stands there then."),
        ])
        .examples(&[Example::new(
            r#"root = this.set("nested.field", "foo").set("bar", deleted())"#,
            &[(r#"{"bar":"value"}"#, r#"{"nested":{"field":"foo"}}"#)],
        )]),
    Method::prepared("with", "The object with only the fields that the dot paths name.", with)
        .category(Category::Objects)
        .variadic()
        .examples(&[Example::new(
            r#"root = this.with("inner.a", "d")"#,
            &[(
                r#"{"inner":{"a":"first","b":"second"},"d":"fourth","e":"fifth"}"#,
                r#"{"d":"fourth","inner":{"a":"first"}}"#,
            )],
        )]),
    Method::prepared("without", "The object without the fields that the dot paths name.", without)
        .category(Category::Objects)
        .variadic()
        .examples(&[Example::new(
            r#"root = this.without("inner.a", "d")"#,
            &[(
                r#"{"inner":{"a":"first","b":"second"},"d":"fourth","e":"fifth"}"#,
                r#"{"e":"fifth","inner":{"b":"second"}}"#,
            )],
        )]),
];

fn object(target: &Value) -> Result<&Object, EvalError> {
    target
        .as_object()
        .ok_or_else(|| EvalError::wrong_type(target, &["object"]))
}

type Collision<'a> = &'a mut dyn FnMut(Value, Value) -> Result<Value, EvalError>;

fn combine(
    target: Cow<'_, Value>,
    source: &Value,
    collision: Collision<'_>,
) -> Result<Value, EvalError> {
    match target.into_owned() {
        Value::Array(mut array) => {
            match source {
                Value::Array(source) => array.make_mut().extend(source.iter().map(Cow::into_owned)),
                other => array.make_mut().push(other.clone()),
            }
            Ok(Value::Array(array))
        }
        Value::Object(mut object) => {
            if let Value::Object(source) = source {
                merge_into(&mut object, source, collision)?;
            }
            Ok(Value::Object(object))
        }
        other => Err(EvalError::wrong_type(&other, &["object", "array"])),
    }
}

fn merge_into(
    target: &mut Object,
    source: &Object,
    collision: Collision<'_>,
) -> Result<(), EvalError> {
    // Values that mappings build nest without limit.
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        merge_level(target, source, collision)
    })
}

fn merge_level(
    target: &mut Object,
    source: &Object,
    collision: Collision<'_>,
) -> Result<(), EvalError> {
    let mut added = Vec::new();
    for (key, value) in source {
        budget::steps(1)?;
        let Some(existing) = target.get_mut(&key) else {
            added.push((key, value.into_owned()));
            continue;
        };
        merge_value(existing, value.into_owned(), collision)?;
    }
    add_members(target, added);
    Ok(())
}

fn merge_value(
    existing: &mut Value,
    value: Value,
    collision: Collision<'_>,
) -> Result<(), EvalError> {
    let copied = existing.copied();
    match (existing, value) {
        (Value::Object(existing), Value::Object(value)) => {
            // Objects that are one and the same in many places are many once they are changed.
            budget::make(copied)?;
            merge_into(existing, &value, collision)
        }
        (existing, value) => {
            let former = std::mem::take(existing);
            *existing = collision(former, value)?;
            Ok(())
        }
    }
}

/// Adds members that are not there yet.
fn add_members(target: &mut Object, added: Vec<(Text, Value)>) {
    /// Inserting one moves those behind it, so that many are sorted in at once.
    const AT_ONCE: usize = 32;
    if added.len() < AT_ONCE {
        for (key, value) in added {
            target.insert(key, value);
        }
        return;
    }
    let former = std::mem::take(target);
    let former = former
        .entries()
        .map(|(key, value)| (key, value.into_owned()));
    *target = former.chain(added).collect();
}

/// Both values in one array; arrays give their elements.
fn collide(former: Value, new: Value) -> Result<Value, EvalError> {
    budget::make(former.copied() + new.copied())?;
    let mut both = match former {
        Value::Array(array) => array.into_vec(),
        other => vec![other],
    };
    match new {
        Value::Array(array) => both.extend(array.into_vec()),
        other => both.push(other),
    }
    Ok(Value::from(both))
}

/// As if each object were merged into those before it, key by key: inserting one member after another
/// would move those behind it each time.
fn squash(target: Cow<'_, Value>, _: &Call<'_>) -> Result<Value, EvalError> {
    let mut members: Vec<(Text, Value)> = Vec::new();
    for element in super::arrays::array(&target)? {
        let Value::Object(source) = &*element else {
            continue;
        };
        budget::steps(source.len())?;
        for (key, value) in source {
            members.push((key, value.into_owned()));
        }
    }
    budget::make(members.len().saturating_mul(size_of::<(Text, Value)>()))?;
    members.sort_by(|a, b| a.0.cmp(&b.0));
    let mut squashed: Vec<(Text, Value)> = Vec::with_capacity(members.len());
    for (key, value) in members {
        match squashed.last_mut().filter(|(last, _)| *last == key) {
            Some((_, existing)) => merge_value(existing, value, &mut collide)?,
            None => squashed.push((key, value)),
        }
    }
    Ok(Value::Object(Object::from_ascending(squashed)))
}

fn collapse(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    if !matches!(&*target, Value::Object(_) | Value::Array(_)) {
        return Err(EvalError::new("not an object or array"));
    }
    let mut flat = Vec::new();
    flatten(
        &mut String::new(),
        &target,
        call.arguments.bool(0)?,
        &mut flat,
    )?;
    Ok(Value::Object(flat.into_iter().collect()))
}

fn flatten(
    path: &mut String,
    value: &Value,
    include_empty: bool,
    flat: &mut Vec<(Text, Value)>,
) -> Result<(), EvalError> {
    let length = path.len();
    let mut descend = |name: &str, value: &Value, path: &mut String| {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        let flattened = stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            flatten(path, value, include_empty, flat)
        });
        path.truncate(length);
        flattened
    };
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                descend(&key, &value, path)?;
            }
        }
        Value::Array(array) if !array.is_empty() => {
            for (i, value) in array.iter().enumerate() {
                descend(&i.to_string(), &value, path)?;
            }
        }
        Value::Object(_) | Value::Array(_) if !include_empty => {}
        other => {
            budget::bytes(2 * size_of::<Value>() + path.len())?;
            flat.push((Text::from(path.as_str()), other.clone()));
        }
    }
    Ok(())
}

fn explode(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    object(&target)?;
    let text = call.arguments.text(0)?;
    let path = dot_path(text)?;
    budget::path(&target, &path)?;
    let place = target.path(&path).map(Cow::into_owned).unwrap_or_default();
    let mut rest = target.clone().into_owned();
    // Every copy replaces what is exploded; its place stays, for those behind it in an array. A
    // path that leads nowhere fails below.
    let _absent = rest.set_path(&path, Value::Null);
    let copied = rest.copied();
    if let Some(count) = place
        .as_array()
        .map(Array::len)
        .or(place.as_object().map(Object::len))
    {
        budget::share(usize::BITS - count.leading_zeros());
    }
    let copy = |element: Value| -> Result<Value, EvalError> {
        budget::make(copied)?;
        let mut copy = rest.clone();
        copy.set_path(&path, element)?;
        Ok(copy)
    };
    match place {
        Value::Array(array) => {
            let copies = array.iter().map(|element| copy(element.into_owned()));
            Ok(Value::Array(copies.collect::<Result<Array, _>>()?))
        }
        Value::Object(object) => {
            let copies = object
                .entries()
                .map(|(key, value)| Ok((key, copy(value.into_owned())?)));
            Ok(Value::Object(
                copies.collect::<Result<Object, EvalError>>()?,
            ))
        }
        other => Err(EvalError::new(format!(
            "expected array or object value at path '{text}', found: {}",
            other.kind()
        ))),
    }
}

fn set(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let path = dot_path(call.arguments.text(0)?)?;
    let mut value = target.into_owned();
    match call.arguments.get(1) {
        Some(Outcome::Deleted) => value.delete_path(&path)?,
        _ => value.set_path(&path, call.arguments.value(1).clone())?,
    }
    Ok(value)
}

/// Dot paths in the form that a walk over an object needs: the rest of each by its first segment.
struct PathSet(Vec<Vec<Segment>>);

impl PathSet {
    fn of(arguments: &Arguments<'_>) -> Result<PathSet, EvalError> {
        let mut paths = Vec::with_capacity(arguments.len());
        for position in 0..arguments.len() {
            let value = arguments.value(position);
            let text = match value {
                Value::String(_) | Value::Bytes(_) => value.to_text(),
                other => {
                    return Err(EvalError::wrong_type(other, &["string"])
                        .context(format_args!("argument {position}")));
                }
            };
            paths.push(dot_path(&text)?);
        }
        Ok(PathSet(paths))
    }
}

/// The parts of the paths after `key`; an empty one says that the key itself is named.
fn after<'p>(paths: &[&'p [Segment]], key: &str) -> Vec<&'p [Segment]> {
    let named = paths.iter().filter_map(|path| path.split_first());
    named
        .filter(|(first, _)| first.name() == key)
        .map(|(_, rest)| rest)
        .collect()
}

fn without(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let paths = PathSet::of(arguments)?;
    Ok(Box::new(move |target| {
        object(&target)?;
        let mut kept = target.into_owned();
        if let Value::Object(object) = &mut kept {
            for path in &paths.0 {
                remove(object, path);
            }
        }
        Ok(kept)
    }))
}

/// Removes what a path names; unlike a deletion it does not go into arrays.
fn remove(object: &mut Object, path: &[Segment]) {
    match path {
        [] => {}
        [last] => {
            object.remove(last.name());
        }
        [first, rest @ ..] => {
            // A branch that is not there, or no object, is not copied for nothing.
            let leads_on = matches!(
                object.get(first.name()).as_deref(),
                Some(Value::Object(inner)) if inner.contains_key(rest[0].name())
            );
            if leads_on && let Some(Value::Object(inner)) = object.get_mut(first.name()) {
                remove(inner, rest);
            }
        }
    }
}

fn with(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let paths = PathSet::of(arguments)?;
    Ok(Box::new(move |target| {
        let object = object(&target)?;
        let paths: Vec<&[Segment]> = paths.0.iter().map(Vec::as_slice).collect();
        Ok(Value::Object(object_with(object, &paths)))
    }))
}

fn object_with(object: &Object, paths: &[&[Segment]]) -> Object {
    let mut kept = Vec::with_capacity(paths.len());
    for (key, value) in object {
        let mut rest = after(paths, &key);
        if rest.is_empty() {
            continue;
        }
        rest.retain(|rest| !rest.is_empty());
        let value = match &*value {
            Value::Object(inner) if !rest.is_empty() => Value::Object(object_with(inner, &rest)),
            _ => value.into_owned(),
        };
        kept.push((key, value));
    }
    Object::from_ascending(kept)
}
