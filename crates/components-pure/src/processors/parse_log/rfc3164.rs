//! Lines as RFC 3164 describes them: `<PRI>TIMESTAMP HOSTNAME TAG[PROCID]: MESSAGE`.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use millrace_message::value::timestamp;
use millrace_message::{Error, Object, Text, Value};

use super::cursor::{Cursor, Members};
use super::rfc5424;
use crate::processors::payload_text::PayloadText;

const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
/// The longest tag.
const TAG_MAX: usize = 32;

pub(super) struct Options<'a> {
    pub allow_rfc3339: bool,
    pub year: i16,
    pub zone: &'a TimeZone,
}

/// # Errors
/// What was expected, and where.
pub(super) fn parse(text: &PayloadText<'_>, options: &Options<'_>) -> Result<Object, Error> {
    let mut line = Cursor::new(text);
    let mut members = Members::default();
    members.add_priority(line.priority()?);
    let is_rfc3339 = options.allow_rfc3339 && line.peek().is_some_and(|byte| byte.is_ascii_digit());
    let timestamp = match is_rfc3339 {
        true => rfc5424::timestamp(&mut line, 0)?,
        false => stamp(&mut line, options)?,
    };
    members.add("timestamp", Value::String(timestamp));
    line.space()?;
    let hostname = line.word(255, "a host name")?;
    members.add_part("hostname", text, hostname);
    line.space()?;
    if line.rest().is_empty() {
        return Err(line.expected("a message"));
    }
    let message = tag(&mut line, &mut members);
    members.add(
        "message",
        Value::String(text.part(message..text.as_str().len())),
    );
    Ok(members.into_object())
}

/// `Jan _2 15:04:05`, with the year and in the zone of the options.
fn stamp(line: &mut Cursor<'_>, options: &Options<'_>) -> Result<Text, Error> {
    let at = read_stamp(line.rest(), options.year);
    let at = at.ok_or_else(|| line.expected("a timestamp such as `Jan  2 15:04:05`"))?;
    line.at += "Jan _2 15:04:05".len();
    let at = TimeZone::UTC
        .to_zoned(at)
        .map_err(|error| Error::rejected(error.to_string()))?;
    Ok(Text::from(timestamp::rfc3339(
        &at.with_time_zone(options.zone.clone()),
    )))
}

fn read_stamp(text: &str, year: i16) -> Option<DateTime> {
    let stamp = text.get(.."Jan _2 15:04:05".len())?.as_bytes();
    let month = MONTHS
        .as_bytes()
        .chunks(3)
        .position(|month| *month == stamp[..3])?
        + 1;
    let digit = |at: usize| stamp[at].is_ascii_digit().then(|| (stamp[at] - b'0') as i8);
    let number = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let day = match stamp[4] {
        b' ' => digit(5)?,
        b'1'..=b'3' => number(4)?,
        _ => return None,
    };
    let punctuation = [stamp[3], stamp[6], stamp[9], stamp[12]];
    let time = (number(7)?, number(10)?, number(13)?);
    if punctuation != *b"  ::" || time.1 > 59 || time.2 > 59 {
        return None;
    }
    // The day is one of a leap year; where there is none it is the day after, as in Go.
    let leap = Date::new(0, month as i8, day).ok()?;
    let date = Date::new(year, month as i8, day).or_else(|_| Date::new(year, leap.month() + 1, 1));
    let time = jiff::civil::Time::new(time.0, time.1, time.2, 0).ok()?;
    Some(date.ok()?.to_datetime(time))
}

/// The tag in front of the message and what stands in brackets behind it; where the message
/// begins. It is the whole rest of the line unless a colon and a space end the tag.
fn tag(line: &mut Cursor<'_>, members: &mut Members) -> usize {
    let whole = line.at;
    let is_part = |byte: u8| byte.is_ascii_graphic() && !b":[".contains(&byte);
    let tag = line.take_while(is_part);
    if tag.is_empty() || tag.len() > TAG_MAX || !matches!(line.peek(), Some(b':' | b'[')) {
        return whole;
    }
    members.add_part("appname", line.text, tag);
    if line.peek() == Some(b'[') {
        line.at += 1;
        let rest = line.rest();
        let Some(length) = rest.find("]: ").or_else(|| rest.find(']')) else {
            return whole;
        };
        members.add_part("procid", line.text, line.at..line.at + length);
        line.at += length + 1;
    }
    match line.rest().strip_prefix(": ") {
        Some(message) if !message.is_empty() => line.at + 2,
        _ => whole,
    }
}
