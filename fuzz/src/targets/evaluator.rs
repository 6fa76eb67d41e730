//! An arbitrary program on an arbitrary document.
//!
//! The input is the program, a zero byte, and the payload. Asked: a failing mapping leaves the
//! message as it was, and a mapping that reads nothing but the message gives the same result when
//! it runs again.

use millrace_bloblang::{Mapped, Mapping};
use millrace_message::Message;

use super::{environment, parts};

/// Functions whose results differ from call to call by their nature.
const UNSTEADY: &[&str] = &[
    "random",
    "uuid",
    "ulid",
    "ksuid",
    "nanoid",
    "snowflake",
    "flow_id",
    "now",
    "timestamp",
    "counter",
    "count",
    "fake",
    "shuffle",
    "ts_",
    "bcrypt",
    "argon",
    "encrypt",
    "jwt",
    "pid",
    "hostname",
    "batch_id",
    "trac",
];

pub(super) fn run(data: &[u8]) {
    let (program, payload) = parts(data);
    let environment = environment();
    let Ok(mapping) = Mapping::compile(&program, &environment) else {
        return;
    };
    let batch = [Message::from_bytes(payload.to_vec())];
    let mapped = mapping.map(&batch, 0);
    assert_eq!(
        &batch[0].bytes()[..],
        payload,
        "the mapping changed its input"
    );
    if let Ok(mapped) = &mapped {
        let mut message = batch[0].clone();
        if mapped.clone().apply_to(&mut message) {
            let _printed = message.bytes().len();
        }
    }
    let is_steady = !UNSTEADY.iter().any(|name| program.contains(name));
    if is_steady && let (Ok(first), Ok(second)) = (mapped, mapping.map(&batch, 0)) {
        assert_eq!(printed(first), printed(second), "it maps in two ways");
    }
    let (_, _) = mapping.mutate(&batch, 0);
    assert_eq!(
        &batch[0].bytes()[..],
        payload,
        "the mutation changed its input"
    );
}

/// The payload that a mapping gave, in the form that can be compared.
fn printed(mapped: Mapped) -> Option<Vec<u8>> {
    let mut message = Message::default();
    mapped
        .apply_to(&mut message)
        .then(|| message.bytes().to_vec())
}
