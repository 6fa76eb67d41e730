//! An expression on a document.

use std::borrow::Cow;

use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use millrace_message::{Array, Object, Value};

use super::operators::{apply, boolean, is_zero, number};
use super::{Node, Operator, Sign, Step};
use crate::budget;
use crate::eval_error::EvalError;
use crate::go::regex::Pattern;
use crate::timestamps;

/// How many values one path may find: `..` multiplies them.
pub(super) const FOUND_MAX: usize = 1_000_000;

pub(super) fn value(expression: &Node, document: &Value) -> Result<Value, String> {
    let place = Place {
        root: document,
        current: None,
    };
    place.value(expression).map(Cow::into_owned)
}

/// Where an expression is evaluated.
#[derive(Clone, Copy)]
struct Place<'a> {
    root: &'a Value,
    /// What `@` stands for.
    current: Option<&'a Value>,
}

impl<'a> Place<'a> {
    fn value(&self, node: &'a Node) -> Result<Cow<'a, Value>, String> {
        Ok(match node {
            Node::Constant(value) => Cow::Borrowed(value),
            Node::Path { from_root, steps } => Cow::Owned(self.path(*from_root, steps)?),
            Node::Name(keys) => Cow::Owned(self.name(keys)?),
            Node::Sign(sign, operand) => Cow::Owned(signed(*sign, &*self.value(operand)?)?),
            Node::Binary(operator, left, right) => Cow::Owned(self.binary(*operator, left, right)?),
            Node::Matches {
                text,
                pattern,
                is_negated,
            } => {
                let text = self.value(text)?.to_text();
                let is_match = pattern.is_match(&text).map_err(told)?;
                Cow::Owned(Value::Bool(is_match != *is_negated))
            }
            Node::Choice(choice) => {
                let [condition, then, otherwise] = &**choice;
                return self.value(if is_zero(&*self.value(condition)?) {
                    otherwise
                } else {
                    then
                });
            }
            Node::Array(elements) => {
                let elements = elements
                    .iter()
                    .map(|it| self.value(it).map(Cow::into_owned));
                Cow::Owned(Value::Array(elements.collect::<Result<Array, _>>()?))
            }
            Node::Object(members) => {
                let mut object = Object::new();
                for (key, value) in members {
                    let key = self.value(key)?.to_text();
                    object.insert(key, self.value(value)?.into_owned());
                }
                Cow::Owned(Value::Object(object))
            }
            Node::Date(text) => {
                let text = self.value(text)?;
                Cow::Owned(Value::from(date(&text)?))
            }
        })
    }

    fn binary(&self, operator: Operator, left: &'a Node, right: &'a Node) -> Result<Value, String> {
        let a = self.value(left)?;
        match operator {
            Operator::And if a.as_bool() == Some(false) => return Ok(Value::Bool(false)),
            Operator::Or if a.as_bool() == Some(true) => return Ok(Value::Bool(true)),
            Operator::Coalesce if !is_zero(&a) => return Ok(a.into_owned()),
            _ => {}
        }
        let b = self.value(right)?;
        match operator {
            Operator::Coalesce => Ok(b.into_owned()),
            Operator::Matches | Operator::MatchesNot => {
                let pattern = Pattern::compile(&b.to_text()).map_err(told)?;
                let is_match = pattern.is_match(&a.to_text()).map_err(told)?;
                Ok(Value::Bool(is_match == (operator == Operator::Matches)))
            }
            _ => {
                // Texts and lists are compared, joined and searched.
                budget::operand(&a).map_err(told)?;
                budget::operand(&b).map_err(told)?;
                apply(operator, &a, &b)
            }
        }
    }

    fn name(&self, keys: &'a [Node]) -> Result<Value, String> {
        let mut value = self.root.clone();
        let mut names = Vec::new();
        for key in keys {
            let key = self.value(key)?.to_text();
            names.push(key.clone());
            let next = match &value {
                Value::Object(object) => object.get(&key).map(Cow::into_owned),
                Value::Array(array) => {
                    let element = key.parse().ok().and_then(|at| array.get(at));
                    element.map(Cow::into_owned)
                }
                _ => return Err(format!("unknown parameter {}", names.join("."))),
            };
            value = next.unwrap_or_default();
        }
        Ok(value)
    }

    fn path(&self, from_root: bool, steps: &'a [Step]) -> Result<Value, String> {
        let start = match (from_root, self.current) {
            (true, _) => self.root.clone(),
            (false, Some(current)) => current.clone(),
            (false, None) => Value::Null,
        };
        let mut found = vec![start];
        let is_list = steps
            .iter()
            .any(|step| !matches!(step, Step::Key(_) | Step::Script(_)));
        for step in steps {
            let mut next = Vec::new();
            for value in &found {
                let place = Place {
                    root: self.root,
                    current: Some(value),
                };
                pay(1)?;
                match place.step(step, value, &mut next) {
                    // In a list, what a step cannot be taken from is left out.
                    Err(error) if !is_list => return Err(error),
                    _ => {}
                }
                if next.len() > FOUND_MAX {
                    return Err(format!("the path finds more than {FOUND_MAX} values"));
                }
            }
            found = next;
        }
        match found.pop() {
            Some(value) if !is_list => Ok(value),
            last => {
                found.extend(last);
                Ok(Value::from(found))
            }
        }
    }

    fn step(&self, step: &'a Step, value: &Value, out: &mut Vec<Value>) -> Result<(), String> {
        match step {
            Step::Key(key) => out.push(self.select(key, value)?),
            Step::Script(script) => out.push(self.evaluated(script)?),
            Step::All => each(value, |child| {
                out.push(child);
                Ok(())
            })?,
            Step::Keys(keys) => {
                out.extend(keys.iter().filter_map(|key| self.select(key, value).ok()));
            }
            Step::Descend => descend(value, out)?,
            Step::Filter(filter) => each(value, |child| {
                let place = Place {
                    root: self.root,
                    current: Some(&child),
                };
                if place.is_true(filter) {
                    out.push(child);
                }
                Ok(())
            })?,
            Step::Range(range) => self.range(range, value, out)?,
        }
        Ok(())
    }

    /// The value of an expression that outlives this place.
    fn evaluated(&self, node: &Node) -> Result<Value, String> {
        let place = Place {
            root: self.root,
            current: self.current,
        };
        place.value(node).map(Cow::into_owned)
    }

    fn is_true(&self, filter: &Node) -> bool {
        self.evaluated(filter)
            .is_ok_and(|value| boolean(&value) == Some(true))
    }

    fn index(&self, node: &Node) -> Result<i64, String> {
        let value = self.evaluated(node)?;
        match number(&value) {
            Some(number) => Ok(number as i64),
            None => Err(format!("expected number but got {}", value.kind())),
        }
    }

    fn select(&self, key: &Node, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(array) => {
                let index = self
                    .index(key)
                    .map_err(|error| format!("could not select value, invalid key: {error}"))?;
                let element = usize::try_from(index).ok().and_then(|at| array.get(at));
                element
                    .map(Cow::into_owned)
                    .ok_or_else(|| format!("index {index} out of bounds"))
            }
            Value::Object(object) => {
                let key = self.evaluated(key)?.to_text();
                object
                    .get(&key)
                    .map(Cow::into_owned)
                    .ok_or_else(|| format!("unknown key {key}"))
            }
            other => Err(format!(
                "unsupported value type {} for select, expected object or array",
                other.kind()
            )),
        }
    }

