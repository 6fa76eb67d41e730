//! `millrace topic`, `group`, `cluster`, `produce` and `consume` as their users run them.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use millrace_testkit::millrace::{Millrace, command, output};
use millrace_testkit::poll::PATIENCE;
use serde_json::{Value, json};

/// A broker on a free port, with its data.
struct Broker {
    _process: Millrace,
    _dir: tempfile::TempDir,
    address: SocketAddr,
}

impl Broker {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("broker.properties");
        let data = dir.path().join("data");
        let settings = [
            "node.id=1".to_owned(),
            "listeners=PLAINTEXT://127.0.0.1:0".to_owned(),
            format!("log.dirs={}", data.display()),
            "group.initial.rebalance.delay.ms=0".to_owned(),
        ];
        std::fs::write(&file, settings.join("\n")).unwrap();
        let (process, address) = serve(&file);
        Self {
            _process: process,
            _dir: dir,
            address,
        }
    }

    /// Runs `millrace ARGS` with something on its standard input.
    fn run_with(&self, args: &[&str], input: &str) -> Output {
        let mut command = command().unwrap();
        command.env("MILLRACE_BOOTSTRAP_SERVERS", self.address.to_string());
        output(command.args(args), input.as_bytes()).unwrap()
    }

    fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, "")
    }

    /// What it prints; it must do what it is told.
    fn told(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let text = self.told(&[args, &["--json"]].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// What it complains of, with its exit code.
    fn refused(&self, args: &[&str], input: &str) -> (i32, String) {
        let output = self.run_with(args, input);
        let code = output.status.code().unwrap();
        (code, String::from_utf8(output.stderr).unwrap())
    }

    fn produce(&self, args: &[&str], input: &str) {
        let output = self.run_with(&[&["produce"], args].concat(), input);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {complaint}");
    }
}

fn serve(file: &Path) -> (Millrace, SocketAddr) {
    let mut command = command().unwrap();
    let mut broker = Millrace::start(command.args(["broker", "-c"]).arg(file)).unwrap();
    let ready = broker.wait_for_log("the broker", PATIENCE, |it| {
        it["message"] == "the broker is ready"
    });
    let address = ready.unwrap()["address"].as_str().unwrap().parse().unwrap();
    (broker, address)
}

#[test]
fn a_topic_is_made_shown_changed_and_removed() {
    let broker = Broker::start();
    let create = [
        "topic",
        "create",
        "orders",
        "--partitions",
        "2",
        "--config",
        "retention.ms=5000",
    ];
    let created = broker.told(&create);
    assert_eq!(
        created,
        "topic `orders` created: partitions 2, replication factor 1\n"
    );
    let list = broker.told(&["topic", "list"]);
    assert_eq!(
        list,
        "TOPIC   PARTITIONS  REPLICATION\norders  2           1\n"
    );
    let (code, complaint) = broker.refused(&create, "");
    assert_eq!(code, 1);
    assert!(complaint.contains("TOPIC_ALREADY_EXISTS"), "{complaint}");
    broker.told(&[&create[..], &["--if-not-exists"]].concat());
    broker.told(&[
        "topic",
        "alter",
        "orders",
        "--partitions",
        "3",
        "--config",
        "cleanup.policy=compact",
        "--delete-config",
        "retention.ms",
    ]);
    let described = broker.json(&["topic", "describe", "orders"]);
    assert_eq!(
        described[0]["configs"],
        json!({"cleanup.policy": "compact"})
    );
    assert_eq!(described[0]["partitions"].as_array().unwrap().len(), 3);
    assert_eq!(described[0]["partitions"][2]["isr"], json!([1]));
    let page = broker.told(&["topic", "describe", "orders"]);
    assert!(
        page.contains("  cleanup.policy = compact\nPARTITION  LEADER"),
        "{page}"
    );
    assert_eq!(
        broker.told(&["topic", "delete", "orders"]),
        "topic `orders` deleted\n"
    );
    let (code, complaint) = broker.refused(&["topic", "describe", "orders"], "");
    assert_eq!(
        (code, &*complaint),
        (
            1,
            "error: there is no topic `orders` (`millrace topic list` has those that there are)\n"
        )
    );
}

#[test]
fn lines_that_are_produced_are_consumed_with_their_keys() {
    let broker = Broker::start();
    broker.told(&["topic", "create", "orders", "--partitions", "1"]);
    broker.produce(&["orders", "--key-separator", ":"], "a:1\nb:2\r\na:x:y\n");
    let raw = [
        "consume",
        "orders",
        "--from-beginning",
        "--max-messages",
        "3",
    ];
    assert_eq!(broker.told(&raw), "1\n2\nx:y\n");
    let lines = broker.told(&[&raw[..], &["--format", "json"]].concat());
    let records: Vec<Value> = lines
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(records[2]["key"], "a");
    assert_eq!(records[2]["value"], "x:y");
    assert_eq!(
        (&records[2]["offset"], &records[2]["partition"]),
        (&json!(2), &json!(0))
    );
    assert!(records[2]["timestamp"].as_i64().unwrap() > 0);
    let from = broker.told(&["consume", "orders", "--offset", "1", "--max-messages", "1"]);
    assert_eq!(from, "2\n");
    let (code, complaint) = broker.refused(
        &["produce", "orders", "--key-separator", ":"],
        "a:1\nno key\n",
    );
    assert_eq!(code, 1);
    assert!(complaint.contains("line 2: there is no `:`"), "{complaint}");
}

#[test]
fn the_oldest_records_of_a_partition_are_removed_up_to_an_offset() {
    let broker = Broker::start();
    broker.told(&["topic", "create", "orders"]);
    broker.produce(&["orders"], "a\nb\nc\n");
    let delete = |before: &'static str| {
        let place = ["topic", "delete-records", "orders", "--partition", "0"];
        [&place[..], &["--before", before]].concat()
    };
    assert_eq!(
        broker.told(&delete("2")),
        "partition 0 of topic `orders` begins with offset 2\n"
    );
    let all = ["consume", "orders", "--from-beginning"];
    let left = broker.told(&[&all[..], &["--max-messages", "1"]].concat());
    assert_eq!(left, "c\n");
    assert_eq!(broker.json(&delete("3"))["log_start_offset"], json!(3));
    let (code, complaint) = broker.refused(&delete("9"), "");
    assert_eq!(code, 1);
    assert!(complaint.contains("OFFSET_OUT_OF_RANGE"), "{complaint}");
}

