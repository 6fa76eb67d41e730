//! Points in time: seconds since 1970, or arrays of their parts.

use jiff::tz::TimeZone;
use millrace_message::{Value, clock};

use super::Native;
use crate::error::{Fail, not_for, not_for_with};
use crate::limits::Budget;
use crate::number::{count, of};
use civil::Parts;

mod civil;
mod format;
mod parse;

pub(super) const TABLE: &[Native] = &[
    Native::new("now", 0, |_, _, _| {
        let nanoseconds = clock::now().as_nanosecond();
        Ok(Value::F64(nanoseconds as f64 / 1e9))
    }),
    Native::new("gmtime", 0, |_, input, _| {
        broken_down("gmtime", &input, Zone::Utc)
    }),
    Native::new("localtime", 0, |_, input, _| {
        broken_down("localtime", &input, Zone::Local)
    }),
    Native::new("mktime", 0, |_, input, _| {
        let Value::Array(_) = &input else {
            return Err(not_for("mktime", &input));
        };
        let parts = parts(&input).ok_or_else(|| wrong_parts("mktime".to_owned(), &input))?;
        Ok(Value::F64(parts.epoch()))
    }),
    Native::new("strftime", 1, |budget, input, arguments| {
        formatted(budget, "strftime", &input, &arguments[0], Zone::Utc)
    }),
    Native::new("strflocaltime", 1, |budget, input, arguments| {
        formatted(budget, "strflocaltime", &input, &arguments[0], Zone::Local)
    }),
    Native::new("strptime", 1, |budget, input, arguments| {
        let (Value::String(text), Value::String(format)) = (&input, &arguments[0]) else {
            return Err(not_for_with("strptime", &arguments[0], &input));
        };
        budget.walk(format.len())?;
        match parse::parse(text, format) {
            Ok((epoch, fraction)) => Ok(array(&Parts::of(epoch), fraction)),
            Err(reason) => {
                let what = format!("failed to parse {text:?} with {format:?}: {reason}");
                let (argument, input) = (&arguments[0], &input);
                let (argument, shown) =
                    (crate::encode::short(argument), crate::encode::short(input));
                Err(Fail::text(format!(
                    "strptime({argument}) cannot be applied to {shown}: {what}"
                )))
            }
        }
    }),
];

/// Where a time is told.
#[derive(Clone, Copy)]
enum Zone {
    Utc,
    /// That of the host.
    Local,
}

impl Zone {
    /// The offset from UTC and the name of the zone at a time.
    fn at(self, epoch: i64) -> (i64, String) {
        match self {
            Zone::Utc => (0, "UTC".to_owned()),
            Zone::Local => {
                let at = jiff::Timestamp::from_second(epoch).unwrap_or_default();
                let zone = TimeZone::system();
                let info = zone.to_offset_info(at);
                (
                    i64::from(info.offset().seconds()),
                    info.abbreviation().to_owned(),
                )
            }
        }
    }
}

fn broken_down(name: &str, input: &Value, zone: Zone) -> Result<Value, Fail> {
    let Some(epoch) = of(input).map(|it| it.float()) else {
        return Err(not_for(name, input));
    };
    let (parts, fraction) = at(epoch, zone);
    Ok(array(&parts, fraction))
}

/// The parts of a time, and what is left of its second.
fn at(epoch: f64, zone: Zone) -> (Parts, f64) {
    let seconds = epoch as i64;
    let nanoseconds = ((epoch - epoch.floor()) * 1e9) as i64;
    let (offset, _) = zone.at(seconds);
    let mut parts = Parts::of(seconds.saturating_add(offset));
    parts.nanosecond = nanoseconds;
    (parts, nanoseconds as f64 / 1e9)
}

fn array(parts: &Parts, fraction: f64) -> Value {
    let whole = |number: i64| Value::I64(number);
    Value::from(vec![
        whole(parts.year),
        whole(parts.month - 1),
        whole(parts.day),
        whole(parts.hour),
        whole(parts.minute),
        Value::F64(parts.second as f64 + fraction),
        whole(parts.weekday()),
        count(parts.day_of_year() as usize),
    ])
}

/// The parts that an array tells; nothing when it is none of eight numbers.
fn parts(value: &Value) -> Option<Parts> {
    let array = value.as_array().filter(|it| it.len() == 8)?;
    let numbers: Option<Vec<_>> = array.iter().map(|it| of(&it)).collect();
    let numbers = numbers?;
    let second = numbers[5].float();
    let whole = |position: usize| numbers[position].index();
    Some(Parts::normal(
        [
            whole(0),
            whole(1).saturating_add(1),
            whole(2),
            whole(3),
            whole(4),
            second as i64,
        ],
        ((second - second.floor()) * 1e9) as i64,
    ))
}

fn wrong_parts(called: String, input: &Value) -> Fail {
    let shown = crate::encode::short(input);
    Fail::text(format!(
        "{called} cannot be applied to {shown}: expected an array of 8 numbers"
    ))
}

fn formatted(
    budget: &Budget,
    name: &str,
    input: &Value,
    format: &Value,
    zone: Zone,
) -> Result<Value, Fail> {
    let Value::String(text) = format else {
        let Some(epoch) = of(input) else {
            return Err(not_for_with(name, format, input));
        };
        let (parts, fraction) = at(epoch.float(), zone);
        return Err(not_for_with(name, format, &array(&parts, fraction)));
    };
    let parts = match (of(input), input) {
        (Some(epoch), _) => at(epoch.float(), zone).0,
        (None, Value::Array(_)) => parts(input).ok_or_else(|| {
            wrong_parts(format!("{name}({})", crate::encode::short(format)), input)
        })?,
        _ => return Err(not_for_with(name, format, input)),
    };
    let (offset, zone) = zone.at(parts.epoch() as i64);
    let mut out = String::new();
    format::format(budget, text, &parts, offset, &zone, &mut out)?;
    Ok(Value::from(out))
}
