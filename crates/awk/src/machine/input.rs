//! Records of the input, and what is printed.

use super::Run;
use crate::Fault;
use crate::array::Array;
use crate::code::Place;
use crate::csv::{InputMode, Part};
use crate::meter::Text;
use crate::records::RecordSplitter;
use crate::value::Value;

/// What the name of a field takes beside its text.
const NAME_SIZE: usize = 64;

impl Run<'_> {
    /// The next record, which is counted.
    pub(super) fn next_record(&mut self) -> Result<Option<Text>, Fault> {
        if self.record_splitter.is_none() {
            self.refuse_files()?;
            self.record_splitter = Some(match self.specials.input_mode {
                Some(mode) => RecordSplitter::Csv(mode),
                None => {
                    let separator = self.specials.rs().to_vec();
                    self.record_splitter_of(&separator)?
                }
            });
            self.specials.filename = Value::Input(self.text(&b"-"[..])?);
            if let Some(mode) = self.specials.input_mode.filter(|it| it.has_header) {
                self.read_header(mode)?;
            }
        }
        let Some(splitter) = &self.record_splitter else {
            return Ok(None);
        };
        let Some(found) = self.records.next(splitter, self.meter)? else {
            return Ok(None);
        };
        self.specials.rt = Some(match found.terminator {
            Some(terminator) => self.text(terminator)?,
            None => self.text(self.specials.rs())?,
        });
        self.specials.nr = self.specials.nr.saturating_add(1);
        self.specials.fnr = self.specials.fnr.saturating_add(1);
        self.text(&*found.record).map(Some)
    }

    /// The first record, which has the names of the fields.
    fn read_header(&mut self, mode: InputMode) -> Result<(), Fault> {
        let mut names = Vec::new();
        let (meter, held) = (self.meter, &mut self.held);
        let rest = self.records.rest();
        let found = self.records.next_csv(mode, meter, |part| {
            held.add(NAME_SIZE)?;
            names.push(match part {
                Part::Cut(range) => meter.text(&rest[range])?,
                Part::Unquoted(text) => meter.text(text)?,
            });
            Ok(())
        })?;
        if found.is_none() {
            return Ok(());
        }
        if let Some(index) = self.code.arrays.get("FIELDS") {
            let mut fields = Array::new(meter);
            for (number, name) in (1_u64..).zip(&names) {
                let key = itoa::Buffer::new().format(number).as_bytes().to_vec();
                *fields.get(&key, meter)? = Value::Text(name.clone());
            }
            self.arrays[*index as usize] = fields;
        }
        self.field_names = Some(names.into_iter().zip(1..).collect());
        Ok(())
    }

    /// A field by its name in the header.
    pub(super) fn named_field(&mut self, name: &Value) -> Result<Value, Fault> {
        let name = self.text_of(name)?;
        let Some(names) = &self.field_names else {
            return Err(Fault::new(
                "`@` needs a header with the names of the fields: add `header` to `INPUTMODE`",
            ));
        };
        match names.get(&name) {
            Some(number) => self.field(*number),
            None => Ok(Value::Text(Text::default())),
        }
    }

    /// A program may name files in `ARGV`; they are not read.
    fn refuse_files(&mut self) -> Result<(), Fault> {
        let Some(index) = self.code.arrays.get("ARGV") else {
            return Ok(());
        };
        for position in 1..self.specials.argc.min(1000) {
            let key = position.to_string();
            let array = &mut self.arrays[*index as usize];
            if !array.contains(key.as_bytes()) {
                continue;
            }
            let name = array.get(key.as_bytes(), self.meter)?.clone();
            let name = name.bytes(&self.specials.convfmt);
            if !name.is_empty() && &name[..] != b"-" {
                return Err(Fault::new(
                    "`ARGV` names a file, and programs read no files: remove it",
                ));
            }
        }
        Ok(())
    }

    /// `getline`: 1 for a record that was read, 0 at the end of the input.
    pub(super) fn getline(&mut self, place: Option<Place>) -> Result<(), Fault> {
        let target = match place {
            Some(place) => Some(self.target(place)?),
            None => None,
        };
        let Some(line) = self.next_record()? else {
            self.push(Value::Number(0.0));
            return Ok(());
        };
        match target {
            Some(target) => self.write(&target, Value::Input(line))?,
            None => self.record.set_line(line, true),
        }
        self.push(Value::Number(1.0));
        Ok(())
    }

    pub(super) fn write_out(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.meter.step(bytes.len() as u64 / 64)?;
        self.held.add(bytes.len())?;
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn print_line(&mut self) -> Result<(), Fault> {
        let line = self.line()?;
        self.write_out(&line)?;
        self.end_line()
    }

    pub(super) fn print(&mut self, count: usize) -> Result<(), Fault> {
        let values = self.stack.split_off(self.stack.len() - count);
        if let Some(mode) = self.specials.output_mode {
            let mut line = Vec::new();
            for (index, value) in values.iter().enumerate() {
                let text = value.bytes(&self.specials.ofmt);
                mode.push(&mut line, &text, index == 0, self.meter)?;
            }
            line.push(b'\n');
            return self.write_out(&line);
        }
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                let separator = self.specials.ofs().to_vec();
                self.write_out(&separator)?;
            }
            let text = value.bytes(&self.specials.ofmt);
            self.write_out(&text)?;
        }
        self.end_line()
    }

    fn end_line(&mut self) -> Result<(), Fault> {
        let separator = self.specials.ors().to_vec();
        self.write_out(&separator)
    }
}
