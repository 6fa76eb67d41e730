//! How Rust types are read from config: the trait and the plain types.
//!
//! A scalar is taken by its text wherever that makes sense: a string field accepts `007` and
//! `true`, a number field accepts `"5"` because a quoted `"${COUNT}"` is good practice.

use crate::{FieldKind, FieldSpec, Node, ReadContext, Resolved, codes};
use millrace_diagnostics::Span;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

/// A type that can be the type of a config field.
pub trait FieldType: Sized {
    /// Whether a field of this type may be absent.
    const OPTIONAL: bool = false;
    /// Whether a field of this type is secret.
    const SECRET: bool = false;
    /// Whether all of it is to be masked wherever it turns up, and not only the credentials in it.
    const WHOLLY_SECRET: bool = Self::SECRET;
    /// Whether it knows its options by itself, because one of them stands for many texts.
    const READS_OPTIONS: bool = false;

    /// What the field table says about the type.
    fn kind() -> FieldKind;

    /// Reads a value. `None` exactly when at least one error was reported to `cx`; a reader goes on
    /// after an error to find all of them.
    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self>;

    /// The value of a field that is neither present nor has a default; `parent` is the object's
    /// place. Reports that the field is required, unless the type has a natural absent value.
    fn read_absent(name: &str, parent: Span, cx: &mut ReadContext) -> Option<Self> {
        let diagnostic = cx.error(
            codes::MISSING_FIELD,
            parent,
            format!("field {name} is required"),
        );
        diagnostic.label = Some(format!("`{name}` is missing here"));
        None
    }

    /// Whether this value of an optional field means the same as an absent field.
    fn means_absent(node: &Node) -> bool {
        node.is_null()
    }
}

/// A struct or enum with `#[derive(Spec)]`.
pub trait Spec: FieldType {
    /// What it is.
    const ABOUT: crate::About;

    /// The fields of a struct with named fields; empty for enums and for structs that wrap one
    /// bare value.
    fn fields() -> Vec<FieldSpec>;
}

