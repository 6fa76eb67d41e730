use bytes::Bytes;
use millrace_message::Value;

use super::Schema;

fn json(text: &str) -> Value {
    Value::parse_json(Bytes::copy_from_slice(text.as_bytes()))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check(schema: &str, value: &str) -> String {
    match Schema::new(&json(schema)) {
        Ok(schema) => schema.complaints(&json(value)).join("; "),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn words_that_the_draft_of_a_schema_does_not_have_are_passed_over() {
    let condition = r#""if":{"type":"integer"},"then":{"minimum":5}"#;
    let names = r#""$ref":"x""#;
    let ids = [
        r##""definitions":{"a":{"$id":"x"}}"##,
        r##""definitions":{"a":{"id":"x"}}"##,
    ];
    let fails = [
        (condition.to_owned(), "1", "7*"),
        (r#""const":2"#.to_owned(), "1", "67*"),
        (r#""contains":{"const":2}"#.to_owned(), "[1]", "67*"),
        (
            r#""propertyNames":{"maxLength":1}"#.to_owned(),
            r#"{"ab":1}"#,
            "67*",
        ),
        (r#""minimum":5"#.to_owned(), "1", "467*"),
        (
            r#""minimum":1,"exclusiveMinimum":true"#.to_owned(),
            "1",
            "467*",
        ),
        (r#""exclusiveMaximum":1"#.to_owned(), "1", "467*"),
        (r#""items":false"#.to_owned(), "[1]", "467*"),
        (format!(r#""items":{{{names}}},{}"#, ids[0]), "[1]", "4"),
        (format!(r#""items":{{{names}}},{}"#, ids[1]), "[1]", "67"),
    ];
    for (words, value, expected) in fails {
        let drafts = [
            (
                "4",
                r#""$schema":"http://json-schema.org/draft-04/schema#","#,
            ),
            (
                "6",
                r#""$schema":"http://json-schema.org/draft-06/schema","#,
            ),
            (
                "7",
                r#""$schema":"http://json-schema.org/draft-07/schema#","#,
            ),
            ("*", ""),
        ];
        for (draft, name) in drafts {
            let complaint = check(&format!("{{{name}{words}}}"), value);
            let fits = complaint.is_empty();
            assert_eq!(
                !fits,
                expected.contains(draft),
                "{words} {draft}: {complaint}"
            );
        }
    }
}

#[test]
fn what_the_draft_of_a_schema_does_not_allow_is_an_error() {
    let draft =
        |number: u32| format!(r#""$schema":"http://json-schema.org/draft-0{number}/schema#""#);
    for (schema, expected) in [
        (
            format!(r#"{{{},"exclusiveMinimum":1}}"#, draft(4)),
            "exclusiveMinimum must be a boolean",
        ),
        (
            format!(r#"{{{},"exclusiveMaximum":true}}"#, draft(7)),
            "exclusiveMaximum must be a number",
        ),
        (
            format!(r#"{{{},"not":true}}"#, draft(4)),
            "a schema must be an object, not bool",
        ),
        (r#"{"$schema":7}"#.to_owned(), "$schema must be a string"),
    ] {
        assert_eq!(check(&schema, "1"), format!("error: {expected}"));
    }
}

#[test]
fn each_word_is_checked() {
    for (schema, value, expected) in [
        (
            r#"{"type":"string"}"#,
            "5",
            "(root) invalid type. expected: string, given: integer",
        ),
        (
            r#"{"type":["string","null"]}"#,
            "5.5",
            "(root) invalid type. expected: [string,null], given: number",
        ),
        (r#"{"type":"integer"}"#, "5.0", ""),
        (r#"{"type":"number"}"#, "5", ""),
        ("true", "5", ""),
        ("false", "5", "(root) false always fails validation"),
        (
            r#"{"properties":{"a":{"type":"string"}}}"#,
            r#"{"a":5}"#,
            "a invalid type. expected: string, given: integer",
        ),
        (
            r#"{"properties":{"a":{"items":{"minimum":1}}}}"#,
            r#"{"a":[1,0]}"#,
            "a.1 must be greater than or equal to 1",
        ),
        (
            r#"{"required":["a","b"]}"#,
            r#"{"a":1}"#,
            "(root) b is required",
        ),
        (
            r#"{"properties":{"a":{}},"patternProperties":{"^x":{"type":"null"}},"additionalProperties":false}"#,
            r#"{"a":1,"b":2,"x1":null}"#,
            "(root) additional property b is not allowed",
        ),
        (
            r#"{"additionalProperties":{"type":"string"}}"#,
            r#"{"a":1}"#,
            "a invalid type. expected: string, given: integer",
        ),
        (
            r#"{"propertyNames":{"maxLength":1}}"#,
            r#"{"ab":1}"#,
            "(root) property name of \"ab\" does not match; (root) string length must be less than or equal to 1",
        ),
        (
            r#"{"minProperties":2}"#,
            "{}",
            "(root) must have at least 2 properties",
        ),
        (
            r#"{"maxProperties":0}"#,
            r#"{"a":1}"#,
            "(root) must have at most 0 properties",
        ),
        (
            r#"{"dependencies":{"a":["b"],"c":{"required":["d"]}}}"#,
            r#"{"a":1,"c":1}"#,
            "(root) has a dependency on b; (root) d is required",
        ),
        (
            r#"{"items":[{"type":"null"}],"additionalItems":false}"#,
            "[null,1]",
            "(root) no additional items allowed on array",
        ),
        (
            r#"{"items":[{}],"additionalItems":{"type":"null"}}"#,
            "[1,1]",
            "1 invalid type. expected: null, given: integer",
        ),
        (
            r#"{"minItems":1}"#,
            "[]",
            "(root) array must have at least 1 items",
        ),
        (
            r#"{"maxItems":1}"#,
            "[1,2]",
            "(root) array must have at most 1 items",
        ),
        (
            r#"{"uniqueItems":true}"#,
            r#"[1,{"a":1},1.0]"#,
            "(root) array items[0,2] must be unique",
        ),
        (
            r#"{"contains":{"type":"null"}}"#,
            "[1]",
            "(root) at least one of the items must match; 0 invalid type. expected: null, given: integer",
        ),
        (r#"{"const":{"a":1}}"#, r#"{"a":1.0}"#, ""),
        (r#"{"const":1}"#, "2", "(root) does not match: 1"),
        (
            r#"{"enum":["a",null]}"#,
            "1",
            "(root) must be one of the following: \"a\", null",
        ),
        (r#"{"multipleOf":0.1}"#, "0.3", ""),
        (
            r#"{"multipleOf":0.1}"#,
            "0.35",
            "(root) must be a multiple of 0.1",
        ),
        (
            r#"{"maximum":5}"#,
            "5.5",
            "(root) must be less than or equal to 5",
        ),
        (
            r#"{"exclusiveMaximum":5}"#,
            "5",
            "(root) must be less than 5",
        ),
        (
            r#"{"minimum":5,"exclusiveMinimum":true}"#,
            "5",
            "(root) must be greater than 5",
        ),
        (
            r#"{"minimum":9007199254740993}"#,
            "9007199254740992",
            "(root) must be greater than or equal to 9007199254740993",
        ),
        (
            r#"{"minLength":2}"#,
            "\"é\"",
            "(root) string length must be greater than or equal to 2",
        ),
        (
            r#"{"pattern":"^a"}"#,
            r#""b""#,
            "(root) does not match pattern '^a'",
        ),
        (
            r#"{"format":"ipv4"}"#,
            r#""1.2.3""#,
            "(root) does not match format 'ipv4'",
        ),
        (r#"{"format":"unheard of"}"#, r#""x""#, ""),
        (
            r#"{"not":{"type":"null"}}"#,
            "null",
            "(root) must not validate the schema (not)",
        ),
        (
            r#"{"if":{"type":"null"},"then":false,"else":{"type":"string"}}"#,
            "1",
            "(root) must validate \"else\" as \"if\" was not valid; (root) invalid type. expected: string, given: integer",
        ),
        (
            r#"{"allOf":[{"type":"string"}]}"#,
            "1",
            "(root) invalid type. expected: string, given: integer; (root) must validate all the schemas (allOf)",
        ),
    ] {
        assert_eq!(check(schema, value), expected, "{schema} {value}");
    }
}

#[test]
fn the_complaints_of_the_best_alternative_are_given() {
    let schema = r#"{"oneOf":[{"type":"null"},{"type":"object","required":["a","b"]}]}"#;
    assert_eq!(
        check(schema, r#"{"a":1}"#),
        "(root) must validate one and only one schema (oneOf); (root) b is required"
    );
    assert_eq!(
        check(r#"{"oneOf":[{},{}]}"#, "1"),
        "(root) must validate one and only one schema (oneOf)"
    );
    assert_eq!(
        check(r#"{"anyOf":[{"type":"null"},{"minimum":1}]}"#, "1"),
        ""
    );
}

#[test]
fn references_stay_within_the_schema() {
    let tree = r##"{"type":"object","properties":{"next":{"$ref":"#"},"value":{"$ref":"#/definitions/v~1%77"}},
        "definitions":{"v/w":{"type":"integer"}}}"##;
    assert_eq!(check(tree, r#"{"next":{"next":{"value":1}}}"#), "");
    assert_eq!(
        check(tree, r#"{"next":{"next":{"value":"x"}}}"#),
        "next.next.value invalid type. expected: integer, given: string"
    );
    let named = r##"{"$ref":"#here","definitions":{"a":{"$id":"#here","type":"null"}}}"##;
    assert_eq!(check(named, "null"), "");
    assert!(check(r##"{"$ref":"#/nowhere"}"##, "1").contains("points to nothing"));
    assert!(check(r#"{"$ref":"http://example.com/schema"}"#, "1").contains("not loaded"));
}

#[test]
fn a_circle_of_references_ends() {
    let schema = r##"{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}}"##;
    assert!(check(schema, "1").contains("levels deep"));
    let wide = r##"{"anyOf":[{"items":{"$ref":"#"},"minItems":1},{"items":{"$ref":"#"},"maxItems":0,"type":"array","minItems":1}]}"##;
    let deep = "[".repeat(60) + &"]".repeat(60);
    assert!(!check(wide, &deep).is_empty());
}

#[test]
fn what_is_no_schema_is_said() {
    for (schema, expected) in [
        ("5", "a schema must be"),
        (r#"{"type":"text"}"#, "NOT VALID"),
        (r#"{"type":5}"#, "type must be"),
        (r#"{"minLength":-1}"#, "minLength must be"),
        (r#"{"pattern":"("}"#, "regexp"),
        (r#"{"multipleOf":0}"#, "strictly greater"),
        (r#"{"properties":[]}"#, "properties must be an object"),
        (r#"{"required":[1]}"#, "required must be a string"),
    ] {
        let error = check(schema, "1");
        assert!(
            error.starts_with("error:") && error.contains(expected),
            "{schema}: {error}"
        );
    }
}

#[test]
fn formats_are_told_apart() {
    for (format, good, bad) in [
        ("date", "2020-02-29", "2020-02-30"),
        ("time", "10:00:00+02:00", "25:00:00"),
        ("date-time", "2020-01-01T10:00:00.5Z", "2020-01-01 10:00"),
        ("hostname", "a-b.example", "-a"),
        ("email", "a@example.com", "a"),
        ("ipv6", "::1", "1.2.3.4"),
        ("uri", "http://example.com/x", "/x"),
        ("uri-reference", "/x", "\\x"),
        ("uri-template", "/a/{b}", "/a/{b"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
        ("regex", "a+", "a("),
        ("json-pointer", "/a/~0", "/a/~2"),
        ("relative-json-pointer", "0#", "a"),
    ] {
        assert!(super::format::fits(format, good), "{format} {good}");
        assert!(!super::format::fits(format, bad), "{format} {bad}");
    }
}
