//! One proxied connection: a thread that moves bytes both ways and obeys the proxy's state.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::{Direction, Inner, Traffic};

/// Bytes that wait in the proxy in one direction before the sender is held back.
const QUEUE_BYTES: usize = 256 * 1024;
const CHUNK_BYTES: usize = 16 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connection ended.
enum End {
    Closed,
    Reset,
    /// The budget of this direction is used up.
    Spent(Direction),
}

/// Serves the connection until it ends.
pub(super) fn run(inner: &Inner, number: u64, client: &TcpStream, wake: &UnixStream) {
    let server = TcpStream::connect_timeout(&inner.target, CONNECT_TIMEOUT);
    let Ok(server) = server else {
        reset(&[client]);
        return;
    };
    let mut pipes = [
        Pipe::new(Direction::ToServer),
        Pipe::new(Direction::ToClient),
    ];
    let end = move_bytes(inner, number, client, &server, wake, &mut pipes);
    match end {
        Ok(End::Closed) => {}
        // A reset would make the receiver's kernel forget the bytes that it has not read.
        Ok(End::Spent(Direction::ToServer)) => reset(&[client]),
        Ok(End::Spent(Direction::ToClient)) => reset(&[&server]),
        // An error is the reset of one side, which must reach the other side as one.
        Ok(End::Reset) | Err(_) => reset(&[client, &server]),
    }
}

/// Makes the close of these sockets a reset.
fn reset(sockets: &[&TcpStream]) {
    for socket in sockets {
        if let Err(error) = SockRef::from(*socket).set_linger(Some(Duration::ZERO)) {
            crate::report("reset a proxied connection", Err(error.into()));
        }
    }
}

/// What the proxy's owner wants at this moment.
enum Order {
    Move(Traffic),
    End(End),
}

fn order(inner: &Inner, number: u64) -> Order {
    let state = inner.lock();
    if number < state.reset_below {
        Order::End(End::Reset)
    } else if number < state.close_below {
        Order::End(End::Closed)
    } else {
        Order::Move(state.traffic)
    }
}

fn move_bytes(
    inner: &Inner,
    number: u64,
    client: &TcpStream,
    server: &TcpStream,
    wake: &UnixStream,
    pipes: &mut [Pipe; 2],
) -> io::Result<End> {
    for socket in [client, server] {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
    }
    loop {
        let traffic = match order(inner, number) {
            Order::End(end) => return Ok(end),
            Order::Move(traffic) => traffic,
        };
        let ends = [(client, server), (server, client)];
        if traffic != Traffic::Hold {
            for (pipe, (from, to)) in pipes.iter_mut().zip(ends) {
                pipe.fill(from, traffic)?;
                if pipe.drain(to, inner)? {
                    return Ok(End::Spent(pipe.direction));
                }
            }
            if pipes.iter().all(|pipe| pipe.finished) {
                return Ok(End::Closed);
            }
        }
        wait(client, server, wake, pipes, traffic)?;
    }
}

/// Sleeps until a socket can do what a pipe waits for, a delayed chunk is due, or the owner calls.
fn wait(
    client: &TcpStream,
    server: &TcpStream,
    wake: &UnixStream,
    pipes: &[Pipe; 2],
    traffic: Traffic,
) -> io::Result<()> {
    let [to_server, to_client] = pipes;
    let mut fds = vec![PollFd::new(wake, PollFlags::IN)];
    for (socket, reader, writer) in [
        (client, to_server, to_client),
        (server, to_client, to_server),
    ] {
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, reader.wants_to_read());
        wanted.set(PollFlags::OUT, writer.is_due());
        // A socket of which nothing is wanted stays out: its hang-up would end every wait.
        if traffic != Traffic::Hold && !wanted.is_empty() {
            fds.push(PollFd::new(socket, wanted));
        }
    }
    let pause = pipes.iter().filter_map(Pipe::until_due).min();
    let pause = pause
        .filter(|_| traffic != Traffic::Hold)
        .map(|pause| Timespec {
            tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(pause.subsec_nanos()),
        });
    match poll(&mut fds, pause.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let mut calls = [0; 64];
    match (&*wake).read(&mut calls) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

/// One direction of a connection.
struct Pipe {
    direction: Direction,
    /// Chunks with the time from which they may be handed on.
    chunks: VecDeque<(Instant, Vec<u8>)>,
    queued: usize,
    /// The sender has finished.
    ended: bool,
    /// The receiver has been told so.
    finished: bool,
}

impl Pipe {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            chunks: VecDeque::new(),
            queued: 0,
            ended: false,
            finished: false,
        }
    }

    fn wants_to_read(&self) -> bool {
        !self.ended && self.queued < QUEUE_BYTES
    }

    fn is_due(&self) -> bool {
        self.until_due() == Some(Duration::ZERO)
    }

    fn until_due(&self) -> Option<Duration> {
        let (due, _) = self.chunks.front()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Takes what the sender has sent.
    fn fill(&mut self, mut from: &TcpStream, traffic: Traffic) -> io::Result<()> {
        let delay = match traffic {
            Traffic::Delay(by) => by,
            Traffic::Forward | Traffic::Hold => Duration::ZERO,
        };
        while self.wants_to_read() {
            let mut chunk = vec![0; CHUNK_BYTES];
            match from.read(&mut chunk) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    chunk.truncate(count);
                    self.queued += count;
                    self.chunks.push_back((Instant::now() + delay, chunk));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Hands on what is due. Returns true when the budget of the direction is used up.
    fn drain(&mut self, to: &TcpStream, inner: &Inner) -> io::Result<bool> {
        while self.is_due() {
            let Some((_, chunk)) = self.chunks.front_mut() else {
                break;
            };
            match write_booked(inner, self.direction, to, chunk) {
                Ok((count, spent)) => {
                    self.queued -= count;
                    chunk.drain(..count);
                    if chunk.is_empty() {
                        self.chunks.pop_front();
                    }
                    if spent {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.ended && self.chunks.is_empty() && !self.finished {
            self.finished = true;
            match to.shutdown(Shutdown::Write) {
                Err(error) if error.kind() != ErrorKind::NotConnected => return Err(error),
                _ => {}
            }
        }
        Ok(false)
    }
}

/// Hands on as much of `chunk` as the budget of the direction allows. Returns how much that was, and
/// whether it used up the budget; then all connections are to be reset.
///
/// The books are kept under one lock with the write, which does not block: a receiver that has seen
/// the bytes finds them booked.
fn write_booked(
    inner: &Inner,
    direction: Direction,
    mut to: &TcpStream,
    chunk: &[u8],
) -> io::Result<(usize, bool)> {
    let mut state = inner.lock();
    let left = state.budgets[direction as usize].unwrap_or(u64::MAX);
    let allowed = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
    let count = to.write(&chunk[..allowed])?;
    state.passed[direction as usize] += count as u64;
    let Some(left) = &mut state.budgets[direction as usize] else {
        return Ok((count, false));
    };
    *left -= count as u64;
    if *left > 0 {
        return Ok((count, false));
    }
    state.budgets[direction as usize] = None;
    state.reset_below = state.accepted;
    state.wake_all();
    Ok((count, true))
}
