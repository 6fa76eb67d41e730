//! The engine as components see it: it starts their children and finds their resources.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, BatchPolicy, Batches, BuildContext, BuiltCache, BuiltOutput, BuiltProcessor,
    BuiltRateLimit, CacheChild, Engine, Flow, InputChild, InputPart, LeafOutput, OutputChild,
    OutputPart, Processor, ProcessorChild, RateLimitChild, Reads, Services, Sink, Source,
};
use millrace_message::{Error, MessageBatch};
use millrace_telemetry::Scope;
use millrace_telemetry::metric::ProcessorMetrics;
use parking_lot::Mutex;

use crate::batching_sink::BatchingSink;
use crate::blocking_output::BlockingSink;
use crate::chain::{Chain, ChainLink};
use crate::config::PlacedResources;
use crate::leaf_output::{Above, LeafSink};
use crate::on_error::OnError;
use crate::processed::{ProcessedSink, processed_source};
use crate::resources::Resources;
use crate::spans::SpanSource;
use crate::starting::Starting;
use crate::{blocking_output, leaf_input};

/// How long a child of a composite output waits for its connection before a write fails.
const CHILD_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The engine of one stream.
pub(crate) struct StreamEngine {
    this: Weak<Self>,
    flow: Flow,
    scope: Scope,
    services: Services,
    on_error: Arc<OnError>,
    starting: Starting,
    caches: Resources<CacheChild, BuiltCache>,
    rate_limits: Resources<RateLimitChild, BuiltRateLimit>,
    processors: Resources<ProcessorChild, BuiltProcessor>,
    outputs: Resources<OutputChild, Arc<dyn Sink>>,
    inputs: Mutex<Vec<InputSlot>>,
}

/// An input resource, which has one reader.
struct InputSlot {
    label: String,
    /// Its place in the list.
    index: usize,
    /// What is left until it is read.
    child: Option<InputChild>,
}

impl InputSlot {
    fn of((index, child): (usize, InputChild)) -> Self {
        Self {
            label: child.label.clone(),
            index,
            child: Some(child),
        }
    }
}

/// The root output: a blocking leaf is driven by its own thread, everything else by a task.
pub(crate) enum RootOutput {
    Blocking(blocking_output::Writer),
    Sink(Arc<dyn Sink>),
}

impl RootOutput {
    /// What it reads of a payload.
    pub(crate) fn reads(&self) -> Reads {
        match self {
            Self::Blocking(writer) => writer.reads(),
            Self::Sink(_) => Reads::Anything,
        }
    }
}

