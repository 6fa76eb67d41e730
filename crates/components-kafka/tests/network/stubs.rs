//! A processor and a rate limit that tests look into.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, BuiltRateLimit, Descriptor, Processor, ProcessorConfig,
    RateLimit, RateLimitConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

/// Makes one message of a batch; none of a batch that has `drop` in it.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "joined")]
struct Joined;

impl ProcessorConfig for Joined {
    fn build(&self, _: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(self.clone())))
    }
}

impl Processor for Joined {
    fn process(&self, batch: MessageBatch) -> Batches {
        let texts: Vec<_> = batch.iter().map(|it| it.bytes().to_vec()).collect();
        match texts.iter().any(|it| it == b"drop") {
            true => Batches::new(),
            false => smallvec::smallvec![Message::from_bytes(texts.join(&b"+"[..])).into()],
        }
    }
}

/// Lets one pass at each second question, and counts the bytes.
#[derive(Clone, Debug, Spec)]
#[spec(rate_limit = "counted")]
struct Counted;

/// What the rate limit was asked, and how many bytes it let pass.
pub static ASKED: AtomicUsize = AtomicUsize::new(0);
pub static PASSED: AtomicUsize = AtomicUsize::new(0);

impl RateLimitConfig for Counted {
    fn build(&self, _: &BuildContext) -> Result<BuiltRateLimit, Error> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl RateLimit for Counted {
    async fn acquire(&self, bytes: usize) -> Result<Option<Duration>, Error> {
        if ASKED.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            return Ok(Some(Duration::from_millis(1)));
        }
        PASSED.fetch_add(bytes, Ordering::SeqCst);
        Ok(None)
    }
}

pub const STUBS: &[Descriptor] = &[
    Descriptor::processor::<Joined>(),
    Descriptor::rate_limit::<Counted>(),
];
