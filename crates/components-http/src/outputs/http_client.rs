//! The `http_client` output.

use async_trait::async_trait;
use millrace_component::{
    BatchPolicy, BuildContext, BuiltOutput, Descriptor, Interpolated, LeafOutput, Output,
    OutputConfig, OutputPart,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec};
use millrace_telemetry::metric::Side;
use std::sync::Arc;

use crate::client::{
    BodySource, Client, ClientConfig, MultipartPart, Reply, RequestConfig, check_target,
};

/// Sends messages to an HTTP server.
///
/// Each message is a request of its own; with `batch_as_multipart` a batch is one request with a
/// part for each message. A message is delivered when the server answers with 200 to 299 or a
/// status of `successful_on`; the answer is read to its end first. Otherwise the request is sent
/// again up to `retries` times, and then exactly the messages whose requests failed are nacked.
/// A request whose answer did not arrive may have been received: messages can arrive twice.
///
/// `propagate_response` leaves the answer as a synchronous response for the input, with the
/// metadata `http_status_code` and the headers of `extract_headers`.
///
/// Redirects are followed, at most ten; credentials are sent neither to another host nor from `https`
/// on to `http`. A
/// `traceparent` header continues the trace of the message.
///
/// Where this differs from Bento: pauses between attempts double for every kind of failure; a
/// response above `max_response_size` is an error; one failed message of a batch does not keep
/// the others of its batch from being sent.
#[derive(Clone, Debug, Spec)]
#[spec(output = "http_client", category = "Network", check = check)]
pub struct Config {
    /// Where to send.
    #[spec(example = "http://localhost:8080/messages")]
    url: Interpolated,
    /// The verb of the requests.
    #[spec(default = "POST")]
    verb: String,
    #[spec(flatten)]
    client: ClientConfig,
    /// A body to send instead of the message.
    #[spec(advanced, since = "1.16.0")]
    payload: Option<Interpolated>,
    /// Whether a batch is sent as one multipart request.
    #[spec(default = false, advanced)]
    batch_as_multipart: bool,
    /// Whether the answer becomes a synchronous response.
    #[spec(default = false, advanced)]
    propagate_response: bool,
    /// How many batches are sent at a time.
    #[spec(default = 64, lint = at_least_one)]
    max_in_flight: usize,
    /// How long a message waits for the connection before it fails.
    #[spec(advanced)]
    connect_timeout: Option<millrace_spec::Duration>,
    /// Collects messages into batches.
    batching: BatchPolicy,
    /// The parts of a multipart body to send instead of the message.
    #[spec(default = [], advanced)]
    multipart: Vec<MultipartPart>,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    check_target(&config.url, &config.verb, node, cx);
}

fn at_least_one(value: &usize, node: &Node, cx: &mut ReadContext) {
    if *value == 0 {
        let message = "max_in_flight must be at least 1";
        cx.error(millrace_spec::codes::INVALID_VALUE, node.span, message);
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let request = RequestConfig {
            url: &self.url,
            verb: &self.verb,
            body: match &self.payload {
                Some(payload) => BodySource::Payload(payload),
                None if self.multipart.is_empty() => BodySource::Messages,
                None => BodySource::Parts(&self.multipart),
            },
        };
        let client = Client::new(&request, &self.client, cx)?;
        if let Some(breaker) = client.breaker() {
            breaker.watch(cx.metrics().connection(Side::Output));
        }
        let output = HttpClient {
            client,
            whole_batch: self.batch_as_multipart,
            propagate: self.propagate_response,
        };
        Ok(OutputPart::Leaf(LeafOutput {
            output: BuiltOutput::Async(Arc::new(output)),
            max_in_flight: self.max_in_flight,
            connect_timeout: self.connect_timeout.as_ref().map(|it| it.get()),
            batching: (!self.batching.is_noop()).then(|| self.batching.clone()),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct HttpClient {
    client: Client,
    whole_batch: bool,
    propagate: bool,
}

#[async_trait]
impl Output for HttpClient {
    async fn connect(&self) -> Result<(), Error> {
        // Connections are made as requests need them.
        Ok(())
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), millrace_component::WriteError> {
        if batch.len() == 1 || self.whole_batch {
            return Ok(self.send(batch).await?);
        }
        let mut failed = Vec::new();
        for (index, message) in batch.iter().enumerate() {
            if let Err(error) = self.send(std::slice::from_ref(message)).await {
                failed.push((index, error));
            }
        }
        match failed.is_empty() {
            true => Ok(()),
            false => Err(millrace_component::WriteError::some(failed)),
        }
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl HttpClient {
    async fn send(&self, batch: &[Message]) -> Result<(), Error> {
        let reply = self.client.send(batch).await.map_err(|it| it.error)?;
        if self.propagate {
            self.leave_reply(&reply, batch)?;
        }
        Ok(())
    }

    /// Leaves the answer for the input, when it waits for one.
    fn leave_reply(&self, reply: &Reply, batch: &[Message]) -> Result<(), Error> {
        let context = batch.first().and_then(Message::context);
        if let Some(replies) = context.and_then(|it| it.replies()) {
            replies.push(self.client.extract().replace(reply, batch)?);
        }
        Ok(())
    }
}
