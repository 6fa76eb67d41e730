use std::path::Path;

use millrace_component::conformance::Workbench;
use millrace_message::Message;

use super::*;

fn processor(yaml: &str) -> BuiltProcessor {
    let processor = Workbench::new([crate::PROCESSORS]).processor(yaml);
    processor.unwrap_or_else(|error| panic!("{error}"))
}

fn shell(script: &str, fields: &str) -> BuiltProcessor {
    processor(&format!(
        "subprocess: {{ name: bash, args: [-c, \"{script}\"], {fields} }}"
    ))
}

/// Whatever becomes of each message: its payload, or the text of its fault.
async fn run(processor: &BuiltProcessor, payloads: &[&str]) -> Vec<Result<String, String>> {
    let batch: MessageBatch = payloads.iter().map(|it| Message::from(*it)).collect();
    let batches = processor.process(batch).await;
    assert_eq!(batches.len(), 1);
    let result = |message: &Message| match message.fault() {
        Some(fault) => Err(fault.cause.text().to_owned()),
        None => Ok(String::from_utf8_lossy(message.bytes()).into_owned()),
    };
    batches[0].iter().map(result).collect()
}

fn all(texts: &[&str]) -> Vec<Result<String, String>> {
    texts.iter().map(|text| Ok((*text).to_owned())).collect()
}

#[tokio::test]
async fn each_message_is_replaced_by_the_answer_to_it() {
    let sed = processor("subprocess: { name: sed, args: [-u, 's/foo/bar/g'] }");
    let answers = run(&sed, &["hello foo world", "hello baz world", "foo"]).await;
    assert_eq!(answers, all(&["hello bar world", "hello baz world", "bar"]));
    sed.close().await;
}

#[tokio::test]
async fn a_message_of_several_lines_is_sent_line_by_line() {
    let sed = processor(r"subprocess: { name: sed, args: ['s/\(^$\)\|\(foo\)/bar/', -u] }");
    let payloads = ["a foo\nfoo b", "", "a foo\n\nfoo b\n", "\n"];
    let expected = ["a bar\nbar b", "bar", "a bar\nbar\nbar b\n", "bar\n"];
    assert_eq!(run(&sed, &payloads).await, all(&expected));
}

#[tokio::test]
async fn every_pair_of_codecs_carries_what_it_can() {
    const CODECS: [&str; 3] = ["lines", "length_prefixed_uint32_be", "netstring"];
    // What it sends comes back as it is, so both directions have the same form.
    for codec in CODECS {
        let fields = format!("codec_send: {codec}, codec_recv: {codec}");
        let cat = processor(&format!("subprocess: {{ name: cat, {fields} }}"));
        let mut payloads = vec!["foo", "foö", "", "a:b,c"];
        if codec != "lines" {
            payloads.push("|{o\n\r\no}|");
        }
        assert_eq!(run(&cat, &payloads).await, all(&payloads), "{codec}");
    }
    let numbered = "while read -r line; do printf '%d:%s,' \\\"${#line}\\\" \\\"$line\\\"; done";
    let answers = run(&shell(numbered, "codec_recv: netstring"), &["ab", ""]).await;
    assert_eq!(answers, all(&["ab", ""]));
}

#[tokio::test]
async fn a_payload_larger_than_any_pipe_passes() {
    let large = "x".repeat(1 << 20);
    let cat = processor("subprocess: { name: cat, max_buffer: 2000000 }");
    assert_eq!(run(&cat, &[&large, "a"]).await, all(&[&large, "a"]));
}

#[tokio::test]
async fn what_a_command_says_instead_of_an_answer_is_the_error_of_the_message() {
    let script = "while read -r line; do case $line in bad*) echo no $line >&2;; \
                  *) echo $line;; esac; done";
    let picky = shell(script, "");
    let answers = run(&picky, &["a", "bad1", "b", "bad2"]).await;
    assert_eq!(answers[0], Ok("a".to_owned()));
    assert_eq!(answers[1], Err("command `bash`: no bad1".to_owned()));
    assert_eq!(answers[2], Ok("b".to_owned()));
    assert_eq!(answers[3], Err("command `bash`: no bad2".to_owned()));
}

#[tokio::test]
async fn an_answer_beside_a_complaint_is_not_taken_for_the_next_one() {
    let script = "while read -r line; do [ $line = bad ] && echo no >&2; sleep 0.05; \
                  echo $line; done";
    let answers = run(&shell(script, ""), &["bad", "b", "c"]).await;
    assert!(answers[0].is_err(), "{answers:?}");
    assert_eq!(answers[1..], all(&["b", "c"]));
}

