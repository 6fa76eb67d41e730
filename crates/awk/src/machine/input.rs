//! Records of the input, and what is printed.

use super::Run;
use crate::Fault;
use crate::code::Place;
use crate::meter::Text;
use crate::value::Value;

impl Run<'_> {
    /// The next record, which is counted.
    pub(super) fn next_record(&mut self) -> Result<Option<Text>, Fault> {
        if self.record_splitter.is_none() {
            self.refuse_files()?;
            let separator = self.specials.rs().to_vec();
            self.record_splitter = Some(self.record_splitter_of(&separator)?);
            self.specials.filename = Value::Input(self.text(&b"-"[..])?);
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
        self.text(found.record).map(Some)
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
