//! Timestamps and durations as the mapping to JSON writes them.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span};

use super::problem::Problem;

/// The first and the last second that a timestamp may be.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// The longest duration, in seconds; both ways.
const DURATION_MAX: i64 = 315_576_000_000;
const SECOND: i32 = 1_000_000_000;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A point in time or a span: seconds, and nanoseconds beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds {
    pub seconds: i64,
    pub nanos: i32,
}

impl Seconds {
    /// As RFC 3339, with the zone `Z` and 0, 3, 6 or 9 digits behind the second.
    pub fn timestamp(self) -> Result<String, Problem> {
        let out_of_range = || Problem::new("the timestamp is not within the years 1 to 9999");
        if !SECONDS.contains(&self.seconds) || !(0..SECOND).contains(&self.nanos) {
            return Err(out_of_range());
        }
        let span = Span::new().try_seconds(self.seconds);
        let at = span
            .and_then(|span| EPOCH.checked_add(span))
            .map_err(|_| out_of_range())?;
        Ok(format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            fraction(self.nanos)
        ))
    }

    /// As seconds with the unit `s`, with 0, 3, 6 or 9 digits behind the second.
    pub fn duration(self) -> Result<String, Problem> {
        let is_sound = self.seconds.abs() <= DURATION_MAX
            && self.nanos.abs() < SECOND
            && (self.seconds == 0 || self.nanos == 0 || (self.seconds < 0) == (self.nanos < 0));
        if !is_sound {
            return Err(Problem::new(
                "the duration is longer than 10,000 years, or its parts have two signs",
            ));
        }
        let sign = if self.seconds < 0 || self.nanos < 0 {
            "-"
        } else {
            ""
        };
        let (seconds, nanos) = (self.seconds.unsigned_abs(), self.nanos.abs());
        Ok(format!("{sign}{seconds}{}s", fraction(nanos)))
    }

    /// Reads RFC 3339; nothing when the text is none, or out of the range.
    pub fn of_timestamp(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (time, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
        let (nanos, zone) = match rest.strip_prefix('.') {
            Some(rest) => {
                let end = rest.find(|it: char| !it.is_ascii_digit())?;
                let (digits, zone) = rest.split_at(end);
                (nanos(digits).filter(|_| !digits.is_empty())?, zone)
            }
            None => (0, rest),
        };
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let date = Date::new(year, month as i8, day as i8).ok()?;
        let time = Time::new(hour as i8, minute as i8, second as i8, 0).ok()?;
        let since: SignedDuration = date.to_datetime(time).duration_since(EPOCH);
        let seconds = since.as_secs() - offset(zone)?;
        SECONDS
            .contains(&seconds)
            .then_some(Self { seconds, nanos })
    }

    /// Reads seconds with the unit `s`; nothing when the text is something else.
    pub fn of_duration(text: &str) -> Option<Self> {
        let (text, is_negative) = match text.strip_suffix('s')?.split_at_checked(1)? {
            ("-", rest) => (rest, true),
            ("+", rest) => (rest, false),
            _ => (text.strip_suffix('s')?, false),
        };
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && part.is_empty() || !whole.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        let seconds: i64 = match whole {
            "" => 0,
            digits => digits.parse().ok().filter(|it| *it <= DURATION_MAX)?,
        };
        let nanos = nanos(part)?;
        Some(match is_negative {
            true => Self {
                seconds: -seconds,
                nanos: -nanos,
            },
            false => Self { seconds, nanos },
        })
    }
}

/// The digits behind the second, in groups of three.
fn fraction(nanos: i32) -> String {
    match nanos {
        0 => String::new(),
        nanos if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        nanos if nanos % 1_000 == 0 => format!(".{:06}", nanos / 1_000),
        nanos => format!(".{nanos:09}"),
    }
}

/// The nanoseconds that up to nine digits behind a second are.
fn nanos(digits: &str) -> Option<i32> {
    if digits.len() > 9 || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9}").parse().ok()
}

/// Numbers of these many digits, with a separator between them.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i16; 3]> {
    let mut parts = text.split(separator);
    let mut next = |digits: usize| {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|it| it.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    let numbers = [next(digits[0])?, next(digits[1])?, next(digits[2])?];
    parts.next().is_none().then_some(numbers)
}

/// The seconds that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let [hours, minutes, _] = numbers(&format!("{rest}:00"), ':', [2, 2, 2])?;
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_written_in_utc_and_read_in_any_zone() {
        for (text, seconds, nanos, again) in [
            ("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z"),
            (
                "2020-02-29T23:59:59.5+01:00",
                1_583_017_199,
                500_000_000,
                "2020-02-29T22:59:59.500Z",
            ),
            (
                "0001-01-01T00:00:00Z",
                -62_135_596_800,
                0,
                "0001-01-01T00:00:00Z",
            ),
            (
                "9999-12-31T23:59:59.999999999Z",
                253_402_300_799,
                999_999_999,
                "9999-12-31T23:59:59.999999999Z",
            ),
            (
                "1969-12-31T23:59:59.000001Z",
                -1,
                1_000,
                "1969-12-31T23:59:59.000001Z",
            ),
        ] {
            let read = Seconds::of_timestamp(text);
            assert_eq!(read, Some(Seconds { seconds, nanos }), "{text}");
            assert_eq!(
                read.and_then(|it| it.timestamp().ok()).as_deref(),
                Some(again)
            );
        }
        for text in [
            "",
            "now",
            "2020-01-01",
            "2020-01-01 00:00:00Z",
            "2020-01-01t00:00:00Z",
            "2020-13-01T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00.0000000001Z",
            "2020-01-01T00:00:00+1:00",
            "2020-01-01T00:00:00z",
            "0000-01-01T00:00:00Z",
            "2020-01-01T00:00:00é",
            "+020-01-01T00:00:00Z",
        ] {
            assert_eq!(Seconds::of_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn durations_keep_their_sign_and_nine_digits() {
        for (text, seconds, nanos, again) in [
            ("1s", 1, 0, "1s"),
            ("-1.5s", -1, -500_000_000, "-1.500s"),
            (".000000001s", 0, 1, "0.000000001s"),
            ("-0.25s", 0, -250_000_000, "-0.250s"),
            ("+3.s", 3, 0, "3s"),
            ("315576000000s", 315_576_000_000, 0, "315576000000s"),
        ] {
            let read = Seconds::of_duration(text);
            assert_eq!(read, Some(Seconds { seconds, nanos }), "{text}");
            assert_eq!(
                read.and_then(|it| it.duration().ok()).as_deref(),
                Some(again)
            );
        }
        for text in [
            "",
            "s",
            "1",
            ".s",
            "1.0000000000s",
            "1m",
            "--1s",
            "315576000001s",
            "1s ",
        ] {
            assert_eq!(Seconds::of_duration(text), None, "{text}");
        }
        let mixed = Seconds {
            seconds: 1,
            nanos: -1,
        };
        assert!(mixed.duration().is_err());
    }
}
