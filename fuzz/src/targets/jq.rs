//! An arbitrary jq query on an arbitrary document.
//!
//! The input is the query, a zero byte, and the document. Asked: a run stays within its limits, what
//! it gives can be written and read again, and it gives the same when it runs again.

use std::time::Duration;

use bytes::Bytes;
use millrace_jq::{Error, Limits, Program};
use millrace_message::{Halt, Value};

use super::parts;

const LIMITS: Limits = Limits {
    steps: 200_000,
    bytes: 16 << 20,
    time: Duration::from_secs(60),
    halt: Halt::NEVER,
};

/// Functions whose results differ from run to run by their nature.
const UNSTEADY: &[&str] = &["now", "localtime"];

pub(super) fn run(data: &[u8]) {
    let (query, document) = parts(data);
    let program = match Program::compile(&query, &["metadata"]) {
        Ok(program) => program,
        Err(error) => {
            let place = query.get(error.range.clone());
            assert!(place.is_some(), "{error:?} lies outside of {query:?}");
            return;
        }
    };
    let Ok(document) = Value::parse_json(Bytes::copy_from_slice(document)) else {
        return;
    };
    let result = || {
        let variables = vec![Value::Object(Default::default())];
        program
            .run(document.clone(), variables, LIMITS)
            .map(printed)
    };
    let (first, second) = (result(), result());
    if UNSTEADY.iter().any(|name| query.contains(name)) {
        return;
    }
    match (first, second) {
        (Ok(first), Ok(second)) => assert_eq!(first, second, "it gives two results"),
        // What is kept from a run, such as regular expressions, takes fewer steps in the next.
        (Err(Error::Limit(_)), _) | (_, Err(Error::Limit(_))) => {}
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string()),
        (first, second) => panic!("{first:?}, then {second:?}"),
    }
}

fn printed(results: Vec<Value>) -> Vec<Bytes> {
    let json: Vec<Bytes> = results.iter().map(Value::to_json).collect();
    for json in &json {
        if let Err(error) = Value::parse_json(json.clone()) {
            panic!("what was printed is not read: {error:?}");
        }
    }
    json
}
