//! The pipes between `inproc` outputs and inputs of one process.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_component::{BuildContext, Receiver, Sender, queue};
use millrace_message::{Error, MessageBatch};
use parking_lot::Mutex;

/// Messages that may wait in a pipe.
const CAPACITY: usize = 64;

/// The pipes of a process, by name: a service that `node` lends to components.
#[derive(Default)]
pub struct Pipes {
    writers: Mutex<HashMap<String, Sender<MessageBatch>>>,
}

impl Pipes {
    /// The pipes of the process that a component is built in.
    ///
    /// # Errors
    /// The process lends none.
    pub(crate) fn of(cx: &BuildContext) -> Result<Arc<Self>, Error> {
        cx.service::<Self>()
            .ok_or_else(|| Error::fatal("this process has no `inproc` pipes"))
    }

    /// The writing end of a pipe that is being read.
    pub(crate) fn writer(&self, name: &str) -> Option<Sender<MessageBatch>> {
        self.writers.lock().get(name).cloned()
    }

    /// Begins to read a pipe. A pipe has one reader: an earlier one gets nothing more.
    pub(crate) fn read(&self, name: &str) -> Receiver<MessageBatch> {
        let (writer, reader) = queue::queue(CAPACITY);
        self.writers.lock().insert(name.to_owned(), writer);
        reader
    }

    /// Ends a pipe: writers are not connected any more.
    pub(crate) fn end(&self, name: &str) {
        self.writers.lock().remove(name);
    }
}
