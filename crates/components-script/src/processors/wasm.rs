//! The `wasm` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Flow, Identity, Processor, ProcessorConfig,
    read_file,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;
use parking_lot::Mutex;

use instance::{Guest, Program};

use super::program::run_each;

mod fuel;
mod grows;
mod host;
mod instance;
#[cfg(test)]
mod tests;
mod wasi;

/// The largest module, in bytes.
const FILE_MAX: usize = 64 << 20;
/// The most memory that one instance takes, in bytes; never more than `memory_limit`.
const MEMORY_MAX: usize = 256 << 20;

/// Calls a function of a WebAssembly module for each message.
///
/// The function takes and returns nothing. It reads and changes the message by functions that the
/// module imports from `bento_wasm`: `v0_msg_as_bytes`, `v0_msg_set_bytes`, `v0_msg_get_meta`,
/// `v0_msg_set_meta`. What they return is an `i64`: a pointer in its upper half, a length in its lower
/// one; the memory for it comes from the module's `malloc` (and goes to its `free`) or `allocate`.
///
/// A module for WASI finds clocks and random numbers, but no arguments, environment variables or
/// files, and what it writes is dropped. Instances are kept for later messages, one for each thread
/// that needs one. A message on which the function traps, runs for too long (a minute of computing or
/// more), or takes more than 256 MiB of memory goes on unchanged, with its error flag set. When a stream
/// is given up at its stop, a function that still runs is ended and its message goes back to its source.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "wasm", status = "experimental", category = "Utility")]
pub struct Config {
    /// The file of the module, in the binary format.
    module_path: String,
    /// The name of the function.
    #[spec(default = "process")]
    function: String,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let path = &self.module_path;
        let failed = |reason: String| Error::fatal(format!("module `{path}`: {reason}"));
        let module = read_file(path, FILE_MAX).map_err(|error| failed(error.to_string()))?;
        let memory_max = MEMORY_MAX.min(cx.flow().budget().limit());
        let abort = cx.flow().abort();
        let program = Program::new(&module, &self.function, memory_max, abort).map_err(failed)?;
        let first = fuel::on_its_stack(|| program.start()).map_err(failed)?;
        Ok(BuiltProcessor::Sync(Arc::new(Wasm {
            program,
            idle: Mutex::new(vec![first]),
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Wasm {
    program: Program,
    /// Instances that no thread uses now: no more than there are threads.
    idle: Mutex<Vec<Guest>>,
    identity: Arc<Identity>,
    flow: Flow,
}

impl Wasm {
    /// An instance for this thread.
    fn guest(&self) -> Result<Guest, Error> {
        if let Some(guest) = self.idle.lock().pop() {
            return Ok(guest);
        }
        let started = self.program.start();
        started.map_err(|reason| Error::rejected(format!("start the module: {reason}")))
    }

    /// Calls the function for a message; an instance that trapped is not used again.
    fn call(&self, guest: &mut Option<Guest>, message: &mut Message) -> Result<(), Error> {
        let mut instance = match guest.take() {
            Some(instance) => instance,
            None => self.guest()?,
        };
        let result = instance.call(message);
        if !instance.has_trapped() {
            *guest = Some(instance);
        }
        result
    }
}

impl Processor for Wasm {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, run: Batches) -> Batches {
        let mut guest = None;
        let run = fuel::on_its_stack(|| {
            run_each(run, &self.flow, &self.identity, |message| {
                self.call(&mut guest, message)
            })
        });
        self.idle.lock().extend(guest);
        run
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let (_folder, config) = super::tests::config(super::tests::UPPERCASE, "process");
        let processor = crate::testing::processor(&config);
        millrace_component::conformance::processor(&processor).await;
    }
}