#[tokio::test]
async fn a_command_that_ends_is_started_again_for_the_next_message() {
    let script = "while read -r line; do [ $line = die ] && echo dead >&2 && exit 3; \
                  echo $line; done";
    let answers = run(&shell(script, ""), &["a", "die", "b"]).await;
    let error = answers[1].as_ref().expect_err("it has ended");
    assert!(error.contains("exit status: 3: dead"), "{error}");
    assert_eq!(
        (&answers[0], &answers[2]),
        (&all(&["a"])[0], &all(&["b"])[0])
    );
    // One that ends behind its answer has answered.
    let head = processor("subprocess: { name: head, args: [-n1] }");
    assert_eq!(run(&head, &["a"]).await, all(&["a"]));
}

#[tokio::test]
async fn what_a_command_has_started_does_not_hold_the_message_when_it_ends() {
    let script = "sleep 1000 & while read -r line; do [ $line = die ] && exit 3; echo $line; done";
    let answers = run(&shell(script, ""), &["die", "a", "b"]).await;
    let error = answers[0].as_ref().expect_err("it has ended");
    assert!(error.contains("exit status: 3"), "{error}");
    assert_eq!(answers[1..], all(&["a", "b"]));
}

#[tokio::test]
async fn an_answer_that_is_too_large_ends_the_command_and_the_next_message_is_answered() {
    let cat = processor("subprocess: { name: cat, max_buffer: 5 }");
    let answers = run(&cat, &["12345", "123456", "a"]).await;
    let error = answers[1].as_ref().expect_err("it is too large");
    assert!(error.contains("`max_buffer`, 5 bytes"), "{error}");
    assert_eq!(
        (&answers[0], &answers[2]),
        (&all(&["12345"])[0], &all(&["a"])[0])
    );
    let endless = shell("yes | tr -d '\\\\n'", "");
    assert!(run(&endless, &["a"]).await[0].is_err());
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_found_when_it_is_built() {
    let yaml = "subprocess: { name: /no/such/command }";
    let error = Workbench::new([crate::PROCESSORS]).processor(yaml);
    let error = error.err().expect("there is none");
    assert!(error.contains("/no/such/command"), "{error}");
}

/// Whether a process is there and no zombie.
fn is_running(id: &str) -> bool {
    let state = std::fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    state.is_ok_and(|stat| !stat.contains(") Z"))
}

async fn has_ended(id: &str) -> bool {
    for _ in 0..1000 {
        if !is_running(id) {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_close_kills_the_command_and_what_it_started() {
    let script = "sleep 1000 >/dev/null 2>&1 & while read -r line; do echo $! $$; done";
    let processor = shell(script, "");
    let answer = run(&processor, &["a"]).await.remove(0).expect("an answer");
    let ids: Vec<_> = answer.split(' ').collect();
    assert!(ids.iter().all(|id| is_running(id)));
    processor.close().await;
    for id in ids {
        assert!(has_ended(id).await, "process {id} is still running");
    }
}

#[tokio::test]
async fn a_message_that_nobody_waits_for_any_more_leaves_no_answer_behind() {
    // The first one of a process is never answered; the others are.
    let script = "read -r line; [ $line = stuck ] && sleep 1000; echo $line; cat";
    let processor = shell(script, "");
    let stuck = run(&processor, &["stuck"]);
    let cancelled = tokio::time::timeout(std::time::Duration::from_millis(50), stuck).await;
    assert!(cancelled.is_err());
    assert_eq!(run(&processor, &["a", "b"]).await, all(&["a", "b"]));
}

#[tokio::test]
async fn a_command_that_does_not_answer_in_time_is_killed_and_the_next_message_is_answered() {
    let script =
        "echo $$ >&3; while read -r line; do [ $line = stuck ] && sleep 1000; echo $line; done";
    let folder = tempfile::tempdir().expect("a folder");
    let ids = folder.path().join("ids");
    let script = format!("exec 3>>{}; {script}", ids.display());
    let processor = shell(&script, "timeout: 200ms");
    let answers = run(&processor, &["a", "stuck", "b"]).await;
    assert_eq!(
        (&answers[0], &answers[2]),
        (&all(&["a"])[0], &all(&["b"])[0])
    );
    let error = answers[1].as_ref().expect_err("it is late");
    assert!(error.contains("`timeout`, 0.2 seconds"), "{error}");
    let ids = std::fs::read_to_string(&ids).expect("the processes");
    let first = ids.lines().next().expect("the first one");
    assert!(has_ended(first).await, "process {first} is still running");
}
