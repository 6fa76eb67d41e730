use millrace_message::{Message, MessageBatch};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::fuel::Fuel;
use super::*;
use crate::testing::{batch, ends_when_given_up, processor, run, try_processor};

/// What modules of TinyGo look like: `malloc` and `free`, and a message in capitals.
pub(super) const UPPERCASE: &str = r#"(module
  (import "bento_wasm" "v0_msg_as_bytes" (func $get (result i64)))
  (import "bento_wasm" "v0_msg_set_bytes" (func $set (param i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (global $top (mut i32) (i32.const 1024))
  (global $started (mut i32) (i32.const 0))
  (func (export "_start") (global.set $started (i32.const 1)))
  (func (export "malloc") (param i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get 0))))
  (func (export "free") (param i32) (global.set $top (local.get 0)))
  (func (export "process") (local $both i64) (local $at i32) (local $end i32) (local $size i32)
    (if (i32.eqz (global.get $started)) (then unreachable))
    (local.set $both (call $get))
    (local.set $at (i32.wrap_i64 (i64.shr_u (local.get $both) (i64.const 32))))
    (local.set $size (i32.wrap_i64 (local.get $both)))
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (if (i32.and
            (i32.ge_u (i32.load8_u (local.get $at)) (i32.const 97))
            (i32.le_u (i32.load8_u (local.get $at)) (i32.const 122)))
        (then (i32.store8 (local.get $at) (i32.sub (i32.load8_u (local.get $at)) (i32.const 32)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (call $set (i32.sub (local.get $end) (local.get $size)) (local.get $size)))
  (func (export "spin") (loop $again (br $again)))
  (func (export "trap") unreachable)
  (func (export "leave") (call $exit (i32.const 3)))
  (func (export "outside") (call $set (i32.const -8) (i32.const 100)))
  (func (export "grow")
    (if (i32.eq (memory.grow (i32.const 16000)) (i32.const -1)) (then unreachable)))
  (func (export "print") (local $n i32)
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 7))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store8 (i32.const 16) (i32.add (i32.const 48) (i32.load (i32.const 8))))
    (call $set (i32.const 16) (i32.const 1)))
  (func (export "takes") (param i32)))"#;

/// What modules of Rust look like: `allocate` and `deallocate`; copies one entry of the metadata.
const METADATA: &str = r#"(module
  (import "bento_wasm" "v0_msg_get_meta" (func $get (param i32 i32) (result i64)))
  (import "bento_wasm" "v0_msg_set_meta" (func $set (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "fromto")
  (func (export "allocate") (param i32) (result i32) (i32.const 64))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (local $both i64)
    (local.set $both (call $get (i32.const 0) (i32.const 4)))
    (call $set (i32.const 4) (i32.const 2)
      (i32.wrap_i64 (i64.shr_u (local.get $both) (i64.const 32))) (i32.wrap_i64 (local.get $both)))))"#;

/// A module as it is compiled; what is none stays as it is.
fn binary(module: &str) -> Vec<u8> {
    wat::parse_str(module).unwrap_or_else(|_| module.as_bytes().to_vec())
}

/// The config of a module that lies in a file as long as the folder is there.
pub(super) fn config(module: &str, function: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("module.wasm");
    std::fs::write(&path, binary(module)).expect("a file");
    let path = path.display();
    (
        folder,
        format!("wasm: {{ module_path: '{path}', function: {function} }}"),
    )
}

fn result_of(function: &str, payload: &str) -> Result<String, String> {
    let (_folder, config) = config(UPPERCASE, function);
    run(&processor(&config), batch(&[payload])).remove(0)
}

#[test]
fn the_function_reads_and_replaces_the_payload() {
    let (_folder, config) = config(UPPERCASE, "process");
    let processor = processor(&config);
    for _ in 0..1000 {
        // Memory that is not given back would be used up.
        let results = run(&processor, batch(&["hello world", "", &"x".repeat(1000)]));
        assert_eq!(
            results,
            [
                Ok("HELLO WORLD".to_owned()),
                Ok(String::new()),
                Ok("X".repeat(1000))
            ]
        );
    }
}

#[test]
fn the_function_reads_and_sets_the_metadata() {
    let (_folder, config) = config(METADATA, "process");
    let BuiltProcessor::Sync(processor) = processor(&config) else {
        panic!("it never waits");
    };
    let mut message = Message::from("as it was");
    message.metadata.set("from", 5_i64);
    let batches = processor.process(MessageBatch::one(message));
    assert_eq!(&batches[0][0].bytes()[..], b"as it was");
    assert!(
        batches[0][0]
            .metadata
            .get("to")
            .is_some_and(|it| it.to_text() == "5")
    );
}

#[test]
fn what_a_module_for_wasi_writes_is_dropped() {
    assert_eq!(result_of("print", "x").as_deref(), Ok("7"));
}

#[test]
fn a_message_on_which_the_function_fails_stays_and_the_next_one_is_processed() {
    for (function, complaint) in [
        ("trap", "unreachable"),
        ("leave", "3"),
        ("outside", "memory that it has not"),
        // 1 GiB is more than an instance may take.
        ("grow", "unreachable"),
    ] {
        let error = result_of(function, "x").expect_err(function);
        assert!(error.contains(complaint), "{function}: {error}");
    }
    let (_folder, config) = config(UPPERCASE, "trap");
    let BuiltProcessor::Sync(processor) = processor(&config) else {
        panic!("it never waits");
    };
    let batches = processor.process(batch(&["a", "b"]));
    assert!(batches[0].iter().all(|it| it.fault().is_some()));
    assert_eq!(&batches[0][1].bytes()[..], b"b");
}

#[test]
fn no_instruction_takes_the_stack_of_the_thread_however_often_it_runs() {
    let often = |instruction: &str| {
        format!(
            r#"(module (memory 1) (table $table 1 funcref)
                 (func (export "process") (local $n i32)
                   (loop $again
                     {instruction}
                     (local.set $n (i32.add (local.get $n) (i32.const 1)))
                     (br_if $again (i32.lt_u (local.get $n) (i32.const 100000))))))"#
        )
    };
    for instruction in [
        "(drop (memory.grow (i32.const 70000)))",
        "(drop (table.grow $table (ref.null func) (i32.const 1)))",
        "(memory.fill (i32.const 0) (i32.const 0) (i32.const 1))",
        "(table.fill $table (i32.const 0) (ref.null func) (i32.const 1))",
    ] {
        let (_folder, config) = config(&often(instruction), "process");
        let results = run(&processor(&config), batch(&["x"]));
        assert_eq!(results, [Ok("x".to_owned())], "{instruction}");
    }
}

