//! Functions that reach outside the mapping: clock, host, environment variables, files, caches.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use jiff::tz::TimeZone;
use millrace_formats::{FileError, read_file};
use millrace_message::{Text, Value, clock};

use crate::arguments::{Arguments, Call};
use crate::budget;
use crate::environment::{Caches, Environment};
use crate::eval_error::EvalError;
use crate::registry::{Category, Default, Example, Function, Parameter, PreparedFunction, Status};

const PATH: Parameter = Parameter::string("path", "The file.");
const NO_CACHE: Parameter =
    Parameter::bool("no_cache", "Read it again for every message.").default(Default::Bool(false));
const CACHE: Parameter = Parameter::string("resource", "The label of the cache resource.");
const CACHE_KEY: Parameter = Parameter::string("key", "The key.");
const CACHE_VALUE: Parameter = Parameter::string("value", "The value.");

/// `now()` in front of a method that would only read its text again.
pub(crate) static NOW_AS_TIMESTAMP: Function =
    Function::value("now", "The time.", |_| Ok(time_now())).impure();

fn time_now() -> Value {
    Value::from(clock::now().to_zoned(TimeZone::system()))
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function::value(
        "now",
        "The time as text in RFC 3339, with the zone of the host.",
        |_| Ok(Value::String(time_now().to_text())),
    )
    .category(Category::Environment)
    .impure(),
    Function::value("timestamp_unix", "Seconds since 1970.", |_| {
        Ok(Value::I64(clock::now().as_second()))
    })
    .category(Category::Environment)
    .impure(),
    Function::value("timestamp_unix_milli", "Milliseconds since 1970.", |_| {
        Ok(Value::I64(clock::now().as_millisecond()))
    })
    .category(Category::Environment)
    .impure(),
    Function::value("timestamp_unix_micro", "Microseconds since 1970.", |_| {
        Ok(Value::I64(clock::now().as_microsecond()))
    })
    .category(Category::Environment)
    .impure(),
    Function::value("timestamp_unix_nano", "Nanoseconds since 1970.", |_| {
        Ok(Value::I64(clock::now().as_nanosecond() as i64))
    })
    .category(Category::Environment)
    .impure(),
    Function::value("hostname", "The name of the host.", |_| hostname())
        .category(Category::Environment)
        .impure(),
    Function::prepared(
        "env",
        "The value of an environment variable, null when it is not set.",
        env,
    )
    .category(Category::Environment)
    .impure()
    .parameters(&[Parameter::string("name", "The variable."), NO_CACHE])
    .examples(&[Example::new(
        r#"root.key = env("NOT_SET_ANYWHERE")"#,
        &[("{}", r#"{"key":null}"#)],
    )]),
    Function::prepared(
        "file",
        "The content of a file as bytes, read once unless `no_cache` is set.",
        |arguments, environment| {
            let path = PathBuf::from(&**arguments.text(0)?);
            file("file", path, arguments, environment)
        },
    )
    .category(Category::Environment)
    .impure()
    .parameters(&[PATH, NO_CACHE]),
    Function::prepared(
        "file_rel",
        "As `file`, with the path relative to the file that the mapping stands in.",
        |arguments, environment| {
            let path = environment.resolve(arguments.text(0)?);
            file("file_rel", path, arguments, environment)
        },
    )
    .category(Category::Environment)
    .impure()
    .parameters(&[PATH, NO_CACHE]),
    Function::prepared(
        "file_rel_json",
        "The value of a JSON file, with the path relative to the file of the mapping.",
        file_json,
    )
    .category(Category::Environment)
    .impure()
    .parameters(&[PATH]),
    Function::value(
        "cache_get",
        "The bytes that a cache holds for a key.",
        |call| {
            let (cache, key) = cache_key(call)?;
            match caches(call)?.get(cache, key).map_err(EvalError::new)? {
                Some(bytes) => Ok(Value::from(bytes)),
                None => Err(EvalError::new("key does not exist")),
            }
        },
    )
    .category(Category::Environment)
    .status(Status::Experimental)
    .impure()
    .parameters(&[CACHE, CACHE_KEY]),
    Function::value(
        "cache_set",
        "Puts a value into a cache, and gives null.",
        |call| cache_set(call, false),
    )
    .category(Category::Environment)
    .status(Status::Experimental)
    .impure()
    .parameters(&[CACHE, CACHE_KEY, CACHE_VALUE]),
    Function::value(
        "cache_add",
        "Puts a value into a cache, and gives null; an error when the key exists.",
        |call| cache_set(call, true),
    )
    .category(Category::Environment)
    .status(Status::Experimental)
    .impure()
    .parameters(&[CACHE, CACHE_KEY, CACHE_VALUE]),
    Function::value(
        "cache_delete",
        "Removes a key from a cache, and gives null.",
        |call| {
            let (cache, key) = cache_key(call)?;
            caches(call)?.delete(cache, key).map_err(EvalError::new)?;
            Ok(Value::Null)
        },
    )
    .category(Category::Environment)
    .status(Status::Experimental)
    .impure()
    .parameters(&[CACHE, CACHE_KEY]),
];

fn refuse_if_pure(environment: &Environment, name: &str) -> Result<(), EvalError> {
    match environment.is_pure() {
        true => Err(EvalError::new(format!(
            "`{name}` is not allowed here: it reaches outside"
        ))),
        false => Ok(()),
    }
}

fn env(
    arguments: &Arguments<'_>,
    environment: &Environment,
) -> Result<PreparedFunction, EvalError> {
    refuse_if_pure(environment, "env")?;
    let name = arguments.text(0)?.to_string();
    let environment = environment.clone();
    let read = move || Value::from(environment.variable(&name).map(Text::from));
    if arguments.bool(1)? {
        return Ok(Box::new(move |_| Ok(read())));
    }
    let value = read();
    Ok(Box::new(move |_| Ok(value.clone())))
}

/// The content of a file, paid for from the account of the mapping.
fn read(path: &Path) -> Result<Bytes, EvalError> {
    let content = read_file(path, budget::left()).map_err(|error| {
        let remedy = match &error {
            FileError::TooLarge(_) => ", which `mapping_limits.bytes` leaves to the mapping",
            _ => "",
        };
        EvalError::new(format!("read file `{}`: {error}{remedy}", path.display()))
    })?;
    budget::make(content.len())?;
    Ok(Bytes::from(content))
}

fn file(
    name: &str,
    path: PathBuf,
    arguments: &Arguments<'_>,
    environment: &Environment,
) -> Result<PreparedFunction, EvalError> {
    refuse_if_pure(environment, name)?;
    if arguments.bool(1)? {
        return Ok(Box::new(move |_| read(&path).map(Value::from)));
    }
    Ok(once(move || read(&path).map(Value::from)))
}

fn file_json(
    arguments: &Arguments<'_>,
    environment: &Environment,
) -> Result<PreparedFunction, EvalError> {
    refuse_if_pure(environment, "file_rel_json")?;
    let path = environment.resolve(arguments.text(0)?);
    Ok(once(move || {
        Value::parse_json(read(&path)?)
            .map_err(|error| EvalError::new(format!("parse file `{}`: {error}", path.display())))
    }))
}

/// Gives what `read` gave when it first succeeded.
fn once(read: impl Fn() -> Result<Value, EvalError> + Send + Sync + 'static) -> PreparedFunction {
    let content: OnceLock<Value> = OnceLock::new();
    Box::new(move |_| {
        if let Some(content) = content.get() {
            return Ok(content.clone());
        }
        let value = read()?;
        Ok(content.get_or_init(|| value).clone())
    })
}

fn hostname() -> Result<Value, EvalError> {
    static NAME: OnceLock<Value> = OnceLock::new();
    if let Some(name) = NAME.get() {
        return Ok(name.clone());
    }
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .map_err(|error| EvalError::new(format!("read host name: {error}")))?;
    Ok(NAME.get_or_init(|| Value::from(name.trim())).clone())
}

fn caches<'a>(call: &Call<'a>) -> Result<&'a dyn Caches, EvalError> {
    let environment = &call.cx.frame.program.environment;
    match environment.caches() {
        Some(caches) => Ok(caches.as_ref()),
        None => Err(EvalError::new("caches can not be used in this context")),
    }
}

fn cache_key<'a>(call: &Call<'a>) -> Result<(&'a str, &'a str), EvalError> {
    Ok((call.arguments.text(0)?, call.arguments.text(1)?))
}

fn cache_set(call: &Call<'_>, only_new: bool) -> Result<Value, EvalError> {
    let (cache, key) = cache_key(call)?;
    let value = Bytes::copy_from_slice(call.arguments.text(2)?.as_bytes());
    caches(call)?
        .set(cache, key, value, only_new)
        .map_err(EvalError::new)?;
    Ok(Value::Null)
}
