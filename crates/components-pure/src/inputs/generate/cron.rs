//! Cron expressions: which moments they name.
//!
//! The notation is the one of Bento's library: five fields (minute, hour, day of the month, month,
//! day of the week), or six with seconds in front; lists, ranges, steps and the English names of
//! months and days; `@hourly` and the like; `TZ=Europe/London` in front of either. Times are UTC
//! without it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// The moments that an expression names.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    zone: TimeZone,
    seconds: Field,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The values of one field, a bit for each.
#[derive(Clone, Copy, Debug)]
struct Field {
    values: u64,
    /// It was written as `*` or `?`: a field of days that says nothing.
    is_any: bool,
}

/// What the values of a field may be.
struct Range {
    what: &'static str,
    min: u32,
    max: u32,
    /// Names of the values from `min` on.
    names: &'static [&'static str],
}

const SECONDS: Range = Range::numbers("seconds", 0, 59);
const MINUTES: Range = Range::numbers("minutes", 0, 59);
const HOURS: Range = Range::numbers("hours", 0, 23);
const DAYS: Range = Range::numbers("days of the month", 1, 31);
const MONTHS: Range = Range {
    what: "months",
    min: 1,
    max: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const WEEKDAYS: Range = Range {
    what: "days of the week",
    min: 0,
    max: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// Days that are looked at for the next moment: a 29th of February is at most eight years away.
const DAYS_AHEAD: u32 = 9 * 366;

/// Splits `TZ=zone` off the beginning.
pub(super) fn split_zone(text: &str) -> (&str, &str) {
    match text.strip_prefix("TZ=") {
        None => ("UTC", text),
        Some(rest) => rest
            .split_once(char::is_whitespace)
            .map_or((rest, ""), |(zone, rest)| (zone, rest.trim_start())),
    }
}

impl Schedule {
    /// Reads an expression, with its zone apart.
    ///
    /// # Errors
    /// Why it names no moments.
    pub(super) fn parse(zone: &str, text: &str) -> Result<Self, String> {
        let zone = TimeZone::get(zone).map_err(|error| format!("time zone `{zone}`: {error}"))?;
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ if text.starts_with('@') => return Err(format!("there is no `{text}`")),
            _ => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (seconds, rest) = match fields.as_slice() {
            [seconds, rest @ ..] if fields.len() == 6 => (*seconds, rest),
            rest if rest.len() == 5 => ("0", rest),
            other => {
                return Err(format!(
                    "a cron expression has 5 or 6 fields, and this one has {}",
                    other.len()
                ));
            }
        };
        let schedule = Self {
            zone,
            seconds: SECONDS.parse(seconds)?,
            minutes: MINUTES.parse(rest[0])?,
            hours: HOURS.parse(rest[1])?,
            days: DAYS.parse(rest[2])?,
            months: MONTHS.parse(rest[3])?,
            weekdays: WEEKDAYS.parse(rest[4])?,
        };
        match schedule.next(Timestamp::now()) {
            Some(_) => Ok(schedule),
            None => Err(format!("`{text}` names no day that exists")),
        }
    }

    /// The first moment after `after`.
    ///
    /// A local time that a change of the clock leaves out is left out; one that comes twice is
    /// named twice.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut at = Timestamp::from_second(after.as_second() + 1).ok()?;
        let mut days = 0;
        while days <= DAYS_AHEAD {
            let local = at.to_zoned(self.zone.clone());
            if !self.has_day(&local) {
                let tomorrow = local.date().tomorrow().ok()?;
                at = tomorrow.to_zoned(self.zone.clone()).ok()?.timestamp();
                days += 1;
                continue;
            }
            let (minute, second) = (i64::from(local.minute()), i64::from(local.second()));
            let skip = if !self.hours.has(local.hour()) {
                3600 - minute * 60 - second
            } else if !self.minutes.has(local.minute()) {
                60 - second
            } else if !self.seconds.has(local.second()) {
                1
            } else {
                return Some(at);
            };
            at = at.checked_add(skip.seconds()).ok()?;
        }
        None
    }

    /// Whether its day is named: by both fields of days, or by either one when neither is `*`.
    fn has_day(&self, local: &Zoned) -> bool {
        let day = self.days.has(local.day());
        let weekday = self.weekdays.has(local.weekday().to_sunday_zero_offset());
        let matches = match self.days.is_any || self.weekdays.is_any {
            true => day && weekday,
            false => day || weekday,
        };
        matches && self.months.has(local.month())
    }
}

impl Field {
    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.values >> value & 1 == 1)
    }
}

impl Range {
    const fn numbers(what: &'static str, min: u32, max: u32) -> Self {
        Self {
            what,
            min,
            max,
            names: &[],
        }
    }

