//! The signs of life of a member.

use std::time::Duration;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::heartbeat::HeartbeatRequest;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Signal;
use crate::connection::Connection;

/// A task that says that a member lives; it ends when it is dropped.
pub struct Heartbeat {
    task: JoinHandle<()>,
    signal: watch::Receiver<Signal>,
}

impl Heartbeat {
    pub fn start(connection: Connection, request: HeartbeatRequest, every: Duration) -> Self {
        let (sender, signal) = watch::channel(Signal::Stable);
        Self {
            task: tokio::spawn(beat(connection, request, every, sender)),
            signal,
        }
    }

    pub fn signal(&self) -> Signal {
        *self.signal.borrow()
    }

    pub fn changes(&self) -> watch::Receiver<Signal> {
        self.signal.clone()
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn beat(
    connection: Connection,
    request: HeartbeatRequest,
    every: Duration,
    signal: watch::Sender<Signal>,
) {
    loop {
        tokio::time::sleep(every).await;
        let answered = connection.call(&request).await;
        // Without an answer the member is looked for at the coordinator that there is then.
        let code = answered.map_or(Some(ErrorCode::NotCoordinator), |it| {
            ErrorCode::from_number(it.error_code)
        });
        let told = match code {
            Some(ErrorCode::None) => Signal::Stable,
            Some(
                ErrorCode::UnknownMemberId
                | ErrorCode::IllegalGeneration
                | ErrorCode::FencedInstanceId,
            ) => Signal::Gone,
            _ => Signal::Again,
        };
        signal.send_if_modified(|it| {
            let is_news = *it != told && *it == Signal::Stable;
            if is_news {
                *it = told;
            }
            is_news
        });
        // While the group changes the member lives on, until it is asked to join again.
        if told == Signal::Gone || code == Some(ErrorCode::NotCoordinator) {
            return;
        }
    }
}
