//! Programs of processors that never end: a stop ends them, and their messages are not lost.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::path::Path;

use millrace_testkit::millrace::Millrace;
use millrace_testkit::poll::PATIENCE;
use rustix::process::Signal;

/// `(module (func (export "process") (loop (br 0))))`
const SPIN: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0b\x01\x07process\0\0\
                      \x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";

fn start(folder: &Path, config: &str) -> Millrace {
    let path = folder.join("config.yaml");
    std::fs::write(&path, format!("http: {{ enabled: false }}\n{config}")).unwrap();
    Millrace::run(&path, &[]).unwrap()
}

/// Signals twice: to stop, and to give up what has not stopped. The exit code, and what was said.
fn give_up(process: &mut Millrace) -> (Option<i32>, String) {
    process.signal(Signal::TERM).unwrap();
    process
        .wait_for_stderr("received SIGTERM", PATIENCE)
        .unwrap();
    process.signal(Signal::INT).unwrap();
    let status = process.wait(PATIENCE).unwrap();
    (status.code(), process.stderr_lines().join("\n"))
}

#[test]
fn a_loop_in_a_program_is_ended_when_the_stream_is_given_up_and_its_message_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("spin.wasm");
    std::fs::write(&module, SPIN).unwrap();
    for program in [
        "javascript: { code: 'for (;;) {}' }".to_owned(),
        format!("wasm: {{ module_path: '{}' }}", module.display()),
        format!(
            "branch: {{ processors: [ {{ wasm: {{ module_path: '{}' }} }} ] }}",
            module.display()
        ),
    ] {
        let buffer = folder.path().join("buffer.db");
        let buffer = format!("buffer: {{ sqlite: {{ path: '{}' }} }}", buffer.display());
        let mut process = start(
            folder.path(),
            &format!(
                "
input: {{ generate: {{ mapping: 'root = \"kept\"', count: 1 }} }}
{buffer}
pipeline: {{ threads: 1, processors: [ {{ log: {{ message: it begins }} }}, {{ {program} }} ] }}
output: {{ stdout: {{}} }}
"
            ),
        );
        process.wait_for_stderr("it begins", PATIENCE).unwrap();
        let (code, said) = give_up(&mut process);
        // The message is in the buffer, so that nothing is amiss.
        assert_eq!(code, Some(0), "{program}: {said}");
        assert!(process.stdout_lines().is_empty(), "{program}: {said}");
        // It is not acknowledged: the next run has it.
        let config = format!("input: {{ stdin: {{}} }}\n{buffer}\noutput: {{ stdout: {{}} }}\n");
        let mut next = start(folder.path(), &config);
        assert!(next.wait(PATIENCE).unwrap().success());
        assert_eq!(next.stdout_lines(), ["kept"], "{program}");
    }
}

#[test]
fn what_a_program_that_was_given_up_leaves_behind_is_stored_nowhere() {
    let program = "{ javascript: { code: 'for (;;) {}' } }";
    let enrich = format!(
        "{{ branch: {{ processors: [ {program} ], result_map: 'root.price = this.price' }} }}"
    );
    for processors in [
        format!("{{ cached: {{ cache: kept, key: a, processors: [ {program} ] }} }}"),
        format!("{{ cached: {{ cache: kept, key: a, processors: [ {enrich} ] }} }}"),
        format!(
            "{{ cached: {{ cache: kept, key: a, processors: [ {{ try: [ {program} ] }} ] }} }}"
        ),
        format!(
            "{enrich}, {{ cache: {{ resource: kept, operator: set, key: a, value: '${{! content() \
             }}' }} }}"
        ),
        format!(
            "{{ try: [ {enrich}, {{ cache: {{ resource: kept, operator: set, key: a, value: b }} }} \
             ] }}"
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        std::fs::create_dir(&kept).unwrap();
        let config = format!(
            "
input: {{ generate: {{ mapping: 'root.id = 1', count: 1 }} }}
pipeline: {{ threads: 1, processors: [ {{ log: {{ message: it begins }} }}, {processors} ] }}
output: {{ stdout: {{}} }}
cache_resources: [ {{ label: kept, file: {{ directory: '{}' }} }} ]
",
            kept.display()
        );
        let mut process = start(folder.path(), &config);
        process.wait_for_stderr("it begins", PATIENCE).unwrap();
        let (_, said) = give_up(&mut process);
        assert!(process.stdout_lines().is_empty(), "{processors}: {said}");
        let found: Vec<_> = std::fs::read_dir(&kept).unwrap().collect();
        assert!(found.is_empty(), "{processors}: {found:?}");
    }
}

#[test]
fn a_stop_is_heard_while_programs_keep_all_threads_busy() {
    let folder = tempfile::tempdir().unwrap();
    let threads = std::thread::available_parallelism().unwrap().get();
    for (program, is_ended) in [
        ("javascript: { code: 'for (;;) {}' }", true),
        (
            "awk: { codec: none, program: 'BEGIN { while (1) {} }' }",
            true,
        ),
        // It hears nothing: its eighty million steps are its end.
        (
            "mapping: 'root = range(0, 9000).fold(0, a -> range(0, 9000).fold(0, b -> b.tally + 1))'",
            false,
        ),
    ] {
        let input = format!(
            "{{ generate: {{ mapping: 'root = 1', count: 1 }}, processors: [ {{ log: {{ message: \
             it begins }} }}, {{ {program} }} ] }}"
        );
        let inputs = vec![input; threads].join(", ");
        let config =
            format!("input: {{ broker: {{ inputs: [ {inputs} ] }} }}\noutput: {{ drop: {{}} }}\n");
        let mut process = start(folder.path(), &config);
        let begun = |it: &Millrace| {
            let lines = it.stderr_lines();
            let begun = lines.iter().filter(|line| line.contains("it begins"));
            (begun.count() == threads).then_some(())
        };
        process.wait_for("all programs", PATIENCE, begun).unwrap();
        let (code, said) = give_up(&mut process);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(!said.contains("did not stop in time"), is_ended, "{said}");
    }
}
