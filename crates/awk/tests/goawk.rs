//! Programs give what GoAWK gives, which is what runs them in Bento.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use millrace_awk::{Limits, Machine, NoHost, Program};

#[path = "goawk/table.rs"]
mod table;

fn check(cases: &[table::Case]) {
    for (source, input, output, status) in cases {
        let program = Program::compile(source, &[]).unwrap_or_else(|it| panic!("{source}: {it}"));
        let mut machine = Machine::new(&program, Limits::default()).unwrap();
        // The second run finds nothing of the first.
        for _ in 0..2 {
            let outcome = machine
                .run(input.as_bytes(), &[], &[], &mut NoHost)
                .unwrap_or_else(|it| panic!("{source}: {it}"));
            let printed = String::from_utf8_lossy(&outcome.output);
            assert_eq!(printed, *output, "{source} on {input:?}");
            assert_eq!(outcome.status, *status, "{source}");
        }
    }
}

#[test]
fn patterns_choose_records_and_records_are_cut_as_goawk_does() {
    check(table::PATTERNS_AND_RECORDS);
}

#[test]
fn fields_are_split_and_put_together_as_goawk_does() {
    check(table::FIELDS);
}

#[test]
fn values_are_converted_and_compared_as_goawk_does() {
    check(table::VALUES_AND_COMPARISONS);
}

#[test]
fn statements_and_functions_do_what_goawk_does() {
    check(table::STATEMENTS);
}

#[test]
fn texts_are_searched_and_replaced_as_goawk_does() {
    check(table::TEXTS);
}

#[test]
fn printf_writes_what_goawk_writes() {
    check(table::PRINTF);
}

#[test]
fn values_between_commas_are_read_and_written_as_goawk_does() {
    check(table::CSV);
}