impl StreamEngine {
    pub(crate) fn new(
        resources: PlacedResources,
        flow: Flow,
        scope: Scope,
        services: Services,
        on_error: OnError,
        starting: Starting,
    ) -> Arc<Self> {
        let on_error = Arc::new(on_error);
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            flow,
            // Its own, so that the series of this stream end with it.
            scope: scope.child("", ""),
            services,
            on_error,
            starting,
            caches: Resources::new("cache", resources.caches, |it| &it.label),
            rate_limits: Resources::new("rate_limit", resources.rate_limits, |it| &it.label),
            processors: Resources::new("processor", resources.processors, |it| &it.label),
            outputs: Resources::new("output", resources.outputs, |it| &it.label),
            inputs: Mutex::new(resources.inputs.into_iter().map(InputSlot::of).collect()),
        })
    }

    /// The context of the root of the stream.
    pub(crate) fn root(&self) -> BuildContext {
        let this = self
            .this
            .upgrade()
            .expect("the engine outlives the building of its stream");
        BuildContext::new(
            this,
            self.flow.clone(),
            self.scope.clone(),
            self.services.clone(),
        )
    }

    /// How far the start of the stream is.
    pub(crate) fn starting(&self) -> &Starting {
        &self.starting
    }

    /// Builds a component, unless the start of the stream has ended.
    fn built<T>(
        &self,
        cx: &BuildContext,
        build: impl FnOnce(&BuildContext) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.starting.go_on()?;
        placed(build(cx), cx)
    }

    /// Builds every resource, so that what is wrong with one is known before the first message.
    pub(crate) fn build_resources(&self) -> Result<(), Error> {
        for label in self.caches.labels() {
            self.cache(label)?;
        }
        for label in self.rate_limits.labels() {
            self.rate_limit(label)?;
        }
        for label in self.processors.labels() {
            self.processor_resource(label)?;
        }
        for label in self.outputs.labels() {
            self.output_resource(label)?;
        }
        Ok(())
    }

    /// Closes every resource that was built.
    pub(crate) async fn close_resources(&self) {
        for output in self.outputs.built() {
            output.close().await;
        }
        for processor in self.processors.built() {
            processor.close().await;
        }
        for rate_limit in self.rate_limits.built() {
            rate_limit.close().await;
        }
        for cache in self.caches.built() {
            if let BuiltCache::Remote(cache) = cache {
                cache.close().await;
            }
        }
    }

    /// Builds the output at the root, which waits for its connection as long as it takes. With
    /// `one_by_one` even a blocking leaf is written to in single writes.
    pub(crate) fn root_output(
        &self,
        child: &OutputChild,
        one_by_one: bool,
    ) -> Result<RootOutput, Error> {
        let cx = self.root().of(child, "output");
        self.on_error.meet_output(child.name, cx.path());
        match self.built(&cx, |cx| child.config.build(cx))? {
            OutputPart::Leaf(LeafOutput {
                output: BuiltOutput::Blocking(output),
                batching: None,
                ..
            }) if child.processors.is_empty() && !one_by_one => Ok(RootOutput::Blocking(
                blocking_output::Writer::new(output, Above::Stream, &cx),
            )),
            part => Ok(RootOutput::Sink(self.sink(
                part,
                child,
                Above::Stream,
                &cx,
            )?)),
        }
    }

    fn sink(
        &self,
        part: OutputPart,
        child: &OutputChild,
        above: Above,
        cx: &BuildContext,
    ) -> Result<Arc<dyn Sink>, Error> {
        let sink: Arc<dyn Sink> = match part {
            OutputPart::Composite(sink) => sink,
            OutputPart::Leaf(leaf) => {
                let sink: Arc<dyn Sink> = match leaf.output {
                    BuiltOutput::Async(output) => Arc::new(LeafSink::start(
                        output,
                        leaf.max_in_flight,
                        leaf.connect_timeout,
                        above,
                        cx,
                    )),
                    BuiltOutput::Blocking(output) => {
                        Arc::new(placed(BlockingSink::start(output, cx), cx)?)
                    }
                };
                match leaf.batching {
                    Some(policy) => Arc::new(BatchingSink::start(sink, &policy, cx)?),
                    None => sink,
                }
            }
        };
        if child.processors.is_empty() {
            return Ok(sink);
        }
        let chain = self.chain(&child.processors, "processors", cx)?;
        let path = format!("{}.processors.", cx.path());
        let flow = self.flow.clone();
        Ok(Arc::new(ProcessedSink::new(chain, path, sink, flow)))
    }

    /// Builds a list of processors into a chain.
    pub(crate) fn chain(
        &self,
        children: &[ProcessorChild],
        segment: &str,
        cx: &BuildContext,
    ) -> Result<Chain, Error> {
        let place = |(index, child)| (format!("{segment}.{index}"), child);
        self.chain_at(children.iter().enumerate().map(place), cx)
    }

    /// Builds processors into a chain; each comes with its place below `cx`.
    pub(crate) fn chain_at<'a>(
        &self,
        children: impl ExactSizeIterator<Item = (String, &'a ProcessorChild)>,
        cx: &BuildContext,
    ) -> Result<Chain, Error> {
        let mut links = Vec::with_capacity(children.len());
        for (segment, child) in children {
            let cx = cx.of(child, &segment);
            self.on_error.meet_processor(child.name, cx.path());
            links.push(ChainLink {
                processor: self.built(&cx, |cx| child.config.build(cx))?,
                metrics: ProcessorMetrics::new(cx.metrics()),
                spans: SpanSource::of_processor(&cx),
                path: Arc::clone(&cx.identity().path),
            });
        }
        let abort = self.flow.abort().clone();
        Ok(Chain::whole(links, Arc::clone(&self.on_error), abort))
    }
}

