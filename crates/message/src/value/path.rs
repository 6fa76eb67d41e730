//! Paths into a value: reading, setting, deleting.
//!
//! The rules are those of Bento's dot paths: a segment names a member of an object, or the index
//! of an array element; `-` appends to an array when setting, `*` stands for all elements when
//! reading. `~1` stands for a dot and `~0` for a tilde within a segment of a dot path.

use std::borrow::Cow;
use std::fmt;

use super::array::Repr as ArrayRepr;
use super::object::{Found, Repr as ObjectRepr};
use super::{Array, Object, Value};
use crate::document::{Document, NodeKind};
use crate::text::Text;

/// One segment of a path, with what is to be known about it computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    name: Text,
    index: Option<usize>,
    is_wildcard: bool,
}

impl Segment {
    /// A segment as it stands, without escapes.
    pub fn new(name: impl Into<Text>) -> Segment {
        let name = name.into();
        let index = name.strip_prefix('+').unwrap_or(&name).parse().ok();
        let is_wildcard = name == "*";
        Segment {
            name,
            index,
            is_wildcard,
        }
    }

    /// The segments of a dot path such as `items.0.name`, `~1` and `~0` decoded.
    pub fn parse_dot_path(path: &str) -> Vec<Segment> {
        path.split('.')
            .map(|part| match part.contains('~') {
                true => Segment::new(part.replace("~1", ".").replace("~0", "~")),
                false => Segment::new(part),
            })
            .collect()
    }

    /// The name, or the index as text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it stands for all elements where it meets an array.
    #[inline]
    pub fn is_wildcard(&self) -> bool {
        self.is_wildcard
    }
}

impl From<&str> for Segment {
    fn from(name: &str) -> Segment {
        Segment::new(name)
    }
}

/// Why a path can not be set or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// The path leads through something that is neither object nor array.
    Collision,
    /// A segment that meets an array is no index.
    NoIndex(Text),
    /// The array is shorter than the index.
    OutOfBounds { index: usize, len: usize },
    /// Nothing stands there.
    NotFound(Text),
    /// Elements of an array that is the root of the path can not be appended or removed.
    RootArray,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::Collision => f.write_str(
                "unable to set target path: a value in the path is of a non-object type",
            ),
            PathError::NoIndex(name) => write!(f, "found an array, and `{name}` is not an index"),
            PathError::OutOfBounds { index, len } => {
                write!(f, "index `{index}` exceeds the array of {len} elements")
            }
            PathError::NotFound(name) => write!(f, "field `{name}` does not exist"),
            PathError::RootArray => {
                f.write_str("unable to append to or remove from an array at the root of the path")
            }
        }
    }
}

impl std::error::Error for PathError {}

