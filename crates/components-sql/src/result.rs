//! The rows that a query returns, as one value.

use millrace_message::{Error, Object, Text, Value};

/// What a row and each of its values take beside their content, about.
const OVERHEAD: usize = 32;

/// Rows as objects, within a bound.
pub struct Rows {
    rows: Vec<Value>,
    left: usize,
    max: usize,
}

impl Rows {
    /// No rows; they may become about `max` bytes large.
    pub fn new(max: usize) -> Self {
        Self {
            rows: Vec::new(),
            left: max,
            max,
        }
    }

    /// Adds a row: the name and the value of each column, of which the last of a name counts.
    ///
    /// # Errors
    /// `Rejected`: there are too many.
    pub fn push(&mut self, row: impl IntoIterator<Item = (Text, Value)>) -> Result<(), Error> {
        let mut object = Object::new();
        let mut size = OVERHEAD;
        for (name, value) in row {
            size += OVERHEAD + value.as_bytes().map_or(0, <[u8]>::len);
            object.insert(name, value);
        }
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            Error::rejected(format!(
                "the result is larger than `max_result_size`, {} bytes",
                self.max
            ))
        })?;
        self.rows.push(Value::Object(object));
        Ok(())
    }

    /// An array of the rows.
    pub fn into_value(self) -> Value {
        Value::from(self.rows)
    }
}

/// Text, or bytes where it is none.
pub fn text_or_bytes(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(error) => Value::from(error.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_objects_within_a_bound() {
        let row = |id: i64| {
            [
                (Text::from("id"), Value::from(id)),
                (Text::from("name"), Value::from("x".repeat(100))),
            ]
        };
        let mut rows = Rows::new(500);
        rows.push(row(1)).expect("there is room");
        rows.push(row(2)).expect("there is room");
        let error = rows.push(row(3)).expect_err("there is none left");
        assert!(
            error.text().contains("`max_result_size`, 500 bytes"),
            "{error}"
        );
        let value = rows.into_value();
        assert_eq!(value.as_array().map(|rows| rows.len()), Some(2));
    }

    #[test]
    fn of_two_columns_of_one_name_the_last_one_counts() {
        let mut rows = Rows::new(500);
        let row = [1_i64, 2].map(|it| (Text::from("a"), Value::from(it)));
        rows.push(row).expect("there is room");
        assert_eq!(&rows.into_value().to_json()[..], br#"[{"a":2}]"#);
    }
}
