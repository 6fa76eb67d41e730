//! Times, in Go's layouts.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use millrace_bloblang::{format_time, parse_duration, parse_time};
use millrace_message::clock;

use super::Type::{Any, Text, Time};
use super::{Answer, Call, Function, durations};
use crate::Fault;
use crate::value::Val;

/// The longest layout and date, in bytes.
const LENGTH_MAX: usize = 1000;
const DATE: &str = "2006-01-02";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("now", &[], |_| Ok(time(now()))),
    Function::new("date", &[Text, Any], |call| {
        in_zone(call, &layout(call, 0)?, 1, "Local")
    }),
    Function::new("dateInZone", &[Text, Any, Text], date_in_zone),
    Function::new("date_in_zone", &[Text, Any, Text], date_in_zone),
    Function::new("htmlDate", &[Any], |call| in_zone(call, DATE, 0, "Local")),
    Function::new("htmlDateInZone", &[Any, Text], |call| {
        let zone = call.text(1).into_owned();
        in_zone(call, DATE, 0, &zone)
    }),
    Function::new("dateModify", &[Text, Time], modify),
    Function::new("date_modify", &[Text, Time], modify),
    Function::new("mustDateModify", &[Text, Time], must_modify),
    Function::new("must_date_modify", &[Text, Time], must_modify),
    Function::new("toDate", &[Text, Text], |call| {
        let zero = jiff::civil::date(1, 1, 1).to_zoned(TimeZone::UTC);
        match read(call)? {
            Ok(at) => Ok(time(at)),
            Err(_) => zero
                .map(time)
                .map_err(|error| Fault::new(error.to_string())),
        }
    }),
    Function::new("mustToDate", &[Text, Text], |call| {
        read(call)?.map(time).map_err(Fault::new)
    }),
    Function::new("unixEpoch", &[Time], |call| {
        call.made(seconds(call.time(0)).to_string())
    }),
    Function::new("ago", &[Any], |call| {
        let at = match call.value(0) {
            Val::Time(at) => at.timestamp(),
            Val::Int(seconds) | Val::Int64(seconds) => from_seconds(*seconds)?,
            _ => clock::now(),
        };
        let passed = clock::now().as_nanosecond() - at.as_nanosecond();
        // To the nearest second, halves away from zero.
        let half = passed.signum() * 500_000_000;
        let whole = (passed + half) / 1_000_000_000 * 1_000_000_000;
        let passed = whole.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        call.made(durations::text(passed))
    }),
];

fn time(at: Zoned) -> Val {
    Val::Time(Arc::new(at))
}

fn now() -> Zoned {
    clock::now().to_zoned(TimeZone::system())
}

/// Whole seconds since 1970, rounded down.
pub(super) fn seconds(at: &Zoned) -> i64 {
    at.timestamp().as_nanosecond().div_euclid(1_000_000_000) as i64
}

fn from_seconds(seconds: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_second(seconds)
        .map_err(|_| Fault::new(format!("{seconds} is no time before the year 10000")))
}

fn layout(call: &Call<'_, '_>, index: usize) -> Result<String, Fault> {
    let layout = call.text(index);
    match layout.len() > LENGTH_MAX {
        true => Err(Fault::new("the layout or date is longer than 1000 bytes")),
        false => Ok(layout.into_owned()),
    }
}

fn date_in_zone(call: &mut Call<'_, '_>) -> Answer {
    let zone = call.text(2).into_owned();
    in_zone(call, &layout(call, 0)?, 1, &zone)
}

/// A time in a layout and a zone; what is no time means now, what is no zone UTC.
fn in_zone(call: &Call<'_, '_>, layout: &str, index: usize, zone: &str) -> Answer {
    let at = match call.value(index) {
        Val::Time(at) => at.timestamp(),
        Val::Int(seconds) | Val::Int64(seconds) => from_seconds(*seconds)?,
        _ => clock::now(),
    };
    let zone = match zone {
        "" | "UTC" => TimeZone::UTC,
        "Local" => TimeZone::system(),
        name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
    };
    call.made(format_time(layout, &at.to_zoned(zone)))
}

/// Moves a time by a duration; what is no duration leaves it.
fn modify(call: &mut Call<'_, '_>) -> Answer {
    match parse_duration(&layout(call, 0)?) {
        Ok(by) => moved(call.time(1), by),
        Err(_) => Ok(call.value(1).clone()),
    }
}

fn must_modify(call: &mut Call<'_, '_>) -> Answer {
    let by = parse_duration(&layout(call, 0)?).map_err(Fault::new)?;
    moved(call.time(1), by)
}

fn moved(at: &Zoned, by: i64) -> Answer {
    at.checked_add(SignedDuration::from_nanos(by))
        .map(time)
        .map_err(|_| Fault::new("the time is out of range"))
}

/// A date in a layout; where it names no zone, in that of the host.
fn read(call: &Call<'_, '_>) -> Result<Result<Zoned, String>, Fault> {
    let (layout, text) = (layout(call, 0)?, layout(call, 1)?);
    let names_zone = ["MST", "Z07", "-07", "+07"]
        .iter()
        .any(|it| layout.contains(it));
    Ok(parse_time(&layout, &text).and_then(|at| match names_zone {
        true => Ok(at),
        false => at
            .datetime()
            .to_zoned(TimeZone::system())
            .map_err(|error| error.to_string()),
    }))
}
