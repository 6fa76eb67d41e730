//! One connection: requests begin in the order in which they come, answers leave in that order.
//!
//! A request begins when those before it are answered, as in Kafka; but a Produce may also begin
//! while Produces before it wait for the disk, so that one connection keeps the disk busy.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::Frame;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, Instant, sleep_until};

use super::frames::{Framed, Frames};
use super::session::Session;
use crate::api::{self, Answer, Work};
use crate::broker::Broker;
use crate::stop::Stop;

/// So many requests of one connection are being worked on.
const IN_FLIGHT: usize = 64;

/// A request that is being worked on.
struct Begun {
    work: Work,
    /// Of the memory of requests, until it is answered.
    #[expect(dead_code, reason = "held as long as the request is")]
    share: Option<OwnedSemaphorePermit>,
}

/// Who is connected.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where the client is.
    pub address: SocketAddr,
    /// To which of our addresses it connected.
    pub local: SocketAddr,
    /// Which of the listeners it is.
    pub listener: usize,
}

/// Serves a connection until the client closes it, it breaks the protocol, or the broker stops; or until
/// the client begins to log in again, with the request that is returned.
///
/// # Errors
/// The connection broke, or the login does not hold any more.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    frames: &mut Frames,
    broker: &Arc<Broker>,
    peer: &Arc<Peer>,
    stopping: Stop,
    session: Option<&Session>,
) -> io::Result<Option<Bytes>> {
    let config = broker.config();
    let idle =
        Duration::from_millis(u64::try_from(config.connections.max_idle_ms).unwrap_or(u64::MAX));
    let mut used = Instant::now();
    let mut working: VecDeque<Begun> = VecDeque::new();
    let mut held: Option<Framed> = None;
    loop {
        if let Some(frame) = held.take() {
            let is_over = session.is_some_and(Session::is_over);
            match may_begin(&frame.bytes, &working) && (!is_over || working.is_empty()) {
                true if renews(session, &frame.bytes) => return Ok(Some(frame.bytes)),
                true if is_over => {
                    let reason = "the login does not hold any more (`connections.max.reauth.ms`)";
                    return Err(io::Error::other(reason));
                }
                true => match api::begin(broker, peer, frame.bytes) {
                    Some(work) => working.push_back(Begun {
                        work,
                        share: frame.share,
                    }),
                    None => return Ok(None),
                },
                false => held = Some(frame),
            }
        }
        let may_read = held.is_none() && working.len() < IN_FLIGHT;
        tokio::select! {
            biased;
            answer = first(&mut working), if !working.is_empty() => {
                working.pop_front();
                match answer {
                    Answer::Frame(frame) => send(stream, frame).await?,
                    Answer::Nothing => {}
                    Answer::Close => return Ok(None),
                }
            }
            frame = frames.next(stream), if may_read => match frame? {
                Some(frame) => {
                    used = Instant::now();
                    held = Some(frame);
                }
                None => return Ok(None),
            },
            () = sleep_until(used + idle), if working.is_empty() => {
                return Err(io::Error::other("nothing came for `connections.max.idle.ms`"));
            }
            () = stopping.told(), if working.is_empty() => return Ok(None),
        }
    }
}

/// Whether a client logs in again with this request.
fn renews(session: Option<&Session>, frame: &Bytes) -> bool {
    api::is_handshake(frame) && session.is_some_and(Session::may_be_renewed)
}

/// Whether a request may begin while those before it are being worked on.
fn may_begin(frame: &Bytes, working: &VecDeque<Begun>) -> bool {
    working.is_empty() || (api::is_produce(frame) && working.iter().all(|it| it.work.is_produce))
}

async fn first(working: &mut VecDeque<Begun>) -> Answer {
    match working.front_mut() {
        Some(begun) => begun.work.answer.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Sends a frame.
pub async fn send(stream: &mut (impl AsyncWrite + Unpin), mut frame: Frame) -> io::Result<()> {
    stream.write_all_buf(&mut frame).await?;
    stream.flush().await
}
