//! `millrace plan` as its users run it.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use millrace_testkit::millrace::{command, output};
use serde_json::{Value, json};

/// What `millrace plan ARGS` prints, what it complains of, and its exit code.
fn run(args: &str) -> (String, String, Option<i32>) {
    let mut command = command().unwrap();
    command.arg("plan").args(args.split_whitespace());
    let output = output(&mut command, b"").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code(),
    )
}

fn planned(args: &str) -> Value {
    let (text, complaint, code) = run(&format!("{args} --json"));
    assert_eq!(code, Some(0), "{args}: {complaint}");
    serde_json::from_str(&text).unwrap()
}

const STORAGE: &str = "--daily-messages 1B --message-size 1KB --retention 7d \
                       --replication-factor 3 --overhead 20";
const BROKERS: &str = "--throughput 500MB --broker-throughput 50MB --replication-factor 3";
const PARTITIONS: &str = "--throughput 500MB/s --consumer-throughput 10MB/s";

#[test]
fn the_examples_of_the_operations_guide_come_out() {
    // The guide rounds 25.2 TB to 25 TB.
    let storage = &planned(STORAGE)["storage"];
    assert_eq!(storage["bytes"], json!(21_000_000_000_000_u64));
    assert_eq!(
        storage["bytes_with_overhead"],
        json!(25_200_000_000_000_u64)
    );
    assert_eq!(planned(BROKERS)["brokers"]["count"], 30);
    assert_eq!(planned(PARTITIONS)["partitions"]["count"], 50);
}

#[test]
fn each_result_stands_beside_its_formula() {
    let all =
        format!("{STORAGE} --throughput 500MB --broker-throughput 50MB --consumer-throughput 10MB");
    let (text, _, code) = run(&all);
    assert_eq!(code, Some(0));
    let expected = "\
NEEDED         RESULT   FORMULA
storage        21 TB    1000000000 messages a day × 1 KB × 7 days × 3 replicas
with overhead  25.2 TB  21 TB + 20 % overhead
brokers        30       500 MB/s ÷ 50 MB/s a broker × 3 replicas, rounded up, at least 3
partitions     50       500 MB/s ÷ 10 MB/s a consumer, rounded up
";
    assert_eq!(text, expected);
    let planned = planned(&all);
    assert_eq!(
        planned["storage"]["formula_with_overhead"],
        "21 TB + 20 % overhead"
    );
    assert_eq!(planned["given"]["retention_hours"], 168);
    assert_eq!(planned["given"]["consumer_bytes_per_second"], 10_000_000);
}

#[test]
fn a_part_of_a_broker_is_a_broker_and_each_replica_has_its_own() {
    let brokers = |args: &str| planned(args)["brokers"]["count"].clone();
    assert_eq!(brokers("--throughput 75MB --broker-throughput 50MB"), 5);
    assert_eq!(brokers("--throughput 1MB --broker-throughput 50MB"), 3);
    assert_eq!(brokers("--throughput 1MB --broker-throughput 50MB -r 1"), 1);
    let partitions = &planned("--throughput 11MB --consumer-throughput 10MB")["partitions"];
    assert_eq!(partitions["count"], 2);
    assert_eq!(planned(PARTITIONS)["storage"], Value::Null);
}

#[test]
fn bad_input_gets_one_error_with_the_remedy() {
    for (args, remedy) in [
        ("", "say what is to be planned"),
        ("--daily-messages 5", "`--message-size`, too"),
        ("--message-size 1KB", "`--daily-messages`, too"),
        ("--broker-throughput 1MB", "`--throughput`, such as"),
        ("--throughput 1MB", "give `--broker-throughput`"),
        (
            "--throughput 1MB --broker-throughput 0",
            "more than 0 bytes",
        ),
        (
            "--throughput -1MB --broker-throughput 1",
            "more than 0 bytes",
        ),
        (
            "--throughput 1MB --consumer-throughput x",
            "such as `500MB`",
        ),
        (
            "--throughput 99999999999999999999 --consumer-throughput 1",
            "less than 16 EiB",
        ),
        ("--daily-messages -3 --message-size 1KB", "from 1 to 10^18"),
        (
            "--retention 0d --daily-messages 1 --message-size 1",
            "at least an hour",
        ),
        ("-r 0 --daily-messages 1 --message-size 1", "from 1 to 1000"),
        (
            "--overhead -1 --daily-messages 1 --message-size 1",
            "from 0 to 1000",
        ),
        (
            "--daily-messages 1000000T --message-size 10EB",
            "write more than 0 bytes and less than 16 EiB",
        ),
        (
            "--daily-messages 1000000T --message-size 1TB --retention 1000000w -r 1000",
            "the storage is more than 16 EiB: give fewer `--daily-messages`",
        ),
        (
            "--throughput 16000000TB --broker-throughput 1 -r 1000",
            "give a smaller `--throughput`",
        ),
    ] {
        let (text, complaint, code) = run(args);
        assert_eq!((text.as_str(), code), ("", Some(2)), "{args}: {complaint}");
        assert!(complaint.contains(remedy), "{args}: {complaint}");
        assert_eq!(
            complaint.matches("error:").count(),
            1,
            "{args}: {complaint}"
        );
    }
}
