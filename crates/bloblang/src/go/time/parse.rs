//! Reads a time that is written in a layout.

use jiff::Zoned;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::{Field, Layout, MONTHS, WEEKDAYS, ZoneForm, zoned};
use crate::eval_error::shortened;

/// What has been read so far.
#[derive(Default)]
struct Reading {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    is_pm: Option<bool>,
    offset: Option<i32>,
}

/// Why a field could not be read.
pub(crate) enum Failure {
    Mismatch,
    OutOfRange(&'static str),
}

type Read<T> = Result<T, Failure>;

impl Layout {
    /// Reads a time; without a zone in the layout it is UTC, without a year it is the year 0.
    ///
    /// # Errors
    ///
    /// What part of the text does not fit what part of the layout, in Go's words.
    pub fn parse(&self, text: &str) -> Result<Zoned, String> {
        let mut reading = Reading::default();
        let mut rest = text;
        let told = |text: &str| format!("{:?}", shortened(text));
        for (index, part) in self.parts.iter().enumerate() {
            let shown = rest;
            let result = if part.field == Field::Literal {
                skip_literal(self.text(part), &mut rest)
            } else {
                let next = self.parts.get(index + 1).map(|part| part.field);
                reading.read(part.field, next, &mut rest)
            };
            match result {
                Ok(()) => {}
                Err(Failure::OutOfRange(what)) => {
                    return Err(format!("parsing time {}: {what} out of range", told(text)));
                }
                Err(Failure::Mismatch) => {
                    let shown = if part.field == Field::Literal {
                        rest
                    } else {
                        shown
                    };
                    return Err(format!(
                        "parsing time {} as {:?}: cannot parse {} as {:?}",
                        told(text),
                        self.source,
                        told(shown),
                        self.text(part)
                    ));
                }
            }
        }
        if !rest.is_empty() {
            return Err(format!(
                "parsing time {}: extra text: {}",
                told(text),
                told(rest)
            ));
        }
        reading
            .finish()
            .map_err(|what| format!("parsing time {}: {what} out of range", told(text)))
    }
}

impl Reading {
    fn read(&mut self, field: Field, next: Option<Field>, rest: &mut &str) -> Read<()> {
        match field {
            Field::Literal => {}
            Field::LongYear => self.year = Some(fixed_digits(rest, 4)? as i16),
            Field::Year => {
                let year = fixed_digits(rest, 2)? as i16;
                self.year = Some(if year >= 69 { year + 1900 } else { year + 2000 });
            }
            Field::LongMonth => self.month = Some(name(rest, &MONTHS, usize::MAX)? as i8 + 1),
            Field::Month => self.month = Some(name(rest, &MONTHS, 3)? as i8 + 1),
            Field::NumMonth | Field::ZeroMonth => {
                let month = number(rest, field == Field::ZeroMonth)?;
                if !(1..=12).contains(&month) {
                    return Err(Failure::OutOfRange("month"));
                }
                self.month = Some(month);
            }
            Field::LongWeekday => drop(name(rest, &WEEKDAYS, usize::MAX)?),
            Field::Weekday => drop(name(rest, &WEEKDAYS, 3)?),
            Field::Day | Field::UnderDay | Field::ZeroDay => {
                if field == Field::UnderDay {
                    *rest = rest.strip_prefix(' ').unwrap_or(rest);
                }
                self.day = Some(number(rest, field == Field::ZeroDay)?);
            }
            Field::UnderYearDay | Field::ZeroYearDay => {
                self.year_day = Some(day_of_year(rest, field == Field::ZeroYearDay)?);
            }
            Field::Hour => self.hour = below(number(rest, false)?, 24, "hour")?,
            Field::Hour12 | Field::ZeroHour12 => {
                self.hour = below(number(rest, field == Field::ZeroHour12)?, 13, "hour")?;
            }
            Field::Minute | Field::ZeroMinute => {
                self.minute = below(number(rest, field == Field::ZeroMinute)?, 60, "minute")?;
            }
            Field::Second | Field::ZeroSecond => {
                self.second = below(number(rest, field == Field::ZeroSecond)?, 60, "second")?;
                let is_planned = matches!(next, Some(Field::Fraction0(_) | Field::Fraction9(_)));
                if !is_planned {
                    self.optional_fraction(rest);
                }
            }
            Field::Fraction0(digits) => {
                let all = rest
                    .get(..1 + usize::from(digits))
                    .ok_or(Failure::Mismatch)?;
                if !all.starts_with(['.', ',']) || !all[1..].bytes().all(|b| b.is_ascii_digit()) {
                    return Err(Failure::Mismatch);
                }
                self.nanosecond = nanoseconds(&all[1..]);
                *rest = &rest[all.len()..];
            }
            Field::Fraction9(_) => self.optional_fraction(rest),
            Field::HalfDay(is_upper) => {
                let (pm, am) = if is_upper { ("PM", "AM") } else { ("pm", "am") };
                self.is_pm = Some(rest.starts_with(pm));
                if !rest.starts_with(pm) && !rest.starts_with(am) {
                    return Err(Failure::Mismatch);
                }
                *rest = &rest[2..];
            }
            Field::ZoneName => self.offset = Some(zone_name(rest)?),
            Field::Zone(form) => self.offset = Some(offset(rest, form)?),
        }
        Ok(())
    }

