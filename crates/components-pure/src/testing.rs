//! What the tests of this crate share.

use std::sync::Arc;

use millrace_component::conformance::Workbench;
use millrace_component::{BuiltProcessor, Services};

use crate::{CACHES, Limiters, PROCESSORS, RATE_LIMITS};

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
";

/// A workbench with the components of this crate and resources of most kinds.
pub(crate) fn bench() -> Workbench {
    Workbench::new([CACHES, PROCESSORS, RATE_LIMITS])
        .with_services(Services::default().with(Arc::new(Limiters::default())))
        .with_resources(RESOURCES)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A processor of this crate.
pub(crate) fn processor(yaml: &str) -> BuiltProcessor {
    let processor = bench().processor(yaml);
    processor.unwrap_or_else(|error| panic!("{error}"))
}
