//! Where the groups of an expression go: the object that a match becomes, planned ahead.

use std::collections::BTreeMap;

use millrace_message::{Object, Text, Value};
use regex_automata::util::primitives::NonMaxUsize;
use smallvec::SmallVec;

use super::patterns::{Expanded, Type};
use crate::processors::payload_text::PayloadText;

/// A part is not the number that it should be.
pub(super) struct NotANumber;

/// The members of the result, in order of their keys.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(Text, Field)>);

/// A member: the last of its groups that matched something, else the object of those whose names
/// go on behind a dot.
#[derive(Debug)]
struct Field {
    groups: SmallVec<[usize; 1]>,
    kind: Type,
    members: Fields,
}

/// The fields while they are planned.
#[derive(Default)]
struct Plan<'a> {
    groups: SmallVec<[usize; 1]>,
    kind: Option<Type>,
    members: BTreeMap<&'a str, Plan<'a>>,
}

impl Plan<'_> {
    fn into_fields(self) -> Fields {
        let field = |(name, plan): (&str, Plan<'_>)| {
            let field = Field {
                groups: plan.groups.clone(),
                kind: plan.kind.unwrap_or(Type::Text),
                members: plan.into_fields(),
            };
            (Text::from(name), field)
        };
        Fields(self.members.into_iter().map(field).collect())
    }
}

impl Fields {
    /// The fields of groups with these names; the first group is number 1.
    pub fn new(names: &[String], expanded: &Expanded) -> Self {
        let mut root = Plan::default();
        for (index, name) in names.iter().enumerate() {
            let mut plan = &mut root;
            for segment in name.split('.') {
                plan = plan.members.entry(segment).or_default();
            }
            plan.groups.push(index + 1);
            plan.kind = expanded.types.get(name).copied();
        }
        root.into_fields()
    }

    /// The object of a match, of which `slots` are the bounds of the groups.
    ///
    /// # Errors
    /// A part is not the number that it should be.
    pub fn object(
        &self,
        source: &PayloadText<'_>,
        slots: &[Option<NonMaxUsize>],
        leave_out_empty: bool,
    ) -> Result<Object, NotANumber> {
        let mut members = Vec::with_capacity(self.0.len());
        for (name, field) in &self.0 {
            if let Some(value) = field.value(source, slots, leave_out_empty)? {
                members.push((name.clone(), value));
            }
        }
        Ok(Object::from_ascending(members))
    }
}

impl Field {
    fn value(
        &self,
        source: &PayloadText<'_>,
        slots: &[Option<NonMaxUsize>],
        leave_out_empty: bool,
    ) -> Result<Option<Value>, NotANumber> {
        let mut value = None;
        for group in &self.groups {
            let range = match (slots[2 * group], slots[2 * group + 1]) {
                (Some(start), Some(end)) => start.get()..end.get(),
                _ => 0..0,
            };
            if range.is_empty() && leave_out_empty {
                continue;
            }
            value = Some(match self.kind {
                Type::Text => Value::String(source.part(range)),
                Type::Int => Value::I64(source.as_str()[range].parse().map_err(|_| NotANumber)?),
                Type::Float => Value::F64(float(&source.as_str()[range])?),
            });
        }
        if value.is_none() && !self.members.0.is_empty() {
            let object = self.members.object(source, slots, leave_out_empty)?;
            value = (!object.is_empty()).then_some(Value::Object(object));
        }
        Ok(value)
    }
}

fn float(text: &str) -> Result<f64, NotANumber> {
    let float = text.parse::<f64>().ok();
    float.filter(|it| it.is_finite()).ok_or(NotANumber)
}
