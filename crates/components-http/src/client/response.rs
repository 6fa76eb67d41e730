//! From a response to messages.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use millrace_component::{MetadataFilter, NameFilter};
use millrace_message::{Error, Message, MessageBatch, Text, Value};

use super::Reply;
use crate::multipart::{self, SplitError};

/// What of a response becomes metadata of its messages.
#[derive(Debug)]
pub(crate) struct Extract {
    headers: NameFilter,
    /// What the parts of a response may take beside their content, in bytes.
    parts_max: usize,
}

impl Extract {
    pub(super) fn new(headers: &MetadataFilter, parts_max: usize) -> Self {
        Self {
            headers: headers.compile(),
            parts_max,
        }
    }

    /// The payloads of a response: its body, or the parts of a multipart body.
    ///
    /// # Errors
    /// The body is not as its type says, or has too many parts.
    pub(crate) fn payloads(&self, reply: &Reply) -> Result<Vec<Bytes>, Error> {
        let content_type = reply.headers.get(CONTENT_TYPE);
        let boundary = content_type
            .and_then(|it| it.to_str().ok())
            .and_then(multipart::boundary_of);
        let parts = match boundary {
            None => return Ok(vec![reply.body.clone()]),
            Some(boundary) => boundary
                .map_err(SplitError::from)
                .and_then(|it| multipart::split(&reply.body, &it, self.parts_max)),
        };
        parts.map_err(|error| match error {
            SplitError::Broken(reason) => {
                Error::retry(format!("read the multipart response: {reason}"))
            }
            SplitError::TooMany(over) => Error::retry(format!(
                "read the multipart response: {over}; raise `max_response_size`, or \
                 `memory_limit` where that is smaller, if it is wanted"
            )),
        })
    }

    /// Sets `http_status_code` and the headers that are asked for.
    pub(crate) fn annotate(&self, reply: &Reply, message: &mut Message) {
        set_status(reply.status, message);
        if self.headers.is_empty() {
            return;
        }
        for name in reply.headers.keys() {
            if let Some(value) = reply.headers.get(name)
                && self.headers.includes(name.as_str())
            {
                let value = String::from_utf8_lossy(value.as_bytes());
                message.metadata.set(name.as_str(), &*value);
            }
        }
    }

    /// The response as messages of their own.
    ///
    /// # Errors
    /// As [`Extract::payloads`].
    pub(crate) fn messages(&self, reply: &Reply) -> Result<MessageBatch, Error> {
        self.replace(reply, &[])
    }

    /// The response in place of the batch it answers: each payload in a copy of the message of
    /// its index, or of the first one. The copies are detached.
    ///
    /// # Errors
    /// As [`Extract::payloads`].
    pub(crate) fn replace(&self, reply: &Reply, batch: &[Message]) -> Result<MessageBatch, Error> {
        let replaced = |(index, payload): (usize, Bytes)| {
            let model = batch.get(index).or_else(|| batch.first());
            let mut message = model.map(Message::detached).unwrap_or_default();
            message.set_bytes(payload);
            self.annotate(reply, &mut message);
            message
        };
        let payloads = self.payloads(reply)?;
        Ok(payloads.into_iter().enumerate().map(replaced).collect())
    }
}

/// Sets `http_status_code`.
pub(crate) fn set_status(status: http::StatusCode, message: &mut Message) {
    let code = Value::from(i64::from(status.as_u16()));
    message
        .metadata
        .set(Text::from_static("http_status_code"), code);
}
