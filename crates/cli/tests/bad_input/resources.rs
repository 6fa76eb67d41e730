//! What a run would refuse about resources, lists and names is refused by the check of the config,
//! with its place.

use millrace_testkit::millrace;

use super::{Setup, contains};

/// That a check of the config says this about this line.
#[track_caller]
fn refused(config: &str, line: usize, reason: &str) {
    let setup = Setup::new(config);
    let mut lint = millrace::command().unwrap();
    let lint = lint.args(["lint", "config.yaml"]);
    let output = lint.current_dir(setup.folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{config}");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    contains(&said, &format!("config.yaml({line},"));
    contains(&said, reason);
}

#[test]
fn resources_that_use_themselves_are_refused() {
    for (resources, line, reason) in [
        (
            "processor_resources:\n- label: a\n  try: [ { resource: a } ]\n",
            3,
            "processor resource `a` uses itself",
        ),
        (
            "processor_resources:\n- label: a\n  branch: { processors: [ { resource: b } ] }\n- label: b\n  resource: a\n",
            5,
            "processor resource `a` uses itself",
        ),
        (
            "output_resources:\n- label: o\n  fallback: [ { drop: {} }, { resource: o } ]\n",
            3,
            "output resource `o` uses itself",
        ),
        (
            "input_resources:\n- label: i\n  batched: { child: { resource: i }, policy: { count: 2 } }\n",
            3,
            "input resource `i` uses itself",
        ),
        (
            "cache_resources:\n- { label: a, multilevel: [ b, c ] }\n- { label: b, multilevel: [ a, c ] }\n- { label: c, memory: {} }\n",
            3,
            "cache resource `a` uses itself",
        ),
    ] {
        refused(resources, line, reason);
    }
}

#[test]
fn a_branch_resource_that_is_no_branch_is_refused() {
    let resources = "processor_resources:\n- { label: m, mapping: root = this }\n";
    refused(
        &format!(
            "{resources}pipeline:\n  processors:\n  - workflow: {{ branch_resources: [ m ] }}\n"
        ),
        5,
        "processor resource `m` is a mapping, not a branch",
    );
    refused(
        &format!("{resources}pipeline:\n  processors:\n  - workflow: {{ order: [ [ m ] ] }}\n"),
        5,
        "processor resource `m` is a mapping, not a branch",
    );
}

#[test]
fn lists_without_a_child_are_refused() {
    for (config, reason) in [
        (
            "input: { broker: { inputs: [] } }\n",
            "broker needs at least one input",
        ),
        (
            "input: { sequence: { inputs: [] } }\n",
            "sequence needs at least one input",
        ),
        (
            "output: { broker: { outputs: [] } }\n",
            "broker needs at least one output",
        ),
        (
            "output: { fallback: [] }\n",
            "fallback needs at least one output",
        ),
    ] {
        refused(config, 1, reason);
    }
}

#[test]
fn a_cache_that_a_mapping_names_and_nobody_declares_is_refused() {
    let caches = "cache_resources: [ { label: cities, memory: {} } ]\n";
    refused(
        &format!(
            "{caches}pipeline:\n  processors:\n  - mapping: |\n      root = this\n      root.city = cache_get(\"citys\", \"x\")\n"
        ),
        6,
        "cache resource `citys` is not declared",
    );
    refused(
        &format!("{caches}output: {{ file: {{ path: '${{! cache_get(\"nope\", \"x\") }}' }} }}\n"),
        2,
        "cache resource `nope` is not declared",
    );
}

#[test]
fn a_retried_switch_with_a_case_that_rejects_is_refused() {
    refused(
        "output:\n  switch:\n    retry_until_success: true\n    cases:\n    - output: { reject: no }\n    - output: { drop: {} }\n",
        5,
        "`retry_until_success` would write to `reject` for ever",
    );
}

#[test]
fn more_threads_than_a_machine_can_have_are_refused() {
    refused(
        "pipeline:\n  threads: 100000\n",
        2,
        "a pipeline has no more than 4096 threads",
    );
}

#[test]
fn a_metric_in_the_place_of_a_built_in_one_is_refused() {
    refused(
        "pipeline:\n  processors:\n  - metric: { type: gauge, name: bento_input_received_total, value: 1 }\n",
        3,
        "would take the place of the built-in `input_received`",
    );
}

#[test]
fn more_children_of_a_broker_than_a_machine_can_have_are_refused() {
    for config in [
        "output: { broker: { copies: 2000, outputs: [ { drop: {} }, { drop: {} }, { drop: {} } ] } }\n",
        "input: { broker: { copies: 1000000000, inputs: [ { stdin: {} } ] } }\n",
    ] {
        refused(config, 1, "a broker starts no more than 4096 children");
    }
}
