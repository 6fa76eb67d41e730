use millrace_component::BuiltProcessor;
use millrace_message::{Message, MessageBatch};

use crate::testing::{batch, ends_when_given_up, processor, run, try_processor};

/// A processor with this codec and program.
fn program(codec: &str, source: &str) -> BuiltProcessor {
    let source = source.replace('\'', "''");
    processor(&format!("awk: {{ codec: {codec}, program: '{source}' }}"))
}

/// What becomes of one message with these metadata.
fn of(
    codec: &str,
    source: &str,
    payload: &str,
    metadata: &[(&str, &str)],
) -> Result<String, String> {
    let mut message = Message::from(payload);
    for (key, value) in metadata {
        message.metadata.set(*key, *value);
    }
    let processor = program(codec, source);
    run(&processor, MessageBatch::one(message)).remove(0)
}

#[test]
fn what_is_printed_becomes_the_payload_without_its_last_line_break() {
    for (codec, source, payload, expected) in [
        ("none", "{ }", "hello world", "hello world"),
        ("none", r#"{ print "" }"#, "hello world", ""),
        ("none", "{ print $2 }", "foo bar", ""),
        ("text", "{ print $2 }", "foo bar", "bar"),
        ("text", "{ print }", "a\nb\n", "a\nb"),
        ("text", r#"{ printf "%s", $1 }"#, "a b", "a"),
        ("text", "{ s += $1 } END { print s }", "1\n2\n3", "6"),
        ("text", "/x/", "none here", "none here"),
        (
            "text",
            r#"BEGIN { INPUTMODE = "csv header"; OUTPUTMODE = "tsv" } @"c" == "NZ" { print @"n", @"c" }"#,
            "c,n\nNZ,\"Te Aroha, north\"\nUS,x\n",
            "Te Aroha, north\tNZ",
        ),
        (
            "json",
            "{ print obj_foo }",
            r#"{"obj":{"foo":"hello"}}"#,
            "hello",
        ),
        (
            "json",
            "{ print a_b + 1, c, d, e }",
            r#"{"a":{"b":1.5},"c":true,"d":null,"e":[1,2]}"#,
            "2.5 true <nil> 2",
        ),
    ] {
        let results = run(&program(codec, source), batch(&[payload, payload]));
        assert_eq!(results, vec![Ok(expected.to_owned()); 2], "{source}");
    }
}

#[test]
fn documents_are_read_and_changed_by_paths() {
    for (source, payload, expected) in [
        (
            r#"{ print json_get("obj.foo") }"#,
            r#"{"obj":{"foo":12}}"#,
            "12",
        ),
        (
            r#"{ print json_get("obj.bar") }"#,
            r#"{"obj":{"foo":12}}"#,
            "null",
        ),
        (
            r#"{ print json_get("obj.1.foo") }"#,
            r#"{"obj":[{"foo":11},{"foo":12}]}"#,
            "12",
        ),
        (
            r#"{ print json_get("obj.foo") }"#,
            r#"{"obj":{"foo":"hello"}}"#,
            "hello",
        ),
        (
            r#"{ print json_get("a") }"#,
            r#"{"a":{"b":["<x>",1.50]}}"#,
            r#"{"b":["\u003cx\u003e",1.50]}"#,
        ),
        (
            r#"{ json_set("obj.1.foo", "nope") }"#,
            r#"{"obj":[{"foo":11},{"foo":12}]}"#,
            r#"{"obj":[{"foo":11},{"foo":"nope"}]}"#,
        ),
        (
            r#"{ json_set("obj.foo", "hello world") }"#,
            "{}",
            r#"{"obj":{"foo":"hello world"}}"#,
        ),
        (r#"{ json_set("a.b", 1) }"#, r#"{"a":5}"#, r#"{"a":5}"#),
        (
            r#"{ json_delete("obj.foo") }"#,
            r#"{"obj":{"foo":"x","bar":"baz"}}"#,
            r#"{"obj":{"bar":"baz"}}"#,
        ),
        (
            r#"{ json_delete("obj"); json_delete("none") }"#,
            r#"{"obj":{"foo":"x"}}"#,
            "{}",
        ),
        (
            r#"{ json_set("a", "1"); json_set("a", json_get("a") " 2") }"#,
            r#"{"a":"nope"}"#,
            r#"{"a":"1 2"}"#,
        ),
        (
            r#"{ json_set_int("a", 5.9); json_set_float("b", 5.3); json_set_bool("c", "x" == "x") }"#,
            "{}",
            r#"{"a":5,"b":5.3,"c":true}"#,
        ),
        (
            r#"{ json_append("o.f", "x") }"#,
            "{}",
            r#"{"o":{"f":["x"]}}"#,
        ),
        (
            r#"{ json_append("o.f", "x") }"#,
            r#"{"o":{"f":"first"}}"#,
            r#"{"o":{"f":["first","x"]}}"#,
        ),
        (
            r#"{ json_append("o.f", "x") }"#,
            r#"{"o":{"f":["first",2]}}"#,
            r#"{"o":{"f":["first",2,"x"]}}"#,
        ),
        (
            r#"{ json_append_int("a", 1); json_append_float("a", 1.2); json_append_bool("a", 1); json_append_bool("a", 0) }"#,
            "{}",
            r#"{"a":[1,1.2,true,false]}"#,
        ),
        (
            r#"{ print json_length("a"), json_length("b"), json_length("c"), json_length("d"), json_length("e") }"#,
            r#"{"a":[],"b":[1,2,3],"c":"four","d":5}"#,
            "0 3 4 0 0",
        ),
        (
            r#"{ json_set_int("i", 1); print json_type("i"), json_type("n"), json_type("f"), json_type("s"), json_type("b"), json_type("a"), json_type("o"), json_type("z") }"#,
            r#"{"n":null,"f":5,"s":"","b":false,"a":[],"o":{}}"#,
            "float null float string bool array object undefined",
        ),
        (
            r#"{ n = json_length("p"); for (i = 0; i < n; i++) { e = json_get("p." i); if (!(e in seen)) { json_append("u", e); seen[e] = 1 } } }"#,
            r#"{"p":["a","b","a"]}"#,
            r#"{"p":["a","b","a"],"u":["a","b"]}"#,
        ),
    ] {
        let results = run(&program("none", source), batch(&[payload]));
        assert_eq!(results, [Ok(expected.to_owned())], "{source}");
    }
}

#[test]
fn metadata_is_read_set_and_found_in_variables() {
    let metadata = [("meta.foo", "12"), ("meta.bar", "34")];
    for (codec, source, payload, expected) in [
        (
            "none",
            r#"{ print metadata_get("meta.foo"), "[" metadata_get("none") "]" }"#,
            "x",
            "12 []",
        ),
        ("none", r#"{ print meta_foo "" }"#, "x", ""),
        (
            "text",
            r#"{ print $2, meta_foo + 1 }"#,
            "hello world",
            "world 13",
        ),
        ("json", "{ print a, meta_bar }", r#"{"a":"b"}"#, "b 34"),
        (
            "none",
            r#"{ metadata_set("meta.foo", 24); print metadata_get("meta.foo") }"#,
            "x",
            "24",
        ),
    ] {
        let result = of(codec, source, payload, &metadata);
        assert_eq!(result, Ok(expected.to_owned()), "{source}");
    }
    let BuiltProcessor::Sync(processor) = program("none", r#"{ metadata_set("k", 5) }"#) else {
        panic!("it never waits");
    };
    let batches = processor.process(batch(&["as it was"]));
    let message = &batches[0][0];
    assert_eq!(&message.bytes()[..], b"as it was");
    let value = message
        .metadata
        .get("k")
        .map(|it| it.to_text().as_str().to_owned());
    assert_eq!(value.as_deref(), Some("5"));
}

#[test]
fn times_are_read_and_written_in_layouts() {
    for (source, expected) in [
        (
            r#"{ print timestamp_unix("2018-12-18T11:57:32") }"#,
            "1545134252",
        ),
        (
            r#"{ print timestamp_unix("Tue, 18 Dec 2018 11:57:32 +0100") }"#,
            "1545130652",
        ),
        (r#"{ print timestamp_unix("2018-12-18") }"#, "1545091200"),
        (
            r#"{ print timestamp_unix("2018TOTALLY12CUSTOM18T11:57:32", "2006TOTALLY01CUSTOM02T15:04:05") }"#,
            "1545134252",
        ),
        (
            r#"{ print timestamp_unix_nano("2018-12-18T11:57:32Z") }"#,
            "1545134252000000000",
        ),
        (
            r#"{ print (timestamp_unix() > 1700000000), (timestamp_unix_nano() > 1.7e18) }"#,
            "1 1",
        ),
        (
            r#"{ print timestamp_format(1545134252) }"#,
            "2018-12-18T11:57:32Z",
        ),
        (
            r#"{ print timestamp_format("1545134252", "02 Jan 06 15:04") }"#,
            "18 Dec 18 11:57",
        ),
        (
            r#"{ print timestamp_format_nano("1545134252123000064", "02 Jan 06 15:04:05.000000000") }"#,
            "18 Dec 18 11:57:32.123000064",
        ),
        (
            r#"{ print timestamp_format_nano(-1) }"#,
            "1969-12-31T23:59:59Z",
        ),
    ] {
        assert_eq!(
            of("none", source, "x", &[]),
            Ok(expected.to_owned()),
            "{source}"
        );
    }
}

#[test]
fn texts_are_made_into_json_and_base64() {
    for (source, expected) in [
        (
            r#"{ print create_json_object("foo", "1", "bar", 2, "baz", "true") }"#,
            r#"{"bar":"2","baz":"true","foo":"1"}"#,
        ),
        (
            r#"{ print create_json_object(), create_json_object("odd") }"#,
            "{} {}",
        ),
        (
            r#"{ print create_json_array("1", 2, "\"") }"#,
            r#"["1","2","\""]"#,
        ),
        (r#"{ print create_json_array() }"#, "[]"),
        (
            r#"{ print base64_encode("blobs are cool") }"#,
            "YmxvYnMgYXJlIGNvb2w=",
        ),
        (
            r#"{ print base64_decode("YmxvYnMgYXJl\nIGNvb2w=") }"#,
            "blobs are cool",
        ),
        (
            r#"{ print_log("a line"); print_log("another", "ERROR"); print "logged" }"#,
            "logged",
        ),
        (
            r#"function json_get(p) { return "own " p } { print json_get("a") }"#,
            "own a",
        ),
    ] {
        assert_eq!(
            of("none", source, "x", &[]),
            Ok(expected.to_owned()),
            "{source}"
        );
    }
}

#[test]
fn a_message_that_the_program_fails_on_stays_as_it_was_and_says_why() {
    for (codec, source, complaint) in [
        (
            "json",
            "{ print foo_bar }",
            "failed to parse message into json",
        ),
        (
            "none",
            r#"{ print json_get("a") }"#,
            "failed to parse message into json",
        ),
        (
            "none",
            r#"{ json_set("a", "b") }"#,
            "failed to parse message into json",
        ),
        (
            "none",
            r#"{ json_delete("a") }"#,
            "failed to parse message into json",
        ),
        (
            "none",
            "{ exit 1; print foo }",
            "returned non-zero exit code: 1",
        ),
        (
            "none",
            r#"{ print timestamp_unix("this isnt a date string") }"#,
            "failed to detect datetime format of: this isnt a date string",
        ),
        (
            "none",
            r#"{ print timestamp_unix("x", "2006") }"#,
            "cannot parse",
        ),
        (
            "none",
            r#"{ print timestamp_format(1e18) }"#,
            "is no time before the year 10000",
        ),
        (
            "none",
            r#"{ print base64_decode("$$^^**") }"#,
            "illegal base64 data at input byte 0",
        ),
        ("none", r#"{ print 1 / 0 }"#, "division by zero"),
    ] {
        let source = source.replace("{ ", r#"{ metadata_set("m", "new"); "#);
        let BuiltProcessor::Sync(processor) = program(codec, &source) else {
            panic!("it never waits");
        };
        let batches = processor.process(batch(&["this is bad json"]));
        let message = &batches[0][0];
        let fault = message.fault().map(|it| it.cause.text().to_owned());
        assert!(
            fault.as_ref().is_some_and(|it| it.contains(complaint)),
            "{source}: {fault:?}"
        );
        assert_eq!(&message.bytes()[..], b"this is bad json");
        assert!(message.metadata.get("m").is_none(), "{source}");
    }
}

#[test]
fn a_hostile_program_ends_with_an_error_and_the_next_message_is_processed() {
    for (act, complaint) in [
        (r#"for (;;) x = x "xxxxxxxxxxxxxxxx" x"#, "bytes of memory"),
        (
            r#"for (;;) json_append("a", x = x "aaaaaaaaaaaaaaaaaaaa")"#,
            "bytes of memory",
        ),
        (
            r#"for (;;) json_set("a." i++, x = x "aaaaaaaaaaaaaaaaaaaa")"#,
            "bytes of memory",
        ),
        (
            r#"for (;;) metadata_set(i++, x = x "aaaaaaaaaaaaaaaaaaaa")"#,
            "bytes of memory",
        ),
        (
            r#"x = "a"; for (i = 0; i < 12; i++) x = x "." x; json_set(x, 1)"#,
            "deeper than 1000 levels",
        ),
        (r#"printf "%1000000000d", 1"#, "above 1000000"),
        ("f(1)", "maximum call depth"),
    ] {
        let source =
            format!("function f(n) {{ return f(n) }} /bad/ {{ {act} }} {{ print \"done\" }}");
        let processor = program("text", &source);
        let results = run(&processor, batch(&[r#"{"bad":1}"#, r#"{"good":1}"#]));
        assert!(
            results[0].as_ref().is_err_and(|it| it.contains(complaint)),
            "{act}: {results:?}"
        );
        assert_eq!(results[1].as_deref(), Ok("done"), "{act}");
    }
}

#[test]
fn what_is_no_program_is_refused_where_it_is_wrong() {
    for (config, complaint) in [
        (
            "{ codec: none, program: '{ print' }",
            "no AWK program: expected `}`",
        ),
        ("{ codec: none, program: '{ system(1) }' }", "`system`"),
        (
            "{ codec: none, program: '{ nothing() }' }",
            "there is no function `nothing`",
        ),
        (
            "{ codec: none, program: '{ json_get(1, 2) }' }",
            "at most 1 arguments",
        ),
        ("{ codec: wrong, program: '{ }' }", "wrong"),
        ("{ program: '{ }' }", "codec"),
        ("{ codec: none }", "program"),
    ] {
        let error = try_processor(&format!("awk: {config}")).err();
        let error = error.unwrap_or_else(|| panic!("{config} is built"));
        assert!(error.contains(complaint), "{config}: {error}");
    }
}

#[test]
fn what_has_no_end_ends_when_the_stream_is_given_up() {
    for program in [
        "BEGIN { for (;;) {} }",
        "{ while (1) a[n++ % 9] = n }",
        "function f(n) { for (i = 0; i < n; i++) f(n) } { f(100) }",
        "{ s = sprintf(\"%100000s\", \"\"); while (1) gsub(/ (a| )*b/, \"\", s) }",
    ] {
        let program = program.replace('\'', "''");
        ends_when_given_up(&format!("awk: {{ codec: none, program: '{program}' }}"));
    }
}
