//! Which type of a union a value is.
//!
//! A value in plain JSON does not say it: the types are tried. What that costs is bounded, since each
//! try may try again below.

use millrace_message::Value;

use super::{Rules, TRIES_MAX, Writer, expected, find, write_long};
use crate::avro::schema::Union;
use crate::avro::{AvroError, Form, Result};

impl Writer<'_, '_> {
    pub(super) fn union(&mut self, union: &Union, value: &Value, depth: usize) -> Result<()> {
        if let (Value::Null, Some(place)) = (value, union.null) {
            write_long(i64::from(place), self.out);
            return Ok(());
        }
        match self.rules {
            Rules::Form(Form::PlainJson) => self.plain_union(union, value, depth),
            Rules::Default => self.default_union(union, value, depth),
            Rules::Form(_) => self.tagged(union, value, depth),
        }
    }

    /// `{"type": value}`.
    fn tagged(&mut self, union: &Union, value: &Value, depth: usize) -> Result<()> {
        let (name, inner) = match value {
            Value::Object(object) if object.len() == 1 => {
                let member = object.entries().next();
                member.expect("the object has one member")
            }
            other => {
                let what = format!("an object with one of the types {}", self.names(union));
                return expected(&what, other);
            }
        };
        let types = &self.schema.types;
        let type_name = |place: u32| &types[union.members[place as usize] as usize].name;
        let Some(place) = find(&union.ordered, &name, type_name) else {
            let name: String = name.chars().take(80).collect();
            return Err(AvroError::new(format!(
                "the union has no type `{name}`, but {}",
                self.names(union)
            )));
        };
        write_long(i64::from(place), self.out);
        let member = union.members[place as usize];
        self.value(member, &inner, depth + 1)
            .map_err(|error| error.below(format!(".{name}")))
    }

    fn names(&self, union: &Union) -> String {
        const SHOWN: usize = 8;
        let mut members = union.members.iter();
        let names: Vec<String> = (&mut members)
            .take(SHOWN)
            .map(|id| format!("`{}`", self.schema.get(*id).name))
            .collect();
        let more = if members.len() > 0 { ", …" } else { "" };
        names.join(", ") + more
    }

    /// The first type that the value fits: in the order of their names for numbers and objects, as
    /// goavro tries them, else in that of the schema.
    fn plain_union(&mut self, union: &Union, value: &Value, depth: usize) -> Result<()> {
        let by_name = matches!(
            value,
            Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Number(_) | Value::Object(_)
        );
        let count = union.members.len() as u32;
        match by_name {
            true => self.first_of(union, union.ordered.iter().copied(), value, depth),
            false => self.first_of(union, 0..count, value, depth),
        }
    }

    /// The first type that fits; then, as goavro has them, `{"type": value}`, and null as text.
    fn default_union(&mut self, union: &Union, value: &Value, depth: usize) -> Result<()> {
        if let (Some(0), Some("null")) = (union.null, value.as_str()) {
            write_long(0, self.out);
            return Ok(());
        }
        let count = union.members.len() as u32;
        let (start, error) = match self.first_of(union, 0..count, value, depth) {
            Ok(()) => return Ok(()),
            Err(error) => (self.out.len(), error),
        };
        let tagged = self.tagged(union, value, depth);
        if tagged.is_err() {
            self.out.truncate(start);
            return Err(error);
        }
        tagged
    }

    fn first_of(
        &mut self,
        union: &Union,
        places: impl Iterator<Item = u32>,
        value: &Value,
        depth: usize,
    ) -> Result<()> {
        let mut last = None;
        for place in places.filter(|place| union.null != Some(*place)) {
            let (start, written) = (self.out.len(), self.written);
            write_long(i64::from(place), self.out);
            let member = union.members[place as usize];
            let Err(error) = self.value(member, value, depth + 1) else {
                return Ok(());
            };
            self.out.truncate(start);
            self.tried += self.written - written;
            if self.tried > TRIES_MAX {
                return Err(AvroError::new(
                    "too many types of unions would have to be tried to find one that fits",
                ));
            }
            last = Some(error);
        }
        match last {
            // With one type beside null the reason is that of the type.
            Some(error) if union.members.len() <= 2 => Err(error),
            _ => expected(&format!("one of the types {}", self.names(union)), value),
        }
    }
}
