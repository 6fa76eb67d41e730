//! `millrace backup` and `millrace restore` as their users run them.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

#[path = "backup/copier.rs"]
mod copier;
#[path = "backup/leftovers.rs"]
mod leftovers;
#[path = "backup/traffic.rs"]
mod traffic;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use copier::{Copiers, check};
use millrace_testkit::kafka::{Client, Transactional, batch, committed};
use millrace_testkit::millrace::{Millrace, command};
use millrace_testkit::poll::{PATIENCE, until};
use serde_json::Value;
use traffic::{churn, delete_records, delete_topic, fill, settled};

/// Starts broker 1 on a free port.
fn start(data: &Path) -> (Millrace, SocketAddr) {
    let mut command = command().expect("the binary is there");
    command.args(["broker", "1", "0", "--host", "127.0.0.1", "--data"]);
    let mut broker = Millrace::start(command.arg(data)).expect("the binary runs");
    let is_ready = |it: &Value| it["message"] == "the broker is ready";
    let ready = broker.wait_for_log("the broker", PATIENCE, is_ready);
    let ready = ready.expect("the broker says where it listens");
    let address = ready["address"].as_str().and_then(|it| it.parse().ok());
    (broker, address.expect("it is an address"))
}

fn run(name: &str, from: &Path, to: &Path) -> Output {
    let mut command = command().unwrap();
    command.arg(name).arg(from).arg(to).arg("--json");
    command.stdin(Stdio::null()).output().unwrap()
}

/// Runs `backup` or `restore`, which must do it, and returns what it says.
fn done(name: &str, from: &Path, to: &Path) -> Value {
    let output = run(name, from, to);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs `backup` or `restore`, which must refuse, and returns what it complains of.
fn refused(name: &str, from: &Path, to: &Path) -> String {
    let output = run(name, from, to);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Every file below a directory, with its bytes.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => dirs.push(entry.path()),
                false => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
            }
        }
    }
    found
}

/// Starts a broker on a restored copy and checks it.
fn check_restored(backup: &Path, data: &Path) -> usize {
    done("restore", backup, data);
    let (mut broker, address) = start(data);
    let copied = check(address);
    assert!(broker.terminate(PATIENCE).unwrap().success());
    copied.records
}

#[test]
fn each_of_twenty_backups_has_every_transaction_as_a_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (mut broker, address) = start(&data);
    let copiers = Copiers::start(address);
    let mut linked = 0;
    let mut held = Vec::new();
    let backups: Vec<_> = (0..20)
        .map(|number| dir.path().join(format!("backup-{number}")))
        .collect();
    for backup in &backups {
        copiers.wait_for(15);
        let taken = done("backup", &data, backup);
        held.push(taken["held_us"].as_u64().unwrap());
        linked += taken["linked_bytes"].as_u64().unwrap();
        assert!(!backup.join("INCOMPLETE").exists());
    }
    copiers.stop();
    held.sort_unstable();
    println!("transactions waited, in microseconds: {held:?}");
    assert!(
        held[10] < 1_000_000,
        "half of the holds took longer: {held:?}"
    );
    assert!(linked > 1 << 20, "sealed segments were to be linked");
    let mut before = 0;
    for (number, backup) in backups.iter().enumerate() {
        let restored = dir.path().join(format!("restored-{number}"));
        let records = check_restored(backup, &restored);
        assert!(records > before, "backup {number} is behind the one before");
        before = records;
        fs::remove_dir_all(&restored).unwrap();
    }
    copier::settle(address);
    check(address);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_transaction_that_was_open_is_aborted_and_its_producer_fenced() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, restored) = places(dir.path());
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    client.create_topic("orders", 2);
    let mut done_one = Transactional::start(Client::connect(address), "done");
    assert_eq!(done_one.send("orders", 0, &[b"done"]), 0);
    assert_eq!(done_one.end(true), 0);
    let mut open = Transactional::start(Client::connect(address), "open");
    for partition in 0..2 {
        assert_eq!(open.send("orders", partition, &[b"open"]), 0);
    }
    done("backup", &data, &backup);
    // On the broker itself nothing has happened to it.
    assert_eq!(open.send("orders", 1, &[b"more"]), 0);
    assert_eq!(open.end(true), 0);
    assert_eq!(settled(&mut client, "orders", 1), [b"open", b"more"]);
    assert!(broker.terminate(PATIENCE).unwrap().success());

    assert_eq!(
        done("restore", &backup, &restored)["aborted_transactions"],
        1
    );
    let (mut broker, address) = start(&restored);
    let mut client = Client::connect(address);
    let values = committed(&mut client, "orders", 0);
    assert_eq!(values, (vec![b"done".to_vec()], 0));
    assert_eq!(committed(&mut client, "orders", 1), (Vec::new(), 0));
    // The producer as it was in the cut finds that its transaction is over.
    open.client = Client::connect(address);
    assert_ne!(open.send("orders", 0, &[b"late"]), 0);
    let mut next = Transactional::start(Client::connect(address), "open");
    assert_eq!(next.send("orders", 1, &[b"next"]), 0);
    assert_eq!(next.end(true), 0);
    assert_eq!(settled(&mut client, "orders", 1), [b"next"]);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

