//! The entry of libFuzzer: runs the target that the variable `MILLRACE_FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use millrace_fuzz::{Target, target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("MILLRACE_FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("MILLRACE_FUZZ_TARGET: `{name}` is no target"))
});

fuzz_target!(|data: &[u8]| (TARGET.run)(data));
