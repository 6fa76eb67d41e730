//! All methods. A family is one file with one list; this file joins the lists.

// The registry calls every method with its target by value: most give it back changed.
#![allow(clippy::needless_pass_by_value)]

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::registry::Method;

mod arrays;
mod changes;
mod coercion;
mod compression;
mod control;
mod encoding;
mod encryption;
mod formats;
mod geoip;
mod html;
mod json_path;
mod json_schema;
mod jwt;
mod lambdas;
mod numbers;
mod objects;
mod parsing;
mod patterns;
mod slug;
mod strings;
mod target;
mod times;

const FAMILIES: &[&[Method]] = &[
    arrays::METHODS,
    changes::METHODS,
    coercion::METHODS,
    compression::METHODS,
    control::METHODS,
    encoding::METHODS,
    encryption::METHODS,
    formats::METHODS,
    geoip::METHODS,
    html::METHODS,
    json_path::METHODS,
    json_schema::METHODS,
    jwt::METHODS,
    lambdas::METHODS,
    numbers::METHODS,
    objects::METHODS,
    parsing::METHODS,
    patterns::METHODS,
    slug::METHODS,
    strings::METHODS,
    times::METHODS,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Method>> =
    LazyLock::new(|| all().map(|method| (method.about.name, method)).collect());

/// Every method, family by family.
pub fn all() -> impl Iterator<Item = &'static Method> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The method of a name.
pub fn find(name: &str) -> Option<&'static Method> {
    BY_NAME.get(name).copied()
}
