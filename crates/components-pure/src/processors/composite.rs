//! How composite processors run their children.
//!
//! The logic of a composite is written once, as a future. A composite whose children never wait is
//! a synchronous processor: its future is complete when it is polled for the first time, without
//! a runtime, an allocation or a task switch.
//!
//! A child that is ended because the stream is given up returns nothing. A composite cannot tell that
//! from a result, so what it makes of it is dropped, and its messages go back to their source.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Flow, Processor, ProcessorChild,
};
use millrace_message::{Error, Message, MessageBatch};

/// A processor that is made of others.
pub(super) trait Composite: Send + Sync + 'static {
    /// Whether anything that it runs may wait.
    fn waits(&self) -> bool;

    /// Processes one batch; never pending unless [`Composite::waits`].
    fn process(&self, batch: MessageBatch) -> impl Future<Output = Batches> + Send;

    /// Processes the batches of a run, each for itself, in order.
    fn process_run(&self, run: Batches) -> impl Future<Output = Batches> + Send {
        async move {
            let mut processed = Batches::with_capacity(run.len());
            for batch in run {
                processed.extend(self.process(batch).await);
            }
            processed
        }
    }

    /// Closes its children.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A composite that makes one batch of a batch: it changes messages where they stand, adds and
/// removes some. That saves moving them from hand to hand.
pub(super) trait InPlace: Send + Sync + 'static {
    /// As [`Composite::waits`].
    fn waits(&self) -> bool;

    /// Changes one batch; never pending unless [`InPlace::waits`].
    fn change(&self, batch: &mut MessageBatch) -> impl Future<Output = ()> + Send;

    /// As [`Composite::close`].
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

struct Changes<C>(C);

impl<C: InPlace> Composite for Changes<C> {
    fn waits(&self) -> bool {
        self.0.waits()
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch]).await
    }

    async fn process_run(&self, mut run: Batches) -> Batches {
        for batch in &mut run {
            self.0.change(batch).await;
        }
        run.retain(|batch| !batch.is_empty());
        run
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// As [`built`], for a composite that changes batches in place.
pub(super) fn built_in_place(cx: &BuildContext, composite: impl InPlace) -> BuiltProcessor {
    built(cx, Changes(composite))
}

/// A processor without children that is written as a composite is, because it may wait.
pub(super) fn built_leaf(composite: impl InPlace) -> BuiltProcessor {
    built_until(Abort::never(), Changes(composite))
}

/// The composite as a processor, synchronous exactly when nothing in it waits.
pub(super) fn built(cx: &BuildContext, composite: impl Composite) -> BuiltProcessor {
    built_until(Abort::of(cx), composite)
}

fn built_until<C: Composite>(abort: Abort, composite: C) -> BuiltProcessor {
    let waits = composite.waits();
    let guarded = Guarded { composite, abort };
    match waits {
        true => BuiltProcessor::Async(Arc::new(Waiting(guarded))),
        false => BuiltProcessor::Sync(Arc::new(Immediate(guarded))),
    }
}

/// Whether the stream is given up.
#[derive(Clone)]
pub(super) struct Abort(Option<Flow>);

impl Abort {
    fn of(cx: &BuildContext) -> Self {
        Self(Some(cx.flow().clone()))
    }

    fn never() -> Self {
        Self(None)
    }

    pub(super) fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|it| it.abort().is_cancelled())
    }
}

/// A composite, whose results count until the stream is given up.
struct Guarded<C> {
    composite: C,
    abort: Abort,
}

impl<C: Composite> Guarded<C> {
    async fn process(&self, batch: MessageBatch) -> Batches {
        self.unless_given_up(self.composite.process(batch).await)
    }

    async fn process_run(&self, run: Batches) -> Batches {
        self.unless_given_up(self.composite.process_run(run).await)
    }

    fn unless_given_up(&self, batches: Batches) -> Batches {
        match self.abort.is_asked() {
            true => Batches::new(),
            false => batches,
        }
    }
}

struct Immediate<C>(Guarded<C>);

