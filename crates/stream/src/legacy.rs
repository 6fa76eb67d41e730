//! Who takes over what an earlier stream of the process has left.
//!
//! An input begins with what the input at its place was left with. All else goes to the pipeline at
//! once: what a buffer in memory held, and what inputs read that the config does not have any more.

use async_trait::async_trait;
use millrace_component::{
    BuildContext, BuiltInput, Incoming, Input, LeafInput, Leftover, Leftovers, ReplayPolicy, Source,
};
use millrace_message::Error;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::leaf_input;

/// Messages that may wait behind the two sources.
const EDGE_CAPACITY: usize = 128;

/// The inputs of a stream that take over what is left, until it has started: a stream that cannot be
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

/// What an input is to begin with.
pub(crate) struct Legacy {
    receiver: oneshot::Receiver<Vec<Leftover>>,
}

impl Legacy {
    /// Waits for the start of the stream; nothing is taken over when it fails.
    pub(crate) async fn taken_over(self) -> Vec<Leftover> {
        self.receiver.await.unwrap_or_default()
    }
}

impl Heirs {
    pub(crate) fn new(leftovers: Leftovers) -> Self {
        Self {
            leftovers,
            waiting: Mutex::default(),
        }
    }

    /// Promises the leaf input at `path` what is left of the one that was there; `None` when there is
    /// nothing.
    pub(crate) fn promise(&self, path: &str) -> Option<Legacy> {
        let is_left = self.leftovers.any(|it| it == path);
        is_left.then(|| self.add(Some(path.into())))
    }

    /// Promises what no input was promised; `None` when there is nothing.
    fn promise_rest(&self) -> Option<Legacy> {
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
    pub(crate) fn hand_over(&self) {
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
    pub(crate) fn disown(&self) {
        self.waiting.lock().clear();
    }

    /// A source that begins with what no input was promised.
    ///
    /// # Errors
    /// As [`leaf_input::run`]; none for an input that gives nothing up.
    pub(crate) fn before(&self, source: Source, root: &BuildContext) -> Result<Source, Error> {
        let Some(rest) = self.promise_rest() else {
            return Ok(source);
        };
        let leaf = LeafInput {
            input: BuiltInput::Async(Box::new(Nothing)),
            auto_replay: Some(true),
            replay: ReplayPolicy::default(),
        };
        let cx = root.child("leftovers", "", "leftovers");
        Ok(one_after_the_other(
            leaf_input::run(leaf, Some(rest), &cx)?,
            source,
        ))
    }
}

/// An input that has nothing but what it was left with.
struct Nothing;

#[async_trait]
impl Input for Nothing {
    async fn connect(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        Err(Error::end_of_input())
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Reads from `second` once `first` is exhausted, and goes on with both: what failed comes again.
fn one_after_the_other(first: Source, second: Source) -> Source {
    Source::spawn(EDGE_CAPACITY, move |writer| async move {
        let stop = writer.stop().clone();
        let (first_stop, second_stop) = (first.stopper(), second.stopper());
        let (mut first_end, mut second_end) = (first.exhausted(), second.exhausted());
        let (mut first_open, mut second_open, mut stopping) = (true, true, false);
        while first_open || second_open {
            let is_read = *first_end.borrow() && first.batches().gauge().depth() == 0;
            if is_read && *second_end.borrow() {
                writer.exhaust();
            }
            let (batch, open) = tokio::select! {
                biased;
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    first_stop.cancel();
                    second_stop.cancel();
                    continue;
                }
                batch = first.batches().pop(), if first_open => (batch, &mut first_open),
                batch = second.batches().pop(), if second_open && (is_read || !first_open) => {
                    (batch, &mut second_open)
                }
                Ok(()) = first_end.changed() => continue,
                Ok(()) = second_end.changed() => continue,
            };
            match batch {
                Some(batch) => {
                    if writer.batches.push(batch).await.is_err() {
                        break;
                    }
                }
                None => *open = false,
            }
        }
        let (first, second) = tokio::join!(first.finish(), second.finish());
        first.and(second)
    })
}
