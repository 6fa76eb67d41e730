//! YAML, by the rules of go-yaml v3: what a plain scalar means, how a value is laid out.

mod quote;
mod read;
mod write;

pub use read::read;
pub use write::write;

/// What aliases may add to a document, in bytes: a few lines of aliases of aliases stand for more
/// values than a machine can hold.
pub const ALIASED_MAX: usize = 16 << 20;

/// Whether a plain scalar is a timestamp: the forms with a date of four, one or two, and one or
/// two digits.
fn timestamp(text: &str) -> Option<jiff::Zoned> {
    use jiff::civil::{Date, Time};
    use jiff::tz::{Offset, TimeZone};

    let digits = |text: &str, most: usize| -> Option<i64> {
        let fits = !text.is_empty() && text.len() <= most;
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        (fits && plain).then(|| text.parse().ok()).flatten()
    };
    let (year, rest) = text.split_once('-')?;
    if year.len() != 4 {
        return None;
    }
    let (month, rest) = rest.split_once('-')?;
    let end = rest.find(['T', 't', ' ']).unwrap_or(rest.len());
    let date = Date::new(
        i16::try_from(digits(year, 4)?).ok()?,
        i8::try_from(digits(month, 2)?).ok()?,
        i8::try_from(digits(&rest[..end], 2)?).ok()?,
    )
    .ok()?;
    let Some(separator) = rest[end..].chars().next() else {
        return TimeZone::UTC
            .to_zoned(date.to_datetime(Time::midnight()))
            .ok();
    };
    let time = &rest[end + 1..];
    let zone_at = time.find(['Z', '+', '-']);
    let (time, zone) = match (separator, zone_at) {
        (' ', None) => (time, "Z"),
        ('T' | 't', Some(at)) => time.split_at(at),
        _ => return None,
    };
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let nanosecond = digits(fraction, 9)? * 10_i64.pow(9 - fraction.len() as u32);
    let time = Time::new(
        i8::try_from(digits(hour, 2)?).ok()?,
        i8::try_from(digits(minute, 2)?).ok()?,
        i8::try_from(digits(second, 2)?).ok()?,
        i32::try_from(nanosecond).ok()?,
    )
    .ok()?;
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => Offset::UTC,
        (sign, zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            if hours.len() != 2 || minutes.len() != 2 {
                return None;
            }
            let seconds = digits(hours, 2)? * 3600 + digits(minutes, 2)? * 60;
            let seconds = i32::try_from(if sign == "-" { -seconds } else { seconds }).ok()?;
            Offset::from_seconds(seconds).ok()?
        }
    };
    let zone = if offset == Offset::UTC {
        TimeZone::UTC
    } else {
        TimeZone::fixed(offset)
    };
    zone.to_zoned(date.to_datetime(time)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_told_from_text() {
        for (text, expected) in [
            ("2020-01-01", "2020-01-01T00:00:00Z"),
            ("2020-1-2", "2020-01-02T00:00:00Z"),
            ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00Z"),
            (
                "2020-01-01t10:00:00.25+02:00",
                "2020-01-01T10:00:00.25+02:00",
            ),
            ("2020-01-01 10:00:00", "2020-01-01T10:00:00Z"),
        ] {
            let at = timestamp(text).unwrap_or_else(|| panic!("{text}"));
            let value = millrace_message::Value::from(at);
            assert_eq!(value.to_text().as_str(), expected, "{text}");
        }
        for text in [
            "",
            "2020",
            "2020-01",
            "20-01-01",
            "2020-13-01",
            "2020-01-01T10:00",
            "2020-01-01 10:00:00Z",
            "2020-01-01T10:00:00",
            "2020-01-01T10:00:00+2",
            "2020-01-01x",
            "2020-01-01\u{e9}",
            "2020-01-01T10:00:00.1234567890Z",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
