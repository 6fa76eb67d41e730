//! Names that no other test of this run uses.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// `PREFIX_PROCESS_TIME_NUMBER` in lower case letters, digits and `_`: a valid SQL identifier.
/// The time keeps two processes apart that got the same id one after the other.
#[must_use]
pub fn unique(prefix: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |it| it.subsec_nanos());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{}_{now:x}_{number}", std::process::id())
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_names_differ() {
        assert_ne!(super::unique("t"), super::unique("t"));
    }
}
