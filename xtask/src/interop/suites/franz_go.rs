//! franz-go's tests of its package `kgo`.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::outcome::{Outcome, Outcomes};
use super::{Round, Suite, run};
use crate::interop::broker::Broker;

pub const SUITE: Suite = Suite {
    name: "franz-go",
    built: "pkg/kgo/kgo.test",
    floor: 113,
    run: |round| {
        round.with_broker(SETTINGS, |broker| {
            round.with_users(SECURED, &[USER], |secured| run(round, broker, secured))
        })
    },
};

const SETTINGS: &str = "node.id=1\nnum.partitions=4\n";

/// The broker of the tests that log in.
const SECURED: &str = "node.id=1\nlistener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT\n\
                       sasl.enabled.mechanisms=SCRAM-SHA-256\n";
const USER: &str = "SCRAM-SHA-256=[name=kgo,password=kgo-secret]";

/// How long all of them may take.
const PATIENCE: Duration = Duration::from_secs(1200);
/// How many records a test of many moves.
const RECORDS: &str = "10000";

fn run(round: &Round, broker: &Broker, secured: &Broker) -> Result<Outcomes> {
    let package = round.checkout.join("pkg/kgo");
    let log = round.work.join("kgo.log");
    let mut command = Command::new(package.join("kgo.test"));
    command.current_dir(package).arg("-test.v");
    command.arg(format!("-test.timeout={}s", PATIENCE.as_secs()));
    command.env("KGO_SEEDS", broker.address());
    command.env("KGO_TEST_SCRAM_SEEDS", secured.address());
    command.env("KGO_TEST_SCRAM", "kgo:kgo-secret:256");
    command.env("KGO_TEST_RF", "1");
    command.env("KGO_TEST_RECORDS", RECORDS);
    // It ends by itself a little earlier, and says where it was.
    run::bounded(&mut command, &log, PATIENCE + Duration::from_secs(30))?;
    Ok(outcomes(&run::text(&log)?))
}

/// What `go test -v` prints: the parts of a test are indented and belong to it.
fn outcomes(said: &str) -> Outcomes {
    let verdicts: BTreeMap<_, _> = said.lines().filter_map(verdict).collect();
    let started = said.lines().filter_map(|it| it.strip_prefix("=== RUN   "));
    let mut outcomes = Outcomes::default();
    for test in started.filter(|it| !it.contains('/')) {
        let outcome = verdicts.get(test).cloned();
        let not_done = || Outcome::Failed("it was not done".to_owned());
        outcomes.add(test, outcome.unwrap_or_else(not_done));
    }
    outcomes
}

fn verdict(line: &str) -> Option<(&str, Outcome)> {
    let (word, rest) = line.strip_prefix("--- ")?.split_once(": ")?;
    let outcome = match word {
        "PASS" => Outcome::Passed,
        "SKIP" => Outcome::Skipped,
        _ => Outcome::Failed("see the log".to_owned()),
    };
    Some((rest.split(' ').next()?, outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdicts_of_go_are_read_and_a_test_without_one_has_failed() {
        let said = "=== RUN   TestA\n=== PAUSE TestA\n=== RUN   TestB\n=== RUN   TestB/part\n\
                    === RUN   TestC\n=== RUN   TestD\n    --- FAIL: TestB/part (0.10s)\n\
                    --- FAIL: TestB (0.20s)\n--- PASS: TestA (1.00s)\n--- SKIP: TestC (0.00s)\n\
                    panic: test timed out\n";
        let outcomes = outcomes(said);
        assert_eq!(outcomes.get("TestA"), Some(&Outcome::Passed));
        assert_eq!(outcomes.get("TestC"), Some(&Outcome::Skipped));
        for failed in ["TestB", "TestD"] {
            assert!(matches!(outcomes.get(failed), Some(Outcome::Failed(_))));
        }
        assert_eq!(outcomes.iter().count(), 4);
    }
}