impl Engine for StreamEngine {
    fn input(&self, child: &InputChild, cx: &BuildContext) -> Result<Source, Error> {
        if self.starting.is_over() {
            return Ok(Source::spawn(1, |_| async { Ok(()) }));
        }
        let source = match placed(child.config.build(cx), cx)? {
            InputPart::Composite(source) => source,
            InputPart::Leaf(leaf) => leaf_input::run(leaf, cx.flow().legacy(cx.path()), cx)?,
        };
        cx.flow().edge(cx.path(), source.batches().gauge());
        if child.processors.is_empty() {
            return Ok(source);
        }
        let chain = self.chain(&child.processors, "processors", cx)?;
        let source = processed_source(source, chain);
        let path = format!("{}.processors", cx.path());
        cx.flow().edge(&path, source.batches().gauge());
        Ok(source)
    }

    fn output(&self, child: &OutputChild, cx: &BuildContext) -> Result<Arc<dyn Sink>, Error> {
        self.on_error.meet_output(child.name, cx.path());
        let part = self.built(cx, |cx| child.config.build(cx))?;
        self.sink(part, child, Above::Output(CHILD_CONNECT_TIMEOUT), cx)
    }

    fn batched(
        &self,
        sink: Arc<dyn Sink>,
        policy: &BatchPolicy,
        cx: &BuildContext,
    ) -> Result<Arc<dyn Sink>, Error> {
        Ok(Arc::new(BatchingSink::start(sink, policy, cx)?))
    }

    fn processor(
        &self,
        child: &ProcessorChild,
        cx: &BuildContext,
    ) -> Result<BuiltProcessor, Error> {
        self.on_error.meet_processor(child.name, cx.path());
        let link = ChainLink {
            processor: self.built(cx, |cx| child.config.build(cx))?,
            metrics: ProcessorMetrics::new(cx.metrics()),
            spans: SpanSource::of_processor(cx),
            path: Arc::clone(&cx.identity().path),
        };
        let abort = self.flow.abort().clone();
        let chain = Chain::part([link], Arc::clone(&self.on_error), abort);
        Ok(if chain.is_sync() {
            BuiltProcessor::Sync(Arc::new(SyncChain(chain)))
        } else {
            BuiltProcessor::Async(Arc::new(AsyncChain(chain)))
        })
    }

    fn cache(&self, label: &str) -> Result<BuiltCache, Error> {
        self.caches.get(label, |child, index| {
            let cx = self.root().of(child, &format!("cache_resources.{index}"));
            self.built(&cx, |cx| child.config.build(cx))
        })
    }

    fn rate_limit(&self, label: &str) -> Result<BuiltRateLimit, Error> {
        self.rate_limits.get(label, |child, index| {
            let cx = self
                .root()
                .of(child, &format!("rate_limit_resources.{index}"));
            self.built(&cx, |cx| child.config.build(cx))
        })
    }

    fn processor_resource(&self, label: &str) -> Result<BuiltProcessor, Error> {
        self.processors.get(label, |child, index| {
            let segment = format!("processor_resources.{index}");
            self.processor(child, &self.root().of(child, &segment))
        })
    }

    fn processor_config(&self, label: &str) -> Result<ProcessorChild, Error> {
        self.processors.config(label)
    }

    fn input_resource(&self, label: &str) -> Result<Source, Error> {
        let (index, child) = {
            let mut inputs = self.inputs.lock();
            let Some(slot) = inputs.iter_mut().find(|it| it.label == label) else {
                return Err(Error::fatal(format!(
                    "input resource `{label}` is not declared"
                )));
            };
            let Some(child) = slot.child.take() else {
                return Err(Error::fatal(format!(
                    "input resource `{label}` is read in two places; an input has one reader"
                )));
            };
            (slot.index, child)
        };
        self.input(
            &child,
            &self.root().of(&child, &format!("input_resources.{index}")),
        )
    }

    fn output_resource(&self, label: &str) -> Result<Arc<dyn Sink>, Error> {
        self.outputs.get(label, |child, index| {
            let segment = format!("output_resources.{index}");
            self.output(child, &self.root().of(child, &segment))
        })
    }
}

/// What was built; an error names the component.
fn placed<T>(built: Result<T, Error>, cx: &BuildContext) -> Result<T, Error> {
    built.map_err(|error| cx.identity().locate(&error))
}

/// An observed processor that never waits, as the child of a composite.
struct SyncChain(Chain);

impl Processor for SyncChain {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.0.run_sync(batch)
    }
}

/// An observed processor that may wait, as the child of a composite.
struct AsyncChain(Chain);

#[async_trait]
impl AsyncProcessor for AsyncChain {
    async fn process(&self, batch: MessageBatch) -> Batches {
        self.0.run(batch).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
