//! What Rust lends to programs: the functions of `bento`, log lines, files of modules.

use std::path::Path;
use std::sync::Arc;

use millrace_component::Identity;
use millrace_message::{Message, Value};
use parking_lot::Mutex;
use rquickjs::function::Opt;
use rquickjs::{Coerced, Ctx, Error, FromJs, Function, Object, Result};

use super::modules::{self, Modules};

/// The message that a program works on: a copy, which takes the place of the message when the
/// program has ended well.
#[derive(Default)]
pub(super) struct Work {
    pub message: Message,
    pub has_new_payload: bool,
}

pub(super) type Shared = Arc<Mutex<Work>>;

/// What an argument of a program is, when it is given.
type Argument<'js> = Opt<rquickjs::Value<'js>>;

/// The object whose functions the prelude uses.
pub(super) fn host<'js>(
    ctx: &Ctx<'js>,
    work: &Shared,
    modules: &Modules,
    identity: &Arc<Identity>,
) -> Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    host.set("bento", bento(ctx, work)?)?;
    let logging = Arc::clone(identity);
    let log = move |level: String, text: String| log(&logging, &level, &text);
    host.set("log", Function::new(ctx.clone(), log)?)?;
    let modules = modules.clone();
    let resolve = move |ctx: Ctx<'js>, folder: String, name: String| -> Result<Vec<String>> {
        let path = modules
            .resolve(folder.as_ref(), &name)
            .map_err(|it| throw(&ctx, &it))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok([path.as_path(), folder]
            .map(|it| it.to_string_lossy().into_owned())
            .into())
    };
    host.set("resolve", Function::new(ctx.clone(), resolve)?)?;
    let read = |ctx: Ctx<'js>, path: String| {
        let text = modules::read(path.as_ref());
        text.map_err(|reason| throw(&ctx, &format!("module `{path}`: {reason}")))
    };
    host.set("read", Function::new(ctx.clone(), read)?)?;
    Ok(host)
}

fn log(identity: &Identity, level: &str, text: &str) {
    let (component, path, label) = identity.names();
    match level {
        "error" => tracing::error!(component, path, label, "{text}"),
        "warn" => tracing::warn!(component, path, label, "{text}"),
        "debug" => tracing::debug!(component, path, label, "{text}"),
        _ => tracing::info!(component, path, label, "{text}"),
    }
}

fn bento<'js>(ctx: &Ctx<'js>, work: &Shared) -> Result<Object<'js>> {
    let bento = Object::new(ctx.clone())?;
    payload_functions(ctx, work, &bento)?;
    metadata_functions(ctx, work, &bento)?;
    let fetch = |ctx: Ctx<'js>| -> Result<()> {
        let reason =
            "bento.v0_fetch is not supported: programs never wait; use the processor `http`";
        Err(throw(&ctx, reason))
    };
    bento.set("v0_fetch", Function::new(ctx.clone(), fetch)?)?;
    Ok(bento)
}

fn payload_functions<'js>(ctx: &Ctx<'js>, work: &Shared, bento: &Object<'js>) -> Result<()> {
    let of = Arc::clone(work);
    let as_string = move || String::from_utf8_lossy(of.lock().message.bytes()).into_owned();
    bento.set("v0_msg_as_string", Function::new(ctx.clone(), as_string)?)?;
    let of = Arc::clone(work);
    let set_string = move |ctx: Ctx<'js>, value: Argument<'js>| -> Result<()> {
        let text = text(&ctx, value, 0)?;
        let mut work = of.lock();
        work.message.set_bytes(text);
        work.has_new_payload = true;
        Ok(())
    };
    bento.set("v0_msg_set_string", Function::new(ctx.clone(), set_string)?)?;
    let of = Arc::clone(work);
    let as_structured = move |ctx: Ctx<'js>| -> Result<rquickjs::Value<'js>> {
        let json = match of.lock().message.value() {
            Ok(value) => Ok(value.to_json()),
            Err(error) => Err(format!("the payload is no JSON: {error}")),
        };
        ctx.json_parse(json.map_err(|reason| throw(&ctx, &reason))?.to_vec())
    };
    bento.set(
        "v0_msg_as_structured",
        Function::new(ctx.clone(), as_structured)?,
    )?;
    let of = Arc::clone(work);
    let set_structured = move |ctx: Ctx<'js>, value: Argument<'js>| -> Result<()> {
        let value = value_of(&ctx, value, 0)?;
        let mut work = of.lock();
        work.message.set_value(value);
        work.has_new_payload = true;
        Ok(())
    };
    bento.set(
        "v0_msg_set_structured",
        Function::new(ctx.clone(), set_structured)?,
    )
}

