//! Durations in Go's notation: `1m30s`, `500ms`, `1.5h`, `-1s`.

use crate::{FieldKind, FieldType, Node, ReadContext, codes};
use std::fmt;

/// A duration that keeps the text it was written in.
///
/// An optional field takes an empty text as absent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Duration {
    text: String,
    nanos: i64,
}

impl Duration {
    /// Reads Go's notation.
    ///
    /// # Errors
    /// A text says what is wrong, without quoting more than the text itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse_nanos(text).map(|nanos| Self {
            text: text.to_owned(),
            nanos,
        })
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The length; zero when it is negative.
    pub fn get(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.nanos).unwrap_or(0))
    }

    /// Nanoseconds, with sign.
    pub fn nanos(&self) -> i64 {
        self.nanos
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Self {
            text: format!("{nanos}ns"),
            nanos,
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FieldType for Duration {
    fn kind() -> FieldKind {
        FieldKind::Duration
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        if node.as_scalar().is_none() {
            cx.wrong_type(node, "a duration such as `10s`");
            return None;
        }
        let text = String::read(node, cx)?;
        match Self::parse(&text) {
            Ok(duration) => Some(duration),
            Err(reason) => {
                let message = cx.about_field(&reason);
                let diagnostic = cx.error(codes::INVALID_VALUE, node.span, message);
                diagnostic.help = Some("a duration such as `500ms`, `10s` or `1h30m`".to_owned());
                None
            }
        }
    }

    fn means_absent(node: &Node) -> bool {
        node.is_null() || node.text() == Some("")
    }
}

const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

fn parse_nanos(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid duration `{text}`");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|it: char| !it.is_ascii_digit() && it != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit_len = after
            .find(|it: char| it.is_ascii_digit() || it == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        if unit.is_empty() {
            return Err(format!("missing unit in duration `{text}`"));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("unknown unit `{unit}` in duration `{text}`"));
        };
        let part = scaled(number, *scale).ok_or_else(invalid)?;
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = after;
    }
    Ok(if negative { -total } else { total })
}

/// `number` × `scale` in whole nanoseconds; the whole part is exact.
fn scaled(number: &str, scale: f64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let part = if fraction.is_empty() {
        0.0
    } else {
        format!("0.{fraction}").parse().ok()?
    };
    whole
        .checked_mul(scale as i64)?
        .checked_add((part * scale).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_notation_is_read_exactly() {
        for (text, nanos) in [
            ("0", Some(0)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("-1s", Some(-1_000_000_000)),
            ("+250µs", Some(250_000)),
            ("9223372036854775807ns", Some(i64::MAX)),
            ("9223372036854775808ns", None),
            ("300000h", Some(1_080_000_000_000_000_000)),
            ("3000000h", None),
            ("", None),
            ("-", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("1.2.3s", None),
            ("1d", None),
            ("1 s", None),
        ] {
            assert_eq!(
                Duration::parse(text).ok().map(|it| it.nanos()),
                nanos,
                "{text}"
            );
        }
    }
}
