//! Periods of ISO 8601: `P3Y6M4DT12H30M5.5S`, `P2W`, `-P1D`.

use jiff::Zoned;

/// A period, field by field as it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Period {
    years: Amount,
    months: Amount,
    weeks: Amount,
    days: Amount,
    hours: Amount,
    minutes: Amount,
    seconds: Amount,
}

/// A number with up to nine decimals, as an integer of billionths.
type Amount = i64;

const ONE: Amount = 1_000_000_000;
const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;
/// A year is 365.2425 days, a month a twelfth of it.
const YEAR: i128 = 31_556_952 * SECOND;
const MONTH: i128 = YEAR / 12;

impl Period {
    /// Reads a period.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Period, String> {
        let fail = |reason: &str| format!("{text}: {reason}");
        let (sign, rest) = match text.as_bytes().first() {
            Some(b'-') => (-1, &text[1..]),
            Some(b'+') => (1, &text[1..]),
            _ => (1, text),
        };
        let Some(mut rest) = rest.strip_prefix('P') else {
            return Err(fail("expected 'P' period mark at the start"));
        };
        let mut period = Period::default();
        let mut designators = "YMWD".to_owned();
        let mut fraction: Option<char> = None;
        let mut is_time = false;
        let mut is_empty = true;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('T') {
                if is_time {
                    return Err(fail("'T' designator cannot occur here"));
                }
                (designators, is_time, rest) = ("HMS".to_owned(), true, after);
                continue;
            }
            let (amount, has_fraction, designator) =
                take_field(&mut rest).map_err(|reason| fail(&reason))?;
            let Some(position) = designators.find(designator) else {
                return Err(fail(&format!(
                    "'{designator}' designator cannot occur here"
                )));
            };
            if let Some(first) = fraction {
                return Err(fail(&format!(
                    "'{first}' & '{designator}' only the last field can have a fraction"
                )));
            }
            if has_fraction {
                fraction = Some(designator);
            }
            *period.field(designator, is_time) = amount * sign;
            // Each comes once, in whatever order.
            designators.remove(position);
            is_empty = false;
        }
        if is_empty {
            return Err(fail("expected 'P' period mark followed by a number"));
        }
        Ok(period)
    }

    fn field(&mut self, designator: char, is_time: bool) -> &mut Amount {
        match (designator, is_time) {
            ('Y', _) => &mut self.years,
            ('M', false) => &mut self.months,
            ('W', _) => &mut self.weeks,
            ('D', _) => &mut self.days,
            ('H', _) => &mut self.hours,
            ('M', true) => &mut self.minutes,
            _ => &mut self.seconds,
        }
    }

    /// The period the other way round.
    pub fn negated(self) -> Period {
        Period {
            years: -self.years,
            months: -self.months,
            weeks: -self.weeks,
            days: -self.days,
            hours: -self.hours,
            minutes: -self.minutes,
            seconds: -self.seconds,
        }
    }

    /// Nanoseconds, where years and months have their average length; nothing when they do not
    /// fit 64 bits.
    pub fn nanoseconds(self) -> Option<i64> {
        let part = |amount: Amount, unit: i128| i128::from(amount) * unit / i128::from(ONE);
        let sum = part(self.years, YEAR)
            + part(self.months, MONTH)
            + part(self.weeks, 7 * DAY)
            + part(self.days, DAY)
            + self.clock();
        i64::try_from(sum).ok()
    }

    /// Nanoseconds of hours, minutes and seconds.
    fn clock(self) -> i128 {
        let part = |amount: Amount, unit: i128| i128::from(amount) * unit / i128::from(ONE);
        part(self.hours, 3600 * SECOND)
            + part(self.minutes, 60 * SECOND)
            + part(self.seconds, SECOND)
    }

    /// A time moved by the period: by the calendar when years to days are whole.
    ///
    /// # Errors
    ///
    /// When the result is out of range.
    pub fn add_to(self, at: &Zoned) -> Result<Zoned, String> {
        let out_of_range = |_| "time is out of range".to_owned();
        let is_whole = [self.years, self.months, self.weeks, self.days]
            .iter()
            .all(|amount| amount % ONE == 0);
        let moved = if is_whole {
            self.add_date(at).ok_or("time is out of range")?
        } else {
            at.clone()
        };
        let nanoseconds = if is_whole {
            self.clock()
        } else {
            i128::from(self.nanoseconds().ok_or("time is out of range")?)
        };
        let nanoseconds = moved.timestamp().as_nanosecond() + nanoseconds;
        let moved_to = jiff::Timestamp::from_nanosecond(nanoseconds).map_err(out_of_range)?;
        Ok(moved_to.to_zoned(at.time_zone().clone()))
    }

    /// Days beyond a month's end run into the next month, as in Go.
    fn add_date(self, at: &Zoned) -> Option<Zoned> {
        let local = at.datetime();
        let months = i64::from(local.year()) * 12 + i64::from(local.month()) - 1
            + self.years / ONE * 12
            + self.months / ONE;
        let year = i16::try_from(months.div_euclid(12)).ok()?;
        let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
        let days = i64::from(local.day()) - 1 + self.weeks / ONE * 7 + self.days / ONE;
        let first = jiff::civil::Date::new(year, month, 1).ok()?;
        let days = jiff::Span::new().try_days(days).ok()?;
        let date = first.checked_add(days).ok()?;
        date.to_datetime(local.time())
            .to_zoned(at.time_zone().clone())
            .ok()
    }
}