#[test]
fn every_profile_of_the_guide_delivers_and_json_tells_where() {
    let broker = Broker::start();
    broker.told(&["topic", "create", "orders", "--partitions", "1"]);
    for profile in ["high-throughput", "low-latency", "high-durability"] {
        broker.produce(&["orders", "--profile", profile], "a\nb\n");
    }
    let args = [
        "produce",
        "orders",
        "--acks",
        "all",
        "--batch_size",
        "65536",
        "--linger_ms",
        "1",
        "--compression_type",
        "zstd",
        "--max_in_flight_requests",
        "1",
        "--enable_idempotence=true",
        "--retries",
        "10",
        "--request_timeout_ms",
        "60000",
        "--json",
    ];
    let output = broker.run_with(&args, "c\n");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["line"], &report["offset"]), (&json!(1), &json!(6)));
    for profile in ["high-throughput", "low-latency"] {
        let consume = [
            "consume",
            "orders",
            "--from-beginning",
            "--max-messages",
            "7",
            "--profile",
            profile,
        ];
        assert_eq!(broker.told(&consume), "a\nb\na\nb\na\nb\nc\n");
    }
    let contradiction = [
        "produce",
        "orders",
        "--profile",
        "high-durability",
        "--acks",
        "1",
    ];
    let (code, complaint) = broker.refused(&contradiction, "");
    assert_eq!(
        (code, &*complaint),
        (
            2,
            "error: `enable_idempotence`: it needs `acks` to be `all`\n"
        )
    );
}

