//! Whatever a mapping asks for, one evaluation of it takes bounded time and memory.

use bytes::Bytes;
use millrace_bloblang::{Allowance, Environment, EvalError, Mapped, Mapping};
use millrace_message::Message;
use proptest::prelude::*;

const STEPS: u64 = 200_000;
const BYTES: u64 = 4 << 20;

fn compile(text: &str) -> Result<Mapping, String> {
    let environment = Environment::new().only_pure().with_allowance(Allowance {
        steps: STEPS,
        bytes: BYTES,
    });
    Mapping::compile(text, &environment).map_err(|errors| format!("{text}: {errors:?}"))
}

fn compiled(text: &str) -> Mapping {
    compile(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn mapped(mapping: &str, payload: &str) -> Result<Option<Bytes>, EvalError> {
    let message = Message::from(payload);
    let mapped = compiled(mapping).map(std::slice::from_ref(&message), 0)?;
    let mut changed = message;
    Ok(mapped
        .apply_to(&mut changed)
        .then(|| changed.bytes().clone()))
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells it");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    1024 * number
        .and_then(|it| it.parse::<u64>().ok())
        .expect("a number")
}

/// Mappings that grow without an end, or without one that anybody waits for.
const ENDLESS: &[&str] = &[
    // Texts that double.
    r#"root = range(0, 60).fold("ab", i -> i.tally + i.tally)"#,
    r#"root = range(0, 60).fold("ab", i -> i.tally.repeat(2))"#,
    r#"root = range(0, 60).fold("ab", i -> [i.tally, i.tally].join(""))"#,
    r#"root = range(0, 60).fold("ab", i -> "%v%v".format(i.tally, i.tally))"#,
    r#"root = range(0, 60).fold("ab", i -> i.tally.replace_all("b", "bb"))"#,
    r#"root = range(0, 60).fold("ab", i -> i.tally.replace_all_many(["b", "bb"]))"#,
    r#"root = range(0, 60).fold("ab", i -> i.tally.re_replace_all("b+", "$0$0"))"#,
    r#"root = range(0, 60).fold("ab", i -> i.tally.encode("hex"))"#,
    r#"root = range(0, 60).fold("\"\\", i -> i.tally.quote())"#,
    r#"root = range(0, 60).fold("ab".bytes(), i -> i.tally + i.tally)"#,
    // Values that hold each other twice, which only takes room when they are written.
    r#"root = range(0, 60).fold("ab", i -> [i.tally, i.tally])"#,
    r#"root = range(0, 60).fold("ab", i -> {"a": i.tally, "b": i.tally})"#,
    r#"root = range(0, 60).fold([1], i -> i.tally.concat(i.tally))"#,
    r#"root = range(0, 60).fold([1], i -> [i.tally].append(i.tally))"#,
    r#"root = range(0, 60).fold([1], i -> [[i.tally][0], [i.tally][0]])"#,
    r#"root = range(0, 60).fold([1], i -> [i.tally.filter(_ -> true), i.tally.slice(0)])"#,
    r#"root = range(0, 60).fold({"a":1}, i -> {"a": i.tally}.merge({"a": i.tally}))"#,
    r#"root = range(0, 60).fold("ab", i -> [i.tally, i.tally]).string().length()"#,
    r#"root = range(0, 60).fold("ab", i -> [i.tally, i.tally]).format_json()"#,
    r#"let a = range(0, 60).fold("ab", i -> [i.tally, i.tally])
root = $a == range(0, 60).fold("ab", i -> [i.tally, i.tally])"#,
    r#"let a = range(0, 60).fold("ab", i -> [i.tally, i.tally])
root = if $a { 1 }"#,
    r#"let a = range(0, 60).fold({"a": 1}, i -> {"a": i.tally, "b": i.tally})
root = $a.merge(range(0, 60).fold({"a": 1}, i -> {"a": i.tally, "b": i.tally}))"#,
    r#"let a = range(0, 60).fold({"a": 1}, i -> {"a": i.tally, "b": i.tally})
root = $a.assign(range(0, 60).fold({"a": 1}, i -> {"a": i.tally, "b": i.tally}))"#,
    r#"let a = range(0, 60).fold({"a": 1}, i -> {"a": i.tally, "b": i.tally})
root = [$a, range(0, 60).fold({"a": 1}, i -> {"a": i.tally, "b": i.tally})].squash()"#,
    r#"let a = range(0, 60).fold("ab", i -> [i.tally, i.tally])
root = [$a].contains(range(0, 60).fold("ab", i -> [i.tally, i.tally]))"#,
    r#"let a = range(0, 60).fold("ab", i -> [i.tally, i.tally])
root = [$a].find(range(0, 60).fold("ab", i -> [i.tally, i.tally]))"#,
    r#"let a = range(0, 500000).map_each(i -> {"a": i})
let b = range(0, 500000).map_each(i -> {"a": i})
root = range(0, 100000).filter(_ -> $a != $b).length()"#,
    r#"let s = "a".repeat(1000000)
root = range(0, 100000).map_each(i -> $s.slice(i)).length()"#,
    r#"let s = "a".repeat(1000000)
root = range(0, 100000).map_each(i -> $s.filepath_split().index(1)).length()"#,
    r#"meta a = range(0, 60).fold("ab", i -> [i.tally, i.tally])"#,
    "root = range(0, 60).fold({\"a\":1}, i -> {\"x\": i.tally, \"y\": i.tally}).collapse()",
    // Products.
    "root = range(0, 1000).map_each(_ -> range(0, 1000).map_each(_ -> range(0, 1000)))",
    "root = range(0, 1000).map_each(_ -> range(0, 1000).map_each(_ -> range(0, 1000).length())).length()",
    "root = range(0, 1000).filter(_ -> range(0, 1000).all(_ -> range(0, 1000).any(i -> i < 0) || true))",
    "root = range(0, 100000).map_each([0, 1, 2, 3, 4, 5, 6, 7, now(), 9, 10, 11, 12, 13, 14, 15])",
    "root = range(0, 100000).map_each(i -> {\"a\": {\"b\": {\"c\": i}}}).map_each(i -> i.explode(\"a\"))",
    r#"root = range(0, 9000000).length()"#,
    r#"root = "a".repeat(3000000).split("")"#,
    r#"root = ",".repeat(3000000).split(",")"#,
    r#"root = ",".repeat(3000000).bytes().split(",")"#,
    r#"root = ",".repeat(3000000).parse_csv(parse_header_row: false)"#,
    r#"root = "a".repeat(3000000).re_find_all("a")"#,
    r#"root = "a".repeat(3000000).re_find_all_submatch("(a)")"#,
    r#"root = "%[1]1000000d".repeat(100).format(1)"#,
    r#"root = "[".repeat(900).parse_json().catch(range(0, 900).fold([], i -> [i.tally])).format_json("x".repeat(100000))"#,
    // Groups within a replacement.
    r#"root = "a".repeat(10000).re_replace_all("(.*)", "$1".repeat(20000))"#,
    r#"root = "a".repeat(3000000).re_replace_all("a", "$0$0")"#,
    // Indentation multiplies with the depth.
    r#"root = range(0, 20000).fold(1, i -> {"a": i.tally}).format_yaml()"#,
    r#"root = range(0, 900).fold(1, i -> {"a": i.tally}).format_xml("x".repeat(10000))"#,
    r#"root = range(0, 2000).fold({}, i -> {"k": i.tally}).collapse(true).length() + range(0, 2000).map_each(i -> range(0, 2000).fold({}, j -> {"k": j.tally}).collapse(true)).length()"#,
    // Paths with wildcards.
    r#"let a = range(0, 30).fold([1], i -> [i.tally, i.tally])
root = $a.get("*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*")"#,
    r#"let a = range(0, 30).fold([1], i -> [i.tally, i.tally])
root = $a.exists("*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.x")"#,
    r#"let a = range(0, 30).fold([1], i -> [i.tally, i.tally])
root = {"a": $a}.explode("a.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*")"#,
    r#"let a = range(0, 100).map_each(range(0, 100))
root = range(0, 1000).map_each(_ -> $a.get("*.*").length())"#,
    // Calls that fail on a long text.
    r#"let s = "a".repeat(1000000)
root = range(0, 1000).map_each(_ -> $s.number().catch(0)).sum()"#,
    r#"let s = "a".repeat(1000000)
root = range(0, 1000).map_each(_ -> $s.bool(false)).length()"#,
    r#"let s = "a".repeat(1000000)
root = range(0, 1000).map_each(_ -> this.get($s)).length()"#,
    r#"let s = "a".repeat(1000000)
root = range(0, 1000).map_each(_ -> throw($s).catch(0)).sum()"#,
    r#"root = this.get(".".repeat(1000000))"#,
    r#"root = "a&".repeat(1000000).parse_form_url_encoded().length()"#,
    r#"root = ("http://a/" + "%41".repeat(1000000)).parse_url().path.length()"#,
    r#"let s = "é".repeat(500000)
root = range(0, 1000).map_each(_ -> $s.ts_unix().catch(0)).sum()"#,
    r#"let s = "é".repeat(500000)
root = range(0, 1000).map_each(_ -> $s.ts_strptime("%Y").catch(0)).length()"#,
    r#"let s = "é".repeat(500000)
root = range(0, 1000).map_each(_ -> $s.parse_duration().catch(0)).sum()"#,
    // Maps.
    "map a { root = [this.apply(\"a\").catch(1), this.apply(\"a\").catch(2)] }\nroot = this.apply(\"a\")",
    "map a { root = this.x.apply(\"a\") | this.apply(\"a\") }\nroot = this.apply(\"a\").catch(this.apply(\"a\"))",
    "map a { root = this + this }\nroot = range(0, 60).fold(\"ab\", i -> i.tally.apply(\"a\"))",
    // Mappings within mappings pay together.
    r#"root = range(0, 1000).map_each(this.bloblang("root = range(0, 1000).map_each(this)"))"#,
    r#"root = range(0, 60).fold("ab", i -> i.tally.bloblang("root = this + this"))"#,
    // Time without memory.
    r#"let text = "a".repeat(1000000)
root = range(0, 100000).map_each($text.hash("sha256").length()).length()"#,
    r#"root = range(0, 100000).map_each(i -> "x".re_match(i.string())).length()"#,
    r#"root = range(0, 100).map_each(i -> "x".re_match("(a.{900}){1}" + i.string()).catch(0)).length()"#,
    r#"root = range(0, 100).map_each(i -> "x".re_match("\\pL{1000}" + i.string()).catch(0)).length()"#,
    r#"root = "a".repeat(100000).re_find_all(".*?b|a").length()"#,
    r#"root = "a".repeat(100000).re_find_all_object(".*?b|a").length()"#,
    r#"root = "a".repeat(100000).re_replace_all(".*?b|a", "c").length()"#,
    r#"root = range(0, 1000).map_each(i -> ("a".repeat(100000) + i.string()).re_match("[ab]*b.{20}")).length()"#,
    r#"root = range(0, 1000).map_each(i -> ("a".repeat(1000) + i.string()).re_find_all(".*?b|a").length()).length()"#,
    r#"root = "a".repeat(1000).re_replace_all("a", "$1".repeat(200000))"#,
    r#"root = {"a": range(0, 300)}.json_path("$..[?($..[?($..[?($..a)])])]")"#,
    r#"root = {"a": range(0, 300)}.json_path("$.a[?($.a[?($.a[?(@ =~ 'x')])])]")"#,
    r#"root = {"a": range(0, 300)}.json_path("$.a[?($.a[?($.a[?(@ in $.a)])])]")"#,
    r#"let a = range(0, 10000)
root = range(0, 10000).filter(_ -> $a.contains("x")).length()"#,
    r#"root = range(0, 100000).sort(i -> i.left > i.right).length() + range(0, 100000).sort_by(i -> -i).length()"#,
];

/// What is wrong with the way in which a mapping without an end ends.
fn endless(mapping: &str) -> Result<(), String> {
    let message = Message::from("{}");
    let compiled = compile(mapping)?;
    let error = match compiled.map(std::slice::from_ref(&message), 0) {
        Err(error) => error.to_string(),
        Ok(_) => return Err(format!("it ends: {mapping}")),
    };
    let expected = [
        "takes more than",
        "is longer than",
        "exceeded maximum",
        "non-boolean value … (array)",
    ];
    let is_expected = expected.iter().any(|it| error.contains(it));
    if !is_expected || !error.contains("(line ") || error.len() > 16_384 {
        return Err(format!("{mapping}: {error}"));
    }
    let (mapped, error) = compiled.mutate(std::slice::from_ref(&message), 0);
    if error.is_none() {
        return Err(format!("as a mutation it ends: {mapping}"));
    }
    let mut changed = message.clone();
    if mapped.apply_to(&mut changed) && changed.bytes().len() > 8 * BYTES as usize {
        return Err(format!("{mapping}: {} bytes", changed.bytes().len()));
    }
    match &message.bytes()[..] {
        b"{}" => Ok(()),
        _ => Err(format!("{mapping}: the message has changed")),
    }
}

#[test]
fn mappings_without_an_end_fail_within_their_bounds_and_leave_the_message() {
    let wrong: Vec<String> = ENDLESS.iter().filter_map(|it| endless(it).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let megabytes = peak() >> 20;
    assert!(megabytes < 256, "{megabytes} MiB");
}

#[test]
fn a_text_of_the_message_counts_each_time_that_the_result_holds_it() {
    let text = "a".repeat(100_000);
    let message = Message::from(&*format!("{{\"t\":\"{text}\"}}"));
    for mapping in [
        "root = range(0, 1000).map_each(_ -> this.t)",
        "root = range(0, 1000).map_each(_ -> [this.t])",
        "root = range(0, 1000).map_each(_ -> {\"a\": this.t})",
        "root = range(0, 1000).map_each(_ -> json(\"t\"))",
        "let t = this.t\nroot = range(0, 1000).map_each(_ -> $t)",
        "let t = this\nroot = range(0, 1000).map_each(_ -> $t.t)",
        "root = range(0, 1000).fold([], i -> i.tally.append(this.t))",
        "root = range(0, 1000).fold({}, i -> i.tally.merge({(i.value.string()): this.t}))",
        "map held { root.a = this.t }\nroot = range(0, 1000).map_each(_ -> this.apply(\"held\"))",
    ] {
        let result = compiled(mapping).map(std::slice::from_ref(&message), 0);
        let error = result.expect_err(mapping).to_string();
        assert!(error.contains("takes more than"), "{mapping}: {error}");
    }
}

#[test]
fn a_text_with_escapes_costs_its_length_each_time_that_it_is_decoded() {
    let message = Message::from(&*format!("{{\"t\":[\"{}\"]}}", "\\n".repeat(1_000_000)));
    for mapping in [
        "root = range(0, 1000).map_each(_ -> this.t.0.type()).length()",
        "root = range(0, 1000).map_each(_ -> this.t.0 == null).length()",
        "root = range(0, 1000).map_each(_ -> this.exists(\"t.0\")).length()",
        "root = range(0, 1000).map_each(_ -> json(\"t.0\").type()).length()",
        "root = range(0, 1000).map_each(_ -> this.t.any(it -> it == null)).length()",
    ] {
        let result = compiled(mapping).map(std::slice::from_ref(&message), 0);
        let error = result.expect_err(mapping).to_string();
        assert!(error.contains("takes more than"), "{mapping}: {error}");
    }
}

#[test]
fn a_mutation_pays_for_each_content_that_it_writes() {
    let message = Message::from(&*format!("{{\"t\":\"{}\"}}", "a".repeat(1_000_000)));
    let mapping = compiled("meta n = range(0, 1000).map_each(_ -> content().length()).length()");
    let (_, error) = mapping.mutate(std::slice::from_ref(&message), 0);
    let error = error
        .expect("it is not written a thousand times")
        .to_string();
    assert!(error.contains("takes more than"), "{error}");
}

#[test]
fn an_error_names_the_limit_and_what_to_do() {
    let steps = mapped(
        "root = range(0, 1000).map_each(_ -> range(0, 1000).map_each(i -> i).length())",
        "{}",
    );
    let steps = steps.expect_err("it takes too many steps").to_string();
    assert!(
        steps.contains("more than 200000 steps on one message"),
        "{steps}"
    );
    assert!(steps.contains("split the message"), "{steps}");
    let bytes = mapped("\nroot.a = \"a\".repeat(this.n)", "{\"n\":5000000}");
    let bytes = bytes.expect_err("it takes too much memory").to_string();
    assert!(bytes.starts_with("failed assignment (line 2): "), "{bytes}");
    assert!(bytes.contains("more than 4194304 bytes"), "{bytes}");
}

/// A sparse file has its size without having the bytes.
#[test]
fn a_file_is_read_up_to_what_is_left_and_not_when_it_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, size: u64| {
        let path = folder.path().join(name);
        let file = std::fs::File::create(&path).expect("a file");
        file.set_len(size).expect("a size");
        path.display().to_string()
    };
    let (large, fits) = (file("large", 3 << 30), file("fits", BYTES / 2 + 1));
    let environment = Environment::new().with_allowance(Allowance {
        steps: STEPS,
        bytes: BYTES,
    });
    let error = |mapping: String| {
        let mapping = Mapping::compile(&mapping, &environment).expect("a mapping");
        let message = Message::from("{}");
        let mapped = mapping.map(std::slice::from_ref(&message), 0);
        mapped.err().map(|error| error.to_string())
    };
    for flag in ["", ", no_cache: true"] {
        let text =
            error(format!("root = file(path: \"{large}\"{flag}).length()")).expect("it fails");
        assert!(
            text.contains(&large) && text.contains("mapping_limits.bytes"),
            "{text}"
        );
        assert!(
            text.contains(&format!("larger than {BYTES} bytes")),
            "{text}"
        );
    }
    let text = error("root = file(\"/dev/zero\").length()".to_owned()).expect("it fails");
    assert!(
        text.contains("it is a device, not a regular file"),
        "{text}"
    );
    // What is held twice counts twice.
    let read = format!("file(path: \"{fits}\", no_cache: true)");
    assert_eq!(error(format!("root = {read}.length()")), None);
    let text = error(format!(
        "let a = {read}\nlet b = {read}\nroot = $a.length() + $b.length()"
    ));
    assert!(text.is_some_and(|it| it.contains("larger than")));
}

#[test]
fn what_is_no_longer_held_does_not_count() {
    for mapping in [
        // 100 MB, one after the other.
        "root = range(0, 100).map_each(i -> \"a\".repeat(1000000).length()).sum()",
        "root = range(0, 100).fold(\"\", i -> \"a\".repeat(1000000).slice(0, 10))",
        "root = range(0, 100).filter(i -> \"a\".repeat(1000000).length() == i)",
        "map long { root = \"a\".repeat(1000000).length() }\nroot = range(0, 100).map_each(i -> i.apply(\"long\"))",
        // A tally that grows by appending is copied each time.
        "root = range(0, 3000).fold(\"\", i -> i.tally + \"0123456789\").length()",
        "root = range(0, 1000).fold([], i -> i.tally.append(i.value)).length()",
        "root = range(0, 500).fold({}, i -> i.tally.merge({(i.value.string()): i.value})).length()",
    ] {
        let result = mapped(mapping, "{}");
        assert!(result.is_ok(), "{mapping}: {result:?}");
    }
    let statements: String = (0..30)
        .map(|i| format!("root.a{i} = \"a\".repeat(1000000).length()\n"))
        .collect();
    assert!(mapped(&statements, "{}").is_ok());
}

#[test]
fn the_allowance_is_new_for_each_message() {
    let mapping = compiled("root = range(0, 50000).map_each(i -> i).length()");
    let batch = [Message::from("{}")];
    for _ in 0..10 {
        assert!(matches!(mapping.map(&batch, 0), Ok(Mapped::Changed { .. })));
    }
}

#[test]
fn a_catch_goes_on_with_what_is_left() {
    let caught = "root.a = \"a\".repeat(this.n).catch(\"too long\")";
    let result = mapped(caught, "{\"n\":5000000}").expect("it is caught");
    assert_eq!(result.as_deref(), Some(&b"{\"a\":\"too long\"}"[..]));
    let again =
        "root = range(0, 1000).map_each(_ -> range(0, 1000).map_each(i -> i).length()).catch(0)";
    assert!(mapped(&format!("{again}\nroot = [1, 2].map_each(i -> i)"), "{}").is_err());
}

#[test]
fn a_map_that_calls_itself_without_end_meets_the_limit_of_depth() {
    for map in [
        "map a { root = this.apply(\"a\") }",
        "map a { root.b = this.apply(\"a\") }",
        "map a { root = [this].map_each(x -> x.apply(\"a\")) }",
    ] {
        let text = format!("{map}\nroot = this.apply(\"a\")");
        let mapping = Mapping::compile(&text, &Environment::new()).expect("it compiles");
        let error = mapping
            .map(&[Message::from("{}")], 0)
            .expect_err("it has no end");
        let error = error.to_string();
        assert!(error.contains("maximum allowed stacks of 5000"), "{error}");
    }
}

#[test]
fn constants_are_evaluated_within_bounds_when_a_mapping_is_compiled() {
    let repeated = "root = [".to_owned() + &"\"a\".repeat(60000000), ".repeat(100) + "1]";
    let before = peak();
    assert!(Mapping::compile(&repeated, &Environment::new()).is_ok());
    assert!(peak() - before < 128 << 20, "it makes them all");
}

/// Expressions that make more of what they are given, out of a few that grow.
fn growing() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("this".to_owned()),
        Just("\"text\"".to_owned()),
        Just("content()".to_owned()),
        (0..2_000_u32).prop_map(|n| format!("range(0, {n})")),
    ];
    leaf.prop_recursive(6, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("({a}.string() + {b}.string())")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("{a}.array().map_each(({b}))")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("{a}.array().concat({b}.array())")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!(
                "{a}.array().fold({b}, [this.tally, this.value, this.tally])"
            )),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("{a}.string().replace_all(\"1\", {b}.string())")),
            inner
                .clone()
                .prop_map(|a| format!("{a}.string().repeat(50)")),
            inner
                .clone()
                .prop_map(|a| format!("{a}.format_json(\"          \")")),
            inner
                .clone()
                .prop_map(|a| format!("{{\"a\": {a}}}.merge({{\"a\": {a}}})")),
            inner.prop_map(|a| format!("{a}.string().split(\"1\")")),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_grows_fails_or_fits(expression in growing(), statements in 1..4_usize) {
        let mut text = format!("let v = {expression}\n");
        for _ in 0..statements {
            text.push_str("let v = [$v, $v.array().map_each(i -> [i, $v])]\n");
        }
        text.push_str("root = $v");
        if let Ok(Some(result)) = mapped(&text, "[1,11,\"1\"]") {
            // An escape takes six bytes at most, an indent is counted.
            prop_assert!(result.len() as u64 <= 8 * BYTES, "{} bytes", result.len());
        }
    }
}

#[test]
fn patterns_of_a_mapping_are_compiled_whatever_steps_compiling_it_may_take() {
    let patterns: String = (0..100)
        .map(|i| format!("root.a{i} = content().string().re_match(\"^\\\\p{{L}}{{9}}{i}$\")\n"))
        .collect();
    let large = "root = content().string().re_replace_all(\"(a)\", \"$1\".repeat(400000)).length()";
    let environment = Environment::new();
    for (text, expected) in [(&*patterns, "false"), (large, "800004")] {
        let mapping = Mapping::compile(text, &environment).expect("it compiles");
        let message = Message::from("[\"aa\"]");
        let mapped = mapping.map(std::slice::from_ref(&message), 0);
        let mut changed = message;
        assert!(mapped.expect("it is bounded").apply_to(&mut changed));
        let text = String::from_utf8_lossy(changed.bytes()).into_owned();
        assert!(text.contains(expected), "{text}");
    }
}
