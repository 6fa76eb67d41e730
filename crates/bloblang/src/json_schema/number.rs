//! Decimal numbers, compared and divided exactly as far as they fit.

use std::cmp::Ordering;

use millrace_message::Value;

/// `digits` times ten to the power of `exponent`, or the nearest float when that does not fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    exact: Option<(i128, i32)>,
    float: f64,
}

impl Decimal {
    /// The number of a value; nothing for other types.
    pub fn of(value: &Value) -> Option<Decimal> {
        match value {
            Value::I64(integer) => Some(Decimal {
                exact: Some((i128::from(*integer), 0)),
                float: *integer as f64,
            }),
            Value::U64(integer) => Some(Decimal {
                exact: Some((i128::from(*integer), 0)),
                float: *integer as f64,
            }),
            Value::F64(float) => Some(Decimal {
                exact: exact(&float.to_string()),
                float: *float,
            }),
            Value::Number(number) => Some(Decimal {
                exact: exact(number.as_str()),
                float: number.as_f64().unwrap_or(f64::INFINITY),
            }),
            _ => None,
        }
    }

    pub fn is_integer(self) -> bool {
        match self.exact {
            Some((digits, exponent)) => exponent >= 0 || digits % power(-exponent) == 0,
            None => self.float.fract() == 0.0,
        }
    }

    pub fn compare(self, other: Decimal) -> Ordering {
        match self.aligned(other) {
            Some((a, b)) => a.cmp(&b),
            None => self.float.total_cmp(&other.float),
        }
    }

    pub fn is_multiple_of(self, other: Decimal) -> bool {
        match self.aligned(other) {
            Some((_, 0)) => false,
            Some((a, b)) => a % b == 0,
            None => (self.float / other.float).fract() == 0.0,
        }
    }

    /// The digits of both at the same exponent.
    fn aligned(self, other: Decimal) -> Option<(i128, i128)> {
        let ((a, a_exponent), (b, b_exponent)) = (self.exact?, other.exact?);
        let common = a_exponent.min(b_exponent);
        let scaled = |digits: i128, exponent: i32| {
            let steps = exponent - common;
            (steps <= STEPS_MAX).then(|| digits.checked_mul(power(steps)))?
        };
        Some((scaled(a, a_exponent)?, scaled(b, b_exponent)?))
    }
}

/// The highest power of ten that is used.
const STEPS_MAX: i32 = 37;

fn power(steps: i32) -> i128 {
    10_i128.pow(steps.clamp(0, STEPS_MAX).unsigned_abs())
}

/// Reads a JSON number.
fn exact(text: &str) -> Option<(i128, i32)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    (-STEPS_MAX..=STEPS_MAX)
        .contains(&exponent)
        .then_some((digits, exponent))
}
