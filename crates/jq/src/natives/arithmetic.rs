//! Operators.

use std::cmp::Ordering;
use std::mem::take;

use millrace_message::{Object, Value};

use super::Native;
use super::texts::{repeat, split_by};
use crate::error::{Fail, named};
use crate::limits::{Budget, level};
use crate::number::{self, Operation, of};
use crate::order::{compare, equal};

pub(super) const TABLE: &[Native] = &[
    Native::operator("_add", 2, |budget, _, arguments| {
        let (left, right) = operands(arguments);
        add(budget, left, right)
    }),
    Native::operator("_concat", 2, concat),
    Native::operator("_subtract", 2, subtract),
    Native::operator("_multiply", 2, |budget, _, arguments| {
        let (left, right) = operands(arguments);
        multiply(budget, left, right)
    }),
    Native::operator("_divide", 2, divide),
    Native::operator("_modulo", 2, modulo),
    Native::operator("_equal", 2, |budget, _, it| {
        compared(budget, it, |order| order == Ordering::Equal)
    }),
    Native::operator("_notequal", 2, |budget, _, it| {
        compared(budget, it, |order| order != Ordering::Equal)
    }),
    Native::operator("_less", 2, |budget, _, it| {
        compared(budget, it, |order| order == Ordering::Less)
    }),
    Native::operator("_lesseq", 2, |budget, _, it| {
        compared(budget, it, |order| order != Ordering::Greater)
    }),
    Native::operator("_greater", 2, |budget, _, it| {
        compared(budget, it, |order| order == Ordering::Greater)
    }),
    Native::operator("_greatereq", 2, |budget, _, it| {
        compared(budget, it, |order| order != Ordering::Less)
    }),
    Native::new("_negate", 0, |_, input, _| match of(&input) {
        Some(number) => Ok(number::negated(&number)),
        None => Err(Fail::text(format!("cannot negate: {}", named(&input)))),
    }),
    Native::new("_plus", 0, |_, input, _| match of(&input) {
        Some(_) => Ok(input),
        None => Err(Fail::text(format!("cannot plus: {}", named(&input)))),
    }),
];

fn operands(arguments: &mut [Value]) -> (Value, Value) {
    (take(&mut arguments[0]), take(&mut arguments[1]))
}

fn compared(budget: &Budget, arguments: &[Value], is: fn(Ordering) -> bool) -> Result<Value, Fail> {
    let order = compare(budget, &arguments[0], &arguments[1])?;
    Ok(Value::Bool(is(order)))
}

fn cannot(what: &str, left: &Value, right: &Value) -> Fail {
    Fail::text(format!(
        "cannot {what}: {} and {}",
        named(left),
        named(right)
    ))
}

/// `left + right`; an array or object that nobody else holds is added to in place.
pub(super) fn add(budget: &Budget, left: Value, right: Value) -> Result<Value, Fail> {
    Ok(match (left, right) {
        (Value::Null, other) | (other, Value::Null) => other,
        (Value::I64(left), Value::I64(right)) => match left.checked_add(right) {
            Some(sum) => Value::I64(sum),
            None => number::integer(i128::from(left) + i128::from(right)),
        },
        (Value::String(left), Value::String(right)) => {
            budget.build(left.len() + right.len())?;
            let mut text = String::with_capacity(left.len() + right.len());
            text.push_str(&left);
            text.push_str(&right);
            Value::from(text)
        }
        (Value::Array(left), right @ Value::Array(_)) if left.is_empty() => right,
        (left @ Value::Array(_), Value::Array(right)) if right.is_empty() => left,
        (Value::Array(mut left), Value::Array(right)) => {
            budget.own_array(&left)?;
            budget.values(right.len())?;
            let elements = left.make_mut();
            elements.extend(right.iter().map(|it| it.into_owned()));
            Value::Array(left)
        }
        (Value::Object(mut left), Value::Object(right)) => {
            budget.own_object(&left)?;
            budget.insert(&left, right.len())?;
            for (key, member) in &right {
                left.insert(key, member.into_owned());
            }
            Value::Object(left)
        }
        (left, right) => match (of(&left), of(&right)) {
            (Some(a), Some(b)) => number::apply(budget, Operation::Add, &a, &b)?,
            _ => return Err(cannot("add", &left, &right)),
        },
    })
}

