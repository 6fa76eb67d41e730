//! `strftime`

use millrace_bloblang::{MONTHS, WEEKDAYS};

use crate::error::Fail;
use crate::limits::Budget;

use super::civil::Parts;

/// Letters that stand for several others.
pub(super) fn composed(letter: char) -> Option<&'static str> {
    Some(match letter {
        'c' => "%a %b %e %H:%M:%S %Y",
        '+' => "%a %b %e %H:%M:%S %Z %Y",
        'F' => "%Y-%m-%d",
        'D' | 'x' => "%m/%d/%y",
        'v' => "%e-%b-%Y",
        'T' | 'X' => "%H:%M:%S",
        'r' => "%I:%M:%S %p",
        'R' => "%H:%M",
        _ => return None,
    })
}

/// The widest that a part is made.
const WIDTH_MAX: usize = 1024;

/// What stands between `%` and its letter.
#[derive(Clone, Copy, Default)]
struct Flags {
    /// What a number is filled up with; nothing for its own way.
    fill: Option<char>,
    is_unfilled: bool,
    is_upper: bool,
    is_swapped: bool,
    width: usize,
    colons: usize,
}

/// Appends a time in a format.
pub(super) fn format(
    budget: &Budget,
    format: &str,
    parts: &Parts,
    offset: i64,
    zone: &str,
    out: &mut String,
) -> Result<(), Fail> {
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        let before = out.len();
        match character {
            '%' => directive(budget, &mut rest, parts, offset, zone, out)?,
            other => out.push(other),
        }
        budget.build(out.len() - before)?;
    }
    Ok(())
}

fn directive(
    budget: &Budget,
    rest: &mut std::str::Chars<'_>,
    parts: &Parts,
    offset: i64,
    zone: &str,
    out: &mut String,
) -> Result<(), Fail> {
    let mut flags = Flags::default();
    let written = rest.as_str();
    loop {
        let start = rest.as_str();
        let Some(letter) = rest.next() else {
            out.push('%');
            out.push_str(written);
            return Ok(());
        };
        match letter {
            '-' => flags.is_unfilled = true,
            '_' => flags.fill = Some(' '),
            '0' => flags.fill = Some('0'),
            '^' => flags.is_upper = true,
            '#' => flags.is_swapped = true,
            ':' => flags.colons += 1,
            '1'..='9' => {
                let digits = start.len()
                    - start
                        .trim_start_matches(|it: char| it.is_ascii_digit())
                        .len();
                flags.width = start[..digits].parse().unwrap_or(WIDTH_MAX).min(WIDTH_MAX);
                *rest = start[digits..].chars();
            }
            _ => match composed(letter) {
                Some(several) => return format(budget, several, parts, offset, zone, out),
                None => {
                    let written = &written[..written.len() - rest.as_str().len()];
                    one(letter, written, flags, parts, offset, zone, out);
                    return Ok(());
                }
            },
        }
    }
}

/// Appends one part; a letter that stands for none is left as it is written.
fn one(
    letter: char,
    written: &str,
    flags: Flags,
    parts: &Parts,
    offset: i64,
    zone: &str,
    out: &mut String,
) {
    let weekday = parts.weekday();
    let year_day = parts.day_of_year();
    let hour_of_12 = match parts.hour % 12 {
        0 => 12,
        hour => hour,
    };
    let (number, width, fill) = match letter {
        'Y' => (parts.year, 4, '0'),
        'y' => (parts.year % 100, 2, '0'),
        'C' => (parts.year / 100, 2, '0'),
        'g' => (parts.iso_week().0 % 100, 2, '0'),
        'G' => (parts.iso_week().0, 4, '0'),
        'm' => (parts.month, 2, '0'),
        'w' => (weekday, 0, '0'),
        'u' => ((weekday + 6) % 7 + 1, 0, '0'),
        'V' => (parts.iso_week().1, 2, '0'),
        'U' => ((year_day + 7 - weekday) / 7, 2, '0'),
        'W' => ((year_day + 7 - (weekday + 6) % 7) / 7, 2, '0'),
        'd' => (parts.day, 2, '0'),
        'e' => (parts.day, 2, ' '),
        'j' => (year_day + 1, 3, '0'),
        'H' => (parts.hour, 2, '0'),
        'k' => (parts.hour, 2, ' '),
        'I' => (hour_of_12, 2, '0'),
        'l' => (hour_of_12, 2, ' '),
        'M' => (parts.minute, 2, '0'),
        'S' => (parts.second, 2, '0'),
        's' => (parts.epoch_seconds() - offset, 0, ' '),
        'f' => (parts.nanosecond / 1000, 6, '0'),
        _ => return text(letter, written, flags, parts, offset, zone, out),
    };
    let fill = flags.fill.unwrap_or(fill);
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "-" } else { "" };
    let width = match flags.is_unfilled {
        true => 0,
        false => width.max(flags.width),
    };
    let missing = width.saturating_sub(digits.len() + sign.len());
    let filling = fill.to_string().repeat(missing);
    match fill {
        '0' => out.extend([sign, &filling, &digits]),
        _ => out.extend([&filling, sign, &digits]),
    }
}

/// Appends a part that is no number.
fn text(
    letter: char,
    written: &str,
    flags: Flags,
    parts: &Parts,
    offset: i64,
    zone: &str,
    out: &mut String,
) {
    let month = MONTHS[(parts.month - 1).clamp(0, 11) as usize];
    let weekday = WEEKDAYS[parts.weekday().clamp(0, 6) as usize];
    let half = if parts.hour < 12 { "AM" } else { "PM" };
    let mut text = match letter {
        'B' => month.to_owned(),
        'b' | 'h' => month[..3].to_owned(),
        'A' => weekday.to_owned(),
        'a' => weekday[..3].to_owned(),
        'p' => half.to_owned(),
        'P' => half.to_ascii_lowercase(),
        'Z' => zone.to_owned(),
        'z' => zone_offset(offset, flags.colons),
        't' => "\t".to_owned(),
        'n' => "\n".to_owned(),
        '%' => "%".to_owned(),
        _ => format!("%{written}"),
    };
    if flags.is_upper {
        text.make_ascii_uppercase();
    } else if flags.is_swapped {
        match text.chars().any(|it| it.is_ascii_lowercase()) {
            true => text.make_ascii_uppercase(),
            false => text.make_ascii_lowercase(),
        }
    }
    let fill = flags.fill.unwrap_or(' ').to_string();
    out.push_str(&fill.repeat(flags.width.saturating_sub(text.len())));
    out.push_str(&text);
}

fn zone_offset(offset: i64, colons: usize) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.abs();
    let (hours, minutes, seconds) = (offset / 3600, offset / 60 % 60, offset % 60);
    match colons {
        0 => format!("{sign}{hours:02}{minutes:02}"),
        1 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}
