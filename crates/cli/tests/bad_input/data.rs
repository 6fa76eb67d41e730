//! Messages that cannot be what a processor needs: each goes on flagged, the others are not touched.

use std::io::Write;
use std::process::Stdio;

use millrace_testkit::http;
use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::process::Signal;

use super::{Said, Setup, contains, end, pipe, write_lines};

/// What a run may hold beside its few messages, in bytes. A debug build needs some 50 MB to start.
const MEMORY_MAX: u64 = 200 << 20;

#[test]
fn invalid_utf8_goes_out_as_it_came_in_and_fails_only_where_it_is_parsed() {
    let setup = Setup::new(&pipe("").replace("stdout: {}", "file: { path: out, codec: lines }"));
    let input = b"one \xff\xfe\n{\"a\":1}\n";
    assert_eq!(setup.run_with(input).code, Some(0));
    assert_eq!(std::fs::read(setup.path("out")).unwrap(), input);

    let said = Setup::new(&pipe("{ label: parse, mapping: 'root = this.a' }")).run_with(input);
    assert_eq!(said.code, Some(0));
    assert_eq!(said.stdout[1..], ["1"]);
    contains(&said.stderr, "process message: ");
    contains(&said.stderr, "\"path\":\"root.pipeline.processors.0\"");
    contains(&said.stderr, "\"label\":\"parse\"");
}

#[test]
fn a_line_of_a_gibibyte_is_passed_over_by_name_and_costs_no_memory() {
    let setup = Setup::new(&pipe(""));
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut process = setup.start_with(Stdio::from(reader));
    write_lines(&mut writer, 1 << 30).unwrap();
    process
        .wait_for("the line behind it", PATIENCE, |it| {
            (it.stdout_lines() == ["first", "last"]).then_some(())
        })
        .unwrap();
    let peak = process.peak_memory().unwrap();
    assert!(peak < MEMORY_MAX, "{peak} bytes");
    drop(writer);
    let said = end(process);
    contains(
        &said.stderr,
        "the line at byte 6 of the standard input is longer than `max_buffer_size`",
    );
    is_lost(&said, 3, 1);
}

#[test]
fn a_row_with_too_few_columns_is_passed_over_by_its_line_and_the_input_stays_connected() {
    let config = "
http: { enabled: false }
input: { csv: { paths: [ rows.csv ] } }
pipeline: { threads: 1 }
output: { stdout: {} }
";
    let setup = Setup::new(config);
    setup.write("rows.csv", "a,b,c\n1,2,3\n4,5\n7,8,9\n");
    let said = setup.run();
    let rows = [
        r#"{"a":"1","b":"2","c":"3"}"#,
        r#"{"a":"7","b":"8","c":"9"}"#,
    ];
    assert_eq!(said.stdout, rows);
    contains(&said.stderr, "line 3 of rows.csv has 2 fields instead of 3");
    is_lost(&said, 3, 1);
    assert!(!said.stderr.contains("not connected"), "{}", said.stderr);
}

#[test]
fn a_thousand_bad_rows_neither_slow_the_good_ones_down_nor_flood_the_log() {
    let config = "
http: { enabled: false }
input: { csv: { paths: [ rows.csv ] } }
output: { drop: {} }
";
    let setup = Setup::new(config);
    let rows = "1,2\n3\n".repeat(1000);
    setup.write("rows.csv", format!("a,b\n{rows}"));
    // With a pause for each it would take more than an hour.
    let said = setup.run();
    let lines = said.stderr.matches("has 1 field instead of 2").count();
    assert!((1..=100).contains(&lines), "{lines}");
    contains(
        &said.stderr,
        "more messages could not be read and are dropped",
    );
    is_lost(&said, 2000, 1000);
}