#[test]
fn a_function_grows_its_memory_in_few_places() {
    let module = |places: usize| {
        let grows = "(drop (memory.grow (i32.const 70000)))".repeat(places);
        format!(r#"(module (memory 1) (func (export "process") {grows}))"#)
    };
    let (_folder, few) = config(&module(1_000), "process");
    assert_eq!(run(&processor(&few), batch(&["x"])), [Ok("x".to_owned())]);
    let (_folder, many) = config(&module(1_001), "process");
    let error = try_processor(&many).err().expect("it is refused");
    assert!(error.contains("more than 1000 places"), "{error}");
}

/// A program whose calls may spend so much fuel, in slices.
fn program(module: &str, function: &str, fuel: u64, slice: u64) -> Program {
    let abort = CancellationToken::new();
    let program = Program::new(&binary(module), function, 64 << 20, &abort).expect("a module");
    program.with_fuel(Fuel::of(fuel, slice, &abort))
}

#[test]
fn a_function_without_end_is_stopped() {
    let program = program(UPPERCASE, "spin", 1_000_000, 10_000);
    let mut guest = program.start().expect("an instance");
    let error = guest
        .call(&mut Message::from("x"))
        .expect_err("it never ends");
    assert!(error.text().contains("too long"), "{error}");
    assert!(guest.has_trapped());
}

#[test]
fn a_function_that_is_interrupted_again_and_again_does_the_same() {
    for slice in [1, 7, 100, 1_000_000] {
        let program = program(UPPERCASE, "process", 10_000_000, slice);
        let mut guest = program.start().expect("an instance");
        let mut message = Message::from("hello world");
        guest.call(&mut message).expect("it has the fuel");
        assert_eq!(&message.bytes()[..], b"HELLO WORLD", "{slice}");
    }
}

#[test]
fn the_slices_together_are_what_a_function_may_spend() {
    let spent = |slice: u64| {
        // The least that is enough, found by halves.
        let (mut low, mut high) = (0, 1_000_000);
        while low + 1 < high {
            let fuel = (low + high) / 2;
            let called = program(UPPERCASE, "process", fuel, slice).start();
            let called = called.map(|mut guest| guest.call(&mut Message::from("hello")).is_ok());
            match called {
                Ok(true) => high = fuel,
                _ => low = fuel,
            }
        }
        high
    };
    assert_eq!(spent(10), spent(1_000_000));
}

#[test]
fn a_function_that_runs_when_the_stream_is_given_up_is_ended_and_gives_nothing() {
    let in_the_host = HOST.replace(
        r#"(func (export "malloc") (param i32) (result i32) (i32.const 1024))"#,
        r#"(func (export "malloc") (param i32) (result i32) (loop $on (br $on)) (i32.const 1024))"#,
    );
    for (module, function) in [
        (UPPERCASE, "spin"),
        (HOST, "copies"),
        (HOST, "yields"),
        (&in_the_host, "copies"),
    ] {
        let (_folder, config) = config(module, function);
        ends_when_given_up(&config);
    }
}

/// Functions that let the host work for ever, or hold ever more.
const HOST: &str = r#"(module
  (import "bento_wasm" "v0_msg_as_bytes" (func $get (result i64)))
  (import "bento_wasm" "v0_msg_set_meta" (func $meta (param i32 i32 i32 i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 160)
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "copies") (loop $again (drop (call $get)) (br $again)))
  (func (export "yields") (loop $again (drop (call $yield)) (br $again)))
  (func (export "names") (local $n i32)
    (loop $again
      (i32.store (i32.const 0) (local.get $n))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (call $meta (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 1000000))
      (br $again))))"#;

