//! Passwords beside their hashes. A hash names the memory and the time that it costs, so both are
//! bounded: hashes may come from messages.

use std::borrow::Cow;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use millrace_message::Value;

use crate::arguments::Call;
use crate::budget;
use crate::eval_error::EvalError;
use crate::methods::target;

/// The most memory of an Argon2 hash, in KiB: 1 GiB.
const MEMORY_MAX: u32 = 1 << 20;
/// The most passes over its memory.
const PASSES_MAX: u32 = 1_000;
/// The longest hash, in bytes.
const HASH_MAX: usize = 1 << 10;
/// The highest cost of a bcrypt hash; each one more doubles the time. 16 takes several seconds.
const COST_MAX: u32 = 16;

pub(super) fn argon2(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let password = target::text(&target)?;
    if password.is_empty() {
        return Ok(Value::Bool(false));
    }
    let expected = Argon2Hash::parse(call.arguments.text(0)?)?;
    let params = expected.options.params();
    budget::steps(params.m_cost() as usize * params.t_cost() as usize)?;
    let _memory = budget::lend(params.m_cost() as usize * 1024)?;
    let mut actual = vec![0; expected.hash.len()];
    expected
        .options
        .hash_password_into(password.as_bytes(), &expected.salt, &mut actual)
        .map_err(|error| invalid(&error.to_string()))?;
    Ok(Value::Bool(is_same(&actual, &expected.hash)))
}

struct Argon2Hash {
    options: Argon2<'static>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Argon2Hash {
    /// Reads `$argon2id$v=19$m=4096,t=3,p=1$SALT$HASH`.
    fn parse(text: &str) -> Result<Argon2Hash, EvalError> {
        let parts: Vec<&str> = text.split('$').collect();
        let ["", algorithm, version, options, salt, hash] = parts[..] else {
            return Err(invalid("it must have five parts, each behind a `$`"));
        };
        let algorithm = match algorithm {
            "argon2i" => Algorithm::Argon2i,
            "argon2id" => Algorithm::Argon2id,
            _ => return Err(invalid("unrecognised argon2 format")),
        };
        // Whatever version a hash names, Bento computes that of 1.3.
        if !version.starts_with("v=") || version.len() == 2 {
            return Err(invalid("failed to parse version"));
        }
        let [memory, passes, lanes] = numbers(options)
            .ok_or_else(|| invalid("the options must be `m=NUMBER,t=NUMBER,p=NUMBER`"))?;
        let lanes = u8::try_from(lanes).map_err(|_| invalid("`p` is larger than 255"))?;
        if memory > MEMORY_MAX || passes > PASSES_MAX {
            return Err(invalid(&format!(
                "it costs more than {MEMORY_MAX} KiB of memory or {PASSES_MAX} passes"
            )));
        }
        // The algorithm takes at least eight blocks of memory a lane.
        let memory = memory.max(8 * u32::from(lanes));
        let decode = |text: &str, what: &str| {
            STANDARD_NO_PAD
                .decode(text)
                .map_err(|_| invalid(&format!("failed to parse base64 {what}")))
        };
        let (salt, hash) = (decode(salt, "salt")?, decode(hash, "key")?);
        if hash.len() > HASH_MAX {
            return Err(invalid("the key is longer than 1,024 bytes"));
        }
        let params = Params::new(memory, passes, u32::from(lanes), Some(hash.len()))
            .map_err(|error| invalid(&error.to_string()))?;
        Ok(Argon2Hash {
            options: Argon2::new(algorithm, Version::V0x13, params),
            salt,
            hash,
        })
    }
}

/// The numbers of `m=…,t=…,p=…`.
fn numbers(options: &str) -> Option<[u32; 3]> {
    let mut parts = options.split(',');
    let mut next = |name: &str| -> Option<u32> {
        let digits = parts.next()?.strip_prefix(name)?;
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| digits.parse().ok())?
    };
    let numbers = [next("m=")?, next("t=")?, next("p=")?];
    parts.next().is_none().then_some(numbers)
}

fn invalid(reason: &str) -> EvalError {
    EvalError::new(format!("invalid argon2 hash: {reason}"))
}

/// Compares without telling by its time where the difference is.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

pub(super) fn bcrypt(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let password = target::text(&target)?;
    let hash = call.arguments.text(0)?;
    let cost = hash
        .split('$')
        .nth(2)
        .and_then(|cost| cost.parse::<u32>().ok());
    if cost.is_some_and(|cost| cost > COST_MAX) {
        return Err(EvalError::new(format!(
            "the bcrypt hash has a cost of more than {COST_MAX}"
        )));
    }
    // Cost 10 takes about 50 ms.
    const STEPS: usize = 500;
    budget::steps(STEPS << cost.unwrap_or_default())?;
    match bcrypt::verify(password.as_bytes(), hash) {
        Ok(is_same) => Ok(Value::Bool(is_same)),
        // The library's error may show a part of the hash.
        Err(_) => Err(EvalError::new(
            "hashedSecret is not a bcrypt hash, which begins with `$2a$`, `$2b$` or `$2y$` and has 60 characters",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_cost_too_much_or_are_damaged_are_refused() {
        let salt = "$c2FsdHktbWNzYWx0ZmFjZQ$XTu19IC4rYL/ERsDZr2HOZe9bcMx88ARJ/VVfT2Lb3U";
        for (options, expected) in [
            ("m=4294967295,t=1,p=1", "costs more"),
            ("m=4096,t=1000000,p=1", "costs more"),
            ("m=4096,t=3,p=137174", "larger than 255"),
            ("m=4096,t=3,p=1x", "m=NUMBER"),
            ("m=4096,t=3", "m=NUMBER"),
            ("m=4096,t=3,p=1,q=2", "m=NUMBER"),
            ("m=4096,t=0,p=1", "invalid argon2 hash"),
            ("m=4096,t=3,p=0", "invalid argon2 hash"),
        ] {
            let error = Argon2Hash::parse(&format!("$argon2id$v=19${options}{salt}"));
            let error = error.err().map(|it| it.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{options}: {error}");
        }
        assert!(Argon2Hash::parse(&format!("$argon2id$v=19$m=4096,t=3,p=1{salt}")).is_ok());
        assert!(Argon2Hash::parse("").is_err());
    }

    #[test]
    fn bytes_are_compared_whole() {
        assert!(is_same(b"ab", b"ab"));
        assert!(!is_same(b"ab", b"ac"));
        assert!(!is_same(b"ab", b"abc"));
    }
}
