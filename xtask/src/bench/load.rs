//! The HTTP workload: a bounded load on one core, the engine on another.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millrace_testkit::http::wire::first_message;
use millrace_testkit::{poll, port};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::{Value, json};

use super::child;
use super::data::Orders;
use super::measure::Measured;
use super::options::{Binary, Options};
use super::sink::{SEQUENCE_KEY, Sink};

/// Connections that each have one request under way.
const CONNECTIONS: usize = 32;
/// Different bodies, sent in turn.
const BODIES: usize = 1000;
/// What the requests that are under way at the end may still take.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Runs the engine under load and measures it. Its figures count only when every request was
/// answered with 200 and the sink has seen exactly these.
pub fn measure(binary: &Binary, config: &str, threads: u32, options: &Options) -> Result<Measured> {
    let engine = format!("127.0.0.1:{}", port::free_port());
    let sink = format!("127.0.0.1:{}", port::free_port());
    let mut load = on_core(1, &child::this_program()?);
    load.args([
        "bench",
        "load",
        &engine,
        &sink,
        &options.load_time.as_secs().to_string(),
    ]);
    let mut load = load
        .stdout(Stdio::piped())
        .spawn()
        .context("start the load generator")?;

    let mut command = on_core(0, &child::command(binary, config, threads));
    command.env("ADDRESS", &engine).env("SINK", &sink);
    let started = child::start(&mut command);
    let engine = match started {
        Ok(engine) => engine,
        Err(error) => {
            load.kill()
                .and_then(|()| load.wait())
                .context("end the load generator")?;
            return Err(error);
        }
    };
    let output = load
        .wait_with_output()
        .context("wait for the load generator")?;
    let books = serde_json::from_slice::<Value>(&output.stdout);
    let answered = books.as_ref().ok().and_then(|it| it["answered"].as_u64());
    // The engine ends in any case, before the load's verdict is looked at.
    let measured = engine.terminate(answered.unwrap_or_default());
    if !output.status.success() {
        bail!("the load generator ended with {}, see above", output.status);
    }
    let books = books.context("read the books of the load generator")?;
    let micros = |key: &str| {
        books[key]
            .as_u64()
            .map(Duration::from_micros)
            .context("no figure")
    };
    let latency = Some((micros("median_us")?, micros("tail_us")?));
    Ok(Measured {
        wall: micros("wall_us")?,
        latency,
        ..measured?
    })
}

/// `command` on the core of that number, where the machine has so many.
fn on_core(core: usize, command: &Command) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut pinned = if core < cores {
        let mut taskset = Command::new("taskset");
        taskset
            .args(["-c", &core.to_string()])
            .arg(command.get_program());
        taskset
    } else {
        Command::new(command.get_program())
    };
    pinned.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    pinned
}

/// `cargo xtask bench load ENGINE SINK SECONDS`: sends requests to the engine, is the sink behind
/// it, and prints the books as JSON. True when they agree.
pub fn run(arguments: &[String]) -> Result<bool> {
    let [engine, sink, seconds] = arguments else {
        bail!("usage: cargo xtask bench load ENGINE SINK SECONDS")
    };
    let time = Duration::from_secs(seconds.parse().context("read the seconds")?);
    let sink = Sink::start(sink)?;
    let address = engine
        .to_socket_addrs()?
        .next()
        .context("the engine has no address")?;
    poll::until("the engine to listen", Duration::from_secs(30), || {
        TcpStream::connect(address).ok()
    })?;
    let mut sent = send(address, time)?;
    let (distinct, complaint) = sink.with(|it| (it.distinct.len() as u64, it.complaint.clone()));
    sent.latencies.sort_unstable();
    let at = |part: f64| {
        let index = (sent.latencies.len() as f64 * part) as usize;
        sent.latencies.get(index).copied().unwrap_or_default()
    };
    println!(
        "{}",
        json!({
            "answered": sent.answered, "wall_us": u64::try_from(sent.wall.as_micros())?,
            "median_us": at(0.5), "tail_us": at(0.99),
        })
    );
    if let Some(complaint) = complaint {
        bail!("{complaint}");
    }
    if sent.answered == 0 || sent.refused > 0 || distinct != sent.answered {
        bail!(
            "{} requests were answered with 200 and {} otherwise, the sink has {distinct}",
            sent.answered,
            sent.refused
        );
    }
    Ok(true)
}

/// What was sent and came back.
struct Sent {
    answered: u64,
    refused: u64,
    latencies: Vec<u32>,
    wall: Duration,
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    started: Instant,
    waiting: bool,
}

fn send(address: SocketAddr, time: Duration) -> Result<Sent> {
    let mut requests = Requests::new();
    let mut clients = Vec::new();
    let start = Instant::now();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(address).context("connect to the engine")?;
        stream.set_nodelay(true)?;
        let mut client = Client {
            stream,
            buffer: Vec::new(),
            started: start,
            waiting: false,
        };
        client.ask(&requests.next_request())?;
        client.stream.set_nonblocking(true)?;
        clients.push(client);
    }
    let mut sent = Sent {
        answered: 0,
        refused: 0,
        latencies: Vec::new(),
        wall: time,
    };
    while clients.iter().any(|it| it.waiting) {
        if start.elapsed() > time + LAST_ANSWERS {
            bail!("requests were not answered within {LAST_ANSWERS:?}");
        }
        let second = rustix::event::Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        let mut fds: Vec<PollFd> = clients
            .iter()
            .map(|it| PollFd::new(&it.stream, PollFlags::IN))
            .collect();
        poll(&mut fds, Some(&second))?;
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        for (client, _) in clients.iter_mut().zip(&ready).filter(|(_, ready)| **ready) {
            let Some(status) = client.answer()? else {
                continue;
            };
            let took = client.started.elapsed().as_micros();
            sent.latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
            match status {
                200 => sent.answered += 1,
                _ => sent.refused += 1,
            }
            if start.elapsed() < time {
                client.ask(&requests.next_request())?;
            }
        }
    }
    sent.wall = start.elapsed();
    Ok(sent)
}

impl Client {
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.started = Instant::now();
        self.waiting = true;
        // The request before it was answered, so the socket's buffer is empty and takes it whole.
        self.stream.write_all(request).context("send a request")
    }

    /// The status of the answer when it is complete.
    fn answer(&mut self) -> Result<Option<u16>> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => bail!("the engine has closed a connection"),
            Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error).context("read an answer"),
        }
        let Some(message) = first_message(&self.buffer)? else {
            return Ok(None);
        };
        let (status, length) = (message.status()?, message.length);
        self.buffer.drain(..length);
        self.waiting = false;
        Ok(Some(status))
    }
}

/// Orders in turn, each request with a number of its own.
struct Requests {
    bodies: Vec<String>,
    sequence: usize,
}

impl Requests {
    fn new() -> Self {
        let mut orders = Orders::new();
        Self {
            bodies: (0..BODIES).map(|_| orders.next_order()).collect(),
            sequence: 0,
        }
    }

    fn next_request(&mut self) -> Vec<u8> {
        let order = &self.bodies[self.sequence % BODIES];
        let body = format!("{{\"{SEQUENCE_KEY}\":{},{}", self.sequence, &order[1..]);
        self.sequence += 1;
        format!(
            "POST /ingest HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}
