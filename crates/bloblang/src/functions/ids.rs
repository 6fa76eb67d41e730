//! Functions that make unique ids.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use millrace_message::{Value, clock};
use rand::Rng;

use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::eval_error::EvalError;
use crate::registry::{Category, Default, Example, Function, Parameter, PreparedFunction, Status};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::prepared(
        "nanoid",
        "A random id of 21 characters that may stand in a URL.",
        nanoid,
    )
    .category(Category::General)
    .impure()
    .parameters(&[
        Parameter::integer("length", "How many characters it has.").optional(),
        Parameter::string("alphabet", "The characters it is made of; needs a length.").optional(),
    ])
    .examples(&[
        Example::new(
            "root.length = nanoid().length()",
            &[("{}", r#"{"length":21}"#)],
        ),
        Example::new(
            r#"root.is_made_of_them = nanoid(54, "abcde").re_match("^[a-e]{54}$")"#,
            &[("{}", r#"{"is_made_of_them":true}"#)],
        ),
    ]),
    Function::value(
        "ksuid",
        "A random id of 27 characters that sorts by the second it was made in.",
        |_| {
            Ok(Value::from(ksuid(
                clock::now().as_second(),
                rand::rng().random(),
            )))
        },
    )
    .category(Category::General)
    .impure()
    .examples(&[Example::new(
        "root.length = ksuid().length()",
        &[("{}", r#"{"length":27}"#)],
    )]),
    Function::prepared(
        "ulid",
        "A random id of 26 characters that sorts by the millisecond it was made in.",
        ulid,
    )
    .category(Category::General)
    .status(Status::Experimental)
    .impure()
    .parameters(&[
        Parameter::string("encoding", "`crockford`, or `hex` for 32 digits.")
            .default(Default::String("crockford")),
        Parameter::string("random_source", "`secure_random` or `fast_random`.")
            .default(Default::String("secure_random")),
    ])
    .examples(&[Example::new(
        "root.a = ulid().length()\nroot.b = ulid(\"hex\").length()",
        &[("{}", r#"{"a":26,"b":32}"#)],
    )]),
    Function::prepared(
        "snowflake_id",
        "An id that is unique to the node, as decimal text that grows with the time.",
        snowflake_id,
    )
    .category(Category::General)
    .impure()
    .parameters(&[
        Parameter::integer("node_id", "The number of the node, 0 to 1023.")
            .default(Default::Integer(1)),
    ])
    .examples(&[Example::new(
        r#"root.is_number = snowflake_id(7).re_match("^[0-9]+$")"#,
        &[("{}", r#"{"is_number":true}"#)],
    )]),
];

/// The longest nanoid.
const NANOID_MAX: i64 = 1 << 20;

fn nanoid(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedFunction, EvalError> {
    const URL_SAFE: &str = "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let length = arguments.optional_integer(0)?;
    let alphabet = arguments.optional_text(1)?;
    if alphabet.is_some() && length.is_none() {
        return Err(EvalError::new(
            "field length must be specified when an alphabet is specified",
        ));
    }
    let alphabet: Vec<char> = alphabet
        .map_or(URL_SAFE, |it| it.as_str())
        .chars()
        .collect();
    if alphabet.is_empty() || alphabet.len() > 255 {
        return Err(EvalError::new("alphabet must have 1 to 255 characters"));
    }
    let length = length.unwrap_or(21);
    let Some(length) = usize::try_from(length)
        .ok()
        .filter(|_| (0..=NANOID_MAX).contains(&length))
    else {
        return Err(EvalError::new(format!(
            "length must be between 0 and {NANOID_MAX}"
        )));
    };
    Ok(Box::new(move |_| {
        let mut random = rand::rng();
        let character = |_| alphabet[random.random_range(0..alphabet.len())];
        Ok(Value::from((0..length).map(character).collect::<String>()))
    }))
}

/// Seconds since May 2014 and 128 random bits, in base 62.
fn ksuid(seconds: i64, payload: u128) -> String {
    const EPOCH: i64 = 1_400_000_000;
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut limbs = [
        (seconds - EPOCH) as u32,
        (payload >> 96) as u32,
        (payload >> 64) as u32,
        (payload >> 32) as u32,
        payload as u32,
    ];
    let mut text = [b'0'; 27];
    for digit in text.iter_mut().rev() {
        let mut remainder = 0;
        for limb in &mut limbs {
            let part = remainder << 32 | u64::from(*limb);
            *limb = (part / 62) as u32;
            remainder = part % 62;
        }
        *digit = DIGITS[remainder as usize];
    }
    text.iter().map(|digit| char::from(*digit)).collect()
}

fn ulid(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedFunction, EvalError> {
    const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let is_hex = match arguments.text(0)?.as_str() {
        "crockford" => false,
        "hex" => true,
        other => return Err(EvalError::new(format!("invalid ulid encoding: {other}"))),
    };
    // Both names give the same generator: it is secure, and fast.
    let source = arguments.text(1)?;
    if !matches!(source.as_str(), "secure_random" | "fast_random") {
        return Err(EvalError::new(format!(
            "invalid randomness source: {source}"
        )));
    }
    Ok(Box::new(move |_| {
        let random: u128 = rand::rng().random();
        let milliseconds = clock::now().as_millisecond() as u128;
        let number = milliseconds << 80 | random >> 48;
        if is_hex {
            return Ok(Value::from(format!("{number:032x}")));
        }
        let digit = |place: u32| char::from(CROCKFORD[(number >> (5 * place) & 31) as usize]);
        Ok(Value::from((0..26).rev().map(digit).collect::<String>()))
    }))
}

/// The last millisecond and number of each node: one table for the process, so that two mappings
/// with the same node never make the same id.
static NODES: LazyLock<Mutex<HashMap<i64, (i64, i64)>>> = LazyLock::new(Mutex::default);

fn snowflake_id(arguments: &Arguments<'_>, _: &Environment) -> Result<PreparedFunction, EvalError> {
    let node = arguments.integer(0)?;
    if !(0..1024).contains(&node) {
        return Err(EvalError::new("Node number must be between 0 and 1023"));
    }
    Ok(Box::new(move |_| {
        let now = clock::now().as_millisecond();
        Ok(Value::from(next_snowflake(node, now).to_string()))
    }))
}

fn next_snowflake(node: i64, now: i64) -> i64 {
    const EPOCH: i64 = 1_288_834_974_657;
    let mut nodes = NODES.lock().unwrap_or_else(PoisonError::into_inner);
    let (last, step) = nodes.entry(node).or_insert((0, 0));
    if now > *last {
        (*last, *step) = (now, 0);
    } else {
        // The clock went back or all numbers of the millisecond are taken: the ids run ahead.
        *step += 1;
        if *step == 4096 {
            (*last, *step) = (*last + 1, 0);
        }
    }
    (*last - EPOCH) << 22 | node << 12 | *step
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_ksuid_is_the_time_and_the_payload() {
        let payload = 0xB5A1_CD34_B5F9_9D11_54FB_6853_345C_9735;
        assert_eq!(
            ksuid(1_400_000_000 + 107_608_047, payload),
            "0ujtsYcgvSTl8PAuAdqWYSMnLOv"
        );
    }

    #[test]
    fn snowflakes_never_repeat() {
        let ids: HashSet<i64> = (0..10_000)
            .map(|_| next_snowflake(1023, 1_700_000_000_000))
            .collect();
        assert_eq!(ids.len(), 10_000);
        assert!(next_snowflake(1023, 1_600_000_000_000) > *ids.iter().max().unwrap());
    }
}
