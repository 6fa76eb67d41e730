//! Base64 and base32.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Function;
use super::Type::Text;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("b64enc", &[Text], |call| {
        call.room(call.bytes(0).len().saturating_mul(2))?;
        call.made(STANDARD.encode(call.bytes(0)))
    }),
    // What is wrong is the result, as in Sprig.
    Function::new("b64dec", &[Text], |call| {
        call.step(call.bytes(0).len() / 64)?;
        match decode_64(call.bytes(0)) {
            Ok(bytes) => call.made(bytes),
            Err(reason) => call.made(reason),
        }
    }),
    Function::new("b32enc", &[Text], |call| {
        call.room(call.bytes(0).len().saturating_mul(2))?;
        call.made(encode_32(call.bytes(0)))
    }),
    Function::new("b32dec", &[Text], |call| {
        call.step(call.bytes(0).len() / 64)?;
        match decode_32(call.bytes(0)) {
            Ok(bytes) => call.made(bytes),
            Err(at) => call.made(format!("illegal base32 data at input byte {at}")),
        }
    }),
];

const ALPHABET_64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ALPHABET_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The bytes of base64; line breaks are passed over, bits that are left over too.
///
/// # Errors
/// The first byte that does not fit, in Go's words.
pub(super) fn decode_64(text: &[u8]) -> Result<Vec<u8>, String> {
    decode(text, ALPHABET_64, 6).map_err(|at| format!("illegal base64 data at input byte {at}"))
}

fn decode_32(text: &[u8]) -> Result<Vec<u8>, usize> {
    decode(text, ALPHABET_32, 5)
}

fn decode(text: &[u8], alphabet: &[u8], bits: u32) -> Result<Vec<u8>, usize> {
    // How many characters a group has, and how many of them a last group may have.
    let (group, ends): (usize, &[usize]) = match bits {
        6 => (4, &[2, 3]),
        _ => (8, &[2, 4, 5, 7]),
    };
    let mut out = Vec::with_capacity(text.len() / group * bits as usize);
    let (mut buffer, mut held, mut taken) = (0_u32, 0_u32, 0_usize);
    let mut characters = text
        .iter()
        .enumerate()
        .filter(|(_, it)| !matches!(it, b'\r' | b'\n'));
    while let Some((at, byte)) = characters.next() {
        if *byte == b'=' {
            if !ends.contains(&taken) {
                return Err(at);
            }
            for _ in taken + 1..group {
                match characters.next() {
                    Some((_, b'=')) => {}
                    Some((at, _)) => return Err(at - 1),
                    None => return Err(text.len()),
                }
            }
            return match characters.next() {
                Some((at, _)) => Err(at),
                None => Ok(out),
            };
        }
        let Some(digit) = alphabet.iter().position(|it| it == byte) else {
            return Err(at);
        };
        buffer = (buffer << bits) | digit as u32;
        held += bits;
        if held >= 8 {
            held -= 8;
            out.push((buffer >> held) as u8);
            buffer &= (1 << held) - 1;
        }
        taken = (taken + 1) % group;
        if taken == 0 {
            held = 0;
        }
    }
    match taken {
        0 => Ok(out),
        _ => Err(text.len() - taken),
    }
}

fn encode_32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut word = [0; 8];
        word[3..3 + chunk.len()].copy_from_slice(chunk);
        let word = u64::from_be_bytes(word);
        let digits = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let index = (word >> (35 - 5 * place)) & 31;
            out.push(match place < digits {
                true => char::from(ALPHABET_32[index as usize]),
                false => '=',
            });
        }
    }
    out
}
