//! Numbers of bytes: `1048576`, `64KiB`, `10 MB`.

use crate::{FieldKind, FieldType, Node, ReadContext, Resolved, codes};

/// A number of bytes. `K`, `M`, `G`, `T` with `B` count in thousands, with `iB` in 1024s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Reads a number with an optional unit; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text
            .find(|it: char| !it.is_ascii_digit() && it != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1000,
            "m" | "mb" => 1000_u64.pow(2),
            "g" | "gb" => 1000_u64.pow(3),
            "t" | "tb" => 1000_u64.pow(4),
            "ki" | "kib" => 1024,
            "mi" | "mib" => 1024_u64.pow(2),
            "gi" | "gib" => 1024_u64.pow(3),
            "ti" | "tib" => 1024_u64.pow(4),
            _ => return None,
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(scale).map(Self);
        }
        let bytes = number.parse::<f64>().ok()? * scale as f64;
        (bytes < 1e18).then_some(Self(bytes as u64))
    }
}

impl FieldType for ByteSize {
    fn kind() -> FieldKind {
        FieldKind::ByteSize
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let value = node.as_scalar().and_then(|scalar| match scalar.resolved {
            Resolved::Int(bytes) => u64::try_from(bytes).ok().map(Self),
            Resolved::UInt(bytes) => Some(Self(bytes)),
            Resolved::String => Self::parse(&scalar.text),
            _ => None,
        });
        if value.is_none() {
            let found = node.describe();
            let message = cx.about_field(&format!("expected a number of bytes, found {found}"));
            let diagnostic = cx.error(codes::INVALID_VALUE, node.span, message);
            diagnostic.help = Some("a number such as `1048576`, `64KiB` or `10MB`".to_owned());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_count_in_thousands_or_in_1024s() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("64KiB", Some(65_536)),
            ("10 MB", Some(10_000_000)),
            ("1.5k", Some(1500)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551615k", None),
            ("-1", None),
            ("ten", None),
            ("", None),
        ] {
            assert_eq!(ByteSize::parse(text).map(|it| it.0), bytes, "{text}");
        }
    }
}
