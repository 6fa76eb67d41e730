//! What an earlier stream has left and no component of this one begins with: what a buffer in memory
//! held, where there is none any more, and what inputs read that the config does not have any more. It
//! goes to the pipeline first.

use async_trait::async_trait;
use millrace_component::{
    BuildContext, BuiltInput, Incoming, Input, LeafInput, ReplayPolicy, Source, SourceWriter,
};
use millrace_message::Error;

use crate::leaf_input;

/// Messages that may wait behind the two sources.
const EDGE_CAPACITY: usize = 128;

/// The source of a stream, which begins with the rest that is left, if there is one.
///
/// # Errors
/// As [`leaf_input::run`]; none for an input that gives nothing up.
pub(crate) fn rest_before(source: Source, root: &BuildContext) -> Result<Source, Error> {
    let Some(rest) = root.flow().rest() else {
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
        let follow_stop = async {
            writer.stop().cancelled().await;
            first.stop();
            second.stop();
            // What was read already is still passed on.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = pass_on(&first, &second, &writer) => {}
            () = follow_stop => {}
        }
        let (first, second) = tokio::join!(first.finish(), second.finish());
        first.and(second)
    })
}

/// Passes batches on until both have ended, or nobody reads any more.
async fn pass_on(first: &Source, second: &Source, writer: &SourceWriter) {
    let (mut first_end, mut second_end) = (first.exhausted(), second.exhausted());
    let (mut first_open, mut second_open) = (true, true);
    while first_open || second_open {
        let is_read = *first_end.borrow() && first.batches().gauge().depth() == 0;
        if is_read && *second_end.borrow() {
            writer.exhaust();
        }
        let (batch, open) = tokio::select! {
            biased;
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
                    return;
                }
            }
            None => *open = false,
        }
    }
}
