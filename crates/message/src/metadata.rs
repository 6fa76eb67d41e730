//! The metadata of a message: a small map from names to values, shared between copies until one
//! of them changes it.

use std::sync::Arc;

use crate::{Text, Value};

/// Names and values beside the payload, in order of insertion.
///
/// Copies share one allocation until one of them is changed; a message without metadata has
/// none. Look-up is linear: messages carry a handful of entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    entries: Option<Arc<Vec<(Text, Value)>>>,
}

impl Metadata {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.iter()
            .find(|(name, _)| name.as_str() == key)
            .map(|(_, value)| value)
    }

    /// Sets `key`, replacing an earlier value in place.
    pub fn set(&mut self, key: impl Into<Text>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        let entries = Arc::make_mut(self.entries.get_or_insert_with(Arc::default));
        match entries
            .iter_mut()
            .find(|(name, _)| name.as_str() == key.as_str())
        {
            Some(entry) => entry.1 = value,
            None => entries.push((key, value)),
        }
    }

    /// Replaces all entries by others whose names differ from each other.
    pub fn replace(&mut self, entries: Vec<(Text, Value)>) {
        self.entries = (!entries.is_empty()).then(|| Arc::new(entries));
    }

    /// Removes `key`; true when it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(at) = self.iter().position(|(name, _)| name.as_str() == key) else {
            return false;
        };
        if let Some(entries) = &mut self.entries {
            Arc::make_mut(entries).remove(at);
        }
        true
    }

    /// Removes every entry.
    pub fn clear(&mut self) {
        self.entries = None;
    }

    /// The entries in order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.entries
            .iter()
            .flat_map(|entries| entries.iter().map(|(name, value)| (name, value)))
    }

    /// Roughly how many bytes of memory the names and values hold.
    pub fn size(&self) -> usize {
        let of = |value: &Value| match value {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(_) | Value::Object(_) => value.to_text().len(),
            // Within the value itself.
            _ => 0,
        };
        let entries = self.iter();
        entries.map(|(name, value)| name.len() + of(value)).sum()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, |entries| entries.len())
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