/// A data directory, a backup and a restored copy.
fn places(dir: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let place = |name: &str| dir.join(name);
    (place("data"), place("backup"), place("restored"))
}

#[test]
fn a_backup_stays_as_it_is_whatever_becomes_of_both_brokers() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, restored) = places(dir.path());
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    let small = [("segment.bytes", "1048576")];
    client.create_topic_with("orders", 1, &small);
    client.create_topic_with("gone", 1, &small);
    fill(&mut client, "orders", 4);
    fill(&mut client, "gone", 3);
    let taken = done("backup", &data, &backup);
    assert!(taken["linked_bytes"].as_u64().unwrap() > 4 << 20, "{taken}");
    let before = contents(&backup);
    // The broker deletes, writes on, is killed, and recovers.
    delete_topic(&mut client, "gone");
    delete_records(&mut client, "orders", 40);
    fill(&mut client, "orders", 2);
    broker.kill().unwrap();
    let (mut broker, _) = start(&data);
    assert!(broker.terminate(PATIENCE).unwrap().success());
    assert!(before == contents(&backup), "the broker has changed it");
    // An operator cuts into what is shared.
    let mut repair = command().unwrap();
    repair.args(["log", "repair", "--truncate-to", "50", "--execute"]);
    let repaired = repair.arg(data.join("orders-0")).output().unwrap();
    assert!(
        repaired.status.success(),
        "{}",
        String::from_utf8_lossy(&repaired.stderr)
    );
    let (mut broker, address) = start(&data);
    fill(&mut Client::connect(address), "orders", 1);
    assert!(broker.terminate(PATIENCE).unwrap().success());
    assert!(before == contents(&backup), "the cut has changed it");
    // Two copies of it live on.
    for restored in [&restored, &dir.path().join("again")] {
        done("restore", &backup, restored);
        let (mut broker, address) = start(restored);
        let mut client = Client::connect(address);
        assert_eq!(client.read_all("orders", 0, 0).len(), 64);
        assert_eq!(client.read_all("gone", 0, 0).len(), 48);
        delete_records(&mut client, "orders", 40);
        fill(&mut client, "orders", 2);
        assert!(broker.terminate(PATIENCE).unwrap().success());
        assert!(before == contents(&backup), "the copy has changed it");
    }
}

