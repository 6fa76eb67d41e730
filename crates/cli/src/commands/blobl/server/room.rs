//! The memory that all requests of the playground share.
//!
//! A request takes its share before its body is read, waits for it a while, and gives it back when its
//! answer is sent or its connection is closed. Connections are closed at an age, so that a client who
//! neither sends nor reads holds its share no longer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use millrace_component::{Budget, Charge};
use millrace_components_http::server::{Limits, json, text};
use millrace_components_http::{Body, Chunk};
use tokio::sync::mpsc;

/// What the connections may take. A browser uses six, and opens another for one that was closed.
pub(super) const LIMITS: Limits = Limits {
    connections: 64,
    age: Some(Duration::from_secs(60)),
};

/// How many bytes questions and answers may take together.
const BYTES_MAX: usize = 128 << 20;
/// What a request takes at least: more than most questions, with their answers.
const SHARE_MIN: usize = 256 << 10;
/// How many times a question stands in memory: as it came, parsed, as texts, as they are kept, and on
/// its way to the process that evaluates it.
const COPIES: usize = 6;
/// How long a request waits for its share.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// How many bytes of an answer are given to the connection at a time.
const PIECE: usize = 64 << 10;

/// What there is for all requests.
pub(super) struct Room {
    budget: Budget,
}

/// What a request has of it.
pub(super) struct Share {
    charge: Charge,
    bytes: usize,
    more: Option<Charge>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            budget: Budget::new(BYTES_MAX),
        }
    }

    /// The share of a request whose body, or whose texts, have so many bytes; `None` when there is none
    /// for a while.
    pub(super) async fn share(&self, bytes: usize) -> Option<Share> {
        let bytes = bytes.saturating_mul(COPIES).max(SHARE_MIN);
        let charge = tokio::time::timeout(WAIT_MAX, self.budget.charge(bytes)).await;
        Some(Share {
            charge: charge.ok()?,
            bytes,
            more: None,
        })
    }

    /// An answer that holds a share until it is sent. It does not wait, since others wait for what it
    /// holds.
    pub(super) fn answer(&self, answer: Bytes, mut share: Share) -> Response<Body> {
        let lacking = answer.len().saturating_sub(share.bytes);
        if lacking > 0 {
            share.more = self.budget.try_charge(lacking);
            if share.more.is_none() {
                return busy();
            }
        }
        json(StatusCode::OK, sent(answer, share))
    }
}

/// A body that is sent in pieces, as the client takes them.
fn sent(mut answer: Bytes, share: Share) -> Body {
    let (pieces, body) = mpsc::channel(1);
    tokio::spawn(async move {
        while !answer.is_empty() {
            let bytes = answer.split_to(answer.len().min(PIECE));
            let piece = Chunk { bytes, taken: None };
            if pieces.send(piece).await.is_err() {
                // The connection is closed.
                break;
            }
        }
        drop((share.charge, share.more));
    });
    Body::stream(body)
}

/// The answer to a request for which there is no room.
pub(super) fn busy() -> Response<Body> {
    let reason = "the playground is busy with other requests: try again in a moment";
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, reason);
    let seconds = HeaderValue::from_static("1");
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::commands::blobl::evaluate::BODY_MAX;

    #[tokio::test]
    async fn what_questions_take_together_is_bounded() {
        let room = Room::new();
        let mut shares = Vec::new();
        while let Some(share) = room.share(BODY_MAX).now_or_never() {
            shares.push(share.unwrap());
        }
        assert_eq!(shares.len(), BYTES_MAX / (COPIES * BODY_MAX));
        // What is small goes on beside what is large, until there is no room at all.
        let mut small = Vec::new();
        while let Some(share) = room.share(100).now_or_never() {
            small.push(share.unwrap());
        }
        assert!(small.len() > 8);
        assert!(room.budget.used() <= BYTES_MAX);
        drop(shares.pop());
        assert!(room.share(BODY_MAX).now_or_never().is_some());
    }

    #[tokio::test]
    async fn an_answer_holds_its_share_until_it_is_sent_or_given_up() {
        let room = Room::new();
        let share = room.share(100).await.unwrap();
        let answer = Bytes::from(vec![b'x'; 16 << 20]);
        let response = room.answer(answer.clone(), share);
        assert_eq!(response.status(), StatusCode::OK);
        tokio::task::yield_now().await;
        assert_eq!(room.budget.used(), 16 << 20);
        drop(response);
        while room.budget.used() > 0 {
            tokio::task::yield_now().await;
        }
        let share = room.share(100).await.unwrap();
        let others = room.budget.charge(BYTES_MAX - SHARE_MIN).await;
        let refused = room.answer(answer, share);
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key(header::RETRY_AFTER));
        drop(others);
        assert_eq!(room.budget.used(), 0);
    }
}
