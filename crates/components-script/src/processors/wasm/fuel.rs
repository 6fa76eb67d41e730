//! What a call may compute. The interpreter is given fuel in slices, between which it hears that the
//! stream is given up.

use tokio_util::sync::CancellationToken;
use wasmi::{
    AsContextMut, Error, TrapCode, TypedFunc, TypedResumableCall, WasmParams, WasmResults,
};

use super::instance::Work;

/// How much a call may compute: the interpreter spends some 300 million units a second.
const FUEL_MAX: u64 = 20_000_000_000;
/// How much of it is spent at once.
///
/// Optimized, the interpreter goes from instruction to instruction by calls that the compiler turns into
/// jumps; for `memory.grow` and `table.grow` it does not, so that each takes up to 300 bytes of the stack
/// until the call ends or is paused. [`on_its_stack`] has room for as many as a slice pays for, and a
/// part without a branch, which is paid for as a whole, has few ([`super::grows`]).
const SLICE: u64 = 200_000;
/// The stack of a call; only what is used of it takes memory.
const STACK: usize = 64 << 20;
/// How much a module may compute while an instance is made of it: some three seconds, in which it
/// hears nothing.
const MAKING_MAX: u64 = 1_000_000_000;

/// What a call may still compute, beside what the store has.
#[derive(Clone)]
pub(super) struct Fuel {
    left: u64,
    slice: u64,
    abort: CancellationToken,
}

impl Fuel {
    /// As much as a call may spend until `abort` is cancelled.
    pub fn new(abort: &CancellationToken) -> Self {
        Self {
            left: FUEL_MAX,
            slice: SLICE,
            abort: abort.clone(),
        }
    }

    /// With other bounds of a call and of what it spends at once.
    #[cfg(test)]
    pub fn of(left: u64, slice: u64, abort: &CancellationToken) -> Self {
        let abort = abort.clone();
        Self { left, slice, abort }
    }

    /// As much as the making of an instance may spend.
    pub fn for_making(&self) -> u64 {
        self.left.min(MAKING_MAX)
    }
}

/// Runs calls of functions of a module with a stack that holds what they may take.
pub(super) fn on_its_stack<T>(calls: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK / 2, STACK, calls)
}

/// Calls a function of a module with what fuel there is in the work of the store.
///
/// # Errors
/// It traps, runs for too long, or the stream is given up.
pub(super) fn call<Parameters: WasmParams, Results: WasmResults>(
    function: &TypedFunc<Parameters, Results>,
    mut store: impl AsContextMut<Data = Work>,
    parameters: Parameters,
) -> Result<Results, Error> {
    let mut called = function.call_resumable(&mut store, parameters)?;
    loop {
        called = match called {
            TypedResumableCall::Finished(results) => return Ok(results),
            TypedResumableCall::HostTrap(trap) => return Err(copy_of(trap.host_error())),
            TypedResumableCall::OutOfFuel(paused) => {
                fill_up(&mut store, paused.required_fuel())?;
                paused.resume(&mut store)?
            }
        };
    }
}

/// Takes fuel for what the host does.
///
/// # Errors
/// There is no more, or the stream is given up.
pub(super) fn take(mut store: impl AsContextMut<Data = Work>, cost: u64) -> Result<(), Error> {
    if store.as_context().get_fuel()? < cost {
        fill_up(&mut store, cost)?;
    }
    let mut store = store.as_context_mut();
    let left = store.get_fuel()?.saturating_sub(cost);
    store.set_fuel(left)
}

/// Gives the store its next slice, and at least what is needed.
fn fill_up(mut store: impl AsContextMut<Data = Work>, needed: u64) -> Result<(), Error> {
    let mut store = store.as_context_mut();
    let has = store.get_fuel()?;
    let fuel = &mut store.data_mut().fuel;
    if fuel.abort.is_cancelled() {
        return Err(Error::new("the stream is given up"));
    }
    let lacks = needed.saturating_sub(has);
    if lacks > fuel.left {
        return Err(TrapCode::OutOfFuel.into());
    }
    let given = fuel.slice.max(lacks).min(fuel.left);
    fuel.left -= given;
    store.set_fuel(has + given)
}

/// An error of a function of the host, which a call that could go on only lends.
fn copy_of(error: &Error) -> Error {
    match (error.i32_exit_status(), error.as_trap_code()) {
        (Some(status), _) => Error::i32_exit(status),
        (None, Some(code)) => code.into(),
        (None, None) => Error::new(error.to_string().trim_end()),
    }
}