#[test]
fn topics_that_come_and_go_and_are_compacted_disturb_no_backup() {
    let dir = tempfile::tempdir().unwrap();
    let (data, ..) = places(dir.path());
    let config = dir.path().join("broker.properties");
    let text = format!(
        "node.id=1\nlisteners=PLAINTEXT://127.0.0.1:0\nlog.dirs={}\nlog.cleaner.backoff.ms=20\n\
         metadata.log.max.record.bytes.between.snapshots=1000\n",
        data.display()
    );
    fs::write(&config, text).unwrap();
    let mut command = command().unwrap();
    command.args(["broker", "--config"]).arg(&config);
    let mut broker = Millrace::start(&mut command).unwrap();
    let is_ready = |it: &Value| it["message"] == "the broker is ready";
    let ready = broker
        .wait_for_log("the broker", PATIENCE, is_ready)
        .unwrap();
    let address: SocketAddr = ready["address"].as_str().unwrap().parse().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicUsize::new(0));
    let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&rounds));
    let churn = std::thread::spawn(move || churn(address, &stopped, &counted));
    let backups: Vec<_> = (0..8)
        .map(|number| dir.path().join(format!("backup-{number}")))
        .collect();
    for (number, backup) in backups.iter().enumerate() {
        let gone = || (rounds.load(Ordering::SeqCst) > number).then_some(());
        until("topics come and go", PATIENCE, gone).unwrap();
        done("backup", &data, backup);
    }
    stop.store(true, Ordering::SeqCst);
    churn.join().unwrap();
    for (number, backup) in backups.iter().enumerate() {
        let restored = dir.path().join(format!("restored-{number}"));
        done("restore", backup, &restored);
        let (mut broker, address) = start(&restored);
        let mut client = Client::connect(address);
        let kept = client.read_all("kept", 0, 0);
        for (at, (offset, value)) in kept.iter().enumerate() {
            let expected = format!("{at}");
            assert_eq!((*offset, &value[..]), (at as i64, expected.as_bytes()));
        }
        assert!(broker.terminate(PATIENCE).unwrap().success());
    }
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, restored) = places(dir.path());
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    client.create_topic("orders", 1);
    assert_eq!(
        client.produce("orders", 0, batch(&[b"a", b"b"])).error_code,
        0
    );
    done("backup", &data, &backup);
    let complains = |name: &str, from: &Path, to: &Path, part: &str| {
        let said = refused(name, from, to);
        assert!(said.contains(part), "{name}: {said}");
    };
    complains("backup", &data, &backup, "it is not empty");
    complains(
        "backup",
        &data,
        &data.join("in/it"),
        "within the data directory",
    );
    assert!(!data.join("in").exists());
    complains("restore", &backup, &data, "it is not empty");
    complains("restore", &data, &restored, "there is no backup");
    assert!(!restored.exists(), "nothing was made");
    assert!(broker.terminate(PATIENCE).unwrap().success());
    let other = dir.path().join("other");
    complains("backup", &data, &other, "tar -czf");
    assert!(!other.exists(), "nothing was made");

    // No broker runs on a backup.
    let mut command = command().unwrap();
    command.args(["broker", "1", "0", "--data"]).arg(&backup);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("millrace restore"),
        "{said}"
    );

    let manifest = backup.join("backup.json");
    let good = fs::read_to_string(&manifest).unwrap();
    let newer = good.replace("\"version\":1", "\"version\":2");
    assert_ne!(good, newer);
    fs::write(&manifest, newer).unwrap();
    complains("restore", &backup, &restored, "reads version 1");
    fs::write(&manifest, &good[..good.len() / 2]).unwrap();
    complains("restore", &backup, &restored, "it is damaged");
    for (right, wrong) in [
        ("\"orders\"", "\"../orders\""),
        ("\"start\":0", "\"start\":1"),
        ("\"node_id\":1", "\"node_id\":7"),
    ] {
        let changed = good.replace(right, wrong);
        assert_ne!(good, changed);
        fs::write(&manifest, changed).unwrap();
        complains("restore", &backup, &restored, "its checksum is wrong");
        assert!(!restored.exists(), "nothing was made");
    }
    fs::write(&manifest, &good).unwrap();
    fs::write(backup.join("INCOMPLETE"), "").unwrap();
    complains("restore", &backup, &restored, "not taken to its end");
    fs::remove_file(backup.join("INCOMPLETE")).unwrap();

    let segment = backup.join("orders-0/00000000000000000000.log");
    let sound = fs::read(&segment).unwrap();
    let mut damaged = sound.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&segment, &damaged).unwrap();
    complains("restore", &backup, &restored, "restore another one");
    complains("restore", &backup, &restored, "backup/orders-0/0000");
    fs::write(&segment, &sound[..sound.len() - 1]).unwrap();
    complains("restore", &backup, &restored, "had");
    fs::write(&segment, &sound).unwrap();

    // A directory of another topic is none of its own.
    let identity = backup.join("orders-0/partition.metadata");
    let own = fs::read_to_string(&identity).unwrap();
    let id = own.lines().find_map(|it| it.strip_prefix("topic_id: "));
    let other = own.replace(id.unwrap(), "AAAAAAAAAAAAAAAAAAAAAg");
    fs::write(&identity, other).unwrap();
    complains("restore", &backup, &restored, "does not come up");
    fs::write(&identity, own).unwrap();
    done("restore", &backup, &restored);
}

