//! The record and its fields.
//!
//! Fields are ranges of the record until somebody asks for them; the record is put together again
//! when it is asked for after a field has changed.

use std::rc::Rc;

use crate::Fault;
use crate::csv::{self, InputMode, OutputMode, Part};
use crate::meter::{Held, Meter, Text};
use crate::splitter::Splitter;
use crate::value::Value;

/// The highest number that a field can have.
const FIELDS_MAX: i64 = 1_000_000;
/// What a field takes beside its text.
const FIELD_SIZE: usize = 24;

enum Field {
    /// A range of the record as it was split.
    Cut(u32, u32),
    Set {
        text: Text,
        is_input: bool,
    },
}

impl Field {
    fn text<'a>(&'a self, source: &'a [u8]) -> &'a [u8] {
        match self {
            Field::Cut(begin, end) => &source[*begin as usize..*end as usize],
            Field::Set { text, .. } => text,
        }
    }
}

/// How the fields of a record are put together.
#[derive(Clone, Copy)]
pub(crate) enum Joiner<'a> {
    /// With a text between them.
    Text(&'a [u8]),
    Csv(OutputMode),
}

pub(crate) struct Record {
    line: Text,
    /// Whether the record is text of the input as it came.
    is_input: bool,
    /// Whether a field was set since the record was put together.
    is_stale: bool,
    is_split: bool,
    /// The record that the ranges of fields belong to.
    source: Text,
    fields: Vec<Field>,
    held: Held,
    meter: Rc<Meter>,
}

impl Record {
    pub fn new(meter: &Rc<Meter>) -> Self {
        Self {
            line: Text::default(),
            is_input: true,
            is_stale: false,
            is_split: false,
            source: Text::default(),
            fields: Vec::new(),
            held: Held::nothing(meter),
            meter: Rc::clone(meter),
        }
    }

    /// Replaces the record; fields are split when they are asked for.
    pub fn set_line(&mut self, line: Text, is_input: bool) {
        self.line = line;
        self.is_input = is_input;
        self.is_stale = false;
        self.is_split = false;
    }

    /// The record as a text.
    pub fn line(&mut self, joiner: Joiner<'_>) -> Result<&Text, Fault> {
        self.put_together(joiner)?;
        Ok(&self.line)
    }

    /// Puts the record together when a field was set.
    pub fn put_together(&mut self, joiner: Joiner<'_>) -> Result<(), Fault> {
        if !self.is_stale {
            return Ok(());
        }
        self.meter.step(self.fields.len() as u64)?;
        let line = match joiner {
            Joiner::Text(separator) => self.joined(separator)?,
            Joiner::Csv(mode) => {
                let mut line = Vec::new();
                for (index, field) in self.fields.iter().enumerate() {
                    let text = field.text(&self.source);
                    mode.push(&mut line, text, index == 0, &self.meter)?;
                }
                line
            }
        };
        self.line = self.meter.text(line)?;
        self.is_input = false;
        self.is_stale = false;
        Ok(())
    }

