//! The `http` processor.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated,
    ProcessorConfig,
};
use millrace_message::{Error, MessageBatch, Origin};
use millrace_spec::{Node, ReadContext, Spec};

use crate::client::{
    BodySource, Client, ClientConfig, Reply, RequestConfig, SendError, check_target, set_status,
};

/// Sends messages to an HTTP server and replaces them by its answers.
///
/// Each message is a request of its own, one after the other, or with `parallel` all at a time;
/// with `batch_as_multipart` a batch is one request. The body of the answer becomes the payload
/// (a multipart answer becomes one message for each part), `http_status_code` and the headers of
/// `extract_headers` become metadata, and the metadata of the message stay.
///
/// A message whose request failed after all `retries` goes on unchanged with its error flag set,
/// and with `http_status_code` when there was an answer: handle it with `catch` or
/// `reject_errored`.
///
/// Redirects are followed, at most ten; credentials are sent neither to another host nor from `https`
/// on to `http`. A
/// `traceparent` header continues the trace of the message. Pauses between attempts double for
/// every kind of failure.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "http", category = "Integration", check = check)]
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
    /// Whether the messages of a batch are sent all at a time.
    #[spec(default = false)]
    parallel: bool,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    check_target(&config.url, &config.verb, node, cx);
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let request = RequestConfig {
            url: &self.url,
            verb: &self.verb,
            body: match &self.payload {
                Some(payload) => BodySource::Payload(payload),
                None => BodySource::Messages,
            },
        };
        Ok(BuiltProcessor::Async(Arc::new(Http {
            client: Client::new(&request, &self.client, cx)?,
            identity: Arc::clone(cx.identity()),
            whole_batch: self.batch_as_multipart,
            parallel: self.parallel,
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Http {
    client: Client,
    identity: Arc<Identity>,
    whole_batch: bool,
    parallel: bool,
}

#[async_trait]
impl AsyncProcessor for Http {
    async fn process(&self, batch: MessageBatch) -> Batches {
        let processed = if self.whole_batch || batch.len() == 1 {
            let result = self.client.send(&batch).await;
            self.answered(batch, result)
        } else if self.parallel {
            let requests = batch
                .iter()
                .map(|it| self.client.send(std::slice::from_ref(it)));
            let results = join_all(requests).await;
            self.all_answered(batch, results)
        } else {
            let mut results = Vec::with_capacity(batch.len());
            for message in batch.iter() {
                results.push(self.client.send(std::slice::from_ref(message)).await);
            }
            self.all_answered(batch, results)
        };
        smallvec::smallvec![processed]
    }
}

impl Http {
    fn all_answered(
        &self,
        batch: MessageBatch,
        results: Vec<Result<Reply, SendError>>,
    ) -> MessageBatch {
        let mut processed = MessageBatch::new();
        for (message, result) in batch.into_iter().zip(results) {
            processed.append(self.answered(MessageBatch::one(message), result));
        }
        processed
    }

    /// What becomes of the messages of one request.
    fn answered(&self, mut batch: MessageBatch, result: Result<Reply, SendError>) -> MessageBatch {
        let payloads = match &result {
            Ok(reply) => self.client.extract().payloads(reply).map(|it| (reply, it)),
            Err(failure) => Err(failure.error.clone()),
        };
        let status = match &result {
            Ok(reply) => Some(reply.status),
            Err(failure) => failure.status,
        };
        match payloads {
            Ok((reply, payloads)) if payloads.len() == batch.len() => {
                for (message, payload) in batch.iter_mut().zip(payloads) {
                    message.set_bytes(payload);
                    self.client.extract().annotate(reply, message);
                }
                batch
            }
            Ok((reply, payloads)) if !payloads.is_empty() => {
                match self.client.extract().replace(reply, &batch) {
                    Ok(replaced) => redistribute(batch, replaced),
                    Err(error) => self.failed(batch, &error, status),
                }
            }
            Ok(_) => {
                let error = Error::retry("the multipart answer has no parts");
                self.failed(batch, &error, status)
            }
            Err(error) => self.failed(batch, &error, status),
        }
    }

    fn failed(
        &self,
        mut batch: MessageBatch,
        error: &Error,
        status: Option<http::StatusCode>,
    ) -> MessageBatch {
        let fault = Arc::new(self.identity.fault(error.clone()));
        for message in batch.iter_mut() {
            if let Some(status) = status {
                set_status(status, message);
            }
            message.set_fault(Arc::clone(&fault));
        }
        batch
    }
}

/// Gives every message that replaces a batch of another size the origins of the whole batch.
fn redistribute(mut batch: MessageBatch, mut replaced: MessageBatch) -> MessageBatch {
    replaced.share_origin(Origin::merge(batch.take_origins()));
    replaced
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor_while_its_server_is_away() {
        let address = crate::testing::free_address();
        let yaml = format!("http: {{ url: 'http://{address}/', retries: 0 }}");
        let processor = Workbench::new([crate::PROCESSORS]).processor(&yaml);
        let processor = processor.unwrap_or_else(|error| panic!("{error}"));
        conformance::processor(&processor).await;
    }
}
