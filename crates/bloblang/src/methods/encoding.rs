//! Methods that encode, decode and hash bytes.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use millrace_message::Value;

use super::target;
use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::registry::{Category, Default, Example, Method, Parameter, PreparedMethod};

mod ascii;
mod hash;

pub(super) const METHODS: &[Method] = &[
    Method::prepared("encode", "The bytes of the target as text in an encoding.", encode)
        .category(Category::Encoding)
        .parameters(&[Parameter::string(
            "scheme",
            "One of `base64`, `base64url`, `base64rawurl` (without padding), `hex`, `ascii85`, `z85`.",
        )])
        .examples(&[
            Example::new(
                r#"root.encoded = this.value.encode("hex")"#,
                &[(r#"{"value":"hello world"}"#, r#"{"encoded":"68656c6c6f20776f726c64"}"#)],
            ),
            Example::new(
                r#"root.encoded = content().encode("ascii85")"#,
                &[("this is totally unstructured data", r#"{"encoded":"FD,B0+DGm>FDl80Ci\"A>F`)8BEckl6F`M&(+Cno&@/"}"#)],
            ),
        ]),
    Method::prepared("decode", "The bytes that a text in an encoding stands for.", decode)
        .category(Category::Encoding)
        .parameters(&[Parameter::string("scheme", "As for `encode`.")])
        .examples(&[
            Example::new(
                r#"root.decoded = this.value.decode("hex").string()"#,
                &[
                    (r#"{"value":"68656c6c6f20776f726c64"}"#, r#"{"decoded":"hello world"}"#),
                    (r#"{"value":"6x"}"#, "error:encoding/hex: invalid byte: U+0078 'x'"),
                ],
            ),
            Example::new(
                r#"root = this.encoded.decode("ascii85")"#,
                &[(r#"{"encoded":"FD,B0+DGm>FDl80Ci\"A>F`)8BEckl6F`M&(+Cno&@/"}"#, "this is totally unstructured data")],
            ),
        ]),
    Method::prepared("hash", "The hash of the target as bytes; `xxhash64` and `fnv32` give it as decimal text.", hash)
        .category(Category::Encoding)
        .parameters(&[
            Parameter::string(
                "algorithm",
                "One of `md5`, `sha1`, `sha256`, `sha512`, `hmac_sha1`, `hmac_sha256`, `hmac_sha512`, `xxhash64`, `crc32`, `fnv32`.",
            ),
            Parameter::bytes("key", "The key; the `hmac` algorithms need one.").optional(),
            Parameter::string("polynomial", "That of `crc32`: `IEEE`, `Castagnoli` or `Koopman`.")
                .default(Default::String("IEEE")),
        ])
        .examples(&[
            Example::new(
                "root.h1 = this.value.hash(\"sha1\").encode(\"hex\")\nroot.h2 = this.value.hash(\"hmac_sha1\",\"static-key\").encode(\"hex\")",
                &[(
                    r#"{"value":"hello world"}"#,
                    r#"{"h1":"2aae6c35c94fcfb415dbe95f408b9ce91ee846ed","h2":"d87e5f068fa08fe90bb95bc7c8344cb809179d76"}"#,
                )],
            ),
            Example::new(
                "root.h1 = this.value.hash(algorithm: \"crc32\", polynomial: \"Castagnoli\").encode(\"hex\")\nroot.h2 = this.value.hash(algorithm: \"crc32\", polynomial: \"Koopman\").encode(\"hex\")",
                &[(r#"{"value":"hello world"}"#, r#"{"h1":"c99465aa","h2":"df373d3c"}"#)],
            ),
            Example::new(
                "root = this.value.hash(\"xxhash64\").string()",
                &[(r#"{"value":"hello world"}"#, "5020219685658847592")],
            ),
        ]),
];

const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDED);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDED);
const BASE64_RAW_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, UNPADDED);

const PADDED: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const UNPADDED: GeneralPurposeConfig = PADDED
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone);

fn encode(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let encode: fn(&[u8]) -> Result<String, EvalError> = match arguments.text(0)?.as_str() {
        "base64" => |bytes| Ok(BASE64.encode(bytes)),
        "base64url" => |bytes| Ok(BASE64_URL.encode(bytes)),
        "base64rawurl" => |bytes| Ok(BASE64_RAW_URL.encode(bytes)),
        "hex" => |bytes| Ok(ascii::encode_hex(bytes)),
        "ascii85" => |bytes| Ok(ascii::encode_85(bytes)),
        "z85" => |bytes| ascii::encode_z85(bytes),
        other => {
            return Err(EvalError::new(format!(
                "unrecognized encoding type: {other}"
            )));
        }
    };
    Ok(Box::new(move |target| {
        encode(target::bytes(&target)?).map(Value::from)
    }))
}

fn decode(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let decode: fn(&[u8]) -> Result<Vec<u8>, EvalError> = match arguments.text(0)?.as_str() {
        "base64" => |bytes| decode_base64(&BASE64, bytes),
        "base64url" => |bytes| decode_base64(&BASE64_URL, bytes),
        "base64rawurl" => |bytes| decode_base64(&BASE64_RAW_URL, bytes),
        "hex" => ascii::decode_hex,
        "ascii85" => ascii::decode_85,
        "z85" => ascii::decode_z85,
        other => {
            return Err(EvalError::new(format!(
                "unrecognized encoding type: {other}"
            )));
        }
    };
    Ok(Box::new(move |target| {
        decode(target::bytes(&target)?).map(Value::from)
    }))
}

/// Line breaks are passed over, as in Go.
fn decode_base64(engine: &GeneralPurpose, bytes: &[u8]) -> Result<Vec<u8>, EvalError> {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let bytes = if bytes.iter().any(is_break) {
        Cow::Owned(
            bytes
                .iter()
                .copied()
                .filter(|byte| !is_break(byte))
                .collect(),
        )
    } else {
        Cow::Borrowed(bytes)
    };
    engine.decode(&*bytes).map_err(|error| {
        let place = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
                bytes.len()
            }
        };
        EvalError::new(format!("illegal base64 data at input byte {place}"))
    })
}

fn hash(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedMethod, EvalError> {
    let algorithm = arguments.text(0)?;
    let key = match arguments.get(1) {
        Some(_) => arguments.bytes(1)?.to_vec(),
        None => Vec::new(),
    };
    if algorithm.starts_with("hmac") && key.is_empty() {
        return Err(EvalError::new(format!(
            "hash algorithm {algorithm} requires a key argument"
        )));
    }
    let hash = hash::algorithm(algorithm, key, arguments.text(2)?)?;
    Ok(Box::new(move |target| {
        Ok(Value::from(hash(target::bytes(&target)?)))
    }))
}