    fn range(&self, range: &[Node; 3], value: &Value, out: &mut Vec<Value>) -> Result<(), String> {
        let Value::Array(array) = value else {
            return Ok(());
        };
        let [start, end, step] = range;
        let (start, end, step) = (self.index(start)?, self.index(end)?, self.index(step)?);
        if start > end && end >= 0 {
            return Ok(());
        }
        let length = array.len();
        pay(length)?;
        let bound = |at: i64| match usize::try_from(at) {
            Ok(at) => at.min(length),
            Err(_) => length.saturating_sub(usize::try_from(at.unsigned_abs()).unwrap_or(length)),
        };
        let (start, end) = (bound(start), bound(end));
        let stride = usize::try_from(step.unsigned_abs())
            .unwrap_or(usize::MAX)
            .max(1);
        let elements = array.iter().enumerate();
        let within = elements.filter(|(at, _)| (start..end).contains(at));
        if step >= 0 {
            let taken = within.filter(|(at, _)| (at - start) % stride == 0);
            out.extend(taken.map(|(_, value)| value.into_owned()));
        } else {
            let mut taken: Vec<Value> = within
                .filter(|(at, _)| (end - 1 - at) % stride == 0)
                .map(|(_, value)| value.into_owned())
                .collect();
            taken.reverse();
            out.extend(taken);
        }
        Ok(())
    }
}

/// Every member or element.
fn each(value: &Value, mut visit: impl FnMut(Value) -> Result<(), String>) -> Result<(), String> {
    let mut visit = |child: Value| {
        pay(1)?;
        visit(child)
    };
    match value {
        Value::Array(array) => array.iter().try_for_each(|it| visit(it.into_owned())),
        Value::Object(object) => object
            .entries()
            .try_for_each(|(_, it)| visit(it.into_owned())),
        _ => Ok(()),
    }
}

/// Pays for so many values that are looked at.
fn pay(count: usize) -> Result<(), String> {
    budget::steps(count).map_err(told)
}

fn told(error: EvalError) -> String {
    error.to_string()
}

/// The value, and everything below it.
fn descend(value: &Value, out: &mut Vec<Value>) -> Result<(), String> {
    if out.len() > FOUND_MAX {
        return Err(format!("the path finds more than {FOUND_MAX} values"));
    }
    out.push(value.clone());
    each(value, |child| {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || descend(&child, out))
    })
}

/// A time of RFC 3339, or a date with or without a time, which are in UTC.
fn date(text: &Value) -> Result<Zoned, String> {
    let text = text
        .as_str()
        .ok_or("date() expects exactly one string argument")?;
    if let Ok(time) = timestamps::from_value(&Value::from(text)) {
        return Ok(time);
    }
    let civil: Option<DateTime> = text.parse().ok();
    civil
        .and_then(|civil| civil.to_zoned(TimeZone::UTC).ok())
        .ok_or_else(|| format!("date() could not parse {text}"))
}

fn signed(sign: Sign, value: &Value) -> Result<Value, String> {
    let wrong = |expected: &str| format!("unexpected {}, expected {expected}", value.kind());
    match sign {
        Sign::Minus => number(value)
            .map(|it| Value::F64(-it))
            .ok_or_else(|| wrong("number")),
        Sign::Not => boolean(value)
            .map(|it| Value::Bool(!it))
            .ok_or_else(|| wrong("bool")),
        Sign::BitNot => number(value)
            .map(|it| Value::F64(!(it as i64) as f64))
            .ok_or_else(|| wrong("number")),
    }
}
