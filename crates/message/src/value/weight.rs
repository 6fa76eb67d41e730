//! How much room values take: at a glance, and written out in full.

use super::{Array, Object, Value, array, object};

/// What one value of a built container takes in memory, in bytes.
const VALUE: usize = size_of::<Value>();
/// The same for a member of an object with its key.
const MEMBER: usize = 2 * VALUE;
/// Bytes of the tape of a document for each byte of its source, at the most usual.
const TAPE: usize = 4;

impl Value {
    /// About how many bytes it takes in memory, told at a glance: strings and bytes as a whole,
    /// built arrays and objects without what their elements hold.
    #[inline]
    pub fn weight(&self) -> usize {
        match self {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(array) => array.weight(),
            Value::Object(object) => object.weight(),
            _ => 0,
        }
    }

    /// About how many bytes are copied when it is shared and one of its members is changed.
    pub fn copied(&self) -> usize {
        match self {
            Value::Array(Array(array::Repr::Built(elements))) => elements.0.len() * VALUE,
            Value::Object(Object(object::Repr::Built(members))) => members.0.len() * MEMBER,
            Value::Object(Object(object::Repr::Overlay(overlay))) => {
                (1 + overlay.laid().count()) * MEMBER
            }
            // A place in a document gets an overlay.
            _ => MEMBER,
        }
    }

    /// Whether it is an array or object that was built, of values that other containers may hold
    /// as well: written out, it can be far larger than what it takes in memory.
    #[inline]
    pub fn is_built(&self) -> bool {
        super::depth::is_container(self)
    }

    /// About how many bytes it takes written out, each value as often as it is held; nothing when
    /// that is more than `limit`, which also bounds the time this takes.
    pub fn unfolded(&self, limit: usize) -> Option<usize> {
        let mut total = self.written();
        let mut pending = Vec::new();
        if self.is_built() {
            pending.push(self);
        }
        while let Some(container) = pending.pop() {
            let mut count = |value: &Value, key: usize| {
                total = total.saturating_add(value.written() + key);
                total <= limit
            };
            match container {
                Value::Array(Array(array::Repr::Built(elements))) => {
                    for element in &elements.0 {
                        if !count(element, 0) {
                            return None;
                        }
                    }
                    pending.extend(elements.0.iter().filter(|it| it.is_built()));
                }
                Value::Object(Object(object::Repr::Built(members))) => {
                    for (key, value) in &members.0 {
                        if !count(value, key.len()) {
                            return None;
                        }
                    }
                    let values = members.0.iter().map(|(_, value)| value);
                    pending.extend(values.filter(|it| it.is_built()));
                }
                Value::Object(Object(object::Repr::Overlay(overlay))) => {
                    for value in overlay.laid() {
                        if !count(value, 0) {
                            return None;
                        }
                    }
                    pending.extend(overlay.laid().filter(|it| it.is_built()));
                }
                _ => {}
            }
        }
        (total <= limit).then_some(total)
    }

    /// What the value adds to a text it is written into, without the elements of a built one.
    #[inline]
    fn written(&self) -> usize {
        const SCALAR: usize = 4;
        SCALAR
            + match self {
                Value::String(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                Value::Array(Array(array::Repr::Node { index, document }))
                | Value::Object(Object(object::Repr::Node { index, document })) => {
                    document.length(*index)
                }
                Value::Object(Object(object::Repr::Overlay(overlay))) => overlay.source_length(),
                _ => 0,
            }
    }
}

impl Array {
    #[inline]
    fn weight(&self) -> usize {
        match &self.0 {
            array::Repr::Built(elements) => elements.0.len() * VALUE,
            array::Repr::Node { index, document } => document.length(*index) * TAPE,
        }
    }
}

impl Object {
    #[inline]
    fn weight(&self) -> usize {
        match &self.0 {
            object::Repr::Built(members) => members.0.len() * MEMBER,
            object::Repr::Node { index, document } => document.length(*index) * TAPE,
            object::Repr::Overlay(overlay) => {
                overlay.source_length() * TAPE + overlay.laid().count() * MEMBER
            }
        }
    }
}
