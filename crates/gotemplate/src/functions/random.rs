//! Random strings, numbers and identifiers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use rand::rngs::ThreadRng;
use rand::seq::SliceRandom;

use super::Type::{Int, Text};
use super::{Answer, Call, Function, fail};
use crate::Fault;
use crate::value::Val;

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("randAlphaNum", &[Int], |call| of(call, ALPHANUMERIC)),
    Function::new("randAlpha", &[Int], |call| of(call, LETTERS)),
    Function::new("randNumeric", &[Int], |call| of(call, DIGITS)),
    Function::new("randAscii", &[Int], |call| {
        let printable: Vec<u8> = (b' '..=b'~').collect();
        of(call, &printable)
    }),
    Function::new("randBytes", &[Int], |call| {
        let count = count(call)?;
        call.room(count.saturating_mul(3))?;
        let mut bytes = vec![0; count];
        generator().fill(&mut bytes[..]);
        call.made(STANDARD.encode(bytes))
    }),
    Function::new("randInt", &[Int, Int], |call| {
        let (low, high) = (call.int(0), call.int(1));
        match low < high {
            true => Ok(Val::Int(generator().random_range(low..high))),
            false => fail("invalid argument to Intn"),
        }
    }),
    Function::new("shuffle", &[Text], |call| {
        let text = call.text(0);
        call.room(text.len().saturating_mul(4))?;
        let mut characters: Vec<char> = text.chars().collect();
        characters.shuffle(&mut generator());
        call.made(characters.into_iter().collect::<String>())
    }),
    Function::new("uuidv4", &[], |call| {
        call.made(uuid::Uuid::new_v4().to_string())
    }),
];

/// The generator of the thread, which is fit for secrets.
fn generator() -> ThreadRng {
    rand::rng()
}

fn count(call: &Call<'_, '_>) -> Result<usize, Fault> {
    match usize::try_from(call.int(0)) {
        Ok(count) => Ok(count),
        Err(_) => fail("runtime error: makeslice: len out of range"),
    }
}

fn of(call: &Call<'_, '_>, set: &[u8]) -> Answer {
    // As in Sprig, a negative count gives nothing.
    let count = usize::try_from(call.int(0)).unwrap_or(0);
    call.room(count)?;
    call.step(count)?;
    let mut generator = generator();
    let bytes: Vec<u8> = (0..count)
        .map(|_| set[generator.random_range(0..set.len())])
        .collect();
    call.made(bytes)
}