    /// A fraction that the text may have.
    fn optional_fraction(&mut self, rest: &mut &str) {
        let digits = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        if digits > 0 && rest.starts_with(['.', ',']) {
            self.nanosecond = nanoseconds(&rest[1..=digits]);
            *rest = &rest[1 + digits..];
        }
    }

    fn finish(self) -> Result<Zoned, &'static str> {
        let hour = match self.is_pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let year = self.year.unwrap_or(0);
        let date = match self.year_day {
            Some(day) => self.date_of_year_day(year, day)?,
            None => Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1))
                .map_err(|_| "day")?,
        };
        let time =
            Time::new(hour, self.minute, self.second, self.nanosecond).map_err(|_| "hour")?;
        let offset =
            Offset::from_seconds(self.offset.unwrap_or(0)).map_err(|_| "time zone offset hour")?;
        zoned(date, time, offset).map_err(|_| "year")
    }

    fn date_of_year_day(&self, year: i16, day: i16) -> Result<Date, &'static str> {
        let first = Date::new(year, 1, 1).map_err(|_| "year")?;
        if day < 1 || day > first.days_in_year() {
            return Err("day-of-year");
        }
        let date = first
            .checked_add(jiff::Span::new().days(day - 1))
            .map_err(|_| "day-of-year")?;
        if self.month.is_some_and(|month| month != date.month()) {
            return Err("day-of-year does not match month,");
        }
        if self.day.is_some_and(|day| day != date.day()) {
            return Err("day-of-year does not match day,");
        }
        Ok(date)
    }
}

/// Text of the layout; a blank in it stands for any number of them.
fn skip_literal(literal: &str, rest: &mut &str) -> Read<()> {
    let mut literal = literal;
    while let Some(expected) = literal.chars().next() {
        if expected == ' ' {
            if !rest.is_empty() && !rest.starts_with(' ') {
                return Err(Failure::Mismatch);
            }
            literal = literal.trim_start_matches(' ');
            *rest = rest.trim_start_matches(' ');
            continue;
        }
        *rest = rest.strip_prefix(expected).ok_or(Failure::Mismatch)?;
        literal = &literal[expected.len_utf8()..];
    }
    Ok(())
}

fn below(number: i8, limit: i8, what: &'static str) -> Read<i8> {
    if number < limit {
        Ok(number)
    } else {
        Err(Failure::OutOfRange(what))
    }
}

/// Exactly so many digits.
fn fixed_digits(rest: &mut &str, count: usize) -> Read<i32> {
    let digits = rest.get(..count).ok_or(Failure::Mismatch)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::Mismatch);
    }
    *rest = &rest[count..];
    Ok(decimal(digits))
}

