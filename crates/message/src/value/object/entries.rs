//! The way through the members of an object, whatever it is made of.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::Value;
use super::overlay::{Member, Overlay, OverlayMembers};
use super::{Object, Repr};
use crate::document::{Document, OrderedKeys};
use crate::text::Text;

/// The members of an object in ascending order of their keys.
pub struct Entries<'a>(Cursor<'a>);

enum Cursor<'a> {
    Built(std::slice::Iter<'a, (Text, Value)>),
    Node(OrderedKeys<'a>, &'a Arc<Document>),
    Overlay(OverlayMembers<'a>, &'a Overlay),
}

impl<'a> Entries<'a> {
    pub(super) fn of(object: &'a Object) -> Entries<'a> {
        Entries(match &object.0 {
            Repr::Built(members) => Cursor::Built(members.0.iter()),
            Repr::Node { index, document } => Cursor::Node(document.keys(*index), document),
            Repr::Overlay(overlay) => Cursor::Overlay(overlay.members(), overlay),
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Text, Cow<'a, Value>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, document) = match &mut self.0 {
            Cursor::Built(members) => {
                let (key, value) = members.next()?;
                return Some((key.clone(), Cow::Borrowed(value)));
            }
            Cursor::Node(keys, document) => (keys.next()?, *document),
            Cursor::Overlay(members, overlay) => match members.next()? {
                Member::Laid(key, value) => return Some((key.clone(), Cow::Borrowed(value))),
                Member::Node(key) => (key, overlay.document()),
            },
        };
        let name = document.text(document.node(key));
        Some((name, Cow::Owned(Value::at(document, key + 1))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Cursor::Built(members) => members.size_hint(),
            Cursor::Node(keys, _) => keys.size_hint(),
            Cursor::Overlay(members, _) => members.size_hint(),
        }
    }
}