impl Value {
    /// What stands at a path; nothing when it leads nowhere. Within a document the walk makes no
    /// value before the last segment.
    #[inline]
    pub fn path(&self, path: &[Segment]) -> Option<Cow<'_, Value>> {
        let mut value = self;
        for (i, segment) in path.iter().enumerate() {
            match value {
                Value::Object(Object(ObjectRepr::Built(members))) => {
                    value = members.get(&segment.name)?;
                }
                Value::Object(Object(ObjectRepr::Overlay(overlay))) => {
                    match overlay.find(&segment.name)? {
                        Found::Laid(laid) => value = laid,
                        Found::Node(node) => {
                            return path_in_document(overlay.document(), node, &path[i + 1..]);
                        }
                    }
                }
                Value::Object(Object(ObjectRepr::Node { index, document }))
                | Value::Array(Array(ArrayRepr::Node { index, document })) => {
                    return path_in_document(document, *index, &path[i..]);
                }
                Value::Array(Array(ArrayRepr::Built(elements))) => {
                    let Some(position) = segment.index else {
                        return wildcard(elements.0.iter().map(Cow::Borrowed), &path[i..]);
                    };
                    value = elements.0.get(position)?;
                }
                _ => return None,
            }
        }
        Some(Cow::Borrowed(value))
    }

    /// Through how many elements the wildcards of a path lead, each as often as it is held; nothing
    /// when there are more than `limit`, which also bounds the time this takes. Reading the path takes
    /// about as much time, and makes about as many values.
    pub fn spread(&self, path: &[Segment], limit: usize) -> Option<usize> {
        let mut left = limit;
        self.spread_within(path, &mut left)?;
        Some(limit - left)
    }

    fn spread_within(&self, path: &[Segment], left: &mut usize) -> Option<()> {
        let Some(star) = path.iter().position(Segment::is_wildcard) else {
            return Some(());
        };
        let (way, rest) = (&path[..star], &path[star + 1..]);
        match self.path(way).as_deref() {
            Some(Value::Array(array)) => {
                *left = left.checked_sub(array.len())?;
                match rest.iter().any(Segment::is_wildcard) {
                    true => array.iter().try_for_each(|it| it.spread_within(rest, left)),
                    false => Some(()),
                }
            }
            Some(Value::Object(object)) => match object.get("*") {
                Some(member) => member.spread_within(rest, left),
                None => Some(()),
            },
            _ => Some(()),
        }
    }

    /// Sets what stands at a path. Missing members are created as objects, a null on the way
    /// becomes an object; shared parts are copied along the path only. An empty path replaces
    /// the value.
    ///
    /// # Errors
    /// When the path leads through a scalar, or does not fit an array. The value may then hold
    /// new empty objects on the way.
    pub fn set_path(&mut self, path: &[Segment], value: Value) -> Result<(), PathError> {
        let mut target = self;
        for (i, segment) in path.iter().enumerate() {
            if target.is_null() {
                *target = Value::Object(Object::new());
            }
            target = match target {
                Value::Object(object) => object.entry(&segment.name),
                Value::Array(array) => array_target(array, segment, i, path.len())?,
                _ => return Err(PathError::Collision),
            };
        }
        *target = value;
        Ok(())
    }

    /// Removes what stands at a path.
    ///
    /// # Errors
    /// When nothing stands there, or the path does not fit an array.
    pub fn delete_path(&mut self, path: &[Segment]) -> Result<(), PathError> {
        let Some((last, way)) = path.split_last() else {
            return Err(PathError::Collision);
        };
        let mut target = self;
        for segment in way {
            let missing = || PathError::NotFound(segment.name.clone());
            target = match target {
                Value::Object(object) => object.get_mut(&segment.name).ok_or_else(missing)?,
                Value::Array(array) => {
                    let position = position(segment, array.len())?;
                    &mut array.make_mut()[position]
                }
                _ => return Err(missing()),
            };
        }
        match target {
            Value::Object(object) => match object.remove(&last.name) {
                Some(_) => Ok(()),
                None => Err(PathError::NotFound(last.name.clone())),
            },
            Value::Array(_) if way.is_empty() => Err(PathError::RootArray),
            Value::Array(array) => {
                let position = position(last, array.len())?;
                array.make_mut().remove(position);
                Ok(())
            }
            _ => Err(PathError::NotFound(last.name.clone())),
        }
    }
}

/// The element a segment of a path to be set stands for.
fn array_target<'a>(
    array: &'a mut Array,
    segment: &Segment,
    depth: usize,
    length: usize,
) -> Result<&'a mut Value, PathError> {
    if segment.name == "-" {
        if depth == 0 {
            return Err(PathError::RootArray);
        }
        let elements = array.make_mut();
        elements.push(Value::Null);
        let last = elements.len() - 1;
        return Ok(&mut elements[last]);
    }
    let position = position(segment, array.len())?;
    let element = &mut array.make_mut()[position];
    if depth + 1 < length && element.is_null() {
        return Err(PathError::NotFound(segment.name.clone()));
    }
    Ok(element)
}

fn position(segment: &Segment, len: usize) -> Result<usize, PathError> {
    match segment.index {
        None => Err(PathError::NoIndex(segment.name.clone())),
        Some(index) if index >= len => Err(PathError::OutOfBounds { index, len }),
        Some(index) => Ok(index),
    }
}

/// Walks the tape; a value is made for the last segment only.
fn path_in_document<'a>(
    document: &'a std::sync::Arc<Document>,
    mut index: u32,
    path: &[Segment],
) -> Option<Cow<'a, Value>> {
    for (i, segment) in path.iter().enumerate() {
        index = match document.node(index).kind {
            NodeKind::Object => document.member(index, segment.name.as_bytes())?,
            NodeKind::Array => {
                let Some(position) = segment.index else {
                    let array = Array::at(document, index);
                    return wildcard(array.iter(), &path[i..])
                        .map(|found| Cow::Owned(found.into_owned()));
                };
                document.element(index, position)?
            }
            _ => return None,
        };
    }
    Some(Cow::Owned(Value::at(document, index)))
}

/// What the rest of a path finds in each element of an array; nothing when it is nowhere.
fn wildcard<'a, 'b>(
    elements: impl Iterator<Item = Cow<'b, Value>>,
    path: &[Segment],
) -> Option<Cow<'a, Value>> {
    let (first, rest) = path.split_first()?;
    if !first.is_wildcard {
        return None;
    }
    let found: Vec<Value> = elements
        .filter_map(|element| element.path(rest).map(Cow::into_owned))
        .collect();
    (!found.is_empty()).then(|| Cow::Owned(Value::from(found)))
}