/// The pieces of a text one after the other.
fn concat(budget: &Budget, _: Value, pieces: &mut [Value]) -> Result<Value, Fail> {
    let len = pieces
        .iter()
        .filter_map(|it| it.as_str())
        .map(str::len)
        .sum();
    budget.build(len)?;
    let mut text = String::with_capacity(len);
    for piece in pieces.iter() {
        text.push_str(piece.as_str().unwrap_or_default());
    }
    Ok(Value::from(text))
}

fn subtract(budget: &Budget, _: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let (left, right) = operands(arguments);
    match (&left, &right) {
        (Value::Array(from), Value::Array(without)) => {
            budget.values(from.len())?;
            let mut kept = Vec::new();
            for element in from {
                let mut is_kept = true;
                for other in without {
                    if equal(budget, &element, &other)? {
                        is_kept = false;
                        break;
                    }
                }
                if is_kept {
                    kept.push(element.into_owned());
                }
            }
            Ok(Value::from(kept))
        }
        _ => match (of(&left), of(&right)) {
            (Some(a), Some(b)) => number::apply(budget, Operation::Subtract, &a, &b),
            _ => Err(cannot("subtract", &left, &right)),
        },
    }
}

fn multiply(budget: &Budget, left: Value, right: Value) -> Result<Value, Fail> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => merge(budget, left, &right, 0),
        (left, right) => match (of(&left), of(&right), &left, &right) {
            (Some(a), Some(b), ..) => number::apply(budget, Operation::Multiply, &a, &b),
            (Some(times), _, _, Value::String(text)) | (_, Some(times), Value::String(text), _) => {
                repeat(budget, text, times.float())
            }
            _ => Err(cannot("multiply", &left, &right)),
        },
    }
}

/// Objects are merged all the way down.
fn merge(budget: &Budget, mut left: Object, right: &Object, depth: usize) -> Result<Value, Fail> {
    level(depth, |depth| {
        budget.own_object(&left)?;
        budget.insert(&left, right.len())?;
        for (key, new) in right {
            let new = match (left.get(&key).as_deref(), &*new) {
                (Some(Value::Object(old)), Value::Object(new)) => {
                    merge(budget, old.clone(), new, depth)?
                }
                _ => new.into_owned(),
            };
            left.insert(key, new);
        }
        Ok(Value::Object(left))
    })
}

fn divide(budget: &Budget, _: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let (left, right) = operands(arguments);
    if let (Value::String(text), Value::String(separator)) = (&left, &right) {
        return match text.is_empty() {
            true => Ok(Value::Array(Default::default())),
            false => split_by(budget, text, separator),
        };
    }
    let (Some(a), Some(b)) = (of(&left), of(&right)) else {
        return Err(cannot("divide", &left, &right));
    };
    if b.float() == 0.0 {
        let text = format!("cannot divide {} by: {}", named(&left), named(&right));
        return Err(Fail::text(text));
    }
    number::quotient(budget, &a, &b)
}

fn modulo(budget: &Budget, _: Value, arguments: &mut [Value]) -> Result<Value, Fail> {
    let (left, right) = operands(arguments);
    let (Some(a), Some(b)) = (of(&left), of(&right)) else {
        return Err(cannot("modulo", &left, &right));
    };
    if b.index() == 0 {
        let text = format!("cannot modulo {} by: {}", named(&left), named(&right));
        return Err(Fail::text(text));
    }
    if a.float().is_nan() || b.float().is_nan() {
        return Ok(Value::F64(f64::NAN));
    }
    match number::rest(budget, &a, &b)? {
        Some(rest) => Ok(rest),
        None => Ok(Value::I64(a.index().wrapping_rem(b.index()))),
    }
}
