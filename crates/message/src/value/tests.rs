use proptest::prelude::*;

use super::*;

fn json(text: &str) -> Value {
    Value::parse_json(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn printed(value: &Value) -> String {
    String::from_utf8(value.to_json().to_vec()).unwrap()
}

fn reason(text: &str) -> String {
    Value::parse_json(Bytes::copy_from_slice(text.as_bytes()))
        .unwrap_err()
        .to_string()
}

fn path(dots: &str) -> Vec<Segment> {
    Segment::parse_dot_path(dots)
}

/// The same value with every container built instead of a place in a document.
fn rebuilt(value: &Value) -> Value {
    depth::guard(|| match value {
        Value::Array(array) => array
            .iter()
            .map(|element| rebuilt(&element))
            .collect::<Array>()
            .into(),
        Value::Object(object) => object
            .entries()
            .map(|(key, value)| (key, rebuilt(&value)))
            .collect::<Object>()
            .into(),
        scalar => scalar.clone(),
    })
}

#[test]
fn a_value_takes_24_bytes() {
    assert_eq!(size_of::<Value>(), 24);
    assert_eq!(size_of::<Option<Value>>(), 24);
}

#[test]
fn documents_print_with_sorted_keys_and_numbers_as_written() {
    for (input, expected) in [
        (
            r#"{"b":1,"a":[true,false,null]}"#,
            r#"{"a":[true,false,null],"b":1}"#,
        ),
        (
            r#" [ 1 , 1.0 , 1e3 , -0 , 123456789012345678901234567890 ] "#,
            "[1,1.0,1e3,-0,123456789012345678901234567890]",
        ),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (
            r#"{"a":1,"b":0,"a":{"z":1,"y":2}}"#,
            r#"{"a":{"y":2,"z":1},"b":0}"#,
        ),
        (r#""\u00e9\/\u2028<>&""#, "\"é/\\u2028<>&\""),
        (
            r#""\ud83d\ude00 \ud83d \ude00x""#,
            "\"😀 \u{fffd} \u{fffd}x\"",
        ),
        ("\"\u{2029}\"", "\"\\u2029\""),
        (
            r#"["\"\\\n\r\t\b\f\u0001\u001f"]"#,
            r#"["\"\\\n\r\t\b\f\u0001\u001f"]"#,
        ),
        ("{}", "{}"),
        ("[]", "[]"),
        (r#"{"":{"":[]}}"#, r#"{"":{"":[]}}"#),
        ("\t\r\n 5 \n", "5"),
    ] {
        let value = json(input);
        assert_eq!(printed(&value), expected, "{input}");
        assert_eq!(printed(&rebuilt(&value)), expected, "{input}, built");
    }
}

#[test]
fn text_that_is_not_json_is_refused_with_its_place() {
    for (input, expected) in [
        ("", "unexpected end of JSON input (at byte 0)"),
        ("  ", "unexpected end of JSON input (at byte 2)"),
        ("{", "unexpected end of JSON input (at byte 1)"),
        (
            "[1,]",
            "invalid character `]`, expected a value (at byte 3)",
        ),
        (
            "{\"a\":1,}",
            "invalid character `}`, expected an object key in quotes (at byte 7)",
        ),
        (
            "{\"a\" 1}",
            "invalid character `1`, expected `:` after an object key (at byte 5)",
        ),
        (
            "[1 2]",
            "invalid character `2`, expected `,` or `]` after an array element (at byte 3)",
        ),
        (
            "{a:1}",
            "invalid character `a`, expected an object key in quotes or `}` (at byte 1)",
        ),
        (
            "01",
            "message contains multiple valid documents (at byte 1)",
        ),
        ("1.", "unexpected end of JSON input (at byte 2)"),
        ("-x", "invalid character `x`, expected a digit (at byte 1)"),
        ("1e+", "unexpected end of JSON input (at byte 3)"),
        (
            "nulx",
            "invalid character `x`, expected a value (at byte 3)",
        ),
        ("tru", "unexpected end of JSON input (at byte 3)"),
        ("\"a", "unexpected end of JSON input (at byte 2)"),
        ("\"\\x\"", "invalid escape in string literal (at byte 1)"),
        (
            "\"\\u12g4\"",
            "invalid escape in string literal (at byte 1)",
        ),
        (
            "\"a\nb\"",
            "invalid character `\\x0a` in string literal, escape it (at byte 2)",
        ),
        (
            "{} {}",
            "message contains multiple valid documents (at byte 3)",
        ),
        (
            "\u{0}",
            "invalid character `\\x00`, expected a value (at byte 0)",
        ),
        (
            "[1\u{c}]",
            "invalid character `\\x0c`, expected `,` or `]` after an array element (at byte 2)",
        ),
    ] {
        assert_eq!(reason(input), expected, "{input:?}");
    }
}

#[test]
fn invalid_utf8_is_replaced_byte_by_byte() {
    let value = Value::parse_json(Bytes::from_static(
        b"{\"a\xff\xfe\":\"x\xe4\xbdy\",\"b\":\"z\"}",
    ))
    .unwrap();
    assert_eq!(
        printed(&value),
        "{\"a\u{fffd}\u{fffd}\":\"x\u{fffd}\u{fffd}y\",\"b\":\"z\"}"
    );
    assert_eq!(
        value.get("a\u{fffd}\u{fffd}").unwrap().as_str(),
        Some("x\u{fffd}\u{fffd}y")
    );
}

#[test]
fn deep_nests_are_an_error_not_an_overflow() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deepest = crate::json::DEPTH_MAX;
        let inner = if open == "[" { "" } else { "1" };
        let fits = format!("{}{inner}{}", open.repeat(deepest), close.repeat(deepest));
        assert_eq!(printed(&json(&fits)), fits);
        assert_eq!(json(&fits), rebuilt(&json(&fits)));
        let spaced = format!(
            "{}{inner}{}",
            open.replace(':', ": ").repeat(deepest),
            format!(" {close}").repeat(deepest)
        );
        assert_eq!(printed(&json(&spaced)), fits);
        for depth in [deepest + 1, 10_000, 100_000] {
            assert!(reason(&open.repeat(depth)).contains("nested deeper than 1000 levels"));
        }
    }
}

#[test]
fn values_that_a_mapping_nests_a_million_deep_can_be_used_and_dropped() {
    let nest = || {
        let parsed = json("{}");
        (0..999_999).fold(Value::Null, |inner, i| match i % 3 {
            0 => Value::from(vec![inner]),
            1 => Value::from(Object::from_iter([("a", inner)])),
            _ => {
                let mut laid = parsed.clone();
                laid.set_path(&path("a"), inner).unwrap();
                laid
            }
        })
    };
    let value = nest();
    assert_eq!(value.to_json().len(), 333_333 * (2 + 6 + 6) + 4);
    assert_eq!(value, nest());
    drop(value.detach());
}

#[test]
fn members_are_found_whatever_the_keys_look_like() {
    let value = json(r#"{"b":1,"\u0061":2,"ab":3,"":4,"aab":5,"b":6}"#);
    for (key, expected) in [("a", 2), ("b", 6), ("ab", 3), ("", 4), ("aab", 5)] {
        assert_eq!(value.get(key).unwrap().as_i64(), Some(expected), "{key}");
    }
    assert!(value.get("c").is_none());
    assert_eq!(value.as_object().unwrap().len(), 5);
    assert_eq!(
        value.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["", "a", "aab", "ab", "b"]
    );
}

#[test]
fn paths_read_members_elements_and_wildcards() {
    let text = r#"{"a":[{"b":1},{"c":2},{"b":3}],"d.e":{"~":"t"},"n":null}"#;
    for value in [json(text), rebuilt(&json(text))] {
        let read = |dots: &str| value.path(&path(dots)).map(|found| printed(&found));
        assert_eq!(read("a.0.b").as_deref(), Some("1"));
        assert_eq!(read("a.2.b").as_deref(), Some("3"));
        assert_eq!(read("a.*.b").as_deref(), Some("[1,3]"));
        assert_eq!(read("a.*").as_deref(), Some(r#"[{"b":1},{"c":2},{"b":3}]"#));
        assert_eq!(read("a.*.z"), None);
        assert_eq!(read("a.3"), None);
        assert_eq!(read("a.x"), None);
        assert_eq!(read("d~1e.~0").as_deref(), Some("\"t\""));
        assert_eq!(read("n").as_deref(), Some("null"));
        assert_eq!(read("n.x"), None);
    }
}

#[test]
fn wildcards_tell_how_far_they_spread_without_making_anything() {
    let text = r#"{"a":[[1,2],[3],{"*":[4,5,6]}],"*":{"*":[7,8]}}"#;
    for value in [json(text), rebuilt(&json(text))] {
        let spread = |dots: &str| value.spread(&path(dots), 9);
        assert_eq!(spread("a.0"), Some(0));
        assert_eq!(spread("a.*"), Some(3));
        assert_eq!(spread("a.*.*"), Some(6));
        assert_eq!(spread("a.*.*.*"), Some(9));
        assert_eq!(spread("*.*.*"), Some(2));
        assert_eq!(spread("a.0.*"), Some(2));
        assert_eq!(spread("z.*"), Some(0));
        assert_eq!(value.spread(&path("a.*.*"), 5), None);
    }
    // Sixty levels that hold the one below twice.
    let doubled = (0..60).fold(Value::from(1_i64), |below, _| {
        Value::from(vec![below.clone(), below])
    });
    let stars = vec!["*"; 60].join(".");
    assert_eq!(doubled.spread(&path(&stars), 100_000), None);
}

#[test]
fn setting_a_path_creates_objects_and_appends_to_arrays() {
    let mut value = json(r#"{"a":{"x":[1,{"y":2}]}}"#);
    for (dots, new) in [
        ("b.c", "5"),
        ("a.x.1.y", "[]"),
        ("a.x.-", "\"end\""),
        ("a.x.-.deep", "true"),
    ] {
        value.set_path(&path(dots), json(new)).unwrap();
    }
    assert_eq!(
        printed(&value),
        r#"{"a":{"x":[1,{"y":[]},"end",{"deep":true}]},"b":{"c":5}}"#
    );
    assert_eq!(
        value.set_path(&path("b.c.d"), Value::Null),
        Err(PathError::Collision)
    );
    assert_eq!(
        value.set_path(&path("a.x.9"), Value::Null),
        Err(PathError::OutOfBounds { index: 9, len: 4 })
    );
    assert_eq!(
        value.set_path(&path("a.x.k"), Value::Null),
        Err(PathError::NoIndex(Text::from("k")))
    );
    assert_eq!(
        json("[1]").set_path(&path("-"), Value::Null),
        Err(PathError::RootArray)
    );
}

#[test]
fn deleting_a_path_removes_members_and_elements() {
    let mut value = json(r#"{"a":{"x":[1,2,3]},"b":1}"#);
    value.delete_path(&path("a.x.1")).unwrap();
    value.delete_path(&path("b")).unwrap();
    assert_eq!(printed(&value), r#"{"a":{"x":[1,3]}}"#);
    assert!(value.delete_path(&path("b")).is_err());
    assert!(value.delete_path(&path("a.x.2")).is_err());
    assert_eq!(
        json("[1]").delete_path(&path("0")),
        Err(PathError::RootArray)
    );
}

#[test]
fn equality_is_by_value_and_the_lenient_one_by_bentos_rules() {
    assert_eq!(json("[1,2.0,1e1]"), json("[1.0,2,10]"));
    assert_ne!(json("9007199254740993"), json("9007199254740992"));
    assert_ne!(Value::from("a"), Value::from(b"a".to_vec()));
    let loose = |a: Value, b: Value| a.loosely_equals(&b);
    assert!(loose(Value::from("a"), Value::from(b"a".to_vec())));
    assert!(loose(Value::Bool(true), Value::I64(1)));
    assert!(!loose(Value::I64(1), Value::Bool(true)));
    assert!(!loose(Value::from("1"), Value::I64(1)));
    assert!(!loose(Value::Null, Value::Bool(false)));
    assert!(loose(json(r#"{"a":[1,"x"]}"#), json(r#"{"a":[1.0,"x"]}"#)));
    let at: Value = "2024-05-01T10:00:00Z[UTC]".parse::<Zoned>().unwrap().into();
    assert!(loose(at.clone(), Value::from("2024-05-01T10:00:00Z")));
    assert!(loose(Value::from("2024-05-01T10:00:00Z"), at));
}

#[test]
fn text_forms_follow_bento() {
    for (value, expected) in [
        (Value::Null, "null"),
        (Value::Bool(true), "true"),
        (Value::F64(1e6), "1e+06"),
        (json("1.0"), "1.0"),
        (Value::from(b"raw".to_vec()), "raw"),
        (json(r#"{"b":"x","a":1}"#), r#"{"a":1,"b":"x"}"#),
        (json(r#"["<&>"]"#), r#"["\u003c\u0026\u003e"]"#),
        (json(r#""<&>""#), "<&>"),
    ] {
        assert_eq!(value.to_text(), expected);
    }
    assert_eq!(
        printed(&Value::from(vec![Value::from(b"any carnal".to_vec())])),
        r#"["YW55IGNhcm5hbA=="]"#
    );
    assert_eq!(
        printed(&Value::from(vec![
            Value::from(b"any".to_vec()),
            Value::from(vec![1u8])
        ])),
        r#"["YW55","AQ=="]"#
    );
}

#[test]
fn detached_values_keep_no_payload_alive() {
    let source =
        Bytes::from(br#"{"a":{"long":"a string that is not inline, at all","n":1.50}}"#.to_vec());
    let value = Value::parse_json(source.clone()).unwrap();
    let inner = value.get("a").unwrap().into_owned();
    let long = inner.get("long").unwrap().into_owned();
    let number = inner.get("n").unwrap().into_owned();
    let detached: Vec<Value> = [&value, &inner, &long, &number].map(Value::detach).to_vec();
    let before = [value, inner, long, number];
    assert_eq!(detached, before);
    drop(before);
    assert!(source.is_unique());
}

#[test]
fn an_untouched_canonical_document_is_shared_when_printed() {
    let source = Bytes::from_static(br#"{"a":[1,2],"b":"x"}"#);
    let value = Value::parse_json(source.clone()).unwrap();
    assert_eq!(value.to_json().as_ptr(), source.as_ptr());
}

#[test]
fn what_is_laid_over_a_document_leaves_the_rest_of_it_in_place() {
    let source = Bytes::from(br#"{"z":[1, 2],"b":{"c":1.50},"a":"x","b":{"c":2.50}}"#.to_vec());
    let mut value = Value::parse_json(source.clone()).unwrap();
    value.set_path(&path("b.d"), Value::from(1_i64)).unwrap();
    value.set_path(&path("n"), Value::Null).unwrap();
    value.delete_path(&path("a")).unwrap();
    assert_eq!(
        printed(&value),
        r#"{"b":{"c":2.50,"d":1},"n":null,"z":[1,2]}"#
    );
    assert_eq!(value.as_object().unwrap().len(), 3);
    assert!(value.get("a").is_none());
    let detached = value.detach();
    drop(value);
    assert!(source.is_unique());
    assert_eq!(
        printed(&detached),
        r#"{"b":{"c":2.50,"d":1},"n":null,"z":[1,2]}"#
    );
}

/// What can be done to an object.
#[derive(Clone, Debug)]
enum Change {
    Insert(String, i64),
    Remove(String),
    Entry(String, i64),
    Deep(String, String, i64),
}

fn any_change() -> impl Strategy<Value = Change> {
    let key = || "[a-f\"]{0,2}";
    prop_oneof![
        (key(), any::<i64>()).prop_map(|(key, value)| Change::Insert(key, value)),
        key().prop_map(Change::Remove),
        (key(), any::<i64>()).prop_map(|(key, value)| Change::Entry(key, value)),
        (key(), key(), any::<i64>())
            .prop_map(|(key, inner, value)| Change::Deep(key, inner, value)),
    ]
}

/// Makes a change; gives back what stood there before, where that is told.
fn change(object: &mut Object, change: &Change) -> Option<Value> {
    match change {
        Change::Insert(key, value) => object.insert(key.as_str(), Value::from(*value)),
        Change::Remove(key) => object.remove(key),
        Change::Entry(key, value) => {
            let entry = object.entry(&Text::from(key.as_str()));
            Some(std::mem::replace(entry, Value::from(*value)))
        }
        Change::Deep(key, inner, value) => {
            let Some(Value::Object(found)) = object.get_mut(key) else {
                return None;
            };
            found.insert(inner.as_str(), Value::from(*value))
        }
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "[a-c\"\\\\\n\u{1}\u{e9}\u{2028}]{0,6}".prop_map(serde_json::Value::from),
        "\\PC{0,40}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
            prop::collection::vec(("[a-c\"\u{e9}]{0,3}", inner), 0..8)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A document and a place in it that exists.
fn json_with_path() -> impl Strategy<Value = (serde_json::Value, Vec<Segment>)> {
    (
        any_json(),
        prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    )
        .prop_map(|(value, picks)| {
            let mut way = Vec::new();
            let mut place = &value;
            for pick in picks {
                match place {
                    serde_json::Value::Array(elements) if !elements.is_empty() => {
                        let i = pick.index(elements.len());
                        way.push(Segment::new(i.to_string()));
                        place = &elements[i];
                    }
                    serde_json::Value::Object(members) if !members.is_empty() => {
                        let key = members.keys().nth(pick.index(members.len())).unwrap();
                        way.push(Segment::new(key.as_str()));
                        place = &members[key];
                    }
                    _ => break,
                }
            }
            (value, way)
        })
}

proptest! {
    #[test]
    fn what_serde_json_writes_reads_back_equal(oracle in any_json(), pretty: bool) {
        let text = match pretty {
            true => serde_json::to_string_pretty(&oracle).unwrap(),
            false => oracle.to_string(),
        };
        let value = json(&text);
        let again: serde_json::Value = serde_json::from_str(&printed(&value)).unwrap();
        prop_assert_eq!(&again, &serde_json::from_str::<serde_json::Value>(&text).unwrap());
        prop_assert_eq!(printed(&value), printed(&rebuilt(&value)));
        prop_assert_eq!(&value, &rebuilt(&value));
        prop_assert_eq!(&json(&printed(&value)), &value);
    }

    #[test]
    fn printing_is_stable(oracle in any_json()) {
        let once = printed(&json(&oracle.to_string()));
        let twice = json(&once);
        prop_assert_eq!(&printed(&twice), &once);
        let shared = !matches!(twice, Value::Array(_) | Value::Object(_))
            || once.contains('\\')
            || twice.canonical_source().is_some();
        prop_assert!(shared, "what the printer writes is canonical: {}", once);
    }

    #[test]
    fn random_bytes_parse_exactly_when_serde_json_takes_them(
        text in "[\\[\\]{},:\"a\\\\u0-9eE+.\\- \ntrufalsn]{0,24}"
    ) {
        let ours = Value::parse_json(Bytes::from(text.clone().into_bytes()));
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text);
        // serde_json checks the surrogates of escapes, Go and we replace them.
        if !text.contains("\\u") {
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}: {:?}", text, ours);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = Value::parse_json(Bytes::from(bytes)) {
            prop_assert_eq!(&json(&printed(&value)), &value);
        }
    }

    #[test]
    fn an_object_of_a_document_changes_as_a_built_one_does(
        members in prop::collection::vec(("[a-f\"]{0,2}", any_json()), 0..12),
        changes in prop::collection::vec(any_change(), 0..40),
    ) {
        let members: Vec<String> = members
            .iter()
            .map(|(key, value)| format!("{}:{value}", serde_json::Value::from(key.as_str())))
            .collect();
        // The keys stand in any order, and some stand there twice.
        let original = json(&format!("{{{}}}", members.join(",")));
        let before = printed(&original);
        let built = rebuilt(&original);
        let (Value::Object(mut parsed), Value::Object(mut built)) = (original.clone(), built) else {
            unreachable!("both are objects");
        };
        for it in &changes {
            prop_assert_eq!(change(&mut parsed, it), change(&mut built, it), "{:?}", it);
            prop_assert_eq!(parsed.len(), built.len());
            prop_assert_eq!(parsed.is_empty(), built.is_empty());
            prop_assert_eq!(&parsed, &built);
        }
        for key in built.keys() {
            prop_assert!(parsed.contains_key(&key));
            prop_assert_eq!(parsed.get(&key), built.get(&key));
            let way = [Segment::new(key)];
            let (parsed, built) = (Value::from(parsed.clone()), Value::from(built.clone()));
            prop_assert_eq!(parsed.path(&way), built.path(&way));
        }
        let (parsed, built) = (Value::from(parsed), Value::from(built));
        prop_assert_eq!(printed(&parsed), printed(&built));
        prop_assert_eq!(printed(&parsed.detach()), printed(&built));
        prop_assert_eq!(printed(&original), before);
    }

    #[test]
    fn a_write_to_a_clone_never_shows_in_the_original(
        (oracle, way) in json_with_path(), build: bool
    ) {
        let text = oracle.to_string();
        let original = if build { rebuilt(&json(&text)) } else { json(&text) };
        let mut changed = original.clone();
        changed.set_path(&way, Value::from("new")).unwrap();
        prop_assert_eq!(&original, &json(&text));
        prop_assert_eq!(changed.path(&way).unwrap().into_owned(), Value::from("new"));
        let mut removed = original.clone();
        if removed.delete_path(&way).is_ok() {
            prop_assert_eq!(&original, &json(&text));
            prop_assert_ne!(&removed, &original);
        }
    }
}

#[test]
fn what_is_held_many_times_counts_as_often_when_it_is_written_out() {
    let mut value = json(r#"{"a":[1,2,3]}"#);
    let once = value.unfolded(usize::MAX).unwrap();
    for _ in 0..10 {
        value = Value::from(vec![value.clone(), value]);
    }
    let all = value.unfolded(usize::MAX).unwrap();
    assert!((1_024 * once..2_048 * once).contains(&all), "{all}");
    assert_eq!(value.unfolded(all), Some(all));
    assert_eq!(value.unfolded(all - 1), None);
    for _ in 0..1_000 {
        value = Value::from(vec![value.clone(), value]);
    }
    assert_eq!(value.unfolded(1 << 20), None);
    assert_eq!(value.weight(), 48);
}

#[test]
fn a_value_of_a_document_counts_as_its_source() {
    let value = json(r#"{"a":[1,2,3],"b":"text"}"#);
    assert!(!value.is_built());
    assert!((20..40).contains(&value.unfolded(1_000).unwrap()));
    let mut changed = value.clone();
    changed.set_path(&path("c"), value).unwrap();
    assert!(changed.is_built());
    assert!((40..80).contains(&changed.unfolded(1_000).unwrap()));
}

#[test]
fn containers_are_the_same_only_in_one_place() {
    let read = Value::parse_json(Bytes::from_static(b"{\"a\":[1],\"b\":[1]}")).unwrap();
    let (a, b) = (read.get("a").unwrap(), read.get("b").unwrap());
    assert!(a.is_same(&a) && a.is_same(&read.get("a").unwrap()));
    assert!(*a == *b && !a.is_same(&b));
    let built = Value::from(vec![Value::Null]);
    assert!(built.is_same(&built.clone()));
    assert!(!built.is_same(&Value::from(vec![Value::Null])));
    assert!(Value::from(1.0).is_same(&Value::from(1_i64)));
}

#[test]
fn a_container_is_shared_as_long_as_somebody_else_holds_it() {
    let Value::Array(mut array) = json("[1]") else {
        panic!("an array");
    };
    assert!(array.is_shared());
    array.make_mut().push(Value::Null);
    assert!(!array.is_shared());
    let other = array.clone();
    assert!(array.is_shared() && other.is_shared());
    drop(other);
    assert!(!array.is_shared());

    let mut object = Object::new();
    object.insert("a", Value::Null);
    assert!(!object.is_shared());
    let other = object.clone();
    assert!(object.is_shared() && other.is_shared());
}

#[test]
fn the_length_of_a_large_container_is_right_however_often_and_in_which_turn_it_is_asked_for() {
    let elements = |count: usize| (0..count).map(|it| it.to_string()).collect::<Vec<_>>();
    let unsorted = |count: usize| {
        let keys = (0..count)
            .rev()
            .map(|it| format!("\"k{it}\":{it},\"k{it}\":0"));
        keys.collect::<Vec<_>>().join(",")
    };
    let text = format!(
        "{{\"b\":[{}],\"a\":[{},[1,2],3],\"o\":{{{}}},\"e\":[]}}",
        elements(70_000).join(","),
        elements(66_000).join(","),
        unsorted(3_000),
    );
    let value = Value::parse_json(Bytes::from(text)).unwrap();
    let array = |name: &str| match value.get(name).unwrap().into_owned() {
        Value::Array(array) => array,
        other => panic!("{other:?}"),
    };
    let Some(Value::Object(object)) = value.get("o").map(std::borrow::Cow::into_owned) else {
        panic!("it is an object");
    };
    let (a, b, empty) = (array("a"), array("b"), array("e"));
    for _ in 0..3 {
        assert_eq!((a.len(), b.len(), object.len()), (66_002, 70_000, 3_000));
        assert_eq!((empty.len(), b.len(), b.len()), (0, 70_000, 70_000));
        let at = |array: &Array, place| array.get(place).map(|it| printed(&it));
        assert_eq!(at(&b, 69_999), Some("69999".to_owned()));
        assert_eq!(at(&b, 70_000), None);
        assert_eq!(at(&a, 66_001), Some("3".to_owned()));
        assert_eq!(at(&a, 300), Some("300".to_owned()));
    }
}

#[test]
fn members_of_large_containers_are_found_however_often_they_are_asked_for() {
    // Keys out of order, some with escapes, each twice: the last one holds.
    let key = |it: usize| match it % 3 {
        0 => format!("\\u006b{it}"),
        _ => format!("k{it}"),
    };
    let members = (0..3_000).rev().flat_map(|it| {
        let first = format!("\"{}\":0", key(it));
        [first, format!("\"{}\":{it}", key(it + 3 * (it % 2)))]
    });
    let members = members.collect::<Vec<_>>().join(",");
    let elements = (0..3_000).map(|it| format!("[{it}]"));
    let elements = elements.collect::<Vec<_>>().join(",");
    let text = format!("{{\"o\":{{{members}}},\"a\":[{elements}]}}");
    let plain: serde_json::Value = serde_json::from_str(&text).unwrap();
    let value = Value::parse_json(Bytes::from(text)).unwrap();
    let (object, array) = (value.get("o").unwrap(), value.get("a").unwrap());
    let (object, array) = (object.as_object().unwrap(), array.as_array().unwrap());
    for it in 0..3_004 {
        let name = format!("k{it}");
        let expected = plain["o"].get(&name).map(ToString::to_string);
        assert_eq!(object.get(&name).map(|it| printed(&it)), expected, "{name}");
        let expected = plain["a"].get(it).map(ToString::to_string);
        assert_eq!(array.get(it).map(|it| printed(&it)), expected, "{it}");
        let rest = array.iter_from(it).map(|it| printed(&it));
        assert_eq!(
            rest.take(2).collect::<Vec<_>>().len(),
            3_000_usize.saturating_sub(it).min(2)
        );
    }
    let expected = plain["o"].as_object().unwrap().len();
    assert_eq!((object.len(), array.len()), (expected, 3_000));
}
