//! Go's reference layouts: `2006-01-02T15:04:05Z07:00` describes a format by showing how the time
//! 15:04:05 on 2 January 2006 in a zone seven hours west of Greenwich (called MST) looks in it.
//!
//! # Source
//!
//! The documentation of Go's package `time`.

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

pub(crate) use parse::zone_name;

mod parse;

/// The layout of Go's `time.RFC3339Nano`.
pub(crate) const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// The names of the months, from January.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The names of the days of the week, from Sunday.
pub const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A layout taken apart, to format and parse with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    source: String,
    parts: Vec<Part>,
}

/// A time in a layout of Go.
pub fn format(layout: &str, at: &Zoned) -> String {
    Layout::new(layout).format(at)
}

/// Reads a time in a layout of Go.
///
/// # Errors
///
/// What does not fit, in Go's words.
pub fn parse(layout: &str, text: &str) -> Result<Zoned, String> {
    Layout::new(layout).parse(text)
}

/// Where the text of a part stands in its layout, and what it stands for.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    start: usize,
    end: usize,
    field: Field,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Literal,
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    /// `PM` when true, else `pm`.
    HalfDay(bool),
    ZoneName,
    Zone(ZoneForm),
    /// A fraction of exactly so many digits.
    Fraction0(u8),
    /// A fraction without its trailing zeros.
    Fraction9(u8),
}

/// A numeric offset.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ZoneForm {
    /// An offset of zero is `Z`.
    z: bool,
    colons: bool,
    minutes: bool,
    seconds: bool,
}

const ZONES: [(&str, ZoneForm); 10] = [
    (
        "-070000",
        ZoneForm {
            z: false,
            colons: false,
            minutes: true,
            seconds: true,
        },
    ),
    (
        "-07:00:00",
        ZoneForm {
            z: false,
            colons: true,
            minutes: true,
            seconds: true,
        },
    ),
    (
        "-0700",
        ZoneForm {
            z: false,
            colons: false,
            minutes: true,
            seconds: false,
        },
    ),
    (
        "-07:00",
        ZoneForm {
            z: false,
            colons: true,
            minutes: true,
            seconds: false,
        },
    ),
    (
        "-07",
        ZoneForm {
            z: false,
            colons: false,
            minutes: false,
            seconds: false,
        },
    ),
    (
        "Z070000",
        ZoneForm {
            z: true,
            colons: false,
            minutes: true,
            seconds: true,
        },
    ),
    (
        "Z07:00:00",
        ZoneForm {
            z: true,
            colons: true,
            minutes: true,
            seconds: true,
        },
    ),
    (
        "Z0700",
        ZoneForm {
            z: true,
            colons: false,
            minutes: true,
            seconds: false,
        },
    ),
    (
        "Z07:00",
        ZoneForm {
            z: true,
            colons: true,
            minutes: true,
            seconds: false,
        },
    ),
    (
        "Z07",
        ZoneForm {
            z: true,
            colons: false,
            minutes: false,
            seconds: false,
        },
    ),
];

/// Fields that are a fixed text; the longer one first where one begins another.
const WORDS: [(&str, Field); 20] = [
    ("January", Field::LongMonth),
    ("Monday", Field::LongWeekday),
    ("MST", Field::ZoneName),
    ("002", Field::ZeroYearDay),
    ("01", Field::ZeroMonth),
    ("02", Field::ZeroDay),
    ("03", Field::ZeroHour12),
    ("04", Field::ZeroMinute),
    ("05", Field::ZeroSecond),
    ("06", Field::Year),
    ("15", Field::Hour),
    ("1", Field::NumMonth),
    ("2006", Field::LongYear),
    ("2", Field::Day),
    ("3", Field::Hour12),
    ("4", Field::Minute),
    ("5", Field::Second),
    ("PM", Field::HalfDay(true)),
    ("pm", Field::HalfDay(false)),
    ("__2", Field::UnderYearDay),
];

impl Layout {
    /// The layout as it is written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Takes a layout apart; any text is a layout.
    pub fn new(source: &str) -> Layout {
        let mut parts: Vec<Part> = Vec::new();
        let mut at = 0;
        while at < source.len() {
            let (length, field) = field_at(source, at);
            match parts.last_mut() {
                Some(last) if field == Field::Literal && last.field == Field::Literal => {
                    last.end += length;
                }
                _ => parts.push(Part {
                    start: at,
                    end: at + length,
                    field,
                }),
            }
            at += length;
        }
        Layout {
            source: source.to_owned(),
            parts,
        }
    }

