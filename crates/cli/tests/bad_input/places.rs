//! Ports, disks, servers and tables that are not as they should be.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use millrace_testkit::poll::{self, PATIENCE};
use millrace_testkit::port::free_port;
use millrace_testkit::{http, millrace, shared};

use super::{Setup, contains, end, shown};

/// A gateway on a port of its own: what it answers shows what was acknowledged.
fn gateway(port: u16, output: &str) -> Setup {
    Setup::new(&format!(
        "http: {{ address: '127.0.0.1:{port}' }}
input: {{ http_server: {{ path: /post, timeout: 1s, max_body_size: 1KiB }} }}
output: {output}
shutdown_timeout: 1s
"
    ))
}

fn post(port: u16, body: &[u8]) -> http::Response {
    poll::until("the gateway", PATIENCE, || {
        http::post(&format!("http://127.0.0.1:{port}/post"), body).ok()
    })
    .unwrap()
}

#[test]
fn a_port_in_use_is_named_with_its_field() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let own = Setup::new(&format!(
        "http: {{ enabled: false }}\ninput: {{ http_server: {{ address: '127.0.0.1:{port}' }} }}\n\
         output: {{ drop: {{}} }}\n"
    ));
    let service = gateway(port, "{ drop: {} }");
    for (setup, field) in [
        (own, "root.input.http_server.address"),
        (service, "http.address"),
    ] {
        let said = setup.run();
        assert_eq!(said.code, Some(1));
        contains(
            &said.stderr,
            &format!("`{field}`: listen on `127.0.0.1:{port}`"),
        );
        contains(
            &said.stderr,
            "another program, or another component, listens there",
        );
    }
}

#[test]
fn a_body_over_the_limit_is_refused_with_413_and_the_next_one_is_taken() {
    let port = free_port();
    let setup = gateway(port, "{ file: { path: out, codec: lines } }");
    let mut process = setup.start();
    let refused = post(port, &[b'x'; 2048]);
    assert_eq!(refused.status, 413, "{}", refused.text());
    contains(&refused.text(), "1024");
    assert_eq!(post(port, b"small").status, 200);
    assert!(process.terminate(PATIENCE).unwrap().success());
    contains(&process.stderr_lines().join("\n"), "read a request: ");
    assert_eq!(
        std::fs::read_to_string(setup.path("out")).unwrap(),
        "small\n"
    );
}

