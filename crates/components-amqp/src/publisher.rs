//! Publishing with confirms: what both outputs do.
//!
//! Every write has a channel of its own while it is under way. That keeps the broker's answers
//! apart: a message that is refused in a way that closes its channel takes no other write with
//! it, and a message that comes back (`mandatory`) can only be one of that write. It also keeps
//! the messages of a batch in order. Channels are used again by later writes.
//!
//! A channel that the broker has closed takes its number with it: the client library answers whoever
//! gets that number next with the error of then. So no number is used twice, and a connection whose
//! numbers are used up is replaced.

mod declared;
mod fields;
mod properties;
mod window;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lapin::options::ConfirmSelectOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Connection};
use millrace_component::{Interpolated, Output, WriteError};
use millrace_message::{Error, ErrorClass, MessageBatch};
use parking_lot::Mutex;

use crate::dial::{self, Dialer};
use crate::fault;
use declared::Declared;
pub use fields::{ExchangeDeclare, PublishFields};
use properties::Properties;

/// How often an idle connection is looked at. The client library reads its socket all the time and
/// sends heartbeats, so its state is true.
const LOOK: Duration = Duration::from_millis(500);

/// Where messages go, beside the properties that they have.
pub struct Route {
    /// The exchange.
    pub exchange: Interpolated,
    /// The routing key.
    pub key: Interpolated,
    /// Whether the key is the name of a durable queue that is declared when it is missing.
    pub declare_queue: bool,
    /// Whether a message that no queue takes fails.
    pub mandatory: bool,
}

/// An output that publishes to a broker.
pub struct Publisher {
    dialer: Dialer,
    route: Route,
    properties: Properties,
    exchange_declare: ExchangeDeclare,
    immediate: bool,
    timeout: Option<Duration>,
    link: Mutex<Option<Arc<Link>>>,
}

/// One connection: its idle channels, and what was declared on it.
struct Link {
    connection: Connection,
    /// How many channels it has had.
    opened: AtomicUsize,
    idle: Mutex<Vec<Channel>>,
    declared: Declared,
}

/// A message as it goes to the broker.
struct Outgoing {
    /// Its index in the batch.
    index: usize,
    exchange: ShortString,
    key: ShortString,
    properties: BasicProperties,
}

/// The messages that were not accepted, by index in the batch.
type Failures = Vec<(usize, Error)>;

impl Publisher {
    /// A publisher that is not connected.
    pub fn new(dialer: Dialer, route: Route, fields: &PublishFields) -> Self {
        Self {
            dialer,
            route,
            properties: Properties::new(fields),
            exchange_declare: fields.exchange_declare.clone(),
            immediate: fields.immediate,
            timeout: fields.timeout.as_ref().map(millrace_spec::Duration::get),
            link: Mutex::new(None),
        }
    }

    fn link(&self) -> Result<Arc<Link>, Error> {
        let link = self.link.lock().clone();
        link.filter(|it| it.is_usable())
            .ok_or_else(|| Error::not_connected("the connection is closed"))
    }

    /// The batch as it goes out; what cannot go out at all is noted.
    fn prepare(&self, batch: &MessageBatch, failed: &mut Failures) -> Vec<Outgoing> {
        let mut outgoing = Vec::with_capacity(batch.len());
        for index in 0..batch.len() {
            match self.outgoing(batch, index) {
                Ok(message) => outgoing.push(message),
                Err(error) => failed.push((index, error)),
            }
        }
        outgoing
    }

    fn outgoing(&self, batch: &MessageBatch, index: usize) -> Result<Outgoing, Error> {
        let text = |name: &str, field: &Interpolated| {
            let text = field.resolve(batch, index).map(Cow::into_owned);
            text.map_err(|error| error.context(name))
        };
        let exchange = text("exchange", &self.route.exchange)?;
        let key = match self.route.declare_queue {
            true => text("target", &self.route.key)?,
            // As Bento does, so that paths can be keys.
            false => text("key", &self.route.key)?.replace('/', "."),
        };
        Ok(Outgoing {
            index,
            exchange: crate::declare::short_string("exchange", exchange)?,
            key: crate::declare::short_string("key", key)?,
            properties: self.properties.of(batch, index)?,
        })
    }

