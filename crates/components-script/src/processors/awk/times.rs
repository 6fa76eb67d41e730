//! Times: read and written in Go's layouts.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use millrace_awk::{Answer, Arguments, Fault};
use millrace_bloblang::{format_time, parse_time};

/// What a number of time counts.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Unit {
    Seconds,
    Nanoseconds,
}

/// The layouts that are tried when none is given.
const LAYOUTS: [&str; 12] = [
    "Mon Jan 02 15:04:05 -0700 2006",
    "Mon, 02 Jan 2006 15:04:05 -0700",
    "Mon, 02 Jan 2006 15:04:05 MST",
    RFC3339,
    "02 Jan 06 15:04 MST",
    "02 Jan 06 15:04 -0700",
    "Mon, 2 Jan 2006 15:04:05 -0700",
    "2006-01-02T15:04:05MST",
    "2006-01-02T15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z0700",
    "2006-01-02",
];
const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
/// The longest date or layout, in bytes.
const LENGTH_MAX: usize = 1000;

/// The number of a date, or of now.
pub(super) fn unix(arguments: &mut Arguments<'_>, unit: Unit) -> Result<Answer, Fault> {
    let (date, layout) = (arguments.text(0), layout(arguments)?);
    if date.len() > LENGTH_MAX {
        return Err(Fault::new("the date is longer than 1000 bytes"));
    }
    let at = match (date.is_empty(), layout.is_empty()) {
        (true, _) => Timestamp::now(),
        (_, false) => parse_time(&layout, &date).map_err(Fault::new)?.timestamp(),
        _ => LAYOUTS
            .iter()
            .find_map(|layout| parse_time(layout, &date).ok())
            .ok_or_else(|| Fault::new(format!("failed to detect datetime format of: {date}")))?
            .timestamp(),
    };
    Ok(Answer::Number(match unit {
        Unit::Seconds => at.as_nanosecond().div_euclid(1_000_000_000) as f64,
        Unit::Nanoseconds => at.as_nanosecond() as f64,
    }))
}

/// The text of a time in UTC.
pub(super) fn format(arguments: &mut Arguments<'_>, unit: Unit) -> Result<Answer, Fault> {
    let number = arguments.integer(0);
    let at = match unit {
        Unit::Seconds => Timestamp::from_second(number),
        Unit::Nanoseconds => Timestamp::from_nanosecond(number.into()),
    };
    let at = at.map_err(|_| Fault::new(format!("{number} is no time before the year 10000")))?;
    let layout = layout(arguments)?;
    let layout = if layout.is_empty() { RFC3339 } else { &layout };
    let text = format_time(layout, &at.to_zoned(TimeZone::UTC));
    Ok(Answer::Text(text.into_bytes()))
}

fn layout(arguments: &Arguments<'_>) -> Result<String, Fault> {
    let layout = arguments.text(1);
    match layout.len() > LENGTH_MAX {
        true => Err(Fault::new("the layout is longer than 1000 bytes")),
        false => Ok(layout),
    }
}
