//! Methods that encrypt, decrypt, and compare passwords with their hashes.

use aes::cipher::consts::{U12, U16};
use aes::cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt,
    BlockSizeUser, KeyInit, KeyIvInit, StreamCipher,
};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::Aead;
use millrace_message::Value;

use super::target;
use crate::arguments::Arguments;
use crate::eval_error::EvalError;
use crate::registry::{Category, Example, Method, Parameter, PreparedMethod};

mod password;

const KEY: Parameter = Parameter::bytes("key", "16, 24 or 32 bytes: AES-128, AES-192 or AES-256.");
const IV: Parameter = Parameter::bytes(
    "iv",
    "The initialization vector of 16 bytes; for `gcm` the nonce of 12 bytes. Never use one twice with the same key.",
);

pub(super) const METHODS: &[Method] = &[
    Method::prepared("encrypt_aes", "The target, encrypted with AES.", |arguments, _| {
        Scheme::prepare(arguments, Direction::Encrypt)
    })
    .category(Category::Encoding)
    .parameters(&[
        Parameter::string(
            "scheme",
            "One of `ctr`, `gcm`, `ofb`, `cbc` (whose target is a multiple of 16 bytes).",
        ),
        KEY,
        IV,
    ])
    .examples(&[Example::new(
        "let key = \"2b7e151628aed2a6abf7158809cf4f3c\".decode(\"hex\")\nlet vector = \"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\".decode(\"hex\")\nroot.encrypted = this.value.encrypt_aes(\"ctr\", $key, $vector).encode(\"hex\")",
        &[(r#"{"value":"hello world!"}"#, r#"{"encrypted":"84e9b31ff7400bdf80be7254"}"#)],
    )]),
    Method::prepared(
        "decrypt_aes",
        "The bytes that were encrypted with AES; with `gcm` an error when they or the key are not the right ones.",
        |arguments, _| Scheme::prepare(arguments, Direction::Decrypt),
    )
    .category(Category::Encoding)
    .parameters(&[
        Parameter::string("scheme", "One of `ctr`, `gcm`, `ofb`, `cbc`."),
        KEY,
        IV,
    ])
    .examples(&[
        Example::new(
            "let key = \"2b7e151628aed2a6abf7158809cf4f3c\".decode(\"hex\")\nlet vector = \"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\".decode(\"hex\")\nroot.decrypted = this.value.decode(\"hex\").decrypt_aes(\"ctr\", $key, $vector).string()",
            &[(r#"{"value":"84e9b31ff7400bdf80be7254"}"#, r#"{"decrypted":"hello world!"}"#)],
        ),
        Example::new(
            "root = content().decrypt_aes(\"gcm\", \"0123456789abcdef\", \"0123456789ab\")",
            &[("never encrypted with this key", "error:message authentication failed")],
        ),
    ]),
    Method::value("compare_argon2", "Whether the target is the password of a hash made with Argon2i or Argon2id.", password::argon2)
        .category(Category::Strings)
        .parameters(&[Parameter::string(
            "hashed_secret",
            "The hash with its options and salt, as `$argon2id$v=19$m=4096,t=3,p=1$SALT$HASH`; at most 1 GiB of memory and 1,000 passes.",
        )])
        .examples(&[Example::new(
            r#"root.match = this.secret.compare_argon2("$argon2id$v=19$m=4096,t=3,p=1$c2FsdHktbWNzYWx0ZmFjZQ$RMUMwgtS32/mbszd+ke4o4Ej1jFpYiUqY6MHWa69X7Y")"#,
            &[
                (r#"{"secret":"there-are-many-blobs-in-the-sea"}"#, r#"{"match":true}"#),
                (r#"{"secret":"will-i-ever-find-love"}"#, r#"{"match":false}"#),
            ],
        )]),
    Method::value("compare_bcrypt", "Whether the target is the password of a hash made with bcrypt.", password::bcrypt)
        .category(Category::Strings)
        .parameters(&[Parameter::string(
            "hashed_secret",
            "The hash with its cost and salt, as `$2y$10$…`; a cost of 16 at most.",
        )])
        .examples(&[Example::new(
            r#"root.match = this.secret.compare_bcrypt("$2y$10$Dtnt5NNzVtMCOZONT705tOcS8It6krJX8bEjnDJnwxiFKsz1C.3Ay")"#,
            &[
                (r#"{"secret":"there-are-many-blobs-in-the-sea"}"#, r#"{"match":true}"#),
                (r#"{"secret":"will-i-ever-find-love"}"#, r#"{"match":false}"#),
            ],
        )]),
];

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

#[derive(Clone, Copy)]
enum Scheme {
    Ctr,
    Ofb,
    Cbc,
    Gcm,
}

/// A step whose keys were checked; its error never shows them.
type Step = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, &'static str> + Send + Sync>;

impl Scheme {
    fn prepare(
        arguments: &Arguments<'_>,
        direction: Direction,
    ) -> Result<PreparedMethod, EvalError> {
        let scheme = match arguments.text(0)?.as_str() {
            "ctr" => Scheme::Ctr,
            "ofb" => Scheme::Ofb,
            "cbc" => Scheme::Cbc,
            "gcm" => Scheme::Gcm,
            other => {
                let doing = match direction {
                    Direction::Encrypt => "encryption",
                    Direction::Decrypt => "decryption",
                };
                return Err(EvalError::new(format!(
                    "unrecognized {doing} type: {other}"
                )));
            }
        };
        let (key, iv) = (arguments.bytes(1)?, arguments.bytes(2)?);
        let step = match key.len() {
            16 => scheme.step::<Aes128>(direction, key, iv),
            24 => scheme.step::<Aes192>(direction, key, iv),
            32 => scheme.step::<Aes256>(direction, key, iv),
            other => {
                return Err(EvalError::new(format!(
                    "crypto/aes: invalid key size {other}"
                )));
            }
        };
        let step = step.map_err(EvalError::new)?;
        Ok(Box::new(move |target| {
            step(target::bytes(&target)?)
                .map(Value::from)
                .map_err(EvalError::new)
        }))
    }
}

impl Scheme {
    /// The step of a scheme; the key has the length of the cipher.
    fn step<C>(self, direction: Direction, key: &[u8], iv: &[u8]) -> Result<Step, &'static str>
    where
        C: BlockCipherEncrypt
            + BlockCipherDecrypt
            + BlockSizeUser<BlockSize = U16>
            + KeyInit
            + Clone
            + Send
            + Sync
            + 'static,
    {
        if let Scheme::Gcm = self {
            return gcm::<C>(direction, key, iv);
        }
        let iv: [u8; 16] = iv
            .try_into()
            .map_err(|_| "the key must match the initialisation vector size")?;
        let key = key.to_vec();
        let size = "the key does not have the size of its cipher";
        let check = |is_right: bool| if is_right { Ok(()) } else { Err(size) };
        check(C::new_from_slice(&key).is_ok())?;
        Ok(match (self, direction) {
            (Scheme::Ctr, _) => Box::new(move |bytes| {
                let mode = ctr::Ctr128BE::<C>::new_from_slices(&key, &iv);
                Ok(stream(mode.map_err(|_| size)?, bytes))
            }),
            (Scheme::Ofb, _) => Box::new(move |bytes| {
                let mode = ofb::Ofb::<C>::new_from_slices(&key, &iv);
                Ok(stream(mode.map_err(|_| size)?, bytes))
            }),
            (_, Direction::Encrypt) => Box::new(move |bytes| {
                let mode = cbc::Encryptor::<C>::new_from_slices(&key, &iv);
                let mut mode = mode.map_err(|_| size)?;
                let wrong = "plaintext is not a multiple of the block size";
                blocks::<C>(bytes, wrong, |block| mode.encrypt_block(block))
            }),
            (_, Direction::Decrypt) => Box::new(move |bytes| {
                let mode = cbc::Decryptor::<C>::new_from_slices(&key, &iv);
                let mut mode = mode.map_err(|_| size)?;
                let wrong = "ciphertext is not a multiple of the block size";
                blocks::<C>(bytes, wrong, |block| mode.decrypt_block(block))
            }),
        })
    }
}

fn stream(mut mode: impl StreamCipher, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    mode.apply_keystream(&mut bytes);
    bytes
}

/// Changes block by block; bytes that are not whole blocks are refused.
fn blocks<C: BlockSizeUser<BlockSize = U16>>(
    bytes: &[u8],
    wrong_length: &'static str,
    mut change: impl FnMut(&mut Block<C>),
) -> Result<Vec<u8>, &'static str> {
    let (whole, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(wrong_length);
    }
    let mut out = Vec::with_capacity(bytes.len());
    for chunk in whole {
        let mut block = Block::<C>::from(*chunk);
        change(&mut block);
        out.extend_from_slice(&block);
    }
    Ok(out)
}

fn gcm<C>(direction: Direction, key: &[u8], nonce: &[u8]) -> Result<Step, &'static str>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit + Send + Sync + 'static,
{
    let mode = AesGcm::<C, U12>::new_from_slice(key)
        .map_err(|_| "the key does not have the size of its cipher")?;
    let nonce: [u8; 12] = nonce
        .try_into()
        .map_err(|_| "the nonce of gcm must have 12 bytes")?;
    Ok(Box::new(move |bytes| match direction {
        Direction::Encrypt => mode
            .encrypt(&nonce.into(), bytes)
            .map_err(|_| "the plaintext is too long"),
        Direction::Decrypt => mode
            .decrypt(&nonce.into(), bytes)
            .map_err(|_| "gcm decryption failed: cipher: message authentication failed"),
    }))
}
