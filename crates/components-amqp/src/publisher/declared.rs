//! What this connection has declared already.

use std::collections::HashSet;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use millrace_message::Error;
use tokio::sync::Mutex;

use super::{ExchangeDeclare, Link};
use crate::fault;

/// How many names are remembered; beyond that all are forgotten and checked again.
const NAMES_MAX: usize = 10_000;

/// The exchanges or queues that are known to exist, and the channel that declarations go through:
/// a refused declaration closes its channel, so it is never one with messages under way.
#[derive(Default)]
pub struct Declared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashSet<ShortString>,
    channel: Option<Channel>,
}

impl Declared {
    /// Declares an exchange, once for each connection.
    ///
    /// # Errors
    /// The broker refuses, or the connection is lost.
    pub async fn exchange(
        &self,
        link: &Link,
        name: &ShortString,
        how: &ExchangeDeclare,
    ) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        if state.names.contains(name) {
            return Ok(());
        }
        let options = ExchangeDeclareOptions {
            durable: how.durable,
            ..ExchangeDeclareOptions::default()
        };
        let kind = ExchangeKind::Custom(how.r#type.clone());
        let arguments = how.arguments.0.clone();
        let channel = state.channel(link).await?;
        channel
            .exchange_declare(name.clone(), kind, options, arguments)
            .await
            .map_err(|error| {
                link.fault(&error)
                    .context(format!("declare exchange `{name}`"))
            })?;
        state.remember(name);
        Ok(())
    }

    /// Declares a durable queue when there is none of this name, once for each connection. One
    /// that exists is taken as it is.
    ///
    /// # Errors
    /// The broker refuses, or the connection is lost.
    pub async fn queue(&self, link: &Link, name: &ShortString) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        if state.names.contains(name) {
            return Ok(());
        }
        let at = |error: lapin::Error| {
            link.fault(&error)
                .context(format!("declare queue `{name}`"))
        };
        let looking = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let channel = state.channel(link).await?;
        let found = channel.queue_declare(name.clone(), looking, FieldTable::default());
        match found.await {
            Ok(_) => {}
            Err(error) if fault::is_not_found(&error) => {
                let durable = QueueDeclareOptions {
                    durable: true,
                    ..QueueDeclareOptions::default()
                };
                let channel = state.channel(link).await?;
                let created = channel.queue_declare(name.clone(), durable, FieldTable::default());
                created.await.map_err(at)?;
            }
            Err(error) => return Err(at(error)),
        }
        state.remember(name);
        Ok(())
    }

    /// Looks again before the next message: it came back.
    pub async fn forget(&self, name: &ShortString) {
        self.state.lock().await.names.remove(name);
    }
}

impl State {
    /// The channel for declarations, a new one after a refusal.
    async fn channel(&mut self, link: &Link) -> Result<Channel, Error> {
        if let Some(channel) = self.channel.as_ref().filter(|it| it.status().connected()) {
            return Ok(channel.clone());
        }
        let channel = link.open_channel().await?;
        self.channel = Some(channel.clone());
        Ok(channel)
    }

    fn remember(&mut self, name: &ShortString) {
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
        self.names.insert(name.clone());
    }
}
