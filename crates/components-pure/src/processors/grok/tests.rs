#![allow(clippy::unwrap_used, reason = "the cases have what they promise")]

use bytes::Bytes;
use millrace_message::{Message, MessageBatch};
use proptest::prelude::*;
use regex_automata::Input;

use super::expression::Expression;
use super::patterns::{Patterns, Place};
use super::*;
use crate::testing::{batch, bench, processor};

/// What becomes of a payload: the result, or the text of the error flag.
fn parse(yaml: &str, payload: &str) -> Result<String, String> {
    let BuiltProcessor::Sync(processor) = processor(yaml) else {
        panic!("it never waits");
    };
    let mut batches = processor.process(batch(&[payload]));
    let message = &mut batches[0][0];
    match message.fault() {
        Some(fault) => Err(fault.cause.text().to_owned()),
        None => Ok(String::from_utf8_lossy(message.bytes()).into_owned()),
    }
}

/// An expression with the default patterns.
fn expression(text: &str) -> Expression {
    let mut patterns = Patterns::new(true);
    patterns.add_defaults();
    let expanded = patterns.expand(text, &Place::Expression(0)).unwrap();
    Expression::new(expanded, true).unwrap()
}

fn refused(yaml: &str) -> String {
    match bench().processor(yaml) {
        Ok(_) => panic!("it is built, and must not be: {yaml}"),
        Err(error) => error,
    }
}

