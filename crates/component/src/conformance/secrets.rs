//! What every component promises about its secrets: they stand in no error and in no log line, also
//! before anything is redacted.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use millrace_message::{Error, Message};
use millrace_spec::ComponentKind;
use parking_lot::Mutex;
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::Workbench;
use crate::BuiltOutput;

/// The secret that a config holds wherever it has one.
pub const PLANTED: &str = "pl4nted-s3cret";

/// How long a component may try what cannot work.
const LIMIT: Duration = Duration::from_secs(20);

/// Checks a component whose server refuses it, or is not there at all: what it says about that holds
/// the secret nowhere. `yaml` is its config, with [`PLANTED`] in place of every secret. Call it on a
/// runtime of one thread, so that its log lines are seen.
///
/// # Panics
/// The secret is shown, or nothing is said at all.
pub async fn keeps_secrets(bench: &Workbench, kind: ComponentKind, yaml: &str) {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let errors = timeout(LIMIT, fail(bench, kind, yaml)).await;
    drop(guard);
    let errors = errors.unwrap_or_else(|_| panic!("it tries for too long: {yaml}"));
    assert!(!errors.is_empty(), "nothing fails: {yaml}");
    let said = format!("{}\n{}", errors.join("\n"), log.0.lock());
    assert!(!said.contains(PLANTED), "{yaml} says: {said}");
}

/// Uses the component, and gives the errors of it.
async fn fail(bench: &Workbench, kind: ComponentKind, yaml: &str) -> Vec<String> {
    let mut errors = Errors::default();
    match kind {
        ComponentKind::Input => {
            let mut input = bench.input(yaml);
            if errors.note(input.connect().await).is_some() {
                errors.note(input.read().await);
            }
            input.stop().await;
            errors.note(input.close().await);
        }
        ComponentKind::Output => {
            let BuiltOutput::Async(output) = bench.leaf_output(yaml).output else {
                panic!("an output with secrets talks to a server");
            };
            errors.note(output.connect().await);
            let written = output.write(&Message::from("x").into()).await;
            errors.note(written.map_err(|error| error.error().clone()));
            errors.note(output.close().await);
        }
        ComponentKind::Cache => {
            let cache = bench.cache(yaml);
            errors.note(cache.get("key").await);
            errors.note(cache.set("key", "value".into(), None).await);
        }
        ComponentKind::RateLimit => {
            errors.note(bench.rate_limit(yaml).acquire(1).await);
        }
        ComponentKind::Processor => {
            let processor = bench.processor(yaml);
            let processor = processor.unwrap_or_else(|error| panic!("{error}"));
            for batch in processor.process(Message::from("x").into()).await {
                for fault in batch.iter().filter_map(Message::fault) {
                    errors.note(Err::<(), _>(fault.cause.clone()));
                }
            }
        }
        other => panic!("no {other} has secrets"),
    }
    errors.0
}

#[derive(Default)]
struct Errors(Vec<String>);

impl Errors {
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result
            .map_err(|error| self.0.push(format!("{error} {error:?}")))
            .ok()
    }
}

/// Every event with all its fields, as it was given.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0.lock(), "{field}={value:?} ");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        // Libraries that tell everything they send are held to warnings by the process.
        let is_own = event.metadata().target().starts_with("millrace");
        if is_own || *event.metadata().level() <= tracing::Level::WARN {
            event.record(&mut self.clone());
            self.0.lock().push('\n');
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::{BuildContext, BuiltCache, Cache, CacheConfig, Descriptor};
    use bytes::Bytes;
    use millrace_spec::Spec;

    /// Tells its password.
    #[derive(Clone, Debug, Spec)]
    #[spec(cache = "talkative")]
    struct Config {
        /// The password.
        password: String,
        /// Where it is told.
        logs: bool,
    }

    impl CacheConfig for Config {
        fn build(&self, _: &BuildContext) -> Result<BuiltCache, Error> {
            Ok(BuiltCache::Remote(Arc::new(self.clone())))
        }
    }

    #[async_trait]
    impl Cache for Config {
        async fn get(&self, _: &str) -> Result<Option<Bytes>, Error> {
            if self.logs {
                tracing::warn!(password = self.password, "login");
                return Err(Error::retry("login"));
            }
            Err(Error::retry(format!("login with {}", self.password)))
        }

        async fn set(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<(), Error> {
            Ok(())
        }

        async fn add(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<crate::Added, Error> {
            Ok(crate::Added::Stored)
        }

        async fn delete(&self, _: &str) -> Result<(), Error> {
            Ok(())
        }
    }

    async fn check(logs: bool) {
        let family: &[Descriptor] = &[Descriptor::cache::<Config>()];
        let yaml = format!("talkative: {{ password: {PLANTED}, logs: {logs} }}");
        keeps_secrets(&Workbench::new([family]), ComponentKind::Cache, &yaml).await;
    }

    #[tokio::test]
    #[should_panic(expected = "login with pl4nted-s3cret")]
    async fn a_secret_in_an_error_is_found() {
        check(false).await;
    }

    #[tokio::test]
    #[should_panic(expected = "pl4nted-s3cret")]
    async fn a_secret_in_a_log_line_is_found() {
        check(true).await;
    }
}
