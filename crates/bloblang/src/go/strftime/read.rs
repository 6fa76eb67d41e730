//! Reading a time in a format.

use jiff::Zoned;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::super::time::{MONTHS, WEEKDAYS, zone_name, zoned};
use super::week::Week;
use super::{Directive, composed};
use crate::eval_error::shortened;

/// Reads a time; without a zone in the format it is UTC, without a year it is 1900.
///
/// # Errors
///
/// What part of the text does not fit.
pub(crate) fn parse(text: &str, format: &str) -> Result<Zoned, String> {
    let mut reading = Reading::default();
    let mut rest = text;
    reading
        .read(format, &mut rest, 0)
        .and_then(|()| match rest {
            "" => Ok(()),
            _ => Err(format!(
                "parsing {:?}: unconverted data remains",
                shortened(rest)
            )),
        })
        .and_then(|()| reading.finish())
        .map_err(|error| {
            let text = shortened(text);
            format!("failed to parse {text:?} with {format:?}: {error}")
        })
}

#[derive(Default)]
struct Reading {
    century: Option<i32>,
    year: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    year_day: Option<i32>,
    week: Option<Week>,
    /// The days since Sunday.
    weekday: Option<i32>,
    has_iso_year: bool,
    hour: i32,
    minute: i32,
    second: i32,
    nanosecond: i32,
    is_pm: Option<bool>,
    offset: Option<i32>,
    /// What the abbreviation of the zone says, which an offset overrides.
    zone_offset: i32,
    unix: Option<i64>,
}

impl Reading {
    fn read(&mut self, format: &str, rest: &mut &str, depth: usize) -> Result<(), String> {
        let mut format = format;
        while let Some(expected) = format.chars().next() {
            if expected != '%' {
                *rest = rest
                    .strip_prefix(expected)
                    .ok_or_else(|| format!("expected {expected:?}"))?;
                format = &format[expected.len_utf8()..];
                continue;
            }
            let directive = Directive::at(format).ok_or("stray %")?;
            format = &format[directive.length..];
            match composed(directive.letter) {
                // Composed directives hold only simple ones.
                Some(longer) if depth == 0 => self.read(longer, rest, 1)?,
                _ => self.read_one(&directive, rest)?,
            }
        }
        Ok(())
    }

