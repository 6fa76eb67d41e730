use proptest::prelude::*;

use super::*;
use crate::testing::{batch, bench, processor};

/// What becomes of a line: the result, or the text of the error flag.
fn parse(config: &str, line: &str) -> Result<String, String> {
    let BuiltProcessor::Sync(processor) = processor(&format!("parse_log: {{ {config} }}")) else {
        panic!("it never waits");
    };
    let batches = processor.process(batch(&[line]));
    let message = &batches[0][0];
    let text = String::from_utf8_lossy(message.bytes()).into_owned();
    match message.fault() {
        Some(fault) => {
            assert_eq!(text, line, "a line that is not of the format stays");
            Err(fault.cause.text().to_owned())
        }
        None => Ok(text),
    }
}

#[test]
fn lines_of_rfc5424_are_taken_apart() {
    for (line, expected) in [
        (
            r#"<42>4 2049-10-11T22:14:15.003Z toaster.smarthome myapp - 2 [home01 device_id="43"] failed to make a toast."#,
            r#"{"appname":"myapp","facility":5,"hostname":"toaster.smarthome","message":"failed to make a toast.","msgid":"2","priority":42,"severity":2,"structureddata":{"home01":{"device_id":"43"}},"timestamp":"2049-10-11T22:14:15.003Z","version":4}"#,
        ),
        (
            "<191>999 - - - - - -",
            r#"{"facility":23,"priority":191,"severity":7,"version":999}"#,
        ),
        (
            "<0>1 - - - - - - ",
            r#"{"facility":0,"priority":0,"severity":0,"version":1}"#,
        ),
        (
            "<1>1 2003-02-28T22:14:15.000100-00:00 a b c d - two\nlines",
            r#"{"appname":"b","facility":0,"hostname":"a","message":"two\nlines","msgid":"d","priority":1,"procid":"c","severity":1,"timestamp":"2003-02-28T22:14:15.0001Z","version":1}"#,
        ),
        (
            "<1>1 2003-02-28T22:14:15.5+01:00 - - - - -",
            r#"{"facility":0,"priority":1,"severity":1,"timestamp":"2003-02-28T22:14:15.5+01:00","version":1}"#,
        ),
        (
            r#"<1>1 - - - - - [a b="c" b="\"\]\\é"][d][e f=""] m"#,
            r#"{"facility":0,"message":"m","priority":1,"severity":1,"structureddata":{"a":{"b":"\"]\\é"},"d":{},"e":{"f":""}},"version":1}"#,
        ),
        (
            r#"<1>1 - - - - - [a b="\\ is more than twenty-two bytes of text"]"#,
            r#"{"facility":0,"priority":1,"severity":1,"structureddata":{"a":{"b":"\\ is more than twenty-two bytes of text"}},"version":1}"#,
        ),
    ] {
        assert_eq!(
            parse("format: syslog_rfc5424", line).as_deref(),
            Ok(expected),
            "{line}"
        );
    }
}

