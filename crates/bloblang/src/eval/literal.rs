//! Arrays and objects that a mapping writes out.

use millrace_message::{Object, Text, Value};

use super::Cx;
use crate::budget;
use crate::eval_error::EvalError;
use crate::outcome::Outcome;
use crate::program::{Expr, Key};

pub(super) fn array<'a>(elements: &'a [Expr], cx: &Cx<'a>) -> Result<Outcome<'a>, EvalError> {
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        values.extend(element.eval(cx)?.into_value());
    }
    values.iter().try_for_each(budget::held)?;
    Ok(Outcome::Own(Value::from(values)))
}

pub(super) fn object<'a>(
    members: &'a [(Key, Expr)],
    cx: &Cx<'a>,
) -> Result<Outcome<'a>, EvalError> {
    let mut object = Object::with_capacity(members.len());
    for (key, value) in members {
        let key = match key {
            Key::Static(key) => key.clone(),
            Key::Dynamic(key) => key_text(key, cx)?,
        };
        let outcome = value
            .eval(cx)
            .map_err(|error| error.context(format_args!("failed to resolve '{key}' value")))?;
        if let Some(value) = outcome.into_value() {
            budget::held(&value)?;
            object.insert(key, value);
        }
    }
    Ok(Outcome::Own(Value::from(object)))
}

fn key_text(key: &Expr, cx: &Cx<'_>) -> Result<Text, EvalError> {
    let outcome = key
        .eval(cx)
        .map_err(|error| error.context("failed to resolve key"))?;
    match outcome.value() {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(bytes @ Value::Bytes(_)) => Ok(bytes.to_text()),
        _ => Err(EvalError::complete(format!(
            "mapping returned invalid key type: {}",
            outcome.type_name()
        ))),
    }
}