    fn joined(&self, separator: &[u8]) -> Result<Vec<u8>, Fault> {
        let lengths = self.fields.iter().map(|it| it.text(&self.source).len());
        let size = lengths.sum::<usize>() + separator.len() * self.fields.len();
        self.meter.room(size)?;
        let mut line = Vec::with_capacity(size);
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                line.extend_from_slice(separator);
            }
            line.extend_from_slice(field.text(&self.source));
        }
        Ok(line)
    }

    /// Forgets the fields of an earlier record; false when those of this one are there already.
    fn begin_split(&mut self) -> bool {
        if self.is_split {
            return false;
        }
        self.is_split = true;
        self.source = self.line.clone();
        self.fields.clear();
        self.held.clear();
        true
    }

    /// Splits the record as one of CSV.
    pub fn split_csv(&mut self, mode: InputMode) -> Result<(), Fault> {
        if !self.begin_split() {
            return Ok(());
        }
        if self.source.len() > u32::MAX as usize {
            return Err(Fault::new("the record is longer than 4 GiB"));
        }
        let Self {
            fields,
            held,
            source,
            meter,
            ..
        } = self;
        let found = csv::read(source, mode, meter, |part| {
            held.add(FIELD_SIZE)?;
            fields.push(match part {
                Part::Cut(range) => Field::Cut(range.start as u32, range.end as u32),
                Part::Unquoted(text) => Field::Set {
                    text: meter.text(text)?,
                    is_input: true,
                },
            });
            Ok(())
        });
        found.map(drop)
    }

    pub fn split(&mut self, splitter: &Splitter, cuts_lines: bool) -> Result<(), Fault> {
        if !self.begin_split() {
            return Ok(());
        }
        let Self {
            fields,
            held,
            source,
            meter,
            ..
        } = self;
        let mut add = |begin: usize, end: usize| {
            held.add(FIELD_SIZE)?;
            fields.push(Field::Cut(begin as u32, end as u32));
            meter.step(1)
        };
        if source.len() > u32::MAX as usize {
            return Err(Fault::new("the record is longer than 4 GiB"));
        }
        let text = source.clone();
        splitter.split(&text, meter, |range| {
            if !cuts_lines {
                return add(range.start, range.end);
            }
            let mut begin = range.start;
            for line in text[range].split(|it| *it == b'\n') {
                let end = begin + line.len();
                let length = line.strip_suffix(b"\r").unwrap_or(line).len();
                add(begin, begin + length)?;
                begin = end + 1;
            }
            Ok(())
        })
    }

    /// How many fields there are, once they are split.
    pub fn count(&self) -> usize {
        self.fields.len()
    }

    /// A field; 0 is the record. Negative numbers count from the end.
    pub fn get(&mut self, index: i64, joiner: Joiner<'_>) -> Result<Value, Fault> {
        if index == 0 {
            let line = self.line(joiner)?.clone();
            return Ok(match self.is_input {
                true => Value::Input(line),
                false => Value::Text(line),
            });
        }
        let Some(field) = self.position(index).and_then(|it| self.fields.get(it)) else {
            return Ok(Value::Text(Text::default()));
        };
        Ok(match field {
            Field::Cut(begin, end) => {
                let text = &self.source[*begin as usize..*end as usize];
                Value::Input(self.meter.text(text)?)
            }
            Field::Set { text, is_input } => match is_input {
                true => Value::Input(text.clone()),
                false => Value::Text(text.clone()),
            },
        })
    }

    fn position(&self, index: i64) -> Option<usize> {
        let count = self.fields.len() as i64;
        let index = if index < 0 { count + 1 + index } else { index };
        usize::try_from(index - 1).ok()
    }

    /// Sets a field, and makes those before it when there are fewer.
    pub fn set(&mut self, index: i64, text: Text) -> Result<(), Fault> {
        if index > FIELDS_MAX {
            return Err(Fault::new(format!("field index too large: {index}")));
        }
        let Some(position) = self.position(index) else {
            return Ok(());
        };
        if position >= self.fields.len() {
            self.resize(position + 1, false)?;
        }
        self.fields[position] = Field::Set {
            text,
            is_input: false,
        };
        self.is_stale = true;
        Ok(())
    }

    /// Sets the number of fields.
    pub fn set_count(&mut self, count: i64) -> Result<(), Fault> {
        if count < 0 {
            return Err(Fault::new(format!("NF set to negative value: {count}")));
        }
        if count > FIELDS_MAX {
            return Err(Fault::new(format!("NF set too large: {count}")));
        }
        self.is_stale = true;
        self.resize(count as usize, true)
    }

    fn resize(&mut self, count: usize, is_input: bool) -> Result<(), Fault> {
        let now = self.fields.len();
        if count < now {
            self.fields.truncate(count);
            self.held.remove((now - count) * FIELD_SIZE);
            return Ok(());
        }
        self.meter.step((count - now) as u64)?;
        self.held.add((count - now) * FIELD_SIZE)?;
        self.fields.resize_with(count, || Field::Set {
            text: Text::default(),
            is_input,
        });
        Ok(())
    }
}
