//! Arrays: a place in a document, or a shared vector.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{Value, depth};
use crate::document::{CANONICAL, Document};

/// An array. Clones share; writing copies first when it is shared.
#[derive(Clone)]
pub struct Array(pub(crate) Repr);

#[derive(Clone)]
pub(crate) enum Repr {
    Built(Arc<Elements>),
    Node { index: u32, document: Arc<Document> },
}

/// The elements of a built array; dropping deep nests does not recurse.
#[derive(Clone, Default)]
pub(crate) struct Elements(pub(crate) Vec<Value>);

impl Drop for Elements {
    fn drop(&mut self) {
        if depth::is_stack_low() {
            depth::drop_values(self.0.drain(..));
        }
    }
}

impl Array {
    /// An empty array.
    pub fn new() -> Array {
        Array::from(Vec::new())
    }

    pub(crate) fn at(document: &Arc<Document>, index: u32) -> Array {
        Array(Repr::Node {
            index,
            document: Arc::clone(document),
        })
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Built(elements) => elements.0.len(),
            Repr::Node { index, document } => document.count(*index),
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `position`, from 0.
    pub fn get(&self, position: usize) -> Option<Cow<'_, Value>> {
        match &self.0 {
            Repr::Built(elements) => elements.0.get(position).map(Cow::Borrowed),
            Repr::Node { index, document } => {
                let element = document.element(*index, position)?;
                Some(Cow::Owned(Value::at(document, element)))
            }
        }
    }

    /// The elements in order; nothing is allocated per step.
    pub fn iter(&self) -> ArrayIter<'_> {
        match &self.0 {
            Repr::Built(elements) => ArrayIter::Built(elements.0.iter()),
            Repr::Node { index, document } => {
                let end = document.node(*index).next;
                ArrayIter::Node {
                    next: index + 1,
                    end,
                    document,
                }
            }
        }
    }

    /// The elements from `position` on.
    pub fn iter_from(&self, position: usize) -> ArrayIter<'_> {
        match &self.0 {
            Repr::Built(elements) => {
                let elements = elements.0.get(position..).unwrap_or_default();
                ArrayIter::Built(elements.iter())
            }
            Repr::Node { index, document } => {
                let end = document.node(*index).next;
                let next = document.element(*index, position).unwrap_or(end);
                ArrayIter::Node {
                    next,
                    end,
                    document,
                }
            }
        }
    }

    /// Whether writing to it copies its elements first.
    pub fn is_shared(&self) -> bool {
        match &self.0 {
            Repr::Built(elements) => Arc::strong_count(elements) > 1,
            Repr::Node { .. } => true,
        }
    }

    /// The elements to write to. A place in a document is expanded by one level; a vector that
    /// somebody else holds is copied.
    pub fn make_mut(&mut self) -> &mut Vec<Value> {
        if let Repr::Node { .. } = self.0 {
            let elements = self.iter().map(Cow::into_owned).collect();
            self.0 = Repr::Built(Arc::new(Elements(elements)));
        }
        match &mut self.0 {
            Repr::Built(elements) => &mut Arc::make_mut(elements).0,
            Repr::Node { .. } => unreachable!("the place in a document was expanded above"),
        }
    }

    /// The elements as a vector, without copying when nobody else holds them.
    pub fn into_vec(mut self) -> Vec<Value> {
        std::mem::take(self.make_mut())
    }

    pub(crate) fn canonical_source(&self) -> Option<Bytes> {
        match &self.0 {
            Repr::Built(_) => None,
            Repr::Node { index, document } => super::object::canonical_range(document, *index),
        }
    }

    pub(super) fn detach(&self) -> Array {
        match &self.0 {
            Repr::Built(elements) => elements.0.iter().map(Value::detach).collect(),
            Repr::Node { index, document } => Array::at(&Arc::new(document.subtree(*index)), 0),
        }
    }

    /// Appends the array as JSON.
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
            Repr::Built(elements) => depth::guard(|| {
                out.push(b'[');
                for (i, element) in elements.0.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    element.write_json(out);
                }
                out.push(b']');
            }),
        }
    }
}

impl Default for Array {
    fn default() -> Array {
        Array::new()
    }
}

impl From<Vec<Value>> for Array {
    fn from(elements: Vec<Value>) -> Array {
        Array(Repr::Built(Arc::new(Elements(elements))))
    }
}

impl FromIterator<Value> for Array {
    fn from_iter<I: IntoIterator<Item = Value>>(iter: I) -> Array {
        Array::from(iter.into_iter().collect::<Vec<_>>())
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = Cow<'a, Value>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The elements of an array, borrowed where they exist as values.
#[derive(Clone)]
pub enum ArrayIter<'a> {
    #[doc(hidden)]
    Built(std::slice::Iter<'a, Value>),
    #[doc(hidden)]
    Node {
        next: u32,
        end: u32,
        document: &'a Arc<Document>,
    },
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Cow<'a, Value>;

    #[inline]
    fn next(&mut self) -> Option<Cow<'a, Value>> {
        match self {
            ArrayIter::Built(elements) => elements.next().map(Cow::Borrowed),
            ArrayIter::Node {
                next,
                end,
                document,
            } => {
                if *next >= *end {
                    return None;
                }
                let index = *next;
                *next = document.node(index).next;
                Some(Cow::Owned(Value::at(document, index)))
            }
        }
    }
}
