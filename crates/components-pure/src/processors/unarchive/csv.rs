//! Rows of values, in the dialect of Go's `encoding/csv`.

use millrace_message::{Error, Object, Value};

use super::{MEMBER_COST, Part, Parts, VALUE_COST};

/// An object for each row after the first, whose values are the names.
///
/// # Errors
/// A row has more or fewer values than there are names, a quote stands where none can, or there is no
/// room for the rows.
pub(super) fn read(payload: &[u8], delimiter: char, parts: &mut Parts) -> Result<(), Error> {
    let text = std::str::from_utf8(payload)
        .map_err(|_| Error::rejected("csv: the payload is not UTF-8"))?;
    let mut rows = Rows {
        rest: text,
        line: 1,
        delimiter,
    };
    let Some(names) = rows.next_row()? else {
        return Ok(());
    };
    let made = VALUE_COST + names.len() * MEMBER_COST;
    loop {
        let line = rows.line;
        let Some(values) = rows.next_row()? else {
            return Ok(());
        };
        if values.len() != names.len() {
            return Err(Error::rejected(format!(
                "csv: line {line} has {} values, and there are {} names",
                values.len(),
                names.len()
            )));
        }
        let mut object = Object::with_capacity(names.len());
        for (name, value) in names.iter().zip(values) {
            object.insert(name.as_str(), Value::from(value));
        }
        parts.push(Part::Value(Value::Object(object)), made)?;
    }
}

/// What is left to read.
struct Rows<'a> {
    rest: &'a str,
    line: usize,
    delimiter: char,
}

impl Rows<'_> {
    /// The values of the next row; empty lines are no rows.
    fn next_row(&mut self) -> Result<Option<Vec<String>>, Error> {
        while let Some(rest) = strip_line_break(self.rest) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut values = Vec::new();
        loop {
            values.push(match self.rest.strip_prefix('"') {
                Some(rest) => {
                    self.rest = rest;
                    self.quoted()?
                }
                None => self.plain()?,
            });
            if let Some(rest) = self.rest.strip_prefix(self.delimiter) {
                self.rest = rest;
                continue;
            }
            if let Some(rest) = strip_line_break(self.rest) {
                self.rest = rest;
                self.line += 1;
            }
            return Ok(Some(values));
        }
    }

    fn plain(&mut self) -> Result<String, Error> {
        let end = self
            .rest
            .find([self.delimiter, '\n'])
            .unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        let is_last_of_line = !rest.starts_with(self.delimiter);
        let value = value
            .strip_suffix('\r')
            .filter(|_| is_last_of_line)
            .unwrap_or(value);
        if value.contains('"') {
            return Err(self.error("a quote stands in a value that is not quoted"));
        }
        self.rest = match is_last_of_line && self.rest[..end].ends_with('\r') {
            true => &self.rest[end - 1..],
            false => rest,
        };
        // A carriage return at the very end stands for a line break.
        if self.rest == "\r" {
            self.rest = "";
        }
        Ok(value.to_owned())
    }

    fn quoted(&mut self) -> Result<String, Error> {
        let mut value = String::new();
        loop {
            let Some(end) = self.rest.find('"') else {
                return Err(self.error("a quoted value does not end"));
            };
            let (part, rest) = self.rest.split_at(end);
            self.line += part.matches('\n').count();
            // Go reads a line break within quotes as one character.
            value.push_str(&part.replace("\r\n", "\n"));
            self.rest = &rest[1..];
            match self.rest.strip_prefix('"') {
                Some(rest) => {
                    value.push('"');
                    self.rest = rest;
                }
                None => break,
            }
        }
        let ends = self.rest.is_empty()
            || self.rest.starts_with(self.delimiter)
            || strip_line_break(self.rest).is_some();
        if !ends {
            return Err(self.error("something follows the closing quote of a value"));
        }
        Ok(value)
    }

    fn error(&self, reason: &str) -> Error {
        Error::rejected(format!("csv: line {}: {reason}", self.line))
    }
}

fn strip_line_break(text: &str) -> Option<&str> {
    text.strip_prefix('\n')
        .or_else(|| text.strip_prefix("\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<String>, String> {
        let mut parts = Parts::new(usize::MAX);
        read(text.as_bytes(), ',', &mut parts).map_err(|error| error.to_string())?;
        let json = |part| match part {
            Part::Value(value) => String::from_utf8_lossy(&value.to_json()).into_owned(),
            _ => panic!("a row is a value"),
        };
        Ok(parts.list.into_iter().map(json).collect())
    }

    #[test]
    fn quotes_line_breaks_and_empty_lines_are_read() {
        let text = "b,a\r\n\"x \"\"y\"\"\",1\n\n\"two\r\nlines\",\n,\"\"";
        let expected = [
            r#"{"a":"1","b":"x \"y\""}"#,
            r#"{"a":"","b":"two\nlines"}"#,
            r#"{"a":"","b":""}"#,
        ];
        assert_eq!(rows(text), Ok(expected.map(str::to_owned).to_vec()));
        assert_eq!(rows("a,b\n"), Ok(Vec::new()));
        assert_eq!(rows(""), Ok(Vec::new()));
    }

    #[test]
    fn a_row_of_another_width_or_a_stray_quote_is_an_error_with_its_line() {
        for (text, line) in [
            ("a,b\n1,2\n1", "line 3"),
            ("a,b\n1,2,3", "line 2"),
            ("a\nx\"y", "line 2"),
            ("a\n\"x\"y", "line 2"),
            ("a\n\"x", "line 2"),
        ] {
            let error = rows(text).expect_err(text);
            assert!(error.contains(line), "{error}");
        }
    }
}
