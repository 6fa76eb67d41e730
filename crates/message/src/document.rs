//! A parsed payload: its bytes plus one flat tape that says where each value stands.
//!
//! A node takes 16 bytes. Containers come before their members; `next` is the index of the first
//! node after the subtree, so a subtree is skipped in one step. An object holds, per member, a key
//! node followed by the nodes of its value; the `next` of a key is the next key.
//!
//! The tape holds no decoded text: a string with escapes is decoded when it is read.

mod places;

use std::cmp;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use self::places::{LARGE, Places};
use crate::json::JsonError;
use crate::json::escape;
use crate::text::Text;

/// A payload and its tape. Immutable; values point into it through an `Arc`.
pub struct Document {
    source: Bytes,
    nodes: Vec<Node>,
    places: Places,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum NodeKind {
    Null,
    True,
    False,
    /// A number whose text is exactly what printing it as an `i64` gives.
    Integer,
    /// Any other number: its text is kept.
    Number,
    String,
    Key,
    Array,
    Object,
}

/// One entry of the tape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// First byte of the value: after the quote of a string, at the bracket of a container.
    pub start: u32,
    /// One past the last byte; the same rule.
    pub end: u32,
    /// Index of the node after this subtree (after the member's value, for a key).
    pub next: u32,
    /// Members of a container (`u16::MAX`: at least so many); [`key_tag`] of a key.
    pub extra: u16,
    pub kind: NodeKind,
    pub flags: u8,
}

/// The source range is what the printer would write.
pub(crate) const CANONICAL: u8 = 1;
/// The text must be decoded: it has escapes or invalid UTF-8.
pub(crate) const ENCODED: u8 = 2;
/// The keys of the object stand in ascending order, each once.
pub(crate) const SORTED: u8 = 4;

const _: () = assert!(size_of::<Node>() == 16);

/// First and last byte of a key: most keys that differ, differ here.
#[inline]
pub(crate) fn key_tag(key: &[u8]) -> u16 {
    match key {
        [] => 0,
        [one] => u16::from_le_bytes([*one, *one]),
        [first, .., last] => u16::from_le_bytes([*first, *last]),
    }
}

impl Document {
    /// Parses one JSON document; white space around it is allowed.
    ///
    /// # Errors
    /// When the bytes are not one JSON document, nest deeper than [`crate::json::DEPTH_MAX`], or
    /// exceed 4 GiB.
    pub fn parse(source: Bytes) -> Result<Document, JsonError> {
        let nodes = crate::json::parse::parse(&source)?;
        Ok(Document {
            source,
            nodes,
            places: Places::default(),
        })
    }

    /// Bytes to be shared by slices, without a tape; `None` above 4 GiB.
    pub(crate) fn opaque(source: Bytes) -> Option<Document> {
        u32::try_from(source.len()).ok()?;
        Some(Document {
            source,
            nodes: Vec::new(),
            places: Places::default(),
        })
    }

    /// The payload as it came in.
    #[inline]
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The payload as it came in, to be shared.
    pub fn bytes(&self) -> &Bytes {
        &self.source
    }

