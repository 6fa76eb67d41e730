//! Numbers, bools and durations as Go's package `strconv` and `time.ParseDuration` read them.

use crate::eval_error::shortened;

/// Why a text is no number, in Go's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Syntax,
    Range,
}

impl Fault {
    /// The error of Go's function `function` for `text`, which is shown in part if it is long.
    pub fn describe(self, function: &str, text: &str) -> String {
        let reason = match self {
            Fault::Syntax => "invalid syntax",
            Fault::Range => "value out of range",
        };
        let text = shortened(text);
        format!("strconv.{function}: parsing {text:?}: {reason}")
    }
}

/// `strconv.ParseInt(text, 0, 64)`: a sign, a prefix that names the base, underscores between
/// digits.
///
/// # Errors
///
/// When the text is no integer or does not fit.
pub(crate) fn parse_int(text: &str) -> Result<i64, Fault> {
    let (is_negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_uint(unsigned)?;
    if is_negative {
        0_i64.checked_sub_unsigned(magnitude).ok_or(Fault::Range)
    } else {
        i64::try_from(magnitude).map_err(|_| Fault::Range)
    }
}

/// `strconv.ParseUint(text, 0, 64)`: as [`parse_int`] without a sign.
///
/// # Errors
///
/// When the text is no unsigned integer or does not fit.
pub(crate) fn parse_uint(text: &str) -> Result<u64, Fault> {
    let (digits, base, has_prefix) = split_base(text);
    if digits.is_empty() || digits.contains('_') && !underscores_are_placed(digits, has_prefix) {
        return Err(Fault::Syntax);
    }
    let mut sum: u64 = 0;
    let mut is_too_large = false;
    for byte in digits.bytes().filter(|byte| *byte != b'_') {
        let digit = char::from(byte).to_digit(base).ok_or(Fault::Syntax)?;
        match sum
            .checked_mul(base.into())
            .and_then(|sum| sum.checked_add(digit.into()))
        {
            Some(next) => sum = next,
            None => is_too_large = true,
        }
    }
    if is_too_large {
        Err(Fault::Range)
    } else {
        Ok(sum)
    }
}

fn split_base(text: &str) -> (&str, u32, bool) {
    let bytes = text.as_bytes();
    if bytes.len() < 2 || bytes[0] != b'0' || !text.is_char_boundary(2) {
        return (text, 10, false);
    }
    match bytes[1].to_ascii_lowercase() {
        b'x' => (&text[2..], 16, true),
        b'b' => (&text[2..], 2, true),
        b'o' => (&text[2..], 8, true),
        _ => (&text[1..], 8, true),
    }
}

/// An underscore stands after a prefix or a digit and before a digit.
fn underscores_are_placed(digits: &str, has_prefix: bool) -> bool {
    (has_prefix || !digits.starts_with('_')) && !digits.ends_with('_') && !digits.contains("__")
}

/// The integer that a text is as Go reads a literal of one; nothing when it is none or does not fit.
pub fn integer(text: &str) -> Option<i64> {
    parse_int(text).ok()
}

/// The same without a sign.
pub fn unsigned(text: &str) -> Option<u64> {
    parse_uint(text).ok()
}

/// The float that a text is as Go's `strconv.ParseFloat` reads it; nothing when it is none.
pub fn float(text: &str) -> Option<f64> {
    parse_float(text).ok()
}

/// `strconv.ParseFloat(text, 64)`: decimal and hexadecimal, `inf` and `nan` in any case, underscores
/// between digits.
///
/// # Errors
///
/// When the text is no number or is larger than the largest float.
pub(crate) fn parse_float(text: &str) -> Result<f64, Fault> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if ["inf", "infinity"]
        .iter()
        .any(|word| unsigned.eq_ignore_ascii_case(word))
    {
        return Ok(sign * f64::INFINITY);
    }
    if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    if unsigned.contains('_') {
        return parse_float(&without_underscores(text).ok_or(Fault::Syntax)?);
    }
    if unsigned.len() > 2
        && unsigned
            .get(..2)
            .is_some_and(|p| p.eq_ignore_ascii_case("0x"))
    {
        return parse_hex_float(&unsigned[2..]).map(|magnitude| sign * magnitude);
    }
    let is_plain = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned
            .bytes()
            .all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    if !is_plain {
        return Err(Fault::Syntax);
    }
    let float: f64 = text.parse().map_err(|_| Fault::Syntax)?;
    if float.is_finite() {
        Ok(float)
    } else {
        Err(Fault::Range)
    }
}

/// The number without the underscores between its digits; nothing when one stands elsewhere.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_placed = |at: usize| {
        let is_after =
            at > 0 && (bytes[at - 1].is_ascii_hexdigit() || b"xX".contains(&bytes[at - 1]));
        is_after && bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
    };
    let all_placed = text.match_indices('_').all(|(at, _)| is_placed(at));
    all_placed.then(|| text.replace('_', ""))
}

