//! Members laid over an object of a document: a mapping that sets or removes a few members of a
//! large payload pays for those, not for all that it leaves alone.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::super::{Value, depth};
use crate::document::{Document, OrderedKeys};
use crate::text::Text;

/// An object of a document, and what was changed of it.
#[derive(Clone)]
pub(crate) struct Overlay {
    document: Arc<Document>,
    index: u32,
    /// Ascending by key, each key once. Nothing stands for a member of the document that was
    /// removed.
    changes: Vec<(Text, Option<Value>)>,
}

/// Where a member is found.
pub(crate) enum Found<'a> {
    /// At this node of the document.
    Node(u32),
    /// Among the changes.
    Laid(&'a Value),
}

/// A member, for those who go through all of them in order.
pub(crate) enum Member<'a> {
    /// The key's node in the document.
    Node(u32),
    /// A member that was set.
    Laid(&'a Text, &'a Value),
}

/// With more changes it is cheaper to build the object anew than to look for each member twice.
const CHANGES_MAX: usize = 16;
/// Room for changes at the first one: more mostly follow.
const CHANGES_FIRST: usize = 4;

impl Overlay {
    pub(super) fn over(document: &Arc<Document>, index: u32) -> Overlay {
        Overlay {
            document: Arc::clone(document),
            index,
            changes: Vec::with_capacity(CHANGES_FIRST),
        }
    }

    /// The document it lies over.
    pub(crate) fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// Bytes of the object that it lies over.
    pub(crate) fn source_length(&self) -> usize {
        self.document.length(self.index)
    }

    /// Whether the next change is to be made to a built object.
    pub(super) fn is_full(&self) -> bool {
        self.changes.len() >= CHANGES_MAX
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.changes
            .binary_search_by(|(name, _)| name.as_str().cmp(key))
    }

    /// Where the member `key` is.
    #[inline]
    pub(crate) fn find(&self, key: &str) -> Option<Found<'_>> {
        match self.place(key) {
            Ok(at) => self.changes[at].1.as_ref().map(Found::Laid),
            Err(_) => self
                .document
                .member(self.index, key.as_bytes())
                .map(Found::Node),
        }
    }

    /// The value of `key`.
    #[inline]
    pub(super) fn get(&self, key: &str) -> Option<Cow<'_, Value>> {
        self.find(key).map(|found| match found {
            Found::Node(node) => Cow::Owned(Value::at(&self.document, node)),
            Found::Laid(value) => Cow::Borrowed(value),
        })
    }

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        let mut len = self.document.count(self.index);
        for (key, value) in &self.changes {
            match (value, self.is_in_document(key)) {
                (Some(_), false) => len += 1,
                (None, true) => len -= 1,
                _ => {}
            }
        }
        len
    }

    fn is_in_document(&self, key: &str) -> bool {
        self.document.member(self.index, key.as_bytes()).is_some()
    }

    /// The value of `key` to write to, created as null when it is missing.
    pub(super) fn entry(&mut self, key: &Text) -> &mut Value {
        let at = match self.place(key) {
            Ok(at) => at,
            Err(at) => {
                let node = self.document.member(self.index, key.as_bytes());
                let value = node.map_or(Value::Null, |node| Value::at(&self.document, node));
                self.changes.insert(at, (key.clone(), Some(value)));
                at
            }
        };
        self.changes[at].1.get_or_insert(Value::Null)
    }

    /// Sets a member and gives back the value it had.
    pub(super) fn insert(&mut self, key: Text, value: Value) -> Option<Value> {
        match self.place(&key) {
            Ok(at) => self.changes[at].1.replace(value),
            Err(at) => {
                let node = self.document.member(self.index, key.as_bytes());
                self.changes.insert(at, (key, Some(value)));
                node.map(|node| Value::at(&self.document, node))
            }
        }
    }

    /// Removes a member and gives back its value.
    pub(super) fn remove(&mut self, key: &str) -> Option<Value> {
        match self.place(key) {
            Ok(at) if self.is_in_document(key) => self.changes[at].1.take(),
            Ok(at) => self.changes.remove(at).1,
            Err(at) => {
                let node = self.document.member(self.index, key.as_bytes())?;
                self.changes.insert(at, (Text::from(key), None));
                Some(Value::at(&self.document, node))
            }
        }
    }

    /// The members in ascending order of their keys.
    pub(super) fn members(&self) -> OverlayMembers<'_> {
        let mut keys = self.document.keys(self.index);
        OverlayMembers {
            document: &self.document,
            key: keys.next(),
            keys,
            changes: &self.changes,
        }
    }

    /// The values that were set.
    pub(crate) fn laid(&self) -> impl Iterator<Item = &Value> {
        self.changes.iter().filter_map(|(_, value)| value.as_ref())
    }

    /// Takes out the values that were set.
    pub(crate) fn take_laid(&mut self) -> impl Iterator<Item = Value> + '_ {
        self.changes.drain(..).filter_map(|(_, value)| value)
    }

    /// A copy that keeps neither the payload nor those of the values alive.
    pub(super) fn detach(&self) -> Overlay {
        let detached = |(key, value): &(Text, Option<Value>)| {
            (key.detach(), value.as_ref().map(Value::detach))
        };
        Overlay {
            document: Arc::new(self.document.subtree(self.index)),
            index: 0,
            changes: self.changes.iter().map(detached).collect(),
        }
    }

    /// Appends the object as JSON.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        depth::guard(|| {
            out.push(b'{');
            for (i, member) in self.members().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                match member {
                    Member::Node(key) => crate::json::print::write_member(&self.document, key, out),
                    Member::Laid(key, value) => {
                        crate::json::write_string(key, out);
                        out.push(b':');
                        value.write_json(out);
                    }
                }
            }
            out.push(b'}');
        });
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        if depth::is_stack_low() {
            depth::drop_values(self.take_laid());
        }
    }
}

/// The members of the document and those that were set, in ascending order of their keys.
pub(crate) struct OverlayMembers<'a> {
    document: &'a Document,
    /// The next key of the document.
    key: Option<u32>,
    keys: OrderedKeys<'a>,
    changes: &'a [(Text, Option<Value>)],
}

impl<'a> Iterator for OverlayMembers<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        loop {
            let order = match (self.key, self.changes) {
                (None, []) => return None,
                (Some(_), []) => Ordering::Less,
                (None, _) => Ordering::Greater,
                (Some(key), [(name, _), ..]) => self.document.compare_key(key, name.as_bytes()),
            };
            if order == Ordering::Less {
                return std::mem::replace(&mut self.key, self.keys.next()).map(Member::Node);
            }
            if order == Ordering::Equal {
                self.key = self.keys.next();
            }
            let ((name, value), rest) = self.changes.split_first()?;
            self.changes = rest;
            if let Some(value) = value {
                return Some(Member::Laid(name, value));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let most = self
            .keys
            .size_hint()
            .1
            .map(|keys| keys + 1 + self.changes.len());
        (0, most)
    }
}
