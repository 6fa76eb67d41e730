//! Objects: a place in a document, or a shared vector of members in the order of their keys.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{Value, depth};
use crate::document::{CANONICAL, Document, KeyList, SORTED};
use crate::text::Text;

/// An object. Clones share; writing copies first when it is shared.
#[derive(Clone)]
pub struct Object(pub(crate) Repr);

#[derive(Clone)]
pub(crate) enum Repr {
    Built(Arc<Members>),
    Node { index: u32, document: Arc<Document> },
}

/// The members of a built object, ascending by key, each key once.
#[derive(Clone, Default)]
pub(crate) struct Members(pub(crate) Vec<(Text, Value)>);

impl Drop for Members {
    fn drop(&mut self) {
        let nested = |(_, value): &(Text, Value)| {
            matches!(
                value,
                Value::Array(super::Array(super::array::Repr::Built(_)))
                    | Value::Object(Object(Repr::Built(_)))
            )
        };
        if self.0.iter().any(nested) {
            let mut values = self.0.drain(..).map(|(_, value)| value).collect();
            depth::drop_values(&mut values);
        }
    }
}

/// Up to so many members are compared one by one, for equality, which is cheaper than ordering.
const SCAN_MAX: usize = 8;
/// Room for members that a copy is made with: copies are made to be added to.
const HEADROOM: usize = 4;

impl Members {
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(name, _)| name.as_str().cmp(key))
    }

    /// The value of `key`.
    #[inline]
    pub(super) fn get(&self, key: &Text) -> Option<&Value> {
        if self.0.len() <= SCAN_MAX {
            return self
                .0
                .iter()
                .find_map(|(name, value)| (name == key).then_some(value));
        }
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// The value of `key`, created as null when it is missing.
    fn entry(&mut self, key: &Text) -> &mut Value {
        let scanned = (self.0.len() <= SCAN_MAX)
            .then(|| self.0.iter().position(|(name, _)| name == key))
            .flatten();
        let at = scanned.unwrap_or_else(|| {
            // Keys mostly arrive in order.
            let place = match self.0.last() {
                Some((last, _)) if last >= key => self.find(key),
                _ => Err(self.0.len()),
            };
            place.unwrap_or_else(|at| {
                self.0.insert(at, (key.clone(), Value::Null));
                at
            })
        });
        &mut self.0[at].1
    }
}

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
        }
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Built(members) => members.0.is_empty(),
            Repr::Node { index, document } => document.node(*index).next == index + 1,
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
        }
    }

    /// Whether it has a member `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        match &self.0 {
            Repr::Built(members) => members.find(key).is_ok(),
            Repr::Node { index, document } => document.member(*index, key.as_bytes()).is_some(),
        }
    }

    /// The members in ascending order of their keys.
    pub fn entries(&self) -> Entries<'_> {
        match &self.0 {
            Repr::Built(members) => Entries(Cursor::Built(members.0.iter())),
            Repr::Node { index, document } if document.node(*index).flags & SORTED != 0 => {
                let end = document.node(*index).next;
                Entries(Cursor::Sorted {
                    next: index + 1,
                    end,
                    document,
                })
            }
            Repr::Node { index, document } => Entries(Cursor::Keys {
                keys: document.sorted_keys(*index),
                next: 0,
                document,
            }),
        }
    }

    /// The keys in ascending order.
    pub fn keys(&self) -> impl Iterator<Item = Text> + '_ {
        self.entries().map(|(key, _)| key)
    }

    /// Sets a member and gives back the value it had.
    pub fn insert(&mut self, key: impl Into<Text>, value: Value) -> Option<Value> {
        self.insert_text(key.into(), value)
    }

    fn insert_text(&mut self, key: Text, value: Value) -> Option<Value> {
        let members = self.members_mut();
        // Keys mostly arrive in order.
        let place = match members.0.last() {
            Some((last, _)) if last.as_str() >= key.as_str() => members.find(&key),
            _ => Err(members.0.len()),
        };
        match place {
            Ok(i) => Some(std::mem::replace(&mut members.0[i].1, value)),
            Err(i) => {
                members.0.insert(i, (key, value));
                None
            }
        }
    }

    /// Removes a member and gives back its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        if !self.contains_key(key) {
            return None;
        }
        let members = self.members_mut();
        members.find(key).ok().map(|i| members.0.remove(i).1)
    }

    /// The value of a member to write to; a missing member is created as null.
    #[inline]
    pub fn entry(&mut self, key: &Text) -> &mut Value {
        self.members_mut().entry(key)
    }

    /// The value of an existing member to write to.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        if !self.contains_key(key) {
            return None;
        }
        let members = self.members_mut();
        members.find(key).ok().map(|i| &mut members.0[i].1)
    }

    /// Keeps the members for which `keep` says so; it may change their values.
    pub fn retain(&mut self, mut keep: impl FnMut(&Text, &mut Value) -> bool) {
        self.members_mut()
            .0
            .retain_mut(|(key, value)| keep(key, value));
    }

    fn members_mut(&mut self) -> &mut Members {
        let is_own = match &mut self.0 {
            Repr::Built(members) => Arc::get_mut(members).is_some(),
            Repr::Node { .. } => false,
        };
        if !is_own {
            let mut members = Vec::with_capacity(self.len() + HEADROOM);
            match &self.0 {
                Repr::Built(shared) => members.extend(shared.0.iter().cloned()),
                Repr::Node { .. } => {
                    members.extend(self.entries().map(|(key, value)| (key, value.into_owned())));
                }
            }
            self.0 = Repr::Built(Arc::new(Members(members)));
        }
        match &mut self.0 {
            Repr::Built(members) => Arc::make_mut(members),
            Repr::Node { .. } => unreachable!("the place in a document was expanded above"),
        }
    }

    pub(crate) fn canonical_source(&self) -> Option<Bytes> {
        match &self.0 {
            Repr::Built(_) => None,
            Repr::Node { index, document } => canonical_range(document, *index),
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

/// The members of an object in ascending order of their keys.
pub struct Entries<'a>(Cursor<'a>);

enum Cursor<'a> {
    Built(std::slice::Iter<'a, (Text, Value)>),
    Sorted {
        next: u32,
        end: u32,
        document: &'a Arc<Document>,
    },
    Keys {
        keys: KeyList,
        next: usize,
        document: &'a Arc<Document>,
    },
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Text, Cow<'a, Value>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, document) = match &mut self.0 {
            Cursor::Built(members) => {
                let (key, value) = members.next()?;
                return Some((key.clone(), Cow::Borrowed(value)));
            }
            Cursor::Sorted {
                next,
                end,
                document,
            } => {
                if *next >= *end {
                    return None;
                }
                let key = *next;
                *next = document.node(key).next;
                (key, *document)
            }
            Cursor::Keys {
                keys,
                next,
                document,
            } => {
                let key = *keys.get(*next)?;
                *next += 1;
                (key, *document)
            }
        };
        let name = document.text(document.node(key));
        Some((name, Cow::Owned(Value::at(document, key + 1))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Cursor::Built(members) => members.size_hint(),
            // A member is a key and at least one node.
            Cursor::Sorted { next, end, .. } => (0, Some((end - next) as usize / 2)),
            Cursor::Keys { keys, next, .. } => {
                let left = keys.len() - next;
                (left, Some(left))
            }
        }
    }
}
