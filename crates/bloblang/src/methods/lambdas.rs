//! Methods that evaluate an expression for each element.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use millrace_formats::merge_sort;
use millrace_message::{Array, Object, Text, Value};

use super::arrays::array;
use crate::arguments::Call;
use crate::budget;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::Expr;
use crate::registry::{Category, Example, Method, Parameter, Status};

const TEST: &[Parameter] = &[Parameter::query("test", "What an element has to fulfil.")];
const QUERY: &[Parameter] = &[Parameter::query(
    "query",
    "What is evaluated for each element.",
)];

pub(super) const METHODS: &[Method] = &[
    Method::value("all", "Whether all elements pass a test; false for an empty array.", |target, call| {
        test_all(&target, call, false)
    })
    .category(Category::Objects)
    .parameters(TEST)
    .examples(&[Example::new(
        "root.ok = this.ages.all(age -> age >= 21)",
        &[
            (r#"{"ages":[18,23]}"#, r#"{"ok":false}"#),
            (r#"{"ages":[45,23]}"#, r#"{"ok":true}"#),
            (r#"{"ages":[]}"#, r#"{"ok":false}"#),
        ],
    )]),
    Method::value("any", "Whether some element passes a test.", |target, call| {
        test_all(&target, call, true)
    })
    .category(Category::Objects)
    .parameters(TEST)
    .examples(&[Example::new(
        "root.ok = this.ages.any(age -> age >= 21)",
        &[(r#"{"ages":[18,23]}"#, r#"{"ok":true}"#), (r#"{"ages":[10]}"#, r#"{"ok":false}"#)],
    )]),
    Method::value(
        "filter",
        "The elements that pass a test; for objects the context has `key` and `value`.",
        filter,
    )
    .category(Category::Objects)
    .parameters(TEST)
    .examples(&[Example::new(
        "root = this.filter(n -> n.value | n > 10)",
        &[("[3,11,17]", "[11,17]")],
    )]),
    Method::value("find_by", "The index of the first element that passes a test, or -1.", |target, call| {
        let found = matching(&target, call, true)?;
        Ok(found.first().cloned().unwrap_or(Value::I64(-1)))
    })
    .category(Category::Objects)
    .parameters(QUERY)
    .examples(&[Example::new(
        r#"root.index = this.find_by(v -> v != "bar")"#,
        &[(r#"["bar","foo","baz"]"#, r#"{"index":1}"#)],
    )]),
    Method::value("find_all_by", "The indexes of all elements that pass a test.", |target, call| {
        matching(&target, call, false).map(Value::from)
    })
    .category(Category::Objects)
    .parameters(QUERY)
    .examples(&[Example::new(
        r#"root.index = this.find_all_by(v -> v != "bar")"#,
        &[(r#"["foo","bar","baz"]"#, r#"{"index":[0,2]}"#)],
    )]),
    Method::control(
        "fold",
        "What an expression gives for the last element, each time told the `tally` so far and the `value`.",
        fold,
    )
    .category(Category::Objects)
    .parameters(&[
        Parameter::any("initial", "The first tally."),
        Parameter::query("query", "Gives the next tally."),
    ])
    .examples(&[Example::new(
        "root.sum = this.foo.fold(0, item -> item.tally + item.value)",
        &[(r#"{"foo":[3,8,11]}"#, r#"{"sum":22}"#)],
    )]),
    Method::value(
        "map_each",
        "Each element replaced by what an expression gives, removed by `deleted()`, kept by `nothing()`; for objects the context has `key` and `value`.",
        map_each,
    )
    .category(Category::Objects)
    .parameters(QUERY)
    .examples(&[
        Example::new(
            "root = this.map_each(n -> if n < 10 { deleted() } else { n - 10 })",
            &[("[3,11,4,17]", "[1,7]")],
        ),
        Example::new(
            "root = this.map_each(item -> item.value + item.key.length())",
            &[(r#"{"a":1,"bcd":2}"#, r#"{"a":2,"bcd":5}"#)],
        ),
    ]),
    Method::value("map_each_key", "Each key of an object replaced by what an expression gives.", map_each_key)
        .category(Category::Objects)
        .parameters(&[Parameter::query("query", "Gives the new key.")])
        .examples(&[Example::new(
            r#"root = this.map_each_key(key -> key + "_x")"#,
            &[(r#"{"a":1,"b":2}"#, r#"{"a_x":1,"b_x":2}"#)],
        )]),
    Method::control(
        "sort",
        "An array of numbers or of strings in ascending order, or in the order of an expression that compares `left` and `right`.",
        sort,
    )
    .category(Category::Objects)
    .parameters(&[Parameter::query("compare", "Whether `left` comes before `right`.").optional()])
    .examples(&[
        Example::new(
            "root = this.sort()",
            &[(r#"["c","a","b"]"#, r#"["a","b","c"]"#), ("[10,9,1.5]", "[1.5,9,10]")],
        ),
        Example::new(
            "root = this.sort(item -> item.left.v > item.right.v)",
            &[(r#"[{"v":1},{"v":3}]"#, r#"[{"v":3},{"v":1}]"#)],
        ),
    ]),
    Method::control("sort_by", "An array in the ascending order of what an expression gives.", sort_by)
        .category(Category::Objects)
        .parameters(&[Parameter::query("query", "Gives what is compared, a number or a string.")])
        .examples(&[Example::new(
            "root = this.sort_by(item -> item.id)",
            &[(r#"[{"id":"b"},{"id":"a"}]"#, r#"[{"id":"a"},{"id":"b"}]"#)],
        )]),
    Method::value(
        "split_by",
        "The parts between the elements (characters, for a string) that pass a test.",
        split_by,
    )
    .category(Category::Objects)
    .status(Status::Experimental)
    .since("1.11.0")
    .parameters(&[Parameter::query("predicate", "Whether to split there.")])
    .examples(&[Example::new(
        r#"root = this.split_by(x -> x == "," || x == 0)"#,
        &[(r#""foo,bar""#, r#"["foo","bar"]"#), ("[1,0,2]", "[[1],[2]]")],
    )]),
    Method::value(
        "unique",
        "The array without repeated elements; a number never equals a string.",
        unique,
    )
    .category(Category::Objects)
    .parameters(&[Parameter::query("emit", "Gives what is compared.").optional()])
    .examples(&[Example::new(
        "root = this.unique()",
        &[(r#"["a","b","a","5",5]"#, r#"["a","b","5",5]"#)],
    )]),
];

/// The bool that a test gives for one element.
fn tested(outcome: &Outcome<'_>) -> Result<bool, EvalError> {
    match outcome.value() {
        Some(Value::Bool(bool)) => Ok(*bool),
        _ => Err(EvalError::wrong_outcome(outcome, &["bool"])),
    }
}

/// Whether every element passes, or with `any` whether one does.
fn test_all(target: &Value, call: &Call<'_>, any: bool) -> Result<Value, EvalError> {
    let test = call.query(0)?;
    let elements = array(target)?;
    if elements.is_empty() {
        return Ok(Value::Bool(false));
    }
    for (i, element) in elements.iter().enumerate() {
        let passed = call
            .ask(test, &element)
            .and_then(|outcome| tested(&outcome))
            .map_err(|error| error.context(format_args!("element {i}")))?;
        if passed == any {
            return Ok(Value::Bool(any));
        }
    }
    Ok(Value::Bool(!any))
}

/// The context of one member of an object; made once and filled anew for each member.
struct Pair(Value);

impl Pair {
    fn new() -> Pair {
        Pair(Value::Object(Object::with_capacity(2)))
    }

    fn fill(&mut self, first: (&'static str, Value), second: (&'static str, Value)) -> &Value {
        if let Value::Object(object) = &mut self.0 {
            object.insert(Text::from_static(first.0), first.1);
            object.insert(Text::from_static(second.0), second.1);
        }
        &self.0
    }
}

fn filter(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let test = call.query(0)?;
    let passes = |outcome: Outcome<'_>| matches!(outcome.value(), Some(Value::Bool(true)));
    match &*target {
        Value::Array(array) => {
            let mut kept = Vec::with_capacity(array.len());
            for element in array {
                if passes(call.ask(test, &element)?) {
                    budget::held(&element)?;
                    kept.push(element.into_owned());
                }
            }
            Ok(Value::from(kept))
        }
        Value::Object(object) => {
            let mut kept = Object::with_capacity(object.len());
            let mut pair = Pair::new();
            for (key, value) in object {
                let context = pair.fill(
                    ("key", key.clone().into()),
                    ("value", value.clone().into_owned()),
                );
                if passes(call.ask(test, context)?) {
                    kept.insert(key, value.into_owned());
                }
            }
            Ok(Value::Object(kept))
        }
        other => Err(EvalError::wrong_type(other, &["array", "object"])),
    }
}

fn matching(target: &Value, call: &Call<'_>, only_first: bool) -> Result<Vec<Value>, EvalError> {
    let query = call.query(0)?;
    let mut found = Vec::new();
    for (i, element) in array(target)?.iter().enumerate() {
        let outcome = call.ask(query, &element).map_err(|error| {
            error.context(format_args!("query returned an error for index {i}"))
        })?;
        let passed = tested(&outcome).map_err(|error| {
            error.context(format_args!(
                "query returned a non-boolean value for index {i}"
            ))
        })?;
        if passed {
            found.push(Value::I64(i as i64));
            if only_first {
                break;
            }
        }
    }
    Ok(found)
}

fn fold<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let outcome = target.eval(&call.cx)?;
    budget::operand(outcome.value_or_null())?;
    let folded = match outcome.value() {
        Some(Value::Array(array)) => folded(array, call),
        _ => Err(EvalError::wrong_outcome(&outcome, &["array"])),
    };
    folded.map_err(|error| error.blaming(|| target.annotation()))
}

fn folded(array: &Array, call: &Call<'_>) -> Result<Outcome<'static>, EvalError> {
    let query = call.query(1)?;
    let mut tally = Outcome::Own(call.arguments.value(0).clone());
    let mut pair = Pair::new();
    let mut account = budget::Tally::new();
    for element in array {
        // What is no value can be the last tally, but does not stand in an object.
        let former = tally.into_value().unwrap_or_default();
        let context = pair.fill(("tally", former), ("value", element.into_owned()));
        tally = call.ask(query, context)?.into_owned();
        account.replaced(tally.value_or_null());
    }
    budget::made(tally.value_or_null())?;
    Ok(tally)
}

fn map_each(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let query = call.query(0)?;
    let failed = |error: EvalError, place: &dyn std::fmt::Display| {
        error
            .blaming(|| query.annotation())
            .context(format_args!("failed to process element {place}"))
    };
    match &*target {
        Value::Array(array) => {
            let mut mapped = Vec::with_capacity(array.len());
            for (i, element) in array.iter().enumerate() {
                match call
                    .ask(query, &element)
                    .map_err(|error| failed(error, &i))?
                {
                    Outcome::Deleted => {}
                    Outcome::Nothing => {
                        budget::held(&element)?;
                        mapped.push(element.into_owned());
                    }
                    Outcome::Own(value) => {
                        budget::held(&value)?;
                        mapped.push(value);
                    }
                    Outcome::Ref(value) => {
                        budget::held(value)?;
                        mapped.push(value.clone());
                    }
                }
            }
            Ok(Value::from(mapped))
        }
        Value::Object(object) => {
            let mut mapped = Object::with_capacity(object.len());
            let mut pair = Pair::new();
            for (key, value) in object {
                let context = pair.fill(
                    ("key", key.clone().into()),
                    ("value", value.clone().into_owned()),
                );
                match call
                    .ask(query, context)
                    .map_err(|error| failed(error, &key))?
                {
                    Outcome::Deleted => {}
                    Outcome::Nothing => {
                        budget::held(&value)?;
                        mapped.insert(key, value.into_owned());
                    }
                    outcome => {
                        let value = outcome.into_value().unwrap_or_default();
                        budget::held(&value)?;
                        mapped.insert(key, value);
                    }
                }
            }
            Ok(Value::Object(mapped))
        }
        other => Err(EvalError::wrong_type(other, &["array"])),
    }
}

fn map_each_key(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let query = call.query(0)?;
    let object = target
        .as_object()
        .ok_or_else(|| EvalError::wrong_type(&target, &["object"]))?;
    let mut mapped = Vec::with_capacity(object.len());
    for (key, value) in object {
        let name = Value::String(key.clone());
        let outcome = call.ask(query, &name)?;
        let new = match &outcome {
            Outcome::Nothing => key,
            outcome => match outcome.value() {
                Some(Value::String(new)) => new.clone(),
                _ => {
                    return Err(EvalError::wrong_outcome(outcome, &["string"])
                        .context("unexpected result from key mapping"));
                }
            },
        };
        budget::make_text(new.len())?;
        mapped.push((new, value.into_owned()));
    }
    Ok(Value::Object(mapped.into_iter().collect()))
}

/// The elements of an array to be sorted.
fn elements(target: &Expr, outcome: &Outcome<'_>) -> Result<Vec<Value>, EvalError> {
    match outcome.value() {
        Some(Value::Array(array)) => {
            budget::make(array.len().saturating_mul(size_of::<Value>()))?;
            budget::share(1);
            Ok(array.iter().map(Cow::into_owned).collect())
        }
        _ => Err(EvalError::wrong_outcome(outcome, &["array"]).blaming(|| target.annotation())),
    }
}

fn sort<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let values = elements(target, &target.eval(&call.cx)?)?;
    let Some(query) = call.arguments.query(0) else {
        let order = sorted_places(&values)
            .map_err(|(i, error)| error.context(format_args!("sort element {i}")))?;
        return Ok(Outcome::Own(in_order(values, &order)));
    };
    let mut pair = Pair::new();
    let sorted = merge_sort(values, &mut |left, right| {
        let context = pair.fill(("left", left.clone()), ("right", right.clone()));
        let outcome = call.ask(query, context)?;
        tested(&outcome).map_err(|error| error.blaming(|| "sort argument".to_owned()))
    })?;
    Ok(Outcome::Own(Value::from(sorted)))
}

fn sort_by<'a>(target: &'a Expr, call: &Call<'a>) -> Result<Outcome<'a>, EvalError> {
    let values = elements(target, &target.eval(&call.cx)?)?;
    if values.len() < 2 {
        return Ok(Outcome::Own(Value::from(values)));
    }
    let query = call.query(0)?;
    let mut keys = Vec::with_capacity(values.len());
    for value in &values {
        let key = call.ask(query, value)?.into_value().unwrap_or_default();
        budget::held(&key)?;
        keys.push(key);
    }
    let order = sorted_places(&keys).map_err(|(i, error)| {
        error
            .blaming(|| query.annotation())
            .context(format_args!("sort_by element {i}"))
    })?;
    Ok(Outcome::Own(in_order(values, &order)))
}

fn in_order(values: Vec<Value>, order: &[usize]) -> Value {
    let mut values: Vec<Option<Value>> = values.into_iter().map(Some).collect();
    let sorted = order
        .iter()
        .filter_map(|place| values.get_mut(*place)?.take());
    Value::from(sorted.collect::<Vec<_>>())
}

/// The places of keys in ascending order; all of them must be numbers or all strings.
fn sorted_places(keys: &[Value]) -> Result<Vec<usize>, (usize, EvalError)> {
    let mut places: Vec<usize> = (0..keys.len()).collect();
    if keys.len() < 2 {
        return Ok(places);
    }
    if keys[0].as_f64().is_some() {
        let mut numbers = Vec::with_capacity(keys.len());
        for (i, key) in keys.iter().enumerate() {
            let number = key.as_f64();
            let number = number.ok_or_else(|| (i, EvalError::wrong_type(key, &["number"])))?;
            // -0 becomes 0, which it is equal to.
            numbers.push(number + 0.0);
        }
        places.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
        return Ok(places);
    }
    for (i, key) in keys.iter().enumerate() {
        if key.as_bytes().is_none() {
            let expected: &'static [&'static str] = if i == 0 {
                &["number", "string"]
            } else {
                &["string"]
            };
            return Err((i, EvalError::wrong_type(key, expected)));
        }
    }
    places.sort_by(|a, b| keys[*a].as_bytes().cmp(&keys[*b].as_bytes()));
    Ok(places)
}

fn split_by(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let query = call.query(0)?;
    let splits = |value: &Value, what: &str, i: usize| -> Result<bool, EvalError> {
        let outcome = call.ask(query, value).map_err(|error| {
            error.context(format_args!("predicate returned an error for {what} {i}"))
        })?;
        Ok(matches!(outcome.value(), Some(Value::Bool(true))))
    };
    match &*target {
        Value::String(text) => {
            let mut parts = Vec::new();
            let mut start = 0;
            for (i, (at, character)) in text.char_indices().enumerate() {
                let value = Value::String(Text::from(character));
                if splits(&value, "character at position", i)? {
                    parts.push(Value::String(text.substring(start..at)));
                    start = at + character.len_utf8();
                }
            }
            parts.push(Value::String(text.substring(start..text.len())));
            Ok(Value::from(parts))
        }
        Value::Bytes(bytes) => {
            let mut parts = Vec::new();
            let mut start = 0;
            for (at, byte) in bytes.iter().enumerate() {
                if splits(&Value::I64(i64::from(*byte)), "byte at position", at)? {
                    parts.push(Value::from(bytes.slice(start..at)));
                    start = at + 1;
                }
            }
            parts.push(Value::from(bytes.slice(start..)));
            Ok(Value::from(parts))
        }
        Value::Array(array) => {
            let mut parts = vec![Vec::new()];
            for (i, element) in array.iter().enumerate() {
                if splits(&element, "index", i)? {
                    parts.push(Vec::new());
                } else if let Some(part) = parts.last_mut() {
                    part.push(element.into_owned());
                }
            }
            Ok(Value::Array(parts.into_iter().map(Value::from).collect()))
        }
        other => Err(EvalError::wrong_type(other, &["string", "array", "bytes"])),
    }
}

/// What decides whether two elements are the same.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Text(Text),
    Number(u64),
}

fn unique(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let array = array(&target)?;
    let query = call.arguments.query(0);
    let mut seen = HashSet::with_capacity(array.len());
    let mut kept = Vec::with_capacity(array.len());
    for (i, element) in array.iter().enumerate() {
        let identity = match query {
            None => identity(&element),
            Some(query) => call
                .ask(query, &element)
                .and_then(|outcome| identity(outcome.value_or_null())),
        };
        let identity = identity.map_err(|error| error.context(format_args!("index {i}")))?;
        if seen.insert(identity) {
            kept.push(element.into_owned());
        }
    }
    Ok(Value::from(kept))
}

fn identity(value: &Value) -> Result<Identity, EvalError> {
    match value {
        Value::String(text) => Ok(Identity::Text(text.clone())),
        Value::Bytes(_) | Value::Timestamp(_) => Ok(Identity::Text(value.to_text())),
        other => match other.as_f64() {
            // Both zeros are one number.
            Some(number) if number.partial_cmp(&0.0) == Some(Ordering::Equal) => {
                Ok(Identity::Number(0))
            }
            Some(number) => Ok(Identity::Number(number.to_bits())),
            None => Err(EvalError::wrong_type(other, &["string", "number"])),
        },
    }
}
