//! C's `strftime` and `strptime` formats, as far as Bento's library for them goes: no `E` and `O`
//! modifiers, the flags `-_0^#`, widths, `%f` for microseconds.

use jiff::Zoned;

use super::time::{MONTHS, WEEKDAYS, push_number, zone_abbreviation};

pub(crate) use read::parse;

mod read;
mod week;

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
            's' => {
                let seconds = at.timestamp().as_nanosecond().div_euclid(1_000_000_000);
                out.push_str(&seconds.to_string());
            }
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

    proptest::proptest! {
        #[test]
        fn any_format_and_text_are_safe(format in "[%0-9A-Za-z_:^#é-]{0,20}", text in "\\PC{0,20}") {
            let at: Zoned = "2024-02-03T15:06:07.012345678+02:30[+02:30]".parse().unwrap();
            super::format(&at, &format);
            let _ = parse(&text, &format);
        }
    }
}
