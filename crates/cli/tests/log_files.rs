//! `millrace log dump`, `log verify` and `log repair` as their users run them.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use millrace_kafka_wire::batch::{
    BatchBuilder, Compression, ControlType, compress_batch, set_position,
};
use millrace_testkit::kafka::{Client, idempotent};
use millrace_testkit::millrace::{Millrace, command, output};
use millrace_testkit::poll::PATIENCE;
use serde_json::{Value, json};

/// Starts broker 1 on a free port.
fn start(data: &Path) -> (Millrace, SocketAddr) {
    let mut command = command().unwrap();
    command.args(["broker", "1", "0", "--host", "127.0.0.1", "--data"]);
    let mut broker = Millrace::start(command.arg(data)).unwrap();
    let is_ready = |it: &Value| it["message"] == "the broker is ready";
    let ready = broker.wait_for_log("the broker", PATIENCE, is_ready);
    let address = ready.unwrap()["address"].as_str().unwrap().parse().unwrap();
    (broker, address)
}

/// What `millrace log COMMAND PATH ARGS` prints, what it complains of, and its exit code.
fn run(command_name: &str, path: &Path, args: &[&str]) -> (String, String, i32) {
    let mut command = command().unwrap();
    command.args(["log", command_name]).arg(path).args(args);
    let output = output(&mut command, b"").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code().unwrap(),
    )
}

