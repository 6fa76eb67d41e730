//! The variables of the language.

use super::Run;
use crate::code::Special;
use crate::csv::{InputMode, OutputMode};
use crate::fields::Joiner;
use crate::meter::Text;
use crate::records::RecordSplitter;
use crate::splitter::Splitter;
use crate::value::Value;
use crate::{Fault, format, number, pattern};

/// Separators are texts that need no counting: they are as short as the program's own, or the
/// program holds them anyway.
pub(super) struct Specials {
    pub argc: i64,
    pub convfmt: String,
    pub filename: Value,
    pub fnr: i64,
    pub fs: Option<Text>,
    pub input_mode: Option<InputMode>,
    pub output_mode: Option<OutputMode>,
    pub splitter: Splitter,
    pub nr: i64,
    pub ofmt: String,
    pub ofs: Option<Text>,
    pub ors: Option<Text>,
    pub rlength: i64,
    pub rs: Option<Text>,
    pub rstart: i64,
    pub rt: Option<Text>,
    pub subsep: Option<Text>,
}

impl Default for Specials {
    fn default() -> Self {
        Self {
            argc: 1,
            convfmt: "%.6g".to_owned(),
            filename: Value::Unset,
            fnr: 0,
            fs: None,
            input_mode: None,
            output_mode: None,
            splitter: Splitter::Blanks,
            nr: 0,
            ofmt: "%.6g".to_owned(),
            ofs: None,
            ors: None,
            rlength: 0,
            rs: None,
            rstart: 0,
            rt: None,
            subsep: None,
        }
    }
}

/// A text that a program has set, or the one that it is without.
fn or<'a>(text: &'a Option<Text>, default: &'static [u8]) -> &'a [u8] {
    text.as_deref().unwrap_or(default)
}

impl Specials {
    pub fn fs(&self) -> &[u8] {
        or(&self.fs, b" ")
    }

    pub fn ofs(&self) -> &[u8] {
        or(&self.ofs, b" ")
    }

    /// What stands between the fields of a record that is put together.
    pub fn joiner(&self) -> Joiner<'_> {
        match self.output_mode {
            Some(mode) => Joiner::Csv(mode),
            None => Joiner::Text(self.ofs()),
        }
    }

    pub fn ors(&self) -> &[u8] {
        or(&self.ors, b"\n")
    }

    pub fn rs(&self) -> &[u8] {
        or(&self.rs, b"\n")
    }

    pub fn rt(&self) -> &[u8] {
        or(&self.rt, b"")
    }

    pub fn subsep(&self) -> &[u8] {
        or(&self.subsep, b"\x1c")
    }
}

impl Run<'_> {
    pub(super) fn special(&mut self, special: Special) -> Result<Value, Fault> {
        let specials = &self.specials;
        let integer = |it: i64| Ok(Value::Number(it as f64));
        let bytes = match special {
            Special::Nf => {
                self.split_record()?;
                return integer(self.record.count() as i64);
            }
            Special::Nr => return integer(specials.nr),
            Special::Fnr => return integer(specials.fnr),
            Special::Rstart => return integer(specials.rstart),
            Special::Rlength => return integer(specials.rlength),
            Special::Argc => return integer(specials.argc),
            Special::Filename => return Ok(specials.filename.clone()),
            Special::Inputmode => {
                let text = specials.input_mode.map(|it| it.text()).unwrap_or_default();
                return Ok(Value::Text(self.meter.text(text.into_bytes())?));
            }
            Special::Outputmode => {
                let text = specials.output_mode.map(|it| it.text()).unwrap_or_default();
                return Ok(Value::Text(self.meter.text(text.into_bytes())?));
            }
            Special::Convfmt => specials.convfmt.as_bytes(),
            Special::Ofmt => specials.ofmt.as_bytes(),
            Special::Fs => specials.fs(),
            Special::Ofs => specials.ofs(),
            Special::Ors => specials.ors(),
            Special::Rs => specials.rs(),
            Special::Rt => specials.rt(),
            Special::Subsep => specials.subsep(),
        };
        Ok(Value::Text(self.meter.text(bytes)?))
    }

    pub(super) fn set_special(&mut self, special: Special, value: &Value) -> Result<(), Fault> {
        let integer = number::integer(self.number_of(value)?);
        match special {
            Special::Nf => {
                self.split_record()?;
                // What was set before is joined by the separator of before.
                return self.record.set_count(integer);
            }
            Special::Nr => self.specials.nr = integer,
            Special::Fnr => self.specials.fnr = integer,
            Special::Rstart => self.specials.rstart = integer,
            Special::Rlength => self.specials.rlength = integer,
            Special::Argc => self.specials.argc = integer,
            Special::Filename => self.specials.filename = value.clone(),
            Special::Convfmt => self.specials.convfmt = self.number_format(value)?,
            Special::Ofmt => self.specials.ofmt = self.number_format(value)?,
            Special::Fs => {
                let text = self.text_of(value)?;
                self.specials.splitter = self.splitter(&text)?;
                self.specials.fs = Some(text);
            }
            Special::Ofs => {
                self.record.put_together(self.specials.joiner())?;
                self.specials.ofs = Some(self.text_of(value)?);
            }
            Special::Inputmode => {
                let text = self.text_of(value)?;
                self.specials.input_mode = InputMode::parse(&String::from_utf8_lossy(&text))?;
            }
            Special::Outputmode => {
                self.record.put_together(self.specials.joiner())?;
                let text = self.text_of(value)?;
                self.specials.output_mode = OutputMode::parse(&String::from_utf8_lossy(&text))?;
            }
            Special::Ors => self.specials.ors = Some(self.text_of(value)?),
            Special::Rs => {
                let text = self.text_of(value)?;
                self.record_splitter_of(&text)?;
                self.specials.rs = Some(text);
            }
            Special::Rt => self.specials.rt = Some(self.text_of(value)?),
            Special::Subsep => self.specials.subsep = Some(self.text_of(value)?),
        }
        Ok(())
    }

    /// How numbers are written: bounded, because every number is written so.
    fn number_format(&self, value: &Value) -> Result<String, Fault> {
        let text = value.bytes(&self.specials.convfmt);
        let text = String::from_utf8_lossy(&text).into_owned();
        format::check_number_format(&text)?;
        Ok(text)
    }

    /// How a text is split by a separator.
    pub(super) fn splitter(&mut self, separator: &[u8]) -> Result<Splitter, Fault> {
        Ok(match separator {
            b" " => Splitter::Blanks,
            b"" => Splitter::Characters,
            _ if pattern::character_length(separator) == separator.len() => {
                Splitter::Text(separator.to_vec())
            }
            _ => Splitter::Pattern(self.patterns.compile(separator, self.meter)?),
        })
    }

    /// How the input is cut into records.
    pub(super) fn record_splitter_of(&mut self, separator: &[u8]) -> Result<RecordSplitter, Fault> {
        Ok(match separator {
            b"\n" => RecordSplitter::Lines,
            b"" => RecordSplitter::Paragraphs,
            _ if pattern::character_length(separator) == separator.len() => {
                RecordSplitter::Text(separator.to_vec())
            }
            _ => RecordSplitter::Pattern(self.patterns.compile(separator, self.meter)?),
        })
    }
}
