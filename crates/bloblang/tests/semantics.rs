//! What re-implementations of Bloblang get wrong, one table each.

use millrace_bloblang::{
    Environment, EvalError, Interpolation, Mapped, Mapping, Outcome, Query, SyntaxError,
};
use millrace_message::{Message, Value};

fn compile(text: &str) -> Mapping {
    Mapping::compile(text, &Environment::new())
        .unwrap_or_else(|errors| panic!("`{text}` does not compile: {errors:?}"))
}

fn refusal(text: &str) -> String {
    let errors = Mapping::compile(text, &Environment::new()).expect_err(text);
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Maps one payload; the payload after, `deleted`, or `error: …`.
fn map(mapping: &str, payload: &str) -> String {
    let mut message = Message::from_bytes(payload.to_owned().into_bytes());
    match compile(mapping).map(std::slice::from_ref(&message), 0) {
        Ok(mapped) => match mapped.apply_to(&mut message) {
            true => text(&message),
            false => "deleted".to_owned(),
        },
        Err(error) => format!("error: {error}"),
    }
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.bytes()).into_owned()
}

/// Evaluates an expression on a payload: JSON, `nothing`, `deleted`, or `error: …`.
fn query(expression: &str, payload: &str) -> String {
    let query = Query::compile(expression, &Environment::new())
        .unwrap_or_else(|errors| panic!("`{expression}` does not compile: {errors:?}"));
    let message = Message::from_bytes(payload.to_owned().into_bytes());
    match query.evaluate(&[message], 0) {
        Ok(Outcome::Nothing) => "nothing".to_owned(),
        Ok(Outcome::Deleted) => "deleted".to_owned(),
        Ok(outcome) => String::from_utf8_lossy(&outcome.value_or_null().to_json()).into_owned(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn a_layout_of_another_method_is_told_apart() {
    let told = query(r#"this.at.ts_parse("%Y-%m-%d")"#, r#"{"at":"2020-01-02"}"#);
    assert!(told.contains("`ts_strptime`"), "{told}");
    let told = query(r#"this.at.ts_parse("2006-01-02")"#, r#"{"at":"x"}"#);
    assert!(!told.contains("ts_strptime"), "{told}");
}

fn queries(payload: &str, table: &[(&str, &str)]) {
    for (expression, expected) in table {
        assert_eq!(
            query(expression, payload),
            *expected,
            "`{expression}` on {payload}"
        );
    }
}

#[test]
fn coalescing_binds_like_multiplication_and_the_two_logical_operators_bind_equally() {
    queries(
        r#"{"n":null}"#,
        &[
            ("1 + this.n | 2 * 3", "7"),
            ("true || false && false", "false"),
            ("false && false || true", "true"),
            ("1 + 2 == 3 && 2 < 3", "true"),
            ("10 - 3 - 2", "5"),
        ],
    );
}

#[test]
fn a_sign_takes_the_whole_chain_behind_it() {
    queries(
        r#"{"a":{"b":true}}"#,
        &[
            ("-5.abs()", "-5"),
            ("(-5).abs()", "5"),
            ("!this.a.b", "false"),
            ("-this.a.c | 3", "3"),
        ],
    );
}

#[test]
fn integers_stay_integers_but_division_gives_floats() {
    queries(
        r#"{"i":7,"f":2.5,"t":1.0,"big":9223372036854775807}"#,
        &[
            ("this.i / 2", "3.5"),
            ("6 / 2", "3"),
            ("this.i % 2.9", "1"),
            ("this.i * this.f", "17.5"),
            ("this.big + 1", "-9223372036854775808"),
            ("this.t + 1", "2"),
            (r#""a" + "b""#, r#""ab""#),
            (
                "this.i / 0",
                "error: number literal: attempted to divide by zero",
            ),
            (
                r#"this.i + "x""#,
                "error: cannot add types number (from field `this.i`) and string (from string literal)",
            ),
        ],
    );
}

#[test]
fn literals_that_do_not_fit_are_refused_when_compiled() {
    assert!(refusal(r#"root = "a" + 1"#).contains("cannot add types string"));
    assert!(refusal("root = 5 / 0").contains("divide by zero"));
    assert!(refusal(r#"root = this.a.index("x")"#).contains("expected integer, got string"));
    assert!(refusal("root = this.a.uppercse()").contains("did you mean `uppercase`"));
    assert!(refusal("root = counter(mn: 5)").contains("unknown parameter `mn`"));
    assert!(refusal("root = this.a.fold(0)").contains("missing parameter"));
    assert!(!refusal(r#"root = this.a.re_match("(")"#).is_empty());
}

#[test]
fn equality_never_fails_and_is_asymmetric_between_bools_and_numbers() {
    queries(
        r#"{"s":"5","n":5.0,"a":[1,{"x":1.0}],"z":null}"#,
        &[
            ("true == 1", "true"),
            ("1 == true", "false"),
            ("this.n == 5", "true"),
            ("this.s == 5", "false"),
            (r#"this.a == [1.0, {"x": 1}]"#, "true"),
            ("this.z == null", "true"),
            ("this.missing == null", "true"),
            (r#""b" > "a""#, "true"),
            (r#"content() != "x""#, "true"),
            (
                r#"this.n > "a""#,
                "error: cannot compare types number (from field `this.n`) and string (from string literal)",
            ),
            ("1 && true", "true"),
            ("0 || false", "false"),
        ],
    );
}

#[test]
fn nothing_deleted_and_null_are_three_things() {
    queries(
        r#"{"z":null}"#,
        &[
            ("if false { 1 }", "nothing"),
            ("match 5 { 6 => 1 }", "nothing"),
            ("[1, deleted(), nothing(), null]", "[1,null]"),
            (r#"{"a": deleted(), "b": null}"#, r#"{"b":null}"#),
            ("deleted() | 1", "1"),
            ("this.z | nothing() | 2", "2"),
            ("(this.z.x.y + 1) | 3", "3"),
        ],
    );
    assert_eq!(map("root.a = if false { 1 }", "{}"), "{}");
    assert_eq!(map("root = deleted()", "{}"), "deleted");
    assert_eq!(
        map("root = this\nroot.a = deleted()", r#"{"a":1,"b":2}"#),
        r#"{"b":2}"#
    );
    assert!(
        map("root = deleted()\nroot.a = 1", "{}").starts_with("error: failed assignment (line 2)")
    );
    assert_eq!(map("root = null\nroot.a = 1", "{}"), r#"{"a":1}"#);
}

#[test]
fn a_match_compares_literals_and_tests_conditions() {
    let mapping = r#"root = match this.kind {
      "a" => "first",
      this == "b" => "second",
      this.length() > 3 => "long",
      _ => "other"
    }"#;
    for (payload, expected) in [
        (r#"{"kind":"a"}"#, "first"),
        (r#"{"kind":"b"}"#, "second"),
        (r#"{"kind":"abcd"}"#, "long"),
        (r#"{"kind":"x"}"#, "other"),
    ] {
        assert_eq!(map(mapping, payload), expected);
    }
}

#[test]
fn a_mapping_that_assigns_nothing_leaves_the_message() {
    assert_eq!(map("let x = 1", " not JSON "), " not JSON ");
    assert_eq!(map("meta x = 1", r#"{ "a" : 1 }"#), r#"{ "a" : 1 }"#);
}

#[test]
fn a_mutation_sees_itself_until_root_is_replaced() {
    let mutate = |text: &str, payload: &str| {
        let mut message = Message::from_bytes(payload.to_owned().into_bytes());
        let (mapped, error) = compile(text).mutate(std::slice::from_ref(&message), 0);
        let kept = mapped.apply_to(&mut message);
        (
            kept,
            self::text(&message),
            error.as_ref().and_then(EvalError::line),
        )
    };
    assert_eq!(
        mutate("root.a = this.a + 1\nroot.b = this.a", r#"{"a":1}"#),
        (true, r#"{"a":2,"b":2}"#.to_owned(), None)
    );
    assert_eq!(
        mutate("root = {\"new\": 1}\nroot.old = this.a", r#"{"a":1}"#),
        (true, r#"{"new":1,"old":1}"#.to_owned(), None)
    );
    // What was done before the failing line stays.
    assert_eq!(
        mutate("root.b = 2\nroot.c = this.a.uppercase()", r#"{"a":1}"#),
        (true, r#"{"a":1,"b":2}"#.to_owned(), Some(2))
    );
    // What stands in the place of the payload would have done so at the end.
    for (text, payload, left) in [
        (
            "root = deleted()\nroot.x = throw(\"q\")",
            r#"{"a":1}"#,
            r#"{"a":1}"#,
        ),
        ("root = 5\nroot.v = this", r#"{"a":1}"#, r#"{"a":1}"#),
        (
            "root.a = 2\nroot = {}\nroot.x = throw(\"q\")",
            r#"{"a":1}"#,
            r#"{"a":2}"#,
        ),
        (
            "root.0 = 2\nroot = {}\nroot.x = throw(\"q\")",
            "[1,2]",
            "[2,2]",
        ),
        ("root.a = 2\nroot.x = throw(\"q\")", "not json", "not json"),
        ("meta k = throw(\"q\")", r#""s""#, r#""s""#),
        ("root.a = 1", r#""s""#, r#""s""#),
    ] {
        let (kept, found, line) = mutate(text, payload);
        assert_eq!((kept, &*found), (true, left), "{text}");
        assert!(line.is_some(), "{text}");
    }
}

#[test]
fn functions_about_the_message_see_what_a_mutation_has_changed() {
    let mutate = |text: &str, payload: &str| {
        let mut message = Message::from_bytes(payload.to_owned().into_bytes());
        let (mapped, error) = compile(text).mutate(std::slice::from_ref(&message), 0);
        assert!(mapped.apply_to(&mut message), "{error:?}");
        self::text(&message)
    };
    let spaced = r#"{"a" : 1}"#;
    for (text, payload, expected) in [
        (
            "root.a = 2\nroot.h = json(\"a\")",
            spaced,
            r#"{"a":2,"h":2}"#,
        ),
        (
            "root.a = 2\nroot.h = content().string()",
            spaced,
            r#"{"a":2,"h":"{\"a\":2}"}"#,
        ),
        (
            "root.z = 3\nroot = {}\nroot.j = json(\"z\")",
            spaced,
            r#"{"j":3}"#,
        ),
        ("root.h = content().string()", "text", r#"{"h":"text"}"#),
        (
            "meta k = 1\nroot.n = metadata(\"k\")",
            spaced,
            r#"{"a":1,"n":1}"#,
        ),
        (
            "map m { root = json(\"a\") }\nroot.a = 2\nroot.h = this.apply(\"m\")",
            spaced,
            r#"{"a":2,"h":2}"#,
        ),
    ] {
        assert_eq!(mutate(text, payload), expected, "{text}");
    }
}

#[test]
fn of_a_root_that_is_deleted_nothing_more_can_be_deleted() {
    let mapping = compile("root = deleted()\nroot.b = deleted()\nroot.c.d = deleted()");
    let message = Message::from_bytes(r#"{"b":1}"#);
    let batch = std::slice::from_ref(&message);
    assert_eq!(mapping.map(batch, 0).unwrap(), Mapped::Deleted);
    assert_eq!(mapping.mutate(batch, 0).0, Mapped::Deleted);
    let error = compile("root = deleted()\nroot.c = 1").map(batch, 0);
    assert!(error.unwrap_err().to_string().contains("non-object"));
}

#[test]
fn format_writes_bytes_as_they_are_in_base_16_and_quotes() {
    let text = r#"root = "%x|% X|%#x|%# x|%.2x|%q|%#x|%x".format(content(), content(), content(), content(), content(), content(), "abc", [content()])"#;
    let mut message = Message::from_bytes(b"a\xffb".to_vec());
    let mapped = compile(text)
        .map(std::slice::from_ref(&message), 0)
        .unwrap();
    assert!(mapped.apply_to(&mut message));
    assert_eq!(
        self::text(&message),
        r#"61ff62|61 FF 62|0x61ff62|0x61 0xff 0x62|61ff|"a\xffb"|0x616263|[61ff62]"#
    );
}

#[test]
fn a_failing_mapping_changes_nothing_and_names_line_field_and_type() {
    assert_eq!(
        map(
            "root.a = 1\nmeta b = 2\nroot.c = this.x.floor()",
            r#"{"x":"five"}"#
        ),
        r#"error: failed assignment (line 3): expected number value, got string from field `this.x` ("five")"#
    );
    assert_eq!(
        map("root.a.b = 1\nroot.a.b.c = 2", "{}"),
        "error: failed assignment (line 2): unable to set target path a.b.c as the value of a.b was a non-object type (number)"
    );
    assert!(
        map("root = this.a", "no JSON")
            .contains("unable to reference message as structured (with 'this.a'): parse as json: ")
    );
}

#[test]
fn metadata_is_read_new_by_at_and_old_by_metadata() {
    let mut message = Message::from_bytes("{}");
    message.metadata.set("a", 1_i64);
    message.metadata.set("gone", "x");
    let mapping = compile(
        "meta a = 2\nmeta gone = deleted()\nroot.new = @a\nroot.old = metadata(\"a\")\nroot.text = meta(\"a\")\nroot.all = @",
    );
    let mapped = mapping.map(&[message.clone()], 0).unwrap();
    assert!(mapped.apply_to(&mut message));
    assert_eq!(
        text(&message),
        r#"{"all":{"a":2},"new":2,"old":1,"text":"1"}"#
    );
    assert_eq!(message.metadata.get("a"), Some(&Value::I64(2)));
    assert_eq!(message.metadata.get("gone"), None);
}

#[test]
fn strings_and_bytes_become_raw_payloads_and_anything_else_sorted_json() {
    assert_eq!(map(r#"root = "a <b>""#, "{}"), "a <b>");
    assert_eq!(map("root = content()", "raw \u{1}"), "raw \u{1}");
    assert_eq!(
        map(r#"root = {"b":"<&>","a":[1.0]}"#, "{}"),
        r#"{"a":[1],"b":"<&>"}"#
    );
}

#[test]
fn number_texts_stay_as_written_until_they_are_used() {
    let payload = r#"{"a":1.0,"b":1e3,"c":123456789012345678901,"d":-0}"#;
    assert_eq!(map("root = this", payload), payload);
    queries(
        payload,
        &[
            ("this.a + 0", "1"),
            ("this.b * 1", "1000"),
            ("this.a.string()", r#""1.0""#),
            ("this.c", "123456789012345678901"),
            ("0.000001 * 0.1", "1e-7"),
            ("1000000.0.string()", r#""1e+06""#),
            ("100000000000.0 * 10000000000.0", "1e+21"),
        ],
    );
}

#[test]
fn paths_go_without_this_and_never_fail_when_reading() {
    queries(
        r#"{"foo":{"bar":[{"x":1},{"x":2},{"y":3}],"a.b":"dot"}}"#,
        &[
            ("foo.bar.0.x", "1"),
            (r#"this.foo.bar."*".x"#, "[1,2]"),
            (r#"foo."a.b""#, r#""dot""#),
            (r#"this.get("foo.a~1b")"#, r#""dot""#),
            ("this.nope.nope.nope", "null"),
            ("this.foo.bar.9.x", "null"),
            ("this.foo.(bar.1.x | 0)", "2"),
            ("this.foo.bar[-1].y", "3"),
            (
                "this.foo.bar.map_each(e -> e.x | this.foo.bar.2.y)",
                "[1,2,3]",
            ),
        ],
    );
    assert_eq!(
        map("foo.bar = 1\nroot.list = []\nroot.list.\"-\" = 2", "{}"),
        r#"{"foo":{"bar":1},"list":[2]}"#
    );
}

#[test]
fn lambdas_name_the_context_and_leave_this_alone() {
    queries(
        r#"{"k":10,"items":[{"n":1},{"n":2}]}"#,
        &[
            ("this.items.map_each(i -> i.n * this.k)", "[10,20]"),
            ("this.items.map_each(this.n)", "[1,2]"),
            ("this.items.map_each(_ -> this.k)", "[10,10]"),
            (
                "this.items.map_each(a -> this.items.map_each(b -> a.n * b.n))",
                "[[1,2],[2,4]]",
            ),
            ("this.items.fold(0, t -> t.tally + t.value.n)", "3"),
            (
                "this.nope.not_null().catch(e -> e)",
                r#""field `this.nope`: value is null""#,
            ),
        ],
    );
}

#[test]
fn maps_have_variables_of_their_own_and_a_limit_to_recursion() {
    let mapping = "map inner {\n  let x = this\n  root = $x\n}\nlet x = 1\nroot.inner = 5.apply(\"inner\")\nroot.outer = $x";
    assert_eq!(map(mapping, "{}"), r#"{"inner":5,"outer":1}"#);
    let leak = "map inner {\n  root = $x\n}\nlet x = 1\nroot = 5.apply(\"inner\")";
    assert!(map(leak, "{}").contains("variable 'x' undefined"));
    assert_eq!(map("root = $nope | \"fallback\"", "{}"), "fallback");
    let endless = "map again {\n  root = this.apply(\"again\")\n}\nroot = this.apply(\"again\")";
    assert!(
        map(endless, "{}").contains("entering map again exceeded maximum allowed stacks of 5000")
    );
    let descend = "map down {\n  root = if this > 0 { (this - 1).apply(\"down\") } else { \"bottom\" }\n}\nroot = 4000.apply(\"down\")";
    assert_eq!(map(descend, "{}"), "bottom");
}

#[test]
fn other_messages_of_the_batch_are_read_as_they_came_in() {
    let batch: Vec<Message> = [r#"{"v":1}"#, r#"{"v":2}"#]
        .map(Message::from_bytes)
        .into_iter()
        .collect();
    let mapping = compile(
        "root.mine = this.v\nroot.first = json(\"v\").from(0)\nroot.last = json(\"v\").from(-1)\nroot.all = json(\"v\").from_all()\nroot.at = [batch_index(), batch_size()]",
    );
    let mut second = batch[1].clone();
    assert!(mapping.map(&batch, 1).unwrap().apply_to(&mut second));
    assert_eq!(
        text(&second),
        r#"{"all":[1,2],"at":[1,2],"first":1,"last":2,"mine":2}"#
    );
}

#[test]
fn counters_count_once_for_all_clones_and_threads() {
    let mapping = compile("root = counter()");
    let batch = [Message::from_bytes("{}")];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mapping = mapping.clone();
            let batch = &batch;
            scope.spawn(move || (0..100).for_each(|_| drop(mapping.map(batch, 0).unwrap())));
        }
    });
    let last = mapping.map(&batch, 0).unwrap();
    let mut message = batch[0].clone();
    assert!(last.apply_to(&mut message));
    assert_eq!(text(&message), "401");
}

#[test]
fn interpolations_join_text_and_expressions() {
    let batch = [Message::from_bytes(r#"{"a":{"b":"<x>"},"n":null}"#)];
    for (text, expected, is_static) in [
        ("plain", "plain", true),
        ("${! json(\"a.b\") }-${! 1 + 2 }", "<x>-3", false),
        ("${! this.n } ${! this.nope }", "null null", false),
        ("${! json(\"a\") }", "{\"b\":\"\\u003cx\\u003e\"}", false),
        ("${{! not this }}", "${! not this }", true),
        ("", "", true),
    ] {
        let interpolation = Interpolation::compile(text, &Environment::new()).unwrap();
        assert_eq!(
            interpolation.resolve(&batch, 0).unwrap(),
            expected,
            "{text}"
        );
        assert_eq!(interpolation.is_static(), is_static, "{text}");
    }
    let failing = Interpolation::compile("${! this.a + 1 }", &Environment::new()).unwrap();
    assert!(
        failing
            .resolve(&batch, 0)
            .unwrap_err()
            .to_string()
            .contains("cannot add types object")
    );
}

#[test]
fn a_check_must_give_a_bool() {
    let batch = [Message::from_bytes(r#"{"a":5}"#)];
    assert_eq!(compile("this.a > 3").test(&batch, 0), Ok(true));
    assert_eq!(compile("root = this.a > 7").test(&batch, 0), Ok(false));
    assert!(compile("root = this.a").test(&batch, 0).is_err());
    assert!(compile("root = deleted()").test(&batch, 0).is_err());
    assert_eq!(
        compile("root = this").map(&[], 0),
        compile("root = this").map(&[], 1)
    );
    assert!(matches!(
        compile("let a = 1").map(&batch, 0),
        Ok(Mapped::Unchanged)
    ));
}

#[test]
fn a_sort_with_contradictory_answers_ends() {
    queries(
        "[3,1,2]",
        &[
            ("this.sort(e -> e.left < e.right)", "[1,2,3]"),
            ("this.sort(e -> true).length()", "3"),
            ("this.sort_by(e -> -e)", "[3,2,1]"),
            (r#"[1, "a"].sort().catch("mixed")"#, r#""mixed""#),
        ],
    );
}

#[test]
fn root_level_conditions_choose_statements() {
    let mapping = "if this.a == 1 {\n  root.one = true\n  let x = 5\n} else if this.a == 2 {\n  root.two = true\n} else {\n  root.other = true\n}\nroot.x = $x | 0";
    assert_eq!(map(mapping, r#"{"a":1}"#), r#"{"one":true,"x":5}"#);
    assert_eq!(map(mapping, r#"{"a":2}"#), r#"{"two":true,"x":0}"#);
    assert_eq!(map(mapping, r#"{"a":3}"#), r#"{"other":true,"x":0}"#);
}

#[test]
fn a_call_of_literals_that_always_fails_is_warned_of_unless_its_failure_is_taken() {
    let environment = Environment::new();
    let warnings = |text: &str| -> Vec<String> {
        let mapping = Mapping::compile(text, &environment).expect("it compiles");
        let shown = |it: &SyntaxError| format!("{}: {it}", &text[it.span.range()]);
        mapping.warnings().iter().map(shown).collect()
    };
    for (text, expected) in [
        (
            r#"root = "x".parse_duration()"#,
            "parse_duration: `parse_duration` always fails here: ",
        ),
        (
            r#"root = if this.a { "{".parse_json() }"#,
            "parse_json: `parse_json` always fails here: ",
        ),
        (
            r#"root = this.a.catch("x".parse_duration())"#,
            "parse_duration: `parse_duration` always fails here: ",
        ),
        (
            "map m { root = null.not_null() }\nroot = this.apply(\"m\")",
            "not_null: `not_null` always fails here: ",
        ),
    ] {
        let found = warnings(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with(expected), "{found:?}");
    }
    for text in [
        r#"root = "x".parse_duration().catch(0)"#,
        r#"root = "x".parse_duration().abs().or(0)"#,
        r#"root = "x".parse_duration() | 0"#,
        r#"root = this.a | "x".parse_duration() | 0"#,
        r#"root = this.a.map_each(_ -> "x".parse_duration()).catch([])"#,
        r#"root = ("x".parse_duration() + 1).catch(0)"#,
        r#"root = if this.a { throw("no") }"#,
        // Too much for the compiler, and not for a message.
        r#"root = range(0, 1000000).length()"#,
    ] {
        assert_eq!(warnings(text), [""; 0], "{text}");
    }
}

#[test]
fn a_mapping_may_be_given_variables_to_begin_with() {
    let environment = Environment::new().with_given("label", "x".into());
    let text = "map of_maps { root = $label.catch(\"none\") }\nroot.a = $label\nlet label = 1\n\
                root.b = $label\nlet other = 2\nroot.c = $other\nroot.d = this.apply(\"of_maps\")";
    let mapping = Mapping::compile(text, &environment).expect("it compiles");
    // Maps have variables of their own.
    assert_eq!(mapping.warnings().len(), 1, "{:?}", mapping.warnings());
    let made = mapping
        .map_value(&Value::Null)
        .expect("it maps")
        .expect("a value");
    assert_eq!(&made.to_json()[..], br#"{"a":"x","b":1,"c":2,"d":"none"}"#);
    let shown = Mapping::compile("$label.uppercase()", &environment).expect("it compiles");
    let made = shown
        .map_value(&Value::Null)
        .expect("it maps")
        .expect("a value");
    assert_eq!(made.as_str(), Some("X"));
}

#[test]
fn what_an_imported_file_names_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let outer = "import \"./deep/b.blobl\"\nmap a {\n  root.b = this.apply(\"b\")\n  \
                 root.text = file_rel(\"t.txt\").string()\n}";
    write("sub/a.blobl", outer);
    write("sub/deep/b.blobl", "map b { root = \"beside a\" }");
    write("sub/t.txt", "beside a");
    // Others of the same names lie beside the outermost.
    write("deep/b.blobl", "map b { root = \"elsewhere\" }");
    write("t.txt", "elsewhere");
    let environment = Environment::new().with_directory(folder.path());
    let main = "import \"sub/a.blobl\"\nroot = this.apply(\"a\")";
    let mapping = Mapping::compile(main, &environment).unwrap();
    let mut message = Message::from("{}");
    let mapped = mapping.map(std::slice::from_ref(&message), 0).unwrap();
    assert!(mapped.apply_to(&mut message));
    assert_eq!(text(&message), r#"{"b":"beside a","text":"beside a"}"#);
}

#[test]
fn an_integer_that_does_not_fit_is_told_with_what_was_given_and_the_bounds() {
    let bounds = "is not between -9223372036854775808 and 9223372036854775807";
    for (payload, shown) in [
        ("1e300", "1e300"),
        ("1e400", "1e400"),
        ("-1e300", "-1e300"),
        ("9223372036854775808", "9223372036854775808"),
    ] {
        let told = query("this.v.int64()", &format!("{{\"v\":{payload}}}"));
        let expected = format!("value {shown} does not fit: it {bounds}");
        assert!(told.contains(&expected), "{told}");
    }
    let told = query("this.v.number()", r#"{"v":1e400}"#);
    assert!(
        told.contains("value 1e400 does not fit: it is beyond the floats"),
        "{told}"
    );
    let told = query("this.v.uint8()", r#"{"v":256}"#);
    assert!(
        told.contains("value 256 does not fit: it is not between 0 and 255"),
        "{told}"
    );
    let told = query("this.v.int64()", &format!("{{\"v\":{}}}", "9".repeat(100)));
    assert!(
        told.contains(&format!("value {}… does not fit", "9".repeat(40))),
        "{told}"
    );
}

#[test]
fn collapsed_keys_are_the_keys_as_they_are() {
    queries(
        "{}",
        &[
            (
                r#"{"a.b":1,"c":{"d~e":2}}.collapse()"#,
                r#"{"a.b":1,"c.d~e":2}"#,
            ),
            ("{}.collapse(true)", r#"{"":{}}"#),
            ("[].collapse(true)", r#"{"":[]}"#),
            ("{}.collapse()", "{}"),
        ],
    );
}

#[test]
fn exploding_an_element_keeps_those_beside_it() {
    queries(
        "{}",
        &[
            (
                r#"{"a":[[1,5],[2]]}.explode("a.0")"#,
                r#"[{"a":[1,[2]]},{"a":[5,[2]]}]"#,
            ),
            (
                r#"{"a":[{"x":1},[2]]}.explode("a.0")"#,
                r#"{"x":{"a":[1,[2]]}}"#,
            ),
            (
                r#"{"a":[7,[1,2],8]}.explode("a.1")"#,
                r#"[{"a":[7,1,8]},{"a":[7,2,8]}]"#,
            ),
        ],
    );
}

/// The bytes that a mapping makes of others, in hexadecimal.
fn of_bytes(expression: &str, payload: &[u8]) -> String {
    let mut message = Message::from_bytes(payload.to_vec());
    let mapping = compile(&format!("root = ({expression}).encode(\"hex\")"));
    let mapped = mapping
        .map(std::slice::from_ref(&message), 0)
        .unwrap_or_else(|error| panic!("`{expression}` fails: {error}"));
    assert!(mapped.apply_to(&mut message));
    text(&message)
}

#[test]
fn bytes_that_are_no_text_stay_what_they_are() {
    for (expression, expected) in [
        ("content().trim()", "61ff62"),
        (r#"content().trim(" b")"#, "61ff"),
        (r#"content().trim_prefix(" a")"#, "ff6220"),
        (r#"content().trim_suffix("b ")"#, "2061ff"),
        (r#"content().replace_all("b", "é")"#, "2061ffc3a920"),
        (
            r#"content().replace_all("", "-")"#,
            "2d202d612dff2d622d202d",
        ),
        (r#"content().replace_all("\xff", "z")"#, "20617a6220"),
        (
            r#"content().replace_all_many(["b", "q", "q", "w"])"#,
            "2061ff7720",
        ),
        ("content().capitalize()", "2041ff4220"),
        ("content().strip_html()", "2061ff6220"),
        ("content().escape_html()", "2061ff6220"),
        ("content().unescape_html()", "2061ff6220"),
        ("content().escape_url_query()", "2b61254646622b"),
        (r#"content().re_replace_all("b", "zz")"#, "2061ff7a7a20"),
        (r#"content() + "x""#, "2061ff622078"),
        (r#""x" + content()"#, "782061ff6220"),
        (r#"content().split("\xff").index(1)"#, "6220"),
        ("content().quote()", "2220615c786666622022"),
        ("content().quote().unquote()", "2061ff6220"),
    ] {
        assert_eq!(of_bytes(expression, b" a\xffb "), expected, "{expression}");
    }
    queries(
        "{}",
        &[
            (
                r#""aé".bytes().split("").map_each(part -> part.encode("hex"))"#,
                r#"["61","c3a9"]"#,
            ),
            (r#""a\xff".has_suffix("\xff")"#, "true"),
            (r#""a\xff".index_of("\xff")"#, "1"),
        ],
    );
}

#[test]
fn the_time_of_now_is_text_that_methods_for_text_take() {
    queries(
        "{}",
        &[
            ("now().type()", r#""string""#),
            ("now().slice(0, 4) == now().ts_format(\"2006\")", "true"),
            ("now()[4:5]", r#""-""#),
            (r#"now().split("T").length()"#, "2"),
            (r#"(now() + "x").has_suffix("x")"#, "true"),
            (r#"now().re_match("^[0-9]{4}-")"#, "true"),
            (r#"now().replace_all("-", "").contains("-2")"#, "false"),
            (r#"[now()].join(",").length() > 19"#, "true"),
            (r#"now().hash("sha1").encode("hex").length()"#, "40"),
            ("now().ts_unix() >= timestamp_unix() - 1", "true"),
            ("now().ts_tz(\"UTC\").type()", r#""timestamp""#),
            (
                "now().ts_parse(\"2006-01-02T15:04:05Z07:00\").type()",
                r#""timestamp""#,
            ),
        ],
    );
}

#[test]
fn a_literal_is_a_query_that_always_gives_it() {
    queries(
        "{}",
        &[
            (r#"[1].map_each("x")"#, r#"["x"]"#),
            ("[1].map_each({\"x\":1})", r#"[{"x":1}]"#),
            ("[1].map_each([])", "[[]]"),
            ("[1,2].filter(true)", "[1,2]"),
            ("[2,1].sort_by(5)", "[2,1]"),
            ("[1,2].unique(5)", "[1]"),
            ("[1,2].fold(0, 5)", "5"),
            (r#"{"a":1}.map_each_key("x")"#, r#"{"x":1}"#),
            ("[1,2].find_all_by(true)", "[0,1]"),
            ("[1,2].split_by(true)", "[[],[],[]]"),
        ],
    );
}

#[test]
fn a_last_tally_that_is_no_value_is_no_result() {
    assert_eq!(query("[1,2].fold(0, i -> deleted())", "{}"), "deleted");
    assert_eq!(query("[1,2].fold(0, i -> nothing())", "{}"), "nothing");
    let mapping = "root.a = 1\nroot.a = [1].fold(0, i -> deleted())";
    assert_eq!(map(mapping, "{}"), "{}");
}

#[test]
fn nothing_in_quotes_and_an_id_of_no_characters_are_empty() {
    queries(
        "{}",
        &[
            (r#""''".unquote()"#, r#""""#),
            (r#""'ab'".unquote().catch("no")"#, r#""no""#),
            ("nanoid(0)", r#""""#),
        ],
    );
}

#[test]
fn what_does_not_fit_an_integer_is_not_cut_to_it() {
    queries(
        r#"{"low":-9223372036854775809,"high":18446744073709551616}"#,
        &[
            (r#"this.low.int64().catch("no")"#, r#""no""#),
            (r#"this.high.uint64().catch("no")"#, r#""no""#),
            ("this.low.string().slice(0, 3)", r#""-92""#),
        ],
    );
}

#[test]
fn minus_zero_is_no_smaller_than_zero() {
    queries(r#"{"v":[0,-0.0,-1]}"#, &[("this.v.sort()", "[-1,0,-0.0]")]);
}

#[test]
fn a_time_can_be_compressed() {
    let time = r#""2020-02-03T04:05:06Z".ts_parse("2006-01-02T15:04:05Z07:00")"#;
    let back = format!(r#"{time}.compress("gzip", -2).decompress("gzip").string()"#);
    queries("{}", &[(&back, r#""2020-02-03T04:05:06Z""#)]);
}