#[test]
fn bad_rows_within_a_batch_are_counted_as_well() {
    let config = "
http: { enabled: false }
input: { csv: { paths: [ rows.csv ], batch_count: 5 } }
pipeline: { threads: 1 }
output: { stdout: {} }
";
    let setup = Setup::new(config);
    setup.write("rows.csv", "a,b\n1,2\n3\n4,5\n6,7\n8\n\"9,10\n11,12\n");
    let said = setup.run();
    let good = [
        r#"{"a":"1","b":"2"}"#,
        r#"{"a":"4","b":"5"}"#,
        r#"{"a":"6","b":"7"}"#,
    ];
    assert_eq!(
        said.stdout
            .iter()
            .filter(|it| !it.is_empty())
            .collect::<Vec<_>>(),
        good
    );
    contains(
        &said.stderr,
        "the quote that begins in line 7 of rows.csv is not closed",
    );
    is_lost(&said, 6, 3);
}

/// The rows that it takes may make one with as many fields as the header has.
#[test]
fn a_quote_that_nothing_closes_is_counted_as_lost_wherever_it_stands() {
    for input in [
        "csv: { paths: [ rows.csv ] }",
        "file: { paths: [ rows.csv ], scanner: { csv: {} } }",
    ] {
        for (rows, line, received) in [
            ("a,b\n1,2\n3,\"4\n5,6\n7,8\n", 3, 2),
            ("a,\"b\n1,2\n", 1, 1),
        ] {
            let setup = Setup::new(&format!(
                "http: {{ enabled: false }}\ninput: {{ {input} }}\noutput: {{ drop: {{}} }}\n"
            ));
            setup.write("rows.csv", rows);
            let said = setup.run();
            let expected =
                format!("the quote that begins in line {line} of rows.csv is not closed");
            contains(&said.stderr, &expected);
            is_lost(&said, received, 1);
        }
    }
}

#[test]
fn what_the_scanners_cannot_read_is_counted_as_lost() {
    let deep = format!("{}{} {{}}", "[".repeat(20_000), "]".repeat(20_000));
    for (scanner, content, received) in [
        ("lines: { max_buffer_size: 3 }", "one\nthree\ntwo\n", 3),
        ("csv: {}", "a,b\n1,2\n3\n", 2),
        ("to_the_end: { max_size: 3 }", "three", 1),
        ("json_documents: {}", &deep, 2),
        ("json_documents: { max_size: 3 }", "1 \"three\" 2", 3),
        (
            "skip_bom: { into: { lines: { max_buffer_size: 3 } } }",
            "three\none",
            2,
        ),
    ] {
        let setup = Setup::new(&format!(
            "
http: {{ enabled: false }}
input: {{ file: {{ paths: [ data ], scanner: {{ {scanner} }} }} }}
output: {{ drop: {{}} }}
"
        ));
        setup.write("data", content);
        is_lost(&setup.run(), received, 1);
    }
}

#[test]
fn a_line_of_a_command_above_its_bound_is_counted_as_lost() {
    let setup = Setup::new(
        "
http: { enabled: false }
input: { subprocess: { name: sh, args: [ -c, 'echo one; echo three; echo two' ], max_buffer: 4 } }
output: { drop: {} }
",
    );
    is_lost(&setup.run(), 3, 1);
}

#[test]
fn what_cannot_be_read_is_in_the_metrics_of_a_stream_that_goes_on() {
    let address = format!("127.0.0.1:{}", free_port());
    let setup = Setup::new(&format!(
        "
http: {{ address: '{address}' }}
input:
  broker:
    inputs:
      - label: rows
        csv: {{ paths: [ rows.csv ] }}
      - generate: {{ interval: 1h, mapping: 'root = \"x\"' }}
output: {{ drop: {{}} }}
"
    ));
    setup.write("rows.csv", "a,b\n1,2\n3\n");
    let mut process = setup.start();
    let series = |text: &str, parts: [&str; 3]| {
        let is_it = |line: &&str| parts.iter().all(|part| line.contains(part));
        text.lines()
            .find(is_it)
            .and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
    };
    poll::until("the counts", PATIENCE, || {
        let text = http::get(&format!("http://{address}/metrics")).ok()?.text();
        let settled = "millrace_messages_settled_total";
        let lost = series(
            &text,
            [settled, "outcome=\"dropped\"", "reason=\"unreadable\""],
        )?;
        let received = series(&text, ["bento_input_received_total{", "label=\"rows\"", ""])?;
        (lost == 1.0 && received == 2.0).then_some(())
    })
    .unwrap();
    process.terminate(PATIENCE).unwrap();
    assert_eq!(end(process).code, Some(1));
}

