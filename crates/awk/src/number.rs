//! Numbers as texts, both ways.

use millrace_bloblang::parse_float;

/// The number that a text begins with; 0 when it begins with none.
pub(crate) fn prefix(text: &[u8]) -> f64 {
    let start = text
        .iter()
        .position(|it| !matches!(it, b'\t'..=b'\r' | b' '))
        .unwrap_or(text.len());
    let text = &text[start..];
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let unsigned = &text[sign..];
    let begins = |word: &[u8]| {
        unsigned
            .get(..3)
            .is_some_and(|it| it.eq_ignore_ascii_case(word))
    };
    if begins(b"nan") {
        return f64::NAN;
    }
    if begins(b"inf") {
        return match text[0] {
            b'-' => f64::NEG_INFINITY,
            _ => f64::INFINITY,
        };
    }
    if is_hexadecimal(unsigned) {
        return hexadecimal_prefix(text, sign + 2);
    }
    let Some(mut end) = end_of_digits(text, sign, u8::is_ascii_digit) else {
        return 0.0;
    };
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let from = (end + 1 + signed).min(text.len());
        let exponent = count(&text[from..], u8::is_ascii_digit);
        if exponent > 0 {
            end += 1 + signed + exponent;
        }
    }
    parse(&text[..end]).unwrap_or(0.0)
}

fn hexadecimal_prefix(text: &[u8], start: usize) -> f64 {
    let Some(end) = end_of_digits(text, start, u8::is_ascii_hexdigit) else {
        return 0.0;
    };
    let mut number = text[..end].to_vec();
    if matches!(text.get(end), Some(b'p' | b'P')) {
        let signed = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let from = (end + 1 + signed).min(text.len());
        let exponent = count(&text[from..], u8::is_ascii_digit);
        if exponent > 0 {
            number.extend_from_slice(&text[end..from + exponent]);
        }
    }
    whole(&number).unwrap_or(0.0)
}

/// Where the digits end that begin at `start`, a point among them; nothing when there are none.
fn end_of_digits(text: &[u8], start: usize, is_digit: impl Fn(&u8) -> bool) -> Option<usize> {
    let whole = count(&text[start..], &is_digit);
    let end = start + whole;
    if text.get(end) != Some(&b'.') {
        return (whole > 0).then_some(end);
    }
    let decimals = count(&text[end + 1..], &is_digit);
    (whole + decimals > 0).then_some(end + 1 + decimals)
}

/// The number that a text is as a whole, blanks around it aside.
pub(crate) fn whole(text: &[u8]) -> Option<f64> {
    let first = text.iter().find(|it| !it.is_ascii_whitespace())?;
    // Most texts are no numbers.
    if !matches!(first, b'+' | b'-' | b'.' | b'0'..=b'9' | b'i' | b'I' | b'n' | b'N' | 0x0b | 0x80..)
    {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.len() == 3 && unsigned.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    if text.contains('_') {
        return None;
    }
    if is_hexadecimal(unsigned.as_bytes()) {
        return match text.contains(['p', 'P']) {
            true => parse_float(text),
            false => parse_float(&format!("{text}p0")),
        };
    }
    parse_float(text)
}

fn parse(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn is_hexadecimal(unsigned: &[u8]) -> bool {
    unsigned.len() > 2 && unsigned[0] == b'0' && matches!(unsigned[1], b'x' | b'X')
}

fn count(bytes: &[u8], is_part: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take_while(|it| is_part(it)).count()
}

/// An integer as other languages cut one out of a float: what does not fit is the smallest.
pub(crate) fn integer(number: f64) -> i64 {
    match (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        true => number as i64,
        false => i64::MIN,
    }
}

/// The same without a sign: negative numbers wrap.
pub(crate) fn unsigned(number: f64) -> u64 {
    match number < 9_223_372_036_854_775_808.0 {
        true => integer(number) as u64,
        false if number < 18_446_744_073_709_551_616.0 => number as u64,
        false => 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_number_it_begins_with() {
        for (text, expected) in [
            ("", 0.0),
            ("  12abc", 12.0),
            ("-1.5e3x", -1500.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            (".5.5", 0.5),
            (".", 0.0),
            ("+", 0.0),
            ("0x1F", 31.0),
            ("0x", 0.0),
            ("0x1p4z", 16.0),
            ("-inform", f64::NEG_INFINITY),
            ("1e999", f64::INFINITY),
            ("\u{b}7", 7.0),
        ] {
            assert_eq!(prefix(text.as_bytes()), expected, "{text:?}");
        }
        assert!(prefix(b"nano").is_nan());
    }

    #[test]
    fn a_text_is_a_number_only_as_a_whole() {
        for (text, expected) in [
            (" 12 ", Some(12.0)),
            ("12a", None),
            ("", None),
            (" ", None),
            ("1_000", None),
            ("0x10", Some(16.0)),
            ("-0x10", Some(-16.0)),
            ("+inf", Some(f64::INFINITY)),
            ("1e999", None),
            ("1.", Some(1.0)),
            ("\u{a0}3", Some(3.0)),
        ] {
            assert_eq!(whole(text.as_bytes()), expected, "{text:?}");
        }
    }
}