/// A struct with named fields, which can be read as a part of a larger object (`flatten`).
pub trait FieldGroup: Spec {
    /// Reads the fields, leaving unknown keys to the caller.
    fn read_fields(fields: &mut crate::Fields<'_>, cx: &mut ReadContext) -> Option<Self>;
}

impl FieldType for bool {
    fn kind() -> FieldKind {
        FieldKind::Bool
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let scalar = node.as_scalar();
        let value = scalar.and_then(|scalar| match (scalar.resolved, &*scalar.text) {
            (Resolved::Bool(value), _) => Some(value),
            (_, "true" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON") => Some(true),
            (_, "false" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF") => Some(false),
            _ => None,
        });
        if value.is_none() {
            cx.wrong_type(node, "`true` or `false`");
        }
        value
    }
}

impl FieldType for String {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        match node.as_scalar() {
            // An unquoted variable without a value leaves nothing: an empty text.
            Some(scalar) if scalar.resolved == Resolved::Null => Some(String::new()),
            Some(scalar) => Some(scalar.text.to_string()),
            None => {
                cx.wrong_type(node, "a text");
                None
            }
        }
    }
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl FieldType for $int {
            fn kind() -> FieldKind {
                FieldKind::Int
            }

            fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
                let value = read_integer(node, cx)?;
                let converted = Self::try_from(value).ok();
                if converted.is_none() {
                    out_of_range(node, Self::MIN, Self::MAX, cx);
                }
                converted
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

/// An integer in any spelling, as the widest type.
fn read_integer(node: &Node, cx: &mut ReadContext) -> Option<i128> {
    let value = node.as_scalar().and_then(|scalar| match scalar.resolved {
        Resolved::Int(value) => Some(i128::from(value)),
        Resolved::UInt(value) => Some(i128::from(value)),
        Resolved::Float(value) if value.fract() == 0.0 && value.abs() < 1e18 => Some(value as i128),
        Resolved::String => scalar.text.trim().parse::<i64>().ok().map(i128::from),
        _ => None,
    });
    if value.is_none() {
        cx.wrong_type(node, "an integer");
    }
    value
}

fn out_of_range(node: &Node, min: impl fmt::Display, max: impl fmt::Display, cx: &mut ReadContext) {
    let text = node.text().unwrap_or_default();
    let message = cx.about_field(&format!("{text} is out of range"));
    let help = format!("from {min} to {max}");
    cx.error(codes::INVALID_VALUE, node.span, message).help = Some(help);
}

impl FieldType for f64 {
    fn kind() -> FieldKind {
        FieldKind::Float
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let value = node.as_scalar().and_then(|scalar| match scalar.resolved {
            Resolved::Int(value) => Some(value as f64),
            Resolved::UInt(value) => Some(value as f64),
            Resolved::Float(value) => Some(value),
            Resolved::String => scalar.text.trim().parse().ok(),
            _ => None,
        });
        if value.is_none() {
            cx.wrong_type(node, "a number");
        }
        // Nothing that is measured is `.nan` or `.inf`, and what computes with one may panic.
        if value.is_some_and(|it| !it.is_finite()) {
            cx.error(codes::INVALID_VALUE, node.span, "the number is not finite");
            return None;
        }
        value
    }
}

impl FieldType for f32 {
    fn kind() -> FieldKind {
        FieldKind::Float
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        f64::read(node, cx).map(|value| value as Self)
    }
}

/// A raw node, for fields that hold anything.
impl FieldType for Node {
    fn kind() -> FieldKind {
        FieldKind::Any
    }

    fn read(node: &Node, _: &mut ReadContext) -> Option<Self> {
        Some(node.clone())
    }
}

impl<T: FieldType> FieldType for Vec<T> {
    const SECRET: bool = T::SECRET;
    const WHOLLY_SECRET: bool = T::WHOLLY_SECRET;

    fn kind() -> FieldKind {
        FieldKind::List(Box::new(T::kind()))
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let Some(items) = node.as_sequence() else {
            let single = node.as_scalar().is_some();
            let diagnostic = cx.wrong_type(node, "a list");
            if single && !node.is_null() {
                diagnostic.help = Some("write a list, also for one value: `[ … ]`".to_owned());
            }
            return None;
        };
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let value = cx.within(index.to_string(), |cx| T::read(item, cx));
            values.extend(value);
        }
        (values.len() == items.len()).then_some(values)
    }
}

impl<T: FieldType> FieldType for BTreeMap<String, T> {
    const SECRET: bool = T::SECRET;
    const WHOLLY_SECRET: bool = T::WHOLLY_SECRET;

    fn kind() -> FieldKind {
        FieldKind::Map(Box::new(T::kind()))
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        Vec::<(String, T)>::read_entries(node, cx).map(|it| it.into_iter().collect())
    }
}

/// An object with any keys, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderedMap<T>(pub Vec<(String, T)>);

impl<T: FieldType> FieldType for OrderedMap<T> {
    const SECRET: bool = T::SECRET;
    const WHOLLY_SECRET: bool = T::WHOLLY_SECRET;

    fn kind() -> FieldKind {
        FieldKind::Map(Box::new(T::kind()))
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        Vec::<(String, T)>::read_entries(node, cx).map(Self)
    }
}

trait ReadEntries: Sized {
    fn read_entries(node: &Node, cx: &mut ReadContext) -> Option<Self>;
}

impl<T: FieldType> ReadEntries for Vec<(String, T)> {
    fn read_entries(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let Some(mapping) = node.as_mapping() else {
            cx.wrong_type(node, "an object");
            return None;
        };
        let mut values = Vec::with_capacity(mapping.entries.len());
        for entry in mapping.entries.iter() {
            let value = cx.within(&*entry.key, |cx| T::read(&entry.value, cx));
            values.extend(value.map(|value| (entry.key.to_string(), value)));
        }
        (values.len() == mapping.entries.len()).then_some(values)
    }
}

/// A field that may be absent; an explicit `null` is the same as absent.
impl<T: FieldType> FieldType for Option<T> {
    const OPTIONAL: bool = true;
    const SECRET: bool = T::SECRET;
    const WHOLLY_SECRET: bool = T::WHOLLY_SECRET;

    fn kind() -> FieldKind {
        T::kind()
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        if T::means_absent(node) {
            return Some(None);
        }
        T::read(node, cx).map(Some)
    }

    fn read_absent(_: &str, _: Span, _: &mut ReadContext) -> Option<Self> {
        Some(None)
    }
}

impl<T: FieldType> FieldType for Box<T> {
    const OPTIONAL: bool = T::OPTIONAL;
    const SECRET: bool = T::SECRET;
    const WHOLLY_SECRET: bool = T::WHOLLY_SECRET;

    fn kind() -> FieldKind {
        T::kind()
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        T::read(node, cx).map(Box::new)
    }

    fn read_absent(name: &str, parent: Span, cx: &mut ReadContext) -> Option<Self> {
        T::read_absent(name, parent, cx).map(Box::new)
    }

    fn means_absent(node: &Node) -> bool {
        T::means_absent(node)
    }
}

/// A value that is never printed: its `Debug` form is `***`, and its text and the values of the
/// variables in it are masked in diagnostics from the moment it is read.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: FieldType> FieldType for Secret<T> {
    const OPTIONAL: bool = T::OPTIONAL;
    const SECRET: bool = true;

    fn kind() -> FieldKind {
        T::kind()
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        cx.add_secret(node);
        T::read(node, cx).map(Self)
    }

    fn read_absent(name: &str, parent: Span, cx: &mut ReadContext) -> Option<Self> {
        T::read_absent(name, parent, cx).map(Self)
    }

    fn means_absent(node: &Node) -> bool {
        T::means_absent(node)
    }
}

/// An address with credentials in it, such as a URL or a data source name: it is never printed, but
/// only its credentials are masked where they turn up, and not the host or the path.
///
/// A reader that does not understand the address gives it to [`ReadContext::add_secret`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretAddress(String);

impl SecretAddress {
    /// The address, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FieldType for SecretAddress {
    const SECRET: bool = true;
    const WHOLLY_SECRET: bool = false;

    fn kind() -> FieldKind {
        String::kind()
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        String::read(node, cx).map(Self)
    }

    fn means_absent(node: &Node) -> bool {
        String::means_absent(node)
    }
}

/// A value with its place, for complaints that come after reading.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands; the object's place when it is a default.
    pub span: Span,
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: FieldType> FieldType for Spanned<T> {
    const OPTIONAL: bool = T::OPTIONAL;
    const SECRET: bool = T::SECRET;
    const WHOLLY_SECRET: bool = T::WHOLLY_SECRET;

    fn kind() -> FieldKind {
        T::kind()
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        T::read(node, cx).map(|value| Self {
            value,
            span: node.span,
        })
    }

    fn read_absent(name: &str, parent: Span, cx: &mut ReadContext) -> Option<Self> {
        T::read_absent(name, parent, cx).map(|value| Self {
            value,
            span: parent,
        })
    }

    fn means_absent(node: &Node) -> bool {
        T::means_absent(node)
    }
}
