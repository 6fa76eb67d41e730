//! Types and kinds, by their names in Go.

use super::Function;
use super::Type::{Any, Text};
use crate::value::{Val, deep_equal};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("typeOf", &[Any], |call| {
        Ok(Val::text(call.value(0).type_name()))
    }),
    Function::new("typeIs", &[Text, Any], |call| {
        Ok(Val::Bool(*call.text(0) == *call.value(1).type_name()))
    }),
    Function::new("typeIsLike", &[Text, Any], |call| {
        let (target, name) = (call.text(0), call.value(1).type_name());
        let is_like = target == name || name.strip_prefix('*') == Some(&target);
        Ok(Val::Bool(is_like))
    }),
    Function::new("kindOf", &[Any], |call| {
        Ok(Val::text(call.value(0).kind_name()))
    }),
    Function::new("kindIs", &[Text, Any], |call| {
        Ok(Val::Bool(*call.text(0) == *call.value(1).kind_name()))
    }),
    Function::new("deepEqual", &[Any, Any], |call| {
        let is_equal = deep_equal(call.value(0), call.value(1), call.meter())?;
        Ok(Val::Bool(is_equal))
    }),
];
