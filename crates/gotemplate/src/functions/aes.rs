//! AES-256 in CBC mode, with the password itself as the key.

use aes::Aes256;
use aes::cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;

use super::Function;
use super::Type::Text;
use super::{Answer, Call, bounds, encoding, fail};
use crate::Fault;

/// The size of a block, and of what the first one is mixed with.
const BLOCK: usize = 16;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("encryptAES", &[Text, Text], encrypt),
    Function::new("decryptAES", &[Text, Text], decrypt),
];

/// The first 32 bytes of the password, with zeros behind it.
fn key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let length = password.len().min(32);
    key[..length].copy_from_slice(&password[..length]);
    key
}

fn encrypt(call: &mut Call<'_, '_>) -> Answer {
    let text = call.bytes(1);
    if text.is_empty() {
        return call.made("");
    }
    call.room(text.len().saturating_mul(4))?;
    let mut vector = [0; BLOCK];
    rand::rng().fill(&mut vector[..]);
    let mut cipher = cbc::Encryptor::<Aes256>::new(&key(call.bytes(0)).into(), &vector.into());
    // Each byte of the padding says how long it is.
    let padding = BLOCK - text.len() % BLOCK;
    let padded = [text, &[padding as u8; BLOCK][..padding]].concat();
    let mut bytes = vector.to_vec();
    for block in blocks(&padded) {
        let mut block = block;
        cipher.encrypt_block(&mut block);
        bytes.extend_from_slice(&block);
    }
    call.made(STANDARD.encode(bytes))
}

fn decrypt(call: &mut Call<'_, '_>) -> Answer {
    let text = call.bytes(1);
    if text.is_empty() {
        return call.made("");
    }
    call.room(text.len().saturating_mul(2))?;
    let bytes = encoding::decode_64(text).map_err(Fault::new)?;
    let Some((vector, bytes)) = bytes.split_first_chunk::<BLOCK>() else {
        return fail("the encrypted text is shorter than a block");
    };
    if bytes.is_empty() || bytes.len() % BLOCK != 0 {
        return fail("crypto/cipher: input not full blocks");
    }
    let mut cipher = cbc::Decryptor::<Aes256>::new(&key(call.bytes(0)).into(), &(*vector).into());
    let mut text = Vec::with_capacity(bytes.len());
    for block in blocks(bytes) {
        let mut block = block;
        cipher.decrypt_block(&mut block);
        text.extend_from_slice(&block);
    }
    let padding = i64::from(text.last().copied().unwrap_or(0));
    let end = text.len() as i64 - padding;
    match usize::try_from(end) {
        Ok(end) => {
            text.truncate(end);
            call.made(text)
        }
        Err(_) => Err(bounds(0, Some(end), text.len())),
    }
}

/// The blocks of a text that is made of whole ones.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = Block<Aes256>> + '_ {
    bytes.as_chunks::<BLOCK>().0.iter().map(|it| (*it).into())
}
