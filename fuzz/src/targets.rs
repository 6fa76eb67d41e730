//! The list of targets.

use std::borrow::Cow;

use millrace_bloblang::{Allowance, Environment};

mod awk;
mod decoders;
mod evaluator;
mod jq;
mod json;
mod scanners;
mod syntax;
mod wire;

/// One way of reading hostile input.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is also its folder in `corpus`.
    pub name: &'static str,
    /// Reads the input; panics when a promise is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "syntax",
        run: syntax::run,
    },
    Target {
        name: "evaluator",
        run: evaluator::run,
    },
    Target {
        name: "json",
        run: json::run,
    },
    Target {
        name: "decoders",
        run: decoders::run,
    },
    Target {
        name: "scanners",
        run: scanners::run,
    },
    Target {
        name: "awk",
        run: awk::run,
    },
    Target {
        name: "jq",
        run: jq::run,
    },
    Target {
        name: "wire",
        run: wire::run,
    },
    // Fails on purpose: whoever fuzzes it sees that the fuzzer finds what there is to find.
    Target {
        name: "canary",
        run: canary,
    },
];

/// What mappings are compiled against: they reach nothing outside, and may take about a second.
fn environment() -> Environment {
    Environment::new().only_pure().with_allowance(Allowance {
        steps: 200_000,
        bytes: 32 << 20,
    })
}

/// A program and what it is run on: a zero byte stands between them.
fn parts(data: &[u8]) -> (Cow<'_, str>, &[u8]) {
    let (program, input) = match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &b"{}"[..]),
    };
    (String::from_utf8_lossy(program), input)
}

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|it| it.name == name).copied()
}

fn canary(data: &[u8]) {
    if let [b'm', b'i', b'l', b'l', ..] = data {
        panic!("the canary was found, as it should be");
    }
}
