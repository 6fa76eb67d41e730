//! Values as they are, one behind the other; and floats with their bytes apart.

use millrace_message::Value;

use super::convert::{Physical, int96, single};
use super::schema::Column;
use super::{Budget, Result, damaged};

/// `count` values; the caller has charged them.
pub(super) fn read(
    column: &Column,
    data: &[u8],
    count: usize,
    budget: &mut Budget,
) -> Result<Vec<Value>> {
    match (column.physical, column.physical.size()) {
        (_, Some(size)) => {
            let Some(data) = size.checked_mul(count).and_then(|size| data.get(..size)) else {
                return cut();
            };
            Ok(data
                .chunks_exact(size)
                .map(|it| sized(column, it))
                .collect())
        }
        (Physical::Boolean, None) => {
            if data.len() < count.div_ceil(8) {
                return cut();
            }
            let bit = |index: usize| Value::Bool(data[index / 8] >> (index % 8) & 1 == 1);
            Ok((0..count).map(bit).collect())
        }
        (_, None) => {
            // Each value has its length before it.
            if count > data.len() / 4 {
                return cut();
            }
            let mut rest = data;
            let mut values = Vec::with_capacity(count);
            for _ in 0..count {
                let Some((length, behind)) = rest.split_first_chunk::<4>() else {
                    return cut();
                };
                let length = u32::from_le_bytes(*length) as usize;
                let Some((value, behind)) = behind.split_at_checked(length) else {
                    return cut();
                };
                values.push(column.convert.bytes(value, budget)?);
                rest = behind;
            }
            Ok(values)
        }
    }
}

/// `count` values of a fixed size of which first all first bytes stand there, then all second ones.
pub(super) fn read_split(column: &Column, data: &[u8], count: usize) -> Result<Vec<Value>> {
    let Some(size) = column.physical.size() else {
        return damaged("values of different sizes cannot be split by byte");
    };
    if size.checked_mul(count) != Some(data.len()) {
        return cut();
    }
    let mut value = vec![0; size];
    let mut values = Vec::with_capacity(count);
    for index in 0..count {
        for (position, byte) in value.iter_mut().enumerate() {
            *byte = data[position * count + index];
        }
        values.push(sized(column, &value));
    }
    Ok(values)
}

/// A value of a fixed size.
fn sized(column: &Column, bytes: &[u8]) -> Value {
    let convert = column.convert;
    match (column.physical, bytes) {
        (Physical::Int32, &[a, b, c, d]) => convert.int32(i32::from_le_bytes([a, b, c, d])),
        (Physical::Float, &[a, b, c, d]) => single(f32::from_le_bytes([a, b, c, d])),
        (Physical::Int64, bytes) if bytes.len() == 8 => convert.int64(word(bytes) as i64),
        (Physical::Double, bytes) if bytes.len() == 8 => Value::F64(f64::from_bits(word(bytes))),
        (Physical::Int96, bytes) => bytes.first_chunk().map_or(Value::Null, int96),
        (_, bytes) => convert.fixed(bytes),
    }
}

/// Eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    let shifted = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    bytes.iter().rev().fold(0, shifted)
}

fn cut<T>() -> Result<T> {
    damaged("a page ends before its values do")
}
