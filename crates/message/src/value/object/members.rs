//! The members of an object that was built: a vector in the order of the keys.

use super::super::{Value, depth};
use crate::text::Text;

/// The members of a built object, ascending by key, each key once.
#[derive(Clone, Default)]
pub(crate) struct Members(pub(crate) Vec<(Text, Value)>);

/// Up to so many members are compared one by one, for equality, which is cheaper than ordering.
const SCAN_MAX: usize = 8;

impl Members {
    pub(super) fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(name, _)| name.as_str().cmp(key))
    }

    /// The value of `key`.
    #[inline]
    pub(crate) fn get(&self, key: &Text) -> Option<&Value> {
        if self.0.len() <= SCAN_MAX {
            return self
                .0
                .iter()
                .find_map(|(name, value)| (name == key).then_some(value));
        }
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// The value of `key`, created as null when it is missing.
    pub(super) fn entry(&mut self, key: &Text) -> &mut Value {
        let scanned = (self.0.len() <= SCAN_MAX)
            .then(|| self.0.iter().position(|(name, _)| name == key))
            .flatten();
        let at = scanned.unwrap_or_else(|| {
            self.place(key).unwrap_or_else(|at| {
                self.0.insert(at, (key.clone(), Value::Null));
                at
            })
        });
        &mut self.0[at].1
    }

    /// Sets a member and gives back the value it had.
    pub(super) fn insert(&mut self, key: Text, value: Value) -> Option<Value> {
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Where the member is, or where it belongs. Keys mostly arrive in order.
    fn place(&self, key: &Text) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if last.as_str() >= key.as_str() => self.find(key),
            _ => Err(self.0.len()),
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        if depth::is_stack_low() {
            depth::drop_values(self.0.drain(..).map(|(_, value)| value));
        }
    }
}
