//! `cargo xtask flood`: strangers connect to the broker, very many of them, and leave much of it half
//! done, while a client that was connected before goes on working.
//!
//! The broker must keep its bounds (connections of one address, time for a login, memory), and the
//! client must not hear an error.

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use millrace_testkit::http;
use millrace_testkit::millrace::Millrace;
use millrace_testkit::port::free_port;
use socket2::{Domain, Socket, Type};

use crate::broker::started;
use crate::promises::client::{Client, batch};

/// From so many addresses strangers come.
const ADDRESSES: u8 = 8;
/// `max.connections.per.ip`.
const PER_ADDRESS: usize = 150;
/// So many connections one address holds open at once, or tries to.
const HELD: usize = 300;
/// The most memory that the broker may take.
const MEMORY: u64 = 256 << 20;
/// Who has not logged in after 30 s is sent away; by then all must be gone.
const LOGIN: Duration = Duration::from_secs(45);

struct Options {
    binary: PathBuf,
    connections: u64,
    lasting: Duration,
}

/// Where the broker listens.
#[derive(Clone, Copy)]
struct Doors {
    open: SocketAddr,
    tls: SocketAddr,
    login: SocketAddr,
    metrics: SocketAddr,
}

/// What came of the flood.
#[derive(Default)]
struct Tally {
    connected: AtomicU64,
    failed: AtomicU64,
    produced: AtomicU64,
    is_over: AtomicBool,
}

/// Floods the broker; true when it has kept its bounds.
pub fn run(arguments: &[String]) -> Result<bool> {
    let options = parse(arguments)?;
    let folder = tempfile::tempdir().context("make a folder")?;
    let doors = Doors {
        open: free(),
        tls: free(),
        login: free(),
        metrics: free(),
    };
    let mut broker = start(&options.binary, folder.path(), doors)?;
    let mut client = Client::connect(doors.open)?;
    client.create_topic("orders", 1, &[])?;
    let tally = Tally::default();
    let (most, took) = thread::scope(|scope| {
        let working = scope.spawn(|| work(&mut client, &tally));
        let watching = scope.spawn(|| watch(doors, &tally));
        let (options, on) = (&options, &tally);
        let flooding = (0..ADDRESSES).map(|it| scope.spawn(move || flood(it, doors, options, on)));
        let flooding: Vec<_> = flooding.collect();
        // What they hold stays open until the broker has closed it.
        let held: Result<Vec<_>> = flooding.into_iter().map(joined).collect();
        let gone = until_gone(doors);
        drop(held);
        tally.is_over.store(true, Ordering::SeqCst);
        let most = joined(watching)?;
        joined(working).context("the client that was connected before")?;
        Ok::<_, anyhow::Error>((most, gone?))
    })?;
    let memory = broker.peak_memory()?;
    println!(
        "{} connections, {} refused by the system; at most {most} at once; strangers were gone after {:.0} s; \
         {} batches acknowledged meanwhile; {} MiB at most",
        tally.connected.load(Ordering::SeqCst),
        tally.failed.load(Ordering::SeqCst),
        took.as_secs_f32(),
        tally.produced.load(Ordering::SeqCst),
        memory >> 20,
    );
    ensure!(
        most <= u64::from(ADDRESSES) * PER_ADDRESS as u64 + 1,
        "more connections than there may be"
    );
    ensure!(
        memory <= MEMORY,
        "the broker takes more than {} MiB",
        MEMORY >> 20
    );
    broker.terminate(Duration::from_secs(60))?;
    Ok(true)
}

fn parse(arguments: &[String]) -> Result<Options> {
    let (mut connections, mut seconds, mut binary) = (100_000, 60, None);
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let value = rest
            .next()
            .with_context(|| format!("`{flag}` needs a value"))?;
        let number = || {
            value
                .parse()
                .with_context(|| format!("`{flag} {value}` is no number"))
        };
        match flag.as_str() {
            "--connections" => connections = number()?,
            "--seconds" => seconds = number()?,
            "--binary" => binary = Some(PathBuf::from(value)),
            other => bail!("`{other}` is no option of `cargo xtask flood`"),
        }
    }
    Ok(Options {
        binary: crate::test::binary(binary, &[])?,
        connections,
        lasting: Duration::from_secs(seconds),
    })
}

fn free() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

