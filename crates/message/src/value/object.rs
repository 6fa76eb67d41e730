//! Objects: a place in a document, such a place with changes laid over it, or a shared vector of
//! members in the order of their keys.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use entries::Entries;
use members::Members;
pub(crate) use overlay::{Found, Overlay};

use super::{Value, depth};
use crate::document::{CANONICAL, Document};
use crate::text::Text;

mod entries;
mod members;
mod overlay;

/// An object. Clones share; writing copies first when it is shared.
#[derive(Clone)]
pub struct Object(pub(crate) Repr);

#[derive(Clone)]
pub(crate) enum Repr {
    Built(Arc<Members>),
    Node { index: u32, document: Arc<Document> },
    Overlay(Arc<Overlay>),
}

/// Room for members that a copy is made with: copies are made to be added to.
const HEADROOM: usize = 4;

impl Object {
    /// An empty object.
    pub fn new() -> Object {
        Object(Repr::Built(Arc::default()))
    }

    /// An empty object with room for `members` members.
    pub fn with_capacity(members: usize) -> Object {
        Object(Repr::Built(Arc::new(Members(Vec::with_capacity(members)))))
    }

    pub(crate) fn at(document: &Arc<Document>, index: u32) -> Object {
        Object(Repr::Node {
            index,
            document: Arc::clone(document),
        })
    }

