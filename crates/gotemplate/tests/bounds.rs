//! Whatever a template and a document do, the run ends with a clear error, in bounded memory, steps
//! and stack.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use millrace_gotemplate::{Limits, NoHost, Template};
use millrace_message::{Halt, Value};

const LIMITS: Limits = Limits {
    steps: 2_000_000,
    time: Duration::from_secs(60),
    bytes: 4 << 20,
    depth: 1000,
    halt: Halt::NEVER,
};

fn render(source: &str, document: &str) -> Result<Vec<u8>, String> {
    let template = Template::parse(source, &[]).map_err(|it| it.message)?;
    let value = Value::parse_json(document.to_owned().into()).unwrap();
    let result = template.render(&value, LIMITS, &mut NoHost);
    result.map_err(|it| it.to_string())
}

fn check(cases: &[&str], complaint: &str) {
    for source in cases {
        let error = render(source, "{}").expect_err(source);
        assert!(error.contains(complaint), "{source}: {error}");
    }
}

/// A template that repeats `action` a million times and again.
fn for_ever(action: &str) -> String {
    format!("{{{{ range 1000000 }}}}{{{{ range 1000000 }}}}{action}{{{{ end }}}}{{{{ end }}}}")
}

#[test]
fn a_template_without_end_is_stopped_by_its_steps() {
    let repeated = [
        "",
        "{{ $x := add1 . }}",
        "{{ if eq . 1 }}{{ continue }}{{ end }}",
        "{{ $x := printf \"%d\" . }}",
        "{{ $x := regexMatch (print .) \"a\" }}",
        "{{ $x := fromJson \"[1,2,3]\" }}",
        "{{ $x := dict \"a\" 1 }}",
        "{{ $x := bcrypt \"a\" | len | until }}",
        "{{ $x := deepEqual (list 1) (list 1) }}",
        "{{ template \"t\" }}{{ break }}",
    ];
    for action in repeated {
        let source = format!("{}{{{{ define \"t\" }}}}{{{{ end }}}}", for_ever(action));
        let error = render(&source, "{}").expect_err(action);
        assert!(
            error.contains("takes more than 2000000 steps"),
            "{action}: {error}"
        );
    }
    check(
        &[
            "{{ range 9223372036854775807 }}{{ end }}",
            "{{ $l := list }}{{ range 40 }}{{ $l = list $l $l }}{{ end }}{{ $x := deepEqual $l $l }}",
            "{{ $l := list }}{{ range 30 }}{{ $l = list $l $l }}{{ end }}{{ $l }}",
            "{{ $d := dict \"a\" 1 }}{{ range 25 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ deepCopy $d | len }}",
        ],
        "takes more than 2000000 steps",
    );
}

#[test]
fn a_template_that_hoards_is_stopped_by_its_memory() {
    check(
        &[
            "{{ repeat 1000000000000 \"x\" }}",
            "{{ repeat 9223372036854775807 \"xx\" }}",
            "{{ until 1000000000000 }}",
            "{{ untilStep 0 9223372036854775807 1 }}",
            "{{ untilStep -9223372036854775808 9223372036854775807 1 }}",
            "{{ seq 1000000000 }}",
            "{{ indent 1000000000000 \"x\" }}",
            "{{ nindent 1000000000000 \"x\" }}",
            "{{ randAlpha 1000000000000 }}",
            "{{ randBytes 1000000000000 }}",
            "{{ $x := \"x\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
            "{{ $x := \"x\" }}{{ range 100 }}{{ $x = cat $x $x }}{{ end }}",
            "{{ $x := \"x\" }}{{ range 100 }}{{ $x = replace \"x\" \"xxxx\" $x }}{{ end }}",
            "{{ $x := \"x\" }}{{ range 100 }}{{ $x = regexReplaceAll \"x\" $x \"xxxx\" }}{{ end }}",
            "{{ regexReplaceAll \"(.*)\" (repeat 100000 \"x\") (repeat 20000 \"$1\") }}",
            "{{ regexReplaceAll \"x\" \"x\" (repeat 1000000 \"$1\") }}",
            "{{ $x := \"x\" }}{{ range 100 }}{{ $x = quote $x $x }}{{ end }}",
            "{{ $x := \"\\\"\" }}{{ range 100 }}{{ $x = toJson $x }}{{ end }}",
            "{{ $x := \"x\" }}{{ range 100 }}{{ $x = b64enc $x }}{{ $x = print $x $x }}{{ end }}",
            "{{ $x := \"x\" }}{{ range 100 }}{{ $x = join $x (list 1 2 3 4) }}{{ end }}",
            "{{ $x := \"x\" }}{{ range 100 }}{{ $x = html $x \"<<<<\" $x }}{{ end }}",
            "{{ $l := list 1 }}{{ range 100 }}{{ $l = concat $l $l }}{{ end }}",
            "{{ $d := dict }}{{ range 1000000 }}{{ $x := set $d (print .) . }}{{ end }}",
            "{{ range 1000000 }}some text that is printed{{ end }}",
            "{{ printf \"%1000000d%1000000d%1000000d%1000000d%1000000d\" 1 2 3 4 5 }}",
            "{{ range 9 }}{{ printf \"%*d\" 1000000 1 }}{{ end }}",
            "{{ splitList \"\" (repeat 1000000 \"x\") }}",
            "{{ regexFindAll \"\" (repeat 1000000 \"x\") -1 }}",
            "{{ $x := list 1 }}{{ range until 17 }}{{ $x = list $x $x }}{{ end }}{{ $x | toJson }}",
            "{{ $x := list 1 }}{{ range until 17 }}{{ $x = list $x $x }}{{ end }}{{ $x | toPrettyJson }}",
            "{{ $x := list 1 }}{{ range until 17 }}{{ $x = list $x $x }}{{ end }}{{ $x | toRawJson }}",
            "{{ $x := list 1 }}{{ range until 17 }}{{ $x = list $x $x }}{{ end }}{{ $x | mustToJson | len }}",
        ],
        "bytes of memory",
    );
}

