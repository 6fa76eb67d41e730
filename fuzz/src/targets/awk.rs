//! An arbitrary AWK program on an arbitrary text.
//!
//! The input is the program, a zero byte, and the text. Asked: a run stays within its limits, and a
//! machine that is used again gives the same.

use std::time::Duration;

use millrace_awk::{Limits, Machine, NoHost, Program};
use millrace_message::Halt;

use super::parts;

const LIMITS: Limits = Limits {
    steps: 1_000_000,
    time: Duration::from_secs(60),
    bytes: 16 << 20,
    halt: Halt::NEVER,
};

pub(super) fn run(data: &[u8]) {
    let (source, text) = parts(data);
    let program = match Program::compile(&source, &[]) {
        Ok(program) => program,
        Err(error) => {
            assert!(error.at <= source.len(), "{error:?} lies outside");
            return;
        }
    };
    let Ok(mut machine) = Machine::new(&program, LIMITS) else {
        return;
    };
    let first = machine.run(text, &[], &[], &mut NoHost);
    let second = machine.run(text, &[], &[], &mut NoHost);
    // What is kept from a run, such as regular expressions, takes fewer steps in the next.
    if let (Ok(first), Ok(second)) = (first, second)
        && !source.contains("srand")
    {
        assert_eq!(first, second, "it gives two results");
    }
}