/// That so many of the messages received could not be read, and that this failed the run.
#[track_caller]
fn is_lost(said: &Said, received: u64, lost: u64) {
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let told = match lost {
        1 => "1 message could not be read and is dropped".to_owned(),
        _ => format!("{lost} messages could not be read and are dropped"),
    };
    contains(&said.stderr, &told);
    let logged = |part: &str| {
        let found = said.stderr.lines().find(|it| it.contains(part));
        let line = found.unwrap_or_else(|| panic!("no `{part}`: {}", said.stderr));
        line.parse::<serde_json::Value>().unwrap()
    };
    let counts = logged("the run has ended");
    assert_eq!(counts["received"], received, "{counts}");
    assert_eq!(counts["dropped"], lost, "{counts}");
    assert_eq!(counts["in_flight"], 0, "{counts}");
    assert_eq!(logged("read message: ")["level"], "error");
}

#[test]
fn json_nested_ten_thousand_deep_fails_its_message_only() {
    let deep = [
        format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
    ];
    let input = format!("{}\n{}\n{{\"a\":\"ok\"}}\n", deep[0], deep[1]);
    let said = Setup::new(&pipe("{ mapping: 'root = this.a' }")).run_with(input.as_bytes());
    assert_eq!(said.code, Some(0));
    assert_eq!(said.stdout, [&*deep[0], &*deep[1], "ok"]);
    contains(&said.stderr, "process message: ");
    contains(&said.stderr, "1000");
}

#[test]
fn a_gzip_bomb_stops_at_the_bound_and_its_message_keeps_what_it_was() {
    let config = "
http: { enabled: false }
input: { file: { paths: [ bomb.gz ], scanner: { to_the_end: {} } } }
pipeline:
  processors:
    - decompress: { algorithm: gzip, max_size: 1MiB }
    - mapping: 'root = {\"failed\": errored(), \"bytes\": content().length()}'
output: { stdout: {} }
";
    let setup = Setup::new(config);
    let bomb = bomb(1 << 30);
    setup.write("bomb.gz", &bomb);
    let mut process = setup.start();
    let printed = process.wait_for("the message", PATIENCE, |it| it.stdout_lines().pop());
    let expected = format!("{{\"bytes\":{},\"failed\":true}}", bomb.len());
    assert_eq!(printed.unwrap(), expected);
    contains(&end(process).stderr, "process message: decompress: ");
    assert!(bomb.len() < 2 << 20);
}

#[test]
fn a_gzip_bomb_takes_no_more_memory_than_there_is_for_messages() {
    let config = "
http: { enabled: false }
memory_limit: 64MiB
input:
  broker:
    inputs:
      - file: { paths: [ bomb.gz ], scanner: SCANNER }
      # It goes on, so that its memory can be looked at.
      - generate: { interval: 1h, mapping: 'root = \"x\"' }
pipeline:
  processors: [ PROCESSORS ]
output: { drop: {} }
";
    for (scanner, processors) in [
        ("{ to_the_end: {} }", "decompress: { algorithm: gzip }"),
        ("{ decompress: { algorithm: gzip } }", ""),
    ] {
        let config = config.replace("SCANNER", scanner);
        let setup = Setup::new(&config.replace("PROCESSORS", processors));
        setup.write("bomb.gz", bomb(1 << 30));
        let mut process = setup.start();
        let told = "is larger than 67108864 bytes";
        process.wait_for_stderr(told, PATIENCE).unwrap();
        let peak = process.peak_memory().unwrap();
        assert!(peak < MEMORY_MAX, "{peak} bytes");
        process.terminate(PATIENCE).unwrap();
        end(process);
    }
}

/// Zeros, compressed a thousandfold, by the system's gzip.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut gzip = std::process::Command::new("gzip")
        .arg("-9")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip is part of every Debian system");
    let mut stdin = gzip.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let zeros = vec![0; 1 << 20];
        for _ in 0..bytes / zeros.len() {
            stdin.write_all(&zeros).unwrap();
        }
    });
    let output = gzip.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