#[test]
fn templates_and_values_nest_as_deep_as_is_bounded_and_no_deeper() {
    check(
        &["{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}"],
        "exceeded maximum template depth (1000)",
    );
    check(
        &[
            "{{ $l := list }}{{ range 20000 }}{{ $l = list $l }}{{ end }}{{ $l }}",
            "{{ $l := list }}{{ range 20000 }}{{ $l = list $l }}{{ end }}{{ toJson $l }}",
            "{{ $l := list }}{{ range 20000 }}{{ $l = list $l }}{{ end }}{{ deepEqual $l $l }}",
            "{{ $l := list }}{{ range 20000 }}{{ $l = list $l }}{{ end }}{{ deepCopy $l }}",
            "{{ $l := list }}{{ range 20000 }}{{ $l = list $l }}{{ end }}{{ printf \"%q\" $l }}",
            "{{ $d := dict }}{{ $e := $d }}{{ range 5000 }}{{ $n := dict }}{{ $x := set $e \"n\" $n }}{{ $e = $n }}{{ end }}{{ $d }}",
        ],
        "nests deeper than 1000 levels",
    );
    // The ends of the integers are no reason to stop.
    let ends = "{{ untilStep -9223372036854775808 9223372036854775807 9223372036854775807 }}";
    assert!(render(ends, "{}").is_ok());
    // What is only made and dropped takes no stack.
    let source = "{{ $l := list }}{{ range 20000 }}{{ $l = list $l }}{{ end }}ok";
    assert_eq!(render(source, "{}"), Ok(b"ok".to_vec()));
}

#[test]
fn a_map_can_not_hold_itself() {
    check(
        &[
            "{{ $d := dict }}{{ set $d \"a\" $d }}",
            "{{ $d := dict }}{{ set $d \"a\" (list 1 (list $d)) }}",
            "{{ $d := dict }}{{ $e := dict \"d\" $d }}{{ set $d \"e\" $e }}",
            "{{ set . \"a\" . }}",
            "{{ $d := dict }}{{ merge $d (dict \"a\" $d) }}",
        ],
        "a map can not be put into itself",
    );
}

#[test]
fn what_nests_too_deep_is_refused_when_it_is_parsed() {
    let refused = |source: String| {
        let error = Template::parse(&source, &[]).unwrap_err();
        assert!(
            error.message.contains("nests deeper than 200 levels"),
            "{error}"
        );
    };
    refused(format!(
        "{{{{ {}1{} }}}}",
        "(".repeat(10_000),
        ")".repeat(10_000)
    ));
    refused("{{ if 1 }}".repeat(10_000));
    refused("{{ range 1 }}".repeat(10_000));
    refused("{{ with 1 }}".repeat(10_000));
    refused(format!(
        "{}{}",
        "{{ if 1 }}{{ else }}".repeat(300),
        "{{ end }}".repeat(300)
    ));
    refused("{{ block \"a\" 1 }}".repeat(10_000));
    // What goes on without nesting is only long.
    let long = format!(
        "{{{{ if 0 }}}}{}{{{{ else if 1 }}}}x{{{{ end }}}}",
        "{{ else if 0 }}".repeat(20_000)
    );
    assert_eq!(render(&long, "{}"), Ok(b"x".to_vec()));
    let error = Template::parse(&"x".repeat(2 << 20), &[]).unwrap_err();
    assert!(
        error.message.contains("longer than 1048576 bytes"),
        "{error}"
    );
}

