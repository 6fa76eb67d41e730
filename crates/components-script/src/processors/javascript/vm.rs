//! One engine with a program in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_component::Identity;
use millrace_message::{Error, Message};
use parking_lot::Mutex;
use rquickjs::{CatchResultExt, CaughtError, Context, Function, Runtime, Value};
use tokio_util::sync::CancellationToken;

use super::functions::{Shared, Work, host};
use super::modules::Modules;
use crate::processors::program;

/// How long a program may run for one message.
const TIME_MAX: Duration = Duration::from_secs(60);
/// How much of a thread's stack a program may take, in bytes.
const STACK_MAX: usize = 256 << 10;
/// The name of the program in the global object.
const PROGRAM: &str = "__millrace_program";

/// A program, as it is configured.
pub(super) struct Program {
    pub code: String,
    pub modules: Modules,
    /// From where its modules are looked for.
    pub folder: PathBuf,
    /// The most memory that an engine takes, in bytes.
    pub memory_max: usize,
}

/// When a program is stopped: nothing until it has run for a while, so that short ones read no
/// clock.
struct Watch {
    /// How long it may run for one message.
    time_max: Duration,
    /// Cancelled when the stream is given up.
    abort: CancellationToken,
    deadline: Instant,
    is_stopped: bool,
    /// Promises that were rejected with `null`, which nobody has looked at: without memory the engine
    /// can make no other reason.
    lost: usize,
}

impl Watch {
    fn new(time_max: Duration, abort: &CancellationToken) -> Self {
        Self {
            time_max,
            abort: abort.clone(),
            deadline: Instant::now() + time_max,
            is_stopped: false,
            lost: 0,
        }
    }

    /// The program begins anew, with another message.
    fn restart(&mut self) {
        self.deadline = Instant::now() + self.time_max;
        self.is_stopped = false;
        self.lost = 0;
    }

    /// Whether the program has to stop; the engine asks now and then.
    fn is_over(&mut self) -> bool {
        self.is_stopped |= Instant::now() > self.deadline || self.abort.is_cancelled();
        self.is_stopped
    }

    /// Why it was stopped, when it was.
    fn stopped(&self) -> Option<String> {
        self.is_stopped.then(|| match self.abort.is_cancelled() {
            true => "the stream is given up".to_owned(),
            false => {
                let seconds = self.time_max.as_secs();
                format!("the program ran for more than {seconds} s")
            }
        })
    }

    /// A promise was rejected with `null`, or one that was has got a handler after all.
    fn lose(&mut self, is_handled: bool) {
        self.lost = match is_handled {
            true => self.lost.saturating_sub(1),
            false => self.lost + 1,
        };
    }
}

pub(super) struct Vm {
    context: Context,
    work: Shared,
    watch: Arc<Mutex<Watch>>,
    is_stopped: bool,
}

