//! Methods that match regular expressions.

use std::borrow::Cow;

use millrace_message::{Array, Object, Text, Value};
use regex::{Captures, Regex};

use super::target;
use crate::arguments::Arguments;
use crate::budget;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::go;
use crate::registry::{Category, Example, Method, Parameter, PreparedMethod, Status};

const PATTERN: Parameter = Parameter::string("pattern", "The regular expression, in RE2 syntax.");
const REPLACEMENT: Parameter = Parameter::string(
    "value",
    "The replacement, where `$1` or `${name}` is what a group matched.",
);

pub(super) const METHODS: &[Method] = &[
    Method::prepared("re_match", "Whether the pattern matches anywhere in the text.", |arguments, _| {
        matching(arguments, |regex, text| Ok(Value::Bool(regex.is_match(text))))
    })
    .category(Category::Regex)
    .parameters(&[PATTERN])
    .examples(&[Example::new(
        r#"root.matches = this.v.re_match("[0-9]")"#,
        &[(r#"{"v":"there are 10 puppies"}"#, r#"{"matches":true}"#), (r#"{"v":"no"}"#, r#"{"matches":false}"#)],
    )]),
    Method::prepared("re_find_all", "Every match of the pattern.", |arguments, _| {
        matching(arguments, |regex, text| {
            list(regex.find_iter(text).map(|found| part(text, found.range())))
        })
    })
    .category(Category::Regex)
    .parameters(&[PATTERN])
    .examples(&[Example::new(
        r#"root.matches = this.v.re_find_all("a.")"#,
        &[(r#"{"v":"paranormal"}"#, r#"{"matches":["ar","an","al"]}"#)],
    )]),
    Method::prepared(
        "re_find_all_submatch",
        "For every match an array of the match and what each group matched.",
        |arguments, _| {
            matching(arguments, |regex, text| {
                list(regex.captures_iter(text).map(|found| groups(text, &found)))
            })
        },
    )
    .category(Category::Regex)
    .parameters(&[PATTERN])
    .examples(&[Example::new(
        r#"root.matches = this.v.re_find_all_submatch("a(x*)b")"#,
        &[(r#"{"v":"-axxb-ab-"}"#, r#"{"matches":[["axxb","xx"],["ab",""]]}"#)],
    )]),
    Method::prepared(
        "re_find_object",
        "An object of what each group matched first, by name, else by number; `0` is the whole match.",
        |arguments, _| {
            named(arguments, |regex, names, text| {
                let captures = regex.captures(text);
                Ok(captures.map_or_else(Object::new, |it| object(names, text, &it)).into())
            })
        },
    )
    .category(Category::Regex)
    .parameters(&[PATTERN])
    .examples(&[
        Example::new(
            r#"root.matches = this.v.re_find_object("a(?P<foo>x*)b")"#,
            &[(r#"{"v":"-axxb-ab-"}"#, r#"{"matches":{"0":"axxb","foo":"xx"}}"#)],
        ),
        Example::new(
            r#"root.matches = this.v.re_find_object("(?P<key>\\w+):\\s+(?P<value>\\w+)")"#,
            &[(
                r#"{"v":"option1: value1"}"#,
                r#"{"matches":{"0":"option1: value1","key":"option1","value":"value1"}}"#,
            )],
        ),
    ]),
    Method::prepared(
        "re_find_all_object",
        "As `re_find_object`, an object for every match.",
        |arguments, _| {
            named(arguments, |regex, names, text| {
                list(regex.captures_iter(text).map(|it| object(names, text, &it).into()))
            })
        },
    )
    .category(Category::Regex)
    .parameters(&[PATTERN])
    .examples(&[Example::new(
        r#"root.matches = this.v.re_find_all_object("a(?P<foo>x*)b")"#,
        &[(r#"{"v":"-axxb-ab-"}"#, r#"{"matches":[{"0":"axxb","foo":"xx"},{"0":"ab","foo":""}]}"#)],
    )]),
    Method::prepared("re_replace_all", "The text with every match of the pattern replaced.", replace)
        .category(Category::Regex)
        .parameters(&[PATTERN, REPLACEMENT])
        .examples(&[Example::new(
            r#"root.new = this.v.re_replace_all("ADD ([0-9]+)","+($1)")"#,
            &[(r#"{"v":"foo ADD 70"}"#, r#"{"new":"foo +(70)"}"#)],
        )]),
    Method::prepared("re_replace", "As `re_replace_all`.", replace)
        .category(Category::Regex)
        .status(Status::Hidden)
        .parameters(&[PATTERN, REPLACEMENT]),
];

fn regex(arguments: &Arguments<'_>) -> Result<Regex, EvalError> {
    go::regex::compile(arguments.text(0)?).map_err(EvalError::new)
}

fn matching(
    arguments: &Arguments<'_>,
    find: impl Fn(&Regex, &Text) -> Result<Value, EvalError> + Send + Sync + 'static,
) -> Result<PreparedMethod, EvalError> {
    let regex = regex(arguments)?;
    Ok(Box::new(move |target| find(&regex, &text(&target)?)))
}

fn named(
    arguments: &Arguments<'_>,
    find: impl Fn(&Regex, &[Text], &Text) -> Result<Value, EvalError> + Send + Sync + 'static,
) -> Result<PreparedMethod, EvalError> {
    let regex = regex(arguments)?;
    let names: Vec<Text> = regex
        .capture_names()
        .enumerate()
        .map(|(number, name)| name.map_or_else(|| number.to_string().into(), Text::from))
        .collect();
    Ok(Box::new(move |target| {
        find(&regex, &names, &text(&target)?)
    }))
}

/// A string or bytes; a timestamp is not matched, as in Bento.
fn text(target: &Value) -> Result<Text, EvalError> {
    match target {
        Value::Timestamp(_) => Err(EvalError::wrong_type(target, &["string"])),
        other => target::text(other),
    }
}

/// What was found, each paid for.
fn list(values: impl Iterator<Item = Value>) -> Result<Value, EvalError> {
    let mut list = Vec::new();
    for value in values {
        budget::held(&value)?;
        list.push(value);
    }
    Ok(list.into())
}

fn part(text: &Text, range: std::ops::Range<usize>) -> Value {
    Value::String(text.substring(range))
}

fn groups(text: &Text, captures: &Captures<'_>) -> Value {
    captures
        .iter()
        .map(|group| group.map_or(Value::from_static(""), |group| part(text, group.range())))
        .collect::<Array>()
        .into()
}

fn object(names: &[Text], text: &Text, captures: &Captures<'_>) -> Object {
    names
        .iter()
        .zip(captures.iter())
        .map(|(name, group)| {
            let value = group.map_or(Value::from_static(""), |group| part(text, group.range()));
            (name.clone(), value)
        })
        .collect()
}

fn replace(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let regex = regex(arguments)?;
    let replacement = arguments.text(1)?.detach();
    Ok(Box::new(move |target| match &*target {
        Value::Timestamp(_) => Err(EvalError::wrong_type(&target, &["string"])),
        _ => target::to_string(&target, |text| replaced(&regex, text, &replacement)),
    }))
}

/// The text with every match replaced.
fn replaced(regex: &Regex, text: &Text, replacement: &str) -> Result<Value, EvalError> {
    /// A result that can not be longer than this is not counted while it is made.
    const COUNTED_MIN: usize = 64 << 10;
    let groups = replacement.bytes().filter(|it| *it == b'$').count();
    let longest = replacement.len() + groups.saturating_mul(text.len());
    if (text.len() + 1).saturating_mul(longest) < COUNTED_MIN {
        return Ok(match regex.replace_all(text, replacement) {
            Cow::Borrowed(_) => Value::String(text.clone()),
            Cow::Owned(new) => Value::from(new),
        });
    }
    let mut growth = budget::Growth::default();
    let mut new = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(text) {
        let found = captures.get(0).map_or(0..0, |found| found.range());
        new.push_str(&text[end..found.start]);
        captures.expand(replacement, &mut new);
        end = found.end;
        growth.grow(new.as_bytes(), 0)?;
    }
    new.push_str(&text[end..]);
    Ok(Value::from(new))
}