#[test]
fn a_thread_with_little_stack_is_enough() {
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(95), ")".repeat(95));
    let nested = format!(
        "{}{parens}{}",
        "{{ range 1 }}".repeat(95),
        "{{ end }}".repeat(95)
    );
    let calls = "{{ define \"r\" }}{{ with . }}{{ range until 1 }}{{ template \"r\" (sub (int $) 1 | int) }}{{ end }}{{ end }}{{ end }}{{ template \"r\" 900 }}";
    let document = format!("{}1{}", "[".repeat(990), "]".repeat(990));
    let work = move || {
        assert_eq!(render(&nested, "{}"), Ok(b"1".to_vec()));
        assert_eq!(render(calls, "{}"), Ok(Vec::new()));
        assert!(
            render(
                "{{ . }}{{ toJson . }}{{ deepEqual . . }}{{ set (dict) \"a\" . }}",
                &document
            )
            .is_ok()
        );
    };
    let thread = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(work);
    thread.unwrap().join().unwrap();
}

#[test]
fn patterns_are_bounded() {
    let error = render("{{ regexMatch \"(a{1000}){1000}\" \"a\" }}", "{}").unwrap();
    assert_eq!(error, b"false");
    check(
        &["{{ mustRegexMatch \"(a{1000}){1000}\" \"a\" }}"],
        "when compiled",
    );
    check(&["{{ regexFind \"(\" \"a\" }}"], "error parsing regexp");
}

proptest::proptest! {
    #[test]
    fn any_template_is_safe(
        parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..24),
        document in proptest::sample::select(DOCUMENTS),
    ) {
        let _ = render(&parts.concat(), document);
    }

    #[test]
    fn any_text_is_safe(source in "(\\{\\{|\\}\\}|-|\\$|\\.|[a-z( )|\"`'\\\\0-9é:=,]|/\\*|\\*/){0,40}") {
        let _ = render(&source, "{}");
    }
}

const DOCUMENTS: &[&str] = &[
    "{}",
    "null",
    "[1,null,\"x\",{\"a\":{}}]",
    r#"{"a":{"b":[1,2.5,"é"]},"n":1e400,"s":"text","null":null}"#,
];

const PARTS: &[&str] = &[
    "{{",
    "}}",
    "{{- ",
    " -}}",
    "(",
    ")",
    " | ",
    " ",
    "$x := ",
    "$x",
    "if ",
    "range ",
    "with ",
    "end",
    "else",
    "break",
    "continue",
    "template \"t\" ",
    "define \"t\"",
    "{{ end }}",
    "{{ else }}",
    "{{ range . }}",
    "{{ if . }}",
    "{{ with . }}",
    "{{ . }}",
    ".a",
    ".b",
    ".s",
    ".n",
    ".",
    "$",
    "nil",
    "1",
    "-1",
    "\"é\"",
    "2.5",
    "9223372036854775807",
    "-9223372036854775808",
    "list ",
    "dict ",
    "set ",
    "merge ",
    "index ",
    "slice ",
    "printf \"%v %5d %s %x\" ",
    "substr ",
    "trunc ",
    "abbrev ",
    "abbrevboth ",
    "wrap ",
    "wrapWith ",
    "splitn ",
    "chunk ",
    "until ",
    "untilStep ",
    "seq ",
    "div ",
    "mod ",
    "round ",
    "divf ",
    "toJson ",
    "toPrettyJson ",
    "fromJson ",
    "dig ",
    "eq ",
    "lt ",
    "len ",
    "semver ",
    "semverCompare ",
    "regexSplit ",
    "regexReplaceAll ",
    "b64dec ",
    "b32dec ",
    "decryptAES ",
    "urlParse ",
    "urlJoin ",
    "toDate ",
    "dateModify ",
    "dateInZone ",
    "duration ",
    "durationRound ",
    "now",
    "ago ",
    "snakecase ",
    "camelcase ",
    "initials ",
    "expandenv ",
    "rest ",
    "first ",
    "uniq ",
    "join ",
    "sortAlpha ",
    "typeOf ",
    "repeat ",
    "indent ",
    "shuffle ",
    "randInt ",
    "deepCopy ",
];