#[test]
fn what_is_no_line_of_rfc5424_stays_and_the_error_says_where_it_is_wrong() {
    for (line, expected) in [
        (
            "not a syslog at all.",
            "a priority from `<0>` to `<191>` at byte 0",
        ),
        ("<192>1 - - - - - -", "a priority"),
        ("<01>1 - - - - - -", "a priority"),
        ("<1>0 - - - - - -", "a version"),
        ("<1>1000 - - - - - -", "a version"),
        (
            "<1>1 2003-02-29T22:14:15Z a b c d -",
            "a timestamp of RFC 3339 at byte 5",
        ),
        ("<1>1 2003-02-28T22:14:15.1234567Z a b c d -", "a timestamp"),
        ("<1>1 2003-02-28T24:14:15Z a b c d -", "a timestamp"),
        ("<1>1 - é - - - -", "a host name"),
        ("<1>1 - - - - -", "a space"),
        ("<1>1 - - - - - m", "structured data"),
        ("<1>1 - - - - - -x", "a space"),
        ("<1>1 - - - - - [] m", "the id of an element"),
        ("<1>1 - - - - - [a ] m", "the name of a parameter"),
        ("<1>1 - - - - - [a]m", "a space"),
        ("<1>1 - - - - - [a][a]", "`a` stands there twice"),
        (r#"<1>1 - - - - - [a b="]"] m"#, "with a backslash"),
        (r#"<1>1 - - - - - [a b="\n"] m"#, "with a backslash"),
        (r#"<1>1 - - - - - [a b="c"#, "the quote"),
    ] {
        let error = parse("format: syslog_rfc5424", line).expect_err(line);
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn lines_of_rfc3164_are_taken_apart() {
    const FRONT: &str = "<28>Dec  2 16:49:23 host ";
    for (rest, expected) in [
        (
            "app[23410]: Test",
            r#""appname":"app","message":"Test","procid":"23410""#,
        ),
        (
            "su: 'su root' failed",
            r#""appname":"su","message":"'su root' failed""#,
        ),
        ("Use the BFG!", r#""message":"Use the BFG!""#),
        ("foo:bar baz", r#""appname":"foo","message":"foo:bar baz""#),
        (
            "foo[1] bar",
            r#""appname":"foo","message":"foo[1] bar","procid":"1""#,
        ),
        ("foo[]: x", r#""appname":"foo","message":"x""#),
        (
            "foo[a b]: x",
            r#""appname":"foo","message":"x","procid":"a b""#,
        ),
        (
            "foo[12]: a[3]: b",
            r#""appname":"foo","message":"a[3]: b","procid":"12""#,
        ),
        (
            "foo[1]x]: y",
            r#""appname":"foo","message":"y","procid":"1]x""#,
        ),
        ("foo: ", r#""appname":"foo","message":"foo: ""#),
        ("-: x", r#""message":"x""#),
        (": x", r#""message":": x""#),
        ("[1]: x", r#""message":"[1]: x""#),
        ("foo: x\ty\n", r#""appname":"foo","message":"x\ty\n""#),
        (
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: y",
            r#""message":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: y""#,
        ),
    ] {
        let line = format!("{FRONT}{rest}");
        let parsed = parse("format: syslog_rfc3164, default_year: '2023'", &line);
        let parsed = parsed.map(|it| it.replace(r#""facility":3,"hostname":"host","#, ""));
        let parsed = parsed.map(|it| it.replace(r#""priority":28,"#, ""));
        let without = r#","severity":4,"timestamp":"2023-12-02T16:49:23Z"}"#;
        // `procid` stands between `priority` and `severity`.
        let parsed = parsed.map(|it| it.replace(without, "}"));
        assert_eq!(parsed, Ok(format!("{{{expected}}}")), "{line}");
    }
}

#[test]
fn timestamps_get_a_year_and_a_zone() {
    for (config, stamp, expected) in [
        (
            "default_year: '2023'",
            "Dec  2 16:49:23",
            "2023-12-02T16:49:23Z",
        ),
        (
            "default_year: ''",
            "Dec 12 16:49:23",
            "0000-12-12T16:49:23Z",
        ),
        (
            "default_year: '2023', default_timezone: Europe/Berlin",
            "Jul  1 16:00:00",
            "2023-07-01T18:00:00+02:00",
        ),
        (
            "default_year: '2024'",
            "Feb 29 00:00:00",
            "2024-02-29T00:00:00Z",
        ),
        (
            "default_year: '2023'",
            "Feb 29 00:00:00",
            "2023-03-01T00:00:00Z",
        ),
        (
            "default_timezone: Europe/Berlin",
            "2003-10-11T22:14:15+01:30",
            "2003-10-11T22:14:15+01:30",
        ),
    ] {
        let line = format!("<1>{stamp} h m");
        let parsed = parse(&format!("format: syslog_rfc3164, {config}"), &line);
        let expected = format!(r#""timestamp":"{expected}""#);
        assert!(
            parsed.as_ref().is_ok_and(|it| it.contains(&expected)),
            "{line}: {parsed:?}"
        );
    }
    let parsed = parse("format: syslog_rfc3164", "<1>Dec  2 16:49:23 h m");
    let this_year = format!(r#""timestamp":"{}-12-02"#, Zoned::now().year());
    assert!(parsed.is_ok_and(|it| it.contains(&this_year)));
}

#[test]
fn what_is_no_line_of_rfc3164_stays() {
    for (config, rest) in [
        ("", "Feb 30 00:00:00 h m"),
        ("", "Jan 01 00:00:00 h m"),
        ("", "Jan  1 24:00:00 h m"),
        ("", "Jan  1 23:00:60 h m"),
        ("", "Jan  1 23:00:00  m"),
        ("", "Jan  1 23:00:00 h "),
        ("", "2003-10-11T22:14:15.1Z h m"),
        (", allow_rfc3339: false", "2003-10-11T22:14:15Z h m"),
    ] {
        let line = format!("<1>{rest}");
        let parsed = parse(&format!("format: syslog_rfc3164{config}"), &line);
        assert!(parsed.is_err(), "{line}: {parsed:?}");
    }
}

#[test]
fn a_year_and_a_zone_that_are_none_are_refused() {
    for (config, complaint) in [
        ("default_year: soon", "`soon` is no year"),
        (
            "default_timezone: Mars/Olympus",
            "no time zone `Mars/Olympus`",
        ),
        ("format: apache", "syslog_rfc5424"),
    ] {
        let format = if config.contains("format") {
            ""
        } else {
            "format: syslog_rfc3164, "
        };
        let error = bench()
            .processor(&format!("parse_log: {{ {format}{config} }}"))
            .err();
        assert!(
            error.as_ref().is_some_and(|it| it.contains(complaint)),
            "{config}: {error:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_line_is_safe(
        line in r#"<[0-9]{1,3}>(1 )?(-|Jan  1 00:00:00|2003-10-11T22:14:15Z|é)? ?[a-c\[\]\\"=: é-]{0,30}"#,
    ) {
        let _ = parse("format: syslog_rfc5424", &line);
        let _ = parse("format: syslog_rfc3164", &line);
    }
}