    /// An object of members that stand in ascending order of their keys, each once.
    pub fn from_ascending(members: Vec<(Text, Value)>) -> Object {
        debug_assert!(members.windows(2).all(|pair| pair[0].0 < pair[1].0));
        Object(Repr::Built(Arc::new(Members(members))))
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Built(members) => members.0.len(),
            Repr::Node { index, document } => document.count(*index),
            Repr::Overlay(overlay) => overlay.len(),
        }
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Built(members) => members.0.is_empty(),
            Repr::Node { index, document } => document.node(*index).next == index + 1,
            Repr::Overlay(overlay) => overlay.len() == 0,
        }
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: &str) -> Option<Cow<'_, Value>> {
        match &self.0 {
            Repr::Built(members) => members
                .find(key)
                .ok()
                .map(|i| Cow::Borrowed(&members.0[i].1)),
            Repr::Node { index, document } => {
                let member = document.member(*index, key.as_bytes())?;
                Some(Cow::Owned(Value::at(document, member)))
            }
            Repr::Overlay(overlay) => overlay.get(key),
        }
    }

    /// Whether it has a member `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        match &self.0 {
            Repr::Built(members) => members.find(key).is_ok(),
            Repr::Node { index, document } => document.member(*index, key.as_bytes()).is_some(),
            Repr::Overlay(overlay) => overlay.find(key).is_some(),
        }
    }

    /// Whether writing to it copies its members first; over a place in a document changes are laid.
    pub fn is_shared(&self) -> bool {
        match &self.0 {
            Repr::Built(members) => Arc::strong_count(members) > 1,
            Repr::Overlay(overlay) => Arc::strong_count(overlay) > 1 || overlay.is_full(),
            Repr::Node { .. } => false,
        }
    }

    /// The members in ascending order of their keys.
    pub fn entries(&self) -> Entries<'_> {
        Entries::of(self)
    }

    /// The keys in ascending order.
    pub fn keys(&self) -> impl Iterator<Item = Text> + '_ {
        self.entries().map(|(key, _)| key)
    }

    /// Sets a member and gives back the value it had.
    pub fn insert(&mut self, key: impl Into<Text>, value: Value) -> Option<Value> {
        match self.writable() {
            Writable::Built(members) => members.insert(key.into(), value),
            Writable::Overlay(overlay) => overlay.insert(key.into(), value),
        }
    }

    /// Removes a member and gives back its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        if !self.contains_key(key) {
            return None;
        }
        match self.writable() {
            Writable::Built(members) => members.find(key).ok().map(|i| members.0.remove(i).1),
            Writable::Overlay(overlay) => overlay.remove(key),
        }
    }

    /// The value of a member to write to; a missing member is created as null.
    #[inline]
    pub fn entry(&mut self, key: &Text) -> &mut Value {
        match self.writable() {
            Writable::Built(members) => members.entry(key),
            Writable::Overlay(overlay) => overlay.entry(key),
        }
    }

    /// The value of an existing member to write to.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        if !self.contains_key(key) {
            return None;
        }
        Some(match self.writable() {
            Writable::Built(members) => members.find(key).ok().map(|i| &mut members.0[i].1)?,
            Writable::Overlay(overlay) => overlay.entry(&Text::from(key)),
        })
    }

    /// Keeps the members for which `keep` says so; it may change their values.
    pub fn retain(&mut self, mut keep: impl FnMut(&Text, &mut Value) -> bool) {
        self.members_mut()
            .0
            .retain_mut(|(key, value)| keep(key, value));
    }

    /// What one member can be changed in: a place in a document gets an overlay.
    fn writable(&mut self) -> Writable<'_> {
        match &self.0 {
            Repr::Node { index, document } => {
                self.0 = Repr::Overlay(Arc::new(Overlay::over(document, *index)));
            }
            Repr::Overlay(overlay) if !overlay.is_full() => {}
            Repr::Overlay(_) | Repr::Built(_) => return Writable::Built(self.members_mut()),
        }
        match &mut self.0 {
            Repr::Overlay(overlay) => Writable::Overlay(Arc::make_mut(overlay)),
            _ => unreachable!("every other form has become an overlay or was returned above"),
        }
    }

    /// The members as a vector of this object's own.
    fn members_mut(&mut self) -> &mut Members {
        let is_own = match &mut self.0 {
            Repr::Built(members) => Arc::get_mut(members).is_some(),
            _ => false,
        };
        if !is_own {
            let mut members = Vec::with_capacity(self.len() + HEADROOM);
            match &self.0 {
                Repr::Built(shared) => members.extend(shared.0.iter().cloned()),
                _ => members.extend(self.entries().map(|(key, value)| (key, value.into_owned()))),
            }
            self.0 = Repr::Built(Arc::new(Members(members)));
        }
        match &mut self.0 {
            Repr::Built(members) => Arc::make_mut(members),
            _ => unreachable!("every other form was built anew above"),
        }
    }

    pub(crate) fn canonical_source(&self) -> Option<Bytes> {
        match &self.0 {
            Repr::Node { index, document } => canonical_range(document, *index),
            Repr::Built(_) | Repr::Overlay(_) => None,
        }
    }

    pub(super) fn detach(&self) -> Object {
        match &self.0 {
            Repr::Built(members) => Object(Repr::Built(Arc::new(Members(
                members
                    .0
                    .iter()
                    .map(|(key, value)| (key.detach(), value.detach()))
                    .collect(),
            )))),
            Repr::Node { index, document } => Object::at(&Arc::new(document.subtree(*index)), 0),
            Repr::Overlay(overlay) => Object(Repr::Overlay(Arc::new(overlay.detach()))),
        }
    }

    /// Appends the object as JSON.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Repr::Node { index, document } => {
                let node = document.node(*index);
                if node.flags & CANONICAL != 0 {
                    out.extend_from_slice(document.raw(node));
                } else {
                    crate::json::print::write_node(document, *index, out);
                }
            }
            Repr::Overlay(overlay) => overlay.write_json(out),
            Repr::Built(members) => depth::guard(|| {
                out.push(b'{');
                for (i, (key, value)) in members.0.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    crate::json::write_string(key, out);
                    out.push(b':');
                    value.write_json(out);
                }
                out.push(b'}');
            }),
        }
    }
}

/// What a member is changed in.
enum Writable<'a> {
    Built(&'a mut Members),
    Overlay(&'a mut Overlay),
}

/// The source of a container when the printer would write exactly that.
pub(crate) fn canonical_range(document: &Document, index: u32) -> Option<Bytes> {
    let node = document.node(index);
    (node.flags & CANONICAL != 0).then(|| {
        document
            .bytes()
            .slice(node.start as usize..node.end as usize)
    })
}

impl Default for Object {
    fn default() -> Object {
        Object::new()
    }
}

impl<K: Into<Text>> FromIterator<(K, Value)> for Object {
    /// A later member replaces an earlier one of the same key.
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(iter: I) -> Object {
        let mut members: Vec<(Text, Value)> = iter
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect();
        let ascending = members.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascending {
            members.sort_by(|a, b| a.0.cmp(&b.0));
            // `dedup_by` drops the later of two; the later value must stay.
            members.dedup_by(|later, earlier| {
                let same = later.0.cmp(&earlier.0) == Ordering::Equal;
                if same {
                    std::mem::swap(&mut later.1, &mut earlier.1);
                }
                same
            });
        }
        Object(Repr::Built(Arc::new(Members(members))))
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = (Text, Cow<'a, Value>);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.entries()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries()).finish()
    }
}