impl Vm {
    /// Whether the program can be compiled.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(program: &Program) -> Result<(), String> {
        let identity = Identity::new("javascript", "", "");
        Self::new(program, &Arc::new(identity), &CancellationToken::new()).map(drop)
    }

    /// An engine whose program is stopped at the latest when `abort` is cancelled.
    ///
    /// # Errors
    /// The program is no JavaScript, or there is no memory.
    pub fn new(
        program: &Program,
        identity: &Arc<Identity>,
        abort: &CancellationToken,
    ) -> Result<Self, String> {
        Self::with_time(program, identity, abort, TIME_MAX)
    }

    /// As [`Vm::new`], with another bound of time.
    ///
    /// # Errors
    /// As [`Vm::new`].
    pub fn with_time(
        program: &Program,
        identity: &Arc<Identity>,
        abort: &CancellationToken,
        time_max: Duration,
    ) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        runtime.set_memory_limit(program.memory_max);
        runtime.set_max_stack_size(STACK_MAX);
        let watch = Arc::new(Mutex::new(Watch::new(time_max, abort)));
        let asked = Arc::clone(&watch);
        runtime.set_interrupt_handler(Some(Box::new(move || asked.lock().is_over())));
        let told = Arc::clone(&watch);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |_, _, reason, is_handled| {
                if reason.is_null() {
                    told.lock().lose(is_handled);
                }
            },
        )));
        let context = Context::full(&runtime).map_err(|error| error.to_string())?;
        let work = Shared::default();
        context.with(|ctx| {
            let start = || -> rquickjs::Result<()> {
                let host = host(&ctx, &work, &program.modules, identity)?;
                let prelude: Function<'_> = ctx.eval(include_str!("prelude.js"))?;
                let folder = program.folder.to_string_lossy();
                prelude.call::<_, ()>((host, program.code.as_str(), &*folder))
            };
            start().catch(&ctx).map_err(|error| reason(&error))
        })?;
        Ok(Self {
            context,
            work,
            watch,
            is_stopped: false,
        })
    }

    /// Whether it was stopped in the middle, so that nobody knows what it holds.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Runs the program on a message, which changes only when the program ends well.
    ///
    /// # Errors
    /// What the program throws, or why it was stopped.
    pub fn run(&mut self, message: &mut Message) -> Result<(), Error> {
        self.watch.lock().restart();
        *self.work.lock() = Work {
            message: message.detached(),
            has_new_payload: false,
        };
        let result = self.context.with(|ctx| -> Result<(), String> {
            let program: Function<'_> = ctx
                .globals()
                .get(PROGRAM)
                .catch(&ctx)
                .map_err(|it| reason(&it))?;
            let ended = program.call::<_, Value<'_>>(()).catch(&ctx);
            ended.map(drop).map_err(|error| reason(&error))
        });
        let result = result.and_then(|()| self.settle());
        let mut work = std::mem::take(&mut *self.work.lock());
        let stopped = {
            let mut watch = self.watch.lock();
            // Some functions of the engine never ask.
            watch.is_over();
            watch.stopped()
        };
        if let Some(reason) = stopped {
            self.is_stopped = true;
            return Err(Error::rejected(reason));
        }
        result.map_err(|text: String| {
            // An engine without memory may be in any state.
            self.is_stopped = text.contains("out of memory");
            program::error(text)
        })?;
        if work.has_new_payload {
            match work.message.parsed().cloned() {
                Some(value) => message.set_value(value),
                None => message.set_bytes(work.message.bytes().clone()),
            }
        }
        message.metadata = std::mem::take(&mut work.message.metadata);
        Ok(())
    }

    /// Runs what promises have left to do.
    ///
    /// # Errors
    /// What is thrown there, as for want of memory, or that it takes too long.
    fn settle(&self) -> Result<(), String> {
        loop {
            match self.context.runtime().execute_pending_job() {
                Ok(false) if self.watch.lock().lost > 0 => {
                    return Err("a promise was rejected with null: out of memory".to_owned());
                }
                Ok(false) => return Ok(()),
                Ok(true) if self.watch.lock().is_over() => {
                    return Err("promises go on for too long".to_owned());
                }
                Ok(true) => {}
                Err(exception) => {
                    let thrown = exception.0.with(|ctx| {
                        let thrown = Err::<(), _>(rquickjs::Error::Exception).catch(&ctx);
                        thrown.map_err(|error| reason(&error))
                    });
                    return thrown;
                }
            }
        }
    }
}

/// What was thrown, as a text: that of an error with the line where it was.
fn reason(error: &CaughtError<'_>) -> String {
    match error {
        CaughtError::Exception(exception) => {
            let message = exception.message().unwrap_or_default();
            let stack = exception.stack().unwrap_or_default();
            match stack.lines().next().map(str::trim) {
                Some(place) if !place.is_empty() => format!("{message} ({place})"),
                _ => message,
            }
        }
        CaughtError::Value(value) => match value.as_string() {
            Some(text) => text.to_string().unwrap_or_default(),
            None => format!(
                "the program throws a value of the type {}",
                value.type_name()
            ),
        },
        CaughtError::Error(error) => error.to_string(),
    }
}