    fn parse(&self, text: &str) -> Result<Field, String> {
        let mut field = Field {
            values: 0,
            is_any: false,
        };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let part = self.parse_part(part)?;
            field.values |= part.values;
            field.is_any |= part.is_any;
        }
        match field.values {
            0 => Err(format!("`{text}` names no {}", self.what)),
            _ => Ok(field),
        }
    }

    /// Reads `*`, `5`, `1-5`, and each of them with a step, as in `*/2`.
    fn parse_part(&self, part: &str) -> Result<Field, String> {
        let (values, step) = match part.split_once('/') {
            None => (part, None),
            Some((values, step)) => (values, Some(self.number(step)?)),
        };
        let (first, last, is_any) = match values.split_once('-') {
            _ if values == "*" || values == "?" => (self.min, self.max, true),
            Some((first, last)) => (self.value(first)?, self.value(last)?, false),
            // With a step, a single value is where a range to the end begins.
            None if step.is_some() => (self.value(values)?, self.max, false),
            None => (self.value(values)?, self.value(values)?, false),
        };
        let step = step.unwrap_or(1);
        if step == 0 || first > last {
            return Err(format!("`{part}` names no {}", self.what));
        }
        let steps = (first..=last).step_by(step as usize);
        Ok(Field {
            values: steps.fold(0, |values, value| values | 1 << value),
            is_any: is_any && step == 1,
        })
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(place) => self.min + u32::try_from(place).unwrap_or(u32::MAX),
            None => self.number(text)?,
        };
        if (self.min..=self.max).contains(&value) {
            return Ok(value);
        }
        Err(format!(
            "{value} is not one of the {}, {} to {}",
            self.what, self.min, self.max
        ))
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.ok_or_else(|| format!("`{text}` is not a number of {}", self.what))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(text: &str) -> Schedule {
        let (zone, text) = split_zone(text);
        Schedule::parse(zone, text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The next moments after one, as UTC.
    fn after(text: &str, begin: &str, count: usize) -> Vec<String> {
        let schedule = schedule(text);
        let mut at: Timestamp = begin.parse().expect("a time");
        (0..count)
            .map(|_| {
                at = schedule.next(at).expect("there is always a next one");
                at.to_string()
            })
            .collect()
    }

    #[test]
    fn expressions_name_the_moments_that_their_fields_match() {
        for (text, begin, expected) in [
            (
                "* * * * *",
                "2024-01-01T00:00:30.5Z",
                "2024-01-01T00:01:00Z",
            ),
            (
                "* * * * * *",
                "2024-01-01T00:00:30.5Z",
                "2024-01-01T00:00:31Z",
            ),
            (
                "0,30 */2 * * * *",
                "2024-01-01T00:00:00Z",
                "2024-01-01T00:00:30Z",
            ),
            (
                "0,30 */2 * * * *",
                "2024-01-01T00:00:30Z",
                "2024-01-01T00:02:00Z",
            ),
            (
                "15/20 * * * *",
                "2024-01-01T00:36:00Z",
                "2024-01-01T00:55:00Z",
            ),
            (
                "30 3-6,20-23 * * *",
                "2024-01-01T06:30:00Z",
                "2024-01-01T20:30:00Z",
            ),
            ("0 0 29 2 *", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z"),
            (
                "0 0 * FEB,dec Mon",
                "2024-03-01T00:00:00Z",
                "2024-12-02T00:00:00Z",
            ),
            // Both fields of days are given: either one names the day.
            (
                "0 0 13 * fri",
                "2024-01-01T00:00:00Z",
                "2024-01-05T00:00:00Z",
            ),
            ("0 0 13 * ?", "2024-01-01T00:00:00Z", "2024-01-13T00:00:00Z"),
            ("@hourly", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"),
            ("@daily", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
            ("@weekly", "2024-01-01T00:00:00Z", "2024-01-07T00:00:00Z"),
            ("@monthly", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"),
            ("@yearly", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ] {
            assert_eq!(after(text, begin, 1), [expected], "{text}");
        }
    }

    #[test]
    fn hours_are_those_of_the_zone() {
        let text = "TZ=Europe/London 30 3 * * *";
        assert_eq!(
            after(text, "2024-07-01T00:00:00Z", 1),
            ["2024-07-01T02:30:00Z"]
        );
        assert_eq!(
            after(text, "2024-01-01T00:00:00Z", 1),
            ["2024-01-01T03:30:00Z"]
        );
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_is_left_out_and_one_that_comes_twice_is_named_twice() {
        let text = "TZ=Europe/Berlin 30 2 * * *";
        assert_eq!(
            after(text, "2024-03-30T12:00:00Z", 1),
            ["2024-04-01T00:30:00Z"]
        );
        assert_eq!(
            after(text, "2024-10-26T12:00:00Z", 3),
            [
                "2024-10-27T00:30:00Z",
                "2024-10-27T01:30:00Z",
                "2024-10-28T01:30:00Z"
            ]
        );
    }

    #[test]
    fn what_names_no_moment_is_refused() {
        for (text, reason) in [
            ("* * * *", "5 or 6 fields"),
            ("60 * * * *", "0 to 59"),
            ("* * * * 7", "0 to 6"),
            ("* * 0 * *", "1 to 31"),
            ("5-1 * * * *", "names no minutes"),
            ("*/0 * * * *", "names no minutes"),
            (", * * * *", "names no minutes"),
            ("x * * * *", "not a number"),
            ("+1 * * * *", "not a number"),
            ("0 0 30 feb *", "no day that exists"),
            ("@sometimes", "@sometimes"),
            ("TZ=No/Where * * * * *", "No/Where"),
        ] {
            let (zone, rest) = split_zone(text);
            let error = Schedule::parse(zone, rest).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn the_next_moment_is_later_and_nothing_matches_before_it(
            begin in 0_i64..4_000_000_000,
            minute in 0_u32..60,
            step in 1_u32..30,
        ) {
            let schedule = schedule(&format!("*/{step} {minute} * * * *"));
            let begin = Timestamp::from_second(begin).expect("in range");
            let next = schedule.next(begin).expect("there is one");
            prop_assert!(next > begin);
            let local = next.to_zoned(TimeZone::UTC);
            prop_assert_eq!(local.minute() as u32, minute);
            prop_assert_eq!(local.second() as u32 % step, 0);
            prop_assert!(next.as_second() - begin.as_second() <= 3600);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "[-*/,?0-9a-z@ ]{0,30}") {
            let _result = Schedule::parse("UTC", &text);
        }
    }
}
