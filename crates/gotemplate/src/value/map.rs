//! Maps, which `set` and its like change in place, for all who hold them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use millrace_message::{Object, Text, Value};

use super::convert::Numbers;
use super::{List, Val, list};
use crate::Fault;
use crate::meter::Meter;

/// What an entry takes beside its key and what its value holds.
const ENTRY_SIZE: usize = 96;

/// The type of a map, which functions tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MapKind {
    /// `map[string]interface {}`
    Any,
    /// `map[string]string`
    Texts,
}

impl MapKind {
    pub fn type_name(self) -> &'static str {
        match self {
            MapKind::Any => "map[string]interface {}",
            MapKind::Texts => "map[string]string",
        }
    }
}

#[derive(Clone)]
pub(crate) struct Map(Rc<Cell>);

struct Cell {
    kind: MapKind,
    entries: RefCell<Entries>,
    meter: Rc<Meter>,
}

enum Entries {
    /// An object of the message that nobody changed yet.
    Document(Object, Numbers),
    Made(BTreeMap<Text, Val>),
}

impl Drop for Cell {
    fn drop(&mut self) {
        let values = self.take();
        if !values.is_empty() {
            list::drop_values(values);
        }
    }
}

impl Cell {
    /// The values of a map that is dropped.
    fn take(&mut self) -> Vec<Val> {
        let Entries::Made(entries) = self.entries.get_mut() else {
            return Vec::new();
        };
        let entries = std::mem::take(entries);
        let size: usize = entries.keys().map(|key| key.len() + ENTRY_SIZE).sum();
        self.meter.release(size);
        entries.into_values().collect()
    }
}

impl Map {
    /// An object of the message.
    pub fn of_document(object: Object, numbers: Numbers, meter: &Rc<Meter>) -> Self {
        Self(Rc::new(Cell {
            kind: MapKind::Any,
            entries: RefCell::new(Entries::Document(object, numbers)),
            meter: Rc::clone(meter),
        }))
    }

    /// An empty map.
    pub fn empty(kind: MapKind, meter: &Rc<Meter>) -> Self {
        Self(Rc::new(Cell {
            kind,
            entries: RefCell::new(Entries::Made(BTreeMap::new())),
            meter: Rc::clone(meter),
        }))
    }

    pub fn kind(&self) -> MapKind {
        self.0.kind
    }

    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub fn len(&self) -> usize {
        match &*self.0.entries.borrow() {
            Entries::Document(object, _) => object.len(),
            Entries::Made(entries) => entries.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match &*self.0.entries.borrow() {
            Entries::Document(object, _) => object.is_empty(),
            Entries::Made(entries) => entries.is_empty(),
        }
    }

    pub fn contains(&self, key: &str) -> bool {
        match &*self.0.entries.borrow() {
            Entries::Document(object, _) => object.contains_key(key),
            Entries::Made(entries) => entries.contains_key(key),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// There is no room for what of the message has to be made.
    pub fn get(&self, key: &str) -> Result<Option<Val>, Fault> {
        match &*self.0.entries.borrow() {
            Entries::Made(entries) => return Ok(entries.get(key).cloned()),
            Entries::Document(object, numbers) => {
                let Some(value) = object.get(key) else {
                    return Ok(None);
                };
                let is_container = matches!(*value, Value::Array(_) | Value::Object(_));
                if !(is_container && self.0.meter.changes_maps) {
                    return Val::of_document(&value, *numbers, &self.0.meter).map(Some);
                }
            }
        }
        // Who asks again gets the same map, in which a change may have happened.
        self.make()?;
        self.get(key)
    }

    /// Makes entries of its own of those of the message.
    fn make(&self) -> Result<(), Fault> {
        let meter = &self.0.meter;
        let entries = match &*self.0.entries.borrow() {
            Entries::Made(_) => return Ok(()),
            Entries::Document(object, numbers) => {
                meter.step(object.len())?;
                let mut entries = BTreeMap::new();
                for (key, value) in object.entries() {
                    meter.room(entries.len() * ENTRY_SIZE)?;
                    entries.insert(key, Val::of_document(&value, *numbers, meter)?);
                }
                entries
            }
        };
        meter.hold(entries.keys().map(|key| key.len() + ENTRY_SIZE).sum())?;
        *self.0.entries.borrow_mut() = Entries::Made(entries);
        Ok(())
    }

    /// Sets a key.
    ///
    /// # Errors
    /// There is no room for it, or the map would hold itself.
    pub fn set(&self, key: Text, value: Val) -> Result<(), Fault> {
        self.make()?;
        self.refuse_itself(&value)?;
        let meter = &self.0.meter;
        meter.step(1)?;
        let mut entries = self.0.entries.borrow_mut();
        let Entries::Made(entries) = &mut *entries else {
            return Ok(());
        };
        if !entries.contains_key(&key) {
            meter.hold(key.len() + ENTRY_SIZE)?;
        }
        let before = entries.insert(key, value);
        drop(before);
        Ok(())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// There is no room for what of the message has to be made.
    pub fn remove(&self, key: &str) -> Result<(), Fault> {
        self.make()?;
        if let Entries::Made(entries) = &mut *self.0.entries.borrow_mut()
            && entries.remove(key).is_some()
        {
            self.0.meter.release(key.len() + ENTRY_SIZE);
        }
        Ok(())
    }

    /// The entries in the order of their keys, as they are now.
    ///
    /// # Errors
    /// There are no steps left to go over them, or no room.
    pub fn entries(&self) -> Result<Vec<(Text, Val)>, Fault> {
        let meter = &self.0.meter;
        meter.step(self.len())?;
        meter.room(self.len() * ENTRY_SIZE)?;
        if meter.changes_maps {
            self.make()?;
        }
        match &*self.0.entries.borrow() {
            Entries::Document(object, numbers) => object
                .entries()
                .map(|(key, value)| Ok((key, Val::of_document(&value, *numbers, meter)?)))
                .collect(),
            Entries::Made(entries) => Ok(entries
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()),
        }
    }

    /// The object of the message that it still is.
    pub fn document(&self) -> Option<(Object, Numbers)> {
        match &*self.0.entries.borrow() {
            Entries::Document(object, numbers) => Some((object.clone(), *numbers)),
            Entries::Made(_) => None,
        }
    }

    /// The values of a map that nobody else holds.
    pub(super) fn into_values(self) -> Vec<Val> {
        Rc::into_inner(self.0).map_or_else(Vec::new, |mut cell| cell.take())
    }

    /// Refuses a value that holds this map: it could be neither printed nor dropped.
    fn refuse_itself(&self, value: &Val) -> Result<(), Fault> {
        let mut pending = match value {
            Val::List(_) | Val::Map(_) => vec![value.clone()],
            _ => return Ok(()),
        };
        while let Some(value) = pending.pop() {
            self.0.meter.step(1)?;
            let before = pending.len();
            match &value {
                Val::Map(map) if map.is_same(self) => {
                    return Err(Fault::new("a map can not be put into itself"));
                }
                Val::Map(map) => map.containers(&mut pending),
                Val::List(list) => List::containers(list, &mut pending),
                _ => {}
            }
            self.0.meter.step(pending.len().saturating_sub(before))?;
        }
        Ok(())
    }

    fn containers(&self, found: &mut Vec<Val>) {
        if let Entries::Made(entries) = &*self.0.entries.borrow() {
            let values = entries.values();
            found.extend(
                values
                    .filter(|it| matches!(it, Val::List(_) | Val::Map(_)))
                    .cloned(),
            );
        }
    }
}
