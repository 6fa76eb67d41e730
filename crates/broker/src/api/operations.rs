//! What a client may do with what it asks about (KIP-430): all, as nobody is refused anything.

/// Stands for "was not asked for".
pub const NOT_ASKED: i32 = i32::MIN;

const READ: i32 = 3;
const WRITE: i32 = 4;
const CREATE: i32 = 5;
const DELETE: i32 = 6;
const ALTER: i32 = 7;
const DESCRIBE: i32 = 8;
const CLUSTER_ACTION: i32 = 9;
const DESCRIBE_CONFIGS: i32 = 10;
const ALTER_CONFIGS: i32 = 11;
const IDEMPOTENT_WRITE: i32 = 12;

/// What there is to do with a topic.
pub const TOPIC: i32 = bits(&[
    READ,
    WRITE,
    CREATE,
    DELETE,
    ALTER,
    DESCRIBE,
    DESCRIBE_CONFIGS,
    ALTER_CONFIGS,
]);
/// What there is to do with a group.
pub const GROUP: i32 = bits(&[READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);
/// What there is to do with a cluster.
pub const CLUSTER: i32 = bits(&[
    CREATE,
    ALTER,
    DESCRIBE,
    CLUSTER_ACTION,
    DESCRIBE_CONFIGS,
    ALTER_CONFIGS,
    IDEMPOTENT_WRITE,
]);

/// The operations, if somebody asks for them.
pub fn if_asked(is_asked: bool, operations: i32) -> i32 {
    match is_asked {
        true => operations,
        false => NOT_ASKED,
    }
}

const fn bits(operations: &[i32]) -> i32 {
    let mut field = 0;
    let mut at = 0;
    while at < operations.len() {
        field |= 1 << operations[at];
        at += 1;
    }
    field
}
