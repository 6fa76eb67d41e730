//! WASI (`wasi_snapshot_preview1`), as much of it as compilers build into programs that touch no
//! files: clocks, random numbers, empty arguments and environment, output that is dropped, and the
//! exit. Every other function returns an error number, as on a system without files.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rand::RngCore;
use wasmi::{Caller, Error, ExternType, Linker, Module, Val};

use super::host::{memory, pay};
use super::instance::Work;

const MODULE: &str = "wasi_snapshot_preview1";

/// Error numbers of WASI.
const SUCCESS: i32 = 0;
const BAD_DESCRIPTOR: i32 = 8;
const FAULT: i32 = 21;
const INVALID: i32 = 28;
const NO_SUCH_FUNCTION: i32 = 52;

/// The most random bytes of one call.
const RANDOM_MAX: usize = 1 << 16;

/// Defines what the module imports of WASI.
///
/// # Errors
/// A function is defined twice.
pub(super) fn define(linker: &mut Linker<Work>, module: &Module) -> Result<(), Error> {
    let start = Instant::now();
    for import in module.imports().filter(|import| import.module() == MODULE) {
        let ExternType::Func(signature) = import.ty() else {
            continue;
        };
        let name = import.name().to_owned();
        let function =
            move |mut caller: Caller<'_, Work>, arguments: &[Val], results: &mut [Val]| {
                let arguments: Vec<u64> = arguments.iter().map(number).collect();
                let code = call(&mut caller, &name, &arguments, start)?;
                // All of them return an error number, or nothing.
                if let [result @ Val::I32(_)] = results {
                    *result = Val::I32(code);
                }
                Ok(())
            };
        linker.func_new(MODULE, import.name(), signature.clone(), function)?;
    }
    Ok(())
}

fn number(value: &Val) -> u64 {
    match value {
        Val::I32(number) => u64::from(*number as u32),
        Val::I64(number) => *number as u64,
        _ => 0,
    }
}

/// Calls a function by name, with the arguments as they came: pointers and sizes are not checked
/// yet.
fn call(
    caller: &mut Caller<'_, Work>,
    name: &str,
    arguments: &[u64],
    start: Instant,
) -> Result<i32, Error> {
    pay(caller, 0)?;
    Ok(match (name, arguments) {
        ("args_get" | "environ_get", _) | ("sched_yield", _) => SUCCESS,
        ("args_sizes_get" | "environ_sizes_get", [count, size]) => {
            let zero = 0_u32.to_le_bytes();
            match write(caller, *count, &zero)? {
                SUCCESS => write(caller, *size, &zero)?,
                code => code,
            }
        }
        ("clock_res_get", [_, at]) => write(caller, *at, &1_000_u64.to_le_bytes())?,
        ("clock_time_get", [clock, _, at]) => {
            let nanoseconds = match clock {
                0 => SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default()
                    .as_nanos(),
                _ => start.elapsed().as_nanos(),
            };
            write(caller, *at, &(nanoseconds as u64).to_le_bytes())?
        }
        ("random_get", [at, size]) => {
            let Some(size) = usize::try_from(*size)
                .ok()
                .filter(|size| *size <= RANDOM_MAX)
            else {
                return Ok(INVALID);
            };
            pay(caller, size.saturating_mul(8))?;
            let mut bytes = vec![0; size];
            rand::rng().fill_bytes(&mut bytes);
            write(caller, *at, &bytes)?
        }
        ("fd_write", [1 | 2, pieces, count, written]) => {
            pay(caller, usize::try_from(*count).unwrap_or(usize::MAX))?;
            let size = size_of_pieces(caller, *pieces, *count)?;
            match size {
                Some(size) => write(caller, *written, &size.to_le_bytes())?,
                None => FAULT,
            }
        }
        ("proc_exit", [code]) => return Err(Error::i32_exit(*code as i32)),
        (name, _) if name.starts_with("fd_") || name.starts_with("path_") => BAD_DESCRIPTOR,
        _ => NO_SUCH_FUNCTION,
    })
}

/// Writes to memory of the module; an error number when it is not within it.
fn write(caller: &mut Caller<'_, Work>, at: u64, bytes: &[u8]) -> Result<i32, Error> {
    let written = memory(caller)?.write(caller, at as usize, bytes);
    Ok(written.map_or(FAULT, |()| SUCCESS))
}

/// How long the pieces of an output are together: each is a pointer and a length.
fn size_of_pieces(
    caller: &Caller<'_, Work>,
    pieces: u64,
    count: u64,
) -> Result<Option<u32>, Error> {
    let memory = memory(caller)?;
    let start = pieces as usize;
    let pieces = memory
        .data(caller)
        .get(start..start.saturating_add(8 * count as usize));
    Ok(pieces.map(|pieces| {
        let lengths = pieces
            .chunks_exact(8)
            .map(|it| u32::from_le_bytes([it[4], it[5], it[6], it[7]]));
        lengths.fold(0, u32::saturating_add)
    }))
}
