//! The functions that a module imports from `bento_wasm`, by Bento's conventions.

use millrace_message::Value;
use wasmi::{Caller, Error, Linker, Memory};

use super::fuel;
use super::instance::Work;

const MODULE: &str = "bento_wasm";

/// # Errors
/// A function is defined twice.
pub(super) fn define(linker: &mut Linker<Work>) -> Result<(), Error> {
    linker.func_wrap(MODULE, "v0_msg_as_bytes", |mut caller: Caller<'_, Work>| {
        let bytes = caller.data().message.bytes().clone();
        lend(&mut caller, &bytes)
    })?;
    linker.func_wrap(
        MODULE,
        "v0_msg_set_bytes",
        |mut caller: Caller<'_, Work>, pointer: u32, size: u32| -> Result<(), Error> {
            if let Some(bytes) = take(&mut caller, pointer, size)? {
                let work = caller.data_mut();
                work.message.set_bytes(bytes);
                work.has_new_payload = true;
            }
            Ok(())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "v0_msg_get_meta",
        |mut caller: Caller<'_, Work>, pointer: u32, size: u32| -> Result<u64, Error> {
            let Some(name) = take(&mut caller, pointer, size)? else {
                return Ok(0);
            };
            let name = String::from_utf8_lossy(&name);
            look_through_metadata(&mut caller)?;
            let value = caller
                .data()
                .message
                .metadata
                .get(&name)
                .map(Value::to_text);
            lend(&mut caller, value.unwrap_or_default().as_bytes())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "v0_msg_set_meta",
        |mut caller: Caller<'_, Work>,
         name: u32,
         name_size: u32,
         value: u32,
         value_size: u32|
         -> Result<(), Error> {
            let name = take(&mut caller, name, name_size)?;
            let value = take(&mut caller, value, value_size)?;
            if let (Some(name), Some(value)) = (name, value) {
                look_through_metadata(&mut caller)?;
                hold(&mut caller, METADATA_ENTRY + name.len() + value.len())?;
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                caller
                    .data_mut()
                    .message
                    .metadata
                    .set(text(name), text(value));
            }
            Ok(())
        },
    )?;
    Ok(())
}

/// Fuel that a call of the host costs, and bytes that one unit of fuel copies: the host takes time
/// as well as the module does.
const CALL: u64 = 300;
const BYTES_PER_FUEL: u64 = 16;
/// About what an entry of the metadata takes beside its texts, in bytes.
const METADATA_ENTRY: usize = 64;

/// Takes fuel for a call that copies so many bytes.
///
/// # Errors
/// There is no more.
pub(super) fn pay(caller: &mut Caller<'_, Work>, size: usize) -> Result<(), Error> {
    fuel::take(caller, CALL + size as u64 / BYTES_PER_FUEL)
}

/// Takes fuel for looking an entry up, which goes through all of them.
fn look_through_metadata(caller: &mut Caller<'_, Work>) -> Result<(), Error> {
    let entries = caller.data().message.metadata.len();
    pay(caller, entries.saturating_mul(METADATA_ENTRY))
}

/// Takes memory of the host for what a call leaves behind until the function has ended.
fn hold(caller: &mut Caller<'_, Work>, size: usize) -> Result<(), Error> {
    let work = caller.data_mut();
    work.held = work.held.saturating_add(size);
    match work.held > work.held_max {
        true => Err(Error::new(format!(
            "the function gives more than {} bytes of metadata",
            work.held_max
        ))),
        false => Ok(()),
    }
}

/// The memory of the module.
///
/// # Errors
/// It exports none.
pub(super) fn memory(caller: &Caller<'_, Work>) -> Result<Memory, Error> {
    let memory = caller.get_export("memory").and_then(|it| it.into_memory());
    memory.ok_or_else(|| Error::new("the module exports no memory"))
}

/// Copies bytes into memory of the module: the pointer in the upper half, the length in the lower.
fn lend(caller: &mut Caller<'_, Work>, bytes: &[u8]) -> Result<u64, Error> {
    let allocate = ["allocate", "malloc"].into_iter().find_map(|name| {
        let function = caller.get_export(name)?.into_func()?;
        function.typed::<u32, u32>(&*caller).ok()
    });
    let Some(allocate) = allocate else {
        fail(caller, "the module exports no `malloc` and no `allocate`");
        return Ok(0);
    };
    let size = u32::try_from(bytes.len()).map_err(|_| Error::new("the message is too large"))?;
    pay(caller, bytes.len())?;
    hold(caller, size_of::<u32>())?;
    let pointer = within(caller, |caller| fuel::call(&allocate, caller, size))?;
    caller.data_mut().taken.push(pointer);
    let memory = memory(caller)?;
    if memory.write(&mut *caller, pointer as usize, bytes).is_err() {
        fail(caller, "the module has no memory for what it asks for");
        return Ok(0);
    }
    Ok(u64::from(pointer) << 32 | u64::from(size))
}

/// Calls a function of the module for memory. What it calls of the host may not call one again: the
/// two would call each other until the stack of the thread is used up, which ends the process.
fn within<T>(
    caller: &mut Caller<'_, Work>,
    call: impl FnOnce(&mut Caller<'_, Work>) -> Result<T, Error>,
) -> Result<T, Error> {
    if std::mem::replace(&mut caller.data_mut().is_within, true) {
        return Err(Error::new(
            "the module's functions for memory call functions that need memory themselves",
        ));
    }
    let result = call(caller);
    caller.data_mut().is_within = false;
    result
}

/// Copies bytes out of memory of the module, and gives it back to a module that wants it; none when
/// they are not within it.
fn take(caller: &mut Caller<'_, Work>, pointer: u32, size: u32) -> Result<Option<Vec<u8>>, Error> {
    pay(caller, size as usize)?;
    let memory = memory(caller)?;
    let range = pointer as usize..pointer as usize + size as usize;
    let Some(bytes) = memory.data(&*caller).get(range).map(<[u8]>::to_vec) else {
        fail(caller, "the module names memory that it has not");
        return Ok(None);
    };
    let deallocate = caller
        .get_export("deallocate")
        .and_then(|it| it.into_func());
    let deallocate = deallocate.and_then(|it| it.typed::<(u32, u32), ()>(&*caller).ok());
    if let Some(deallocate) = deallocate {
        within(caller, |caller| {
            fuel::call(&deallocate, caller, (pointer, size))
        })?;
    }
    Ok(Some(bytes))
}

/// Keeps the first thing that went wrong: it becomes the error flag of the message.
fn fail(caller: &mut Caller<'_, Work>, reason: &str) {
    caller
        .data_mut()
        .failure
        .get_or_insert_with(|| reason.to_owned());
}
