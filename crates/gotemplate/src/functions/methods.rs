//! Methods of the values that have some in Go.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Span;
use jiff::tz::TimeZone;
use millrace_bloblang::{format_time, parse_float};

use super::Type::{Int, Text, Time, Version as VersionType};
use super::semver::Version;
use super::{Answer, Call, Function, dates, fail};
use crate::Fault;
use crate::value::Val;

/// The method of a value; nothing when it has none of this name.
pub(crate) fn find(value: &Val, name: &str) -> Option<&'static Function> {
    let methods = match value {
        Val::Time(_) => TIME,
        Val::JsonNumber(_) => NUMBER,
        Val::Version(_) => VERSION,
        Val::Month(_) | Val::Weekday(_) => NAMED,
        _ => return None,
    };
    methods.iter().find(|it| it.name == name)
}

/// Whether Go has a method of this name, which this build has not.
pub(crate) fn is_refused(value: &Val, name: &str) -> bool {
    match value {
        Val::Time(_) => matches!(
            name,
            "Add"
                | "AppendFormat"
                | "AppendBinary"
                | "AppendText"
                | "Clock"
                | "Compare"
                | "Date"
                | "GobEncode"
                | "GoString"
                | "ISOWeek"
                | "In"
                | "IsDST"
                | "Location"
                | "MarshalBinary"
                | "MarshalJSON"
                | "MarshalText"
                | "Round"
                | "Sub"
                | "Truncate"
                | "Zone"
                | "ZoneBounds"
        ),
        Val::Version(_) => matches!(
            name,
            "GreaterThanEqual"
                | "LessThanEqual"
                | "MarshalJSON"
                | "MarshalText"
                | "SetMetadata"
                | "SetPrerelease"
                | "Value"
        ),
        _ => false,
    }
}

const NUMBER: &[Function] = &[
    Function::new("String", &[], |call| call.made(number(call))),
    Function::new("Int64", &[], |call| {
        let text = number(call);
        match text.parse() {
            Ok(integer) => Ok(Val::Int64(integer)),
            Err(_) => {
                let is_large = text.bytes().skip(1).all(|it| it.is_ascii_digit());
                let reason = if is_large {
                    "value out of range"
                } else {
                    "invalid syntax"
                };
                fail(format!("strconv.ParseInt: parsing {text:?}: {reason}"))
            }
        }
    }),
    Function::new("Float64", &[], |call| {
        let text = number(call);
        match parse_float(text) {
            Some(float) => Ok(Val::Float(float)),
            None => fail(format!(
                "strconv.ParseFloat: parsing {text:?}: value out of range"
            )),
        }
    }),
];

fn number<'a>(call: &'a Call<'_, '_>) -> &'a str {
    match call.value(0) {
        Val::JsonNumber(text) => text,
        _ => "",
    }
}

const NAMED: &[Function] = &[Function::new("String", &[], |call| {
    call.made(crate::format::string(call.value(0), call.meter())?)
})];

/// A method of times that gives a small number.
macro_rules! part {
    ($name:literal, $method:ident) => {
        Function::new($name, &[], |call| {
            Ok(Val::Int(i64::from(call.time(0).$method())))
        })
    };
}

const TIME: &[Function] = &[
    part!("Year", year),
    part!("Day", day),
    part!("Hour", hour),
    part!("Minute", minute),
    part!("Second", second),
    part!("Nanosecond", subsec_nanosecond),
    part!("YearDay", day_of_year),
    Function::new("Month", &[], |call| Ok(Val::Month(call.time(0).month()))),
    Function::new("Weekday", &[], |call| {
        Ok(Val::Weekday(call.time(0).weekday().to_sunday_zero_offset()))
    }),
    Function::new("Unix", &[], |call| {
        Ok(Val::Int64(dates::seconds(call.time(0))))
    }),
    Function::new("UnixMilli", &[], |call| Ok(since_1970(call, 1_000_000))),
    Function::new("UnixMicro", &[], |call| Ok(since_1970(call, 1_000))),
    Function::new("UnixNano", &[], |call| Ok(since_1970(call, 1))),
    Function::new("Format", &[Text], |call| {
        let layout = call.text(1);
        match layout.len() > 1000 {
            true => fail("the layout or date is longer than 1000 bytes"),
            false => call.made(format_time(&layout, call.time(0))),
        }
    }),
    Function::new("String", &[], |call| {
        call.made(crate::format::string(call.value(0), call.meter())?)
    }),
    Function::new("UTC", &[], |call| Ok(in_zone(call, TimeZone::UTC))),
    Function::new("Local", &[], |call| Ok(in_zone(call, TimeZone::system()))),
    Function::new("IsZero", &[], |call| {
        Ok(Val::Bool(dates::seconds(call.time(0)) == -62_135_596_800))
    }),
    Function::new("After", &[Time], |call| {
        Ok(ordered(call, Ordering::Greater))
    }),
    Function::new("Before", &[Time], |call| Ok(ordered(call, Ordering::Less))),
    Function::new("Equal", &[Time], |call| Ok(ordered(call, Ordering::Equal))),
    Function::new("AddDate", &[Int, Int, Int], add_date),
];

