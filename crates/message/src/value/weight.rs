//! How much room values take: at a glance, and written out in full.

use super::{Array, Object, Value, array, object};

/// What one value of a built container takes in memory, in bytes.
const VALUE: usize = size_of::<Value>();
/// The same for a member of an object with its key.
const MEMBER: usize = 2 * VALUE;
/// What a built container takes beside its elements: it and its elements are allocated, with what an
/// allocator adds.
const CONTAINER: usize = 80;
/// Bytes of the tape of a document for each byte of its source, at the most usual.
const TAPE: usize = 4;

impl Value {
    /// About how many bytes it takes in memory, told at a glance: strings and bytes as a whole,
    /// built arrays and objects without what their elements hold.
    #[inline]
    pub fn weight(&self) -> usize {
        // Most values are scalars or texts; what takes a call more is kept out of their way.
        match self {
            Value::String(text) => text.len(),
            Value::Bytes(_) | Value::Array(_) | Value::Object(_) => self.weight_of_shared(),
            _ => 0,
        }
    }

    #[inline(never)]
    fn weight_of_shared(&self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(array) => array.weight(),
            Value::Object(object) => object.weight(),
            _ => 0,
        }
    }

    /// About how many bytes are copied when it is shared and one of its members is changed.
    pub fn copied(&self) -> usize {
        match self {
            Value::Array(Array(array::Repr::Built(elements))) => {
                CONTAINER + elements.0.len() * VALUE
            }
            Value::Object(Object(object::Repr::Built(members))) => {
                CONTAINER + members.0.len() * MEMBER
            }
            Value::Object(Object(object::Repr::Overlay(overlay))) => {
                CONTAINER + (1 + overlay.laid().count()) * MEMBER
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

    /// Whether it takes no room beside itself: a scalar, or a text that is stored within.
    #[inline]
    pub fn is_light(&self) -> bool {
        match self {
            Value::String(text) => text.is_inline(),
            Value::Bytes(_) | Value::Array(_) | Value::Object(_) => false,
            _ => true,
        }
    }

    /// About how many bytes it takes written out, each value as often as it is held; nothing when
    /// that is more than `limit`, which also bounds the time this takes.
    pub fn unfolded(&self, limit: usize) -> Option<usize> {
        Unfolding::of(self, limit, false)
    }

    /// About how many bytes it takes in memory where nothing of it is shared; nothing when that is more
    /// than `limit`, as for [`Value::unfolded`]. Small values take far more room than they do written.
    pub fn footprint(&self, limit: usize) -> Option<usize> {
        Unfolding::of(self, limit, true)
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

/// A walk through all that a value holds, however often it does.
struct Unfolding<'a> {
    total: usize,
    limit: usize,
    /// Whether each value counts with the room for it, and not as it is written.
    is_in_memory: bool,
    /// Containers that nest too deep for the stack; their own size is counted already.
    deeper: Vec<&'a Value>,
}

impl<'a> Unfolding<'a> {
    /// Levels that are walked on the stack.
    const LEVELS: usize = 32;

    fn of(value: &'a Value, limit: usize, is_in_memory: bool) -> Option<usize> {
        let mut walk = Unfolding {
            total: value.written(),
            limit,
            is_in_memory,
            deeper: Vec::new(),
        };
        walk.add_held(value, 0)?;
        while let Some(container) = walk.deeper.pop() {
            walk.add_held(container, 0)?;
        }
        (walk.total <= limit).then_some(walk.total)
    }

    /// Adds what a container holds; nothing when that is too much.
    fn add_held(&mut self, container: &'a Value, level: usize) -> Option<()> {
        match container {
            Value::Array(Array(array::Repr::Built(elements))) => {
                self.add_room(elements.0.len() * VALUE);
                self.add_all(elements.0.iter().map(|element| (0, element)), level)
            }
            Value::Object(Object(object::Repr::Built(members))) => {
                self.add_room(members.0.len() * MEMBER);
                let members = members.0.iter().map(|(key, value)| (key.len(), value));
                self.add_all(members, level)
            }
            Value::Object(Object(object::Repr::Overlay(overlay))) => {
                self.add_room(overlay.laid().count() * MEMBER);
                self.add_all(overlay.laid().map(|value| (0, value)), level)
            }
            _ => Some(()),
        }
    }

    /// Adds the room of a container for what it holds.
    #[inline]
    fn add_room(&mut self, room: usize) {
        if self.is_in_memory {
            self.total = self.total.saturating_add(CONTAINER + room);
        }
    }

    /// Adds values with the length of their keys. The limit is looked at once for all of them:
    /// they are there, so that counting them is no endless task.
    #[inline]
    fn add_all(
        &mut self,
        values: impl Iterator<Item = (usize, &'a Value)>,
        level: usize,
    ) -> Option<()> {
        for (key, value) in values {
            self.total = self.total.saturating_add(value.written() + key);
            if !value.is_built() {
                continue;
            }
            match level < Self::LEVELS {
                true => self.add_held(value, level + 1)?,
                false => self.deeper.push(value),
            }
        }
        (self.total <= self.limit).then_some(())
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
