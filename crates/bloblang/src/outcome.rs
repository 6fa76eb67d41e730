//! What evaluating an expression gives: a value, borrowed where it already exists, or one of the
//! two non-values of Bloblang.

use std::borrow::Cow;

use millrace_message::{Kind, Value};

use crate::budget;

/// The result of an expression.
///
/// `Nothing` and `Deleted` are no values: they steer assignments and can not be stored.
#[derive(Clone, Debug)]
pub enum Outcome<'a> {
    /// A value that lives elsewhere: in the message, a variable, the mapping's literals.
    Ref(&'a Value),
    /// A value made by this evaluation.
    Own(Value),
    /// `nothing()`: an assignment of it is skipped.
    Nothing,
    /// `deleted()`: an assignment of it removes the target.
    Deleted,
}

const _: () = assert!(size_of::<Outcome<'_>>() == 24);

pub(crate) static NULL: Value = Value::Null;

impl<'a> Outcome<'a> {
    /// The value; nothing for the non-values.
    #[inline]
    pub fn value(&self) -> Option<&Value> {
        match self {
            Outcome::Ref(value) => Some(value),
            Outcome::Own(value) => Some(value),
            Outcome::Nothing | Outcome::Deleted => None,
        }
    }

    /// The value, null for the non-values.
    #[inline]
    pub fn value_or_null(&self) -> &Value {
        self.value().unwrap_or(&NULL)
    }

    /// The value as something owned or borrowed; nothing for the non-values.
    #[inline]
    pub fn into_cow(self) -> Option<Cow<'a, Value>> {
        match self {
            Outcome::Ref(value) => Some(Cow::Borrowed(value)),
            Outcome::Own(value) => Some(Cow::Owned(value)),
            Outcome::Nothing | Outcome::Deleted => None,
        }
    }

    /// The value itself; nothing for the non-values.
    #[inline]
    pub fn into_value(self) -> Option<Value> {
        match self {
            Outcome::Ref(value) => {
                budget::shared(value);
                Some(value.clone())
            }
            Outcome::Own(value) => Some(value),
            Outcome::Nothing | Outcome::Deleted => None,
        }
    }

    /// The value that this evaluation has made.
    #[inline]
    pub(crate) fn owned(&self) -> Option<&Value> {
        match self {
            Outcome::Own(value) => Some(value),
            _ => None,
        }
    }

    /// The same outcome, holding on to nothing.
    #[inline]
    pub fn into_owned(self) -> Outcome<'static> {
        match self {
            Outcome::Ref(value) => {
                budget::shared(value);
                Outcome::Own(value.clone())
            }
            Outcome::Own(value) => Outcome::Own(value),
            Outcome::Nothing => Outcome::Nothing,
            Outcome::Deleted => Outcome::Deleted,
        }
    }

    /// The same outcome by reference.
    #[inline]
    pub fn as_borrowed(&self) -> Outcome<'_> {
        match self {
            Outcome::Ref(value) => Outcome::Ref(value),
            Outcome::Own(value) => Outcome::Ref(value),
            Outcome::Nothing => Outcome::Nothing,
            Outcome::Deleted => Outcome::Deleted,
        }
    }

    /// True for null and the non-values: what `|` passes over.
    #[inline]
    pub fn is_null(&self) -> bool {
        self.value_or_null().is_null()
    }

    /// The name of the type, `delete` and `nothing` for the non-values.
    pub fn type_name(&self) -> &'static str {
        match self {
            Outcome::Nothing => "nothing",
            Outcome::Deleted => "delete",
            value => value.value().map_or(Kind::Null, Value::kind).as_str(),
        }
    }
}

impl<'a> From<Cow<'a, Value>> for Outcome<'a> {
    #[inline]
    fn from(value: Cow<'a, Value>) -> Outcome<'a> {
        match value {
            Cow::Borrowed(value) => Outcome::Ref(value),
            Cow::Owned(value) => Outcome::Own(value),
        }
    }
}

impl From<Value> for Outcome<'_> {
    #[inline]
    fn from(value: Value) -> Self {
        Outcome::Own(value)
    }
}