#[test]
fn a_websocket_message_that_has_no_room_closes_its_connection_only() {
    let port = free_port();
    let setup = Setup::new(&format!(
        "memory_limit: 1MiB
input: {{ http_server: {{ address: '127.0.0.1:{port}', path: /post, ws_path: /ws }} }}
output: {{ file: {{ path: out, codec: lines }} }}
"
    ));
    let mut process = setup.start();
    poll::until("a server", PATIENCE, || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    })
    .unwrap();
    let mut sockets: Vec<_> = (0..4).map(|_| open_websocket(port)).collect();
    // Each begins a frame of 64 MiB that never ends; together they would hold 8 MiB.
    let header = [&[0x82, 0xff][..], &(64_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    for socket in &mut sockets {
        socket.write_all(&header).unwrap();
        // The server closes long before this has all been taken.
        let _closed = socket.write_all(&vec![b'x'; 2 << 20]);
    }
    process
        .wait_for_stderr("`memory_limit` leaves no room", PATIENCE)
        .unwrap();
    drop(sockets);
    assert_eq!(post(port, b"small").status, 200);
    let mut socket = open_websocket(port);
    socket
        .write_all(&[0x82, 0x82, 0, 0, 0, 0, b'o', b'k'])
        .unwrap();
    poll::until("the message", PATIENCE, || {
        let out = std::fs::read_to_string(setup.path("out")).ok()?;
        (out == "small\nok\n").then_some(())
    })
    .unwrap();
    drop(socket);
    process.terminate(PATIENCE).unwrap();
    end(process);
}

/// Opens a websocket by hand, to write what a library would not.
fn open_websocket(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    stream
}

#[test]
fn a_full_disk_fails_the_message_and_names_the_file() {
    let port = free_port();
    let setup = gateway(port, "{ file: { path: /dev/full, codec: lines } }");
    let mut process = setup.start();
    let answer = post(port, b"kept by its sender");
    assert_eq!(answer.status, 502, "{}", answer.text());
    contains(&answer.text(), "No space left on device");
    process
        .wait_for_stderr("write `/dev/full`: No space left on device", PATIENCE)
        .unwrap();
    process.terminate(PATIENCE).unwrap();
    end(process);
}

#[test]
fn an_output_that_never_connects_acknowledges_nothing_and_is_not_ready() {
    let (port, nobody) = (free_port(), free_port());
    let output = format!(
        "{{ amqp_0_9: {{ urls: [ 'amqp://guest:guest@127.0.0.1:{nobody}/' ], key: q, exchange: '' }} }}"
    );
    let setup = gateway(port, &output);
    let mut process = setup.start();
    assert_eq!(post(port, b"x").status, 408);
    let told = process
        .wait_for_stderr("output is not connected", PATIENCE)
        .unwrap();
    contains(&told, "\"path\":\"root.output\"");
    assert!(!told.contains("guest:guest"), "{told}");
    let ready = http::get(&format!("http://127.0.0.1:{port}/ready")).unwrap();
    assert_eq!(ready.status, 503);
    contains(&ready.text(), "amqp_0_9 at root.output");
    process.terminate(PATIENCE).unwrap();
    end(process);
}

#[test]
fn a_buffer_that_cannot_be_opened_is_told_with_the_reason() {
    let setup = Setup::new(
        "
http: { enabled: false }
input: { generate: { count: 1, mapping: 'root = 1' } }
buffer: { sqlite: { path: /no/such/folder/b.db } }
output: { drop: {} }
",
    );
    let said = end(setup.start());
    assert_eq!(said.code, Some(1));
    contains(
        &said.stderr,
        "open `/no/such/folder/b.db`: No such file or directory",
    );
    assert_eq!(
        said.stderr.matches("/no/such").count(),
        1,
        "{}",
        said.stderr
    );
}

#[test]
fn a_stop_before_everything_is_delivered_fails_when_the_input_cannot_give_it_again() {
    let nobody = free_port();
    let setup = Setup::new(&format!(
        "
http: {{ enabled: false }}
input: {{ generate: {{ count: 3, interval: '', mapping: 'root = \"x\"' }} }}
pipeline: {{ threads: 1, processors: [ {{ log: {{ message: 'seen ${{! count(\"seen\") }}' }} }} ] }}
output: {{ amqp_0_9: {{ urls: [ 'amqp://127.0.0.1:{nobody}/' ], key: q, exchange: '' }} }}
shutdown_timeout: 100ms
"
    ));
    let mut process = setup.start();
    process.wait_for_stderr("seen 3", PATIENCE).unwrap();
    process.terminate(PATIENCE).unwrap();
    let said = end(process);
    assert_eq!(said.code, Some(1));
    contains(
        &said.stderr,
        "stopped before 3 messages were delivered; the input cannot give them again",
    );
}

#[test]
fn a_table_that_does_not_exist_is_named_and_nothing_is_acknowledged() {
    let port = free_port();
    let setup = gateway(port, "PLACEHOLDER");
    let output = format!(
        "{{ sql_insert: {{ driver: sqlite, dsn: 'file:{}', table: no_such_table, columns: [ a ], \
         args_mapping: 'root = [ content().string() ]' }} }}",
        shown(&setup.path("x.db"))
    );
    let config = std::fs::read_to_string(setup.path("config.yaml")).unwrap();
    setup.write("config.yaml", config.replace("PLACEHOLDER", &output));
    let mut process = setup.start();
    let answer = post(port, b"x");
    assert_eq!(answer.status, 502);
    contains(&answer.text(), "no_such_table");
    process.wait_for_stderr("no_such_table", PATIENCE).unwrap();
    process.terminate(PATIENCE).unwrap();
    end(process);
}

#[test]
fn a_wrong_password_ends_the_run_and_is_said_without_the_password() {
    let database = shared::postgres();
    let url = database.url();
    let wrong = with_password(&url, "not-the-pass-word") + "?sslmode=disable";
    let output = format!(
        "{{ sql_insert: {{ driver: postgres, dsn: '{wrong}', table: t, columns: [ a ], \
         args_mapping: 'root = [ content().string() ]' }} }}"
    );
    // Nothing has to arrive for it to be noticed.
    let said = gateway(free_port(), &output).run();
    assert_eq!(said.code, Some(1));
    contains(
        &said.stderr,
        "`sql_insert` at root.output: connect to postgres at ",
    );
    contains(&said.stderr, "password authentication failed");
    assert!(
        !said.stderr.contains("not-the-pass-word"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_file_that_can_never_be_written_ends_the_run_and_what_it_had_read_is_not_lost_in_silence() {
    let setup = Setup::new(
        "
http: { enabled: false }
input: { generate: { count: 3, batch_size: 3, interval: '', mapping: 'root = \"x\"' } }
output: { file: { path: config.yaml/x, codec: lines } }
",
    );
    let said = setup.run();
    assert_eq!(said.code, Some(1));
    contains(&said.stderr, "open `config.yaml/x`: ");
    contains(&said.stderr, "\"dropped\":3");
}

/// The URL with another password.
fn with_password(url: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (user, host) = rest.split_once('@').unwrap();
    let name = user.split(':').next().unwrap();
    format!("{scheme}://{name}:{password}@{host}")
}

#[test]
fn a_reader_of_the_standard_output_that_goes_away_ends_the_run() {
    let setup = Setup::new(
        "
http: { enabled: false }
input: { generate: { count: 0, interval: '', mapping: 'root = \"a line\"' } }
output: { stdout: {} }
",
    );
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child = millrace::command()
        .unwrap()
        .args(["run", "config.yaml"])
        .current_dir(setup.path(""))
        .stdout(writer)
        .stderr(std::fs::File::create(setup.path("errors")).unwrap())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(reader));
    assert_eq!(lines.next().unwrap().unwrap(), "a line");
    drop(lines);
    let ended = poll::until("the end", PATIENCE, || child.try_wait().unwrap());
    // Nothing is left behind when it goes on for ever.
    let _ended = child.kill();
    assert_eq!(ended.unwrap().code(), Some(1));
    let said = std::fs::read_to_string(setup.path("errors")).unwrap();
    contains(&said, "write to the standard output: Broken pipe");
}
