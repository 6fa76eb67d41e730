//! Processors without a stream around them, as tests of a config run them.

use std::sync::Arc;

use millrace_component::{Batches, ProcessorChild};
use millrace_message::Error;
use tokio_util::sync::CancellationToken;

use crate::chain::Chain;
use crate::config::PlacedResources;
use crate::engine::StreamEngine;
use crate::starting::Starting;
use crate::stream::Environment;

/// Processors and the resources they use. They see batches as in a pipeline, and are observed as
/// there; nothing admits messages and nobody waits for their settlement.
pub struct Processors {
    engine: Arc<StreamEngine>,
    chain: Chain,
}

impl Processors {
    /// Builds processors, each with its place in the config, such as `pipeline.processors.0`. A
    /// resource is built when one of them uses it.
    ///
    /// # Errors
    /// One of them, or a resource that it uses, cannot be built.
    pub fn build(
        resources: PlacedResources,
        processors: &[(String, ProcessorChild)],
        environment: Environment,
    ) -> Result<Self, Error> {
        let engine = environment.engine(resources, Starting::until(CancellationToken::new()));
        let placed = processors.iter().map(|(path, child)| (path.clone(), child));
        let chain = engine.chain_at(placed, &engine.root())?;
        Ok(Self { engine, chain })
    }

    /// Runs batches through the processors: all of them through the first, then what came out
    /// through the second, and so on.
    pub async fn run(&self, batches: Batches) -> Batches {
        self.chain.run_all(batches).await
    }

    /// Closes the processors, then the resources.
    pub async fn close(self) {
        self.chain.close().await;
        self.engine.close_resources().await;
    }
}
