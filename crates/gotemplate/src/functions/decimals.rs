//! Decimal numbers of any length, for the arithmetic of floats.

use num_bigint::{BigInt, Sign};

use crate::Fault;

/// How many digits behind the point a quotient has.
const DIVISION_DIGITS: i64 = 16;

/// `digits` times ten to the power of `exponent`.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    digits: BigInt,
    exponent: i64,
}

fn power_of_ten(exponent: i64) -> BigInt {
    BigInt::from(10).pow(exponent.unsigned_abs() as u32)
}

impl Decimal {
    /// The number that the shortest text of a float says.
    ///
    /// # Errors
    /// It is infinite, or no number.
    pub fn of(float: f64) -> Result<Self, Fault> {
        if !float.is_finite() {
            let shown = match float {
                f64::INFINITY => "+Inf",
                f64::NEG_INFINITY => "-Inf",
                _ => "NaN",
            };
            return Err(Fault::new(format!("Cannot create a Decimal from {shown}")));
        }
        let text = format!("{float:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let fraction = digits.split_once('.').map_or(0, |(_, it)| it.len());
        let digits: BigInt = digits
            .replace('.', "")
            .parse()
            .expect("it is made of digits");
        let exponent: i64 = exponent.parse().expect("it is a small integer");
        Ok(Self {
            digits,
            exponent: exponent - fraction as i64,
        })
    }

    /// How much work it is, in steps.
    pub fn size(&self) -> usize {
        (self.digits.bits() / 64) as usize
    }

    /// Both numbers with the same exponent.
    fn aligned(&self, other: &Self) -> (BigInt, BigInt, i64) {
        let exponent = self.exponent.min(other.exponent);
        let scaled = |it: &Self| &it.digits * power_of_ten(it.exponent - exponent);
        (scaled(self), scaled(other), exponent)
    }

    pub fn add(&self, other: &Self) -> Self {
        let (left, right, exponent) = self.aligned(other);
        Self {
            digits: left + right,
            exponent,
        }
    }

    pub fn sub(&self, other: &Self) -> Self {
        let (left, right, exponent) = self.aligned(other);
        Self {
            digits: left - right,
            exponent,
        }
    }

    pub fn mul(&self, other: &Self) -> Self {
        Self {
            digits: &self.digits * &other.digits,
            exponent: self.exponent + other.exponent,
        }
    }

    /// The quotient, rounded away from zero at the last digit.
    ///
    /// # Errors
    /// The divisor is 0.
    pub fn div(&self, other: &Self) -> Result<Self, Fault> {
        if other.digits.sign() == Sign::NoSign {
            return Err(Fault::new("decimal division by 0"));
        }
        let scale = self.exponent - other.exponent + DIVISION_DIGITS;
        let (mut left, mut right) = (self.digits.clone(), other.digits.clone());
        match scale < 0 {
            true => right *= power_of_ten(scale),
            false => left *= power_of_ten(scale),
        }
        let (quotient, remainder) = (&left / &right, &left % &right);
        let is_half = remainder.magnitude() * 2_u32 >= *right.magnitude();
        let is_negative = (left.sign() == Sign::Minus) != (right.sign() == Sign::Minus);
        let digits = match (is_half, is_negative && left.sign() != Sign::NoSign) {
            (false, _) => quotient,
            (true, true) => quotient - 1,
            (true, false) => quotient + 1,
        };
        Ok(Self {
            digits,
            exponent: -DIVISION_DIGITS,
        })
    }

    /// The nearest float.
    pub fn to_float(&self) -> f64 {
        let text = format!("{}e{}", self.digits, self.exponent);
        text.parse().expect("digits and an exponent are a number")
    }
}
