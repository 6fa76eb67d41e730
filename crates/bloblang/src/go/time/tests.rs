use super::*;

fn at(text: &str) -> Zoned {
    text.parse().unwrap()
}

#[test]
fn every_field_of_a_layout_is_written() {
    let time = at("2024-02-03T05:06:07.012345678+02:30[+02:30]");
    for (layout, expected) in [
        ("2006-01-02T15:04:05Z07:00", "2024-02-03T05:06:07+02:30"),
        (RFC3339_NANO, "2024-02-03T05:06:07.012345678+02:30"),
        ("Mon Jan _2 15:04:05 2006", "Sat Feb  3 05:06:07 2024"),
        (
            "Monday, 02-January-06 3:4:5 PM",
            "Saturday, 03-February-24 5:6:7 AM",
        ),
        ("1/2/2006 03:04pm", "2/3/2024 05:06am"),
        ("002 __2", "034  34"),
        ("05.000 05.00 05,000", "07.012 07.01 07,012"),
        ("05.999 05.9 05.999999", "07.012 07 07.012345"),
        (
            "-07 -0700 -07:00:00 Z07 MST",
            "+02 +0230 +02:30:00 +02 +0230",
        ),
        ("Janus Months 20060102", "Janus Months 20240203"),
        ("_2006", "_2024"),
        ("é 06", "é 24"),
    ] {
        assert_eq!(Layout::new(layout).format(&time), expected, "{layout}");
    }
}

#[test]
fn zones_are_named() {
    assert_eq!(
        Layout::new("MST").format(&at("2024-07-01T00:00:00Z[UTC]")),
        "UTC"
    );
    let paris = at("2024-07-01T00:00:00[Europe/Paris]");
    assert_eq!(Layout::new("MST -0700").format(&paris), "CEST +0200");
}

#[test]
fn times_are_read_by_their_layout() {
    for (layout, text, expected) in [
        (
            "2006-01-02T15:04:05Z07:00",
            "2020-08-14T05:54:23Z",
            "2020-08-14T05:54:23Z",
        ),
        (
            "2006-01-02T15:04:05Z07:00",
            "2020-08-14T05:54:23.5+02:00",
            "2020-08-14T05:54:23.5+02:00",
        ),
        (
            RFC3339_NANO,
            "2020-08-14T05:54:23.000000001-03:30",
            "2020-08-14T05:54:23.000000001-03:30",
        ),
        ("2006-Jan-02", "2020-AUG-14", "2020-08-14T00:00:00Z"),
        (
            "02/Jan/2006:15:04:05 -0700",
            "10/Oct/2000:13:55:36 -0700",
            "2000-10-10T13:55:36-07:00",
        ),
        (
            "Mon Jan _2 15:04:05 MST 2006",
            "Sat Feb  3 05:06:07 UTC 2024",
            "2024-02-03T05:06:07Z",
        ),
        ("3:04PM", "3:04PM", "0000-01-01T15:04:00Z"),
        ("3:04pm", "12:04am", "0000-01-01T00:04:00Z"),
        ("2006 002", "2024 060", "2024-02-29T00:00:00Z"),
        ("02 Jan 06", "02 Jan 70", "1970-01-02T00:00:00Z"),
        ("05.000", "07.123", "0000-01-01T00:00:07.123Z"),
        (
            "2006-01-02 MST",
            "2024-01-02 GMT+3",
            "2024-01-02T00:00:00+03:00",
        ),
    ] {
        let parsed = Layout::new(layout)
            .parse(text)
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            Layout::new(RFC3339_NANO).format(&parsed),
            expected,
            "{layout} {text}"
        );
    }
}

#[test]
fn what_does_not_fit_is_named_as_in_go() {
    for (layout, text, expected) in [
        (
            "2006-Jan-02",
            "invalid format",
            r#"parsing time "invalid format" as "2006-Jan-02": cannot parse "invalid format" as "2006""#,
        ),
        (
            "2006-01-02",
            "2020-13-01",
            r#"parsing time "2020-13-01": month out of range"#,
        ),
        (
            "2006-01-02",
            "2020-02-30",
            r#"parsing time "2020-02-30": day out of range"#,
        ),
        (
            "2006-01-02",
            "2020-02-03x",
            r#"parsing time "2020-02-03x": extra text: "x""#,
        ),
        (
            "2006-01-02",
            "2020/02/03",
            r#"parsing time "2020/02/03" as "2006-01-02": cannot parse "/02/03" as "-""#,
        ),
        (
            "15:04",
            "25:00",
            r#"parsing time "25:00": hour out of range"#,
        ),
    ] {
        assert_eq!(Layout::new(layout).parse(text).unwrap_err(), expected);
    }
}

proptest::proptest! {
    #[test]
    fn any_layout_and_text_are_safe(layout in "[0-9A-Za-z_.,:+ é-]{0,20}", text in "[0-9A-Za-z:+ .é-]{0,20}") {
        let layout = Layout::new(&layout);
        let _ = layout.parse(&text);
        layout.format(&at("2024-02-03T05:06:07.012345678+02:30[+02:30]"));
    }

    #[test]
    fn a_written_time_reads_back(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000_i32) {
        let time = jiff::Timestamp::new(seconds.max(-62_135_596_800), nanos.abs()).unwrap().to_zoned(TimeZone::UTC);
        let layout = Layout::new(RFC3339_NANO);
        proptest::prop_assert_eq!(layout.parse(&layout.format(&time)).unwrap(), time);
    }
}
