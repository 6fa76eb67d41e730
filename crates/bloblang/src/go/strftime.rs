//! C's `strftime` and `strptime` formats, as far as Bento's library for them goes: no `E` and `O`
//! modifiers, the flags `-_0^#`, widths, `%f` for microseconds.

use jiff::Zoned;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::time::{MONTHS, WEEKDAYS, push_number, zone_abbreviation, zoned};

/// What a composed directive is short for.
fn composed(directive: char) -> Option<&'static str> {
    Some(match directive {
        'c' => "%a %b %e %H:%M:%S %Y",
        'v' => "%e-%b-%Y",
        'D' | 'x' => "%m/%d/%y",
        'F' => "%Y-%m-%d",
        'r' => "%I:%M:%S %p",
        'R' => "%H:%M",
        'T' | 'X' => "%H:%M:%S",
        '+' => "%a %b %e %H:%M:%S %Z %Y",
        _ => return None,
    })
}

/// A time in a format.
pub(crate) fn format(at: &Zoned, format: &str) -> String {
    let mut out = String::with_capacity(format.len() * 2);
    let mut rest = format;
    while let Some(position) = rest.find('%') {
        out.push_str(&rest[..position]);
        let directive = Directive::at(&rest[position..]);
        match directive {
            Some(directive) => {
                directive.push(&mut out, at);
                rest = &rest[position + directive.length..];
            }
            None => {
                out.push('%');
                rest = &rest[position + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// `%`, flags, a width, colons and a letter.
struct Directive {
    letter: char,
    /// The padding that a flag asks for; `Some(None)` is no padding.
    padding: Option<Option<char>>,
    width: Option<usize>,
    is_upper: bool,
    is_swapped: bool,
    colons: usize,
    length: usize,
}

/// The widest padding, so that a format cannot ask for unbounded memory.
const MAX_WIDTH: usize = 1024;

impl Directive {
    /// The directive that `text` begins with; nothing when it ends before its letter.
    fn at(text: &str) -> Option<Directive> {
        let mut directive = Directive {
            letter: '%',
            padding: None,
            width: None,
            is_upper: false,
            is_swapped: false,
            colons: 0,
            length: 1,
        };
        for character in text.chars().skip(1) {
            directive.length += character.len_utf8();
            match character {
                '-' => directive.padding = Some(None),
                '_' => directive.padding = Some(Some(' ')),
                '0' if directive.width.is_none() => directive.padding = Some(Some('0')),
                '^' => directive.is_upper = true,
                '#' => directive.is_swapped = true,
                ':' => directive.colons += 1,
                '0'..='9' => {
                    let digit = character as usize - '0' as usize;
                    let width = directive.width.unwrap_or(0) * 10 + digit;
                    directive.width = Some(width.min(MAX_WIDTH));
                }
                letter => {
                    directive.letter = letter;
                    return Some(directive);
                }
            }
        }
        None
    }

    fn push(&self, out: &mut String, at: &Zoned) {
        let local = at.datetime();
        let weekday = local.weekday().to_sunday_zero_offset();
        let weekday_name = WEEKDAYS[weekday as usize];
        let month_name = MONTHS[local.month() as usize - 1];
        let hour12 = (local.hour() + 11) % 12 + 1;
        let week = local.date().iso_week_date();
        let year_day = i32::from(local.day_of_year());
        let year = i32::from(local.year());
        let mut number = |number: i32, width: usize, padding: char| {
            self.push_padded(out, number, width, padding);
        };
        match self.letter {
            'Y' => number(year, 4, '0'),
            'G' => number(week.year().into(), 4, '0'),
            'C' => number(year.div_euclid(100), 2, '0'),
            'y' => number(year.rem_euclid(100), 2, '0'),
            'g' => number(i32::from(week.year()).rem_euclid(100), 2, '0'),
            'm' => number(local.month().into(), 2, '0'),
            'd' => number(local.day().into(), 2, '0'),
            'e' => number(local.day().into(), 2, ' '),
            'j' => number(year_day, 3, '0'),
            'H' => number(local.hour().into(), 2, '0'),
            'k' => number(local.hour().into(), 2, ' '),
            'I' => number(hour12.into(), 2, '0'),
            'l' => number(hour12.into(), 2, ' '),
            'M' => number(local.minute().into(), 2, '0'),
            'S' => number(local.second().into(), 2, '0'),
            'f' => number(local.subsec_nanosecond() / 1000, 6, '0'),
            'L' => number(local.subsec_nanosecond() / 1_000_000, 3, '0'),
            'V' => number(week.week().into(), 2, '0'),
            'U' => number((year_day + 6 - i32::from(weekday)) / 7, 2, '0'),
            'W' => number((year_day + 6 - (i32::from(weekday) + 6) % 7) / 7, 2, '0'),
            'w' => number(weekday.into(), 1, '0'),
            'u' => number(local.weekday().to_monday_one_offset().into(), 1, '0'),
            's' => out.push_str(&at.timestamp().as_second().to_string()),
            'A' => self.push_text(out, weekday_name),
            'a' => self.push_text(out, &weekday_name[..3]),
            'B' => self.push_text(out, month_name),
            'b' | 'h' => self.push_text(out, &month_name[..3]),
            'p' if self.is_swapped => out.push_str(if local.hour() < 12 { "am" } else { "pm" }),
            'p' => self.push_text(out, if local.hour() < 12 { "AM" } else { "PM" }),
            'P' => self.push_text(out, if local.hour() < 12 { "am" } else { "pm" }),
            'Z' => self.push_text(out, &zone_abbreviation(at)),
            'z' => self.push_offset(out, at.offset().seconds()),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '%' => out.push('%'),
            letter => match composed(letter) {
                Some(longer) => self.push_text(out, &format(at, longer)),
                None => {
                    out.push('%');
                    out.push(letter);
                }
            },
        }
    }

    fn push_padded(&self, out: &mut String, number: i32, width: usize, padding: char) {
        match self.padding {
            Some(None) => push_number(out, number, 0, padding),
            flag => {
                let padding = flag.flatten().unwrap_or(padding);
                push_number(out, number, self.width.unwrap_or(width), padding);
            }
        }
    }

    fn push_text(&self, out: &mut String, text: &str) {
        let padding = self.padding.flatten().unwrap_or(' ');
        let missing = self.width.unwrap_or(0).saturating_sub(text.len());
        out.extend(std::iter::repeat_n(padding, missing));
        if self.is_upper || self.is_swapped {
            out.push_str(&text.to_uppercase());
        } else {
            out.push_str(text);
        }
    }

    fn push_offset(&self, out: &mut String, seconds: i32) {
        let sign = if seconds < 0 { '-' } else { '+' };
        let seconds = seconds.unsigned_abs();
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let text = match self.colons {
            0 => format!("{sign}{hours:02}{minutes:02}"),
            1 => format!("{sign}{hours:02}:{minutes:02}"),
            _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
        };
        out.push_str(&text);
    }
}

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
            _ => Err(format!("parsing {rest:?}: unconverted data remains")),
        })
        .and_then(|()| reading.finish())
        .map_err(|error| format!("failed to parse {text:?} with {format:?}: {error}"))
}

#[derive(Default)]
struct Reading {
    century: Option<i32>,
    year: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    year_day: Option<i32>,
    hour: i32,
    minute: i32,
    second: i32,
    nanosecond: i32,
    is_pm: Option<bool>,
    offset: i32,
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
            'H' | 'k' | 'I' | 'l' => {
                *rest = rest.strip_prefix(' ').unwrap_or(rest);
                let hour = take_number(rest, 2).filter(|hour| (0..24).contains(hour));
                self.hour = hour.ok_or_else(|| cannot_parse(letter))?;
            }
            'M' => self.minute = number(2, 0, 59)?,
            'S' => self.second = number(2, 0, 59)?,
            'f' => self.nanosecond = take_fraction(rest).ok_or_else(|| cannot_parse('f'))?,
            'w' | 'u' => drop(number(1, 0, 7)?),
            'U' | 'W' | 'V' => drop(number(2, 0, 53)?),
            's' => self.unix = Some(take_unix(rest).ok_or_else(|| cannot_parse('s'))?),
            'A' | 'a' => drop(take_name(rest, &WEEKDAYS).ok_or_else(|| cannot_parse(letter))?),
            'B' | 'b' | 'h' => {
                let month = take_name(rest, &MONTHS).ok_or_else(|| cannot_parse(letter))?;
                self.month = Some(month as i32 + 1);
            }
            'p' | 'P' => {
                let half = take_name(rest, &["am", "pm"]).ok_or_else(|| cannot_parse(letter))?;
                self.is_pm = Some(half == 1);
            }
            'Z' => {
                let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
                if !matches!(&rest[..length], "UTC" | "GMT" | "Z") {
                    return Err(format!("unknown time zone {:?}", &rest[..length]));
                }
                *rest = &rest[length..];
            }
            'z' => self.offset = take_offset(rest).ok_or_else(|| cannot_parse('z'))?,
            'n' | 't' => *rest = rest.trim_start(),
            '%' => *rest = rest.strip_prefix('%').ok_or("expected '%'")?,
            letter => return Err(format!("unexpected format: \"%{letter}\"")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Zoned, String> {
        let offset = Offset::from_seconds(self.offset).map_err(|error| error.to_string())?;
        if let Some(unix) = self.unix {
            let at = jiff::Timestamp::new(unix, self.nanosecond).map_err(|e| e.to_string())?;
            return Ok(at.to_zoned(offset.to_time_zone()));
        }
        let hour = match self.is_pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let year = match (self.century, self.year) {
            (Some(century), Some(year)) => century * 100 + year % 100,
            (Some(century), None) => century * 100,
            (None, year) => year.unwrap_or(1900),
        };
        let narrow = |number: i32| i8::try_from(number).unwrap_or(i8::MAX);
        let year = i16::try_from(year).map_err(|_| "year is out of range")?;
        let month = narrow(self.month.unwrap_or(1));
        let date = Date::new(year, month, narrow(self.day.unwrap_or(1)))
            .map_err(|_| "day is out of range for its month")?;
        let date = match self.year_day {
            Some(day) => date
                .first_of_year()
                .checked_add(jiff::Span::new().days(day - 1))
                .map_err(|error| error.to_string())?,
            None => date,
        };
        let (minute, second) = (narrow(self.minute), narrow(self.second));
        let time = Time::new(narrow(hour), minute, second, self.nanosecond)
            .map_err(|error| error.to_string())?;
        zoned(date, time, offset).map_err(|error| error.to_string())
    }
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

/// Up to nine digits of a fraction, as nanoseconds.
fn take_fraction(rest: &mut &str) -> Option<i32> {
    let length = rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
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
    fn directives_are_written() {
        let at: Zoned = "2024-02-03T15:06:07.012345678+02:30[+02:30]"
            .parse()
            .unwrap();
        for (format, expected) in [
            ("%Y-%b-%d %H:%M:%S.%f", "2024-Feb-03 15:06:07.012345"),
            (
                "%A %a %B %e|%-d|%_m|%05j",
                "Saturday Sat February  3|3| 2|00034",
            ),
            ("%I:%M %p %P %#p %l", "03:06 PM pm pm  3"),
            (
                "%F %T %D %R %r",
                "2024-02-03 15:06:07 02/03/24 15:06 03:06:07 PM",
            ),
            ("%z %:z %::z", "+0230 +02:30 +02:30:00"),
            ("%G-W%V-%u %w %U %W %C %y", "2024-W05-6 6 04 05 20 24"),
            ("%^a %% %n%t %q %", "SAT % \n\t %q %"),
            ("%s", "1706963767"),
            ("%c", "Sat Feb  3 15:06:07 2024"),
        ] {
            assert_eq!(super::format(&at, format), expected, "{format}");
        }
    }

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
            ("%s", "86400", "1970-01-02T00:00:00+00:00[UTC]"),
            ("%Y %j", "2024 060", "2024-02-29T00:00:00+00:00[UTC]"),
        ] {
            let at = parse(text, format).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(at, expected.parse().unwrap(), "{format}");
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
        assert!(parse("2020x", "%Y").unwrap_err().contains("unconverted"));
        assert!(
            parse("2020", "%Q")
                .unwrap_err()
                .contains("unexpected format")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_format_and_text_are_safe(format in "[%0-9A-Za-z_:^#é-]{0,20}", text in "\\PC{0,20}") {
            let at: Zoned = "2024-02-03T15:06:07.012345678+02:30[+02:30]".parse().unwrap();
            super::format(&at, &format);
            let _ = parse(&text, &format);
        }
    }
}
