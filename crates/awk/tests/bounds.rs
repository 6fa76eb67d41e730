//! Whatever a program does, its run ends with a clear error, in bounded memory.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use millrace_awk::{Limits, Machine, NoHost, Outcome, Program};
use millrace_message::Halt;

const LIMITS: Limits = Limits {
    steps: 2_000_000,
    time: Duration::from_secs(60),
    bytes: 4 << 20,
    halt: Halt::NEVER,
};

fn run(source: &str, input: &str) -> Result<Outcome, String> {
    let program = Program::compile(source, &[]).map_err(|it| it.message)?;
    let mut machine = Machine::new(&program, LIMITS).unwrap();
    let outcome = machine.run(input.as_bytes(), &[], &[], &mut NoHost);
    // Whatever became of it, the machine has let go of everything.
    let again = machine.run(input.as_bytes(), &[], &[], &mut NoHost);
    assert_eq!(outcome, again, "{source}");
    outcome.map_err(|it| it.to_string())
}

fn check(cases: &[(&str, &str)], complaint: &str) {
    for (source, input) in cases {
        let error = run(source, input).expect_err(source);
        assert!(error.contains(complaint), "{source}: {error}");
    }
}

#[test]
fn a_program_without_end_is_stopped_by_its_steps() {
    check(
        &[
            ("BEGIN { for (;;); }", ""),
            ("BEGIN { while (1) x++ }", ""),
            ("BEGIN { do i += 1; while (i) }", ""),
            ("function f(n) { return n } BEGIN { while (1) f(1) }", ""),
            (r#"BEGIN { while (1) s = sprintf("%d", i++) }"#, ""),
            (r#"BEGIN { while (1) "x" ~ (i++ "+") }"#, ""),
            (r#"BEGIN { for (;;) { a["x"]; delete a["x"] } }"#, ""),
            (
                r#"BEGIN { x = "a"; for (;;) { gsub(/a/, "b", x); gsub(/b/, "a", x) } }"#,
                "",
            ),
            (
                r#"BEGIN { x = sprintf("%100000s", "a"); while (x == x) if (x ~ /b/) print }"#,
                "",
            ),
            (
                r#"BEGIN { x = sprintf("%100000s", "a"); for (;;) index(x, "b") }"#,
                "",
            ),
            ("BEGIN { $100000 = 1; for (;;) { $1 = i++; length() } }", ""),
            (
                "BEGIN { for (i = 0; i < 9999; i++) a[i]; for (;;) for (k in a) break }",
                "",
            ),
        ],
        "takes more than 2000000 steps",
    );
}

#[test]
fn a_program_that_hoards_is_stopped_by_its_memory() {
    check(
        &[
            (r#"BEGIN { x = "x"; for (;;) x = x x }"#, ""),
            (r#"BEGIN { for (;;) a[i++] = i }"#, ""),
            (
                r#"BEGIN { for (;;) a[i++] = "some text that takes room" }"#,
                "",
            ),
            (
                r#"BEGIN { for (;;) print "some text that is printed" }"#,
                "",
            ),
            (
                r#"BEGIN { x = "aaaaaaaaaa"; for (;;) gsub(/a/, "aaaaaaaaaa", x) }"#,
                "",
            ),
            (
                r#"BEGIN { x = "aaaaaaaaaa"; for (;;) gsub(/a/, "&&&&&&&&&&", x) }"#,
                "",
            ),
            (
                r#"BEGIN { for (;;) x = sprintf("%s%s%100000d", x, x, 1) }"#,
                "",
            ),
            (r#"BEGIN { $900000 = 1 }"#, ""),
            (r#"BEGIN { NF = 900000; $0 = $0 }"#, ""),
            (
                r#"BEGIN { x = sprintf("%99999s", 1); OFS = x; $99 = 1; print }"#,
                "",
            ),
            (
                r#"BEGIN { x = sprintf("%999999s", 1); n = split(x, a, "") }"#,
                "",
            ),
            (
                r#"function f(n,  a) { a[n] = sprintf("%9999d", n); return f(n + 1) } BEGIN { f(1) }"#,
                "",
            ),
            (
                r#"BEGIN { x = sprintf("%999999s", 1); while (1) y[i++] = toupper(x) }"#,
                "",
            ),
        ],
        "holds more than 4194304 bytes",
    );
}

#[test]
fn calls_without_end_are_stopped_by_their_depth() {
    check(
        &[
            ("function f() { f() } BEGIN { f() }", ""),
            (
                "function f(n) { return g(n) + 1 } function g(n) { return f(n) } BEGIN { f(1) }",
                "",
            ),
            (
                "function f(a, b) { b[1] = 1; for (k in b) f() } BEGIN { f() }",
                "",
            ),
        ],
        "exceeded maximum call depth of 1000",
    );
}

#[test]
fn what_asks_for_too_much_at_once_is_refused_by_name() {
    for (source, complaint) in [
        (
            r#"BEGIN { printf "%1000000000d", 1 }"#,
            "a width or precision is above 1000000",
        ),
        (
            r#"BEGIN { printf "%*d", 1000000000, 1 }"#,
            "a width or precision is above 1000000",
        ),
        (
            r#"BEGIN { printf "%.99999999999999999999f", 1 }"#,
            "a width or precision",
        ),
        (r#"BEGIN { CONVFMT = "%1000d" }"#, "`CONVFMT` and `OFMT`"),
        ("BEGIN { $1000001 = 1 }", "field index too large: 1000001"),
        ("BEGIN { NF = 1e9 }", "NF set too large: 1000000000"),
        ("BEGIN { NF = -1 }", "NF set to negative value: -1"),
        (
            r#"BEGIN { "x" ~ "((a{100}){100}){100}" }"#,
            "the regular expression is too large",
        ),
        (
            r#"BEGIN { "x" ~ "(" }"#,
            "invalid regex \"(\": error parsing regexp",
        ),
        ("BEGIN { print 1 / 0 }", "division by zero"),
        ("BEGIN { print 1 % 0 }", "division by zero in mod"),
        (
            r#"BEGIN { printf "%d" }"#,
            "format error: got 0 args, expected 1",
        ),
        (
            r#"BEGIN { printf "%z", 1 }"#,
            "format error: invalid format type 'z'",
        ),
        (
            r#"BEGIN { printf "%" }"#,
            "format error: expected type specifier after %",
        ),
        (
            r#"BEGIN { ARGV[1] = "/etc/passwd"; ARGC = 2 } { print }"#,
            "programs read no files",
        ),
        (
            "function f() { next } BEGIN { f() }",
            "`next` was called from BEGIN or END",
        ),
        (r#"BEGIN { fflush("x") }"#, "not an output file or pipe"),
    ] {
        let error = run(source, "").expect_err(source);
        assert!(error.contains(complaint), "{source}: {error}");
    }
}

#[test]
fn a_search_that_would_take_exponential_time_elsewhere_takes_little() {
    let text = format!("{}!", "a".repeat(3000));
    for source in [
        "{ print /^(a+)+$/ }",
        "{ print /(a|aa)*b/ }",
        r#"{ print $0 ~ "(.*)(.*)(.*)(.*)x" }"#,
    ] {
        assert_eq!(run(source, &text).unwrap().output, b"0\n", "{source}");
    }
}

#[test]
fn a_program_that_nests_deep_is_refused_where_it_does() {
    let deep = |before: &str, part: &str, inner: &str, after: &str, count: usize| {
        let (open, close) = (part.repeat(count), after.repeat(count));
        format!("{before}{open}{inner}{close}")
    };
    for source in [
        deep("BEGIN { x = ", "(", "1", ")", 50_000),
        deep("BEGIN { x = ", "!", "1", "", 50_000),
        deep("BEGIN { x = ", "- ", "1", "", 50_000),
        deep("BEGIN { x = ", "$", "1", "", 50_000),
        deep("BEGIN { ", "x = ", "1", "", 50_000),
        deep("BEGIN { x = ", "1 ? 1 : ", "1", "", 50_000),
        deep("BEGIN { x = ", "2 ^ ", "1", "", 50_000),
        deep("BEGIN { ", "if (1) ", "x", "", 50_000),
        deep("BEGIN { ", "{", "x", "}", 50_000),
        deep("BEGIN { x = ", "a[", "1", "]", 50_000),
        deep("BEGIN { x = ", "f(", "1", ")", 50_000),
    ] {
        let error = Program::compile(&source, &[]).expect_err(&source[..30]);
        assert!(error.message.contains("nests deeper than 200"), "{error}");
    }
}

#[test]
fn a_program_that_is_long_but_flat_is_run() {
    for (part, sign) in [("1", " + "), ("\"\"", " "), ("1", " && "), ("1", "; x = ")] {
        let source = format!("BEGIN {{ x = {} }}", vec![part; 20_000].join(sign));
        run(&source, "").unwrap();
    }
    let arms = "if (x == 1) y = 1; else ".repeat(5_000);
    run(&format!("BEGIN {{ {arms} y = 2 }}"), "").unwrap();
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_program_or_is_refused(
        source in r#"(BEGIN|END|[a-f]|[0-9]|[{}()\[\]$!~+*/%^=<>?:;, \n"]|print|if|while|for|in|getline|function|sub|split|length|return|delete){0,40}"#,
    ) {
        let _ = run_any(&source);
    }
}

fn run_any(source: &str) -> Result<Outcome, String> {
    let program = Program::compile(source, &[]).map_err(|it| it.message)?;
    let limits = Limits {
        steps: 10_000,
        ..LIMITS
    };
    let mut machine = Machine::new(&program, limits).unwrap();
    let outcome = machine.run(b"a b\nc", &[], &[], &mut NoHost);
    outcome.map_err(|it| it.to_string())
}

#[test]
fn hostile_records_of_csv_cost_steps_and_memory_that_are_counted() {
    let commas = ",".repeat(200_000);
    let quotes = format!("\"{}", "\"\"".repeat(2_500_000));
    let lines = "#\n".repeat(200_000);
    let field = format!("\"{}\"", "a".repeat(1_500_000));
    check(
        &[
            (r#"BEGIN { INPUTMODE = "csv" } { print NF }"#, &commas),
            (
                r#"BEGIN { INPUTMODE = "csv header" } { print NF }"#,
                &commas,
            ),
            (r#"BEGIN { INPUTMODE = "csv" } { print $1 }"#, &quotes),
            (
                r#"BEGIN { INPUTMODE = "csv" } { a = $1; b = a "x"; print b }"#,
                &field,
            ),
        ],
        "holds more than 4194304 bytes",
    );
    run(
        r#"BEGIN { INPUTMODE = "csv comment=#" } { print NF }"#,
        &lines,
    )
    .unwrap();
    let source = r#"BEGIN { INPUTMODE = "csv" } { for (;;) { $0 = $0; NF } }"#;
    check(
        &[(source, &"a,b,".repeat(100))],
        "takes more than 2000000 steps",
    );
    // An unset field is written for each step that sets one.
    let source = r#"BEGIN { OUTPUTMODE = "csv"; $900000 = "\"" }"#;
    check(&[(source, "")], "holds more than 4194304 bytes");
}

proptest::proptest! {
    /// What is written as CSV is read again.
    #[test]
    fn fields_survive_being_written_and_read(
        fields in proptest::collection::vec("[a-b,;\"\n #]{0,5}", 1..5),
    ) {
        // A record of one empty field is an empty line, which is no record.
        proptest::prop_assume!(fields != [""]);
        let assigned: Vec<_> = (1..).zip(&fields).map(|(number, field): (usize, &String)| {
            let text = field.replace('"', "\\\"").replace('\n', "\\n");
            format!("${number} = \"{text}\"")
        }).collect();
        let source = format!("BEGIN {{ OUTPUTMODE = \"csv\"; {}; print }}", assigned.join("; "));
        let written = run(&source, "").unwrap().output;
        let source = r#"BEGIN { INPUTMODE = "csv" } { for (i = 1; i <= NF; i++) printf "<%s>", $i }"#;
        let read = run(source, std::str::from_utf8(&written).unwrap()).unwrap().output;
        let expected: String = fields.iter().map(|it| format!("<{it}>")).collect();
        assert_eq!(String::from_utf8(read).unwrap(), expected);
    }
}
