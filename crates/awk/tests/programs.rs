//! What a host may count on: refusals with their places, variables, functions, the order of keys.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use millrace_awk::{Answer, Arguments, Fault, Function, Host, Limits, Machine, NoHost, Program};

fn print(source: &str, input: &str) -> String {
    let program = Program::compile(source, &[]).unwrap();
    let mut machine = Machine::new(&program, Limits::default()).unwrap();
    let outcome = machine.run(input.as_bytes(), &[], &[], &mut NoHost);
    String::from_utf8(outcome.unwrap().output).unwrap()
}

#[test]
fn what_would_reach_out_of_the_message_is_refused_by_name() {
    for (source, complaint) in [
        (r#"BEGIN { system("ls") }"#, "`system`"),
        (r#"BEGIN { "date" | getline x }"#, "`|`"),
        (r#"BEGIN { print "x" | "cat" }"#, "`|`"),
        (r#"BEGIN { print "x" > "file" }"#, "`>`"),
        (r#"BEGIN { printf "x" >> "file" }"#, "`>>`"),
        (r#"BEGIN { getline x < "file" }"#, "`getline <`"),
    ] {
        let error = Program::compile(source, &[]).expect_err(source);
        assert!(error.message.contains(complaint), "{source}: {error}");
    }
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    for (source, at, complaint) in [
        ("BEGIN { x = }", 12, "expected a value instead of `}`"),
        (
            "{ print $1",
            10,
            "expected `}` instead of the end of the program",
        ),
        ("BEGIN { print \"a }", 14, "no closing quote"),
        ("/a", 0, "no closing slash"),
        ("/(/", 0, "error parsing regexp: unclosed group"),
        ("BEGIN { f(1) }", 8, "there is no function `f`"),
        (
            "BEGIN { x[1] = 1; x = 2 }",
            18,
            "as an array and as a value",
        ),
        (
            "function f(a) { a[1] } BEGIN { f(1) }",
            31,
            "takes an array for `a`",
        ),
        (
            "function f(a) { a[1] } BEGIN { x = 1; f(x) }",
            40,
            "as an array and as a value",
        ),
        (
            "function f(a) { } BEGIN { f(1, 2) }",
            26,
            "at most 1 arguments",
        ),
        ("function f() { } function f() { }", 26, "defined twice"),
        ("function f(f) { }", 11, "the name of its function"),
        (
            "function f(a, a) { }",
            14,
            "two parameters have the name `a`",
        ),
        ("function f() { } { f = 1 }", 19, "is a function"),
        ("function f(x) { x() }", 16, "is a parameter"),
        ("BEGIN { next }", 8, "cannot stand in BEGIN or END"),
        ("{ break }", 2, "must stand in a loop"),
        ("{ return 1 }", 2, "must stand in a function"),
        ("{ 1 = 2 }", 2, "takes no value"),
        ("{ (x) = 2 }", 2, "takes no value"),
        ("{ x = (1, 2) }", 6, "a list in brackets"),
        ("{ sub(/a/, \"b\", 5) }", 16, "the third argument"),
        ("{ substr(1) }", 2, "does not take 1 arguments"),
        ("{ print 1 2 3 ] }", 14, "expected"),
        ("{ print & }", 8, "unexpected character `&`"),
        ("BEGIN { for (x in 1) y }", 18, "expected a name"),
        ("1 2 3 {} }", 9, "expected a value"),
    ] {
        let error = Program::compile(source, &[]).expect_err(source);
        assert!(error.message.contains(complaint), "{source}: {error}");
        assert_eq!(error.at, at, "{source}: {error}");
    }
}

#[test]
fn keys_come_in_order_and_those_that_are_gone_do_not_come() {
    let source = r#"{ for (i = 1; i <= NF; i++) a[$i] }
        END { for (k in a) { printf "%s ", k; delete a["c"] } }"#;
    assert_eq!(print(source, "10 b 9 c -1 2 a"), "-1 2 9 10 a b ");
}

#[test]
fn an_index_with_an_effect_is_computed_once() {
    let source =
        r#"BEGIN { a[++i] += 5; sub(/5/, "6", a[i++]); print a[1], i; print a[i++]++, i }"#;
    assert_eq!(print(source, ""), "6 2\n0 3\n");
}

#[test]
fn random_numbers_are_the_same_in_every_run_and_follow_the_seed() {
    let source = "BEGIN { a = rand(); srand(2); b = rand(); print (a == b), srand(1), (a == rand()), (a >= 0 && a < 1) }";
    assert_eq!(print(source, ""), "0 2 1 1\n");
    assert_eq!(
        print("BEGIN { srand(); x = srand(); print (x > 1) }", ""),
        "1\n"
    );
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let program = Program::compile("{ print $2; print length($2) }", &[]).unwrap();
    let mut machine = Machine::new(&program, Limits::default()).unwrap();
    let outcome = machine.run(b"a \xff\xfe b", &[], &[], &mut NoHost).unwrap();
    assert_eq!(outcome.output, b"\xff\xfe\n2\n");
}

#[test]
fn variables_of_the_host_are_input_and_unknown_ones_are_left_out() {
    let program = Program::compile("{ print x == 10, $2, ENVIRON[\"e\"] }", &[]).unwrap();
    assert!(program.uses("x") && program.uses("ENVIRON") && !program.uses("y"));
    let mut machine = Machine::new(&program, Limits::default()).unwrap();
    let variables: [(&str, &[u8]); 3] = [("x", b"10.0"), ("y", b"1"), ("FS", b",")];
    let outcome = machine.run(b"a,b", &variables, &[("e", b"v")], &mut NoHost);
    assert_eq!(outcome.unwrap().output, b"1 b v\n");
}

struct Adder;

impl Host for Adder {
    fn call(&mut self, _: usize, arguments: &mut Arguments<'_>) -> Result<Answer, Fault> {
        if arguments.is_true(2) {
            return Err(Fault::new("the host says no"));
        }
        Ok(Answer::Number(arguments.number(0) + arguments.number(1)))
    }
}

#[test]
fn functions_of_the_host_are_called_unless_the_program_has_its_own() {
    let functions = [Function {
        name: "add",
        arguments_max: 3,
    }];
    let run = |source: &str| {
        let program = Program::compile(source, &functions).unwrap();
        let mut machine = Machine::new(&program, Limits::default()).unwrap();
        let outcome = machine.run(b"", &[], &[], &mut Adder);
        outcome.map(|it| String::from_utf8(it.output).unwrap())
    };
    assert_eq!(
        run("BEGIN { print add(1, \"2x\"), add(5), add() }").unwrap(),
        "3 5 0\n"
    );
    assert_eq!(
        run("function add(a) { return \"own\" a } BEGIN { print add(1) }").unwrap(),
        "own1\n"
    );
    let error = run("BEGIN { add(1, 2, 3) }").unwrap_err();
    assert_eq!(error.to_string(), "the host says no");
    assert!(Program::compile("BEGIN { add(1, 2, 3, 4) }", &functions).is_err());
}

#[test]
fn a_mode_that_is_none_and_a_name_without_a_header_are_refused() {
    for (source, complaint) in [
        (
            r#"BEGIN { INPUTMODE = "xml" }"#,
            "invalid input mode \"xml\"",
        ),
        (
            r#"BEGIN { INPUTMODE = "csv foo" }"#,
            "invalid input mode key \"foo\"",
        ),
        (
            r#"BEGIN { INPUTMODE = "csv separator=" }"#,
            "invalid CSV/TSV separator \"\"",
        ),
        (
            r#"BEGIN { INPUTMODE = "csv separator=ab" }"#,
            "invalid CSV/TSV separator \"ab\"",
        ),
        (
            r#"BEGIN { INPUTMODE = "csv separator=\"" }"#,
            "invalid CSV field separator",
        ),
        (
            r#"BEGIN { INPUTMODE = "csv comment=," }"#,
            "invalid CSV field separator",
        ),
        (
            r#"BEGIN { INPUTMODE = "csv header=x" }"#,
            "invalid header value \"x\"",
        ),
        (
            r#"BEGIN { OUTPUTMODE = "csv header" }"#,
            "invalid output mode key \"header\"",
        ),
        (
            r#"BEGIN { OUTPUTMODE = "json" }"#,
            "invalid output mode \"json\"",
        ),
        (r#"{ print @"x" }"#, "add `header` to `INPUTMODE`"),
    ] {
        let program = Program::compile(source, &[]).unwrap();
        let mut machine = Machine::new(&program, Limits::default()).unwrap();
        let error = machine
            .run(b"a\n", &[], &[], &mut NoHost)
            .expect_err(source);
        assert!(error.to_string().contains(complaint), "{source}: {error}");
    }
    for source in [r#"BEGIN { @"x" = 1 }"#, "BEGIN { FIELDS = 1 }"] {
        Program::compile(source, &[]).expect_err(source);
    }
}

#[test]
fn a_variable_of_the_host_can_set_the_mode() {
    let program = Program::compile(r#"{ print @"b" }"#, &[]).unwrap();
    let mut machine = Machine::new(&program, Limits::default()).unwrap();
    let variables: &[(&str, &[u8])] = &[("INPUTMODE", b"csv header")];
    let outcome = machine.run(b"a,b\n1,2\n", variables, &[], &mut NoHost);
    assert_eq!(outcome.unwrap().output, b"2\n");
}
