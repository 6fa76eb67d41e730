//! What a stream that is replaced leaves to the stream that takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use millrace_message::MessageBatch;
use parking_lot::Mutex;

/// Messages that a stream could not deliver before it was aborted, and that nobody but this process
/// can give again: their source takes nothing back, or a buffer in memory has acknowledged them.
/// Cloning copies a pointer.
///
/// They cost memory beside the budget until a stream takes them over: no more than the budget that the
/// stream before had for them.
#[derive(Clone, Default)]
pub struct Leftovers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_wanted: AtomicBool,
    kept: Mutex<Vec<Leftover>>,
}

/// A batch that is left.
pub struct Leftover {
    /// Where the component stands that held it.
    pub path: Box<str>,
    /// Since when.
    pub since: Instant,
    /// Which it was of those that the component took.
    pub number: u64,
    /// Its messages, detached.
    pub batch: MessageBatch,
}

impl Leftovers {
    /// Says whether another stream is to come: only then is anything kept.
    pub fn want(&self, is_wanted: bool) {
        self.shared.is_wanted.store(is_wanted, Ordering::Release);
    }

    /// Whether another stream is to come.
    pub fn is_wanted(&self) -> bool {
        self.shared.is_wanted.load(Ordering::Acquire)
    }

    /// Keeps a batch.
    pub fn keep(&self, leftover: Leftover) {
        self.shared.kept.lock().push(leftover);
    }

    /// How many messages are kept.
    pub fn messages(&self) -> usize {
        let kept = self.shared.kept.lock();
        kept.iter().map(|it| it.batch.len()).sum()
    }

    /// Whether there is something that was held at a path that `is_mine`.
    pub fn any(&self, is_mine: impl Fn(&str) -> bool) -> bool {
        self.shared.kept.lock().iter().any(|it| is_mine(&it.path))
    }

    /// Takes what was held at the paths that are `is_mine`, in the order in which it was taken there.
    pub fn take(&self, is_mine: impl Fn(&str) -> bool) -> Vec<Leftover> {
        let mut mine: Vec<_> = {
            let mut kept = self.shared.kept.lock();
            kept.extract_if(.., |it| is_mine(&it.path)).collect()
        };
        mine.sort_by_key(|it| (it.since, it.number));
        mine
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use millrace_message::Message;

    use super::*;

    #[test]
    fn what_is_kept_comes_back_once_by_its_path_and_the_oldest_first() {
        let (leftovers, now) = (Leftovers::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        for (path, since, text) in [
            ("root.input", later, "b"),
            ("root.buffer", now, "x"),
            ("root.input", now, "a"),
        ] {
            leftovers.keep(Leftover {
                path: path.into(),
                since,
                number: 0,
                batch: MessageBatch::one(Message::from_bytes(text)),
            });
        }
        assert_eq!(leftovers.messages(), 3);
        let texts = |left: Vec<Leftover>| -> Vec<Vec<u8>> {
            let messages = left.into_iter().flat_map(|it| it.batch);
            messages.map(|it| it.bytes().to_vec()).collect()
        };
        assert_eq!(texts(leftovers.take(|it| it == "root.input")), [b"a", b"b"]);
        assert!(leftovers.any(|it| it == "root.buffer") && !leftovers.any(|it| it == "root.input"));
        assert_eq!(texts(leftovers.take(|_| true)), [b"x"]);
        assert_eq!(leftovers.messages(), 0);
    }
}
