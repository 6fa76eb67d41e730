//! How an input reads a log of its own process.

use std::sync::Arc;
use std::time::Duration;

use millrace_component::{
    BatchPolicy, BuildContext, BuiltInput, Input, InputPart, LeafInput, ReplayPolicy,
};
use millrace_kafka_client::{ConsumerSettings, Isolation, Reset};
use millrace_message::Error;
use millrace_spec::Spec;

use crate::client::Client;
use crate::reader::{Batching, ReaderConfig, Subscription};
use crate::record::{Naming, Style};

/// Fields of such inputs.
#[derive(Clone, Debug, Spec)]
pub struct Reading {
    /// How many messages of a partition may be on their way at a time.
    #[spec(default = 1024, advanced)]
    checkpoint_limit: usize,
    /// How often offsets are committed; also at the end, and when the group changes.
    #[spec(default = "1s", advanced)]
    commit_period: millrace_spec::Duration,
    /// How the messages of a partition become batches; without it each is one.
    #[spec(advanced)]
    batching: BatchPolicy,
    /// Whether failed messages are sent again from here; else they are read again from the log.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How failed messages are sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

impl Reading {
    /// Reads these topics as a member of a group.
    ///
    /// # Errors
    /// A processor of the batching cannot be built.
    pub fn of_group(
        &self,
        client: Client,
        subscription: Subscription,
        (auto_offset_reset, isolation): (Reset, Isolation),
        cx: &BuildContext,
    ) -> Result<ReaderConfig, Error> {
        Ok(ReaderConfig {
            client,
            consumer: ConsumerSettings {
                auto_offset_reset,
                isolation,
                auto_commit_interval: None,
                // A process that was killed is not waited for.
                group_instance_id: Some(cx.path().to_owned()),
                ..ConsumerSettings::default()
            },
            subscription,
            naming: Naming::of(Style::Log),
            batching: Batching::new(&self.batching, cx)?,
            rate_limit: None,
            commit_period: self.commit_period.get().max(Duration::from_millis(1)),
            checkpoint_limit: self.checkpoint_limit.max(1),
            deletes: false,
            flow: cx.flow().clone(),
            identity: Arc::clone(cx.identity()),
        })
    }

    /// The part that such an input is.
    pub fn part(&self, input: impl Input + 'static) -> InputPart {
        InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(Box::new(input)),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        })
    }
}
