//! Methods that match regular expressions.

use std::ops::Range;

use millrace_message::{Array, Object, Text, Value};
use regex::Captures;

use super::target;
use crate::arguments::Arguments;
use crate::budget;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::go::regex::{Pattern, Replacement, Searches, replacement_size};
use crate::registry::{Category, Example, Method, Parameter, PreparedMethod, Status};

const PATTERN: Parameter = Parameter::string("pattern", "The regular expression, in RE2 syntax.");
const REPLACEMENT: Parameter = Parameter::string(
    "value",
    "The replacement, where `$1` or `${name}` is what a group matched.",
);

pub(super) const METHODS: &[Method] = &[
    Method::prepared("re_match", "Whether the pattern matches anywhere in the text.", |arguments, _| {
        matching(arguments, |pattern, text| pattern.is_match(text).map(Value::Bool))
    })
    .category(Category::Regex)
    .parameters(&[PATTERN])
    .examples(&[Example::new(
        r#"root.matches = this.v.re_match("[0-9]")"#,
        &[(r#"{"v":"there are 10 puppies"}"#, r#"{"matches":true}"#), (r#"{"v":"no"}"#, r#"{"matches":false}"#)],
    )]),
    Method::prepared("re_find_all", "Every match of the pattern.", |arguments, _| {
        matching(arguments, |pattern, text| {
            let mut searches = pattern.searches(text)?;
            list(pattern.regex().find_iter(text).map(|found| {
                searches.found(found.end())?;
                Ok(part(text, found.range()))
            }))
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
            matching(arguments, |pattern, text| all(pattern, text, |it| groups(text, it)))
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
            named(arguments, |pattern, names, text| {
                pattern.pay(text.len())?;
                let captures = pattern.regex().captures(text);
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
            named(arguments, |pattern, names, text| {
                all(pattern, text, |it| object(names, text, it).into())
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

fn pattern(arguments: &Arguments<'_>) -> Result<Pattern, EvalError> {
    Pattern::compile(arguments.text(0)?)
}

fn matching(
    arguments: &Arguments<'_>,
    find: impl Fn(&Pattern, &Text) -> Result<Value, EvalError> + Send + Sync + 'static,
) -> Result<PreparedMethod, EvalError> {
    let pattern = pattern(arguments)?;
    Ok(Box::new(move |target| find(&pattern, &text(&target)?)))
}

fn named(
    arguments: &Arguments<'_>,
    find: impl Fn(&Pattern, &[Text], &Text) -> Result<Value, EvalError> + Send + Sync + 'static,
) -> Result<PreparedMethod, EvalError> {
    let pattern = pattern(arguments)?;
    let names: Vec<Text> = pattern
        .regex()
        .capture_names()
        .enumerate()
        .map(|(number, name)| name.map_or_else(|| number.to_string().into(), Text::from))
        .collect();
    Ok(Box::new(move |target| {
        find(&pattern, &names, &text(&target)?)
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
fn list(values: impl Iterator<Item = Result<Value, EvalError>>) -> Result<Value, EvalError> {
    let mut list = Vec::new();
    for value in values {
        let value = value?;
        budget::held(&value)?;
        list.push(value);
    }
    Ok(list.into())
}

/// What is made of every match.
fn all(
    pattern: &Pattern,
    text: &Text,
    make: impl Fn(&Captures<'_>) -> Value,
) -> Result<Value, EvalError> {
    let mut searches = pattern.searches(text)?;
    list(pattern.regex().captures_iter(text).map(|captures| {
        searches.found(whole(&captures).end)?;
        Ok(make(&captures))
    }))
}

/// Where the whole match stands.
fn whole(captures: &Captures<'_>) -> Range<usize> {
    captures.get(0).map_or(0..0, |found| found.range())
}

fn part(text: &Text, range: Range<usize>) -> Value {
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
    let pattern = pattern(arguments)?;
    let source = arguments.text(1)?.detach();
    budget::make(replacement_size(&source))?;
    let replacement = Replacement::new(source, pattern.regex());
    Ok(Box::new(move |target| match &*target {
        Value::Timestamp(_) => Err(EvalError::wrong_type(&target, &["string"])),
        _ => target::to_string(&target, |text| replaced(&pattern, text, &replacement)),
    }))
}

/// The text with every match replaced.
fn replaced(
    pattern: &Pattern,
    text: &Text,
    replacement: &Replacement<Text>,
) -> Result<Value, EvalError> {
    /// Pieces of a replacement that take as long as a step.
    const STEP_PIECES: usize = 16;
    let mut changed = Changed {
        text,
        searches: pattern.searches(text)?,
        growth: budget::Growth::default(),
        new: String::new(),
        end: 0,
    };
    // Finding groups takes far longer than finding matches.
    if let Some(plain) = replacement.plain() {
        for found in pattern.regex().find_iter(text) {
            changed.replace(found.range(), plain.len(), |new| new.push_str(plain))?;
        }
        return Ok(changed.finish());
    }
    for captures in pattern.regex().captures_iter(text) {
        budget::steps(replacement.pieces() / STEP_PIECES)?;
        let length = replacement.length(&captures);
        changed.replace(whole(&captures), length, |new| {
            replacement.push(&captures, new);
        })?;
    }
    Ok(changed.finish())
}

/// A text in which matches are replaced, up to the end of the last one.
struct Changed<'a> {
    text: &'a Text,
    searches: Searches<'a>,
    growth: budget::Growth,
    new: String,
    end: usize,
}

impl Changed<'_> {
    /// Puts so many bytes in the place of a match, once there is room for them.
    fn replace(
        &mut self,
        found: Range<usize>,
        length: usize,
        push: impl FnOnce(&mut String),
    ) -> Result<(), EvalError> {
        self.searches.found(found.end)?;
        let before = &self.text[self.end..found.start];
        let more = length.saturating_add(before.len());
        self.growth.grow(self.new.as_bytes(), more)?;
        self.new.push_str(before);
        push(&mut self.new);
        self.end = found.end;
        Ok(())
    }

    fn finish(mut self) -> Value {
        if self.end == 0 && self.new.is_empty() {
            return Value::String(self.text.clone());
        }
        self.new.push_str(&self.text[self.end..]);
        Value::from(self.new)
    }
}
