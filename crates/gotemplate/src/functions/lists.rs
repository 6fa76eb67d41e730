//! Lists, which functions never change: they give new ones.

use super::Type::{Any, Int};
use super::{Answer, Call, Function, casts, fail};
use crate::Fault;
use crate::value::{Element, List, Val, deep_equal};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("list", &[], list).rest(Any),
    Function::new("tuple", &[], list).rest(Any),
    Function::new("append", &[Any, Any], push),
    Function::new("push", &[Any, Any], push),
    Function::new("mustAppend", &[Any, Any], push),
    Function::new("mustPush", &[Any, Any], push),
    Function::new("prepend", &[Any, Any], prepend),
    Function::new("mustPrepend", &[Any, Any], prepend),
    Function::new("first", &[Any], first).gives_any(),
    Function::new("mustFirst", &[Any], first).gives_any(),
    Function::new("last", &[Any], last).gives_any(),
    Function::new("mustLast", &[Any], last).gives_any(),
    Function::new("rest", &[Any], rest),
    Function::new("mustRest", &[Any], rest),
    Function::new("initial", &[Any], initial),
    Function::new("mustInitial", &[Any], initial),
    Function::new("reverse", &[Any], reverse),
    Function::new("mustReverse", &[Any], reverse),
    Function::new("uniq", &[Any], uniq),
    Function::new("mustUniq", &[Any], uniq),
    Function::new("without", &[Any], without).rest(Any),
    Function::new("mustWithout", &[Any], without).rest(Any),
    Function::new("has", &[Any, Any], has),
    Function::new("mustHas", &[Any, Any], has),
    Function::new("compact", &[Any], compact),
    Function::new("mustCompact", &[Any], compact),
    Function::new("slice", &[Any], slice).rest(Any).gives_any(),
    Function::new("mustSlice", &[Any], slice)
        .rest(Any)
        .gives_any(),
    Function::new("concat", &[], concat).rest(Any).gives_any(),
    Function::new("chunk", &[Int, Any], chunk),
    Function::new("mustChunk", &[Int, Any], chunk),
];

/// What Go says of a value that is none.
const NIL: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The elements of a list; `complaint` is what Go says of any other value.
fn elements(value: &Val, call: &Call<'_, '_>, complaint: &str) -> Result<Vec<Val>, Fault> {
    match value {
        Val::List(list) => list.values(call.meter()),
        Val::Bytes(bytes) => {
            call.room(bytes.len().saturating_mul(size_of::<Val>()))?;
            Ok(bytes.iter().map(|it| Val::Uint8(*it)).collect())
        }
        Val::Missing | Val::Nil => fail(NIL),
        other => fail(format!("{complaint} type {}", other.kind_name())),
    }
}

fn list(call: &mut Call<'_, '_>) -> Answer {
    call.list(call.values.to_vec())
}

fn push(call: &mut Call<'_, '_>) -> Answer {
    let mut values = elements(call.value(0), call, "Cannot push on")?;
    values.push(call.value(1).clone());
    call.list(values)
}

fn prepend(call: &mut Call<'_, '_>) -> Answer {
    let mut values = elements(call.value(0), call, "Cannot prepend on")?;
    values.insert(0, call.value(1).clone());
    call.list(values)
}

/// One element, without a copy of the others.
fn element(call: &Call<'_, '_>, complaint: &str, place: impl Fn(usize) -> Option<usize>) -> Answer {
    let found = match call.value(0) {
        Val::List(list) => match place(list.len()) {
            Some(place) => list.get(place)?,
            None => None,
        },
        other => {
            let values = elements(other, call, complaint)?;
            place(values.len()).and_then(|it| values.get(it).cloned())
        }
    };
    Ok(found.unwrap_or(Val::Nil))
}

fn first(call: &mut Call<'_, '_>) -> Answer {
    element(call, "Cannot find first on", |_| Some(0))
}

fn last(call: &mut Call<'_, '_>) -> Answer {
    element(call, "Cannot find last on", |length| length.checked_sub(1))
}

