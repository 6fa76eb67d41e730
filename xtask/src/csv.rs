//! Comma-separated values after RFC 4180: as little as the cities need, and none of the product's
//! own code, so that a check against it is a check.

/// Splits `text` into records of fields. A field in quotes may hold commas, line breaks and doubled
/// quotes.
pub fn parse(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

/// Writes one record with quotes where they are needed.
pub fn write(record: &[&str], text: &mut String) {
    for (place, field) in record.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        if field.contains(['"', ',', '\n', '\r']) {
            text.push('"');
            text.push_str(&field.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(field);
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_quotes_commas_and_line_breaks_survive() {
        let records = [
            ["a", "b,c", ""],
            ["\"x\"", "two\nlines", "\"\""],
            ["東京", " ", "z"],
        ];
        let mut text = String::new();
        for record in &records {
            write(record, &mut text);
        }
        assert_eq!(parse(&text), records);
    }

    #[test]
    fn the_last_line_end_may_be_missing_and_line_ends_may_be_crlf() {
        assert_eq!(parse("a,b\r\nc,"), [["a", "b"], ["c", ""]]);
        assert!(parse("").is_empty());
    }
}
