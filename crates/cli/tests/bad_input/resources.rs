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
