//! Literals made of literals.

use millrace_message::{Array, Object, Value};

use crate::outcome::Outcome;
use crate::program::{Expr, Key};

/// The outcome of an expression that is static.
pub(super) fn outcome(expr: &Expr) -> Option<Outcome<'_>> {
    match expr {
        Expr::Literal(value) => Some(Outcome::Ref(value)),
        Expr::Nothing => Some(Outcome::Nothing),
        Expr::Deleted => Some(Outcome::Deleted),
        _ => None,
    }
}

/// An array literal, static when its elements are; `deleted()` and `nothing()` leave no element.
pub(super) fn array(mut elements: Vec<Expr>) -> Expr {
    elements.retain(|element| !matches!(element, Expr::Nothing | Expr::Deleted));
    if elements
        .iter()
        .all(|element| element.as_literal().is_some())
    {
        let values = elements.iter().filter_map(Expr::as_literal).cloned();
        return Expr::Literal(Value::Array(values.collect::<Array>()));
    }
    Expr::Array(elements)
}

/// An object literal, static when its keys and values are.
pub(super) fn object(members: Vec<(Key, Expr)>) -> Expr {
    let is_static = members
        .iter()
        .all(|(key, value)| matches!(key, Key::Static(_)) && outcome(value).is_some());
    if !is_static {
        return Expr::Object(members);
    }
    let members = members.iter().filter_map(|(key, value)| match key {
        Key::Static(key) => value.as_literal().map(|value| (key.clone(), value.clone())),
        Key::Dynamic(_) => None,
    });
    Expr::Literal(Value::Object(members.collect::<Object>()))
}
