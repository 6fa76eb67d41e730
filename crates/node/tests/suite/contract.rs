//! Every component of this build runs the conformance suite of its kind, from its own file or from
//! the tests of its crate.

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
    ("buffer log", "components-kafka/tests/log.rs"),
    (
        "input kafka_server",
        "components-kafka/tests/network/server.rs",
    ),
    ("input log", "components-kafka/tests/log.rs"),
    ("output log", "components-kafka/tests/log.rs"),
    ("cache redis", "components-redis/tests/suite/contract.rs"),
    (
        "input redis_list",
        "components-redis/tests/suite/contract.rs",
    ),
    (
        "output redis_list",
        "components-redis/tests/suite/contract.rs",
    ),
    (
        "rate_limit redis",
        "components-redis/tests/suite/contract.rs",
    ),
    ("input http_client", "components-http/tests/contract.rs"),
    ("input http_server", "components-http/tests/contract.rs"),
    ("output http_client", "components-http/tests/contract.rs"),
    ("output http_server", "components-http/tests/contract.rs"),
    ("input kafka", "components-kafka/tests/network/contract.rs"),
    (
        "input kafka_franz",
        "components-kafka/tests/network/contract.rs",
    ),
    ("output kafka", "components-kafka/tests/network/contract.rs"),
    (
        "output kafka_franz",
        "components-kafka/tests/network/contract.rs",
    ),
    ("output sql_insert", "components-sql/tests/contract.rs"),
    ("output sql_raw", "components-sql/tests/contract.rs"),
    ("processor sql_insert", "components-sql/tests/processors.rs"),
    ("processor sql_raw", "components-sql/tests/processors.rs"),
    ("processor sql_select", "components-sql/tests/processors.rs"),
];

#[test]
fn every_component_runs_the_suite_of_its_kind() {
    let registry = registry();
    let without: Vec<String> = registry
        .iter()
        .filter(|descriptor| !runs_suite(descriptor))
        .map(name)
        .collect();
    assert!(without.is_empty(), "run no suite: {without:#?}");
}

fn name(descriptor: &Descriptor) -> String {
    format!("{} {}", descriptor.kind(), descriptor.name())
}

/// Whether a call of the suite stands in the component's own file, in the tests beside it, or in the
/// test that is named above and names the component.
fn runs_suite(descriptor: &Descriptor) -> bool {
    let (kind, component) = (suite(descriptor.kind()), descriptor.name());
    // A kind may have several suites, as inputs with and without acknowledgements.
    let calls = [
        format!("conformance::{kind}("),
        format!("conformance::{kind}_"),
    ];
    let has_call = |text: &str| calls.iter().any(|call| text.contains(call));
    let named = WITH_SERVERS.iter().find(|(of, _)| *of == name(descriptor));
    if let Some((_, file)) = named {
        let text = std::fs::read_to_string(crates().join(file)).unwrap();
        let function = format!("fn {component}_keeps_the_promises_of_a");
        return has_call(&text) && text.contains(&function);
    }
    let mut files = std::fs::read_dir(crates()).unwrap().flat_map(|folder| {
        let family = folder.unwrap().path().join("src").join(format!("{kind}s"));
        let tests = family.join(component).join("tests.rs");
        [family.join(format!("{component}.rs")), tests]
    });
    files.any(|file| std::fs::read_to_string(file).is_ok_and(|text| has_call(&text)))
}

/// The name of a kind, as its suite and the folder of its files are called.
fn suite(kind: ComponentKind) -> String {
    kind.to_string().replace(' ', "_")
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