    fn text(&self, part: &Part) -> &str {
        &self.source[part.start..part.end]
    }

    /// A time in this layout.
    pub fn format(&self, at: &Zoned) -> String {
        let mut out = String::with_capacity(self.source.len() + 10);
        let local = at.datetime();
        for part in &self.parts {
            match part.field {
                Field::Literal => out.push_str(self.text(part)),
                Field::Fraction0(digits) => {
                    out.push_str(&self.source[part.start..=part.start]);
                    push_fraction(&mut out, local.subsec_nanosecond(), digits, false);
                }
                Field::Fraction9(digits) => {
                    let before = out.len();
                    out.push_str(&self.source[part.start..=part.start]);
                    if !push_fraction(&mut out, local.subsec_nanosecond(), digits, true) {
                        out.truncate(before);
                    }
                }
                Field::ZoneName => push_zone_name(&mut out, at),
                Field::Zone(form) => push_offset(&mut out, at.offset().seconds(), form),
                field => push_field(&mut out, local, field),
            }
        }
        out
    }
}

/// The field that begins at `at`, or the one character of text that stands there.
fn field_at(source: &str, at: usize) -> (usize, Field) {
    let rest = &source[at..];
    let literal = (
        rest.chars().next().map_or(1, char::len_utf8),
        Field::Literal,
    );
    match rest.as_bytes()[0] {
        b'-' | b'Z' => ZONES
            .iter()
            .find(|(text, _)| rest.starts_with(text))
            .map_or(literal, |(text, form)| (text.len(), Field::Zone(*form))),
        b'.' | b',' => fraction_at(rest).unwrap_or(literal),
        // The underscore of `_2006` is text before a year.
        b'_' if rest.starts_with("_2006") => literal,
        b'_' if rest.starts_with("_2") => (2, Field::UnderDay),
        b'J' | b'M' | b'P' | b'p' | b'_' | b'0'..=b'5' => WORDS
            .iter()
            .find(|(text, _)| rest.starts_with(text))
            .map(|(text, field)| (text.len(), *field))
            .or_else(|| short_name_at(rest))
            .unwrap_or(literal),
        _ => literal,
    }
}

/// `Jan` and `Mon`, unless a longer word begins with them.
fn short_name_at(rest: &str) -> Option<(usize, Field)> {
    let field = match rest.get(..3)? {
        "Jan" => Field::Month,
        "Mon" => Field::Weekday,
        _ => return None,
    };
    let is_word = rest.as_bytes().get(3).is_some_and(u8::is_ascii_lowercase);
    (!is_word).then_some((3, field))
}

/// `.000` or `.999` that is not followed by another digit.
fn fraction_at(rest: &str) -> Option<(usize, Field)> {
    let digit = *rest.as_bytes().get(1)?;
    if !matches!(digit, b'0' | b'9') {
        return None;
    }
    let digits = rest
        .bytes()
        .skip(1)
        .take_while(|byte| *byte == digit)
        .count();
    let is_longer = rest
        .as_bytes()
        .get(1 + digits)
        .is_some_and(u8::is_ascii_digit);
    let count = u8::try_from(digits).ok().filter(|_| !is_longer)?;
    let field = if digit == b'0' {
        Field::Fraction0(count)
    } else {
        Field::Fraction9(count)
    };
    Some((digits + 1, field))
}

