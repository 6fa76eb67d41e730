//! Checksums.

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::Type::Text;
use super::{Answer, Call, Function};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("sha1sum", &[Text], |call| {
        hexadecimal(call, &|bytes| Sha1::digest(bytes).to_vec())
    }),
    Function::new("sha256sum", &[Text], |call| {
        hexadecimal(call, &|bytes| Sha256::digest(bytes).to_vec())
    }),
    Function::new("sha512sum", &[Text], |call| {
        hexadecimal(call, &|bytes| Sha512::digest(bytes).to_vec())
    }),
    Function::new("adler32sum", &[Text], |call| {
        call.step(call.bytes(0).len() / 16)?;
        call.made(adler32(call.bytes(0)).to_string())
    }),
];

fn hexadecimal(call: &Call<'_, '_>, hash: &dyn Fn(&[u8]) -> Vec<u8>) -> Answer {
    call.step(call.bytes(0).len() / 16)?;
    let digest = hash(call.bytes(0));
    call.made(
        digest
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect::<String>(),
    )
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    high << 16 | low
}
