//! What operators do: two numbers, two booleans or two texts as they are, else what both sides can
//! be turned into.

use millrace_message::Value;

use super::Operator;

/// A number, or a text that is one.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

/// A boolean, a number, or a word for a boolean.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::String(text) => match text.as_str() {
            "true" | "TRUE" => Some(true),
            "false" | "FALSE" => Some(false),
            _ => None,
        },
        other => other.truthiness(),
    }
}

/// Whether a condition or `??` takes the value for nothing.
pub(super) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(bool) => !bool,
        Value::String(text) => text.is_empty(),
        other => other.as_f64() == Some(0.0),
    }
}

pub(super) fn apply(operator: Operator, a: &Value, b: &Value) -> Result<Value, String> {
    let plain_texts = a.as_str().zip(b.as_str());
    if let (Operator::In, Value::Array(list)) = (operator, b) {
        return Ok(Value::Bool(list.iter().any(|it| *it == *a)));
    }
    if let Some((a, b)) = plain_texts
        && let Some(result) = with_texts(operator, a, b)
    {
        return Ok(result);
    }
    if let Some((a, b)) = number(a).zip(number(b))
        && let Some(result) = with_numbers(operator, a, b)
    {
        return Ok(result);
    }
    if let Some((a, b)) = boolean(a).zip(boolean(b))
        && let Some(result) = with_booleans(operator, a, b)
    {
        return Ok(result);
    }
    match operator {
        Operator::Equal => Ok(Value::Bool(a == b)),
        Operator::NotEqual => Ok(Value::Bool(a != b)),
        _ if a.is_null() || b.is_null() => Err(invalid(operator, a, b)),
        _ => {
            with_texts(operator, &a.to_text(), &b.to_text()).ok_or_else(|| invalid(operator, a, b))
        }
    }
}

fn invalid(operator: Operator, a: &Value, b: &Value) -> String {
    format!(
        "invalid operation ({}) {operator:?} ({})",
        a.kind(),
        b.kind()
    )
}

fn with_numbers(operator: Operator, a: f64, b: f64) -> Option<Value> {
    let bits = |combine: fn(i64, i64) -> i64| Value::F64(combine(a as i64, b as i64) as f64);
    Some(match operator {
        Operator::Add => Value::F64(a + b),
        Operator::Subtract => Value::F64(a - b),
        Operator::Multiply => Value::F64(a * b),
        Operator::Divide => Value::F64(a / b),
        Operator::Remainder => Value::F64(a % b),
        Operator::Power => Value::F64(a.powf(b)),
        Operator::Equal => Value::Bool(a == b),
        Operator::NotEqual => Value::Bool(a != b),
        Operator::Less => Value::Bool(a < b),
        Operator::LessOrEqual => Value::Bool(a <= b),
        Operator::Greater => Value::Bool(a > b),
        Operator::GreaterOrEqual => Value::Bool(a >= b),
        Operator::BitAnd => bits(|a, b| a & b),
        Operator::BitOr => bits(|a, b| a | b),
        Operator::BitXor => bits(|a, b| a ^ b),
        Operator::ShiftLeft => bits(|a, b| {
            u32::try_from(b)
                .ok()
                .and_then(|b| a.checked_shl(b))
                .unwrap_or(0)
        }),
        Operator::ShiftRight => bits(|a, b| a >> u32::try_from(b).map_or(63, |b| b.min(63))),
        _ => return None,
    })
}

fn with_booleans(operator: Operator, a: bool, b: bool) -> Option<Value> {
    Some(Value::Bool(match operator {
        Operator::And => a && b,
        Operator::Or => a || b,
        Operator::Equal => a == b,
        Operator::NotEqual => a != b,
        _ => return None,
    }))
}

fn with_texts(operator: Operator, a: &str, b: &str) -> Option<Value> {
    Some(match operator {
        Operator::Add => Value::from(format!("{a}{b}")),
        Operator::Less => Value::Bool(a < b),
        Operator::LessOrEqual => Value::Bool(a <= b),
        Operator::Greater => Value::Bool(a > b),
        Operator::GreaterOrEqual => Value::Bool(a >= b),
        _ => return None,
    })
}
