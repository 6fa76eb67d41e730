//! One stream from start to end: it wires the stages together, drains them, and reports.

use std::sync::Arc;
use std::thread::JoinHandle;

use millrace_component::{
    Balance, Budget, BuildContext, Engine, Flow, Ledger, Leftovers, Query, Services, Sink, Source,
    queue,
};
use millrace_message::Error;
use millrace_telemetry::Scope;
use tokio_util::sync::CancellationToken;

use crate::chain::Chain;
use crate::config::{PlacedResources, StreamConfig};
use crate::engine::{RootOutput, StreamEngine};
use crate::legacy::rest_before;
use crate::on_error::{ErrorHandling, OnError};
use crate::own_thread::OwnThread;
use crate::starting::Starting;
use crate::{root_output, sharded, threads};

/// Messages that may wait between the pipeline threads and the output.
const EDGE_CAPACITY: usize = 128;

/// A running stream.
pub struct Stream {
    engine: Arc<StreamEngine>,
    flow: Flow,
    source: Source,
    chain: Arc<Chain>,
    threads: Vec<JoinHandle<()>>,
    output: tokio::task::JoinHandle<()>,
}

/// What the stages of a stream take from the process.
pub struct Environment {
    /// The byte budget.
    pub budget: Budget,
    /// What the stream before has left, and where this one leaves what it has not delivered.
    pub leftovers: Leftovers,
    /// The scope of the stream's metrics.
    pub scope: Scope,
    /// What the process lends to components.
    pub services: Services,
    /// What is done with messages that a processor failed on.
    pub error_handling: ErrorHandling,
}

impl Environment {
    /// An engine with these resources, which are not built yet.
    pub(crate) fn engine(
        self,
        resources: PlacedResources,
        starting: Starting,
    ) -> Arc<StreamEngine> {
        let flow = Flow::in_turn(self.budget, Ledger::default(), self.leftovers);
        let on_error = OnError::new(self.error_handling, flow.clone());
        StreamEngine::new(
            resources,
            flow,
            self.scope,
            self.services,
            on_error,
            starting,
        )
    }
}

impl Stream {
    /// Builds and starts a stream; call it within the asynchronous runtime. It returns when every
    /// component has been built.
    ///
    /// # Errors
    /// A component cannot be built, or a thread cannot be started.
    pub fn start(config: &StreamConfig, environment: Environment) -> Result<Self, Error> {
        let started = Self::start_until(config, environment, CancellationToken::new())?;
        Ok(started.expect("nobody can have asked it to stop"))
    }

    /// As [`Stream::start`], until `stop` is cancelled: there is no stream when that comes before the
    /// first input is started. Later the stream starts with what has not been started yet of its
    /// inputs ended, so that it can be stopped in order at once.
    ///
    /// # Errors
    /// As [`Stream::start`].
    pub fn start_until(
        config: &StreamConfig,
        environment: Environment,
        stop: CancellationToken,
    ) -> Result<Option<Self>, Error> {
        let engine = environment.engine(config.resources.clone().into(), Starting::until(stop));
        let started = match Self::build(config, &engine) {
            Err(_) if engine.starting().has_stopped() => Ok(None),
            built => built.map(Some),
        };
        engine
            .root()
            .flow()
            .settle_legacies(matches!(started, Ok(Some(_))));
        started
    }

    fn build(config: &StreamConfig, engine: &Arc<StreamEngine>) -> Result<Self, Error> {
        let flow = engine.root().flow().clone();
        if config.pipeline.shard_by.is_some() {
            flow.write_in_place();
        }
        config
            .input
            .mapping_caches
            .bind(&(Arc::clone(engine) as Arc<dyn Engine>));
        engine.build_resources()?;
        let root = engine.root();
        let output = engine.root_output(&config.output, config.pipeline.shard_by.is_some())?;
        let chain = Arc::new(engine.chain(
            &config.pipeline.processors,
            "processors",
            &root.child("pipeline", "", "pipeline"),
        )?);
        engine.starting().begin_to_read()?;
        let source = start_source(config, &root)?;
        let source = rest_before(source, &root)?;
        let edges = Edges {
            flow: &flow,
            chain: &chain,
            source: &source,
        };
        let (workers, output) = match (&config.pipeline.shard_by, output) {
            (Some(shard_by), RootOutput::Sink(sink)) => {
                edges.in_order(config.pipeline.threads, shard_by.clone(), sink)
            }
            (_, output) => edges.unordered(config.pipeline.threads, output),
        }
        .map_err(|error| Error::fatal(format!("start a thread of the stream: {error}")))?;
        tokio::spawn(drain_when_exhausted(source.exhausted(), flow.clone()));
        Ok(Self {
            engine: Arc::clone(engine),
            flow,
            source,
            chain,
            threads: workers,
            output,
        })
    }