#[test]
fn a_backup_that_is_killed_leaves_the_broker_and_says_that_it_is_not_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (data, ..) = places(dir.path());
    let (mut broker, address) = start(&data);
    let copiers = Copiers::start(address);
    copiers.wait_for(20);
    let (mut whole, mut part) = (0, 0);
    for number in 0..12_u64 {
        let target = dir.path().join(format!("backup-{number}"));
        let mut command = command().unwrap();
        command.arg("backup").arg(&data).arg(&target);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(5 + number * 12));
        child.kill().unwrap();
        child.wait().unwrap();
        // Nothing is held any more.
        copiers.wait_for(4);
        let restored = dir.path().join(format!("restored-{number}"));
        match target.join("backup.json").exists() && !target.join("INCOMPLETE").exists() {
            true => {
                whole += 1;
                check_restored(&target, &restored);
            }
            false if target.exists() => {
                part += 1;
                let said = refused("restore", &target, &restored);
                let is_told = said.contains("not taken to its end") || said.contains("no backup");
                assert!(is_told, "{said}");
            }
            false => {}
        }
    }
    println!("{whole} were whole, {part} were not");
    assert!(part > 0, "none was killed on its way");
    copiers.stop();
    done("backup", &data, &dir.path().join("last"));
    copier::settle(address);
    check(address);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_restore_that_is_killed_is_no_data_of_a_broker() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, _) = places(dir.path());
    let (mut broker, address) = start(&data);
    let copiers = Copiers::start(address);
    copiers.wait_for(20);
    done("backup", &data, &backup);
    copiers.stop();
    assert!(broker.terminate(PATIENCE).unwrap().success());
    let mut part = 0;
    for number in 0..6_u64 {
        let restored = dir.path().join(format!("restored-{number}"));
        let mut command = command().unwrap();
        command.arg("restore").arg(&backup).arg(&restored);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + number * 60));
        child.kill().unwrap();
        child.wait().unwrap();
        if restored.join("INCOMPLETE").exists() {
            part += 1;
            let mut command = millrace_testkit::millrace::command().unwrap();
            command.args(["broker", "1", "0", "--data"]).arg(&restored);
            let output = command.output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            assert!(refused("restore", &backup, &restored).contains("not empty"));
        }
    }
    assert!(part > 0, "none was killed on its way");
    check_restored(&backup, &dir.path().join("last"));
}

