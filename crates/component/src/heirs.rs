//! Who takes over what an earlier stream of the process has left.
//!
//! A component begins with what the one at its place was left with. All else goes to the pipeline at
//! once.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{Leftover, Leftovers};

/// The components of a stream that take over what is left, until it has started: a stream that cannot be
/// started takes nothing.
pub(crate) struct Heirs {
    leftovers: Leftovers,
    waiting: Mutex<Vec<Heir>>,
}

struct Heir {
    /// The path whose leftovers it takes; `None` for all that is left then.
    path: Option<Box<str>>,
    sender: oneshot::Sender<Vec<Leftover>>,
}

/// What a component is to begin with.
pub struct Legacy {
    receiver: oneshot::Receiver<Vec<Leftover>>,
}

impl Legacy {
    /// Waits for the start of the stream; nothing is taken over when it fails.
    pub async fn taken_over(self) -> Vec<Leftover> {
        self.receiver.await.unwrap_or_default()
    }
}

impl Heirs {
    pub fn new(leftovers: Leftovers) -> Self {
        Self {
            leftovers,
            waiting: Mutex::default(),
        }
    }

    /// See [`Flow::legacy`](crate::Flow::legacy).
    pub fn promise(&self, path: &str) -> Option<Legacy> {
        let is_left = self.leftovers.any(|it| it == path);
        is_left.then(|| self.add(Some(path.into())))
    }

    /// See [`Flow::rest`](crate::Flow::rest).
    pub fn promise_rest(&self) -> Option<Legacy> {
        let is_left = {
            let waiting = self.waiting.lock();
            let is_promised =
                |path: &str| waiting.iter().any(|it| it.path.as_deref() == Some(path));
            self.leftovers.any(|it| !is_promised(it))
        };
        is_left.then(|| self.add(None))
    }

    fn add(&self, path: Option<Box<str>>) -> Legacy {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().push(Heir { path, sender });
        Legacy { receiver }
    }

    /// Gives what was promised: the stream has started.
    pub fn hand_over(&self) {
        // The rest was promised last.
        for Heir { path, sender } in self.waiting.lock().drain(..) {
            let left = self
                .leftovers
                .take(|it| path.as_deref().is_none_or(|path| it == path));
            // Who is gone already leaves it to the next stream.
            for leftover in sender.send(left).err().into_iter().flatten() {
                self.leftovers.keep(leftover);
            }
        }
    }

    /// Takes every promise back: the stream has not started.
    pub fn disown(&self) {
        self.waiting.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use millrace_message::{Message, MessageBatch};

    use super::*;

    fn left(paths: &[&str]) -> Leftovers {
        let leftovers = Leftovers::default();
        for path in paths {
            leftovers.keep(Leftover {
                path: (*path).into(),
                since: Instant::now(),
                number: 0,
                batch: MessageBatch::one(Message::from_bytes("x")),
            });
        }
        leftovers
    }

    fn paths(left: Vec<Leftover>) -> Vec<String> {
        left.iter().map(|it| it.path.to_string()).collect()
    }

    #[tokio::test]
    async fn each_takes_what_was_left_at_its_place_and_one_takes_the_rest() {
        let heirs = Heirs::new(left(&["root.input", "root.buffer"]));
        let input = heirs.promise("root.input").expect("something is left");
        assert!(heirs.promise("root.input.broker.inputs.0").is_none());
        let rest = heirs.promise_rest().expect("something is left");
        heirs.hand_over();
        assert_eq!(paths(input.taken_over().await), ["root.input"]);
        assert_eq!(paths(rest.taken_over().await), ["root.buffer"]);
        assert!(heirs.promise_rest().is_none());
    }

    #[tokio::test]
    async fn a_stream_that_does_not_start_takes_nothing() {
        let heirs = Heirs::new(left(&["root.input"]));
        let input = heirs.promise("root.input").expect("something is left");
        heirs.disown();
        assert_eq!(paths(input.taken_over().await), [""; 0]);
        assert_eq!(heirs.leftovers.messages(), 1);
        // Nor does one that has ended already.
        drop(heirs.promise("root.input"));
        heirs.hand_over();
        assert_eq!(heirs.leftovers.messages(), 1);
    }
}