fn start(binary: &Path, folder: &Path, doors: Doors) -> Result<Millrace> {
    let store = folder.join("broker.pem");
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::write(&store, own.signing_key.serialize_pem() + &own.cert.pem())?;
    let settings = folder.join("broker.properties");
    let Doors {
        open, tls, login, ..
    } = doors;
    let text = format!(
        "node.id=1\n\
         listeners=OPEN://{open},TLS://{tls},LOGIN://{login}\n\
         listener.security.protocol.map=OPEN:PLAINTEXT,TLS:SSL,LOGIN:SASL_PLAINTEXT\n\
         sasl.enabled.mechanisms=SCRAM-SHA-256\n\
         ssl.keystore.type=PEM\n\
         ssl.keystore.location={}\n\
         max.connections.per.ip={PER_ADDRESS}\n\
         log.dirs={}\n",
        store.display(),
        folder.join("data").display(),
    );
    fs::write(&settings, text)?;
    let mut command = Command::new(binary);
    command.args(["broker", "--http.address", &doors.metrics.to_string(), "-c"]);
    started(command.arg(settings))
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("a thread panicked"))?
}

/// The client that was connected before: every batch must be acknowledged.
fn work(client: &mut Client, tally: &Tally) -> Result<()> {
    let identity = client.producer(None)?;
    for number in 0.. {
        if tally.is_over.load(Ordering::SeqCst) {
            break;
        }
        client.produce(
            ("orders", 0),
            None,
            batch(identity, number, false, b"order"),
        )?;
        tally.produced.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// How many connections there were at most.
fn watch(doors: Doors, tally: &Tally) -> Result<u64> {
    let mut most = 0;
    while !tally.is_over.load(Ordering::SeqCst) {
        most = most.max(connections(doors)?);
        thread::sleep(Duration::from_millis(200));
    }
    Ok(most)
}

/// How many connections the broker counts.
fn connections(doors: Doors) -> Result<u64> {
    let answer = http::request(
        "GET",
        &format!("http://{}/metrics", doors.metrics),
        &[],
        b"",
    )?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let line = text
        .lines()
        .find_map(|it| it.strip_prefix("active_connections "));
    let count: f64 = line
        .context("the broker counts connections")?
        .trim()
        .parse()?;
    Ok(count as u64)
}

/// Waits until only the client that was connected before is left; how long that took.
fn until_gone(doors: Doors) -> Result<Duration> {
    let begun = Instant::now();
    while connections(doors)? > 1 {
        ensure!(
            begun.elapsed() < LOGIN,
            "strangers are still connected after {LOGIN:?}"
        );
        thread::sleep(Duration::from_millis(200));
    }
    Ok(begun.elapsed())
}

/// Connects from one address, as often as is wished in the time; returns what it holds at the end.
fn flood(
    address: u8,
    doors: Doors,
    options: &Options,
    tally: &Tally,
) -> Result<VecDeque<TcpStream>> {
    let count = options.connections / u64::from(ADDRESSES);
    let begun = Instant::now();
    let mut held = VecDeque::new();
    for number in 0..count {
        // When it is late, it does not wait.
        let due = options.lasting.mul_f64(number as f64 / count as f64);
        thread::sleep(due.saturating_sub(begun.elapsed()));
        let Some((mut stream, says)) = stranger(address, number, doors)? else {
            tally.failed.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        tally.connected.fetch_add(1, Ordering::SeqCst);
        // The broker may have sent it away before.
        if stream.write_all(says).is_ok() && number % 3 == 0 {
            held.push_back(stream);
        }
        if held.len() > HELD {
            held.pop_front();
        }
    }
    Ok(held)
}

/// A stranger who is connected, and what it says: a third begins TLS or a login and stays, others
/// say what is no request, or leave at once.
fn stranger(address: u8, number: u64, doors: Doors) -> Result<Option<(TcpStream, &'static [u8])>> {
    let (door, says): (_, &[u8]) = match number % 6 {
        // The begin of a ClientHello.
        0 => (doors.tls, &[0x16, 3, 1, 2, 0, 1, 0, 1]),
        // A request of 100 bytes, of which some come: SaslHandshake.
        3 => (doors.login, &[0, 0, 0, 100, 0, 17, 0, 1, 0, 0]),
        1 => (doors.open, &[0x7f, 0xff, 0xff, 0xff, 1, 2, 3]),
        2 => (doors.login, b"GET / HTTP/1.1\r\n\r\n"),
        4 => (doors.tls, b"\x15\x03\x01\x00\x02\x02\x28"),
        _ => (doors.open, &[]),
    };
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("make a socket")?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, 10 + address), 0)).into())?;
    // A queue that is full makes it wait: that is the flood's fault and not an error.
    match socket.connect_timeout(&door.into(), Duration::from_secs(5)) {
        Ok(()) => Ok(Some((socket.into(), says))),
        Err(_) => Ok(None),
    }
}
