//! What buffers on disk share.
//!
//! A batch of the input is encoded into a row ([`codec`]) and stored; when it is on disk the input
//! may forget it. A row leaves for the pipeline with a transaction of its own, is sent again as long
//! as it fails, and is deleted when it was delivered. Where rows are kept is a [`Store`].

pub mod codec;
mod running;
mod store;

use std::sync::Arc;

use millrace_component::{
    Ages, Buffer, BuildContext, BuiltProcessor, Flow, Ledger, ProcessorChild, Source,
};
use millrace_message::Error;
use millrace_telemetry::metric::{BufferMetrics, Gauge};

pub use store::{Rest, Row, Stock, Store};

/// Messages that may wait between the buffer and the pipeline.
const EDGE_CAPACITY: usize = 64;

/// A buffer whose rows are in a store.
pub struct DurableBuffer<S> {
    store: S,
    /// The component's type name.
    name: Box<str>,
    /// Where the rows are, for the closing report.
    place: String,
    pre_processors: Arc<[BuiltProcessor]>,
    post_processors: Arc<[BuiltProcessor]>,
    bytes_max: u64,
    flow: Flow,
    ledger: Ledger,
    ages: Ages,
    metrics: BufferMetrics,
    active: Gauge,
}

/// What is said of a buffer in its config.
pub struct Options<'a> {
    /// Where the rows are, for the closing report.
    pub place: String,
    /// Processors that messages pass before they are stored.
    pub pre_processors: Option<&'a [ProcessorChild]>,
    /// Processors that messages pass after they left the buffer.
    pub post_processors: Option<&'a [ProcessorChild]>,
    /// How many bytes may be stored; the input waits while there is no room. A batch above it is
    /// taken once the buffer is empty.
    pub bytes_max: u64,
}

impl<S: Store> DurableBuffer<S> {
    /// A buffer over a store.
    ///
    /// # Errors
    /// One of the processors cannot be built.
    pub fn new(store: S, options: Options<'_>, cx: &BuildContext) -> Result<Self, Error> {
        let processors = |children: Option<&[ProcessorChild]>, field: &str| {
            let built = cx.processors(children.unwrap_or_default(), field);
            built.map(Arc::<[BuiltProcessor]>::from)
        };
        Ok(Self {
            store,
            name: cx.component().into(),
            place: options.place,
            pre_processors: processors(options.pre_processors, "pre_processors")?,
            post_processors: processors(options.post_processors, "post_processors")?,
            bytes_max: options.bytes_max,
            flow: cx.flow().clone(),
            ledger: cx.flow().behind_buffer(),
            ages: cx.flow().ages(cx.path()),
            metrics: BufferMetrics::new(cx.metrics()),
            active: cx.metrics().gauge("buffer_active", &[]),
        })
    }
}

impl<S: Store> Buffer for DurableBuffer<S> {
    fn run(self: Box<Self>, upstream: Source) -> Source {
        Source::spawn(EDGE_CAPACITY, |writer| {
            running::run(*self, upstream, writer)
        })
    }
}
