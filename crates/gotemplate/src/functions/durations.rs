//! Durations as Go writes them: `1h2m3.5s`.

use millrace_bloblang::parse_duration;
use millrace_message::clock;

use super::Function;
use super::Type::Any;
use crate::value::Val;

const SECOND: i64 = 1_000_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("duration", &[Any], |call| {
        let seconds = match call.value(0) {
            Val::Int64(seconds) => *seconds,
            Val::Str(text) => text.text().parse().unwrap_or(0),
            _ => 0,
        };
        call.made(text(seconds.wrapping_mul(SECOND)))
    }),
    Function::new("durationRound", &[Any], |call| {
        let nanoseconds = match call.value(0) {
            Val::Str(text) => parse_duration(&text.text()).unwrap_or(0),
            Val::Int64(nanoseconds) => *nanoseconds,
            Val::Time(at) => {
                let since = clock::now().as_nanosecond() - at.timestamp().as_nanosecond();
                since.clamp(i64::MIN.into(), i64::MAX.into()) as i64
            }
            _ => 0,
        };
        call.made(rounded(nanoseconds.unsigned_abs()))
    }),
];

/// A duration in its largest unit alone.
fn rounded(nanoseconds: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    const HOUR: u64 = 3600 * SECOND;
    let units = [
        (HOUR * 24 * 365, "y"),
        (HOUR * 24 * 30, "mo"),
        (HOUR * 24, "d"),
        (HOUR, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    match units.into_iter().find(|(size, _)| nanoseconds > *size) {
        Some((size, name)) => format!("{}{name}", nanoseconds / size),
        None => "0s".to_owned(),
    }
}

/// `time.Duration.String` of so many nanoseconds.
pub(super) fn text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let second = SECOND.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    if total < second {
        let (size, name) = match total {
            0..1_000 => return format!("{sign}{total}ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", fraction(total, size));
    }
    let (minutes, rest) = (total / (60 * second), total % (60 * second));
    let seconds = fraction(rest, second);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// A quotient with its decimals.
fn fraction(number: u64, size: u64) -> String {
    let (whole, rest) = (number / size, number % size);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = size.ilog10() as usize;
    let decimals = format!("{rest:0digits$}");
    format!("{whole}.{}", decimals.trim_end_matches('0'))
}