fn rest(call: &mut Call<'_, '_>) -> Answer {
    let mut values = elements(call.value(0), call, "Cannot find rest on")?;
    if values.is_empty() {
        return Ok(Val::List(List::Nothing(Element::Any)));
    }
    values.remove(0);
    call.list(values)
}

fn initial(call: &mut Call<'_, '_>) -> Answer {
    let mut values = elements(call.value(0), call, "Cannot find initial on")?;
    if values.pop().is_none() {
        return Ok(Val::List(List::Nothing(Element::Any)));
    }
    call.list(values)
}

fn reverse(call: &mut Call<'_, '_>) -> Answer {
    let mut values = elements(call.value(0), call, "Cannot find reverse on")?;
    values.reverse();
    call.list(values)
}

fn holds(values: &[Val], value: &Val, call: &Call<'_, '_>) -> Result<bool, Fault> {
    for it in values {
        if deep_equal(it, value, call.meter())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(call: &mut Call<'_, '_>) -> Answer {
    let mut kept = Vec::new();
    for value in elements(call.value(0), call, "Cannot find uniq on")? {
        if !holds(&kept, &value, call)? {
            kept.push(value);
        }
    }
    call.list(kept)
}

fn without(call: &mut Call<'_, '_>) -> Answer {
    let mut kept = Vec::new();
    for value in elements(call.value(0), call, "Cannot find without on")? {
        if !holds(&call.values[1..], &value, call)? {
            kept.push(value);
        }
    }
    call.list(kept)
}

fn has(call: &mut Call<'_, '_>) -> Answer {
    if call.value(1).is_nil() {
        return Ok(Val::Bool(false));
    }
    let values = elements(call.value(1), call, "Cannot find has on")?;
    Ok(Val::Bool(holds(&values, call.value(0), call)?))
}

fn compact(call: &mut Call<'_, '_>) -> Answer {
    let mut values = elements(call.value(0), call, "Cannot compact on")?;
    values.retain(Val::is_true);
    call.list(values)
}

fn slice(call: &mut Call<'_, '_>) -> Answer {
    let Val::List(list) = call.value(0) else {
        return match call.value(0) {
            Val::Missing | Val::Nil => fail(NIL),
            other => fail(format!(
                "list should be type of slice or array but {}",
                other.kind_name()
            )),
        };
    };
    let length = list.len();
    if length == 0 {
        return Ok(Val::Nil);
    }
    let index = |at: usize, default: usize| match call.values.get(at) {
        Some(value) => casts::integer(value),
        None => default as i64,
    };
    let (start, end) = (index(1, 0), index(2, length));
    if start < 0 || end < start || end > length as i64 {
        return fail("reflect.Value.Slice: slice index out of bounds");
    }
    list.slice(start as usize..end as usize, call.meter())
        .map(Val::List)
}

fn concat(call: &mut Call<'_, '_>) -> Answer {
    let mut all = Vec::new();
    for value in call.values {
        let complaint = "Cannot concat";
        let values = elements(value, call, complaint).map_err(|fault| {
            match fault.to_string().starts_with(complaint) {
                true => Fault::new(format!("{fault} as list")),
                false => fault,
            }
        })?;
        call.room((all.len() + values.len()).saturating_mul(size_of::<Val>()))?;
        all.extend(values);
    }
    match all.is_empty() {
        true => Ok(Val::List(List::Nothing(Element::Any))),
        false => call.list(all),
    }
}

/// Lists of so many elements each.
fn chunk(call: &mut Call<'_, '_>) -> Answer {
    let values = elements(call.value(1), call, "Cannot chunk")?;
    let Some(size) = usize::try_from(call.int(0)).ok().filter(|it| *it > 0) else {
        return fail("chunk needs a size above 0");
    };
    let chunks: Result<Vec<Val>, Fault> = values
        .chunks(size)
        .map(|chunk| call.list(chunk.to_vec()))
        .collect();
    List::made(chunks?, Element::List, call.meter()).map(Val::List)
}
