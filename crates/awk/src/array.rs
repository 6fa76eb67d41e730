//! Arrays: values by keys, counted.

use std::collections::HashMap;
use std::rc::Rc;

use crate::Fault;
use crate::meter::{Held, Meter, Text};
use crate::value::Value;

/// What an entry takes beside its texts.
const ENTRY_SIZE: usize = 96;

pub(crate) struct Array {
    entries: HashMap<Text, Value>,
    held: Held,
}

impl Array {
    pub fn new(meter: &Rc<Meter>) -> Self {
        Self {
            entries: HashMap::new(),
            held: Held::nothing(meter),
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.entries.contains_key(key)
    }

    /// The value of a key, which is there from now on.
    ///
    /// # Errors
    /// There is no room.
    pub fn get(&mut self, key: &[u8], meter: &Rc<Meter>) -> Result<&mut Value, Fault> {
        if !self.entries.contains_key(key) {
            self.held.add(ENTRY_SIZE)?;
            self.entries.insert(meter.text(key)?, Value::Unset);
        }
        Ok(self.entries.get_mut(key).expect("it was put there"))
    }

    pub fn remove(&mut self, key: &[u8]) {
        if self.entries.remove(key).is_some() {
            self.held.remove(ENTRY_SIZE);
        }
    }

    pub fn clear(&mut self) {
        self.entries = HashMap::new();
        self.held.clear();
    }

    /// The keys in the order in which loops take them: integers by size, then texts.
    pub fn keys(&self) -> Vec<Text> {
        let mut keys: Vec<Text> = self.entries.keys().cloned().collect();
        keys.sort_by(|left, right| {
            let order = |key: &Text| (index(key).is_none(), index(key));
            order(left).cmp(&order(right)).then_with(|| left.cmp(right))
        });
        keys
    }
}

/// The integer that a key is.
fn index(key: &[u8]) -> Option<i64> {
    match key.first() {
        Some(b'-' | b'0'..=b'9') => std::str::from_utf8(key).ok()?.parse().ok(),
        _ => None,
    }
}
