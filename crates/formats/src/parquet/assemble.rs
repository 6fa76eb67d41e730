//! Rows, put together from columns.

use millrace_message::{Array, Object, Text, Value};

use super::column::Cursor;
use super::footer::RowGroup;
use super::schema::{Node, Repeated, Schema, Shape};
use super::{Budget, Result, damaged};

/// What a row, an object or an array takes beside its values, in bytes.
const CONTAINER_SIZE: usize = 64;

/// Appends the rows of a group.
pub(super) fn rows(
    file: &[u8],
    schema: &Schema,
    group: &RowGroup,
    budget: &mut Budget,
    rows: &mut Vec<Value>,
) -> Result<()> {
    if group.chunks.len() != schema.columns.len() {
        return damaged("a group of rows has other columns than the schema");
    }
    let columns = schema.columns.iter().zip(&group.chunks);
    let cursors: Result<Vec<Cursor<'_>>> = columns
        .map(|(column, chunk)| Cursor::new(file, column, chunk))
        .collect();
    let mut assembly = Assembly {
        cursors: cursors?,
        budget,
    };
    for _ in 0..group.rows {
        assembly.check_start()?;
        rows.push(assembly.value(&schema.root)?);
    }
    Ok(())
}

struct Assembly<'a, 'b> {
    cursors: Vec<Cursor<'a>>,
    budget: &'b mut Budget,
}

impl Assembly<'_, '_> {
    /// A row begins where nothing is repeated.
    fn check_start(&mut self) -> Result<()> {
        for cursor in &mut self.cursors {
            if cursor.repetition(self.budget)?.is_some_and(|it| it > 0) {
                return damaged("the levels of a column do not fit the schema");
            }
        }
        Ok(())
    }

    fn value(&mut self, node: &Node) -> Result<Value> {
        match &node.shape {
            Shape::Leaf => self.cursors[node.columns.start].take(self.budget),
            Shape::Group(fields) => {
                // The names are shared, too, until the rows are written.
                let names: usize = fields.iter().map(|(name, _)| name.len()).sum();
                self.budget.charge(1, CONTAINER_SIZE + names)?;
                let mut members = Vec::with_capacity(fields.len());
                for (name, field) in fields {
                    members.push((name.clone(), self.value(field)?));
                }
                Ok(Value::Object(Object::from_ascending(members)))
            }
            Shape::Optional(level, inner) => match self.is_there(node, *level)? {
                true => self.value(inner),
                false => Ok(Value::Null),
            },
            Shape::Repeated(repeated, element) => {
                let mut elements = Vec::new();
                self.repeat(node, *repeated, |assembly| {
                    elements.push(assembly.value(element)?);
                    Ok(())
                })?;
                if !repeated.as_groups {
                    return Ok(Value::Array(Array::from(elements)));
                }
                self.budget.charge(elements.len(), 2 * CONTAINER_SIZE)?;
                Ok(as_groups(elements))
            }
            Shape::Map(repeated, key, value) => {
                let mut members = Vec::new();
                self.repeat(node, *repeated, |assembly| {
                    let key = assembly.value(key)?.to_text();
                    members.push((key, assembly.value(value)?));
                    Ok(())
                })?;
                Ok(Value::Object(members.into_iter().collect()))
            }
        }
    }

    /// Whether a field is there; where it is not, its columns have one null each.
    fn is_there(&mut self, node: &Node, level: u16) -> Result<bool> {
        let columns = node.columns.clone();
        let Some(first) = self.cursors[columns.clone()].first_mut() else {
            return Ok(true);
        };
        if first.definition(self.budget)? >= level {
            return Ok(true);
        }
        for cursor in &mut self.cursors[columns] {
            cursor.take(self.budget)?;
        }
        Ok(false)
    }

    /// Calls `each` for each element of a repeated field.
    fn repeat(
        &mut self,
        node: &Node,
        repeated: Repeated,
        mut each: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.budget.charge(1, CONTAINER_SIZE)?;
        if node.columns.is_empty() {
            return damaged("a repeated group without fields is not supported");
        }
        if !self.is_there(node, repeated.definition)? {
            return Ok(());
        }
        loop {
            each(self)?;
            let next = self.cursors[node.columns.start].repetition(self.budget)?;
            if next.is_none_or(|next| next < repeated.repetition) {
                return Ok(());
            }
        }
    }
}

/// The groups that the type LIST is made of.
fn as_groups(elements: Vec<Value>) -> Value {
    let group = |name, value| Value::Object(Object::from_ascending(vec![(name, value)]));
    let element = |value| group(Text::from_static("element"), value);
    let elements: Vec<Value> = elements.into_iter().map(element).collect();
    group(
        Text::from_static("list"),
        Value::Array(Array::from(elements)),
    )
}