impl<C: Composite> Processor for Immediate<C> {
    fn process(&self, batch: MessageBatch) -> Batches {
        completed(self.0.process(batch))
    }

    fn process_run(&self, run: Batches) -> Batches {
        completed(self.0.process_run(run))
    }

    fn close(&self) {
        completed(self.0.composite.close());
    }
}

/// The result of a future that awaits nothing.
fn completed<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("a composite of synchronous processors never waits"),
    }
}

struct Waiting<C>(Guarded<C>);

#[async_trait]
impl<C: Composite> AsyncProcessor for Waiting<C> {
    async fn process(&self, batch: MessageBatch) -> Batches {
        self.0.process(batch).await
    }

    async fn close(&self) {
        self.0.composite.close().await;
    }
}

/// A list of child processors, run in order.
pub(super) struct Steps {
    steps: Vec<BuiltProcessor>,
    waits: bool,
    abort: Abort,
}

impl Steps {
    /// Builds the children of the field `segment`, which is empty when they are the whole config. The
    /// type of the processor stands before it in their paths, as in Bento's: `try.0`,
    /// `branch.processors.0`.
    ///
    /// # Errors
    /// One of them cannot be built.
    pub(super) fn build(
        cx: &BuildContext,
        children: &[ProcessorChild],
        segment: &str,
    ) -> Result<Self, Error> {
        let name = cx.component();
        let steps = match segment {
            "" => cx.processors(children, name)?,
            field => cx.processors(children, &format!("{name}.{field}"))?,
        };
        let waits = !steps.iter().all(BuiltProcessor::is_sync);
        Ok(Self {
            steps,
            waits,
            abort: Abort::of(cx),
        })
    }

    /// Whether one of them may wait.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Whether the stream is given up: what the children have returned may lack what one of them
    /// has not done.
    pub(super) fn are_given_up(&self) -> bool {
        self.abort.is_asked()
    }

    /// The children, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &BuiltProcessor> {
        self.steps.iter()
    }

    /// Runs one batch through all of them.
    pub(super) async fn run(&self, batch: MessageBatch) -> Batches {
        self.run_all(one_or_none(batch)).await
    }

    /// Runs several batches through all of them, child by child.
    pub(super) async fn run_all(&self, mut batches: Batches) -> Batches {
        for step in &self.steps {
            if batches.is_empty() {
                break;
            }
            batches = run_step(step, batches).await;
            // The next one does nothing with what this one has left.
            if self.are_given_up() {
                return Batches::new();
            }
        }
        batches
    }

    /// Runs one message through all of them; what comes out is one list.
    pub(super) async fn run_message(&self, message: Message) -> MessageBatch {
        join(self.run(MessageBatch::one(message)).await)
    }

    /// Closes them, in order.
    pub(super) async fn close(&self) {
        for step in &self.steps {
            step.close().await;
        }
    }
}

/// Runs several batches through one processor.
pub(super) async fn run_step(step: &BuiltProcessor, batches: Batches) -> Batches {
    if let BuiltProcessor::Sync(step) = step {
        return step.process_run(batches);
    }
    let mut next = Batches::new();
    for batch in batches {
        let made = step.process(batch).await;
        if next.is_empty() {
            next = made;
        } else {
            next.extend(made);
        }
    }
    next
}

/// A batch as the result of a processor: none when it is empty.
pub(super) fn one_or_none(batch: MessageBatch) -> Batches {
    if batch.is_empty() {
        Batches::new()
    } else {
        smallvec::smallvec![batch]
    }
}

/// Changes each batch where it stands; what becomes empty is gone.
pub(super) fn in_place(mut run: Batches, change: impl Fn(&mut MessageBatch)) -> Batches {
    run.retain(|batch| {
        change(batch);
        !batch.is_empty()
    });
    run
}

/// The messages of several batches as one batch.
pub(super) fn join(batches: Batches) -> MessageBatch {
    let mut batches = batches.into_iter();
    let mut joined = batches.next().unwrap_or_default();
    for batch in batches {
        joined.append(batch);
    }
    joined
}
