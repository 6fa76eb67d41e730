//! `merge`: maps into a map, and the maps within them.

use super::Type::Map as MapType;
use super::{Answer, Call, Function, fail};
use crate::Fault;
use crate::value::{DEPTH_MAX, Map, Val, nested};

pub(super) const FUNCTIONS: &[Function] = &[
    function("merge", keep),
    function("mustMerge", keep),
    function("mergeOverwrite", overwrite),
    function("mustMergeOverwrite", overwrite),
];

const fn function(name: &'static str, run: fn(&mut Call<'_, '_>) -> Answer) -> Function {
    Function::new(name, &[MapType], run)
        .rest(MapType)
        .gives_any()
        .changes_maps()
}

/// What the first map has stays, unless it is empty.
fn keep(call: &mut Call<'_, '_>) -> Answer {
    merge(call, false)
}

fn overwrite(call: &mut Call<'_, '_>) -> Answer {
    merge(call, true)
}

fn merge(call: &Call<'_, '_>, overwrites: bool) -> Answer {
    let into = call.map(0);
    for index in 1..call.values.len() {
        merge_into(&into, &call.map(index), overwrites, 0)?;
    }
    Ok(Val::Map(into))
}

fn merge_into(into: &Map, from: &Map, overwrites: bool, depth: usize) -> Result<(), Fault> {
    if depth > DEPTH_MAX {
        return fail(format!("a value nests deeper than {DEPTH_MAX} levels"));
    }
    if into.is_same(from) {
        return Ok(());
    }
    for (key, value) in from.entries()? {
        let before = into.get(&key)?;
        if value.is_nil() {
            if overwrites {
                into.set(key, value)?;
            }
            continue;
        }
        if let (Val::Map(from), Some(Val::Map(into))) = (&value, &before) {
            nested(|| merge_into(into, from, overwrites, depth + 1))?;
        }
        let is_list = matches!(value, Val::List(_) | Val::Bytes(_));
        if let Some(before) = before.as_ref().filter(|it| it.is_true()) {
            let are_maps = matches!((&value, before), (Val::Map(_), Val::Map(_)));
            if is_list && overwrites {
                into.set(key, value)?;
                continue;
            }
            if is_list || are_maps {
                continue;
            }
        }
        let is_empty = before.as_ref().is_none_or(|it| !it.is_true());
        if overwrites || is_empty {
            into.set(key, value)?;
        }
    }
    Ok(())
}