fn metadata_functions<'js>(ctx: &Ctx<'js>, work: &Shared, bento: &Object<'js>) -> Result<()> {
    let of = Arc::clone(work);
    let exists = move |ctx: Ctx<'js>, name: Argument<'js>| -> Result<bool> {
        let name = text(&ctx, name, 0)?;
        Ok(of.lock().message.metadata.get(&name).is_some())
    };
    bento.set("v0_msg_exists_meta", Function::new(ctx.clone(), exists)?)?;
    let of = Arc::clone(work);
    let get = move |ctx: Ctx<'js>, name: Argument<'js>| -> Result<rquickjs::Value<'js>> {
        let name = text(&ctx, name, 0)?;
        let json = of.lock().message.metadata.get(&name).map(Value::to_json);
        ctx.json_parse(json.ok_or_else(|| throw(&ctx, "key not found"))?.to_vec())
    };
    bento.set("v0_msg_get_meta", Function::new(ctx.clone(), get)?)?;
    let of = Arc::clone(work);
    let set = move |ctx: Ctx<'js>, name: Argument<'js>, value: Argument<'js>| -> Result<()> {
        let (name, value) = (text(&ctx, name, 0)?, value_of(&ctx, value, 1)?);
        of.lock().message.metadata.set(name, value);
        Ok(())
    };
    bento.set("v0_msg_set_meta", Function::new(ctx.clone(), set)?)
}

/// Throws a text, as the functions of Bento do.
fn throw(ctx: &Ctx<'_>, reason: &str) -> Error {
    match rquickjs::String::from_str(ctx.clone(), reason) {
        Ok(text) => ctx.throw(text.into_value()),
        Err(error) => error,
    }
}

/// What an argument is; one that was left out is nothing, one that is undefined a mistake.
fn given<'js>(
    ctx: &Ctx<'js>,
    argument: Argument<'js>,
    position: usize,
) -> Result<Option<rquickjs::Value<'js>>> {
    match argument.0 {
        Some(value) if value.is_undefined() => Err(throw(
            ctx,
            &format!("argument at position {position} is undefined"),
        )),
        other => Ok(other),
    }
}

/// An argument as a text, whatever it is; empty when it was left out.
fn text<'js>(ctx: &Ctx<'js>, argument: Argument<'js>, position: usize) -> Result<String> {
    match given(ctx, argument, position)? {
        None => Ok(String::new()),
        Some(value) => Ok(Coerced::<String>::from_js(ctx, value)?.0),
    }
}

/// An argument as a value of a message; null when it was left out.
fn value_of<'js>(ctx: &Ctx<'js>, argument: Argument<'js>, position: usize) -> Result<Value> {
    let Some(value) = given(ctx, argument, position)? else {
        return Ok(Value::Null);
    };
    if let Some(text) = value.as_string() {
        return Ok(Value::from(text.to_string()?));
    }
    let Some(json) = ctx.json_stringify(value)? else {
        return Ok(Value::Null);
    };
    Value::parse_json(json.to_string()?.into())
        .map_err(|error| throw(ctx, &format!("the value is no JSON: {error}")))
}
