use std::path::Path;

use millrace_component::conformance::Workbench;
use tempfile::TempDir;

use super::*;

const OK: &str = "the folder can be used";

fn bench() -> Workbench {
    Workbench::new([crate::PROCESSORS, crate::SCANNERS])
}

fn processor(fields: &str) -> BuiltProcessor {
    let processor = bench().processor(&format!("file: {{ {fields} }}"));
    processor.unwrap_or_else(|error| panic!("{error}"))
}

/// A folder with the file `a`.
fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect(OK);
    std::fs::write(folder.path().join("a"), "one\ntwo\nthree").expect(OK);
    let path = folder.path().display().to_string();
    (folder, path)
}

async fn run(fields: &str, payload: &str) -> MessageBatch {
    let batches = processor(fields)
        .process(Message::from(payload).into())
        .await;
    batches.into_iter().flatten().collect()
}

fn contents(batch: &MessageBatch) -> Vec<String> {
    let text = |it: &Message| String::from_utf8_lossy(it.bytes()).into_owned();
    batch.iter().map(text).collect()
}

fn fault(batch: &MessageBatch) -> String {
    let fault = batch[0].fault().expect("it is flagged");
    fault.cause.text().to_owned()
}

#[tokio::test]
async fn read_makes_a_message_of_each_that_the_scanner_finds() {
    let (_folder, path) = folder();
    let fields = format!("operation: read, path: {path}/./a, scanner: {{ lines: {{}} }}");
    let batch = run(&fields, "in").await;
    assert_eq!(contents(&batch), ["one", "two", "three"]);
    for message in batch.iter() {
        let get = |name: &str| {
            message
                .metadata
                .get(name)
                .map(|it| it.to_text().to_string())
        };
        assert_eq!(get("file_path"), Some(format!("{path}/a")));
        assert_eq!(get("file_name").as_deref(), Some("a"));
        assert_eq!(get("file_size").as_deref(), Some("13"));
        assert_eq!(get("file_is_dir").as_deref(), Some("false"));
        let unix = get("file_mod_time_unix").and_then(|it| it.parse::<i64>().ok());
        let time = get("file_mod_time").and_then(|it| it.parse::<jiff::Timestamp>().ok());
        assert_eq!(unix, time.map(jiff::Timestamp::as_second));
        assert!(get("file_mode").is_some_and(|it| it.starts_with("-rw")));
    }
}

#[tokio::test]
async fn a_file_in_which_nothing_is_found_leaves_the_message() {
    let (_folder, path) = folder();
    std::fs::write(format!("{path}/empty"), "").expect(OK);
    let fields = format!("operation: read, path: {path}/empty, scanner: {{ lines: {{}} }}");
    let batch = run(&fields, "in").await;
    assert_eq!(contents(&batch), ["in"]);
    assert!(batch[0].fault().is_none());
}

#[tokio::test]
async fn what_cannot_be_read_whole_is_an_error_of_the_message() {
    let (_folder, path) = folder();
    for (fields, reason) in [
        ("scanner: { lines: {} }, max_size: 5", "larger than 5 bytes"),
        (
            "scanner: { chunker: { size: 1 } }, max_size: 300",
            "256 for each beside its content",
        ),
        (
            "scanner: { lines: { max_buffer_size: 4 } }",
            "max_buffer_size",
        ),
    ] {
        let batch = run(&format!("operation: read, path: {path}/a, {fields}"), "in").await;
        assert_eq!(contents(&batch), ["in"]);
        assert!(fault(&batch).contains(reason), "{}", fault(&batch));
    }
}

#[tokio::test]
async fn what_is_no_regular_file_is_not_read() {
    for (path, kind) in [("/dev/zero", "a device"), ("/tmp", "a folder")] {
        let fields = format!("operation: read, path: {path}, scanner: {{ lines: {{}} }}");
        let batch = run(&fields, "in").await;
        assert!(fault(&batch).contains(kind), "{}", fault(&batch));
    }
}

#[tokio::test]
async fn write_makes_folders_and_leaves_nothing_beside_the_file() {
    let (_folder, path) = folder();
    let fields = format!("operation: write, path: '{path}/x/${{! this.name }}.txt'");
    let payload = r#"{"name":"b"}"#;
    for _ in 0..2 {
        let batch = run(&fields, payload).await;
        assert_eq!(contents(&batch), [payload]);
        assert!(batch[0].fault().is_none(), "{batch:?}");
    }
    let written = std::fs::read_to_string(format!("{path}/x/b.txt")).expect(OK);
    assert_eq!(written, payload);
    assert_eq!(std::fs::read_dir(format!("{path}/x")).expect(OK).count(), 1);
}

#[tokio::test]
async fn delete_move_rename_and_stat_leave_the_content_of_the_message() {
    let (_folder, path) = folder();
    for (fields, gone, there) in [
        (format!("operation: stat, path: {path}/a"), "none", "a"),
        (
            format!("operation: move, path: {path}/a, destination_path: {path}/new/b"),
            "a",
            "new/b",
        ),
        (
            format!("operation: rename, path: {path}/new/b, destination_path: {path}/c"),
            "new/b",
            "c",
        ),
        (format!("operation: delete, path: {path}/c"), "c", "new"),
        (format!("operation: delete, path: {path}/new"), "new", "."),
    ] {
        let batch = run(&fields, "in").await;
        assert_eq!(contents(&batch), ["in"], "{fields}");
        assert!(batch[0].fault().is_none(), "{fields}: {batch:?}");
        assert!(!Path::new(&path).join(gone).exists(), "{fields}");
        assert!(Path::new(&path).join(there).exists(), "{fields}");
    }
}

#[tokio::test]
async fn what_fails_is_an_error_of_the_message_that_names_the_file() {
    let (_folder, path) = folder();
    for fields in [
        format!("operation: read, path: {path}/none, scanner: {{ lines: {{}} }}"),
        format!("operation: write, path: {path}/a/b"),
        format!("operation: delete, path: {path}/none"),
        format!("operation: stat, path: {path}/none"),
        format!("operation: move, path: {path}/none, destination_path: {path}/b"),
        format!("operation: rename, path: {path}/a, destination_path: {path}/none/b"),
    ] {
        let batch = run(&fields, "in").await;
        assert_eq!(contents(&batch), ["in"], "{fields}");
        assert!(fault(&batch).contains(&path), "{fields}: {}", fault(&batch));
    }
    assert!(Path::new(&path).join("a").exists());
}

#[test]
fn fields_that_an_operation_needs_are_asked_for_when_the_config_is_read() {
    use millrace_component::ProcessorChild;
    for (fields, reason) in [
        ("operation: read, path: a", "needs the field scanner"),
        (
            "operation: move, path: a",
            "needs the field destination_path",
        ),
        (
            "operation: rename, path: a, destination_path: ''",
            "destination_path",
        ),
        ("operation: stat, path: ''", "path must not be empty"),
        ("operation: copy, path: a", "copy"),
    ] {
        let error = bench()
            .read::<ProcessorChild>(&format!("file: {{ {fields} }}"))
            .expect_err(fields);
        assert!(error.contains(reason), "{error}");
    }
}
