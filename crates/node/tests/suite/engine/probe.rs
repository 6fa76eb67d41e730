//! The input, the processor and the output `probe`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use millrace_component::{
    BatchPolicy, Batches, BlockingOutput, BuildContext, BuiltInput, BuiltOutput, BuiltProcessor,
    Descriptor, Incoming, Input, InputConfig, InputPart, LeafInput, LeafOutput, Output,
    OutputConfig, OutputPart, Processor, ProcessorConfig, ReplayPolicy, WriteError,
};
use millrace_message::{Error, Message, MessageBatch, Outcome};
use millrace_spec::Spec;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

pub const FAMILY: &[Descriptor] = &[
    Descriptor::input::<InputFields>(),
    Descriptor::processor::<ProcessorFields>(),
    Descriptor::output::<OutputFields>(),
];

/// What the probes of one stream tell, and what they are told.
pub struct Wires {
    pub payloads: Mutex<Payloads>,
    pub more: Notify,
    pub acks: mpsc::UnboundedSender<(String, Outcome)>,
    pub written: mpsc::UnboundedSender<Written>,
    /// Writes wait here for a permit when the output is `gated`.
    pub gate: Semaphore,
    /// How many writes have begun.
    pub begun: AtomicUsize,
    /// How many batches the processor has seen.
    pub stepped: AtomicUsize,
    /// Ends the start of the stream.
    pub stop_starting: CancellationToken,
}

impl Wires {
    /// Does what a probe does while it is built.
    fn built(&self, how: &str) -> Result<(), Error> {
        match how {
            "stops" => self.stop_starting.cancel(),
            "fails" => return Err(Error::fatal("the probe is built all the same")),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub struct Payloads {
    pub waiting: VecDeque<String>,
    pub ended: bool,
    pub unsettled: usize,
}

/// A batch that an output accepted, or the first one that a processor has seen.
#[derive(Debug)]
pub struct Written {
    pub by: String,
    pub payloads: Vec<String>,
    pub replay_error: Option<String>,
}

/// Emits what the test sends.
#[derive(Clone, Debug, Spec)]
#[spec(input = "probe")]
struct InputFields {
    /// How many messages may be unsettled; 0 for any number.
    #[spec(default = 0)]
    in_flight_max: u64,
    /// Whether the source hears of outcomes.
    #[spec(default = true)]
    acknowledged: bool,
    /// Whether failed messages are sent again.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How they are.
    replay: ReplayPolicy,
    /// What happens while it is built: it `stops` the start, or `fails`.
    #[spec(default = "")]
    build: String,
}

impl InputConfig for InputFields {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        cx.service::<Wires>().unwrap().built(&self.build)?;
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(Box::new(ProbeInput {
                fields: self.clone(),
                wires: cx.service().unwrap(),
            })),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        }))
    }
}

struct ProbeInput {
    fields: InputFields,
    wires: Arc<Wires>,
}

impl ProbeInput {
    fn next(&self) -> Option<Result<String, Error>> {
        let mut payloads = self.wires.payloads.lock();
        let bound = self.in_flight_max().unwrap_or(usize::MAX);
        if payloads.unsettled >= bound {
            return None;
        }
        match payloads.waiting.pop_front() {
            Some(payload) => {
                payloads.unsettled += 1;
                Some(Ok(payload))
            }
            None => payloads.ended.then(|| Err(Error::end_of_input())),
        }
    }
}

#[async_trait]
impl Input for ProbeInput {
    fn in_flight_max(&self) -> Option<usize> {
        usize::try_from(self.fields.in_flight_max)
            .ok()
            .filter(|max| *max > 0)
    }

    async fn connect(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let payload = loop {
            let more = self.wires.more.notified();
            if let Some(next) = self.next() {
                break next?;
            }
            more.await;
        };
        let message = Message::from(payload.as_str());
        if !self.fields.acknowledged {
            return Ok(Incoming::unacknowledged(message));
        }
        let wires = Arc::clone(&self.wires);
        Ok(Incoming::acknowledged(message, move |outcomes| {
            wires.payloads.lock().unsettled -= 1;
            let _unheard = wires.acks.send((payload, outcomes[0].clone()));
            wires.more.notify_one();
        }))
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Tells the first batch that comes by.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "probe")]
struct ProcessorFields {
    /// The name by which the test knows it.
    #[spec(default = "step")]
    name: String,
    /// What happens while it is built: it `stops` the start, or `fails`.
    #[spec(default = "")]
    build: String,
}

