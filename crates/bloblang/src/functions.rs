//! All functions. A family is one file with one list; this file joins the lists.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::registry::Function;

pub(crate) use environment::NOW_AS_TIMESTAMP;

mod environment;
mod fake;
mod general;
mod ids;
mod message;

const FAMILIES: &[&[Function]] = &[
    environment::FUNCTIONS,
    fake::FUNCTIONS,
    general::FUNCTIONS,
    ids::FUNCTIONS,
    message::FUNCTIONS,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    all()
        .map(|function| (function.about.name, function))
        .collect()
});

/// Every function, family by family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The function of a name.
pub fn find(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name).copied()
}
