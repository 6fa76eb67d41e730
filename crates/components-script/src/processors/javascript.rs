//! The `javascript` processor.

use std::path::PathBuf;
use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Flow, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};
use parking_lot::Mutex;

use modules::Modules;
use vm::{Program, Vm};

use super::program::run_each;

mod functions;
mod modules;
#[cfg(test)]
mod tests;
mod vm;

/// The most memory that one engine takes, in bytes; never more than `memory_limit`.
const MEMORY_MAX: usize = 256 << 20;

/// Runs a JavaScript program for each message.
///
/// The program reads and changes the message by functions of the object `bento`:
///
/// - `v0_msg_as_string()` and `v0_msg_set_string(text)`: the payload as a text;
/// - `v0_msg_as_structured()` and `v0_msg_set_structured(value)`: the payload as a value;
/// - `v0_msg_exists_meta(name)`, `v0_msg_get_meta(name)` and `v0_msg_set_meta(name, value)`: the
///   metadata.
///
/// `v0_fetch` is not supported: a program never waits; use the processor `http`, in a `branch`
/// where only a part of the message changes. `console` writes log lines. `require` loads CommonJS
/// modules as Node.js does: relative to the file, from `node_modules`, and from `global_folders`.
///
/// Engines are kept for later messages, one for each thread that needs one: what a program leaves in
/// the global object is there the next time, or is not. A program that throws, runs for more than a
/// minute, or takes more than 256 MiB of memory leaves the message unchanged, with its error flag set.
/// When a stream is given up at its stop, a program that still runs is ended and its message goes back
/// to its source.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "javascript", status = "experimental", category = "Mapping", check = check)]
pub struct Config {
    /// The program; either this or `file`.
    #[spec(
        optional,
        example = "bento.v0_msg_set_string(bento.v0_msg_as_string() + \" and more\");",
        sample = "bento.v0_msg_set_string(bento.v0_msg_as_string() + \" and more\");"
    )]
    code: Option<String>,
    /// A file that holds the program.
    #[spec(optional)]
    file: Option<String>,
    /// Folders in which `require` looks for modules last.
    #[spec(default = [])]
    global_folders: Vec<String>,
}

/// Finds what `run` would refuse, unless that depends on a file.
fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let is_given = |field: &Option<String>| field.as_ref().is_some_and(|it| !it.is_empty());
    match (&config.code, is_given(&config.code), is_given(&config.file)) {
        (_, true, true) => {
            cx.error(
                codes::CONFLICT,
                node.span,
                "there is a program in `code` and one in `file`",
            )
            .help = Some("remove one of them".to_owned());
        }
        (_, false, false) => {
            cx.error(codes::MISSING_FIELD, node.span, "there is no program")
                .help = Some("give it in `code`, or name its file in `file`".to_owned());
        }
        (Some(code), true, false) => {
            let program = Program {
                code: code.clone(),
                modules: Modules::default(),
                folder: PathBuf::new(),
                memory_max: MEMORY_MAX,
            };
            if let Err(reason) = Vm::check(&program) {
                let span = node.field_span("code");
                let message = format!("this is no JavaScript program: {reason}");
                cx.error(codes::INVALID_VALUE, span, message);
            }
        }
        _ => {}
    }
}

impl Config {
    fn file(&self) -> Option<&String> {
        self.file.as_ref().filter(|it| !it.is_empty())
    }

    /// What errors call the program.
    fn name(&self) -> String {
        match self.file() {
            Some(file) => format!("the program `{file}`"),
            None => "the program".to_owned(),
        }
    }

    fn program(&self, memory_max: usize) -> Result<Program, Error> {
        let modules = Modules::new(&self.global_folders);
        let (code, folder) = match self.file() {
            None => (self.code.clone().unwrap_or_default(), PathBuf::from(".")),
            Some(file) => {
                let code = modules::read(file.as_ref())
                    .map_err(|reason| Error::fatal(format!("program `{file}`: {reason}")))?;
                let folder = PathBuf::from(file).parent().map(PathBuf::from);
                (code, folder.unwrap_or_default())
            }
        };
        Ok(Program {
            code,
            modules,
            folder,
            memory_max,
        })
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let program = self.program(MEMORY_MAX.min(cx.flow().budget().limit()))?;
        let identity = Arc::clone(cx.identity());
        let first = Vm::new(&program, &identity, cx.flow().abort()).map_err(|reason| {
            Error::fatal(format!("{} cannot be compiled: {reason}", self.name()))
        })?;
        Ok(BuiltProcessor::Sync(Arc::new(Javascript {
            program,
            idle: Mutex::new(vec![first]),
            identity,
            flow: cx.flow().clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Javascript {
    program: Program,
    /// Engines that no thread uses now: no more than there are threads.
    idle: Mutex<Vec<Vm>>,
    identity: Arc<Identity>,
    flow: Flow,
}

impl Javascript {
    /// An engine for this thread.
    fn engine(&self) -> Result<Vm, Error> {
        if let Some(vm) = self.idle.lock().pop() {
            return Ok(vm);
        }
        Vm::new(&self.program, &self.identity, self.flow.abort())
            .map_err(|reason| Error::rejected(format!("start JavaScript: {reason}")))
    }

    /// Runs the program on a message; an engine that was stopped is not used again.
    fn run(&self, vm: &mut Option<Vm>, message: &mut Message) -> Result<(), Error> {
        let engine = match vm {
            Some(engine) => engine,
            None => vm.insert(self.engine()?),
        };
        let result = engine.run(message);
        if engine.is_stopped() {
            *vm = None;
        }
        result
    }
}

impl Processor for Javascript {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, run: Batches) -> Batches {
        let mut vm = None;
        let run = run_each(run, &self.flow, &self.identity, |message| {
            self.run(&mut vm, message)
        });
        self.idle.lock().extend(vm);
        run
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "javascript: { code: 'bento.v0_msg_set_structured(bento.v0_msg_as_structured().list)' }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
