use std::path::Path;

use millrace_component::conformance::Workbench;
use millrace_message::ErrorClass;

use super::*;

fn input(yaml: &str) -> Box<dyn Input> {
    Workbench::new([crate::INPUTS]).input(yaml)
}

async fn read_all(input: &mut dyn Input) -> (Vec<String>, Error) {
    let mut lines = Vec::new();
    loop {
        match input.read().await {
            Ok(incoming) => {
                for message in incoming.batch.iter() {
                    lines.push(String::from_utf8_lossy(message.bytes()).into_owned());
                }
            }
            Err(error) => return (lines, error),
        }
    }
}

/// Whether a process is there and no zombie.
fn is_running(id: &str) -> bool {
    let state = std::fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    state.is_ok_and(|stat| !stat.contains(") Z"))
}

#[tokio::test]
async fn lines_become_messages_and_the_input_ends_with_the_command() {
    let mut input = input("subprocess: { name: printf, args: ['a\\nb b\\n\\nlast'] }");
    input.connect().await.expect("printf is there");
    let (lines, error) = read_all(&mut *input).await;
    assert_eq!(lines, ["a", "b b", "", "last"]);
    assert_eq!(error.class(), ErrorClass::EndOfInput);
    input.close().await.expect("it has ended");
}

#[tokio::test]
async fn a_command_that_fails_ends_the_input_with_an_error() {
    let mut input = input("subprocess: { name: sh, args: [-c, 'echo a; exit 3'] }");
    input.connect().await.expect("sh is there");
    let (lines, error) = read_all(&mut *input).await;
    assert_eq!(lines, ["a"]);
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert!(error.text().contains("exit status: 3"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_a_command_has_started_does_not_hold_the_input_when_it_ends() {
    let script = "sleep 1000 & echo $!; exit 3";
    let mut input = input(&format!(
        "subprocess: {{ name: sh, args: [-c, '{script}'] }}"
    ));
    input.connect().await.expect("sh is there");
    let (lines, error) = read_all(&mut *input).await;
    assert_eq!(lines.len(), 1);
    assert!(error.text().contains("exit status: 3"), "{error}");
    let id = lines[0].parse().expect("its number");
    let id = rustix::process::Pid::from_raw(id).expect("a number");
    rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("it runs on");
}

#[tokio::test]
async fn a_command_that_ends_is_started_again_when_asked_for() {
    let mut input = input("subprocess: { name: echo, args: [again], restart_on_exit: true }");
    for _ in 0..3 {
        input.connect().await.expect("echo is there");
        let (lines, error) = read_all(&mut *input).await;
        assert_eq!(lines, ["again"]);
        assert_eq!(error.class(), ErrorClass::NotConnected);
    }
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_named_and_ends_the_input() {
    let mut input = input("subprocess: { name: /no/such/command }");
    let error = input.connect().await.expect_err("there is none");
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert!(error.text().contains("/no/such/command"), "{error}");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_skipped_and_named() {
    let mut input =
        input("subprocess: { name: printf, args: ['aaaaaaaaaaaa\\nb\\n'], max_buffer: 5 }");
    input.connect().await.expect("printf is there");
    let (_, error) = read_all(&mut *input).await;
    assert_eq!(error.class(), ErrorClass::Rejected);
    assert!(error.text().contains("`max_buffer`, 5 bytes"), "{error}");
    assert_eq!(read_all(&mut *input).await.0, ["b"]);
}

#[tokio::test]
async fn a_stop_kills_the_command_and_what_it_started() {
    let script = "sleep 1000 & echo $!; echo $$; wait";
    let mut input = input(&format!(
        "subprocess: {{ name: sh, args: [-c, '{script}'] }}"
    ));
    input.connect().await.expect("sh is there");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let incoming = input.read().await.expect("it has written");
        ids.push(String::from_utf8_lossy(incoming.batch[0].bytes()).into_owned());
    }
    assert!(ids.iter().all(|id| is_running(id)));
    input.stop().await;
    input.close().await.expect("it is gone");
    // The command is reaped; its child is init's to reap, and dies at once.
    assert!(!Path::new("/proc").join(&ids[1]).exists());
    for _ in 0..1000 {
        if !is_running(&ids[0]) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("process {} is still running", ids[0]);
}