#[test]
fn failing_messages_flag_themselves_and_the_log_stays_short() {
    let lines: String = (0..10_000).map(|n| format!("no json {n}\n")).collect();
    let setup = Setup::new(&pipe("{ mapping: 'root = this.a' }"));
    let path = setup.write("stdin", lines);
    let mut process = setup.start_with(std::fs::File::open(path).unwrap().into());
    process
        .wait_for("all messages", PATIENCE, |it| {
            (it.stdout_lines().len() == 10_000).then_some(())
        })
        .unwrap();
    // It may have ended by itself already.
    let _ended = process.signal(Signal::TERM);
    let said = end(process);
    let lines = said.stderr.matches("process message: ").count();
    assert!((1..=100).contains(&lines), "{lines}");
}

#[test]
fn a_file_is_deleted_only_when_all_of_it_was_delivered() {
    let run = |content: &str, output: &str| {
        let setup = Setup::new(&format!(
            "
http: {{ enabled: false }}
input: {{ csv: {{ paths: [ rows.csv ], delete_on_finish: true }} }}
output: {output}
shutdown_timeout: 100ms
"
        ));
        setup.write("rows.csv", content);
        setup
    };
    let delivered = run("a,b\n1,2\n3,4\n", "{ drop: {} }");
    assert_eq!(delivered.run().code, Some(0));
    assert!(!delivered.path("rows.csv").exists());

    let skipped = run("a,b\n1\n3,4\n", "{ drop: {} }");
    let said = skipped.run();
    assert!(skipped.path("rows.csv").exists());
    contains(&said.stderr, "1 of its messages were not delivered");

    let failing = run(
        "a,b\n1,2\n3,4\n",
        "{ http_client: { url: 'http://127.0.0.1:1/', retries: 0 } }",
    );
    let mut process = failing.start();
    process
        .wait_for_log("a failed message", PATIENCE, |it| {
            it["component"] == "http_client" && it["level"] == "warn"
        })
        .unwrap();
    process.signal(Signal::TERM).unwrap();
    let said = end(process);
    assert!(failing.path("rows.csv").exists());
    contains(&said.stderr, "2 of its messages were not delivered");
}

#[test]
fn an_input_that_was_not_read_to_its_end_ends_with_an_error() {
    let setup = Setup::new(
        "
http: { enabled: false }
input: { file: { paths: [ folder, lines ] } }
output: { stdout: {} }
",
    );
    std::fs::create_dir(setup.path("folder")).unwrap();
    setup.write("lines", "one\n");
    let said = setup.run();
    assert_eq!(said.code, Some(1));
    assert_eq!(said.stdout, ["one"]);
    contains(
        &said.stderr,
        "not all of the input was read: read folder: Is a directory",
    );
}

#[test]
fn a_command_that_fails_fails_the_run_after_everything_is_delivered() {
    let setup = Setup::new(
        "
http: { enabled: false }
input: { subprocess: { name: sh, args: [ -c, 'echo one; echo two; exit 3' ] } }
pipeline: { threads: 1 }
output: { stdout: {} }
",
    );
    let said = setup.run();
    assert_eq!(said.stdout, ["one", "two"]);
    assert_eq!(said.code, Some(1));
    contains(&said.stderr, "command `sh` has ended: exit status: 3");
}

#[test]
fn a_message_that_is_dropped_is_told_by_who_dropped_it() {
    let setup = Setup::new(
        "
http: { enabled: false }
input: { generate: { count: 1, interval: '', mapping: 'root = \"x\"' } }
output:
  label: dropper
  drop_on: { error: true, output: { reject: 'no' } }
",
    );
    let said = setup.run();
    assert_eq!(said.code, Some(0));
    let line = said.stderr.lines().find(|it| it.contains("is dropped"));
    let line = line.unwrap_or_else(|| panic!("nothing is told: {}", said.stderr));
    for field in [
        "\"component\":\"drop_on\"",
        "\"path\":\"root.output\"",
        "\"label\":\"dropper\"",
    ] {
        contains(line, field);
    }
}
