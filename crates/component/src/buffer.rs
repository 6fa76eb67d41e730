//! The contract of a buffer: it stands between the input and the pipeline and may end the chain
//! of acknowledgement there.

use crate::Source;

/// When a buffer acknowledges a message that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// When the output has accepted it: nothing changes for the source.
    OnDelivery,
    /// When it is on disk and will survive a crash of the process and of the machine.
    WhenDurable,
    /// When it is in memory: a crash loses it.
    OnArrival,
}

/// A buffer, built.
pub trait Buffer: Send {
    /// Starts the buffer: it reads from `upstream` and is read as the returned source.
    ///
    /// It settles what it read by its [`Guarantee`]; with any but `OnDelivery` what it emits has
    /// transactions of its own.
    fn run(self: Box<Self>, upstream: Source) -> Source;
}

/// A buffer, built.
pub type BuiltBuffer = Box<dyn Buffer>;
