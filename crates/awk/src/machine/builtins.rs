//! Functions of numbers and texts.

use super::Run;
use crate::token::Builtin;
use crate::value::Value;
use crate::{Fault, number};

impl Run<'_> {
    pub(super) fn builtin(&mut self, builtin: Builtin, count: u8) -> Result<(), Fault> {
        let value = match builtin {
            Builtin::Rand => Value::Number(self.random.next()),
            Builtin::Srand => {
                let seed = match count {
                    0 => None,
                    _ => Some(self.pop_number()?),
                };
                Value::Number(self.random.seed(seed))
            }
            Builtin::Atan2 => {
                let (x, y) = (self.pop_number()?, self.pop_number()?);
                Value::Number(y.atan2(x))
            }
            Builtin::Cos => self.function(f64::cos)?,
            Builtin::Sin => self.function(f64::sin)?,
            Builtin::Exp => self.function(f64::exp)?,
            Builtin::Log => self.function(f64::ln)?,
            Builtin::Sqrt => self.function(f64::sqrt)?,
            Builtin::Int => self.function(f64::trunc)?,
            Builtin::Length => {
                let length = match count {
                    0 => self.line()?.len(),
                    _ => {
                        let value = self.pop();
                        value.bytes(&self.specials.convfmt).len()
                    }
                };
                Value::Number(length as f64)
            }
            Builtin::Index => self.index()?,
            Builtin::Substr => self.substr(count == 3)?,
            Builtin::Tolower => self.letters(char::to_lowercase)?,
            Builtin::Toupper => self.letters(char::to_uppercase)?,
            // Nothing can be open.
            Builtin::Close => {
                self.pop();
                Value::Number(-1.0)
            }
            Builtin::Fflush => self.fflush(count)?,
            _ => unreachable!("the compiler has instructions of their own for the others"),
        };
        self.push(value);
        Ok(())
    }

    fn pop_number(&mut self) -> Result<f64, Fault> {
        let value = self.pop();
        self.number_of(&value)
    }

    fn function(&mut self, function: impl Fn(f64) -> f64) -> Result<Value, Fault> {
        Ok(Value::Number(function(self.pop_number()?)))
    }

    fn index(&mut self) -> Result<Value, Fault> {
        let (wanted, text) = (self.pop(), self.pop());
        let (wanted, text) = (self.text_of(&wanted)?, self.text_of(&text)?);
        self.meter
            .step((text.len() as u64 + wanted.len() as u64) / 16)?;
        let found = memchr::memmem::find(&text, &wanted);
        Ok(Value::Number(found.map_or(0.0, |at| at as f64 + 1.0)))
    }

    /// Bytes from a position on, which is 1 at least and only then counted from.
    fn substr(&mut self, has_length: bool) -> Result<Value, Fault> {
        let length = match has_length {
            true => number::integer(self.pop_number()?),
            false => i64::MAX,
        };
        let start = number::integer(self.pop_number()?).max(1);
        let text = self.pop();
        let text = self.text_of(&text)?;
        let start = usize::try_from(start - 1)
            .unwrap_or(usize::MAX)
            .min(text.len());
        let length = usize::try_from(length.max(0)).unwrap_or(usize::MAX);
        let end = start.saturating_add(length).min(text.len());
        Ok(Value::Text(self.text(&text[start..end])?))
    }

    /// Each letter in the other case, when that is one letter.
    fn letters<I: Iterator<Item = char>>(
        &mut self,
        change: impl Fn(char) -> I,
    ) -> Result<Value, Fault> {
        let text = self.pop();
        let text = self.text_of(&text)?;
        self.meter.step(text.len() as u64 / 8)?;
        self.meter.room(3 * text.len())?;
        let mut out = String::with_capacity(text.len());
        for chunk in text.utf8_chunks() {
            for character in chunk.valid().chars() {
                let mut changed = change(character);
                match (changed.next(), changed.next()) {
                    (Some(changed), None) => out.push(changed),
                    _ => out.push(character),
                }
            }
            out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        }
        Ok(Value::Text(self.text(out.into_bytes())?))
    }

    /// Output needs no flushing, and there is none but one.
    fn fflush(&mut self, count: u8) -> Result<Value, Fault> {
        if count > 0 {
            let name = self.pop();
            let name = self.text_of(&name)?;
            if !name.is_empty() {
                let name = String::from_utf8_lossy(&name);
                return Err(Fault::new(format!(
                    "error flushing {name:?}: not an output file or pipe"
                )));
            }
        }
        Ok(Value::Number(0.0))
    }
}
