use super::*;

fn value(json: &str) -> Value {
    Value::parse_json(bytes::Bytes::copy_from_slice(json.as_bytes())).unwrap()
}

#[test]
fn verbs_write_values_as_go_does() {
    let float = |float: f64| Value::F64(float);
    for (format, arguments, expected) in [
        ("user-%d", vec![Value::I64(7)], "user-7"),
        (
            "%s(%v): %v",
            vec![Value::from("lance"), Value::I64(37), Value::I64(13)],
            "lance(37): 13",
        ),
        (
            "%5d|%-5d|%05d|%+d|% d",
            vec![Value::I64(42); 5],
            "   42|42   |00042|+42| 42",
        ),
        (
            "%x %X %#x %o %b %c %q %U",
            vec![Value::I64(65); 8],
            "41 41 0x41 101 1000001 A 'A' U+0041",
        ),
        (
            "%05d %.3d",
            vec![Value::I64(-42), Value::I64(7)],
            "-0042 007",
        ),
        (
            "%f %.2f %8.3f|%-8.1f|%08.2f",
            vec![float(1.5); 5],
            "1.500000 1.50    1.500|1.5     |00001.50",
        ),
        (
            "%e %E %g %G %v",
            vec![float(1234.5678); 5],
            "1.234568e+03 1.234568E+03 1234.5678 1234.5678 1234.5678",
        ),
        (
            "%v %g %v %.3g %.3g",
            vec![
                float(1e6),
                float(1e21),
                float(1e-5),
                float(1234.5),
                float(0.00012345),
            ],
            "1e+06 1e+21 1e-05 1.23e+03 0.000123",
        ),
        (
            "%v %v %6.2f",
            vec![float(3.0), float(-0.5), float(f64::INFINITY)],
            "3 -0.5   +Inf",
        ),
        ("%t %v", vec![Value::Bool(true), Value::Null], "true <nil>"),
        (
            "%10s|%-10s|%.2s|%q|%x",
            vec![Value::from("héy"); 5],
            "       héy|héy       |hé|\"héy\"|68c3a979",
        ),
        (
            "%v %d",
            vec![value("[1,\"a\",null]"), value("[1,2]")],
            "[1 a <nil>] [1 2]",
        ),
        (
            "%v",
            vec![value(r#"{"b":1,"a":[true]}"#)],
            "map[a:[true] b:1]",
        ),
        (
            "%T %T",
            vec![Value::I64(1), Value::from("a")],
            "int64 string",
        ),
        (
            "%[2]s %[1]s",
            vec![Value::from("a"), Value::from("b")],
            "b a",
        ),
        (
            "%*d|%.*f",
            vec![Value::I64(4), Value::I64(1), Value::I64(1), float(2.25)],
            "   1|2.2",
        ),
        ("100%%", vec![], "100%"),
        (
            "%s %v",
            vec![Value::from(b"ab".to_vec()), Value::from(b"ab".to_vec())],
            "ab [97 98]",
        ),
    ] {
        assert_eq!(sprintf(format, &arguments).unwrap(), expected, "{format}");
    }
}

#[test]
fn mistakes_stand_in_the_text() {
    for (format, arguments, expected) in [
        ("%d", vec![Value::from("hi")], "%!d(string=hi)"),
        (
            "%+v %+v",
            vec![Value::I64(1), value(r#"{"a":1}"#)],
            "1 map[a:1]",
        ),
        ("%s|%3s", vec![Value::I64(5); 2], "5|  5"),
        ("%s", vec![Value::Bool(true)], "%!s(bool=true)"),
        ("%d %d", vec![Value::I64(5)], "5 %!d(MISSING)"),
        (
            "x",
            vec![Value::I64(5), Value::from("a")],
            "x%!(EXTRA int64=5, string=a)",
        ),
        ("%", vec![], "%!(NOVERB)"),
        ("%[3]d", vec![Value::I64(5)], "%!d(BADINDEX)"),
        ("%z", vec![Value::I64(5)], "%!z(int64=5)"),
        ("%d", vec![Value::Null], "%!d(<nil>)"),
    ] {
        assert_eq!(sprintf(format, &arguments).unwrap(), expected, "{format}");
    }
}

#[test]
fn quoting_escapes_what_cannot_be_printed() {
    assert_eq!(
        quote("foo\nbar\"\u{0}\u{7f}é\u{200b}☺"),
        r#""foo\nbar\"\x00\x7fé\u200b☺""#
    );
}

proptest::proptest! {
    #[test]
    fn any_format_is_safe(format in "[%a-zA-Z0-9 .*#+\\[\\]-]{0,24}", integer in proptest::prelude::any::<i64>(), float in proptest::prelude::any::<f64>()) {
        sprintf(&format, &[Value::I64(integer), Value::F64(float), Value::from("é"), value("{\"a\":[1]}")]).unwrap();
    }
}

#[test]
fn a_precision_beyond_what_floats_have_adds_zeros() {
    let zeros = |count: usize| "0".repeat(count);
    for (format, expected) in [
        ("%.70000f", format!("1.5{}", zeros(69_999))),
        ("%.70000e", format!("1.5{}e+00", zeros(69_999))),
        ("%.70000g", "1.5".to_owned()),
        ("%.70000v", "1.5".to_owned()),
        ("%.70000d", "%!d(float64=1.5)".to_owned()),
    ] {
        let text = sprintf(format, &[Value::F64(1.5)]).unwrap();
        assert!(text == expected, "{format}: {} bytes", text.len());
    }
    let text = sprintf("%.*f", &[Value::I64(70_000), Value::F64(0.5)]).unwrap();
    assert_eq!(text.len(), 70_002);
}
