//! `strptime`

use millrace_bloblang::{MONTHS, WEEKDAYS};

use super::civil::Parts;
use super::format::composed;

/// Reads a time and gives its whole seconds since 1970, and the fraction of the next one.
///
/// # Errors
/// What does not fit.
pub(super) fn parse(text: &str, format: &str) -> Result<(i64, f64), String> {
    let mut reader = Reader {
        rest: text,
        parts: Parts {
            year: 1900,
            month: 1,
            ..Parts::default()
        },
        ..Reader::default()
    };
    reader.format(format)?;
    if !reader.rest.is_empty() {
        return Err(format!("unparsed string {:?}", reader.rest));
    }
    let fraction = reader.fraction;
    Ok((reader.epoch()?, fraction))
}

#[derive(Default)]
struct Reader<'t> {
    rest: &'t str,
    parts: Parts,
    century: Option<i64>,
    year_day: i64,
    /// From 1, which is Sunday; 0 when none was read.
    weekday: i64,
    week: Option<(char, i64)>,
    is_iso_year: bool,
    is_afternoon: bool,
    offset: i64,
    fraction: f64,
}

impl<'t> Reader<'t> {
    fn format(&mut self, format: &str) -> Result<(), String> {
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                self.literal(letter)?;
                continue;
            }
            let mut letter = letters.next().ok_or("stray \"%\"")?;
            let mut colons = 0;
            while letter == ':' && colons < 2 {
                colons += 1;
                letter = letters.next().ok_or("expected 'z' after \"%:\"")?;
            }
            if colons > 0 && letter != 'z' {
                return Err("expected 'z' after \"%:\"".to_owned());
            }
            self.directive(letter)?;
        }
        Ok(())
    }

    fn literal(&mut self, letter: char) -> Result<(), String> {
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(format!("expected {letter:?}")),
        }
    }

    fn directive(&mut self, letter: char) -> Result<(), String> {
        match letter {
            'Y' => self.parts.year = self.number(letter, 4, 0, 9999)?,
            'y' => {
                let year = self.number(letter, 2, 0, 99)?;
                self.parts.year = year + if year < 69 { 2000 } else { 1900 };
            }
            'C' => self.century = Some(self.number(letter, 2, 0, 99)?),
            'g' => {
                self.parts.year = 2000 + self.number(letter, 2, 0, 99)?;
                self.is_iso_year = true;
            }
            'G' => {
                self.parts.year = self.number(letter, 4, 0, 9999)?;
                self.is_iso_year = true;
            }
            'm' => self.parts.month = self.number(letter, 2, 1, 12)?,
            'B' => self.parts.month = self.name(letter, &MONTHS, usize::MAX)?,
            'b' | 'h' => self.parts.month = self.name(letter, &MONTHS, 3)?,
            'A' => self.weekday = self.name(letter, &WEEKDAYS, usize::MAX)?,
            'a' => self.weekday = self.name(letter, &WEEKDAYS, 3)?,
            'w' => self.weekday = self.number(letter, 1, 0, 6)? + 1,
            'u' => self.weekday = self.number(letter, 1, 1, 7)? % 7 + 1,
            'V' | 'U' | 'W' => {
                let least = i64::from(letter == 'V');
                self.week = Some((letter, self.number(letter, 2, least, 53)?));
            }
            'd' => self.parts.day = self.number(letter, 2, 1, 31)?,
            'e' => self.parts.day = self.after_space(letter, 1, 31)?,
            'j' => self.year_day = self.number(letter, 3, 1, 366)?,
            'H' => self.parts.hour = self.number(letter, 2, 0, 23)?,
            'k' => self.parts.hour = self.after_space(letter, 0, 23)?,
            'I' => self.parts.hour = self.number(letter, 2, 1, 12)? % 12,
            'l' => self.parts.hour = self.after_space(letter, 1, 12)? % 12,
            'p' | 'P' => self.is_afternoon = self.name(letter, &["AM", "PM"], 2)? == 2,
            'M' => self.parts.minute = self.number(letter, 2, 0, 59)?,
            'S' => self.parts.second = self.number(letter, 2, 0, 60)?,
            's' => self.parts = Parts::of(self.number(letter, 10, 0, i64::MAX)?),
            'f' => {
                let before = self.rest.len();
                let digits = self.number(letter, 6, 0, 999_999)?;
                let places = (before - self.rest.len()) as i32;
                self.fraction = digits as f64 / f64::from(10).powi(places);
            }
            'Z' => self.zone_name()?,
            'z' => self.zone_offset()?,
            't' | 'n' => {
                let rest = self
                    .rest
                    .trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
                if rest.len() == self.rest.len() {
                    return Err(format!("expected a space for \"%{letter}\""));
                }
                self.rest = rest;
            }
            '%' => self.literal('%')?,
            other => match composed(other) {
                Some(several) => self.format(several)?,
                None => return Err(format!("unexpected format \"%{other}\"")),
            },
        }
        Ok(())
    }

    fn number(&mut self, letter: char, len: usize, min: i64, max: i64) -> Result<i64, String> {
        let digits = self
            .rest
            .bytes()
            .take(len)
            .take_while(u8::is_ascii_digit)
            .count();
        let number = self.rest[..digits]
            .parse()
            .ok()
            .filter(|it| (min..=max).contains(it));
        self.rest = &self.rest[digits..];
        number.ok_or_else(|| format!("cannot parse \"%{letter}\""))
    }

    fn after_space(&mut self, letter: char, min: i64, max: i64) -> Result<i64, String> {
        self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
        self.number(letter, 2, min, max)
    }

    /// The position of a name, from 1; of names only the first letters may be asked for.
    fn name(&mut self, letter: char, names: &[&str], len: usize) -> Result<i64, String> {
        for (position, name) in names.iter().enumerate() {
            let name = &name[..name.len().min(len)];
            let found = self.rest.get(..name.len());
            if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
                self.rest = &self.rest[name.len()..];
                return Ok(position as i64 + 1);
            }
        }
        Err(format!("cannot parse \"%{letter}\""))
    }

    /// Of names, those of UTC are known.
    fn zone_name(&mut self) -> Result<(), String> {
        let len = self.rest.bytes().take_while(u8::is_ascii_uppercase).count();
        let (name, rest) = self.rest.split_at(len);
        self.rest = rest;
        match name {
            "UTC" | "GMT" | "Z" => Ok(()),
            _ => Err(format!("cannot parse {name:?} with \"%Z\"")),
        }
    }

    fn zone_offset(&mut self) -> Result<(), String> {
        let failed = || "cannot parse \"%z\"".to_owned();
        let sign = match self.rest.chars().next() {
            Some('Z') => {
                self.rest = &self.rest[1..];
                return Ok(());
            }
            Some('+') => 1,
            Some('-') => -1,
            _ => return Err(failed()),
        };
        self.rest = &self.rest[1..];
        let mut offset = 0;
        for (unit, max) in [(3600, 23), (60, 59), (1, 59)] {
            let rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
            let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
            match rest[..digits].parse::<i64>() {
                Ok(number) if digits == 2 && number <= max => {
                    offset += number * unit;
                    self.rest = &rest[2..];
                }
                _ if unit == 3600 => return Err(failed()),
                _ => break,
            }
        }
        self.offset = sign * offset;
        Ok(())
    }

    fn epoch(mut self) -> Result<i64, String> {
        if self.is_afternoon && self.parts.hour < 12 {
            self.parts.hour += 12;
        }
        if let Some(century) = self.century {
            self.parts.year = century * 100 + self.parts.year % 100;
        }
        let Parts {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = self.parts;
        let (month, day) = match (day, self.year_day, self.week) {
            (1.., ..) => (month, day),
            (_, 1.., _) if self.is_iso_year => {
                return Err("use \"%Y\" to parse non-ISO year for \"%j\"".to_owned());
            }
            (_, year_day @ 1.., _) => (1, year_day),
            (_, _, Some((letter, week))) => (1, self.day_of_week(letter, week)?),
            _ => (month, 1),
        };
        let parts = Parts::normal([year, month, day, hour, minute, second], 0);
        Ok(parts.epoch_seconds() - self.offset)
    }

    /// The day of the year of a day of a week.
    fn day_of_week(&self, letter: char, mut week: i64) -> Result<i64, String> {
        match (letter, self.is_iso_year) {
            ('V', false) => return Err("use \"%G\" to parse ISO year for \"%V\"".to_owned()),
            ('U' | 'W', true) => {
                return Err("use \"%Y\" to parse non-ISO year for \"%U\" or \"%W\"".to_owned());
            }
            _ => {}
        }
        // The weekday that the first week of the year has at least.
        let (start, default) = match letter {
            'V' => (4, 2),
            'U' => (0, 1),
            _ => (1, 2),
        };
        let weekday = if self.weekday == 0 {
            default
        } else {
            self.weekday
        };
        if start > 0 && weekday == 1 {
            week += 1;
        }
        let before = Parts::normal([self.parts.year, 1, -start, 0, 0, 0], 0);
        Ok(-start + week * 7 - before.weekday() + weekday - 1)
    }
}
