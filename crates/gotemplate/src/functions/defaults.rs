//! Values in place of empty ones: `false`, 0, and what has no elements.

use super::Type::{Any, Bool};
use super::{Function, fail};
use crate::value::{List, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("default", &[Any], |call| {
        let given = call.values.get(1).filter(|it| it.is_true());
        Ok(given.unwrap_or(call.value(0)).clone())
    })
    .rest(Any)
    .gives_any(),
    Function::new("empty", &[Any], |call| {
        Ok(Val::Bool(!call.value(0).is_true()))
    }),
    Function::new("coalesce", &[], |call| {
        let found = call.values.iter().find(|it| it.is_true());
        Ok(found.cloned().unwrap_or(Val::Nil))
    })
    .rest(Any)
    .gives_any(),
    Function::new("all", &[], |call| {
        Ok(Val::Bool(call.values.iter().all(Val::is_true)))
    })
    .rest(Any),
    Function::new("any", &[], |call| {
        Ok(Val::Bool(call.values.iter().any(Val::is_true)))
    })
    .rest(Any),
    Function::new("ternary", &[Any, Any, Bool], |call| {
        Ok(call.value(usize::from(!call.bool(2))).clone())
    })
    .gives_any(),
    Function::new("fail", &[super::Type::Text], |call| fail(call.text(0))),
    Function::new("deepCopy", &[Any], deep_copy).gives_any(),
    Function::new("mustDeepCopy", &[Any], deep_copy).gives_any(),
];

/// Lists are never changed, so maps and lists that hold some are copied.
fn deep_copy(call: &mut super::Call<'_, '_>) -> super::Answer {
    copy(call.value(0), call, 0)
}

fn copy(value: &Val, call: &super::Call<'_, '_>, depth: usize) -> super::Answer {
    use crate::value::{DEPTH_MAX, Map, nested};
    if depth > DEPTH_MAX {
        return fail(format!("a value nests deeper than {DEPTH_MAX} levels"));
    }
    match value {
        Val::Map(map) => {
            let copied = Map::empty(map.kind(), call.meter());
            for (key, value) in map.entries()? {
                copied.set(key, nested(|| copy(&value, call, depth + 1))?)?;
            }
            Ok(Val::Map(copied))
        }
        Val::List(list) if !matches!(list, List::Nothing(_)) => {
            let values: Result<Vec<Val>, _> = list
                .values(call.meter())?
                .iter()
                .map(|value| nested(|| copy(value, call, depth + 1)))
                .collect();
            List::made(values?, list.element(), call.meter()).map(Val::List)
        }
        other => Ok(other.clone()),
    }
}
