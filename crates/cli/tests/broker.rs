//! `millrace broker` as its users run it.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use millrace_kafka_wire::api::produce::ProduceRequest;
use millrace_testkit::kafka::{Client, batch, idempotent, produce};
use millrace_testkit::millrace::{Millrace, command, output};
use millrace_testkit::poll::PATIENCE;

/// Starts broker 1 on a free port.
fn start(data: &Path) -> (Millrace, SocketAddr) {
    let mut command = command().expect("the binary is there");
    command.args(["broker", "1", "0", "--host", "127.0.0.1", "--data"]);
    let mut broker = Millrace::start(command.arg(data)).expect("the binary runs");
    let is_ready = |it: &serde_json::Value| it["message"] == "the broker is ready";
    let ready = broker.wait_for_log("the broker", PATIENCE, is_ready);
    let ready = ready.expect("the broker says where it listens");
    let address = ready["address"].as_str().and_then(|it| it.parse().ok());
    (broker, address.expect("it is an address"))
}

#[test]
fn a_broker_formats_an_empty_directory_says_so_and_stops_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (mut broker, address) = start(dir.path());
    let is_formatted = |broker: &Millrace| {
        let logs = broker.logs();
        logs.iter()
            .any(|it| it["message"] == "formatted the data directory as a new cluster")
    };
    assert!(is_formatted(&broker));
    let mut client = Client::connect(address);
    client.create_topic("orders", 1);
    assert_eq!(client.produce("orders", 0, batch(&[b"a"])).error_code, 0);
    assert!(broker.terminate(PATIENCE).unwrap().success());
    let (mut broker, address) = start(dir.path());
    assert!(!is_formatted(&broker));
    assert_eq!(Client::connect(address).read_all("orders", 0, 0).len(), 1);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

/// The backup of the operations guide: stop, `tar`, extract elsewhere, start, verify.
#[test]
fn an_archive_of_a_stopped_broker_is_the_broker_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (data, other) = (dir.path().join("data"), dir.path().join("other"));
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    client.create_topic("orders", 2);
    for number in 0..20_i32 {
        let value = number.to_string();
        let answer = client.produce("orders", number % 2, batch(&[value.as_bytes()]));
        assert_eq!(answer.error_code, 0);
    }
    let before = [0, 1].map(|it| client.read_all("orders", it, 0));
    assert!(broker.terminate(PATIENCE).unwrap().success());
    let archive = dir.path().join("broker-1-backup.tar.gz");
    let tar = |arguments: &[&std::ffi::OsStr]| {
        let status = std::process::Command::new("tar").args(arguments).status();
        assert!(status.unwrap().success());
    };
    let folder = dir.path().as_os_str();
    tar(&[
        "-czf".as_ref(),
        archive.as_ref(),
        "-C".as_ref(),
        folder,
        "data".as_ref(),
    ]);
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::create_dir(&other).unwrap();
    tar(&[
        "-xzf".as_ref(),
        archive.as_ref(),
        "-C".as_ref(),
        other.as_ref(),
    ]);
    let data = other.join("data");
    let mut verify = command().unwrap();
    verify.args(["log", "verify"]).arg(&data);
    assert!(output(&mut verify, b"").unwrap().status.success());
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    assert_eq!([0, 1].map(|it| client.read_all("orders", it, 0)), before);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

#[test]
fn nothing_that_was_acknowledged_is_lost_or_doubled_when_the_broker_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..5 {
        let (mut broker, address) = start(dir.path());
        let mut client = Client::connect(address);
        if round == 0 {
            client.create_topic("orders", 1);
        }
        // What came before is there, once, in order; what was not acknowledged may be.
        let kept = client.read_all("orders", 0, 0);
        assert!(
            kept.len() >= acknowledged,
            "round {round}: {} of {acknowledged}",
            kept.len()
        );
        for (number, (offset, value)) in kept.iter().enumerate() {
            assert_eq!(
                (*offset, &value[..]),
                (number as i64, number.to_string().as_bytes())
            );
        }
        let first = kept.len();
        let producing = thread::spawn(move || produce_until_it_breaks(client, first));
        thread::sleep(Duration::from_millis(300));
        broker.kill().unwrap();
        acknowledged = first.max(producing.join().unwrap());
        assert!(
            acknowledged > first,
            "round {round}: nothing was acknowledged"
        );
    }
}

/// Sends numbers from `first` on, several requests at once; returns the number behind the last that
/// was acknowledged.
fn produce_until_it_breaks(mut client: Client, first: usize) -> usize {
    const AHEAD: usize = 10;
    // Each round is another producer, whose sequence begins at 0.
    let producer = 1_000_000 + first as i64;
    let request = |number: usize| {
        let value = number.to_string();
        let sequence = (number - first) as i32;
        let batch = idempotent(producer, 0, sequence, &[value.as_bytes()]);
        produce("orders", 0, batch, -1)
    };
    let (mut sent, mut acknowledged) = (first, first);
    loop {
        while sent < acknowledged + AHEAD {
            if client.try_send(12, &request(sent)).is_err() {
                return acknowledged;
            }
            sent += 1;
        }
        let Some(response) = client.try_receive::<ProduceRequest>(12) else {
            return acknowledged;
        };
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(
            (partition.error_code, partition.base_offset),
            (0, acknowledged as i64)
        );
        acknowledged += 1;
    }
}

#[test]
fn a_port_in_use_and_a_directory_in_use_are_told_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, address) = start(dir.path());
    let refused = |port: u16, data: &Path| {
        let mut command = command().unwrap();
        let port = port.to_string();
        command.args(["broker", "1", &port, "--host", "127.0.0.1", "--data"]);
        let output = command.arg(data).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let other = tempfile::tempdir().unwrap();
    let port = address.port();
    assert!(refused(port, other.path()).contains(&format!("lsof -i :{port}")));
    assert!(refused(0, dir.path()).contains("another process uses the data directory"));
    drop(broker);
}

#[test]
fn a_second_broker_is_refused_by_name_until_there_are_clusters() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut command = command().unwrap();
    command.args(["broker", "2", "0", "--data"]).arg(&data);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        said.contains("broker 2") && said.contains("not built"),
        "{said}"
    );
    assert!(!data.exists(), "nothing is formatted");
}