fn since_1970(call: &Call<'_, '_>, unit: i128) -> Val {
    let nanoseconds = call.time(0).timestamp().as_nanosecond();
    Val::Int64(nanoseconds.div_euclid(unit) as i64)
}

fn in_zone(call: &Call<'_, '_>, zone: TimeZone) -> Val {
    Val::Time(Arc::new(call.time(0).with_time_zone(zone)))
}

fn ordered(call: &Call<'_, '_>, expected: Ordering) -> Val {
    let (left, right) = (call.time(0).timestamp(), call.time(1).timestamp());
    Val::Bool(left.cmp(&right) == expected)
}

/// Years, months and days later; days beyond the end of the month go on in the next one.
fn add_date(call: &mut Call<'_, '_>) -> Answer {
    let out_of_range = || Fault::new("the time is out of range");
    let (years, months, days) = (call.int(1), call.int(2), call.int(3));
    let at = call.time(0);
    let first = at.datetime().date().first_of_month();
    let span = Span::new()
        .try_years(years)
        .and_then(|it| it.try_months(months))
        .map_err(|_| out_of_range())?;
    let days = days
        .checked_add(i64::from(at.day()) - 1)
        .and_then(|it| Span::new().try_days(it).ok())
        .ok_or_else(out_of_range)?;
    let date = first
        .checked_add(span)
        .and_then(|it| it.checked_add(days))
        .map_err(|_| out_of_range())?;
    let moved = date
        .to_datetime(at.time())
        .to_zoned(at.time_zone().clone())
        .map_err(|_| out_of_range())?;
    Ok(Val::Time(Arc::new(moved)))
}

/// The version at this place of the arguments, of which 0 is the receiver.
fn version<'a>(call: &'a Call<'_, '_>, index: usize) -> &'a Rc<Version> {
    match call.value(index) {
        Val::Version(version) => version,
        _ => unreachable!("arguments have the types of the parameters"),
    }
}

const VERSION: &[Function] = &[
    Function::new("Major", &[], |call| Ok(Val::Uint64(version(call, 0).major))),
    Function::new("Minor", &[], |call| Ok(Val::Uint64(version(call, 0).minor))),
    Function::new("Patch", &[], |call| Ok(Val::Uint64(version(call, 0).patch))),
    Function::new("Prerelease", &[], |call| {
        call.made(&*version(call, 0).prerelease)
    }),
    Function::new("Metadata", &[], |call| {
        call.made(&*version(call, 0).metadata)
    }),
    Function::new("Original", &[], |call| {
        call.made(&*version(call, 0).original)
    }),
    Function::new("String", &[], |call| {
        call.made(version(call, 0).to_string())
    }),
    Function::new("IncMajor", &[], |call| {
        Ok(made(version(call, 0).next_major()))
    }),
    Function::new("IncMinor", &[], |call| {
        Ok(made(version(call, 0).next_minor()))
    }),
    Function::new("IncPatch", &[], |call| {
        Ok(made(version(call, 0).next_patch()))
    }),
    Function::new("Compare", &[VersionType], |call| {
        let order = version(call, 0).compare(version(call, 1));
        Ok(Val::Int(order as i64))
    }),
    Function::new("Equal", &[VersionType], |call| {
        Ok(is(call, Ordering::Equal))
    }),
    Function::new("LessThan", &[VersionType], |call| {
        Ok(is(call, Ordering::Less))
    }),
    Function::new("GreaterThan", &[VersionType], |call| {
        Ok(is(call, Ordering::Greater))
    }),
];

fn made(version: Version) -> Val {
    Val::Version(Rc::new(version))
}

fn is(call: &Call<'_, '_>, expected: Ordering) -> Val {
    Val::Bool(version(call, 0).compare(version(call, 1)) == expected)
}
