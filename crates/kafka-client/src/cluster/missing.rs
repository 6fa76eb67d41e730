//! Topics that brokers may make because they are asked for, and those that were waited for in vain.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_wire::{ErrorCode, Str};
use tokio::time::Instant;

use super::{Cluster, Places};
use crate::Result;
use crate::error::{Error, Reason};

/// How long a topic is waited for that brokers may make because they are asked for it.
const MADE_WITHIN: Duration = Duration::from_secs(5);
/// For so long nobody else waits for a topic that was waited for: the messages of a batch would do
/// so one after the other.
const BELIEVED: Duration = Duration::from_secs(1);

/// The topics that were not made in time, for a while.
#[derive(Default)]
pub struct Missing(HashMap<Str, Instant>);

impl Missing {
    pub fn add(&mut self, topic: &str) {
        self.0.retain(|_, since| since.elapsed() < BELIEVED);
        self.0.insert(topic.into(), Instant::now());
    }

    pub fn has(&self, topic: &str) -> bool {
        let since = self.0.get(topic);
        since.is_some_and(|it| it.elapsed() < BELIEVED)
    }
}

impl Cluster {
    /// Where the partitions of a topic are that brokers may make because they are asked for it.
    pub(super) async fn made_places(&self, topic: &str) -> Result<Arc<Places>> {
        let is_missing = self.state.lock().await.missing.has(topic);
        let made_by = match is_missing {
            true => Instant::now(),
            false => Instant::now() + MADE_WITHIN,
        };
        let ask = async || {
            let asked = self.ask_places(topic, true).await;
            asked.map_err(|error| match Instant::now() < made_by {
                true => error,
                false => not_made(topic, error),
            })
        };
        // The time for attempts may be over before.
        let asked = self.retry(ask).await;
        let asked = asked.map_err(|error| not_made(topic, error));
        if let Err(error) = &asked
            && matches!(error.reason(), Reason::Invalid(_))
        {
            self.state.lock().await.missing.add(topic);
        }
        asked
    }
}

/// The error of who has waited for a topic to be made.
fn not_made(topic: &str, error: Error) -> Error {
    if error.code() != Some(ErrorCode::UnknownTopicOrPartition) {
        return error;
    }
    Error::invalid(format!(
        "there is no topic `{topic}`, and brokers do not make it because it is asked for: make it with \
         `millrace topic create {topic}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_topic_is_missing_for_a_while_and_then_forgotten() {
        let mut missing = Missing::default();
        missing.add("a");
        assert!(missing.has("a") && !missing.has("b"));
        tokio::time::advance(BELIEVED).await;
        assert!(!missing.has("a"));
        missing.add("b");
        assert_eq!(missing.0.len(), 1);
    }
}