    /// What its stages share.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// A token that stops the input when it is cancelled; what was read is still delivered.
    pub fn stopper(&self) -> CancellationToken {
        self.source.stopper()
    }

    /// Runs until the input has ended and everything it emitted has settled.
    ///
    /// Cancelling [`Flow::abort`] ends it early: what has not settled goes back to its source.
    ///
    /// # Errors
    /// What ended the input, or what could not be told to its source, or what an output could not
    /// finish; the balance is that of the end in any case.
    pub async fn finish(self) -> (Balance, Result<(), Error>) {
        let Self {
            engine,
            flow,
            source,
            chain,
            threads,
            output,
        } = self;
        let ended = source.finish().await;
        let joined = tokio::task::spawn_blocking(move || {
            threads
                .into_iter()
                .filter_map(|thread| thread.join().err())
                .count()
        });
        let panicked = joined.await.unwrap_or(1);
        if panicked > 0 {
            tracing::error!(panicked, "pipeline threads have panicked");
        }
        if let Err(panic) = output.await {
            tracing::error!("the output panicked: {panic}");
        }
        chain.close().await;
        engine.close_resources().await;
        let ended = ended.and_then(|()| flow.unfinished().map_or(Ok(()), Err));
        (flow.ledger().balance(), ended)
    }
}

/// The pipeline threads and the task or thread behind them.
type Stages = (Vec<JoinHandle<()>>, tokio::task::JoinHandle<()>);

/// What the threads of a pipeline stand between.
struct Edges<'a> {
    flow: &'a Flow,
    chain: &'a Arc<Chain>,
    source: &'a Source,
}

impl Edges<'_> {
    /// Threads that take whatever is ready.
    fn unordered(&self, count: i64, output: RootOutput) -> std::io::Result<Stages> {
        let abort = self.flow.abort();
        let (sender, receiver) = queue::queue(EDGE_CAPACITY);
        self.flow.edge("root.pipeline", receiver.gauge());
        let input = self.source.batches();
        if !self.chain.is_sync() {
            // Its threads take one at a time. What waits here for them is out of reach of other
            // consumers, delays the end, and is lost by a kill where the source cannot get it back.
            input.limit(1);
        }
        let reads = output.reads();
        // Where there is nothing to do, several threads would only mix up the order.
        let count = match self.chain.is_empty() {
            true => 1,
            false => threads_of(count),
        };
        let workers = threads::spawn(count, self.chain, input, &sender, reads, abort)?;
        let output = match output {
            RootOutput::Blocking(writer) => {
                let thread = OwnThread::spawn("output", move || writer.run_root(&receiver))?;
                tokio::spawn(async move {
                    if let Err(panic) = thread.join().await {
                        tracing::error!("the output panicked: {panic}");
                    }
                })
            }
            RootOutput::Sink(sink) => {
                tokio::spawn(root_output::drive(receiver, sink, self.flow.clone()))
            }
        };
        Ok((workers, output))
    }

    /// Threads that each have shards of their own.
    fn in_order(
        &self,
        count: i64,
        shard_by: Query,
        sink: Arc<dyn Sink>,
    ) -> std::io::Result<Stages> {
        let abort = self.flow.abort();
        let input = self.source.batches();
        let (workers, written) =
            sharded::spawn(threads_of(count), shard_by, self.chain, input, abort)?;
        self.flow.edge("root.pipeline", written.gauge());
        Ok((
            workers,
            tokio::spawn(sharded::write(written, sink, self.flow.clone())),
        ))
    }
}

fn start_source(config: &StreamConfig, root: &BuildContext) -> Result<Source, Error> {
    let buffer = root.buffer(&config.buffer)?;
    let mut source = root.input(&config.input, "input")?;
    let is_direct = config.buffer.name == "none";
    source = buffer.run(source);
    if !is_direct {
        root.flow().edge("root.buffer", source.batches().gauge());
    }
    Ok(source)
}

/// When the root input is exhausted, no stage holds anything back any more.
async fn drain_when_exhausted(mut exhausted: tokio::sync::watch::Receiver<bool>, flow: Flow) {
    // An input that is gone is exhausted too.
    let _gone = exhausted.wait_for(|exhausted| *exhausted).await;
    flow.drain();
}

/// How many threads a pipeline has: -1, and anything below 1, stands for one for each core.
fn threads_of(threads: i64) -> usize {
    match usize::try_from(threads) {
        Ok(threads) if threads > 0 => threads,
        _ => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }
}
