//! URLs, as Go's package `net/url` takes them apart and puts them together.

use millrace_bloblang::Url;

use super::Type::{Map as MapType, Text};
use super::{Answer, Call, Function, fail};
use crate::Fault;
use crate::value::{Map, MapKind, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("urlParse", &[Text], parse),
    Function::new("urlJoin", &[MapType], join),
];

fn parse(call: &mut Call<'_, '_>) -> Answer {
    let text = call.text(0);
    call.step(text.len() / 8)?;
    let url = match Url::parse(&text) {
        Ok(url) => url,
        Err(reason) => return fail(format!("unable to parse url: {reason}")),
    };
    let map = Map::empty(MapKind::Any, call.meter());
    let user = url.user_text();
    for (key, part) in [
        ("scheme", &url.scheme),
        ("host", &url.host),
        ("hostname", &hostname(&url.host)),
        ("path", &url.path),
        ("query", &url.raw_query),
        ("opaque", &url.opaque),
        ("fragment", &url.fragment),
        ("userinfo", &user),
    ] {
        map.set(key.into(), call.made(part.as_str())?)?;
    }
    Ok(Val::Map(map))
}

/// A host without its port and without brackets.
fn hostname(host: &str) -> String {
    let is_port = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && !port.contains(']') => name,
        _ => host,
    };
    let inner = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inner.unwrap_or(name).to_owned()
}

fn join(call: &mut Call<'_, '_>) -> Answer {
    let map = call.map(0);
    let part = |key: &str| -> Result<String, Fault> {
        match map.get(key)? {
            None => Ok(String::new()),
            Some(Val::Str(text)) => Ok(text.text().into_owned()),
            Some(Val::JsonNumber(text)) => Ok(text.as_str().to_owned()),
            Some(other) => fail(format!(
                "unable to parse {key} key, must be of type string, but {} found",
                other.kind_name()
            )),
        }
    };
    let mut url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        raw_query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        ..Url::default()
    };
    let user = part("userinfo")?;
    if !user.is_empty() {
        match Url::parse(&format!("proto://{user}@host")) {
            Ok(parsed) => url.user = parsed.user,
            Err(reason) => return fail(format!("unable to parse userinfo in dict: {reason}")),
        }
    }
    let text = url.to_string();
    call.room(text.len())?;
    call.made(text)
}
