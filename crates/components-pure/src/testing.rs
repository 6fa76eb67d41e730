//! What the tests of this crate share.

use std::sync::Arc;

use millrace_component::conformance::Workbench;
use millrace_component::{BuiltProcessor, Services};
use millrace_message::{Message, MessageBatch};

use crate::{BUFFERS, CACHES, INPUTS, Limiters, OUTPUTS, PROCESSORS, Pipes, RATE_LIMITS};

const RESOURCES: &str = "
cache_resources:
  - label: seen
    memory: {}
  - label: near
    lru: { cap: 100 }
  - label: far
    memory: {}
rate_limit_resources:
  - label: limit
    local: { count: 1000000 }
processor_resources:
  - label: step
    mapping: 'root = this.id'
input_resources:
  - label: in
    scripted: { messages: [a, b, c, d] }
output_resources:
  - label: out
    scripted: { name: out, refuses: bad }
";

/// A workbench with the components of this crate and resources of most kinds.
pub(crate) fn bench() -> Workbench {
    let services = Services::default()
        .with(Arc::new(Limiters::default()))
        .with(Arc::new(Pipes::default()));
    Workbench::new([BUFFERS, CACHES, INPUTS, OUTPUTS, PROCESSORS, RATE_LIMITS])
        .with_services(services)
        .with_resources(RESOURCES)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A batch of these messages.
pub(crate) fn batch(payloads: &[&str]) -> MessageBatch {
    payloads.iter().map(|it| Message::from(*it)).collect()
}

/// A processor of this crate.
pub(crate) fn processor(yaml: &str) -> BuiltProcessor {
    let processor = bench().processor(yaml);
    processor.unwrap_or_else(|error| panic!("{error}"))
}