    fn read_one(&mut self, directive: &Directive, rest: &mut &str) -> Result<(), String> {
        let letter = directive.letter;
        let mut number = |width: usize, low: i32, high: i32| {
            let number = take_number(rest, width).ok_or_else(|| cannot_parse(letter))?;
            if (low..=high).contains(&number) {
                Ok(number)
            } else {
                Err(cannot_parse(letter))
            }
        };
        match letter {
            'Y' => self.year = Some(number(4, 0, 9999)?),
            'G' | 'g' => {
                self.has_iso_year = true;
                self.year = Some(match letter {
                    'G' => number(4, 0, 9999)?,
                    _ => number(2, 0, 99)? + 2000,
                });
            }
            'C' => self.century = Some(number(2, 0, 99)?),
            'y' => {
                let year = number(2, 0, 99)?;
                self.year = Some(if year < 69 { year + 2000 } else { year + 1900 });
            }
            'm' => self.month = Some(number(2, 1, 12)?),
            'd' | 'e' => {
                *rest = rest.strip_prefix(' ').unwrap_or(rest);
                let day = take_number(rest, 2).filter(|day| (1..=31).contains(day));
                self.day = Some(day.ok_or_else(|| cannot_parse(letter))?);
            }
            'j' => self.year_day = Some(number(3, 1, 366)?),
            'H' | 'k' => {
                *rest = rest.strip_prefix(' ').unwrap_or(rest);
                let hour = take_number(rest, 2).filter(|hour| (0..24).contains(hour));
                self.hour = hour.ok_or_else(|| cannot_parse(letter))?;
            }
            'I' | 'l' => {
                *rest = rest.strip_prefix(' ').unwrap_or(rest);
                let hour = take_number(rest, 2).filter(|hour| (1..=12).contains(hour));
                self.hour = hour.ok_or_else(|| cannot_parse(letter))? % 12;
            }
            'M' => self.minute = number(2, 0, 59)?,
            'S' => self.second = number(2, 0, 60)?,
            'f' => self.nanosecond = take_fraction(rest).ok_or_else(|| cannot_parse('f'))?,
            'w' => self.weekday = Some(number(1, 0, 6)?),
            'u' => self.weekday = Some(number(1, 1, 7)? % 7),
            'U' => self.week = Some(Week::FromSunday(number(2, 0, 53)?)),
            'W' => self.week = Some(Week::FromMonday(number(2, 0, 53)?)),
            'V' => self.week = Some(Week::Iso(number(2, 1, 53)?)),
            's' => self.unix = Some(take_unix(rest).ok_or_else(|| cannot_parse('s'))?),
            'A' | 'a' => {
                let weekday = take_name(rest, &WEEKDAYS).ok_or_else(|| cannot_parse(letter))?;
                self.weekday = Some(weekday as i32);
            }
            'B' | 'b' | 'h' => {
                let month = take_name(rest, &MONTHS).ok_or_else(|| cannot_parse(letter))?;
                self.month = Some(month as i32 + 1);
            }
            'p' | 'P' => {
                let half = take_name(rest, &["am", "pm"]).ok_or_else(|| cannot_parse(letter))?;
                self.is_pm = Some(half == 1);
            }
            'Z' => {
                let Some(offset) = take_zone(rest) else {
                    return Err(format!("unknown time zone {:?}", shortened(rest)));
                };
                self.zone_offset = offset;
            }
            'z' => self.offset = Some(take_offset(rest).ok_or_else(|| cannot_parse('z'))?),
            'n' | 't' => *rest = rest.trim_start(),
            '%' => *rest = rest.strip_prefix('%').ok_or("expected '%'")?,
            letter => return Err(format!("unexpected format: \"%{letter}\"")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Zoned, String> {
        let offset = self.offset.unwrap_or(self.zone_offset);
        let offset = Offset::from_seconds(offset).map_err(|error| error.to_string())?;
        if let Some(unix) = self.unix {
            let at = jiff::Timestamp::new(unix, self.nanosecond).map_err(|e| e.to_string())?;
            return Ok(at.to_zoned(offset.to_time_zone()));
        }
        let hour = match self.is_pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            _ => self.hour,
        };
        // A leap second is the first one of the next minute.
        let (second, leap) = (self.second.min(59), self.second / 60);
        let time = Time::new(
            narrow(hour),
            narrow(self.minute),
            narrow(second),
            self.nanosecond,
        );
        let time = time.map_err(|error| error.to_string())?;
        zoned(self.date()?, time, offset)
            .and_then(|at| at.checked_add(jiff::Span::new().seconds(leap)))
            .map_err(|error| error.to_string())
    }

    fn date(&self) -> Result<Date, String> {
        let year = match (self.century, self.year) {
            (Some(century), Some(year)) => century * 100 + year % 100,
            (Some(century), None) => century * 100,
            (None, year) => year.unwrap_or(1900),
        };
        let year = i16::try_from(year).map_err(|_| "year is out of range")?;
        let month = narrow(self.month.unwrap_or(1));
        let date = Date::new(year, month, narrow(self.day.unwrap_or(1)))
            .map_err(|_| "day is out of range for its month")?;
        match (self.year_day, self.week) {
            (Some(day), _) => date
                .first_of_year()
                .checked_add(jiff::Span::new().days(day - 1))
                .map_err(|error| error.to_string()),
            (None, Some(Week::Iso(_))) if !self.has_iso_year => {
                Err("%V needs the year of the week, which is %G".to_owned())
            }
            (None, Some(week)) if self.day.is_none() => week
                .day(year, self.weekday)
                .map_err(|error| error.to_string()),
            _ => Ok(date),
        }
    }
}

/// A number as a field of a date or time; one that does not fit is out of the range of all.
fn narrow(number: i32) -> i8 {
    i8::try_from(number).unwrap_or(i8::MAX)
}

fn cannot_parse(letter: char) -> String {
    format!("cannot parse %{letter}")
}

fn take_number(rest: &mut &str, width: usize) -> Option<i32> {
    let length = rest
        .bytes()
        .take(width)
        .take_while(u8::is_ascii_digit)
        .count();
    let number = rest[..length].parse().ok()?;
    *rest = &rest[length..];
    Some(number)
}

/// Up to six digits of a fraction, as nanoseconds.
fn take_fraction(rest: &mut &str) -> Option<i32> {
    let length = rest.bytes().take(6).take_while(u8::is_ascii_digit).count();
    let number: i32 = rest[..length].parse().ok()?;
    *rest = &rest[length..];
    Some(number * 10_i32.pow(9 - length as u32))
}

fn take_unix(rest: &mut &str) -> Option<i64> {
    let sign = usize::from(rest.starts_with('-'));
    let length = sign
        + rest
            .bytes()
            .skip(sign)
            .take_while(u8::is_ascii_digit)
            .count();
    let number = rest[..length].parse().ok()?;
    *rest = &rest[length..];
    Some(number)
}

/// A whole name, or its first three letters, in any case.
fn take_name(rest: &mut &str, names: &[&str]) -> Option<usize> {
    for shortened in [false, true] {
        for (index, name) in names.iter().enumerate() {
            let name = if shortened {
                &name[..name.len().min(3)]
            } else {
                name
            };
            if rest
                .get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
            {
                *rest = &rest[name.len()..];
                return Some(index);
            }
        }
    }
    None
}

/// The offset that the abbreviation of a zone says.
fn take_zone(rest: &mut &str) -> Option<i32> {
    if let Some(after) = rest.strip_prefix('Z') {
        *rest = after;
        return Some(0);
    }
    // An offset is no name.
    let is_name = rest.starts_with(|first: char| first.is_ascii_alphabetic());
    is_name.then(|| zone_name(rest).ok()).flatten()
}

/// `Z`, `+hh`, `+hhmm` or `+hh:mm`.
fn take_offset(rest: &mut &str) -> Option<i32> {
    if let Some(after) = rest.strip_prefix('Z') {
        *rest = after;
        return Some(0);
    }
    let sign = match rest.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let mut ahead = &rest[1..];
    let hours = take_number(&mut ahead, 2)?;
    ahead = ahead.strip_prefix(':').unwrap_or(ahead);
    let minutes = take_number(&mut ahead, 2).unwrap_or(0);
    *rest = ahead;
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (format, text, expected) in [
            ("%Y-%b-%d", "2020-Aug-14", "2020-08-14T00:00:00+00:00[UTC]"),
            (
                "%Y-%b-%d %H:%M:%S.%f",
                "2020-Aug-14 11:50:26.371000",
                "2020-08-14T11:50:26.371+00:00[UTC]",
            ),
            (
                "%FT%T%z",
                "2020-08-14T11:50:26+0200",
                "2020-08-14T11:50:26+02:00[+02:00]",
            ),
            (
                "%I:%M %p %d/%m/%y",
                "12:30 AM 01/02/70",
                "1970-02-01T00:30:00+00:00[UTC]",
            ),
            ("%I:%M", "12:30", "1900-01-01T00:30:00+00:00[UTC]"),
            ("%H:%M %p", "12:30 PM", "1900-01-01T12:30:00+00:00[UTC]"),
            ("%f%d", "12345605", "1900-01-05T00:00:00.123456+00:00[UTC]"),
            (
                "%Y %H:%M:%S",
                "2020 23:59:60",
                "2020-01-02T00:00:00+00:00[UTC]",
            ),
            ("%Y %Z", "2020 CET", "2020-01-01T00:00:00+00:00[UTC]"),
            ("%Z %z", "CET +0200", "1900-01-01T00:00:00+02:00[+02:00]"),
            ("%s", "86400", "1970-01-02T00:00:00+00:00[UTC]"),
            ("%Y %j", "2024 060", "2024-02-29T00:00:00+00:00[UTC]"),
        ] {
            let at = parse(text, format).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(at, expected.parse().unwrap(), "{format}");
        }
    }

    #[test]
    fn a_week_of_a_year_is_a_day() {
        for (format, text, expected) in [
            ("%U %Y", "05 2020", "2020-02-02"),
            ("%U %Y", "00 2020", "2019-12-29"),
            ("%W %Y", "05 2020", "2020-02-03"),
            ("%V %G", "05 2020", "2020-01-27"),
            ("%V %g", "01 20", "2019-12-30"),
            ("%U %a %Y", "05 Wed 2020", "2020-02-05"),
            ("%U %u %Y", "05 7 2020", "2020-02-02"),
            ("%W %u %Y", "05 7 2020", "2020-02-09"),
            ("%V %w %G", "05 0 2020", "2020-02-02"),
            ("%U %Y-%m-%d", "05 2020-03-04", "2020-03-04"),
            ("%G", "2020", "2020-01-01"),
        ] {
            let at = parse(text, format).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(at.date(), expected.parse().unwrap(), "{format} {text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = parse("invalid format", "INVALID_FORMAT").unwrap_err();
        assert_eq!(
            error,
            r#"failed to parse "invalid format" with "INVALID_FORMAT": expected 'I'"#
        );
        assert!(
            parse("2020-13", "%Y-%m")
                .unwrap_err()
                .contains("cannot parse %m")
        );
        assert!(parse("13:30", "%I:%M").is_err());
        assert!(parse("05 2020", "%V %Y").unwrap_err().contains("%G"));
        assert!(parse("2020x", "%Y").unwrap_err().contains("unconverted"));
        assert!(
            parse("2020", "%Q")
                .unwrap_err()
                .contains("unexpected format")
        );
    }
}
