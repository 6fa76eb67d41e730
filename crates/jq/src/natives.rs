//! Functions that are not written in jq.

use millrace_message::Value;

use crate::error::Fail;
use crate::limits::Budget;

mod arithmetic;
mod arrays;
mod formats;
mod math;
mod objects;
mod patterns;
mod texts;
mod time;
mod types;

/// A function of an input and of values.
pub(crate) struct Native {
    pub name: &'static str,
    pub arity: usize,
    /// Whether it looks at its input, not only at its arguments.
    pub uses_input: bool,
    pub run: Run,
}

#[derive(Clone, Copy)]
pub(crate) enum Run {
    Plain(fn(&Budget, Value, &mut [Value]) -> Result<Value, Fail>),
    /// It gives many values, one after the other.
    Range,
}

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.name, self.arity)
    }
}

impl Native {
    /// Whether it gives exactly one value.
    pub fn is_plain(&self) -> bool {
        matches!(self.run, Run::Plain(_))
    }

    /// A function of its input and `arity` arguments.
    const fn new(
        name: &'static str,
        arity: usize,
        run: fn(&Budget, Value, &mut [Value]) -> Result<Value, Fail>,
    ) -> Self {
        Self {
            name,
            arity,
            uses_input: true,
            run: Run::Plain(run),
        }
    }

    /// A function of its arguments alone.
    const fn operator(
        name: &'static str,
        arity: usize,
        run: fn(&Budget, Value, &mut [Value]) -> Result<Value, Fail>,
    ) -> Self {
        Self {
            name,
            arity,
            uses_input: false,
            run: Run::Plain(run),
        }
    }
}

static RANGE: [Native; 1] = [Native {
    name: "_range",
    arity: 3,
    uses_input: false,
    run: Run::Range,
}];

/// All functions.
pub(crate) fn all() -> impl Iterator<Item = &'static Native> {
    [
        arithmetic::TABLE,
        arrays::TABLE,
        formats::TABLE,
        math::TABLE,
        objects::TABLE,
        patterns::TABLE,
        texts::TABLE,
        time::TABLE,
        types::TABLE,
        &RANGE,
    ]
    .into_iter()
    .flatten()
}

/// The function of a name with so many parameters.
pub(crate) fn find(name: &str, arity: usize) -> Option<&'static Native> {
    all().find(|native| native.name == name && native.arity == arity)
}

/// A function that operators are written out to.
pub(crate) fn internal(name: &str) -> &'static Native {
    all()
        .find(|native| native.name == name)
        .expect("the compiler knows the names of the table")
}

/// The function of a format, whose name has its sign.
pub(crate) fn format(name: &str) -> Option<&'static Native> {
    formats::TABLE.iter().find(|native| native.name == name)
}