    /// Declares what the messages need; those whose target cannot be declared are noted and
    /// taken out.
    ///
    /// # Errors
    /// The connection is lost.
    async fn declare(
        &self,
        link: &Link,
        outgoing: &mut Vec<Outgoing>,
        failed: &mut Failures,
    ) -> Result<(), Error> {
        if !self.exchange_declare.enabled && !self.route.declare_queue {
            return Ok(());
        }
        let mut kept = Vec::with_capacity(outgoing.len());
        for message in std::mem::take(outgoing) {
            let declared = match self.route.declare_queue {
                true => link.declared.queue(link, &message.key).await,
                false => {
                    let exchange = &message.exchange;
                    link.declared
                        .exchange(link, exchange, &self.exchange_declare)
                        .await
                }
            };
            match declared {
                Ok(()) => kept.push(message),
                Err(error) if error.class() == ErrorClass::NotConnected => return Err(error),
                Err(error) => failed.push((message.index, error)),
            }
        }
        *outgoing = kept;
        Ok(())
    }

    async fn publish(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let link = self.link()?;
        let mut failed = Failures::new();
        let mut outgoing = self.prepare(batch, &mut failed);
        self.declare(&link, &mut outgoing, &mut failed).await?;
        self.publish_windows(&link, batch, &outgoing, &mut failed)
            .await?;
        if failed.is_empty() {
            return Ok(());
        }
        failed.sort_by_key(|(index, _)| *index);
        Err(WriteError::some(failed))
    }
}

#[async_trait]
impl Output for Publisher {
    async fn connect(&self) -> Result<(), Error> {
        // The old connection goes first: it may hold what the broker allows only once.
        self.link.lock().take();
        let link = Link {
            connection: self.dialer.dial().await?,
            opened: AtomicUsize::new(0),
            idle: Mutex::default(),
            declared: Declared::default(),
        };
        if self.exchange_declare.enabled
            && let Some(exchange) = self.route.exchange.as_static()
        {
            let exchange = crate::declare::short_string("exchange", exchange)?;
            let declared = link
                .declared
                .exchange(&link, &exchange, &self.exchange_declare);
            // Whatever the broker has against it now may be changed later.
            let not_now = |error: Error| Error::not_connected(error.text());
            declared.await.map_err(not_now)?;
        }
        *self.link.lock() = Some(Arc::new(link));
        Ok(())
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let Some(limit) = self.timeout.filter(|it| !it.is_zero()) else {
            return self.publish(batch).await;
        };
        match tokio::time::timeout(limit, self.publish(batch)).await {
            Ok(result) => result,
            Err(_) => {
                let text = format!("the broker has not confirmed the message within {limit:?}");
                Err(Error::retry(text).into())
            }
        }
    }

    async fn lost(&self) {
        while self.link().is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn close(&self) -> Result<(), Error> {
        let link = self.link.lock().take();
        match link {
            Some(link) if link.is_connected() => dial::close(&link.connection).await,
            _ => Ok(()),
        }
    }
}

impl Link {
    fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Whether new writes may use it.
    fn is_usable(&self) -> bool {
        self.is_connected() && self.opened.load(Ordering::Relaxed) < self.channels_max()
    }

    /// How many channels it may have; the broker says so when it is opened.
    fn channels_max(&self) -> usize {
        match self.connection.configuration().channel_max() {
            0 => usize::from(u16::MAX),
            most => usize::from(most),
        }
    }

    /// Opens a channel with a number that none had before.
    ///
    /// # Errors
    /// `NotConnected` when there is none left, or the connection is lost.
    async fn open_channel(&self) -> Result<Channel, Error> {
        if self.opened.fetch_add(1, Ordering::Relaxed) >= self.channels_max() {
            let most = self.channels_max();
            let text = format!("all {most} channels of the connection were used: it is replaced");
            return Err(Error::not_connected(text));
        }
        let opened = self.connection.create_channel().await;
        opened.map_err(|error| self.fault(&error).context("open a channel"))
    }

    /// A channel that nobody else uses, with confirms switched on.
    async fn channel(&self) -> Result<Channel, Error> {
        loop {
            let idle = self.idle.lock().pop();
            match idle {
                Some(channel) if channel.status().connected() => return Ok(channel),
                Some(_) => {}
                None => break,
            }
        }
        let at = |error: lapin::Error| self.fault(&error).context("open a channel");
        let channel = self.open_channel().await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.map_err(at)?;
        Ok(channel)
    }

    /// Gives back a channel on which nothing is under way.
    fn put_back(&self, channel: Channel) {
        if channel.status().connected() {
            self.idle.lock().push(channel);
        }
    }

    /// The error with its class: a closed channel of an open connection is no lost connection.
    fn fault(&self, error: &lapin::Error) -> Error {
        let fault = fault::of(error);
        match self.is_connected() || fault.class() != ErrorClass::NotConnected {
            true if fault.class() == ErrorClass::NotConnected => Error::retry(fault.text()),
            _ => fault,
        }
    }
}
