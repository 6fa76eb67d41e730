//! Functions with regular expressions: `match`, `split`, `sub`, `gsub`.

use std::rc::Rc;

use super::Run;
use crate::Fault;
use crate::array::Array;
use crate::code::{ArrayRef, PatternRef, Place, Separator};
use crate::csv::{self, Part};
use crate::meter::{Meter, Text};
use crate::pattern::Pattern;
use crate::value::Value;

/// A pattern of the program, or one that the run has made.
pub(super) enum Compiled<'a> {
    Known(&'a Pattern),
    Made(Rc<Pattern>),
}

impl std::ops::Deref for Compiled<'_> {
    type Target = Pattern;

    fn deref(&self) -> &Pattern {
        match self {
            Compiled::Known(pattern) => pattern,
            Compiled::Made(pattern) => pattern,
        }
    }
}

impl<'a> Run<'a> {
    /// A pattern; one that is a text lies on the stack.
    pub(super) fn pattern(&mut self, pattern: PatternRef) -> Result<Compiled<'a>, Fault> {
        match pattern {
            PatternRef::Known(index) => Ok(Compiled::Known(&self.code.patterns[index as usize])),
            PatternRef::Stack => {
                let text = self.pop();
                let text = self.text_of(&text)?;
                Ok(Compiled::Made(self.patterns.compile(&text, self.meter)?))
            }
        }
    }

    pub(super) fn match_first(&mut self, pattern: PatternRef) -> Result<(), Fault> {
        let pattern = self.pattern(pattern)?;
        let text = self.pop();
        let text = self.text_of(&text)?;
        let (start, length) = match pattern.find(&text, self.meter)? {
            Some(range) => (range.start as i64 + 1, range.len() as i64),
            None => (0, -1),
        };
        self.specials.rstart = start;
        self.specials.rlength = length;
        self.push(Value::Number(start as f64));
        Ok(())
    }

    pub(super) fn split(&mut self, array: ArrayRef, by: Separator) -> Result<(), Fault> {
        let (splitter, mode) = match by {
            Separator::Fields => (self.specials.splitter.clone(), self.specials.input_mode),
            Separator::Stack => {
                let separator = self.pop();
                let separator = self.text_of(&separator)?;
                (self.splitter(&separator)?, None)
            }
        };
        let text = self.pop();
        let text = self.text_of(&text)?;
        // The array may hold the text that is split.
        let index = self.array_index(array);
        let mut parts = Array::new(self.meter);
        let mut count = 0_u64;
        let mut add = |part: Text| {
            self.meter.step(1)?;
            count += 1;
            let key = itoa::Buffer::new().format(count).as_bytes().to_vec();
            *parts.get(&key, self.meter)? = Value::Input(part);
            Ok(())
        };
        match mode {
            Some(mode) => {
                csv::read(&text, mode, self.meter, |part| {
                    add(match part {
                        Part::Cut(range) => self.meter.text(&text[range])?,
                        Part::Unquoted(text) => self.meter.text(text)?,
                    })
                })?;
            }
            None => splitter.split(&text, self.meter, |range| {
                add(self.meter.text(&text[range])?)
            })?,
        }
        self.arrays[index] = parts;
        self.push(Value::Number(count as f64));
        Ok(())
    }

    pub(super) fn substitute(
        &mut self,
        place: Place,
        pattern: PatternRef,
        is_global: bool,
    ) -> Result<(), Fault> {
        let target = self.target(place)?;
        let replacement = self.pop();
        let replacement = self.text_of(&replacement)?;
        let pattern = self.pattern(pattern)?;
        let text = self.read(&target)?;
        let text = self.text_of(&text)?;
        let replacement = Replacement::new(&replacement);
        let mut out = Vec::new();
        let mut end = 0;
        let mut count = 0_u64;
        pattern.find_all(&text, self.meter, |range| {
            push(&mut out, &text[end..range.start], self.meter)?;
            replacement.push(&mut out, &text[range.clone()], self.meter)?;
            end = range.end;
            count += 1;
            Ok(is_global)
        })?;
        push(&mut out, &text[end..], self.meter)?;
        let out = self.text(out)?;
        self.write(&target, Value::Text(out))?;
        self.push(Value::Number(count as f64));
        Ok(())
    }
}

fn push(out: &mut Vec<u8>, bytes: &[u8], meter: &Meter) -> Result<(), Fault> {
    meter.room(out.len() + bytes.len())?;
    meter.step(bytes.len() as u64 / 64)?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// What takes the place of a match: texts between which the match itself stands.
struct Replacement(Vec<Vec<u8>>);

impl Replacement {
    fn new(text: &[u8]) -> Self {
        let mut parts = vec![Vec::new()];
        let mut bytes = text.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let last = parts.len() - 1;
            match (byte, bytes.peek().copied()) {
                (b'&', _) => parts.push(Vec::new()),
                (b'\\', Some(escaped @ (b'&' | b'\\'))) => {
                    bytes.next();
                    parts[last].push(escaped);
                }
                (other, _) => parts[last].push(other),
            }
        }
        Self(parts)
    }

    fn push(&self, out: &mut Vec<u8>, matched: &[u8], meter: &Meter) -> Result<(), Fault> {
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                push(out, matched, meter)?;
            }
            push(out, part, meter)?;
        }
        Ok(())
    }
}
