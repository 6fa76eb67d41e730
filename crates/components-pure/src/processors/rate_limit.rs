//! The `rate_limit` processor.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, BuiltRateLimit, Descriptor, Identity,
    ProcessorConfig, add_resource_use, clock,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::diagnostics::Span;
use millrace_spec::{ComponentKind, FieldKind, Node, ReadContext, Spec, codes};
use parking_lot::Mutex;

use crate::rate_limits::LocalLimit;

/// Lets messages pass no faster than a rate limit allows.
///
/// Each message waits for its turn, and those behind it wait with it. While the limit cannot be
/// asked, a message waits and asks again each second.
///
/// With `rate`, no resource needs to be declared: the first use defines a limit of that name, so
/// many messages in each `interval`, which every processor of this process that names it shares.
/// All of them must define it alike.
///
/// ```yaml
/// pipeline:
///   processors:
///     - rate_limit: { resource: calls }
/// rate_limit_resources:
///   - label: calls
///     local: { count: 100, interval: 1s }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "rate_limit", category = "Utility", check = check)]
pub struct Config {
    /// The rate limit: the label of a resource, or with `rate` any name.
    #[spec(kind = FieldKind::Resource(ComponentKind::RateLimit))]
    resource: String,
    /// How many messages pass in an interval; without it `resource` has to be declared.
    rate: Option<u64>,
    /// The interval of `rate`; `1s` by default.
    interval: Option<millrace_spec::Duration>,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let span = |field| node.field_span(field);
    let Some(rate) = config.rate else {
        if config.interval.is_some() {
            cx.error(codes::CONFLICT, span("interval"), "`interval` needs `rate`");
        }
        add_resource_use(
            ComponentKind::RateLimit,
            &config.resource,
            span("resource"),
            cx,
        );
        return;
    };
    if rate == 0 {
        cx.error(
            codes::INVALID_VALUE,
            span("rate"),
            "rate must be at least 1",
        );
    }
    let definition = config.definition(rate);
    let definitions = &mut cx.state::<Definitions>().by_name;
    let (first, _) = *definitions
        .entry(config.resource.clone())
        .or_insert((definition, node.span));
    if first != definition {
        let message = format!(
            "rate limit `{}` is defined as {definition} here and as {first} elsewhere",
            config.resource
        );
        cx.error(codes::CONFLICT, span("rate"), message).help =
            Some("define it alike everywhere, or use another name".to_owned());
    }
}

/// What a limit is defined as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Definition {
    count: u64,
    interval: Duration,
}

impl std::fmt::Display for Definition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} per {:?}", self.count, self.interval)
    }
}

/// The limits that a config defines in passing, and where it first does.
#[derive(Default)]
struct Definitions {
    by_name: HashMap<String, (Definition, Span)>,
}

/// The limits of this process that processors define in passing, by name.
#[derive(Default)]
pub struct Limiters {
    by_name: Mutex<HashMap<String, (Definition, Arc<LocalLimit>)>>,
}

impl Limiters {
    fn get(&self, name: &str, definition: Definition) -> Result<BuiltRateLimit, Error> {
        let mut by_name = self.by_name.lock();
        let (first, limit) = by_name.entry(name.to_owned()).or_insert_with(|| {
            let Definition { count, interval } = definition;
            (definition, Arc::new(LocalLimit::new(count, 0, interval)))
        });
        if *first != definition {
            return Err(Error::fatal(format!(
                "rate limit `{name}` is defined as {definition} here and as {first} elsewhere"
            )));
        }
        Ok(Arc::clone(limit) as BuiltRateLimit)
    }
}

impl Config {
    fn definition(&self, count: u64) -> Definition {
        let interval = self.interval.as_ref();
        let interval = interval.map_or(Duration::from_secs(1), millrace_spec::Duration::get);
        Definition { count, interval }
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let limit = match self.rate {
            None => cx.rate_limit(&self.resource)?,
            Some(rate) => {
                let limiters = cx.service::<Limiters>().ok_or_else(|| {
                    Error::fatal("rate_limit: this process lends no limits; declare a resource")
                })?;
                limiters.get(&self.resource, self.definition(rate))?
            }
        };
        Ok(BuiltProcessor::Async(Arc::new(Throttle {
            limit,
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// The pause before a limit that could not be asked is asked again.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

struct Throttle {
    limit: BuiltRateLimit,
    identity: Arc<Identity>,
}

#[async_trait]
impl AsyncProcessor for Throttle {
    async fn process(&self, batch: MessageBatch) -> Batches {
        for message in batch.iter() {
            let bytes = message.bytes().len();
            loop {
                let pause = match self.limit.acquire(bytes).await {
                    Ok(None) => break,
                    Ok(Some(pause)) => pause,
                    Err(error) => {
                        self.identity
                            .log_error(format_args!("ask the rate limit: {error}"));
                        PAUSE_AFTER_ERROR
                    }
                };
                clock::sleep(pause).await;
            }
        }
        smallvec::smallvec![batch]
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("rate_limit: { resource: limit }");
        millrace_component::conformance::processor(&processor).await;
    }
}
