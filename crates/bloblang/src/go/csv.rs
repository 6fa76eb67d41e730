//! CSV as Go's package `encoding/csv` reads it: RFC 4180, blank lines passed over, every record
//! with as many fields as the first.

/// How a text is cut into fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// Stands between two fields.
    pub delimiter: char,
    /// A quote may stand inside a field that does not begin with one, and alone inside one that
    /// does.
    pub lazy_quotes: bool,
}

/// All records of a text.
///
/// # Errors
///
/// What is wrong with the text and where, in Go's words.
pub(crate) fn read_all(text: &str, dialect: Dialect) -> Result<Vec<Vec<String>>, String> {
    if matches!(
        dialect.delimiter,
        '"' | '\r' | '\n' | '\0' | char::REPLACEMENT_CHARACTER
    ) {
        return Err("csv: invalid field or comment delimiter".to_owned());
    }
    let mut reader = Reader {
        lines: text.split_inclusive('\n'),
        line_number: 0,
        dialect,
    };
    let mut records: Vec<Vec<String>> = Vec::new();
    while let Some((start, record)) = reader.record()? {
        if records
            .first()
            .is_some_and(|first| first.len() != record.len())
        {
            return Err(format!("record on line {start}: wrong number of fields"));
        }
        records.push(record);
    }
    Ok(records)
}

struct Reader<'t> {
    lines: std::str::SplitInclusive<'t, char>,
    line_number: usize,
    dialect: Dialect,
}

impl<'t> Reader<'t> {
    /// A line without its break, and whether it had one.
    fn line(&mut self) -> Option<(&'t str, bool)> {
        let line = self.lines.next()?;
        self.line_number += 1;
        match line.strip_suffix('\n') {
            Some(line) => Some((line.strip_suffix('\r').unwrap_or(line), true)),
            None => Some((line.strip_suffix('\r').unwrap_or(line), false)),
        }
    }

    /// The next record and the line it begins on.
    fn record(&mut self) -> Result<Option<(usize, Vec<String>)>, String> {
        let (mut line, mut has_break) = loop {
            match self.line() {
                None => return Ok(None),
                Some(("", _)) => {}
                Some(line) => break line,
            }
        };
        let start = self.line_number;
        let mut fields = Vec::new();
        let mut whole = line;
        loop {
            let column = |rest: &str| whole.len() - rest.len() + 1;
            let Some(quoted) = line.strip_prefix('"') else {
                let end = line.find(self.dialect.delimiter);
                let field = &line[..end.unwrap_or(line.len())];
                if let Some(quote) = field.find('"').filter(|_| !self.dialect.lazy_quotes) {
                    let column = column(&line[quote..]);
                    return Err(self.error(start, column, "bare \" in non-quoted field"));
                }
                fields.push(field.to_owned());
                match end {
                    Some(end) => line = &line[end + self.dialect.delimiter.len_utf8()..],
                    None => return Ok(Some((start, fields))),
                }
                continue;
            };
            line = quoted;
            let mut field = String::new();
            loop {
                let Some(end) = line.find('"') else {
                    field.push_str(line);
                    if has_break {
                        field.push('\n');
                    }
                    let at_end = whole.len() + 1;
                    match self.line() {
                        Some((next, next_break)) => {
                            (line, has_break, whole) = (next, next_break, next);
                            continue;
                        }
                        None if self.dialect.lazy_quotes => {
                            fields.push(field);
                            return Ok(Some((start, fields)));
                        }
                        None => {
                            let message = "extraneous or missing \" in quoted-field";
                            return Err(self.error(start, at_end, message));
                        }
                    }
                };
                field.push_str(&line[..end]);
                let quote = &line[end..];
                line = &line[end + 1..];
                if let Some(after) = line.strip_prefix('"') {
                    field.push('"');
                    line = after;
                } else if let Some(after) = line.strip_prefix(self.dialect.delimiter) {
                    fields.push(field);
                    line = after;
                    break;
                } else if line.is_empty() {
                    fields.push(field);
                    return Ok(Some((start, fields)));
                } else if self.dialect.lazy_quotes {
                    field.push('"');
                } else {
                    let column = whole.len() - quote.len() + 1;
                    let message = "extraneous or missing \" in quoted-field";
                    return Err(self.error(start, column, message));
                }
            }
        }
    }

    fn error(&self, start: usize, column: usize, message: &str) -> String {
        if start == self.line_number {
            return format!("parse error on line {start}, column {column}: {message}");
        }
        format!(
            "record on line {start}; parse error on line {}, column {column}: {message}",
            self.line_number
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Dialect = Dialect {
        delimiter: ',',
        lazy_quotes: false,
    };

    fn read(text: &str, dialect: Dialect) -> String {
        match read_all(text, dialect) {
            Ok(records) => {
                let records: Vec<String> = records.iter().map(|it| it.join("|")).collect();
                records.join(";")
            }
            Err(error) => error,
        }
    }

    #[test]
    fn records_are_read() {
        for (text, expected) in [
            ("a,b\n1,2", "a|b;1|2"),
            ("a,b\r\n\r\n1,2\r\n", "a|b;1|2"),
            ("\"a,\"\"b\"\"\",\"c\nd\"\n", "a,\"b\"|c\nd"),
            ("a,,\n,,", "a||;||"),
            ("\"x\r\ny\"", "x\ny"),
            ("", ""),
        ] {
            assert_eq!(read(text, STRICT), expected, "{text:?}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, expected) in [
            ("a,b\n1,2,3", "record on line 2: wrong number of fields"),
            (
                "a\"b",
                "parse error on line 1, column 2: bare \" in non-quoted field",
            ),
            (
                "\"a\"b",
                "parse error on line 1, column 3: extraneous or missing \" in quoted-field",
            ),
            (
                "\"a\nb",
                "record on line 1; parse error on line 2, column 2: extraneous or missing \" in quoted-field",
            ),
        ] {
            assert_eq!(read(text, STRICT), expected, "{text:?}");
        }
    }

    #[test]
    fn lazy_quotes_are_kept() {
        let lazy = Dialect {
            delimiter: ',',
            lazy_quotes: true,
        };
        assert_eq!(
            read("foo\" \"2,bar\n\"a\"b\",c", lazy),
            "foo\" \"2|bar;a\"b|c"
        );
        assert!(
            read_all(
                "a",
                Dialect {
                    delimiter: '"',
                    lazy_quotes: true
                }
            )
            .is_err()
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_safe(text in "[a\",\r\né]{0,30}", lazy_quotes: bool) {
            let _ = read_all(&text, Dialect { delimiter: ',', lazy_quotes });
        }
    }
}
