use bytes::Bytes;
use millrace_message::Value;
use proptest::prelude::*;

use super::{evaluate, parse};

fn run(expression: &str, document: &str) -> String {
    let document = Value::parse_json(Bytes::copy_from_slice(document.as_bytes())).unwrap();
    let result = parse::expression(expression).and_then(|it| evaluate::value(&it, &document));
    match result {
        Ok(value) => String::from_utf8(value.to_json().to_vec()).unwrap(),
        Err(error) => format!("error: {error}"),
    }
}

const STORE: &str = r#"{"store":{"book":[
    {"category":"reference","author":"Nigel Rees","title":"Sayings","price":8.95},
    {"category":"fiction","author":"Evelyn Waugh","title":"Sword","price":12.99},
    {"category":"fiction","author":"Herman Melville","title":"Moby Dick","isbn":"0-553","price":8.99}],
    "bicycle":{"color":"red","price":19.95}},"limit":10}"#;

#[test]
fn paths_find_what_they_name() {
    for (path, expected) in [
        ("$.store.bicycle.color", r#""red""#),
        ("$['store']['bicycle'][\"color\"]", r#""red""#),
        ("$.store.book[0].title", r#""Sayings""#),
        (
            "$.store.book[*].title",
            r#"["Sayings","Sword","Moby Dick"]"#,
        ),
        ("$.store.book[0,2].title", r#"["Sayings","Moby Dick"]"#),
        ("$.store.book[1:].title", r#"["Sword","Moby Dick"]"#),
        ("$.store.book[:2].title", r#"["Sayings","Sword"]"#),
        ("$.store.book[-1:].title", r#"["Moby Dick"]"#),
        ("$.store.book[::2].title", r#"["Sayings","Moby Dick"]"#),
        ("$.store.book[::-1].price", "[8.99,12.99,8.95]"),
        ("$..price", "[19.95,8.95,12.99,8.99]"),
        ("$.store.*.color", r#"["red"]"#),
        ("$..book[?(@.isbn)].title", "[]"),
        (
            "$..book[?(@.price < 10)].title",
            r#"["Sayings","Moby Dick"]"#,
        ),
        ("$..book[?(@.price < $.limit)].price", "[8.95,8.99]"),
        (
            "$..book[?(@.category == 'fiction' && @.price > 10)].title",
            r#"["Sword"]"#,
        ),
        ("$..book[?(@.author =~ '^N.*s$')].title", r#"["Sayings"]"#),
        ("$..book[?(@.author !~ 'e')].title", "[]"),
        (
            "$..book[?(@.category in ['reference'])].title",
            r#"["Sayings"]"#,
        ),
        ("$.store.book[(3-1)].title", r#""Moby Dick""#),
        ("$..book[?(@.missing == 1)]", "[]"),
        ("$.store.book[5]", "error: index 5 out of bounds"),
        ("$.store.book[-1]", "error: index -1 out of bounds"),
        ("$.nothing[*]", "[]"),
        ("$.store.nothing", "error: unknown key nothing"),
        (
            "$.limit.x",
            "error: unsupported value type number for select, expected object or array",
        ),
    ] {
        assert_eq!(run(path, STORE), expected, "{path}");
    }
}

#[test]
fn expressions_compute() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 ** 3 ** 2", "64"),
        ("-2 + 5 % 3", "0"),
        ("'a' + 1", r#""a1""#),
        ("'2' * '3'", "6"),
        ("1 < 2 && !(2 < 1)", "true"),
        ("false && missing.x.y", "false"),
        ("true ? 'a' : 'b'", r#""a""#),
        ("0 ? 'a' : 'b'", r#""b""#),
        ("missing ?? 'other'", r#""other""#),
        ("limit - 1", "9"),
        ("store.bicycle.color", r#""red""#),
        ("store.book[0].price", "8.95"),
        ("6 & 3 | 8 ^ 1", "11"),
        ("1 << 4 >> 2", "4"),
        ("~0", "-1"),
        ("[1, $.limit,]", "[1,10]"),
        ("{'a': $.limit, \"b\": [true]}", r#"{"a":10,"b":[true]}"#),
        ("date('2020-01-01T00:00:00Z')", r#""2020-01-01T00:00:00Z""#),
        ("date('2020-01-01')", r#""2020-01-01T00:00:00Z""#),
        ("date('soon')", "error: date() could not parse soon"),
        (
            "'x' + missing",
            "error: invalid operation (string) Add (null)",
        ),
        ("1 == '1'", "true"),
        ("'a' == 'a'", "true"),
        ("[1] == [1]", "true"),
        ("1 in 2", "error: invalid operation (number) In (number)"),
        ("f(1)", "error: there is no function but `date`"),
        (
            "$.a[",
            "error: unexpected the end at byte 4, expected a value",
        ),
        (
            "1 +",
            "error: unexpected the end at byte 3, expected a value",
        ),
        ("'a", "error: a text is not closed"),
        ("'\\u0041\\n'", r#""A\n""#),
        (
            "1 2",
            "error: unexpected 2 at byte 2, expected an operator or the end",
        ),
        ("#", "error: unexpected `#` at byte 0"),
    ] {
        assert_eq!(run(expression, STORE), expected, "{expression}");
    }
}

#[test]
fn what_a_path_finds_is_bounded() {
    let document = "[".repeat(300) + &"]".repeat(300);
    assert!(run("$..*..*..*..*", &document).contains("more than 1000000 values"));
    assert!(run(&"(".repeat(5_000), "1").contains("nests deeper"));
    assert!(run(&"-".repeat(5_000), "1").contains("nests deeper"));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "[$@.a\\[\\]()?*:,'\"1+<=&!{} -]{0,30}") {
        let _result = run(&text, r#"{"a":[{"a":1},2]}"#);
    }
}