fn push_field(out: &mut String, local: DateTime, field: Field) {
    let hour12 = match local.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let weekday = WEEKDAYS[local.weekday().to_sunday_zero_offset() as usize];
    let month = MONTHS[local.month() as usize - 1];
    match field {
        Field::LongMonth => out.push_str(month),
        Field::Month => out.push_str(&month[..3]),
        Field::NumMonth => push_number(out, local.month().into(), 0, '0'),
        Field::ZeroMonth => push_number(out, local.month().into(), 2, '0'),
        Field::LongWeekday => out.push_str(weekday),
        Field::Weekday => out.push_str(&weekday[..3]),
        Field::Day => push_number(out, local.day().into(), 0, '0'),
        Field::UnderDay => push_number(out, local.day().into(), 2, ' '),
        Field::ZeroDay => push_number(out, local.day().into(), 2, '0'),
        Field::UnderYearDay => push_number(out, local.day_of_year().into(), 3, ' '),
        Field::ZeroYearDay => push_number(out, local.day_of_year().into(), 3, '0'),
        Field::Hour => push_number(out, local.hour().into(), 2, '0'),
        Field::Hour12 => push_number(out, hour12.into(), 0, '0'),
        Field::ZeroHour12 => push_number(out, hour12.into(), 2, '0'),
        Field::Minute => push_number(out, local.minute().into(), 0, '0'),
        Field::ZeroMinute => push_number(out, local.minute().into(), 2, '0'),
        Field::Second => push_number(out, local.second().into(), 0, '0'),
        Field::ZeroSecond => push_number(out, local.second().into(), 2, '0'),
        Field::LongYear => push_number(out, local.year().into(), 4, '0'),
        Field::Year => push_number(out, i32::from(local.year()).rem_euclid(100), 2, '0'),
        Field::HalfDay(is_upper) => out.push_str(match (local.hour() >= 12, is_upper) {
            (true, true) => "PM",
            (false, true) => "AM",
            (true, false) => "pm",
            (false, false) => "am",
        }),
        // The caller writes these.
        Field::Literal
        | Field::ZoneName
        | Field::Zone(_)
        | Field::Fraction0(_)
        | Field::Fraction9(_) => {}
    }
}

/// Appends a number of at least `width` digits, without allocating: every field of every time
/// goes through here.
pub(crate) fn push_number(out: &mut String, number: i32, width: usize, padding: char) {
    if number < 0 {
        out.push('-');
    }
    let mut digits = [b'0'; 10];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    while rest > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let digits = &digits[start..];
    out.extend(std::iter::repeat_n(
        padding,
        width.saturating_sub(digits.len()),
    ));
    out.extend(digits.iter().map(|digit| char::from(*digit)));
}

/// Appends the digits of a fraction; says whether there were any.
fn push_fraction(out: &mut String, nanoseconds: i32, digits: u8, is_trimmed: bool) -> bool {
    let mut text = format!("{nanoseconds:09}");
    text.truncate(digits.into());
    if is_trimmed {
        text.truncate(text.trim_end_matches('0').len());
    } else {
        text.extend(std::iter::repeat_n(
            '0',
            usize::from(digits).saturating_sub(9),
        ));
    }
    out.push_str(&text);
    !text.is_empty()
}

/// `UTC`, `CEST`, `-03` as the database of zones has it, or where a zone has no name its offset:
/// `+0230`.
pub(crate) fn zone_abbreviation(at: &Zoned) -> String {
    let mut out = String::new();
    push_zone_name(&mut out, at);
    out
}

fn push_zone_name(out: &mut String, at: &Zoned) {
    if at.offset() == Offset::UTC && at.time_zone().iana_name().is_none_or(|name| name == "UTC") {
        return out.push_str("UTC");
    }
    let info = at.time_zone().to_offset_info(at.timestamp());
    let name = info.abbreviation();
    let is_of_the_database = at.time_zone().iana_name().is_some() && !name.is_empty();
    if is_of_the_database || name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return out.push_str(name);
    }
    let form = ZoneForm {
        z: false,
        colons: false,
        minutes: true,
        seconds: false,
    };
    push_offset(out, at.offset().seconds(), form);
}

fn push_offset(out: &mut String, seconds: i32, form: ZoneForm) {
    if form.z && seconds == 0 {
        return out.push('Z');
    }
    out.push(if seconds < 0 { '-' } else { '+' });
    let seconds = seconds.abs();
    push_number(out, seconds / 3600, 2, '0');
    if form.minutes {
        if form.colons {
            out.push(':');
        }
        push_number(out, seconds / 60 % 60, 2, '0');
    }
    if form.seconds {
        if form.colons {
            out.push(':');
        }
        push_number(out, seconds % 60, 2, '0');
    }
}

/// A time zone as Go names it: an IANA name, `UTC` (or nothing), or `Local`.
///
/// # Errors
///
/// When there is no such zone.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        _ => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}")),
    }
}

/// The time that a date, a time of day and an offset say.
pub(crate) fn zoned(date: Date, time: Time, offset: Offset) -> Result<Zoned, jiff::Error> {
    let zone = if offset == Offset::UTC {
        TimeZone::UTC
    } else {
        TimeZone::fixed(offset)
    };
    date.to_datetime(time).to_zoned(zone)
}

#[cfg(test)]
mod tests;
