//! Floats as Go prints them: the shortest text that reads back as the same number.

/// Appends a float as Go's JSON encoder does: plain from 1e-6 up to 1e21, `1e-7` and `1e+21`
/// beyond. NaN and the infinities, which JSON does not have, become `null`.
pub fn write_json_float(float: f64, out: &mut Vec<u8>) {
    if !float.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    let magnitude = float.abs();
    let plain = magnitude == 0.0 || (1e-6..1e21).contains(&magnitude);
    write_float(float, plain, false, out);
}

/// Appends a float as Bento's `.string()` does: Go's `%g` with the shortest digits, so plain from
/// 1e-4 up to 1e6 and an exponent of at least two digits beyond.
pub fn write_text_float(float: f64, out: &mut Vec<u8>) {
    if float.is_nan() {
        out.extend_from_slice(b"NaN");
        return;
    }
    if float.is_infinite() {
        out.extend_from_slice(if float > 0.0 { b"+Inf" } else { b"-Inf" });
        return;
    }
    let magnitude = float.abs();
    let plain = magnitude == 0.0 || (1e-4..1e6).contains(&magnitude);
    write_float(float, plain, true, out);
}

/// Appends an integer.
pub fn write_integer(integer: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

/// Appends an unsigned integer.
pub fn write_unsigned(integer: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

fn write_float(float: f64, plain: bool, two_digit_exponent: bool, out: &mut Vec<u8>) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if plain && float.abs() < EXACT && float.trunc() == float {
        if float == 0.0 && float.is_sign_negative() {
            out.push(b'-');
        }
        write_integer(float as i64, out);
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let shortest = Decimal::of(buffer.format_finite(float));
    if shortest.negative {
        out.push(b'-');
    }
    if plain {
        shortest.write_plain(out);
    } else {
        shortest.write_scientific(two_digit_exponent, out);
    }
}

/// `0.d₁d₂d₃… × 10^point`.
struct Decimal {
    negative: bool,
    digits: [u8; 24],
    count: usize,
    point: i32,
}

impl Decimal {
    /// Reads the text of `ryu`: an optional sign, digits with a point, an optional exponent.
    fn of(text: &str) -> Decimal {
        let negative = text.starts_with('-');
        let text = text.trim_start_matches('-');
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut decimal = Decimal {
            negative,
            digits: [0; 24],
            count: 0,
            point: 0,
        };
        decimal.point = whole.len() as i32 + exponent.parse::<i32>().unwrap_or(0);
        for digit in whole.bytes().chain(fraction.bytes()) {
            if decimal.count == 0 && digit == b'0' {
                decimal.point -= 1;
            } else if decimal.count < decimal.digits.len() {
                decimal.digits[decimal.count] = digit;
                decimal.count += 1;
            }
        }
        while decimal.count > 1 && decimal.digits[decimal.count - 1] == b'0' {
            decimal.count -= 1;
        }
        decimal
    }

    fn write_plain(&self, out: &mut Vec<u8>) {
        let digits = &self.digits[..self.count];
        if self.point <= 0 {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', -self.point as usize));
            out.extend_from_slice(digits);
            return;
        }
        let whole = (self.point as usize).min(digits.len());
        out.extend_from_slice(&digits[..whole]);
        out.extend(std::iter::repeat_n(b'0', self.point as usize - whole));
        if whole < digits.len() {
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
    }

    fn write_scientific(&self, two_digit_exponent: bool, out: &mut Vec<u8>) {
        out.push(self.digits[0]);
        if self.count > 1 {
            out.push(b'.');
            out.extend_from_slice(&self.digits[1..self.count]);
        }
        let exponent = self.point - 1;
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if two_digit_exponent && exponent.abs() < 10 {
            out.push(b'0');
        }
        write_integer(i64::from(exponent.abs()), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(float: f64) -> String {
        let mut out = Vec::new();
        write_json_float(float, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn text(float: f64) -> String {
        let mut out = Vec::new();
        write_text_float(float, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_floats_follow_go() {
        for (float, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-2.5, "-2.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.234e-10, "1.234e-10"),
            (123_456_789.125, "123456789.125"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(json(float), expected);
        }
    }

    #[test]
    fn text_floats_have_two_exponent_digits() {
        for (float, expected) in [
            (12.5, "12.5"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (12_345_678.5, "1.23456785e+07"),
            (1e20, "1e+20"),
            (1e21, "1e+21"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (1e-10, "1e-10"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(text(float), expected);
        }
    }

    #[test]
    fn every_printed_float_reads_back() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let float = f64::from_bits(seed);
            if float.is_finite() {
                assert_eq!(
                    json(float).parse::<f64>().unwrap().to_bits(),
                    float.to_bits()
                );
                assert_eq!(
                    text(float).parse::<f64>().unwrap().to_bits(),
                    float.to_bits()
                );
            }
        }
    }
}
