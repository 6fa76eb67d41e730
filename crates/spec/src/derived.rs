//! What the code that `#[derive(Spec)]` writes calls.

use crate::{
    FieldGroup, FieldKind, FieldOption, FieldSpec, FieldType, Fields, Literal, Node, ReadContext,
};
use crate::{codes, read::find_option};
use millrace_diagnostics::Span;

/// A field of the type `T`.
pub fn field<T: FieldType>(name: &'static str, kind: FieldKind) -> FieldSpec {
    let mut spec = FieldSpec::new(name, kind);
    spec.optional = T::OPTIONAL;
    spec.secret = T::SECRET;
    spec
}

/// The fields of a group, those that are named with a value for samples.
pub fn with_samples(mut group: Vec<FieldSpec>, samples: &Literal) -> Vec<FieldSpec> {
    let Literal::Map(samples) = samples else {
        return group;
    };
    for field in &mut group {
        let own = samples.iter().find(|(name, _)| *name == field.name);
        field.sample = own.map(|(_, value)| value.clone());
    }
    group
}

/// Reads an object and reports what it does not know.
pub fn read_object<T: FieldGroup>(node: &Node, cx: &mut ReadContext) -> Option<T> {
    let mut fields = Fields::open(node, cx)?;
    let (value, failed) = cx.errors_in(|cx| {
        let value = T::read_fields(&mut fields, cx);
        fields.finish(cx);
        value
    });
    value.filter(|_| !failed)
}

/// An absent object stands for its fields' defaults, unless one of them is required.
pub fn read_absent_object<T: FieldGroup>(
    name: &str,
    parent: Span,
    cx: &mut ReadContext,
) -> Option<T> {
    if T::fields().iter().any(FieldSpec::is_required) {
        let diagnostic = cx.error(
            codes::MISSING_FIELD,
            parent,
            format!("field {name} is required"),
        );
        diagnostic.label = Some(format!("`{name}` is missing here"));
        return None;
    }
    T::read(&Node::empty_mapping(parent), cx)
}

/// Runs a type's own check; `None` when it reported an error.
pub fn checked<T>(
    check: fn(&mut T, &Node, &mut ReadContext),
    value: &mut T,
    node: &Node,
    cx: &mut ReadContext,
) -> Option<()> {
    let ((), failed) = cx.errors_in(|cx| check(value, node, cx));
    (!failed).then_some(())
}

/// The kind of an enum.
pub fn options(options: &[(&'static str, &'static str)]) -> FieldKind {
    let option = |(value, description): &(&'static str, &'static str)| FieldOption {
        value: (*value).into(),
        description: (*description).into(),
    };
    FieldKind::Options(options.iter().map(option).collect())
}

/// Reads an enum's option.
pub fn read_option(
    names: &'static [(&'static str, &'static str)],
    node: &Node,
    cx: &mut ReadContext,
) -> Option<&'static str> {
    String::read(node, cx)?;
    let FieldKind::Options(options) = options(names) else {
        return None;
    };
    let found = find_option(&options, node, cx)?;
    names
        .iter()
        .map(|(value, _)| *value)
        .find(|value| *value == found)
}
