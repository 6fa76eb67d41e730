use std::time::Duration;

use millrace_message::{Message, MessageBatch};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::testing::{batch, ends_when_given_up, processor, run, try_processor};

/// A processor with this program.
fn program(code: &str) -> BuiltProcessor {
    let code = code.replace('\'', "''");
    processor(&format!("javascript: {{ code: '{code}' }}"))
}

fn results(code: &str, payloads: &[&str]) -> Vec<Result<String, String>> {
    run(&program(code), batch(payloads))
}

#[test]
fn a_program_reads_and_replaces_the_payload() {
    for (code, payload, expected) in [
        (
            "bento.v0_msg_set_string(bento.v0_msg_as_string() + \" world\")",
            "hello",
            "hello world",
        ),
        (
            "bento.v0_msg_set_string(5); bento.v0_msg_set_string(bento.v0_msg_as_string() + 1)",
            "x",
            "51",
        ),
        (
            "(() => { let thing = bento.v0_msg_as_structured(); thing.num_keys = Object.keys(thing).length; delete thing.b; bento.v0_msg_set_structured(thing); })()",
            r#"{"a":"a value","b":"b value"}"#,
            r#"{"a":"a value","num_keys":2}"#,
        ),
        (
            "let v = bento.v0_msg_as_structured(); bento.v0_msg_set_structured([v.b, v.a, undefined, 1.5, null])",
            r#"{"a":"é","b":[1]}"#,
            r#"[[1],"é",null,1.5,null]"#,
        ),
        ("bento.v0_msg_set_structured(\"text\")", "x", r#""text""#),
        (
            "undeclared = 1",
            "{ \"as\": \"it came\" }",
            "{ \"as\": \"it came\" }",
        ),
        (
            "Promise.resolve(7).then(v => bento.v0_msg_set_structured(v))",
            "x",
            "7",
        ),
    ] {
        assert_eq!(
            results(code, &[payload, payload]),
            vec![Ok(expected.to_owned()); 2],
            "{code}"
        );
    }
}

#[test]
fn a_program_reads_and_sets_the_metadata() {
    let processor = program(
        r#"bento.v0_msg_set_meta("a", "one");
        bento.v0_msg_set_meta("b", bento.v0_msg_get_meta("a") + " two");
        bento.v0_msg_set_meta("c", ["x", { y: 1 }]);
        bento.v0_msg_set_meta("d", [bento.v0_msg_exists_meta("a"), bento.v0_msg_exists_meta("z"), bento.v0_msg_get_meta("was")]);"#,
    );
    let mut message = Message::from("as it was");
    message.metadata.set("was", 5_i64);
    let BuiltProcessor::Sync(processor) = processor else {
        panic!("it never waits");
    };
    let batches = processor.process(MessageBatch::one(message));
    let metadata = &batches[0][0].metadata;
    let json = |name| {
        metadata
            .get(name)
            .map(|it| String::from_utf8_lossy(&it.to_json()).into_owned())
    };
    assert_eq!(&batches[0][0].bytes()[..], b"as it was");
    assert_eq!(json("b").as_deref(), Some(r#""one two""#));
    assert_eq!(json("c").as_deref(), Some(r#"["x",{"y":1}]"#));
    assert_eq!(json("d").as_deref(), Some("[true,false,5]"));
}

#[test]
fn what_the_functions_throw_are_texts_that_a_program_can_catch() {
    for (code, expected) in [
        (
            "try { bento.v0_msg_as_structured() } catch (e) { bento.v0_msg_set_string(e) }",
            "the payload is no JSON",
        ),
        (
            "try { bento.v0_msg_get_meta(\"z\") } catch (e) { bento.v0_msg_set_string(e) }",
            "key not found",
        ),
        (
            "try { bento.v0_msg_set_string(undefined) } catch (e) { bento.v0_msg_set_string(e) }",
            "argument at position 0 is undefined",
        ),
        (
            "try { bento.v0_fetch(\"http://h\") } catch (e) { bento.v0_msg_set_string(e) }",
            "use the processor `http`",
        ),
    ] {
        let results = results(code, &["no JSON"]);
        assert!(
            results[0].as_ref().is_ok_and(|it| it.contains(expected)),
            "{results:?}"
        );
    }
}

#[test]
fn a_message_whose_program_throws_is_unchanged_and_others_are_processed() {
    let code = "bento.v0_msg_set_meta(\"m\", 1); bento.v0_msg_set_string(\"new\"); if (bento.v0_msg_exists_meta(\"bad\")) { throw new Error(\"gone\") }";
    let mut messages = batch(&["a", "b"]);
    messages[0].metadata.set("bad", true);
    let BuiltProcessor::Sync(processor) = program(code) else {
        panic!("it never waits");
    };
    let batches = processor.process(messages);
    let [bad, good] = &batches[0][..] else {
        panic!("there are two messages");
    };
    assert_eq!(&bad.bytes()[..], b"a");
    assert!(bad.metadata.get("m").is_none());
    assert!(
        bad.fault()
            .is_some_and(|it| it.cause.text().starts_with("gone"))
    );
    assert_eq!(&good.bytes()[..], b"new");
}

#[test]
fn modules_are_found_as_node_finds_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("global/blobber.js", "module.exports = () => 'global';");
    write(
        "app/main.js",
        "bento.v0_msg_set_structured([require('blobber')(), require('./lib'), require('pack').name, require('./data').x, require('./lib') === require('./lib/index.js')])",
    );
    write("app/lib/index.js", "exports.up = require('../other').v;");
    write(
        "app/other.js",
        "exports.v = __filename.endsWith('other.js');",
    );
    write("app/data.json", "{\"x\": 5}");
    write(
        "node_modules/pack/package.json",
        "{\"main\": \"lib/start\"}",
    );
    write(
        "node_modules/pack/lib/start.js",
        "console.log('loaded', 1); module.exports = { name: 'packed' };",
    );
    let path = folder.path().display();
    let processor = processor(&format!(
        "javascript: {{ file: '{path}/app/main.js', global_folders: [ '{path}/global' ] }}"
    ));
    let expected = r#"["global",{"up":true},"packed",5,true]"#;
    assert_eq!(
        run(&processor, batch(&["1", "2"])),
        vec![Ok(expected.to_owned()); 2]
    );
    let results = results("require('nowhere')", &["x"]);
    assert!(
        results[0]
            .as_ref()
            .is_err_and(|it| it.contains("no module `nowhere`")),
        "{results:?}"
    );
}

#[test]
fn a_program_without_end_or_measure_is_stopped_and_the_next_message_is_processed() {
    let program = |code: &str| Program {
        code: code.to_owned(),
        modules: Modules::default(),
        folder: PathBuf::new(),
        memory_max: 8 << 20,
    };
    let identity = Arc::new(Identity::new("javascript", "root", ""));
    for (code, complaint) in [
        ("for (;;) {}", "ran for more than"),
        // Nothing ends this before it is done.
        (
            "\"a\".repeat(60000).indexOf(\"a\".repeat(30000) + \"b\")",
            "ran for more than",
        ),
        ("const go = () => Promise.resolve().then(go); go()", ""),
        ("let a = \"x\"; for (;;) { a += a }", ""),
        (
            "let a = []; for (;;) { a.push(new Array(1000).fill(1)) }",
            "out of memory",
        ),
        ("const f = () => f() + 1; f()", "stack"),
    ] {
        let program = program(code);
        let time = Duration::from_millis(200);
        let abort = CancellationToken::new();
        let mut vm = Vm::with_time(&program, &identity, &abort, time).expect(code);
        let mut message = Message::from("x");
        let error = vm.run(&mut message).expect_err(code);
        assert!(error.text().contains(complaint), "{code}: {error}");
        assert_eq!(&message.bytes()[..], b"x");
    }
    let code = "if (bento.v0_msg_as_string() === \"deep\") { const f = () => f() + 1; f() }";
    let results = results(code, &["deep", "flat"]);
    assert!(results[0].is_err());
    assert_eq!(results[1].as_deref(), Ok("flat"));
}

#[test]
fn a_program_that_runs_when_the_stream_is_given_up_is_ended_and_gives_nothing() {
    for code in [
        "for (;;) {}",
        "for (;;) { try { for (;;) {} } catch (e) {} finally { for (;;) {} } }",
        "const go = () => Promise.resolve().then(go); go()",
        "/^(a+)+$/.test(\"a\".repeat(60) + \"b\")",
        "[2, 1].sort(() => { for (;;) {} })",
    ] {
        ends_when_given_up(&format!(
            "javascript: {{ code: '{}' }}",
            code.replace('\'', "''")
        ));
    }
}

#[test]
fn what_cannot_work_is_refused_with_the_remedy() {
    for (config, complaint) in [
        ("{}", "`code`"),
        ("{ code: '1', file: 'a.js' }", "remove one of them"),
        ("{ code: 'let = 5 +' }", "no JavaScript program"),
        ("{ file: /nowhere/a.js }", "/nowhere/a.js"),
    ] {
        let error = try_processor(&format!("javascript: {config}")).err();
        let error = error.unwrap_or_else(|| panic!("{config} is built"));
        assert!(error.contains(complaint), "{config}: {error}");
    }
}
