//! A module, and its instances.

use millrace_message::{Error, Message};
use tokio_util::sync::CancellationToken;
use wasmi::{
    CompilationMode, Config, Engine, Linker, Module, Store, StoreLimits, StoreLimitsBuilder,
    TrapCode, TypedFunc,
};

use super::fuel::{self, Fuel};
use super::{grows, host, wasi};
use crate::processors::program;

/// The most elements of a module's tables.
const TABLE_MAX: usize = 1_000_000;
/// The most tables of a module; compilers make one.
const TABLES_MAX: usize = 8;

/// What an instance works on.
pub(super) struct Work {
    /// A copy of the message, which takes its place when the call has ended well.
    pub message: Message,
    pub has_new_payload: bool,
    /// What a function of the host could not do.
    pub failure: Option<String>,
    /// The host is calling a function of the module for memory.
    pub is_within: bool,
    /// What the host has taken of the module's memory and has to give back.
    pub taken: Vec<u32>,
    /// Bytes that the call has left with the host, and how many there may be.
    pub held: usize,
    pub held_max: usize,
    /// What it may still compute.
    pub fuel: Fuel,
    limits: StoreLimits,
}

/// A compiled module.
pub(super) struct Program {
    engine: Engine,
    module: Module,
    linker: Linker<Work>,
    function: String,
    memory_max: usize,
    fuel: Fuel,
}

impl Program {
    /// A module, of which each call ends at the latest when `abort` is cancelled.
    ///
    /// # Errors
    /// It is no module, or imports what there is not.
    pub fn new(
        module: &[u8],
        function: &str,
        memory_max: usize,
        abort: &CancellationToken,
    ) -> Result<Self, String> {
        let mut config = Config::default();
        config.consume_fuel(true);
        // A call that pays for a translation cannot be paused there.
        config.compilation_mode(CompilationMode::Eager);
        let engine = Engine::new(&config);
        grows::check(module)?;
        let module = Module::new(&engine, module).map_err(|error| error.to_string())?;
        let mut linker = Linker::new(&engine);
        host::define(&mut linker).map_err(|error| error.to_string())?;
        wasi::define(&mut linker, &module).map_err(|error| error.to_string())?;
        Ok(Self {
            engine,
            module,
            linker,
            function: function.to_owned(),
            memory_max,
            fuel: Fuel::new(abort),
        })
    }

    /// With another bound of what a call may compute.
    #[cfg(test)]
    pub fn with_fuel(mut self, fuel: Fuel) -> Self {
        self.fuel = fuel;
        self
    }

    /// A new instance.
    ///
    /// # Errors
    /// It has no such function, or traps when it starts.
    pub fn start(&self) -> Result<Guest, String> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.memory_max)
            .table_elements(TABLE_MAX)
            // The bounds above are those of each of them.
            .memories(1)
            .tables(TABLES_MAX)
            .instances(1)
            .build();
        let work = Work {
            message: Message::default(),
            has_new_payload: false,
            failure: None,
            is_within: false,
            taken: Vec::new(),
            held: 0,
            held_max: self.memory_max,
            fuel: self.fuel.clone(),
            limits,
        };
        let mut store = Store::new(&self.engine, work);
        store.limiter(|work| &mut work.limits);
        let text = |error: wasmi::Error| error.to_string();
        // What a module does on its own when it is made cannot be interrupted.
        store.set_fuel(self.fuel.for_making()).map_err(text)?;
        let instance = self
            .linker
            .instantiate_and_start(&mut store, &self.module)
            .map_err(text)?;
        let starts = ["_start", "_initialize"].into_iter();
        let mut starts =
            starts.filter_map(|name| instance.get_typed_func::<(), ()>(&store, name).ok());
        if let Some(start) = starts.next() {
            let started = fuel::call(&start, &mut store, ());
            started.or_else(|error| match error.i32_exit_status() {
                Some(0) => Ok(()),
                _ => Err(text(error)),
            })?;
        }
        let name = &self.function;
        let function = instance
            .get_typed_func::<(), ()>(&store, name)
            .map_err(|_| {
                format!("it exports no function `{name}` that takes and returns nothing")
            })?;
        let free = instance.get_typed_func::<u32, ()>(&store, "free").ok();
        Ok(Guest {
            store,
            function,
            free,
            fuel: self.fuel.clone(),
            has_trapped: false,
        })
    }
}

/// An instance of a module.
pub(super) struct Guest {
    store: Store<Work>,
    function: TypedFunc<(), ()>,
    free: Option<TypedFunc<u32, ()>>,
    /// What each call may compute.
    fuel: Fuel,
    has_trapped: bool,
}

impl Guest {
    /// Whether a call was ended in the middle, so that nobody knows what the instance holds.
    pub fn has_trapped(&self) -> bool {
        self.has_trapped
    }

    /// Calls the function for a message, which changes only when the call ends well.
    ///
    /// # Errors
    /// The function traps, or asks for what the host cannot do.
    pub fn call(&mut self, message: &mut Message) -> Result<(), Error> {
        let work = self.store.data_mut();
        work.message = message.detached();
        work.has_new_payload = false;
        work.failure = None;
        work.held = 0;
        let result = self.run();
        let work = self.store.data_mut();
        let changed = std::mem::take(&mut work.message);
        if let Err(error) = result {
            self.has_trapped = true;
            return Err(match error.as_trap_code() {
                Some(TrapCode::OutOfFuel) => Error::rejected("the function runs for too long"),
                _ => program::error(error),
            });
        }
        if let Some(failure) = work.failure.take() {
            return Err(program::error(failure));
        }
        if work.has_new_payload {
            message.set_bytes(changed.bytes().clone());
        }
        message.metadata = changed.metadata;
        Ok(())
    }

    fn run(&mut self) -> Result<(), wasmi::Error> {
        self.store.data_mut().fuel = self.fuel.clone();
        self.store.set_fuel(0)?;
        fuel::call(&self.function, &mut self.store, ())?;
        for pointer in std::mem::take(&mut self.store.data_mut().taken) {
            if let Some(free) = &self.free {
                fuel::call(free, &mut self.store, pointer)?;
            }
        }
        Ok(())
    }
}
