//! Paths with slashes; those of the host are the same.

use std::borrow::Cow;

use super::Type::Text;
use super::{Answer, Call, Function};
use crate::value::Val;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base", &[Text], |call| made(call, base)),
    Function::new("dir", &[Text], |call| made(call, dir)),
    Function::new("clean", &[Text], |call| made(call, clean)),
    Function::new("ext", &[Text], |call| made(call, ext)),
    Function::new("isAbs", &[Text], is_absolute),
    Function::new("osBase", &[Text], |call| made(call, base)),
    Function::new("osDir", &[Text], |call| made(call, dir)),
    Function::new("osClean", &[Text], |call| made(call, clean)),
    Function::new("osExt", &[Text], |call| made(call, ext)),
    Function::new("osIsAbs", &[Text], is_absolute),
];

fn made(call: &Call<'_, '_>, part: fn(&str) -> Cow<'_, str>) -> Answer {
    let path = call.text(0);
    call.step(path.len() / 16)?;
    call.made(part(&path).as_bytes())
}

fn is_absolute(call: &mut Call<'_, '_>) -> Answer {
    Ok(Val::Bool(call.bytes(0).starts_with(b"/")))
}

fn base(path: &str) -> Cow<'_, str> {
    if path.is_empty() {
        return ".".into();
    }
    let path = path.trim_end_matches('/');
    match path.rsplit('/').next() {
        Some(name) if !name.is_empty() => name.into(),
        _ => "/".into(),
    }
}

fn dir(path: &str) -> Cow<'_, str> {
    let end = path.rfind('/').map_or(0, |at| at + 1);
    clean(&path[..end])
}

fn ext(path: &str) -> Cow<'_, str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |at| &name[at..]).into()
}

/// The shortest path that means the same, by its text alone.
fn clean(path: &str) -> Cow<'_, str> {
    let is_absolute = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => match names.last() {
                Some(last) if *last != ".." => {
                    names.pop();
                }
                // Above the root is the root.
                None if is_absolute => {}
                _ => names.push(".."),
            },
            name => names.push(name),
        }
    }
    let joined = names.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}").into(),
        (false, true) => ".".into(),
        (false, false) => joined.into(),
    }
}
