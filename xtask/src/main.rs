//! The project's own commands, run as `cargo xtask COMMAND`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod broker;
mod chaos;
mod ci;
mod cities;
mod conformance;
mod crc32;
mod csv;
mod examples;
mod flood;
mod fuzz;
mod generated;
mod interop;
mod packages;
mod power_loss;
mod promises;
mod random;
mod reference;
mod servers;
mod simulate;
mod step;
mod test;
mod test_counts;
mod wire;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--servers LIST] [ARGUMENTS OF cargo test]
        install the Debian packages that tests need (as root), start private servers on free
        ports, run the tests of the workspace (or of `-p PACKAGE`), end with one line of counts;
        LIST names the servers to start: rabbitmq,postgres,mariadb,redis (all of them by default)
  servers [--servers LIST] COMMAND [ARGUMENTS]
        run a command beside private servers, with the variables that tests read
  ci
        everything that a change must pass: format, lints, tests, generated files, examples
  bench [--only b1,b2] [--threads 1,2] [--reps 3] [--count N] [--seconds 10]
        [--peer NAME=PATH] [--binary PATH] [--write docs/benchmarks/FILE.md]
        run the workloads of bench/pipelines, verify their outputs, print a table; a peer is any
        binary that runs the same configuration with `-c FILE`
  bench log --client PATH [--only idle,b1,b7a] [--runs 5] [--count N] [--kafka JARS] [--binary PATH]
        measure the broker with librdkafka's `rdkafka_performance`, beside Apache Kafka where its jars
        are given, and print tables; `idle`, b7a (latency in memory), b7b (on disk), b12 (1,000
        partitions), b14 (start), b15 (start after a kill) and b21a, b21b (pipelines over the log) are
        measured otherwise, in as many runs
  chaos cities [--variant NAME] [--seed N] [--kills 20] [--workers 3] [--binary PATH] [--logs DIR]
        run the pipelines of examples/cities on real servers, kill, stop and disconnect them at
        random, and prove that no city is lost; without `--variant` all of them, RabbitMQ last
  interop [--only kcat,suite:librdkafka] [--full --suites DIR] [--logs DIR] [--binary PATH]
        run real clients of Kafka against a broker that is killed under them, then have Kafka's own
        tool read every file that the broker has left; clients are installed where they are missing
        (Debian packages as root; those of the languages below ~/.cache/millrace-interop); with
        `--full` the clients' own suites, too, from built checkouts in DIR (tests/interop/README.md)
  chaos broker [--seed N] [--kills 100] [--binary PATH]
        kill the broker while clients produce, commit and end transactions, start it again, and
        prove that all that was acknowledged is there, once
  power-loss [--states 1000] [--seed 1] [--keep DIR] [--binary PATH]
        record what the broker writes and syncs while clients work, build the states that a loss of
        power may leave on the disk, start the broker on each, and prove that all that was
        acknowledged is there; and that a sync taken away is missed; the first state that breaks a
        promise is left in DIR
  flood [--connections 100000] [--seconds 60] [--binary PATH]
        connect to the broker very often, from several addresses, and leave much of it half done;
        it must keep its bounds, and a client that was connected before must not notice
  simulate [--seeds 100000] [--planted [--only TEXT]]
        run the broker on a simulated machine, one history for each seed, with kills, power losses
        and broken disks; with `--planted`, plant mistakes into a copy of the source, and prove that
        each is found within 10,000 seeds
  conformance DIR [--floor PERCENT]
        run Bento's cases in DIR and list those that fail; with a floor, fail when less of a file
        passes (the README.md beside the cases says what they are)
  fuzz [TARGET ...] [--seconds 600]
        look for inputs that break a promise, each target for so long: syntax, evaluator, json,
        decoders, scanners, awk, jq, wire; `canary` fails, which shows that the fuzzer finds what
        there is
  reference
        write the generated pages of docs/reference anew
  wire
        write the codec of Kafka's messages anew from the tables in crates/kafka-wire/tables
  cities FOLDER
        write examples/cities/cities.csv anew (see examples/cities/DATA-LICENSE.md)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether what was run has passed.
fn run(arguments: &[String]) -> Result<bool> {
    let Some((command, rest)) = arguments.split_first() else {
        bail!("no command\n\n{USAGE}")
    };
    // Before anything is installed or built.
    let asks = rest.iter().take_while(|it| *it != "--");
    if asks.into_iter().any(|it| it == "--help" || it == "-h") {
        print!("{USAGE}");
        return Ok(true);
    }
    match command.as_str() {
        "test" => test::run(rest),
        "servers" => servers::run(rest),
        "ci" => ci::run(rest),
        "bench" => bench::run(rest),
        "chaos" => chaos::run(rest),
        "conformance" => conformance::run(rest),
        "power-loss" => power_loss::run(rest),
        "simulate" => simulate::run(rest),
        "flood" => flood::run(rest),
        "interop" => interop::run(rest),
        "fuzz" => fuzz::run(rest),
        "reference" => reference::REFERENCE.run(rest),
        "wire" => wire::WIRE.run(rest),
        "cities" => cities::run(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(true)
        }
        other => bail!("`{other}` is no command\n\n{USAGE}"),
    }
}