    /// Bytes held beside the payload.
    pub fn tape_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    #[inline]
    pub(crate) fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }

    /// Bytes of the source that a node stands for.
    #[inline]
    pub(crate) fn length(&self, index: u32) -> usize {
        self.raw(self.node(index)).len()
    }

    /// The source range of a node.
    #[inline]
    pub(crate) fn raw(&self, node: &Node) -> &[u8] {
        &self.source[node.start as usize..node.end as usize]
    }

    /// The text of a string or key node, decoded when necessary.
    #[inline]
    pub(crate) fn text(self: &Arc<Self>, node: &Node) -> Text {
        if node.flags & ENCODED != 0 {
            return Text::from(escape::decode(self.raw(node)));
        }
        debug_assert!(std::str::from_utf8(self.raw(node)).is_ok());
        #[allow(unsafe_code)]
        // SAFETY: the parser marks every string that is not valid UTF-8 as `ENCODED`, and node
        // ranges lie within the source it was given.
        unsafe {
            Text::slice_of(self, node.start, node.end)
        }
    }

    /// The node of the value of `key` in the object `object`; the last one of duplicates.
    #[inline]
    pub(crate) fn member(&self, object: u32, key: &[u8]) -> Option<u32> {
        match self.node(object).extra < LARGE {
            true => self.walk_to_member(object, key, &mut 0),
            false => self.member_of_large(object, key),
        }
    }

    /// Walks through the keys of an object, and counts them.
    #[inline]
    fn walk_to_member(&self, object: u32, key: &[u8], walked: &mut usize) -> Option<u32> {
        let node = self.node(object);
        let unique = node.flags & SORTED != 0;
        let nodes = &self.nodes[..node.next as usize];
        let tag = key_tag(key);
        let mut index = object as usize + 1;
        let mut found = None;
        while let Some(candidate) = nodes.get(index) {
            if candidate.extra == tag && self.key_equals(candidate, key) {
                found = Some(index as u32 + 1);
                if unique {
                    return found;
                }
            }
            index = candidate.next as usize;
            *walked += 1;
        }
        found
    }

    #[cold]
    fn member_of_large(&self, object: u32, key: &[u8]) -> Option<u32> {
        let Some(keys) = self.places_of(object) else {
            let mut walked = 0;
            let found = self.walk_to_member(object, key, &mut walked);
            self.places.add_walked(walked);
            return found;
        };
        let found = keys.binary_search_by(|it| self.compare_key(*it, key));
        found.ok().map(|at| keys[at] + 1)
    }

    /// Where the members of a large container stand, if that is kept or is worth it by now.
    fn places_of(&self, container: u32) -> Option<Arc<[u32]>> {
        let kept = self.places.of(container);
        if kept.is_some() || !self.places.are_worth_it(self.nodes.len()) {
            return kept;
        }
        let found: Arc<[u32]> = match self.node(container).kind {
            NodeKind::Object => self.keys(container).collect(),
            _ => self.below(container).collect(),
        };
        self.places.keep(container, Arc::clone(&found));
        Some(found)
    }

    #[inline]
    fn key_equals(&self, node: &Node, key: &[u8]) -> bool {
        if node.flags & ENCODED != 0 {
            return escape::decode(self.raw(node)).as_bytes() == key;
        }
        self.raw(node) == key
    }

    /// How many members a container has.
    pub(crate) fn count(&self, container: u32) -> usize {
        let node = self.node(container);
        let is_unsorted = node.kind == NodeKind::Object && node.flags & SORTED == 0;
        if !is_unsorted && node.extra != u16::MAX {
            return usize::from(node.extra);
        }
        match node.extra < LARGE {
            true => self.sorted_keys(container).len(),
            false => self.count_large(container, is_unsorted),
        }
    }

    #[cold]
    fn count_large(&self, container: u32, is_unsorted: bool) -> usize {
        if let Some(members) = self.places_of(container) {
            return members.len();
        }
        let count = match is_unsorted {
            true => self.sorted_keys(container).len(),
            false => self.below(container).count(),
        };
        self.places.add_walked(count);
        count
    }

    /// The nodes that stand directly below a container: elements, or keys.
    fn below(&self, container: u32) -> impl Iterator<Item = u32> {
        let end = self.node(container).next;
        let next = move |it: u32| (it < end).then_some(it);
        std::iter::successors(next(container + 1), move |it| next(self.node(*it).next))
    }

    /// The node of element `position` of an array.
    pub(crate) fn element(&self, array: u32, position: usize) -> Option<u32> {
        let node = self.node(array);
        let count = usize::from(node.extra);
        if node.extra != u16::MAX && node.next as usize == array as usize + 1 + count {
            // Every element is one node: no walk.
            return (position < count).then(|| array + 1 + position as u32);
        }
        match position < usize::from(LARGE) {
            true => self.below(array).nth(position),
            false => self.far_element(array, position),
        }
    }

    #[cold]
    fn far_element(&self, array: u32, position: usize) -> Option<u32> {
        match self.places_of(array) {
            Some(elements) => elements.get(position).copied(),
            None => {
                self.places.add_walked(position);
                self.below(array).nth(position)
            }
        }
    }

    /// The key nodes of an object in the order of their text, the last of duplicates only.
    #[inline]
    pub(crate) fn keys(&self, object: u32) -> OrderedKeys<'_> {
        let node = self.node(object);
        if node.flags & SORTED == 0 {
            return OrderedKeys::Sorted(self.sorted_keys(object).into_iter());
        }
        OrderedKeys::InPlace {
            document: self,
            next: object + 1,
            end: node.next,
        }
    }

    fn sorted_keys(&self, object: u32) -> KeyList {
        let node = self.node(object);
        let mut index = object + 1;
        // Most keys differ in their first bytes, which compare as one number.
        let mut keys: SmallVec<[(u64, u32); 16]> = SmallVec::new();
        while index < node.next {
            let key = self.node(index);
            keys.push((self.key_prefix(key), index));
            index = key.next;
        }
        keys.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| self.compare_keys(a.1, b.1))
                .then(a.1.cmp(&b.1))
        });
        let mut sorted = KeyList::with_capacity(keys.len());
        for (i, (prefix, key)) in keys.iter().enumerate() {
            let is_replaced = keys.get(i + 1).is_some_and(|(next_prefix, next)| {
                prefix == next_prefix && self.compare_keys(*key, *next) == cmp::Ordering::Equal
            });
            if !is_replaced {
                sorted.push(*key);
            }
        }
        sorted
    }

    /// The first eight bytes of a key's text as a number that orders as they do.
    fn key_prefix(&self, key: &Node) -> u64 {
        let prefix = |text: &[u8]| {
            let mut bytes = [0; 8];
            let length = text.len().min(8);
            bytes[..length].copy_from_slice(&text[..length]);
            u64::from_be_bytes(bytes)
        };
        match key.flags & ENCODED {
            0 => prefix(self.raw(key)),
            _ => prefix(escape::decode(self.raw(key)).as_bytes()),
        }
    }

    fn compare_keys(&self, a: u32, b: u32) -> cmp::Ordering {
        let (a, b) = (self.node(a), self.node(b));
        if (a.flags | b.flags) & ENCODED == 0 {
            return self.raw(a).cmp(self.raw(b));
        }
        let text = |node: &Node| match node.flags & ENCODED {
            0 => String::from_utf8_lossy(self.raw(node)).into_owned(),
            _ => escape::decode(self.raw(node)),
        };
        text(a).cmp(&text(b))
    }

    /// How the text of a key node orders against `name`.
    #[inline]
    pub(crate) fn compare_key(&self, key: u32, name: &[u8]) -> cmp::Ordering {
        let node = self.node(key);
        match node.flags & ENCODED {
            0 => self.raw(node).cmp(name),
            _ => escape::decode(self.raw(node)).as_bytes().cmp(name),
        }
    }

    /// A document of its own that holds the subtree at `root` as its node 0.
    pub(crate) fn subtree(&self, root: u32) -> Document {
        let first = *self.node(root);
        let nodes = self.nodes[root as usize..first.next as usize]
            .iter()
            .map(|node| Node {
                start: node.start - first.start,
                end: node.end - first.start,
                next: node.next - root,
                ..*node
            })
            .collect();
        Document {
            source: Bytes::copy_from_slice(self.raw(&first)),
            nodes,
            places: Places::default(),
        }
    }
}

/// Key nodes of one object; objects of up to 24 members need no allocation.
type KeyList = SmallVec<[u32; 24]>;

/// The key nodes of one object in the order of their text, each text once.
pub(crate) enum OrderedKeys<'a> {
    /// As they stand in the document.
    InPlace {
        document: &'a Document,
        next: u32,
        end: u32,
    },
    Sorted(smallvec::IntoIter<[u32; 24]>),
}

impl Iterator for OrderedKeys<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match self {
            OrderedKeys::InPlace {
                document,
                next,
                end,
            } => {
                let key = (*next < *end).then_some(*next)?;
                *next = document.node(key).next;
                Some(key)
            }
            OrderedKeys::Sorted(keys) => keys.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            // A member is a key and at least one node.
            OrderedKeys::InPlace { next, end, .. } => (0, Some((end - next) as usize / 2)),
            OrderedKeys::Sorted(keys) => keys.size_hint(),
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.source.len())
            .field("nodes", &self.nodes.len())
            .finish()
    }
}