impl ProcessorConfig for ProcessorFields {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        cx.service::<Wires>().unwrap().built(&self.build)?;
        Ok(BuiltProcessor::Sync(Arc::new(ProbeProcessor {
            name: self.name.clone(),
            told: AtomicBool::new(false),
            wires: cx.service().unwrap(),
        })))
    }
}

struct ProbeProcessor {
    name: String,
    told: AtomicBool,
    wires: Arc<Wires>,
}

impl Processor for ProbeProcessor {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.wires.stepped.fetch_add(1, Ordering::Relaxed);
        if !self.told.swap(true, Ordering::Relaxed) {
            let _unheard = self.wires.written.send(Written {
                by: self.name.clone(),
                payloads: texts(&batch),
                replay_error: None,
            });
        }
        smallvec::smallvec![batch]
    }
}

fn texts(batch: &MessageBatch) -> Vec<String> {
    let text = |message: &Message| String::from_utf8_lossy(message.bytes()).into_owned();
    batch.iter().map(text).collect()
}

/// Tells what it is given.
#[derive(Clone, Debug, Spec)]
#[spec(output = "probe")]
struct OutputFields {
    /// The name by which the test knows it.
    #[spec(default = "main")]
    name: String,
    /// Payloads that hold this text are refused; empty for none.
    #[spec(default = "")]
    refuse: String,
    /// Whether what it refuses costs it its connection.
    #[spec(default = false)]
    disconnects: bool,
    /// How many writes are refused before that ends; 0 for all.
    #[spec(default = 0)]
    refusals: u64,
    /// Whether each write waits for a permit of the test.
    #[spec(default = false)]
    gated: bool,
    /// Whether it works on a thread of its own.
    #[spec(default = false)]
    blocking: bool,
    /// How many writes may be under way.
    #[spec(default = 1)]
    max_in_flight: u64,
    /// How messages become batches.
    batching: Option<BatchPolicy>,
}

impl OutputConfig for OutputFields {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let output = ProbeOutput {
            fields: self.clone(),
            refused: Mutex::default(),
            wires: cx.service().unwrap(),
        };
        Ok(OutputPart::Leaf(LeafOutput {
            output: match self.blocking {
                true => BuiltOutput::Blocking(Box::new(output)),
                false => BuiltOutput::Async(Arc::new(output)),
            },
            max_in_flight: usize::try_from(self.max_in_flight).unwrap(),
            connect_timeout: None,
            batching: self.batching.clone(),
        }))
    }
}

struct ProbeOutput {
    fields: OutputFields,
    refused: Mutex<u64>,
    wires: Arc<Wires>,
}

#[async_trait]
impl Output for ProbeOutput {
    async fn connect(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        self.wires.begun.fetch_add(1, Ordering::Relaxed);
        if self.fields.gated {
            self.wires.gate.acquire().await.unwrap().forget();
        }
        let payloads = texts(batch);
        let refuse = &self.fields.refuse;
        if !refuse.is_empty() && payloads.iter().any(|it| it.contains(refuse.as_str())) {
            let mut refused = self.refused.lock();
            if self.fields.refusals == 0 || *refused < self.fields.refusals {
                *refused += 1;
                let text = format!("{} refuses", self.fields.name);
                return Err(match self.fields.disconnects {
                    true => Error::not_connected(text).into(),
                    false => Error::rejected(text).into(),
                });
            }
        }
        let replay_error = batch[0].metadata.get("replay_error");
        let _unheard = self.wires.written.send(Written {
            by: self.fields.name.clone(),
            payloads,
            replay_error: replay_error.map(|it| it.to_text().as_str().to_owned()),
        });
        Ok(())
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl BlockingOutput for ProbeOutput {
    fn write(&mut self, run: &[MessageBatch], results: &mut Vec<Result<(), WriteError>>) {
        let runtime = tokio::runtime::Handle::current();
        for batch in run {
            results.push(runtime.block_on(Output::write(self, batch)));
        }
    }
}