/// The objects that it prints, which must be of a kind where there are kinds.
fn objects(command: &str, path: &Path, args: &[&str]) -> Vec<Value> {
    let (text, _, _) = run(command, path, &[args, &["--json"]].concat());
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn of_kind(objects: &[Value], kind: &str) -> Vec<Value> {
    let found = objects.iter().filter(|it| it["kind"] == kind);
    found.cloned().collect()
}

/// All files below a directory with what is in them.
fn all_files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(all_files(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

/// A broker's directory with five batches in `orders-0`, closed in order.
fn five_batches(data: &Path) {
    let (mut broker, address) = start(data);
    let mut client = Client::connect(address);
    client.create_topic("orders", 1);
    for number in 0..5 {
        let value = format!("value {number}");
        let batch = idempotent(7, 0, number, &[value.as_bytes()]);
        assert_eq!(client.produce("orders", 0, batch).error_code, 0);
    }
    assert!(broker.terminate(PATIENCE).unwrap().success());
}

/// A segment in the directory of a partition of its own, with batches one behind another.
fn segment(dir: &Path, batches: &[Vec<u8>]) -> PathBuf {
    let partition = dir.join("orders-0");
    fs::create_dir_all(&partition).unwrap();
    let path = partition.join("00000000000000000000.log");
    fs::write(&path, batches.concat()).unwrap();
    path
}

#[test]
fn a_damaged_partition_is_found_shown_cut_and_served_again() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path();
    five_batches(data);
    let partition = data.join("orders-0");
    let (text, complaint, code) = run("verify", data, &[]);
    assert_eq!((code, complaint.as_str()), (0, ""), "{text}");
    assert!(
        text.contains("orders-0: sound, offsets 0..5, 1 segments, 5 batches"),
        "{text}"
    );
    assert!(text.contains("__cluster_metadata-0: sound"), "{text}");

    let batches = of_kind(&objects("dump", &partition, &[]), "batch");
    assert_eq!(batches.len(), 5);
    let third = &batches[2];
    assert_eq!(
        (&third["base_offset"], &third["producer_id"]),
        (&json!(2), &json!(7))
    );
    assert_eq!(
        (&third["base_sequence"], &third["sound"]),
        (&json!(2), &json!(true))
    );
    let producers = partition.join("00000000000000000005.snapshot");
    let producers = of_kind(&objects("dump", &producers, &[]), "producer");
    assert_eq!(
        (&producers[0]["last_sequence"], &producers[0]["last_offset"]),
        (&json!(4), &json!(4))
    );

    // A bit turns, and the broker crashes.
    let log = partition.join("00000000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    let position = third["position"].as_u64().unwrap();
    bytes[position as usize + 70] ^= 1;
    fs::write(&log, &bytes).unwrap();
    fs::remove_file(data.join(".kafka_cleanshutdown")).unwrap();
    let before = all_files(data);
    let (text, _, code) = run("verify", data, &[]);
    assert_eq!(code, 1);
    let place = format!(
        "{} at position {position}, offset 2: the checksum",
        log.display()
    );
    assert!(
        text.contains("orders-0: corrupt") && text.contains(&place),
        "{text}"
    );
    let remedy = format!(
        "millrace log repair {} --truncate-to 2",
        partition.display()
    );
    assert!(text.contains(&remedy), "{text}");
    let verified = &objects("verify", &partition, &[])[0];
    assert_eq!(verified["damage"][0]["next_offset"], 3);
    let (text, complaint, code) = run("dump", &log, &[]);
    assert_eq!((code, text.matches("WRONG").count()), (1, 1), "{text}");
    assert!(complaint.contains(&place), "{complaint}");

    let (text, _, code) = run("repair", &partition, &["--truncate-to", "2"]);
    assert_eq!(code, 0);
    assert!(
        text.contains("offsets 0..2 stay") && text.contains("with 2 sound batches"),
        "{text}"
    );
    assert!(
        text.contains("nothing was changed: add --execute to do it"),
        "{text}"
    );
    assert_eq!(
        all_files(data),
        before,
        "neither a look nor a plan changes anything"
    );

    // The broker starts, and says which partition it does not serve.
    let (mut broker, address) = start(data);
    let told = broker.wait_for_log("the refusal", PATIENCE, |it| {
        it["message"] == "cannot open the log of a partition"
    });
    let told = told.unwrap()["error"].to_string();
    assert!(told.contains(&remedy), "{told}");
    assert_ne!(
        Client::connect(address).fetch("orders", 0, 0, 0).error_code,
        0
    );
    broker.terminate(PATIENCE).unwrap();

    let (text, complaint, code) = run("repair", &partition, &["--truncate-to", "2", "--execute"]);
    assert_eq!((code, complaint.as_str()), (0, ""), "{text}");
    assert!(text.contains("orders-0 ends at offset 2 now"), "{text}");
    let (mut broker, address) = start(data);
    let mut client = Client::connect(address);
    assert_eq!(client.read_all("orders", 0, 0).len(), 2);
    let produced = client.produce("orders", 0, idempotent(7, 0, 2, &[b"again"]));
    assert_eq!((produced.error_code, produced.base_offset), (0, 2));
    assert!(broker.terminate(PATIENCE).unwrap().success());
    let (text, _, code) = run("verify", data, &[]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn what_a_crash_tore_is_said_to_be_torn_and_the_broker_cuts_it() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path();
    five_batches(data);
    let log = data.join("orders-0/00000000000000000000.log");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, [&whole[..], &whole[..40]].concat()).unwrap();
    fs::remove_file(data.join(".kafka_cleanshutdown")).unwrap();
    let verified = objects("verify", data, &[]);
    let orders = verified.iter().find(|it| it["topic"] == "orders").unwrap();
    assert_eq!(
        (&orders["state"], &orders["end_offset"]),
        (&json!("torn"), &json!(5))
    );
    assert_eq!(orders["damage"][0]["torn_bytes"], 40);
    let (mut broker, address) = start(data);
    assert_eq!(Client::connect(address).read_all("orders", 0, 0).len(), 5);
    assert!(broker.terminate(PATIENCE).unwrap().success());
    assert_eq!(fs::read(&log).unwrap(), whole);
}

#[test]
fn a_directory_that_a_broker_uses_is_neither_verified_nor_cut() {
    let root = tempfile::tempdir().unwrap();
    five_batches(root.path());
    let partition = root.path().join("orders-0");
    let (broker, _) = start(root.path());
    let running = "a broker is running on the data directory";
    let (text, complaint, code) = run("verify", root.path(), &[]);
    assert_eq!((text.as_str(), code), ("", 1));
    assert!(complaint.contains(running), "{complaint}");
    for args in [
        &["--truncate-to", "2"][..],
        &["--truncate-to", "2", "--execute"],
    ] {
        let (text, complaint, code) = run("repair", &partition, args);
        assert_eq!((text.as_str(), code), ("", 1));
        assert!(
            complaint.contains(running) && complaint.contains("stop it first"),
            "{complaint}"
        );
    }
    let (_, _, code) = run("dump", &partition, &["--records"]);
    assert_eq!(code, 0, "reading is harmless");
    // Also where a link leads out of the directory.
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("orders-0");
    fs::rename(&partition, &target).unwrap();
    std::os::unix::fs::symlink(&target, &partition).unwrap();
    let (_, complaint, _) = run("repair", &partition, &["--truncate-to", "2", "--execute"]);
    assert!(complaint.contains(running), "{complaint}");
    drop(broker);
}

#[test]
fn batches_of_every_kind_are_shown_with_their_records() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = BatchBuilder::new(0).producer(7, 1, 5).transactional();
    first.add(
        1000,
        Some(b"key\x1b[2J"),
        Some(b"value"),
        &[(b"trace", Some(b"on"))],
    );
    first.add(1001, None, Some(&[0xff]), &[]);
    let first = compress_batch(Compression::Gzip, first.finish()).unwrap();
    let mut marker = BatchBuilder::marker(ControlType::Abort, (7, 1), 3, 1002);
    set_position(&mut marker, 2, 4);
    let mut last = BatchBuilder::new(3);
    last.add(1003, None, Some(&[b'v'; 3000]), &[]);
    let path = segment(dir.path(), &[first, marker, last.finish()]);

    let (text, complaint, code) = run("dump", &path, &["--records"]);
    assert_eq!((code, complaint.as_str()), (0, ""), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    for part in [
        "offsets 0..1 count 2 position 0",
        "codec gzip times 1000..1001 producer 7 epoch 1 sequences 5..6 transactional crc",
        "record 0 time 1000 key `key\\u{1b}[2J` value `value` header `trace`=`on`",
        "leader epoch 4",
        "transactional control abort coordinator epoch 3 crc",
        "` … of 3000 bytes",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.len() < 3000, "long values end early");

    let objects = objects("dump", &path, &["--records"]);
    let batches = of_kind(&objects, "batch");
    assert_eq!(batches[1]["control_type"], "abort");
    assert_eq!(batches[1]["coordinator_epoch"], 3);
    assert_eq!(
        (&batches[0]["codec"], &batches[0]["count"]),
        (&json!("gzip"), &json!(2))
    );
    let records = of_kind(&objects, "record");
    assert_eq!(records[0]["key"], "key\u{1b}[2J");
    assert_eq!(records[1]["value_base64"], "/w==");
    assert_eq!(records[3]["value"].as_str().unwrap().len(), 3000);
    assert_eq!(
        of_kind(&objects, "file")[0]["size"],
        fs::metadata(&path).unwrap().len()
    );
}

#[test]
fn indexes_are_shown_entry_by_entry() {
    let dir = tempfile::tempdir().unwrap();
    let shown = |suffix: &str, bytes: &[u8]| {
        let path = dir.path().join(format!("00000000000000000100.{suffix}"));
        fs::write(&path, bytes).unwrap();
        objects("dump", &path, &[])
    };
    let entry =
        |numbers: &[u32]| -> Vec<u8> { numbers.iter().flat_map(|it| it.to_be_bytes()).collect() };
    let index = shown("index", &entry(&[5, 4096, 9, 8192]));
    let entries = of_kind(&index, "offset_index_entry");
    assert_eq!(
        (&entries[1]["offset"], &entries[1]["position"]),
        (&json!(109), &json!(8192))
    );
    let times = shown("timeindex", &entry(&[0, 1000, 5]));
    let entries = of_kind(&times, "time_index_entry");
    assert_eq!(
        (&entries[0]["timestamp"], &entries[0]["offset"]),
        (&json!(1000), &json!(105))
    );
    let mut txn = vec![0; 34];
    (txn[9], txn[17], txn[25], txn[33]) = (7, 101, 103, 104);
    let entries = of_kind(&shown("txnindex", &txn), "aborted_transaction");
    assert_eq!(
        (&entries[0]["producer_id"], &entries[0]["last_offset"]),
        (&json!(7), &json!(103))
    );
    let damaged = shown("index", &entry(&[5, 4096, 5, 8192]));
    let damage = &of_kind(&damaged, "damage")[0];
    assert_eq!(
        (&damage["position"], &damage["offset"]),
        (&json!(8), &json!(105))
    );
}

#[test]
fn hostile_files_end_in_an_error_that_names_file_and_position() {
    let dir = tempfile::tempdir().unwrap();
    let mut sound = BatchBuilder::new(0);
    sound.add(1, None, Some(b"value"), &[]);
    let sound = sound.finish();
    let mut lying = sound.clone();
    lying[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let mut counting = BatchBuilder::new(0);
    counting.add(1, None, Some(b"value"), &[]);
    let mut counting = counting.finish();
    counting[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    let crc = millrace_kafka_wire::batch::checksum(&counting);
    counting[17..21].copy_from_slice(&crc.to_be_bytes());
    let mut bomb = BatchBuilder::new(0);
    bomb.add(1, None, Some(&vec![0; 65 << 20]), &[]);
    let bomb = compress_batch(Compression::Zstd, bomb.finish()).unwrap();
    assert!(bomb.len() < 100_000);
    let garbage: Vec<u8> = (0..5000_u32).map(|it| (it * 7919 % 251) as u8).collect();
    for (batches, position) in [
        (vec![garbage.clone()], 0),
        (vec![sound.clone(), lying], sound.len()),
        (vec![sound.clone(), vec![0; 500]], sound.len()),
        (vec![counting], 0),
        (vec![bomb], 0),
        (vec![sound.clone(), sound[..30].to_vec()], sound.len()),
    ] {
        let path = segment(dir.path(), &batches);
        let (_, complaint, code) = run("dump", &path, &["--records"]);
        assert_eq!(code, 1, "{complaint}");
        let place = format!("{} at position {position}, offset", path.display());
        assert!(complaint.contains(&place), "{place}: {complaint}");
    }
    // A sound batch behind the damage is found.
    let path = segment(dir.path(), &[garbage.clone(), sound]);
    let objects = objects("dump", &path, &[]);
    assert_eq!(of_kind(&objects, "damage")[0]["next_position"], 5000);
    assert_eq!(of_kind(&objects, "batch").len(), 1);
    assert_eq!(
        run("dump", &segment(dir.path(), &[]), &[]).2,
        0,
        "an empty segment is sound"
    );

    let partition = dir.path().join("orders-0");
    for suffix in ["log", "index", "timeindex", "txnindex", "snapshot"] {
        let path = partition.join(format!("00000000000000000000.{suffix}"));
        let refused = |what: &str| {
            let (_, complaint, code) = run("dump", &path, &[]);
            assert_eq!(code, 1, "{what}");
            assert!(
                complaint.contains(&path.display().to_string()),
                "{what}: {complaint}"
            );
        };
        fs::write(&path, &garbage[..4999]).unwrap();
        refused("garbage");
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        refused("a terabyte");
        fs::remove_file(&path).unwrap();
        refused("nothing");
        fs::create_dir(&path).unwrap();
        refused("a directory");
        fs::remove_dir(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        refused("a pipe");
        fs::remove_file(&path).unwrap();
    }
    for (name, args) in [("verify", &[][..]), ("repair", &["--truncate-to", "0"])] {
        let (_, complaint, code) = run(name, dir.path().join("none").as_path(), args);
        assert_eq!(code, 1);
        assert!(complaint.contains("none: "), "{complaint}");
        let empty = tempfile::tempdir().unwrap();
        let (_, complaint, code) = run(name, empty.path(), args);
        assert_eq!(code, 1);
        assert!(
            complaint.contains("is no data directory and no partition"),
            "{complaint}"
        );
    }
}

#[test]
fn a_cut_that_would_do_nothing_or_leave_damage_is_refused() {
    let root = tempfile::tempdir().unwrap();
    five_batches(root.path());
    let partition = root.path().join("orders-0");
    let refused = |dir: &Path, offset: &str| {
        let before = all_files(root.path());
        let (text, complaint, code) = run("repair", dir, &["--truncate-to", offset, "--execute"]);
        assert_eq!((text.as_str(), code), ("", 1), "{complaint}");
        assert_eq!(all_files(root.path()), before);
        complaint
    };
    assert!(refused(&partition, "5").contains("the log ends at offset 5"));
    assert!(refused(root.path(), "1").contains("is not the directory of one partition"));
    let log = partition.join("00000000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[70] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert!(refused(&partition, "3").contains("cut at offset 0 or before it"));
}