#[test]
fn a_group_goes_on_where_it_was_and_is_reset_when_it_is_meant() {
    let broker = Broker::start();
    broker.told(&["topic", "create", "orders", "--partitions", "1"]);
    broker.produce(&["orders"], "1\n2\n3\n4\n");
    let consume = [
        "consume",
        "orders",
        "--group",
        "billing",
        "--from-beginning",
        "--max-messages",
    ];
    assert_eq!(broker.told(&[&consume[..], &["3"]].concat()), "1\n2\n3\n");
    let described = broker.json(&["group", "describe", "billing"]);
    assert_eq!(
        (&described[0]["state"], &described[0]["lag"]),
        (&json!("Empty"), &json!(1))
    );
    let partition = &described[0]["partitions"][0];
    assert_eq!(
        (&partition["committed_offset"], &partition["end_offset"]),
        (&json!(3), &json!(4))
    );
    let page = broker.told(&["group", "describe", "billing"]);
    assert!(
        page.starts_with("group billing, state Empty, members 0, lag 1\nTOPIC"),
        "{page}"
    );

    let reset = ["group", "reset-offsets", "billing", "--to", "1"];
    let shown = broker.told(&reset);
    assert!(
        shown.ends_with("nothing was changed: add --execute to do it\n"),
        "{shown}"
    );
    assert_eq!(broker.told(&[&consume[..], &["1"]].concat()), "4\n");
    let done = broker.json(&[&reset[..], &["--execute"]].concat());
    assert_eq!(done["partitions"][0]["new_offset"], 1);
    assert_eq!(broker.told(&[&consume[..], &["2"]].concat()), "2\n3\n");
    // A time that is still to come is the end.
    let future = [
        "group",
        "reset-offsets",
        "billing",
        "--to",
        "2200-01-01T00:00:00Z",
    ];
    assert_eq!(broker.json(&future)["partitions"][0]["new_offset"], 4);

    assert!(broker.told(&["group", "list"]).contains("billing  Empty"));
    assert_eq!(
        broker.told(&["group", "delete", "billing"]),
        "group `billing` deleted\n"
    );
    let (code, complaint) = broker.refused(&["group", "describe", "billing"], "");
    assert_eq!(code, 1);
    assert!(complaint.contains("GROUP_ID_NOT_FOUND"), "{complaint}");
}

#[test]
fn a_group_is_described_with_the_partitions_that_it_has_not_committed_in() {
    let broker = Broker::start();
    for topic in ["orders", "others"] {
        broker.told(&["topic", "create", topic, "--partitions", "3"]);
    }
    broker.produce(&["orders"], "1\n2\n3\n4\n");
    let reset = ["group", "reset-offsets", "billing", "--to", "earliest"];
    broker.told(&[&reset[..], &["--topic", "orders:1", "--execute"]].concat());
    let described = broker.json(&["group", "describe", "billing"]);
    let partitions = described[0]["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 3, "{described}");
    for (number, partition) in partitions.iter().enumerate() {
        assert_eq!(partition["topic"], "orders");
        assert_eq!(partition["partition"], number);
        assert!(partition["end_offset"].is_number(), "{partition}");
        let offset = if number == 1 { json!(0) } else { json!(null) };
        assert_eq!(partition["committed_offset"], offset);
        assert_eq!(partition["lag"].is_null(), number != 1);
    }
    let page = broker.told(&["group", "describe", "billing"]);
    assert!(
        page.contains(", not known of 2 without a commit\n"),
        "{page}"
    );
    let row = page.lines().nth(2).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells[..3], ["orders", "0", "-"]);
    assert_eq!(cells[4..], ["-"; 4]);
}