/// `1.8p3`: hexadecimal digits and a binary exponent, which must be there.
fn parse_hex_float(text: &str) -> Result<f64, Fault> {
    let (mantissa, exponent) = text.split_once(['p', 'P']).ok_or(Fault::Syntax)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(Fault::Syntax);
    }
    let exponent: i32 = exponent.parse().map_err(|_| Fault::Syntax)?;
    let mut sum = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        sum = sum * 16.0 + f64::from(digit.to_digit(16).ok_or(Fault::Syntax)?);
    }
    let shift = i32::try_from(fraction.len() * 4).map_err(|_| Fault::Range)?;
    let float: f64 = sum * 2_f64.powi(exponent.saturating_sub(shift));
    if float.is_finite() {
        Ok(float)
    } else {
        Err(Fault::Range)
    }
}

/// `strconv.ParseBool(text)`.
///
/// # Errors
///
/// When the text is none of Go's twelve words.
pub(crate) fn parse_bool(text: &str) -> Result<bool, Fault> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Fault::Syntax),
    }
}

/// `time.ParseDuration(text)` in nanoseconds: `1h30m`, `-1.5s`, `300ms`, `0`.
///
/// # Errors
///
/// What is wrong with the text, in Go's words.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let told = || shortened(text);
    let invalid = || format!("time: invalid duration {:?}", told());
    let (is_negative, mut rest) = match text.as_bytes().first() {
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
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let whole = take_digits(&mut rest);
        let fraction = match rest.strip_prefix('.') {
            Some(after) => {
                rest = after;
                take_digits(&mut rest)
            }
            None => "",
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let length = rest
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = &rest[..length];
        rest = &rest[length..];
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {:?}", told()));
        }
        let Some(scale) = unit_scale(unit) else {
            let unit = shortened(unit);
            return Err(format!(
                "time: unknown unit {unit:?} in duration {:?}",
                told()
            ));
        };
        total += part(whole, fraction, scale).ok_or_else(invalid)?;
        if total > 1 << 63 {
            return Err(invalid());
        }
    }
    i64::try_from(if is_negative { -total } else { total }).map_err(|_| invalid())
}

fn take_digits<'t>(rest: &mut &'t str) -> &'t str {
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(length);
    *rest = after;
    digits
}

fn unit_scale(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn part(whole: &str, fraction: &str, scale: i128) -> Option<i128> {
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    // More digits than this are below a nanosecond in every unit.
    let known = &fraction[..fraction.len().min(18)];
    let below: i128 = if known.is_empty() {
        0
    } else {
        known.parse().ok()?
    };
    whole
        .checked_mul(scale)?
        .checked_add(below * scale / 10_i128.pow(known.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_in_the_base_they_name() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("-42", Ok(-42)),
            ("+7", Ok(7)),
            ("0xDEAD", Ok(0xdead)),
            ("-0x1F", Ok(-31)),
            ("0b101", Ok(5)),
            ("0o17", Ok(15)),
            ("017", Ok(15)),
            ("0x_ff", Ok(255)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(Fault::Range)),
            ("1_000", Ok(1000)),
            ("_1", Err(Fault::Syntax)),
            ("1__0", Err(Fault::Syntax)),
            ("1_", Err(Fault::Syntax)),
            ("089", Err(Fault::Syntax)),
            ("", Err(Fault::Syntax)),
            ("-", Err(Fault::Syntax)),
            ("0x", Err(Fault::Syntax)),
            ("1.5", Err(Fault::Syntax)),
            ("0é", Err(Fault::Syntax)),
        ] {
            assert_eq!(parse_int(text), expected, "{text}");
        }
    }

    #[test]
    fn floats_are_read_as_in_go() {
        for (text, expected) in [
            ("1.5", Ok(1.5)),
            ("-1e3", Ok(-1000.0)),
            (".5", Ok(0.5)),
            ("5.", Ok(5.0)),
            ("1_23.50_0_0e+1_2", Ok(1.235e14)),
            ("0x_1_2.3_4_5p+1_2", Ok(74565.0)),
            ("1__2", Err(Fault::Syntax)),
            ("1_.5", Err(Fault::Syntax)),
            ("0x1.8p1", Ok(3.0)),
            ("+Inf", Ok(f64::INFINITY)),
            ("1e400", Err(Fault::Range)),
            ("0xDEAD", Err(Fault::Syntax)),
            ("", Err(Fault::Syntax)),
            ("e5", Err(Fault::Syntax)),
            ("1 ", Err(Fault::Syntax)),
        ] {
            assert_eq!(parse_float(text), expected, "{text}");
        }
        assert!(parse_float("nan").unwrap().is_nan());
    }

    #[test]
    fn durations_sum_up_their_parts() {
        for (text, expected) in [
            ("50us", 50_000),
            ("50µs", 50_000),
            ("2h", 7_200_000_000_000),
            ("-1.5h", -5_400_000_000_000),
            ("1h2m3.5s", 3_723_500_000_000),
            (".5s", 500_000_000),
            ("0", 0),
            ("+5ns", 5),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("", "time: invalid duration \"\""),
            ("5", "time: missing unit in duration \"5\""),
            ("5d", "time: unknown unit \"d\" in duration \"5d\""),
            ("s", "time: invalid duration \"s\""),
            ("9999999999h", "time: invalid duration \"9999999999h\""),
        ] {
            assert_eq!(parse_duration(text).unwrap_err(), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_safe(text in "\\PC{0,20}") {
            let _ = (parse_int(&text), parse_float(&text), parse_duration(&text));
        }
    }
}
