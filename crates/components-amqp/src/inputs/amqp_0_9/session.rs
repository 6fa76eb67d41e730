//! One channel's acknowledgements: said from any thread without waiting, sent by a task.
//!
//! A session lives as long as its channel. What is said after the channel is lost is forgotten:
//! the broker delivers those messages again, and their tags mean nothing in the next channel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use millrace_message::Error;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tracing::warn;

use super::settlements::{Command, Settlements, Verdict};
use crate::fault;
use crate::in_order::start_in_order;

/// How long the last acknowledgements may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The acknowledgements of one channel.
pub struct Session {
    settlements: Mutex<Settlements>,
    changed: Notify,
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Debug)]
enum Phase {
    Running,
    /// The task sends what is left and ends.
    Finishing,
    /// Everything that was said has been sent.
    Finished,
    /// The channel is gone.
    Lost(Error),
}

impl Session {
    /// Starts the task that sends what is said. Abort it to let go of the channel.
    pub fn start(channel: Channel) -> (Arc<Self>, AbortHandle) {
        let session = Arc::new(Self {
            settlements: Mutex::new(Settlements::new()),
            changed: Notify::new(),
            phase: watch::Sender::new(Phase::Running),
        });
        let task = Arc::clone(&session);
        let task = tokio::spawn(async move { task.send_all(&channel).await });
        (session, task.abort_handle())
    }

    /// A delivery was handed on; tags come in order.
    pub fn delivered(&self, tag: u64) {
        self.settlements.lock().delivered(tag);
    }

    /// What became of a delivery. Never waits.
    pub fn settle(&self, tag: u64, verdict: Verdict) {
        self.settlements.lock().settle(tag, verdict, Instant::now());
        self.changed.notify_one();
    }

    /// Gives back what is held because it failed again and again.
    pub fn stop_holding(&self) {
        self.settlements.lock().stop_holding();
        self.changed.notify_one();
    }

    /// Waits until everything that was said has been sent.
    ///
    /// When the channel was lost before, its messages belong to the broker again, here as in the
    /// middle of a run, and how many it has not heard of is logged.
    ///
    /// # Errors
    /// The broker takes nothing more: how many messages will be delivered again although their fate
    /// was known.
    pub async fn finish(&self) -> Result<(), Error> {
        self.phase.send_if_modified(|phase| {
            let running = matches!(phase, Phase::Running);
            if running {
                *phase = Phase::Finishing;
            }
            running
        });
        self.stop_holding();
        let mut phase = self.phase.subscribe();
        let ended = phase.wait_for(|it| matches!(it, Phase::Finished | Phase::Lost(_)));
        let lost = match tokio::time::timeout(FLUSH_TIMEOUT, ended).await {
            Ok(Ok(phase)) => match &*phase {
                Phase::Lost(error) => Some(error.clone()),
                _ => return Ok(()),
            },
            _ => None,
        };
        let untold = self.settlements.lock().untold();
        match lost {
            _ if untold == 0 => {}
            Some(error) => warn!(
                component = "amqp_0_9",
                untold, "the broker delivers settled messages again: {error}"
            ),
            None => {
                let silent = format!("no progress within {FLUSH_TIMEOUT:?}");
                return Err(Error::not_connected(silent).context(format!(
                    "{untold} messages are settled and the broker could not be told"
                )));
            }
        }
        Ok(())
    }

    async fn send_all(&self, channel: &Channel) {
        loop {
            let changed = self.changed.notified();
            let finishing = matches!(&*self.phase.borrow(), Phase::Finishing);
            let (commands, due) = {
                let mut settlements = self.settlements.lock();
                let commands = settlements.take(Instant::now());
                (commands, settlements.due())
            };
            if let Err(error) = send(channel, &commands).await {
                self.phase.send_replace(Phase::Lost(error));
                return;
            }
            if !commands.is_empty() {
                continue;
            }
            if finishing {
                self.phase.send_replace(Phase::Finished);
                return;
            }
            tokio::select! {
                () = changed => {}
                () = sleep_until(due) => {}
            }
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Sends the commands in order.
async fn send(channel: &Channel, commands: &[Command]) -> Result<(), Error> {
    let sent = commands.iter().map(|command| async move {
        match *command {
            Command::Ack { tag, multiple } => {
                channel.basic_ack(tag, BasicAckOptions { multiple }).await
            }
            Command::Nack { tag, requeue } => {
                let options = BasicNackOptions {
                    multiple: false,
                    requeue,
                };
                channel.basic_nack(tag, options).await
            }
        }
    });
    for result in start_in_order(sent).await {
        result.map_err(|error| fault::of(&error))?;
    }
    Ok(())
}
