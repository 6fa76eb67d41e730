//! Reading and assigning: variables, elements, fields.

use super::Run;
use crate::array::Array;
use crate::ast::{Arithmetic, Comparison};
use crate::code::{ArrayRef, Place};
use crate::meter::Text;
use crate::value::Value;
use crate::{Fault, number};

/// From which length on a text that is looked at takes steps of its own.
const LONG: usize = 64;

/// A place with its index.
pub(super) enum Target {
    Global(usize),
    Local(usize),
    Special(crate::code::Special),
    Field(i64),
    Element(ArrayRef, Value),
}

impl Run<'_> {
    /// Takes the index of a place from the stack.
    pub(super) fn target(&mut self, place: Place) -> Result<Target, Fault> {
        Ok(match place {
            Place::Global(index) => Target::Global(index as usize),
            Place::Local(index) => Target::Local(self.frame.base + index as usize),
            Place::Special(special) => Target::Special(special),
            Place::Field => {
                let index = self.pop();
                Target::Field(number::integer(self.number_of(&index)?))
            }
            Place::Element(array) => Target::Element(array, self.pop()),
        })
    }

    pub(super) fn read(&mut self, target: &Target) -> Result<Value, Fault> {
        Ok(match target {
            Target::Global(index) => self.globals[*index].clone(),
            Target::Local(index) => self.stack[*index].clone(),
            Target::Special(special) => self.special(*special)?,
            Target::Field(index) => self.field(*index)?,
            Target::Element(array, key) => self.element(*array, key)?.clone(),
        })
    }

    pub(super) fn write(&mut self, target: &Target, value: Value) -> Result<(), Fault> {
        match target {
            Target::Global(index) => self.globals[*index] = value,
            Target::Local(index) => self.stack[*index] = value,
            Target::Special(special) => self.set_special(*special, &value)?,
            Target::Field(index) => {
                let text = self.text_of(&value)?;
                self.set_field(*index, text)?;
            }
            Target::Element(array, key) => *self.element(*array, key)? = value,
        }
        Ok(())
    }

    pub(super) fn store(&mut self, place: Place, value: Value) -> Result<(), Fault> {
        let target = self.target(place)?;
        self.write(&target, value)
    }

    pub(super) fn array_index(&self, array: ArrayRef) -> usize {
        match array {
            ArrayRef::Global(index) => index as usize,
            ArrayRef::Local(index) => self.array_refs[self.frame.refs + index as usize] as usize,
        }
    }

    pub(super) fn array(&mut self, array: ArrayRef) -> &mut Array {
        let index = self.array_index(array);
        &mut self.arrays[index]
    }

    fn element(&mut self, array: ArrayRef, key: &Value) -> Result<&mut Value, Fault> {
        self.weigh(key)?;
        let index = self.array_index(array);
        let key = key.bytes(&self.specials.convfmt);
        self.arrays[index].get(&key, self.meter)
    }

    pub(super) fn contains(&mut self, array: ArrayRef, key: &Value) -> Result<bool, Fault> {
        self.weigh(key)?;
        let key = key.bytes(&self.specials.convfmt);
        Ok(self.arrays[self.array_index(array)].contains(&key))
    }

    pub(super) fn delete(&mut self, array: ArrayRef, key: &Value) -> Result<(), Fault> {
        self.weigh(key)?;
        let index = self.array_index(array);
        let key = key.bytes(&self.specials.convfmt);
        self.arrays[index].remove(&key);
        Ok(())
    }

    pub(super) fn split_record(&mut self) -> Result<(), Fault> {
        let specials = &self.specials;
        if let Some(mode) = specials.input_mode {
            return self.record.split_csv(mode);
        }
        // Where empty lines separate records, line breaks separate fields too.
        let one_character = crate::format::characters(specials.fs()) == 1;
        let cuts_lines = specials.rs().is_empty() && one_character;
        self.record.split(&specials.splitter, cuts_lines)
    }

    pub(super) fn field(&mut self, index: i64) -> Result<Value, Fault> {
        if index != 0 {
            self.split_record()?;
        }
        self.record.get(index, self.specials.joiner())
    }

    pub(super) fn set_field(&mut self, index: i64, text: Text) -> Result<(), Fault> {
        if index == 0 {
            self.record.set_line(text, false);
            return Ok(());
        }
        self.split_record()?;
        self.record.set(index, text)
    }

    pub(super) fn line(&mut self) -> Result<Text, Fault> {
        self.record.line(self.specials.joiner()).cloned()
    }

    /// Takes steps for a text that is looked at as a whole.
    pub(super) fn weigh(&self, value: &Value) -> Result<(), Fault> {
        match value {
            Value::Text(text) | Value::Input(text) if text.len() > LONG => {
                self.meter.step((text.len() / LONG) as u64)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn number_of(&self, value: &Value) -> Result<f64, Fault> {
        self.weigh(value)?;
        Ok(value.number())
    }

    pub(super) fn is_true(&self, value: &Value) -> Result<bool, Fault> {
        self.weigh(value)?;
        Ok(value.is_true())
    }

    pub(super) fn text_of(&self, value: &Value) -> Result<Text, Fault> {
        value.text(&self.specials.convfmt, self.meter)
    }

    pub(super) fn compare(
        &self,
        comparison: Comparison,
        left: &Value,
        right: &Value,
    ) -> Result<bool, Fault> {
        self.weigh(left)?;
        self.weigh(right)?;
        Ok(left.compare(comparison, right, &self.specials.convfmt))
    }

    pub(super) fn arithmetic(
        &self,
        operator: Arithmetic,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        let (left, right) = (self.number_of(left)?, self.number_of(right)?);
        Ok(Value::Number(match operator {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide if right == 0.0 => return Err(Fault::new("division by zero")),
            Arithmetic::Divide => left / right,
            Arithmetic::Modulo if right == 0.0 => {
                return Err(Fault::new("division by zero in mod"));
            }
            Arithmetic::Modulo => left % right,
            Arithmetic::Power => left.powf(right),
        }))
    }
}