#[test]
fn named_parts_become_members_of_their_types() {
    for (expression, payload, expected) in [
        (
            "%{WORD:a},%{INT:b:int}",
            "foo,-12",
            r#"{"a":"foo","b":-12}"#,
        ),
        (
            "%{NUMBER:a:float} %{NUMBER:b:FLOAT}",
            "1.50 7",
            r#"{"a":1.5,"b":7}"#,
        ),
        (
            "%{WORD:x.y} %{INT:x.z.n:int} %{WORD:w}",
            "a 1 b",
            r#"{"w":"b","x":{"y":"a","z":{"n":1}}}"#,
        ),
        (
            "(?P<raw>[a-z]+) %{WORD:word} (?<other>.)",
            "ab cd e",
            r#"{"other":"e","raw":"ab","word":"cd"}"#,
        ),
        ("%{WORD:a} %{WORD:a}", "first last", r#"{"a":"last"}"#),
        (
            r"\(%{DATA:a}\) [(]%{GREEDYDATA:b}[)]",
            "(x y) (z) )",
            r#"{"a":"x y","b":"z) "}"#,
        ),
        ("%{INT:a:int}|%{WORD:b}", "word", r#"{"b":"word"}"#),
        ("%{WORD:a}( %{WORD:b})?", "one", r#"{"a":"one"}"#),
        ("%{WORD:a.b} %{WORD:a}", "inner outer", r#"{"a":"outer"}"#),
    ] {
        let yaml = format!("grok: {{ expressions: [ '{expression}' ] }}");
        assert_eq!(
            parse(&yaml, payload).as_deref(),
            Ok(expected),
            "{expression}"
        );
    }
}

#[test]
fn the_first_expression_that_gives_a_value_makes_the_message() {
    let yaml =
        "grok: { expressions: [ '%{INT:n:int}$', '%{WORD:n:int}', 'no fields', '^%{WORD:w}' ] }";
    for (payload, expected) in [
        ("ab 12", r#"{"n":12}"#),
        // The second one matches too, but its part is no number; the third one gives nothing.
        ("no fields", r#"{"w":"no"}"#),
    ] {
        assert_eq!(parse(yaml, payload).as_deref(), Ok(expected));
    }
    assert!(
        parse(yaml, "-")
            .unwrap_err()
            .contains("no expression matches")
    );
}

#[test]
fn a_payload_that_nothing_matches_stays() {
    let BuiltProcessor::Sync(processor) = processor("grok: { expressions: [ '%{INT:a}' ] }") else {
        panic!("it never waits");
    };
    let batches = processor.process(batch(&["abc", "5"]));
    assert_eq!(&batches[0][0].bytes()[..], b"abc");
    assert!(batches[0][0].fault().is_some());
    assert_eq!(&batches[0][1].bytes()[..], br#"{"a":"5"}"#);
}

#[test]
fn what_matched_nothing_is_left_out_or_empty() {
    let yaml = |remove| {
        format!(
            "grok: {{ expressions: [ '%{{WORD:a}}( %{{WORD:b}})?' ], remove_empty_values: {remove} }}"
        )
    };
    assert_eq!(parse(&yaml(true), "x").as_deref(), Ok(r#"{"a":"x"}"#));
    assert_eq!(
        parse(&yaml(false), "x").as_deref(),
        Ok(r#"{"a":"x","b":""}"#)
    );
}

#[test]
fn patterns_without_a_name_are_fields_when_asked_for() {
    let yaml = "grok: { expressions: [ '%{HOSTPORT} %{WORD:w}' ], named_captures_only: false }";
    assert_eq!(
        parse(yaml, "h.example:80 x").as_deref(),
        Ok(
            r#"{"HOSTNAME":"h.example","HOSTPORT":"h.example:80","IPORHOST":"h.example","POSINT":"80","w":"x"}"#
        )
    );
}

#[test]
fn the_default_patterns_match_what_they_are_named_for() {
    for (pattern, payload, expected) in [
        ("DAY", "Tue May 15 11:21:42 [conn1047685]", "Tue"),
        ("YEAR", "s d9fq4999s ../ sdf", "4999"),
        ("YEAR", "s d79fq4999s", "79"),
        (
            "TIMESTAMP_ISO8601",
            "sdf 2013-11-06 04:50:17,1599sd",
            "2013-11-06 04:50:17,1599",
        ),
        (
            "TIMESTAMP_ISO8601",
            "at 2013-11-06T04:50:17+01:00.",
            "2013-11-06T04:50:17+01:00",
        ),
        ("MAC", "2013- 01:02:03:04:ab:cf  11-06", "01:02:03:04:ab:cf"),
        ("MAC", "x 01-02-03-04-ab-cd", "01-02-03-04-ab-cd"),
        ("MAC", "x 0102.0304.abcd", "0102.0304.abcd"),
        ("QUOTEDSTRING", r#"fd "fk'l\"kj'm"kj"#, r#""fk'l\"kj'm""#),
        ("QS", r#"fd 'fk"lkj"m'kj"#, r#"'fk"lkj"m'"#),
        (
            "WINPATH",
            r"s dfqs c:\winfows\sdf.txt",
            r"c:\winfows\sdf.txt",
        ),
        (
            "WINPATH",
            r"s dfqs \\sdf\winfows\sdf.txt",
            r"\\sdf\winfows\sdf.txt",
        ),
        ("UNIXPATH", "s dfqs /usr/lib/ sqfd", "/usr/lib/"),
        ("UNIXPATH", "s dfqs / sqfd", "/"),
        ("BASE10NUM", "qsfd8080qsfd", "8080"),
        ("BASE16NUM", "is 0xfF.", "0xfF"),
        ("IPV6", "[::1]", "::1"),
        ("IPV6", "a fe80::1:2%eth0", "fe80::1:2%eth0"),
        ("IPV6", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("IPV6", "1:2:3:4:5:6:10.0.0.1 x", "1:2:3:4:5:6:10.0.0.1"),
        ("IPORHOST", "10.0.0.256 x", "10.0.0.25"),
        ("IPORHOST", "web-1.example.com:80", "web-1.example.com"),
        ("EMAILADDRESS", "to a.b@example.com", "a.b@example.com"),
        (
            "UUID",
            "x 123e4567-e89b-12d3-a456-426614174000",
            "123e4567-e89b-12d3-a456-426614174000",
        ),
        (
            "URI",
            "GET http://u@h.example:80/a/b?c=d x",
            "http://u@h.example:80/a/b?c=d",
        ),
        ("TTY", "on /dev/pts/4.", "/dev/pts/4"),
        ("MONTH", "23 März", "März"),
        ("LOGLEVEL", "a WARNING", "WARNING"),
        (
            "HTTPDATE",
            "[01/Jan/2026:00:00:03 +0000]",
            "01/Jan/2026:00:00:03 +0000",
        ),
        (
            "DATESTAMP_RFC2822",
            "Mon, 02 Jan 2006 15:04:05 -0700",
            "Mon, 02 Jan 2006 15:04:05 -0700",
        ),
        (
            "SYSLOGTIMESTAMP",
            "<1>Oct  9 22:33:20 h",
            "Oct  9 22:33:20 ",
        ),
    ] {
        let yaml = format!("grok: {{ expressions: [ '%{{{pattern}:v}}' ] }}");
        let expected = Value::Object([("v", Value::from(expected))].into_iter().collect());
        let expected = String::from_utf8(expected.to_json().to_vec()).unwrap();
        let found = parse(&yaml, payload);
        let found = found.map(|it| {
            it.replace(",\"port\":\"80\"", "")
                .replace("\"port\":\"80\",", "")
        });
        assert_eq!(found, Ok(expected), "{pattern} {payload}");
    }
}

#[test]
fn log_lines_of_web_servers_and_syslog_are_taken_apart() {
    let line = r#"127.0.0.1 - - [23/Apr/2014:22:58:32 +0200] "GET /index.php HTTP/1.1" 404 207 "http://a/b" "agent \"x\"""#;
    assert_eq!(
        parse("grok: { expressions: [ '%{COMBINEDAPACHELOG}' ] }", line).as_deref(),
        Ok(concat!(
            r#"{"agent":"\"agent \\\"x\\\"\"","auth":"-","bytes":"207","clientip":"127.0.0.1","#,
            r#""httpversion":"1.1","ident":"-","referrer":"\"http://a/b\"","request":"/index.php","#,
            r#""response":"404","timestamp":"23/Apr/2014:22:58:32 +0200","verb":"GET"}"#
        ))
    );
    // What the steps of the expression cannot find is found all the same.
    let line = r#"h - - [23/Apr/2014:22:58:32 +0200] "GET /index.php" 404 -"#;
    assert_eq!(
        parse("grok: { expressions: [ '%{COMMONAPACHELOG}' ] }", line).as_deref(),
        Ok(concat!(
            r#"{"auth":"-","clientip":"h","ident":"-","request":"/index.php","response":"404","#,
            r#""timestamp":"23/Apr/2014:22:58:32 +0200","verb":"GET"}"#
        ))
    );
    assert_eq!(
        parse(
            "grok: { expressions: [ '%{SYSLOGBASE} %{GREEDYDATA:rest}' ] }",
            "Oct  9 22:33:20 web-1 sshd[12]: a: b"
        )
        .as_deref(),
        Ok(
            r#"{"logsource":"web-1","pid":"12","program":"sshd","rest":"a: b","timestamp":"Oct  9 22:33:20"}"#
        )
    );
    assert_eq!(
        parse(
            "grok: { expressions: [ '%{HTTPD_ERRORLOG}' ] }",
            "[Fri Apr 24 12:01:02 2015] [error] [client 10.0.0.9] gone"
        )
        .as_deref(),
        Ok(
            r#"{"clientip":"10.0.0.9","errormsg":"gone","loglevel":"error","timestamp":"Fri Apr 24 12:01:02 2015"}"#
        )
    );
}

#[test]
fn patterns_come_from_files_and_win_over_definitions() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(
        folder.path().join("a"),
        "# names\n\nPET %{KIND:kind} called %{NAME:name}\nKIND \\w+\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("sub/b.grok"), "NAME [A-Z]\\w+\r\n").unwrap();
    let folder = folder.path().display();
    for paths in [
        format!("'{folder}', '{folder}/sub'"),
        format!("'{folder}/a', '{folder}/**/*.grok'"),
    ] {
        let yaml = format!(
            "grok: {{ expressions: [ '%{{PET}}' ], pattern_paths: [ {paths} ], pattern_definitions: {{ NAME: never, X: '%{{KIND}}' }} }}"
        );
        assert_eq!(
            parse(&yaml, "a cat called Tom").as_deref(),
            Ok(r#"{"kind":"cat","name":"Tom"}"#)
        );
    }
}

#[test]
fn default_patterns_cannot_be_replaced_but_left_out() {
    let yaml = "grok: { expressions: [ '%{INT:a}' ], pattern_definitions: { INT: '[a-z]+' } }";
    assert_eq!(parse(yaml, "abc 5").as_deref(), Ok(r#"{"a":"5"}"#));
    let yaml = "grok: { expressions: [ '%{INT:a}' ], pattern_definitions: { INT: '[a-z]+' }, use_default_patterns: false }";
    assert_eq!(parse(yaml, "abc 5").as_deref(), Ok(r#"{"a":"abc"}"#));
    assert!(
        refused("grok: { expressions: [ '%{INT:a}' ], use_default_patterns: false }")
            .contains("no pattern `INT`")
    );
}

#[test]
fn what_cannot_work_is_refused_with_its_place_and_the_remedy() {
    for (config, complaints) in [
        (
            "expressions: [ '%{WORD:a}', '%{Int:a}' ]",
            &["no pattern `Int`", "`INT` may be meant", "test.yaml:1:37"][..],
        ),
        (
            "expressions: [ '%{WORD:a:number}' ]",
            &["type `number`", "`int`, `float` or `string`"],
        ),
        ("expressions: [ '(%{WORD:a}' ]", &["unclosed group"]),
        ("expressions: [ '(?<a' ]", &["does not end"]),
        ("expressions: [ '(?=a)%{WORD:a}' ]", &["look-around"]),
        (
            "expressions: [ '%{WORD:a}' ], pattern_definitions: { A: 'x%{B}', B: '%{A}' }",
            &["refers to itself", "A -> B -> A"],
        ),
        (
            "expressions: [ '%{WORD:a}' ], pattern_definitions: { A: '%{GONE}' }",
            &["no pattern `GONE`"],
        ),
        (
            "expressions: [ '%{WORD:a}' ], pattern_paths: [ /nowhere/patterns ]",
            &["/nowhere/patterns", "No such file"],
        ),
    ] {
        let error = refused(&format!("grok: {{ {config} }}"));
        for complaint in complaints {
            assert!(error.contains(complaint), "{config}: {error}");
        }
    }
}

#[test]
fn references_that_stand_within_each_other_end_at_a_bound() {
    let chain = |levels: usize| {
        let names = (0..levels).map(|level| format!("P{level}: '%{{P{}}}'", level + 1));
        let definitions: Vec<_> = names.chain([format!("P{levels}: a")]).collect();
        format!(
            "grok: {{ expressions: [ '%{{P0:a}}' ], pattern_definitions: {{ {} }} }}",
            definitions.join(", ")
        )
    };
    assert!(bench().processor(&chain(50)).is_ok());
    let error = refused(&chain(20_000));
    assert!(error.contains("100 patterns"), "{error}");
}

#[test]
fn patterns_are_bounded_together() {
    let long = "a".repeat(500_000);
    let definitions: Vec<_> = (0..200).map(|i| format!("P{i}: '%{{LONG}}'")).collect();
    let error = refused(&format!(
        "grok: {{ expressions: [ '%{{P0:a}}' ], pattern_definitions: {{ LONG: {long}, {} }} }}",
        definitions.join(", ")
    ));
    assert!(error.contains("together"), "{error}");
}

#[test]
fn a_text_of_beginnings_of_references_is_looked_at_once() {
    let beginnings = "%{A".repeat(300_000);
    let error = refused(&format!("grok: {{ expressions: [ '{beginnings}' ] }}"));
    // The braces are no counts, so that they are text: what is refused is the size.
    assert!(
        error.contains("larger than") || error.contains("matches"),
        "{error}"
    );
}

#[test]
fn references_that_multiply_end_at_a_bound() {
    let mut definitions = vec!["P0: aaaaaaaaaaaaaaaaaaaa".to_owned()];
    for level in 1..60 {
        let of = level - 1;
        definitions.push(format!("P{level}: '%{{P{of}}}%{{P{of}}}'"));
    }
    let definitions = definitions.join(", ");
    let error = refused(&format!(
        "grok: {{ expressions: [ '%{{P59:a}}' ], pattern_definitions: {{ {definitions} }} }}"
    ));
    assert!(error.contains("longer than"), "{error}");
    let error = refused(r"grok: { expressions: [ '(?P<a>(\pL{1000}){1000})' ] }");
    assert!(error.contains("larger than"), "{error}");
}

#[test]
fn a_long_part_shares_the_payload() {
    let payload = Bytes::from(format!("GET {}", "/a/long/path".repeat(10)));
    let source = PayloadText::new(&payload);
    let expression = expression("%{WORD:verb} %{NOTSPACE:path}");
    let object = expression
        .parse(&source, &mut expression.scratch())
        .unwrap();
    let path = object.get("path").unwrap();
    let Value::String(path) = &*path else {
        panic!("it is a text");
    };
    assert_eq!(path.as_str().as_ptr(), payload[4..].as_ptr());
}

#[test]
fn a_payload_that_is_no_utf8_is_matched_with_its_bad_bytes_replaced() {
    let mut batch = MessageBatch::one(Message::from_bytes(&b"a \xff\xfe b"[..]));
    let BuiltProcessor::Sync(grok) =
        processor("grok: { expressions: [ '^%{WORD:a} %{NOTSPACE:b} %{WORD:c}$' ] }")
    else {
        panic!("it never waits");
    };
    batch = grok.process(batch).remove(0);
    assert_eq!(
        std::str::from_utf8(batch[0].bytes()),
        Ok("{\"a\":\"a\",\"b\":\"\u{fffd}\u{fffd}\",\"c\":\"b\"}")
    );
}

/// Expressions of which the steps and the whole must find the same.
const EXPRESSIONS: &[&str] = &[
    r#"%{IPORHOST:a} %{USER:b} \[%{HTTPDATE:c}\] "%{WORD:d} %{NOTSPACE:e} HTTP/%{NUMBER:f}" %{INT:g}"#,
    "%{NOTSPACE:a} %{DATA:b}, %{GREEDYDATA:c}:%{WORD:d}",
    "a%{DATA:a}b%{GREEDYDATA:b}a",
    "%{DATA:a}ab%{WORD:b}",
    "%{GREEDYDATA:a}ä%{NOTSPACE:b}",
    "(?P<a>[^a]+)a(?P<b>[^:]*?): ?(?P<c>.+?)",
    "(?P<a>[ab]{2,3})b(?P<b>a{0,2}?)(?P<c>b?)",
    r"^(?P<a>\w+?)\b(?P<b>\W*)(?P<c>(?:a|ab)(?P<d>b?c)?)",
    "%{INT:a}(?P<b>:%{WORD:c}| %{INT:d})? ?%{WORD:e}",
    "(?m)^%{WORD:a}:%{SPACE}(?P<b>.*)$",
    "(?i)AB(?P<a>.)(?s)(?P<b>.+)b",
];

fn groups(
    found: bool,
    slots: &[Option<regex_automata::util::primitives::NonMaxUsize>],
) -> Vec<Option<usize>> {
    let places = slots.iter().skip(2).map(|slot| slot.map(|it| it.get()));
    places.filter(|_| found).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_steps_find_what_the_whole_finds(
        index in 0..EXPRESSIONS.len(),
        text in r#"[ab1ä :,"\n]{0,12}( |[0-9.]{0,4}|a: |ab|b, )[ab1ä :,\n]{0,10}"#,
    ) {
        let expression = expression(EXPRESSIONS[index]);
        let (whole, steps) = (expression.whole(), expression.steps().unwrap());
        let mut scratch = steps.scratch();
        let mut slots = vec![None; 2 * whole.captures_len()];
        if steps.find(text.as_bytes(), &mut scratch, &mut slots) {
            let found = groups(true, &slots);
            let is_match = whole.search_slots(&Input::new(&text), &mut slots).is_some();
            prop_assert_eq!(found, groups(is_match, &slots));
        }
    }
}

#[test]
fn the_steps_find_log_lines_without_a_search() {
    let line = r#"10.0.0.1 - user7 [01/Jan/2026:00:00:03 +0000] "GET /p/1?q=2 HTTP/1.1" 200 512"#;
    for text in [
        r#"%{IPORHOST:a} %{USER:b} %{USER:c} \[%{HTTPDATE:d}\] "%{WORD:e} %{NOTSPACE:f} HTTP/%{NUMBER:g}" %{NUMBER:h:int} %{NUMBER:i:int}"#,
        "%{COMMONAPACHELOG}",
        "%{IPORHOST:a} %{DATA:b} %{GREEDYDATA:c} %{NUMBER:d}",
        r"\[%{HTTPDATE:d}\]",
    ] {
        let expression = expression(text);
        let steps = expression.steps().unwrap();
        let mut slots = vec![None; 2 * expression.whole().captures_len()];
        assert!(
            steps.find(line.as_bytes(), &mut steps.scratch(), &mut slots),
            "{text}"
        );
    }
}
