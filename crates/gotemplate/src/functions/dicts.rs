//! Maps.

use std::collections::BTreeMap;

use super::Type::{Any, Map as MapType, Text};
use super::{Answer, Call, Function, fail};
use crate::format;
use crate::value::{Map, MapKind, Str, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("dict", &[], dict).rest(Any),
    Function::new("get", &[MapType, Text], |call| {
        let found = call.map(0).get(&call.text(1))?;
        Ok(found.unwrap_or_else(|| Val::text("")))
    })
    .gives_any(),
    Function::new("set", &[MapType, Text, Any], |call| {
        let Val::Map(map) = call.value(0) else {
            return fail("assignment to entry in nil map");
        };
        map.set(key(call, 1), call.value(2).clone())?;
        Ok(call.value(0).clone())
    })
    .changes_maps(),
    Function::new("unset", &[MapType, Text], |call| {
        let map = call.map(0);
        map.remove(&call.text(1))?;
        Ok(Val::Map(map))
    })
    .changes_maps(),
    Function::new("hasKey", &[MapType, Text], |call| {
        Ok(Val::Bool(call.map(0).contains(&call.text(1))))
    }),
    Function::new("pluck", &[Text], |call| {
        let key = call.text(0);
        let mut found = Vec::new();
        for index in 1..call.values.len() {
            found.extend(call.map(index).get(&key)?);
        }
        call.list(found)
    })
    .rest(MapType),
    Function::new("keys", &[], |call| {
        let mut keys = Vec::new();
        for index in 0..call.values.len() {
            for (key, _) in call.map(index).entries()? {
                keys.push(key.as_bytes().to_vec());
            }
        }
        call.texts(keys)
    })
    .rest(MapType),
    Function::new("values", &[MapType], |call| {
        let entries = call.map(0).entries()?;
        call.list(entries.into_iter().map(|(_, value)| value).collect())
    }),
    Function::new("pick", &[MapType], |call| {
        let (map, picked) = (call.map(0), Map::empty(MapKind::Any, call.meter()));
        for index in 1..call.values.len() {
            let key = key(call, index);
            if let Some(value) = map.get(&key)? {
                picked.set(key, value)?;
            }
        }
        Ok(Val::Map(picked))
    })
    .rest(Text),
    Function::new("omit", &[MapType], |call| {
        let kept = Map::empty(MapKind::Any, call.meter());
        let omitted: BTreeMap<_, ()> = (1..call.values.len())
            .map(|index| (key(call, index), ()))
            .collect();
        for (key, value) in call.map(0).entries()? {
            if !omitted.contains_key(&key) {
                kept.set(key, value)?;
            }
        }
        Ok(Val::Map(kept))
    })
    .rest(Text),
    Function::new("dig", &[], dig).rest(Any).gives_any(),
];

fn key(call: &Call<'_, '_>, index: usize) -> millrace_message::Text {
    match call.value(index) {
        Val::Str(text) => text.to_text(),
        _ => millrace_message::Text::default(),
    }
}

/// A map of keys and values, one after the other; the last key may have none.
fn dict(call: &mut Call<'_, '_>) -> Answer {
    let map = Map::empty(MapKind::Any, call.meter());
    for pair in call.values.chunks(2) {
        let key = format::string(&pair[0], call.meter())?;
        let value = pair.get(1).cloned().unwrap_or_else(|| Val::text(""));
        map.set(Str::made(key, call.meter())?.to_text(), value)?;
    }
    Ok(Val::Map(map))
}

/// A member of maps within maps: keys, what to give when one is missing, and the map.
fn dig(call: &mut Call<'_, '_>) -> Answer {
    let [keys @ .., default, map] = call.values else {
        return fail("dig needs at least three arguments");
    };
    if keys.is_empty() {
        return fail("dig needs at least three arguments");
    }
    let mut value = map.clone();
    let wrong = |value: &Val, expected: &str| {
        let given = match value {
            Val::Missing | Val::Nil => "nil",
            other => other.type_name(),
        };
        fail(format!(
            "interface conversion: interface {{}} is {given}, not {expected}"
        ))
    };
    if !matches!(&value, Val::Map(map) if map.kind() == MapKind::Any) {
        return wrong(&value, MapKind::Any.type_name());
    }
    if let Some(key) = keys.iter().find(|it| !matches!(it, Val::Str(_))) {
        return wrong(key, "string");
    }
    for key in keys {
        let (Val::Map(map), Val::Str(key)) = (&value, key) else {
            return wrong(&value, MapKind::Any.type_name());
        };
        match map.get(&key.text())? {
            Some(found) => value = found,
            None => return Ok(default.clone()),
        }
    }
    Ok(value)
}