#[test]
fn a_consumer_ends_when_nothing_comes_and_when_it_is_asked_to() {
    let broker = Broker::start();
    broker.told(&["topic", "create", "orders", "--partitions", "1"]);
    broker.produce(&["orders"], "1\n");
    let ends = ["consume", "orders", "--from-beginning", "--timeout", "500"];
    assert_eq!(broker.told(&ends), "1\n");
    let mut command = command().unwrap();
    command.args(["consume", "orders", "--group", "g", "--from-beginning"]);
    let address = broker.address.to_string();
    let mut consumer = Millrace::start(command.args(["--bootstrap-servers", &address])).unwrap();
    let printed = consumer.wait_for("a record", PATIENCE, |it| it.stdout_lines().pop());
    assert_eq!(printed.unwrap(), "1");
    assert!(consumer.terminate(PATIENCE).unwrap().success());
    let described = broker.json(&["group", "describe", "g"]);
    assert_eq!(
        (&described[0]["state"], &described[0]["lag"]),
        (&json!("Empty"), &json!(0))
    );
}

#[test]
fn a_cluster_is_described() {
    let broker = Broker::start();
    let cluster = broker.json(&["cluster", "describe"]);
    assert_eq!(cluster["brokers"][0]["port"], broker.address.port());
    assert_eq!(cluster["brokers"][0]["controller"], true);
    let page = broker.told(&["cluster", "describe"]);
    assert!(page.contains("controller"), "{page}");
}

#[test]
fn the_metadata_of_a_cluster_make_the_same_topics_in_another() {
    let (from, to) = (Broker::start(), Broker::start());
    let create = |broker: &Broker, arguments: &[&str]| {
        broker.told(&[&["topic", "create"], arguments].concat());
    };
    create(
        &from,
        &[
            "orders",
            "--partitions",
            "3",
            "--config",
            "retention.ms=60000",
        ],
    );
    create(&from, &["refunds", "--partitions", "1"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metadata-backup.json");
    let file = file.to_str().unwrap();
    assert_eq!(from.told(&["cluster", "export", "--output", file]), "");
    let exported = from.told(&["cluster", "export"]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), exported);

    let results = |broker: &Broker, arguments: &[&str]| {
        let found = broker.json(&[&["cluster", "import", file], arguments].concat());
        let found = found.as_array().unwrap().iter();
        found
            .map(|it| it["result"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(results(&to, &["--dry-run"]), ["would be created"; 2]);
    assert_eq!(results(&to, &[]), ["created"; 2]);
    assert_eq!(results(&to, &[]), ["is there"; 2]);
    let topics = |broker: &Broker| {
        let exported = broker.told(&["cluster", "export"]);
        let mut exported: serde_json::Value = serde_json::from_str(&exported).unwrap();
        let topics = exported["topics"].as_object_mut().unwrap();
        for topic in topics.values_mut() {
            topic.as_object_mut().unwrap().remove("topic_id");
        }
        exported["topics"].take()
    };
    assert_eq!(topics(&from), topics(&to));

    // What is there otherwise is told and left alone.
    to.told(&["topic", "alter", "orders", "--config", "retention.ms=1"]);
    to.told(&["topic", "alter", "refunds", "--partitions", "2"]);
    let (code, complaint) = to.refused(&["cluster", "import", file], "");
    assert_eq!(code, 1);
    assert!(
        complaint.contains("not every topic is as the file has it"),
        "{complaint}"
    );
    std::fs::write(file, "{}").unwrap();
    let (code, complaint) = to.refused(&["cluster", "import", file], "");
    assert_eq!(code, 1);
    assert!(
        complaint.contains("`topics` must be an object"),
        "{complaint}"
    );
}

#[test]
fn nobody_at_the_address_is_told_with_the_address() {
    let port = millrace_testkit::port::free_port();
    let mut command = command().unwrap();
    let address = format!("127.0.0.1:{port}");
    command.args(["topic", "list", "--bootstrap-servers", &address]);
    let output = output(&mut command, b"").unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.starts_with(&format!("error: broker {address}: cannot connect")),
        "{complaint}"
    );
}