/// A number, which may have a sign of its own, and the letter behind it.
fn take_field(rest: &mut &str) -> Result<(Amount, bool, char), String> {
    if let Some(mut positive) = rest.strip_prefix('-').filter(|it| !it.starts_with('-')) {
        let (amount, has_fraction, designator) = take_field(&mut positive)?;
        *rest = positive;
        return Ok((-amount, has_fraction, designator));
    }
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let whole = &rest[..length];
    let after = &rest[length..];
    let (decimals, after) = match after.strip_prefix(['.', ',']) {
        Some(tail) => {
            let length = tail.bytes().take_while(u8::is_ascii_digit).count();
            (Some(&tail[..length]), &tail[length..])
        }
        None => (None, after),
    };
    let Some(designator) = after.chars().next() else {
        return Err("missing designator at the end".to_owned());
    };
    if whole.is_empty() {
        return Err(format!("expected a number but found '{designator}'"));
    }
    *rest = &after[designator.len_utf8()..];
    let number: Option<Amount> = whole
        .parse::<Amount>()
        .ok()
        .and_then(|n| n.checked_mul(ONE));
    let known = decimals.map_or("", |digits| &digits[..digits.len().min(9)]);
    let billionths = if known.is_empty() {
        0
    } else {
        known
            .parse::<Amount>()
            .map_or(0, |n| n * 10_i64.pow(9 - known.len() as u32))
    };
    let amount = number.and_then(|number| number.checked_add(billionths));
    let amount = amount.ok_or_else(|| format!("number {whole} is too large"))?;
    Ok((amount, decimals.is_some(), designator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_a_length() {
        for (text, expected) in [
            ("P3Y6M4DT12H30M5S", 110_839_937_000_000_000),
            ("P3Y6M4DT12H30M5.3S", 110_839_937_300_000_000),
            ("PT2H", 7_200_000_000_000),
            ("PT2.5S", 2_500_000_000),
            ("P2W", 1_209_600_000_000_000),
            ("-P1D", -86_400_000_000_000),
            ("P-1D", -86_400_000_000_000),
            ("PT1S-1.5M", -89_000_000_000),
            ("P1M1Y", 34_186_698_000_000_000),
        ] {
            assert_eq!(
                Period::parse(text).unwrap().nanoseconds(),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            (
                "P2.5YT7.5S",
                "P2.5YT7.5S: 'Y' & 'S' only the last field can have a fraction",
            ),
            ("P3S", "P3S: 'S' designator cannot occur here"),
            (
                "gibberish",
                "gibberish: expected 'P' period mark at the start",
            ),
            ("PT", "PT: expected 'P' period mark followed by a number"),
            ("P1D1D", "P1D1D: 'D' designator cannot occur here"),
            ("P5", "P5: missing designator at the end"),
            (
                "P99999999999Y",
                "P99999999999Y: number 99999999999 is too large",
            ),
        ] {
            assert_eq!(Period::parse(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn times_move_by_the_calendar() {
        let at: Zoned = "2024-01-31T10:00:00+00:00[UTC]".parse().unwrap();
        for (text, expected) in [
            ("P1M", "2024-03-02T10:00:00+00:00[UTC]"),
            ("-P1Y", "2023-01-31T10:00:00+00:00[UTC]"),
            ("P1W2DT3H", "2024-02-09T13:00:00+00:00[UTC]"),
            ("P0.5D", "2024-01-31T22:00:00+00:00[UTC]"),
        ] {
            let moved = Period::parse(text).unwrap().add_to(&at).unwrap();
            assert_eq!(moved, expected.parse().unwrap(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_safe(text in "-?P[0-9YMWDTHS.]{0,24}") {
            if let Ok(period) = Period::parse(&text) {
                let at: Zoned = "2024-01-31T10:00:00+00:00[UTC]".parse().unwrap();
                let _ = (period.nanoseconds(), period.add_to(&at), period.negated().add_to(&at));
            }
        }
    }
}
