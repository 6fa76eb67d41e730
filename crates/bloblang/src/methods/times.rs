//! Methods on timestamps and durations.
//!
//! A timestamp is a value of that type, a number of seconds since 1970 (fractions allowed), or a
//! text in RFC 3339.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use millrace_message::Value;

use super::target;
use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::go::period::Period;
use crate::go::time::{Layout, RFC3339_NANO};
use crate::go::{literal, strftime, time};
use crate::registry::{Category, Default, Example, Method, Parameter, PreparedMethod, Status};
use crate::timestamps;

const LAYOUT: Parameter = Parameter::string(
    "format",
    "How the time 15:04:05 on Monday, 2 January 2006 in the zone MST (-0700) would be written.",
);
const DIRECTIVES: Parameter = Parameter::string(
    "format",
    "A format with the directives of C's `strftime`, and `%f`.",
);
const ZONE: Parameter = Parameter::string(
    "tz",
    "The zone to write it in, instead of its own: an IANA name, `UTC` or `Local`.",
)
.optional();

pub(super) const METHODS: &[Method] = &[
    Method::prepared(
        "ts_parse",
        "The timestamp that a text in a layout of Go says.",
        |arguments, _| {
            let layout = Layout::new(arguments.text(0)?);
            Ok(Box::new(move |target| {
                parse(&target, &layout).map(Value::from)
            }))
        },
    )
    .category(Category::Timestamps)
    .parameters(&[LAYOUT])
    .examples(&[Example::new(
        r#"root.at = this.at.ts_parse("2006-Jan-02")"#,
        &[
            (
                r#"{"at":"2020-Aug-14"}"#,
                r#"{"at":"2020-08-14T00:00:00Z"}"#,
            ),
            (
                r#"{"at":"x"}"#,
                r#"error:parsing time "x" as "2006-Jan-02": cannot parse "x" as "2006""#,
            ),
        ],
    )]),
    Method::prepared(
        "parse_timestamp",
        "As `ts_parse`, but the result is text.",
        |arguments, _| {
            let layout = Layout::new(arguments.text(0)?);
            Ok(Box::new(move |target| as_text(&parse(&target, &layout)?)))
        },
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated)
    .parameters(&[LAYOUT]),
    Method::prepared(
        "ts_strptime",
        "The timestamp that a text in a format of C says.",
        |arguments, _| {
            let format = arguments.text(0)?.detach();
            Ok(Box::new(move |target| {
                parse_directives(&target, &format).map(Value::from)
            }))
        },
    )
    .category(Category::Timestamps)
    .parameters(&[DIRECTIVES])
    .examples(&[Example::new(
        r#"root.at = this.at.ts_strptime("%Y-%b-%d %H:%M:%S.%f")"#,
        &[(
            r#"{"at":"2020-Aug-14 11:50:26.371000"}"#,
            r#"{"at":"2020-08-14T11:50:26.371Z"}"#,
        )],
    )]),
    Method::prepared(
        "parse_timestamp_strptime",
        "As `ts_strptime`, but the result is text.",
        |arguments, _| {
            let format = arguments.text(0)?.detach();
            Ok(Box::new(move |target| {
                as_text(&parse_directives(&target, &format)?)
            }))
        },
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated)
    .parameters(&[DIRECTIVES]),
    Method::prepared("ts_format", "The timestamp in a layout of Go.", format)
        .category(Category::Timestamps)
        .parameters(&[LAYOUT.default(Default::String(RFC3339_NANO)), ZONE])
        .examples(&[
            Example::new(
                r#"root.at = this.at.ts_format("2006-Jan-02 15:04:05", "UTC")"#,
                &[
                    (r#"{"at":1597405526}"#, r#"{"at":"2020-Aug-14 11:45:26"}"#),
                    (
                        r#"{"at":"2020-08-14T11:50:26.371Z"}"#,
                        r#"{"at":"2020-Aug-14 11:50:26"}"#,
                    ),
                ],
            ),
            Example::new(
                r#"root.at = this.at.ts_format("2006-Jan-02 15:04:05.999999", "UTC")"#,
                &[(
                    r#"{"at":1597405526.123456}"#,
                    r#"{"at":"2020-Aug-14 11:45:26.123456"}"#,
                )],
            ),
        ]),
    Method::prepared("format_timestamp", "As `ts_format`.", format)
        .category(Category::Deprecated)
        .status(Status::Deprecated)
        .parameters(&[LAYOUT.default(Default::String(RFC3339_NANO)), ZONE]),
    Method::prepared(
        "ts_strftime",
        "The timestamp in a format of C.",
        format_directives,
    )
    .category(Category::Timestamps)
    .parameters(&[DIRECTIVES, ZONE])
    .examples(&[Example::new(
        r#"root.at = this.at.ts_strftime("%Y-%b-%d %H:%M:%S.%f", "UTC")"#,
        &[
            (
                r#"{"at":1597405526}"#,
                r#"{"at":"2020-Aug-14 11:45:26.000000"}"#,
            ),
            (
                r#"{"at":"2020-08-14T11:50:26.371Z"}"#,
                r#"{"at":"2020-Aug-14 11:50:26.371000"}"#,
            ),
        ],
    )]),
    Method::prepared(
        "format_timestamp_strftime",
        "As `ts_strftime`.",
        format_directives,
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated)
    .parameters(&[DIRECTIVES, ZONE]),
    Method::value("ts_unix", "Seconds since 1970.", |target, _| {
        seconds(&target)
    })
    .category(Category::Timestamps)
    .examples(&[Example::new(
        "root.at = this.at.ts_unix()",
        &[(r#"{"at":"2009-11-10T23:00:00Z"}"#, r#"{"at":1257894000}"#)],
    )]),
    Method::value("ts_unix_milli", "Milliseconds since 1970.", |target, _| {
        milliseconds(&target)
    })
    .category(Category::Timestamps)
    .examples(&[Example::new(
        "root.at = this.at.ts_unix_milli()",
        &[(
            r#"{"at":"2009-11-10T23:00:00Z"}"#,
            r#"{"at":1257894000000}"#,
        )],
    )]),
    Method::value("ts_unix_micro", "Microseconds since 1970.", |target, _| {
        microseconds(&target)
    })
    .category(Category::Timestamps)
    .examples(&[Example::new(
        "root.at = this.at.ts_unix_micro()",
        &[(
            r#"{"at":"2009-11-10T23:00:00Z"}"#,
            r#"{"at":1257894000000000}"#,
        )],
    )]),
    Method::value("ts_unix_nano", "Nanoseconds since 1970.", |target, _| {
        nanoseconds(&target)
    })
    .category(Category::Timestamps)
    .examples(&[Example::new(
        "root.at = this.at.ts_unix_nano()",
        &[(
            r#"{"at":"2009-11-10T23:00:00Z"}"#,
            r#"{"at":1257894000000000000}"#,
        )],
    )]),
    Method::value("format_timestamp_unix", "As `ts_unix`.", |target, _| {
        seconds(&target)
    })
    .category(Category::Deprecated)
    .status(Status::Deprecated),
    Method::value(
        "format_timestamp_unix_milli",
        "As `ts_unix_milli`.",
        |target, _| milliseconds(&target),
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated),
    Method::value(
        "format_timestamp_unix_micro",
        "As `ts_unix_micro`.",
        |target, _| microseconds(&target),
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated),
    Method::value(
        "format_timestamp_unix_nano",
        "As `ts_unix_nano`.",
        |target, _| nanoseconds(&target),
    )
    .category(Category::Deprecated)
    .status(Status::Deprecated),
    Method::value(
        "ts_round",
        "The nearest multiple of a duration; halves go up.",
        |target, call| {
            round(
                &timestamps::from_value(&target)?,
                call.arguments.integer(0)?,
            )
        },
    )
    .category(Category::Timestamps)
    .parameters(&[Parameter::integer(
        "duration",
        "The duration in nanoseconds.",
    )])
    .examples(&[Example::new(
        r#"root.hour = this.at.ts_round("1h".parse_duration())"#,
        &[(
            r#"{"at":"2020-08-14T05:54:23Z"}"#,
            r#"{"hour":"2020-08-14T06:00:00Z"}"#,
        )],
    )]),
    Method::prepared(
        "ts_tz",
        "The same point in time in another zone.",
        |arguments, _| {
            let zone = zone(arguments.text(0)?)?;
            Ok(Box::new(move |target| {
                Ok(timestamps::from_value(&target)?
                    .with_time_zone(zone.clone())
                    .into())
            }))
        },
    )
    .category(Category::Timestamps)
    .parameters(&[Parameter::string("tz", "An IANA name, `UTC` or `Local`.")])
    .examples(&[Example::new(
        r#"root.utc = this.at.ts_tz("UTC")"#,
        &[(
            r#"{"at":"2021-02-03T17:05:06+01:00"}"#,
            r#"{"utc":"2021-02-03T16:05:06Z"}"#,
        )],
    )]),
    Method::value(
        "ts_sub",
        "The nanoseconds from another timestamp to this one.",
        |target, call| {
            let later = timestamps::from_value(&target)?.timestamp();
            let earlier = timestamps::from_value(call.arguments.value(0))?.timestamp();
            let between = later.as_nanosecond() - earlier.as_nanosecond();
            // Go's longest duration is 292 years.
            Ok(Value::I64(
                between.clamp(i64::MIN.into(), i64::MAX.into()) as i64
            ))
        },
    )
    .category(Category::Timestamps)
    .parameters(&[Parameter::timestamp("t2", "The other timestamp.")])
    .examples(&[Example::new(
        r#"root.between = this.at.ts_sub("2020-08-14T05:54:23Z").abs()"#,
        &[(
            r#"{"at":"2020-08-13T05:54:23Z"}"#,
            r#"{"between":86400000000000}"#,
        )],
    )]),
    Method::prepared(
        "ts_add_iso8601",
        "The timestamp moved on by an ISO 8601 period.",
        |arguments, _| move_by(period(arguments.text(0)?)?),
    )
    .category(Category::Timestamps)
    .parameters(&[Parameter::string("duration", "The period.")])
    .examples(&[Example::new(
        r#"root.due = this.at.ts_add_iso8601("P1M")"#,
        &[(
            r#"{"at":"2024-01-31T10:00:00Z"}"#,
            r#"{"due":"2024-03-02T10:00:00Z"}"#,
        )],
    )]),
    Method::prepared(
        "ts_sub_iso8601",
        "The timestamp moved back by an ISO 8601 period.",
        |arguments, _| move_by(period(arguments.text(0)?)?.negated()),
    )
    .category(Category::Timestamps)
    .parameters(&[Parameter::string("duration", "The period.")])
    .examples(&[Example::new(
        r#"root.at = this.at.ts_sub_iso8601("P1Y").ts_unix()"#,
        &[(r#"{"at":1677097265}"#, r#"{"at":1645561265}"#)],
    )]),
    Method::value(
        "parse_duration",
        "The nanoseconds of a duration such as `1h30m` or `-1.5s`.",
        |target, _| {
            literal::parse_duration(&target::text(&target)?)
                .map(Value::I64)
                .map_err(EvalError::new)
        },
    )
    .category(Category::Timestamps)
    .examples(&[Example::new(
        "root.ns = this.delay.parse_duration()",
        &[
            (r#"{"delay":"50us"}"#, r#"{"ns":50000}"#),
            (
                r#"{"delay":"1d"}"#,
                r#"error:time: unknown unit "d" in duration "1d""#,
            ),
        ],
    )]),
    Method::value(
        "parse_duration_iso8601",
        "The nanoseconds of an ISO 8601 period, where years and months have their average length.",
        |target, _| {
            let period = period(&target::text(&target)?)?;
            let nanoseconds = period.nanoseconds();
            nanoseconds
                .map(Value::I64)
                .ok_or_else(|| EvalError::new("period is longer than 292 years"))
        },
    )
    .category(Category::Timestamps)
    .examples(&[Example::new(
        "root.ns = this.delay.parse_duration_iso8601()",
        &[
            (
                r#"{"delay":"P3Y6M4DT12H30M5S"}"#,
                r#"{"ns":110839937000000000}"#,
            ),
            (r#"{"delay":"PT2.5S"}"#, r#"{"ns":2500000000}"#),
        ],
    )]),
];

fn parse(target: &Value, layout: &Layout) -> Result<Zoned, EvalError> {
    let parsed = layout.parse(&target::text(target)?);
    parsed.map_err(|error| {
        if layout.source().contains('%') {
            EvalError::new(format!(
                "{error}; a layout with `%` is one of `ts_strptime`"
            ))
        } else {
            EvalError::new(error)
        }
    })
}

fn parse_directives(target: &Value, format: &str) -> Result<Zoned, EvalError> {
    strftime::parse(&target::text(target)?, format).map_err(EvalError::new)
}

fn as_text(at: &Zoned) -> Result<Value, EvalError> {
    Ok(Value::from(millrace_message::value::timestamp::rfc3339(at)))
}

fn zone(name: &str) -> Result<TimeZone, EvalError> {
    time::time_zone(name)
        .map_err(|error| EvalError::new(format!("failed to parse timezone location name: {error}")))
}

fn optional_zone(arguments: &Arguments<'_>) -> Result<Option<TimeZone>, EvalError> {
    arguments
        .optional_text(1)?
        .map(|name| zone(name))
        .transpose()
}

fn in_zone(target: &Value, zone: Option<&TimeZone>) -> Result<Zoned, EvalError> {
    let at = timestamps::from_value(target)?;
    Ok(match zone {
        Some(zone) => at.with_time_zone(zone.clone()),
        None => at,
    })
}

fn format(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let layout = Layout::new(arguments.text(0)?);
    let zone = optional_zone(arguments)?;
    Ok(Box::new(move |target| {
        Ok(Value::from(
            layout.format(&in_zone(&target, zone.as_ref())?),
        ))
    }))
}

fn format_directives(
    arguments: &Arguments<'_>,
    _: &Environment,
) -> Result<PreparedMethod, EvalError> {
    let format = arguments.text(0)?.detach();
    let zone = optional_zone(arguments)?;
    Ok(Box::new(move |target| {
        Ok(Value::from(strftime::format(
            &in_zone(&target, zone.as_ref())?,
            &format,
        )))
    }))
}

fn seconds(target: &Value) -> Result<Value, EvalError> {
    since_1970(target, 1_000_000_000)
}

fn milliseconds(target: &Value) -> Result<Value, EvalError> {
    since_1970(target, 1_000_000)
}

fn microseconds(target: &Value) -> Result<Value, EvalError> {
    since_1970(target, 1_000)
}

/// Whole units, rounded down before 1970 too.
fn since_1970(target: &Value, unit: i128) -> Result<Value, EvalError> {
    let nanoseconds = timestamps::from_value(target)?.timestamp().as_nanosecond();
    Ok(Value::I64(nanoseconds.div_euclid(unit) as i64))
}

/// Wraps around outside of the years 1678 to 2262, as in Go.
fn nanoseconds(target: &Value) -> Result<Value, EvalError> {
    Ok(Value::I64(
        timestamps::from_value(target)?.timestamp().as_nanosecond() as i64,
    ))
}

fn period(text: &str) -> Result<Period, EvalError> {
    Period::parse(text).map_err(EvalError::new)
}

fn move_by(period: Period) -> Result<PreparedMethod, EvalError> {
    Ok(Box::new(move |target| {
        let at = timestamps::from_value(&target)?;
        period.add_to(&at).map(Value::from).map_err(EvalError::new)
    }))
}

/// Multiples are counted from the start of the year 1, as in Go.
fn round(at: &Zoned, nanoseconds: i64) -> Result<Value, EvalError> {
    const YEAR_ONE: i128 = -62_135_596_800 * 1_000_000_000;
    if nanoseconds <= 0 {
        return Ok(Value::from(at.clone()));
    }
    let step = i128::from(nanoseconds);
    let since = at.timestamp().as_nanosecond() - YEAR_ONE;
    let below = since.rem_euclid(step);
    let rounded = if below * 2 < step {
        since - below
    } else {
        since - below + step
    };
    let moved = Timestamp::from_nanosecond(rounded + YEAR_ONE)
        .map_err(|_| EvalError::new("time is out of range"))?;
    Ok(moved.to_zoned(at.time_zone().clone()).into())
}