#[test]
fn the_socket_is_the_users_alone_and_refuses_what_it_does_not_know() {
    let dir = tempfile::tempdir().unwrap();
    // No address of a socket is so long.
    let data = dir.path().join("d".repeat(120));
    let (mut broker, _) = start(&data);
    let socket = data.join("control.sock");
    let status = fs::metadata(&socket).unwrap();
    assert!(status.file_type().is_socket());
    assert_eq!(status.permissions().mode() & 0o777, 0o600);
    done("backup", &data, &dir.path().join("backup"));
    for (asked, part) in [
        ("{\"command\":\"stop\"}\n".to_owned(), "`stop` is not known"),
        ("hello\n".to_owned(), "an object with a text `command`"),
        (format!("{}\n", "x".repeat(5000)), "at most 4096 bytes"),
    ] {
        let said = exchange(&data, &asked);
        assert!(said.contains("\"error\"") && said.contains(part), "{said}");
    }
    broker.kill().unwrap();
    assert!(socket.exists(), "nobody was there to remove it");
    assert!(refused("backup", &data, &dir.path().join("other")).contains("no broker runs"));
    let (mut broker, _) = start(&data);
    done("backup", &data, &dir.path().join("other"));
    assert!(broker.terminate(PATIENCE).unwrap().success());
    assert!(!socket.exists());
}

#[test]
fn who_hangs_up_keeps_nothing_and_a_backup_that_is_refused_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup, _) = places(dir.path());
    let (mut broker, address) = start(&data);
    let mut client = Client::connect(address);
    client.create_topic("orders", 1);
    assert_eq!(client.produce("orders", 0, batch(&[b"a"])).error_code, 0);
    let mut other = connect(&data);
    other.write_all(b"{\"command\":\"backup\"}\n").unwrap();
    let mut answer = String::new();
    BufReader::new(&other).read_line(&mut answer).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["ok"]["partitions"][0]["end"], 1, "{answer}");
    assert!(refused("backup", &data, &backup).contains("another backup"));
    assert!(!backup.exists());
    drop(other);
    // Whoever waits for the files goes on.
    delete_topic(&mut client, "orders");
    done("backup", &data, &backup);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

/// Connects however long the path is.
fn connect(data: &Path) -> UnixStream {
    let dir = fs::File::open(data).unwrap();
    let address = format!("/proc/self/fd/{}/control.sock", dir.as_raw_fd());
    UnixStream::connect(address).unwrap()
}

/// What the socket answers.
fn exchange(data: &Path, asked: &str) -> String {
    let mut stream = connect(data);
    stream.write_all(asked.as_bytes()).unwrap();
    let mut said = String::new();
    // What it has not read breaks the connection behind the answer.
    let _ = stream.read_to_string(&mut said);
    said
}

/// On another file system nothing can be linked: the files are kept by links beside them meanwhile.
#[test]
fn a_backup_on_another_file_system_is_copied_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (data, _, restored) = places(dir.path());
    let (mut broker, address) = start(&data);
    let Some(elsewhere) = elsewhere(dir.path()) else {
        println!("skipped: there is no second file system to write to");
        return;
    };
    let copiers = Copiers::start(address);
    copiers.wait_for(30);
    // What a backup has left that was killed goes; a directory of a partition stays.
    fs::create_dir(data.join(".backup.left")).unwrap();
    let backup = elsewhere.path().join("backup");
    let taken = done("backup", &data, &backup);
    assert_eq!(taken["linked_files"], 0);
    copiers.wait_for(4);
    copiers.stop();
    let left: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|it| it.starts_with(".backup"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(check_restored(&backup, &restored) > 0);
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

/// A directory on another file system than `dir`.
fn elsewhere(dir: &Path) -> Option<tempfile::TempDir> {
    let places = ["/dev/shm", "/run", "/tmp", "/var/tmp"].iter();
    let device = fs::metadata(dir).unwrap().dev();
    places
        .filter(|it| fs::metadata(it).is_ok_and(|it| it.dev() != device))
        .find_map(|it| tempfile::tempdir_in(it).ok())
}