#[test]
fn what_the_host_does_for_a_function_counts() {
    let payload = "x".repeat(1 << 20);
    for (function, fuel, complaint) in [
        ("copies", 10_000_000, "too long"),
        ("yields", 1_000_000, "too long"),
        ("names", 1_000_000_000, "bytes of metadata"),
    ] {
        let program = program(HOST, function, fuel, 100_000);
        let mut guest = program.start().expect("an instance");
        let mut message = Message::from(payload.as_str());
        let error = guest.call(&mut message).expect_err(function);
        assert!(error.text().contains(complaint), "{function}: {error}");
        assert!(message.metadata.is_empty(), "{function}");
    }
}

#[test]
fn a_module_whose_functions_for_memory_call_back_without_end_is_stopped() {
    let recursion = r#"(module
      (import "bento_wasm" "v0_msg_as_bytes" (func $get (result i64)))
      (import "bento_wasm" "v0_msg_set_bytes" (func $set (param i32 i32)))
      (memory (export "memory") 1)
      (func (export "malloc") (param i32) (result i32) (drop (call $get)) (i32.const 8))
      (func (export "deallocate") (param i32 i32) (call $set (i32.const 0) (i32.const 1)))
      (func (export "lent") (drop (call $get)))
      (func (export "taken") (call $set (i32.const 0) (i32.const 1))))"#;
    for function in ["lent", "taken"] {
        let (_folder, config) = config(recursion, function);
        let result = run(&processor(&config), batch(&["x"])).remove(0);
        let error = result.expect_err(function);
        assert!(
            error.contains("functions for memory"),
            "{function}: {error}"
        );
    }
}

#[test]
fn a_module_has_one_memory() {
    let memories = r#"(module (memory (export "memory") 1) (memory 1) (func (export "process")))"#;
    let (_folder, config) = config(memories, "process");
    assert!(try_processor(&config).is_err());
}

#[test]
fn what_cannot_work_is_refused() {
    for (module, function, complaint) in [
        (UPPERCASE, "absent", "no function `absent`"),
        (UPPERCASE, "takes", "takes and returns nothing"),
        ("no module", "process", "module.wasm"),
        (r#"(module (import "env" "f" (func)))"#, "process", "env"),
    ] {
        let (_folder, config) = config(module, function);
        let error = try_processor(&config)
            .err()
            .unwrap_or_else(|| panic!("{function} is built"));
        assert!(error.contains(complaint), "{function}: {error}");
    }
    let error = try_processor("wasm: { module_path: /nowhere/m.wasm }").err();
    assert!(error.is_some_and(|it| it.contains("/nowhere/m.wasm")));
}
