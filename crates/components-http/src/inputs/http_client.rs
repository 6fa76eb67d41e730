//! The `http_client` input.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, BuiltInput, Descriptor, Incoming, Input, InputConfig, InputPart, Interpolated,
    LeafInput, OldCodec, ReplayPolicy, ScannerChild, ScannerFactory,
};
use millrace_http_client::{Credentials, Gzipped};
use millrace_message::{Error, ErrorClass, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec};

use crate::client::{
    BodySource, Client, ClientConfig, Reply, RequestConfig, SendError, check_target,
};
use stream::Streamed;

mod stream;

/// Asks an HTTP server again and again, and takes its answers for messages.
///
/// The body of an answer is a message, a multipart body a batch; metadata are `http_status_code`
/// and the headers of `extract_headers`. Requests follow each other without a pause: slow them
/// down by `rate_limit`. Interpolations in `url`, `headers` and `payload` see the message of the
/// answer before, so that a cursor can be followed; the first request sees an empty message.
///
/// With `stream.enabled` one answer is read as it arrives and cut by the scanner; it has no time
/// limit. When it ends, it is requested anew, or with `reconnect: false` the input ends. One that
/// breaks off is requested anew either way; a message that it broke off in is none.
///
/// The server hears nothing of what became of a message: a failed one is sent again by
/// `auto_replay_nacks`, and what was in flight when the process dies is gone, unless the server
/// gives it once more.
#[derive(Clone, Debug, Spec)]
#[spec(input = "http_client", category = "Network", check = check)]
pub struct Config {
    /// What to ask.
    #[spec(example = "http://localhost:8080/messages")]
    url: Interpolated,
    /// The verb of the requests.
    #[spec(default = "GET")]
    verb: String,
    #[spec(flatten)]
    client: ClientConfig,
    /// The body of the requests.
    payload: Option<Interpolated>,
    /// Whether an answer without a body is no message.
    #[spec(default = true, advanced)]
    drop_empty_bodies: bool,
    /// Reading one answer as a stream of messages.
    stream: StreamConfig,
    /// Whether a message that was not delivered is sent again.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How it is sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

/// Reading one answer as a stream of messages.
#[derive(Clone, Debug, Spec)]
#[spec(check = check_stream)]
struct StreamConfig {
    /// Whether the answer is a stream.
    #[spec(default = false)]
    enabled: bool,
    /// Whether it is requested anew when it ends.
    #[spec(default = true)]
    reconnect: bool,
    /// How it is cut into messages.
    #[spec(default = {"lines": {}})]
    scanner: ScannerChild,
    /// How old configs say that.
    #[spec(flatten)]
    old_codec: OldCodec,
}

fn check_stream(config: &mut StreamConfig, _: &Node, cx: &mut ReadContext) {
    config.old_codec.replace(&mut config.scanner, cx);
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    check_target(&config.url, &config.verb, node, cx);
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let request = RequestConfig {
            url: &self.url,
            verb: &self.verb,
            body: match &self.payload {
                Some(payload) => BodySource::Payload(payload),
                None => BodySource::Nothing,
            },
        };
        let client = Arc::new(Client::new(&request, &self.client, cx)?);
        let input: Box<dyn Input> = if self.stream.enabled {
            Box::new(StreamInput {
                client,
                scanner: cx.scanner(&self.stream.scanner, "stream.scanner")?,
                reconnect: self.stream.reconnect,
                drop_empty: self.drop_empty_bodies,
                streamed: None,
                url: String::new(),
                credentials: Credentials::default(),
                previous: MessageBatch::one(Message::default()),
            })
        } else {
            Box::new(PollInput {
                client,
                drop_empty: self.drop_empty_bodies,
                request: None,
                previous: MessageBatch::one(Message::default()),
            })
        };
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(input),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

type Request = Pin<Box<dyn Future<Output = Result<Reply, SendError>> + Send>>;

/// One answer after the other.
struct PollInput {
    client: Arc<Client>,
    drop_empty: bool,
    /// The request under way: it outlives a read that is cancelled.
    request: Option<Request>,
    previous: MessageBatch,
}

#[async_trait]
impl Input for PollInput {
    async fn connect(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        loop {
            let request = self.request.get_or_insert_with(|| {
                let client = Arc::clone(&self.client);
                let previous = self.previous.detached();
                Box::pin(async move { client.send(&previous).await })
            });
            let result = request.await;
            self.request = None;
            let reply = result.map_err(|it| it.error)?;
            let batch = self.client.extract().messages(&reply)?;
            let is_empty = match &*batch {
                [] => true,
                [message] => message.bytes().is_empty() && self.drop_empty,
                _ => false,
            };
            if !is_empty {
                self.previous = batch.detached();
                return Ok(Incoming::unacknowledged(batch));
            }
        }
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// One answer, cut into messages as it arrives.
struct StreamInput {
    client: Arc<Client>,
    scanner: Arc<dyn ScannerFactory>,
    reconnect: bool,
    drop_empty: bool,
    streamed: Option<Streamed>,
    /// What may be shown of the URL that is streamed.
    url: String,
    /// What may not be shown of its request.
    credentials: Credentials,
    previous: MessageBatch,
}

impl StreamInput {
    /// An error of the body, which knows no more than its connection: with the URL, as those of
    /// requests have it.
    fn named(&self, error: &Error) -> Error {
        self.credentials.scrubbed(&error.context(&*self.url))
    }
}

#[async_trait]
impl Input for StreamInput {
    async fn connect(&mut self) -> Result<(), Error> {
        let reply = self.client.open(&self.previous).await;
        let reply = reply.map_err(|it| it.error)?;
        let (head, body) = reply.response.into_parts();
        let mut message = Message::default();
        for name in head.headers.keys() {
            if let Some(value) = head.headers.get(name) {
                let value = String::from_utf8_lossy(value.as_bytes());
                message.metadata.set(name.as_str(), &*value);
            }
        }
        self.previous = MessageBatch::one(message);
        let is_gzipped = head.extensions.get::<Gzipped>().is_some();
        let scanner = Arc::clone(&self.scanner);
        self.streamed = Some(Streamed::start(body, is_gzipped, scanner));
        (self.url, self.credentials) = (reply.url, reply.credentials);
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let Some(streamed) = &mut self.streamed else {
            return Err(Error::not_connected("the stream is not open"));
        };
        loop {
            match streamed.next().await {
                Some(Ok(batch)) => {
                    let is_empty = match &*batch {
                        [] => true,
                        [message] => message.bytes().is_empty() && self.drop_empty,
                        _ => false,
                    };
                    if !is_empty {
                        self.previous = batch.detached();
                        return Ok(Incoming::unacknowledged(batch));
                    }
                }
                Some(Err(error)) if error.class() == ErrorClass::Rejected => {
                    return Err(self.named(&error.context("cut the stream into messages")));
                }
                Some(Err(error)) => {
                    self.streamed = None;
                    return Err(self.named(&Error::not_connected(error.text())));
                }
                None if self.reconnect => {
                    self.streamed = None;
                    return Err(self.named(&Error::not_connected("the stream has ended")));
                }
                None => return Err(Error::end_of_input()),
            }
        }
    }

    async fn stop(&mut self) {
        self.streamed = None;
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Server, Step, texts, workbench};

    /// A stream of lines from a server that gives them in one answer.
    async fn opened(answer: &str) -> (Server, Box<dyn Input>) {
        let server = Server::start([Step::Answer(answer.into()), Step::Cut]).await;
        let url = format!("http://user:passwort@{}/path?key=4711", server.address);
        let yaml = format!("http_client: {{ url: '{url}', stream: {{ enabled: true }} }}");
        let BuiltInput::Async(mut input) = workbench().leaf_input(&yaml).input else {
            panic!("the input reads without waiting");
        };
        input.connect().await.unwrap();
        (server, input)
    }

    async fn after_one_line(input: &mut dyn Input) -> Error {
        let read = input.read().await.unwrap();
        assert_eq!(texts(&read.batch), ["one"]);
        input.read().await.err().unwrap()
    }

    #[tokio::test]
    async fn a_stream_that_is_compressed_is_unpacked_as_it_arrives() {
        let server = Server::start([Step::gzipped("one\ntwo\n"), Step::Hang]).await;
        let yaml = format!(
            "http_client: {{ url: '{}', stream: {{ enabled: true }} }}",
            server.url()
        );
        let BuiltInput::Async(mut input) = workbench().leaf_input(&yaml).input else {
            panic!("the input reads without waiting");
        };
        input.connect().await.unwrap();
        for expected in ["one", "two"] {
            let read = input.read().await.unwrap();
            assert_eq!(texts(&read.batch), [expected]);
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_or_ends_is_told_with_its_url_and_without_what_is_secret_in_it() {
        let head = "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n";
        for rest in ["this is no chunk\r\n", "0\r\n\r\n"] {
            let (server, mut input) = opened(&format!("{head}{rest}")).await;
            let error = after_one_line(&mut *input).await;
            let expected = format!("{}: ", server.url());
            assert!(error.text().starts_with(&expected), "{error}");
            assert_eq!(error.class(), ErrorClass::NotConnected, "{error}");
            for secret in ["passwort", "4711", "user"] {
                assert!(!error.text().contains(secret), "{error}");
            }
        }
    }
}
