//! Numbers as Go writes them in source code: prefixes, underscores, hexadecimal floats.

/// Go's `ParseFloat`: decimal and hexadecimal floats, `inf` and `nan` in any case. Underscores
/// are not accepted, as there. Nothing when the text is no number or out of range.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (negative, digits) = sign(text);
    if let Some(hexadecimal) = strip_prefix(digits, 'x') {
        return hexadecimal_float(hexadecimal).map(|float| if negative { -float } else { float });
    }
    let starts_well = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if starts_well {
        return text.parse::<f64>().ok().filter(|float| float.is_finite());
    }
    match digits.to_ascii_lowercase().as_str() {
        "inf" | "infinity" if negative => Some(f64::NEG_INFINITY),
        "inf" | "infinity" => Some(f64::INFINITY),
        "nan" if digits.len() == text.len() => Some(f64::NAN),
        _ => None,
    }
}

/// Go's `ParseInt` with base 0: `0x`, `0o`, `0b`, a leading 0 for octal, underscores between
/// digits when there is a prefix.
pub(crate) fn parse_integer(text: &str) -> Option<i64> {
    let (negative, digits) = sign(text);
    let magnitude = i128::from(parse_magnitude(digits)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Go's `ParseUint` with base 0; no sign is accepted.
pub(crate) fn parse_unsigned(text: &str) -> Option<u64> {
    parse_magnitude(text)
}

fn parse_magnitude(digits: &str) -> Option<u64> {
    let prefixed = [('x', 16), ('o', 8), ('b', 2)]
        .into_iter()
        .find_map(|(letter, radix)| strip_prefix(digits, letter).map(|rest| (rest, radix)));
    let (rest, radix) = match prefixed {
        Some(found) => found,
        None if digits.len() > 1 && digits.starts_with('0') => (&digits[1..], 8),
        None => (digits, 10),
    };
    let has_prefix = rest.len() != digits.len();
    let underscores_fit = !rest.contains("__") && !rest.ends_with('_');
    if rest.contains('_') && (!has_prefix || !underscores_fit) {
        return None;
    }
    let plain: String = rest.chars().filter(|c| *c != '_').collect();
    if plain.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&plain, radix).ok()
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn strip_prefix(digits: &str, letter: char) -> Option<&str> {
    let rest = digits.strip_prefix('0')?;
    rest.strip_prefix(letter)
        .or_else(|| rest.strip_prefix(letter.to_ascii_uppercase()))
}

/// `1.8p3` after the prefix; the exponent is required.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let mut scale = 1.0 / 16.0;
    for digit in fraction.chars() {
        value += f64::from(digit.to_digit(16)?) * scale;
        scale /= 16.0;
    }
    let scaled = value * 2.0_f64.powi(exponent);
    scaled.is_finite().then_some(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            ("-2e3", Some(-2000.0)),
            (".5", Some(0.5)),
            ("0x1p-2", Some(0.25)),
            ("0x1.8p1", Some(3.0)),
            ("Inf", Some(f64::INFINITY)),
            ("-infinity", Some(f64::NEG_INFINITY)),
            ("1e999", None),
            ("", None),
            ("1x", None),
            ("0x10", None),
        ] {
            assert_eq!(parse_float(text), expected, "{text}");
        }
        assert!(parse_float("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn integers_take_prefixes() {
        for (text, expected) in [
            ("0xDEAD", Some(57005)),
            ("-0b101", Some(-5)),
            ("0o17", Some(15)),
            ("017", Some(15)),
            ("0x_ff", Some(255)),
            ("1_000", None),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some(i64::MIN)),
            ("1.0", None),
            ("", None),
        ] {
            assert_eq!(parse_integer(text), expected, "{text}");
        }
    }
}
