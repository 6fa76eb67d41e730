//! Numbers as Go prints them.

/// The float of 64 bits that is written with the same digits as one of 32 bits.
pub fn widened(narrow: f32) -> f64 {
    let digits = narrow.to_string();
    digits.parse().unwrap_or_else(|_| f64::from(narrow))
}

/// A finite float in its shortest form, with an exponent when the number is below 0.0001 or has
/// more than six digits before its point.
pub(crate) fn float_text(float: f64) -> String {
    let shortest = format!("{float:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else {
        return shortest;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{float}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printed_as_in_go() {
        for (float, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (-1.5, "-1.5"),
            (123_456.0, "123456"),
            (100_000_000.0, "1e+08"),
            (123_456_789.5, "1.234567895e+08"),
            (1e21, "1e+21"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(float_text(float), expected);
        }
    }
}
