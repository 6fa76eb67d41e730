//! Messages on their way to the broker, from publishing to the confirm of each.

use std::collections::HashSet;

use futures::future::join_all;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, PublisherConfirm};
use millrace_component::WriteError;
use millrace_message::{Error, ErrorClass, MessageBatch};

use super::{Failures, Link, Outgoing, Publisher};
use crate::fault;
use crate::in_order::start_in_order;

/// How many messages, and about how many payload bytes, are handed to the client library in one
/// step: it copies them.
const WINDOW_MESSAGES: usize = 256;
const WINDOW_BYTES: usize = 1 << 20;

/// What the broker said of one message.
enum Answer {
    Accepted,
    Refused(Error),
    /// The channel was closed before an answer came: it may have been accepted.
    Open(lapin::Error),
}

impl Publisher {
    /// Publishes the messages in order and notes those that were not accepted.
    ///
    /// # Errors
    /// The connection is lost; messages that were accepted before may be in their queues.
    pub(super) async fn publish_windows(
        &self,
        link: &Link,
        batch: &MessageBatch,
        outgoing: &[Outgoing],
        failed: &mut Failures,
    ) -> Result<(), WriteError> {
        let mut rest = outgoing;
        while !rest.is_empty() {
            let (window, after) = rest.split_at(window_len(batch, rest));
            rest = after;
            let answers = self.publish_window(link, batch, window).await?;
            let mut open = Vec::new();
            for (message, answer) in window.iter().zip(answers) {
                match answer {
                    Answer::Accepted => {}
                    Answer::Refused(error) => failed.push((message.index, error)),
                    Answer::Open(error) => open.push((message, error)),
                }
            }
            self.settle_open(link, batch, open, failed).await?;
        }
        Ok(())
    }

    /// The channel was closed because of one of these messages. Which one shows when each goes
    /// alone; when there is but one, it is known.
    async fn settle_open(
        &self,
        link: &Link,
        batch: &MessageBatch,
        open: Vec<(&Outgoing, lapin::Error)>,
        failed: &mut Failures,
    ) -> Result<(), WriteError> {
        let alone = open.len() == 1;
        // A missing exchange fails all its messages: no need to ask for each.
        let mut missing: HashSet<&ShortString> = HashSet::new();
        for (message, error) in open {
            let error = if alone || missing.contains(&message.exchange) {
                error
            } else {
                let answers = self.publish_window(link, batch, std::slice::from_ref(message));
                match answers.await?.pop() {
                    Some(Answer::Open(error)) => error,
                    Some(Answer::Refused(error)) => {
                        failed.push((message.index, error));
                        continue;
                    }
                    Some(Answer::Accepted) | None => continue,
                }
            };
            if fault::is_not_found(&error) {
                missing.insert(&message.exchange);
            }
            failed.push((message.index, link.fault(&error).context("publish")));
        }
        Ok(())
    }

    /// Publishes messages on a channel of their own and waits until all are confirmed.
    ///
    /// # Errors
    /// The connection is lost.
    async fn publish_window(
        &self,
        link: &Link,
        batch: &MessageBatch,
        window: &[Outgoing],
    ) -> Result<Vec<Answer>, Error> {
        // Dropped on every way out but the last, which closes the channel: late confirms of an
        // abandoned write must not be taken for those of the next one.
        let channel = link.channel().await?;
        let sent = start_in_order(window.iter().map(|it| self.send(&channel, batch, it))).await;
        let confirms = join_all(sent.into_iter().map(confirmed)).await;
        let mut answers = Vec::with_capacity(window.len());
        let mut returned = Vec::new();
        for confirm in confirms {
            answers.push(match confirm {
                Ok(Confirmation::Ack(message)) => {
                    returned.extend(message);
                    Answer::Accepted
                }
                Ok(Confirmation::Nack(message)) => {
                    returned.extend(message);
                    Answer::Refused(Error::retry(
                        "the broker has refused the message: its queue is full or not available",
                    ))
                }
                Ok(Confirmation::NotRequested) => {
                    Answer::Refused(Error::fatal("the channel has no confirms"))
                }
                Err(error) => {
                    let fault = link.fault(&error);
                    if fault.class() == ErrorClass::NotConnected {
                        return Err(fault);
                    }
                    Answer::Open(error)
                }
            });
        }
        for message in &returned {
            note_returned(batch, window, &mut answers, message);
            if self.route.declare_queue {
                // It may be gone: look again before the next message.
                link.declared.forget(&message.routing_key).await;
            }
        }
        link.put_back(channel);
        Ok(answers)
    }

    async fn send(
        &self,
        channel: &Channel,
        batch: &MessageBatch,
        message: &Outgoing,
    ) -> Result<PublisherConfirm, lapin::Error> {
        let options = BasicPublishOptions {
            mandatory: self.route.mandatory,
            immediate: self.immediate,
        };
        let (exchange, key) = (message.exchange.clone(), message.key.clone());
        let (payload, properties) = (payload(batch, message), message.properties.clone());
        channel
            .basic_publish(exchange, key, options, payload, properties)
            .await
    }
}

async fn confirmed(
    sent: Result<PublisherConfirm, lapin::Error>,
) -> Result<Confirmation, lapin::Error> {
    sent?.await
}

/// How many of the messages go out in one step, at least one.
fn window_len(batch: &MessageBatch, messages: &[Outgoing]) -> usize {
    let mut bytes = 0;
    let fits = messages.iter().take(WINDOW_MESSAGES).take_while(|it| {
        let before = bytes;
        bytes += payload(batch, it).len();
        before == 0 || bytes <= WINDOW_BYTES
    });
    fits.count().max(1)
}

fn payload<'b>(batch: &'b MessageBatch, message: &Outgoing) -> &'b [u8] {
    batch.get(message.index).map_or(&[][..], |it| it.bytes())
}

/// Finds the message that came back.
///
/// The client library hands a returned message to whichever confirm comes next. But all confirms
/// of the channel belong to this window, and a message comes back before it is confirmed: so each
/// returned message is one of the window, and its content says which. Messages that do not differ
/// in anything are the same message. When none has that content, none counts as delivered.
fn note_returned(
    batch: &MessageBatch,
    window: &[Outgoing],
    answers: &mut [Answer],
    returned: &BasicReturnMessage,
) {
    let error = Error::retry(format!(
        "returned: {}: no queue took the message to exchange `{}` with key `{}`",
        returned.reply_text, returned.exchange, returned.routing_key
    ));
    let same_address = |it: &Outgoing| {
        it.exchange == returned.exchange
            && it.key == returned.routing_key
            && payload(batch, it) == returned.data
    };
    let position = |is_same: &dyn Fn(&Outgoing) -> bool| {
        let mut pairs = window.iter().zip(answers.iter());
        pairs.position(|(it, answer)| !matches!(answer, Answer::Refused(_)) && is_same(it))
    };
    let exact = |it: &Outgoing| same_address(it) && it.properties == returned.properties;
    match position(&exact).or_else(|| position(&same_address)) {
        Some(index) => answers[index] = Answer::Refused(error),
        None => answers.fill_with(|| Answer::Refused(error.clone())),
    }
}
