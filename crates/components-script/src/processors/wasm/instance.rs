//! A module, and its instances.

use millrace_message::{Error, Message};
use wasmi::{
    Config, Engine, Linker, Module, Store, StoreLimits, StoreLimitsBuilder, TrapCode, TypedFunc,
};

use super::{host, wasi};
use crate::processors::program;

/// How much a call may compute: the interpreter spends some 300 million units a second.
const FUEL_MAX: u64 = 20_000_000_000;
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
    limits: StoreLimits,
}

/// A compiled module.
pub(super) struct Program {
    engine: Engine,
    module: Module,
    linker: Linker<Work>,
    function: String,
    memory_max: usize,
    fuel_max: u64,
}

impl Program {
    /// # Errors
    /// It is no module, or imports what there is not.
    pub fn new(module: &[u8], function: &str, memory_max: usize) -> Result<Self, String> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
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
            fuel_max: FUEL_MAX,
        })
    }

    /// With another bound of what a call may compute.
    #[cfg(test)]
    pub fn with_fuel(mut self, fuel_max: u64) -> Self {
        self.fuel_max = fuel_max;
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
            limits,
        };
        let mut store = Store::new(&self.engine, work);
        store.limiter(|work| &mut work.limits);
        let text = |error: wasmi::Error| error.to_string();
        store.set_fuel(self.fuel_max).map_err(text)?;
        let instance = self
            .linker
            .instantiate_and_start(&mut store, &self.module)
            .map_err(text)?;
        let starts = ["_start", "_initialize"].into_iter();
        let mut starts =
            starts.filter_map(|name| instance.get_typed_func::<(), ()>(&store, name).ok());
        if let Some(start) = starts.next() {
            let started = start.call(&mut store, ());
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
            fuel_max: self.fuel_max,
            has_trapped: false,
        })
    }
}

/// An instance of a module.
pub(super) struct Guest {
    store: Store<Work>,
    function: TypedFunc<(), ()>,
    free: Option<TypedFunc<u32, ()>>,
    fuel_max: u64,
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
        self.store.set_fuel(self.fuel_max)?;
        self.function.call(&mut self.store, ())?;
        for pointer in std::mem::take(&mut self.store.data_mut().taken) {
            if let Some(free) = &self.free {
                free.call(&mut self.store, pointer)?;
            }
        }
        Ok(())
    }
}
