//! What the texts of a config say, by Kafka's rules.

use std::fmt;

use super::key::{Check, Kind};

/// A value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    /// Of an int, a short or a long.
    Number(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

impl Value {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            _ => false,
        }
    }
}

/// As it is stored and described.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(it) => it.fmt(f),
            Self::Number(it) => it.fmt(f),
            Self::Double(it) => it.fmt(f),
            Self::Text(it) => f.write_str(it),
            Self::List(it) => f.write_str(&it.join(",")),
        }
    }
}

/// Why a key does not take a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is not of the key's type.
    Type(Kind),
    /// It is none of the values that the key takes: what those are.
    Range(String),
    /// What it asks for is not built, or cannot be.
    Unsupported(&'static str),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(Kind::Bool) => f.write_str("it must be true or false"),
            Self::Type(kind) => write!(f, "it is not a number of type {}", kind.word()),
            Self::Range(reason) => f.write_str(reason),
            Self::Unsupported(reason) => f.write_str(reason),
        }
    }
}

/// Reads a text as a value of a type. Spaces around it do not matter.
pub(super) fn parse(kind: Kind, text: &str) -> Result<Value, Invalid> {
    let text = text.trim();
    let number = |least: i64, most: i64| match text.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Value::Number(number)),
        _ => Err(Invalid::Type(kind)),
    };
    match kind {
        Kind::Bool if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Kind::Bool if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        Kind::Bool => Err(Invalid::Type(kind)),
        Kind::Int => number(i32::MIN.into(), i32::MAX.into()),
        Kind::Short => number(i16::MIN.into(), i16::MAX.into()),
        Kind::Long => number(i64::MIN, i64::MAX),
        Kind::Double => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Double(number)),
            _ => Err(Invalid::Type(kind)),
        },
        Kind::String | Kind::Class | Kind::Password => Ok(Value::Text(text.to_owned())),
        Kind::List => list(text).map(Value::List),
    }
}

/// The items of a list, each once. An empty text has none.
fn list(text: &str) -> Result<Vec<String>, Invalid> {
    let mut items = Vec::new();
    if text.is_empty() {
        return Ok(items);
    }
    for item in text.split(',').map(str::trim) {
        if item.is_empty() {
            return Err(Invalid::Range("no item of it may be empty".to_owned()));
        }
        if !items.iter().any(|it| it == item) {
            items.push(item.to_owned());
        }
    }
    Ok(items)
}

/// Whether a value is one of those that a key takes.
pub(super) fn check(check: &Check, value: &Value) -> Result<(), Invalid> {
    let is_allowed = match (check, value) {
        (Check::AtLeast(least), Value::Number(it)) => it >= least,
        (Check::Between { least, most, or }, Value::Number(it)) => {
            (least..=most).contains(&it) || or.as_ref() == Some(it)
        }
        (Check::Fraction { least, most }, Value::Double(it)) => (least..=most).contains(&it),
        (Check::OneOf(words), Value::Text(it)) => words.contains(&it.as_str()),
        (Check::OneOfAnyCase(words), Value::Text(it)) => {
            words.iter().any(|word| word.eq_ignore_ascii_case(it))
        }
        (Check::ListOf(words), Value::List(items)) => {
            items.iter().all(|it| words.contains(&it.as_str()))
        }
        (Check::Filled, Value::Text(it)) => !it.is_empty(),
        (Check::Replicas, Value::List(items)) => {
            matches!(items.as_slice(), [only] if only == "*")
                || items.iter().all(|it| is_replica(it))
        }
        _ => true,
    };
    match is_allowed {
        true => Ok(()),
        false => Err(Invalid::Range(check.to_string())),
    }
}

/// Such as `0:1`: a partition and a broker.
fn is_replica(text: &str) -> bool {
    let is_number = |it: &str| it.parse::<i32>().is_ok_and(|number| number >= 0);
    text.split_once(':')
        .is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
}

/// What values a key takes, as the reason for refusing another one.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::AtLeast(least) => write!(f, "it must be at least {least}"),
            Self::Between { least, most, or } => {
                write!(f, "it must be from {least} to {most}")?;
                or.map_or(Ok(()), |or| write!(f, ", or {or}"))
            }
            Self::Fraction { least, most } => write!(f, "it must be from {least} to {most}"),
            Self::OneOf(words) | Self::OneOfAnyCase(words) => {
                write!(f, "it must be one of: {}", words.join(", "))
            }
            Self::ListOf(words) => write!(f, "it may list only: {}", words.join(", ")),
            Self::Filled => f.write_str("it must not be empty"),
            Self::Replicas => {
                f.write_str("it must be `*` or a list such as 0:1,1:2 of partitions and brokers")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(kind: Kind, text: &str) -> Option<String> {
        parse(kind, text).ok().map(|it| it.to_string())
    }

    #[test]
    fn texts_are_read_as_kafka_4_3_1_reads_them() {
        for (kind, text, expected) in [
            (Kind::Bool, " true ", Some("true")),
            (Kind::Bool, "TRUE", Some("true")),
            (Kind::Bool, "1", None),
            (Kind::Bool, "yes", None),
            (Kind::Int, " 5 ", Some("5")),
            (Kind::Int, "+5", Some("5")),
            (Kind::Int, "0x10", None),
            (Kind::Int, "1_000", None),
            (Kind::Int, "2147483648", None),
            (Kind::Int, "", None),
            (Kind::Long, "2147483648", Some("2147483648")),
            (Kind::Long, "9223372036854775808", None),
            (Kind::Short, "40000", None),
            (Kind::Double, "1e-1", Some("0.1")),
            (Kind::Double, "1,5", None),
            (Kind::Double, "NaN", None),
            (Kind::List, "a , b", Some("a,b")),
            (Kind::List, "a,b,a", Some("a,b")),
            (Kind::List, "", Some("")),
            (Kind::List, "a,", None),
            (Kind::List, ",", None),
            (Kind::String, " x ", Some("x")),
        ] {
            let found = text_of(kind, text);
            assert_eq!(found.as_deref(), expected, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn what_a_key_does_not_take_is_told_with_what_it_takes() {
        let refused = |check: Check, value: Value| {
            super::check(&check, &value)
                .expect_err("refused")
                .to_string()
        };
        let words = &["compact", "delete"];
        let list = |text: &str| parse(Kind::List, text).unwrap();
        assert_eq!(
            refused(Check::AtLeast(-1), Value::Number(-2)),
            "it must be at least -1"
        );
        let between = Check::Between {
            least: 1,
            most: 9,
            or: Some(-1),
        };
        assert_eq!(
            refused(between, Value::Number(0)),
            "it must be from 1 to 9, or -1"
        );
        assert!(super::check(&between, &Value::Number(-1)).is_ok());
        assert!(super::check(&between, &Value::Number(9)).is_ok());
        assert_eq!(
            refused(Check::ListOf(words), list("delete,Compact")),
            "it may list only: compact, delete"
        );
        for (text, is_allowed) in [
            ("*", true),
            ("0:1,1:2", true),
            ("", true),
            ("none", false),
            ("0:x", false),
            ("*,0:1", false),
        ] {
            let found = super::check(&Check::Replicas, &list(text));
            assert_eq!(found.is_ok(), is_allowed, "{text}");
        }
    }
}