/// Two digits, or one when that is allowed.
fn number(rest: &mut &str, is_fixed: bool) -> Read<i8> {
    let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if digits == 0 || is_fixed && digits == 1 {
        return Err(Failure::Mismatch);
    }
    let number = decimal(&rest[..digits]) as i8;
    *rest = &rest[digits..];
    Ok(number)
}

/// Three digits, or up to two blanks and the others.
fn day_of_year(rest: &mut &str, is_fixed: bool) -> Read<i16> {
    if !is_fixed {
        for _ in 0..2 {
            *rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
    }
    let digits = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
    if digits == 0 || is_fixed && digits < 3 {
        return Err(Failure::Mismatch);
    }
    let day = decimal(&rest[..digits]) as i16;
    *rest = &rest[digits..];
    Ok(day)
}

fn decimal(digits: &str) -> i32 {
    digits
        .bytes()
        .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
}

/// The first nine digits of a fraction as nanoseconds.
fn nanoseconds(digits: &str) -> i32 {
    let known = &digits[..digits.len().min(9)];
    decimal(known) * 10_i32.pow(9 - known.len() as u32)
}

/// A name, or its first letters, in any case.
fn name(rest: &mut &str, names: &[&str], length: usize) -> Read<usize> {
    for (index, name) in names.iter().enumerate() {
        let name = &name[..name.len().min(length)];
        if rest
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
        {
            *rest = &rest[name.len()..];
            return Ok(index);
        }
    }
    Err(Failure::Mismatch)
}

fn offset(rest: &mut &str, form: ZoneForm) -> Read<i32> {
    if form.z && rest.starts_with('Z') {
        *rest = &rest[1..];
        return Ok(0);
    }
    let sign = match rest.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(Failure::Mismatch),
    };
    let mut ahead = &rest[1..];
    let hours = fixed_digits(&mut ahead, 2)?;
    let mut next = |is_there: bool| -> Read<i32> {
        if !is_there {
            return Ok(0);
        }
        if form.colons {
            ahead = ahead.strip_prefix(':').ok_or(Failure::Mismatch)?;
        }
        fixed_digits(&mut ahead, 2)
    };
    let minutes = next(form.minutes)?;
    let seconds = next(form.seconds)?;
    for (number, limit, what) in [
        (hours, 24, "time zone offset hour"),
        (minutes, 60, "time zone offset minute"),
        (seconds, 60, "time zone offset second"),
    ] {
        if number > limit {
            return Err(Failure::OutOfRange(what));
        }
    }
    *rest = ahead;
    Ok(sign * ((hours * 60 + minutes) * 60 + seconds))
}

/// The abbreviation of a zone. Only UTC and `GMT±n` say what offset they mean; others count as 0,
/// as in Go where they do not name the local zone.
pub(crate) fn zone_name(rest: &mut &str) -> Read<i32> {
    let text = *rest;
    let (length, hours) = if text.starts_with("UTC") {
        (3, 0)
    } else if text.starts_with("ChST") || text.starts_with("MeST") {
        (4, 0)
    } else if let Some(after) = text.strip_prefix("GMT") {
        let (length, hours) = signed_hours(after).unwrap_or((0, 0));
        (3 + length, hours)
    } else if text.starts_with(['+', '-']) {
        signed_hours(text).ok_or(Failure::Mismatch)?
    } else {
        (abbreviation_length(text).ok_or(Failure::Mismatch)?, 0)
    };
    *rest = &text[length..];
    Ok(hours * 3600)
}

fn signed_hours(text: &str) -> Option<(usize, i32)> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = text
        .bytes()
        .skip(1)
        .take(3)
        .take_while(u8::is_ascii_digit)
        .count();
    let hours = decimal(&text[1..=digits]);
    (digits > 0 && hours <= 23).then_some((1 + digits, sign * hours))
}

fn abbreviation_length(text: &str) -> Option<usize> {
    let length = text
        .bytes()
        .take(6)
        .take_while(u8::is_ascii_uppercase)
        .count();
    let is_known = match length {
        3 => true,
        4 => text[..4].ends_with('T') || text.starts_with("WITA"),
        5 => text[..5].ends_with('T'),
        _ => false,
    };
    is_known.then_some(length)
}
