//! Every component of this build runs the conformance suite of its kind, from its own file or from
//! the tests of its crate. Those that do not are listed here; the list only ever shrinks.

#![allow(clippy::unwrap_used, reason = "the sources of the workspace are there")]

use std::path::{Path, PathBuf};

use millrace_component::Descriptor;
use millrace_node::registry;
use millrace_spec::ComponentKind;

/// Components whose suite is run from the tests of their crate, because it takes a server.
const WITH_SERVERS: &[(&str, &str)] = &[
    (
        "input amqp_0_9",
        "components-amqp/tests/rabbitmq/contract.rs",
    ),
    ("output amqp", "components-amqp/tests/rabbitmq/contract.rs"),
    (
        "output amqp_0_9",
        "components-amqp/tests/rabbitmq/contract.rs",
    ),
    ("cache redis", "components-redis/tests/contract.rs"),
    ("input redis_list", "components-redis/tests/contract.rs"),
    ("output redis_list", "components-redis/tests/contract.rs"),
    ("rate_limit redis", "components-redis/tests/contract.rs"),
];

/// Components that run no suite yet: they have tests of their own. Inputs whose source hears of no
/// acknowledgement, composites and buffers have no suite at all.
const WITHOUT_SUITE: &[&str] = &[
    "input batched",
    "input broker",
    "input csv",
    "input file",
    "input generate",
    "input http_client",
    "input http_server",
    "input inproc",
    "input read_until",
    "input resource",
    "input sequence",
    "input stdin",
    "input subprocess",
    "buffer batch",
    "buffer memory",
    "buffer none",
    "buffer sqlite",
    "output broker",
    "output cache",
    "output drop",
    "output drop_on",
    "output fallback",
    "output http_client",
    "output http_server",
    "output inproc",
    "output reject",
    "output reject_errored",
    "output resource",
    "output retry",
    "output sql_insert",
    "output sql_raw",
    "output stdout",
    "output switch",
    "output sync_response",
];

#[test]
fn every_component_runs_the_suite_of_its_kind() {
    let registry = registry();
    let without: Vec<String> = registry
        .iter()
        .filter(|descriptor| !runs_suite(descriptor))
        .map(name)
        .collect();
    let unlisted: Vec<_> = without
        .iter()
        .filter(|name| !WITHOUT_SUITE.contains(&name.as_str()))
        .collect();
    let stale: Vec<_> = WITHOUT_SUITE
        .iter()
        .filter(|name| !without.iter().any(|it| it == *name))
        .collect();
    assert!(
        unlisted.is_empty() && stale.is_empty(),
        "run no suite: {unlisted:#?}\nlisted, but run one or do not exist: {stale:#?}"
    );
}

fn name(descriptor: &Descriptor) -> String {
    format!("{} {}", descriptor.kind(), descriptor.name())
}

/// Whether a call of the suite stands in the component's own file, or in the test that is named
/// above and names the component.
fn runs_suite(descriptor: &Descriptor) -> bool {
    let (kind, component) = (suite(descriptor.kind()), descriptor.name());
    let call = format!("conformance::{kind}(");
    let named = WITH_SERVERS.iter().find(|(of, _)| *of == name(descriptor));
    if let Some((_, file)) = named {
        let text = std::fs::read_to_string(crates().join(file)).unwrap();
        let function = format!("fn {component}_keeps_the_promises_of_a");
        return text.contains(&call) && text.contains(&function);
    }
    let mut files = std::fs::read_dir(crates()).unwrap().map(|folder| {
        let family = folder.unwrap().path().join("src").join(format!("{kind}s"));
        family.join(format!("{component}.rs"))
    });
    files.any(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains(&call)))
}

/// The name of a kind, as its suite and the folder of its files are called.
fn suite(kind: ComponentKind) -> String {
    kind.to_string().replace(' ', "_")
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
