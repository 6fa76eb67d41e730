use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::poll::{self, PATIENCE};

/// A server that sends back what it gets, for any number of connections.
fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    address
}

fn proxied() -> (Proxy, TcpStream) {
    let proxy = Proxy::start(echo_server()).unwrap();
    let mut client = connect(&proxy);
    assert_eq!(echo(&mut client, b"hello").unwrap(), b"hello");
    (proxy, client)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(proxy.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn echo(client: &mut TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    client.write_all(bytes)?;
    let mut answer = vec![0; bytes.len()];
    client.read_exact(&mut answer)?;
    Ok(answer)
}

#[test]
fn bytes_pass_unchanged_in_both_directions() {
    let (proxy, mut client) = proxied();
    let large: Vec<u8> = (0..3_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let mut writer = client.try_clone().unwrap();
    let sent = large.clone();
    let thread = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    thread.join().unwrap();
    assert!(
        received == large,
        "{} of {} bytes",
        received.len(),
        large.len()
    );
    assert_eq!(proxy.passed(Direction::ToServer), large.len() as u64 + 5);
}

#[test]
fn a_cut_resets_open_connections_and_serves_new_ones() {
    let (proxy, mut client) = proxied();
    proxy.cut();
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(echo(&mut connect(&proxy), b"again").unwrap(), b"again");
    assert_eq!(proxy.accepted(), 2);
}

#[test]
fn a_close_ends_the_stream_in_order() {
    let (proxy, mut client) = proxied();
    proxy.close();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    poll::until("the connection to end", PATIENCE, || {
        (proxy.connections() == 0).then_some(())
    })
    .unwrap();
}

#[test]
fn a_cut_after_some_bytes_lets_exactly_these_pass() {
    let (proxy, mut client) = proxied();
    let mut other = connect(&proxy);
    assert_eq!(echo(&mut other, b"open").unwrap(), b"open");
    proxy.cut_after(Direction::ToClient, 3);
    client.write_all(b"abcdef").unwrap();
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"abc");
    assert_eq!(
        other.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(echo(&mut connect(&proxy), b"once").unwrap(), b"once");
}

#[test]
fn a_refused_connection_is_accepted_again_after_healing() {
    let (proxy, mut client) = proxied();
    proxy.refuse().unwrap();
    let error = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(echo(&mut client, b"still open").unwrap(), b"still open");
    proxy.heal().unwrap();
    assert_eq!(echo(&mut connect(&proxy), b"back").unwrap(), b"back");
}

#[test]
fn a_server_that_is_down_resets_and_refuses() {
    let (proxy, mut client) = proxied();
    proxy.down().unwrap();
    assert!(TcpStream::connect(proxy.address()).is_err());
    assert!(echo(&mut client, b"gone").is_err());
}

#[test]
fn a_black_hole_keeps_bytes_until_it_heals() {
    let (proxy, mut client) = proxied();
    proxy.black_hole();
    client.write_all(b"kept").unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let error = client.read(&mut [0; 4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let mut late = connect(&proxy);
    proxy.heal().unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut kept = [0; 4];
    client.read_exact(&mut kept).unwrap();
    assert_eq!(&kept, b"kept");
    assert_eq!(echo(&mut late, b"late").unwrap(), b"late");
}

#[test]
fn delayed_bytes_are_not_early() {
    let (proxy, mut client) = proxied();
    let delay = Duration::from_millis(40);
    proxy.delay(delay);
    let start = Instant::now();
    assert_eq!(echo(&mut client, b"slow").unwrap(), b"slow");
    assert!(start.elapsed() >= delay * 2);
}

#[test]
fn a_target_that_does_not_run_resets_the_client() {
    let proxy = Proxy::start(("127.0.0.1", crate::port::free_port())).unwrap();
    assert!(echo(&mut connect(&proxy), b"anyone").is_err());
}

#[test]
fn a_url_keeps_its_credentials_and_path() {
    let proxy = Proxy::start("127.0.0.1:9").unwrap();
    let port = proxy.port();
    for (url, expected) in [
        (
            "amqp://u:p@host:1/v",
            format!("amqp://u:p@127.0.0.1:{port}/v"),
        ),
        ("redis://host:1", format!("redis://127.0.0.1:{port}")),
        (
            "postgres://u@h/db?x=a@b",
            format!("postgres://u@127.0.0.1:{port}/db?x=a@b"),
        ),
    ] {
        assert_eq!(proxy.url(url).unwrap(), expected);
    }
}

#[test]
fn a_dropped_proxy_frees_its_port() {
    let (proxy, _client) = proxied();
    let address = proxy.address();
    drop(proxy);
    TcpListener::bind(address).unwrap();
}
