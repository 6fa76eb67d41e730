//! Lists, which never change.

use std::ops::Range;
use std::rc::Rc;

use millrace_message::Array;

use super::convert::Numbers;
use super::{Map, Val};
use crate::Fault;
use crate::meter::Meter;

/// What a list takes beside its elements.
const LIST_SIZE: usize = 96;

/// The type of the elements, which functions tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Element {
    Any,
    Text,
    Int,
    List,
}

impl Element {
    pub fn list_type(self) -> &'static str {
        match self {
            Element::Any => "[]interface {}",
            Element::Text => "[]string",
            Element::Int => "[]int",
            Element::List => "[][]interface {}",
        }
    }
}

#[derive(Clone)]
pub(crate) enum List {
    /// A slice that is nil: empty, and `null` as JSON.
    Nothing(Element),
    /// A list of the message, or of JSON.
    Document(Array, Numbers, Rc<Meter>),
    /// A part of a list that was made.
    Made(Rc<Elements>, Range<usize>),
}

/// The elements of a list that was made, counted until they are dropped.
pub(crate) struct Elements {
    element: Element,
    values: Vec<Val>,
    meter: Rc<Meter>,
}

fn size_of_elements(values: &Vec<Val>) -> usize {
    LIST_SIZE + values.capacity() * size_of::<Val>()
}

impl Drop for Elements {
    fn drop(&mut self) {
        self.meter.release(size_of_elements(&self.values));
        drop_values(std::mem::take(&mut self.values));
    }
}

/// Drops values without a stack frame for each level that they nest.
pub(super) fn drop_values(values: Vec<Val>) {
    let is_container = |value: &Val| matches!(value, Val::List(_) | Val::Map(_));
    if !values.iter().any(is_container) {
        return;
    }
    let mut pending = values;
    while let Some(value) = pending.pop() {
        match value {
            Val::List(List::Made(elements, _)) => {
                if let Some(mut elements) = Rc::into_inner(elements) {
                    let values = std::mem::take(&mut elements.values);
                    let size = values.capacity() * size_of::<Val>();
                    elements.meter.release(size);
                    pending.extend(values.into_iter().filter(is_container));
                }
            }
            Val::Map(map) => pending.extend(map.into_values().into_iter().filter(is_container)),
            _ => {}
        }
    }
}

impl List {
    /// # Errors
    /// There is no room for it.
    pub fn made(values: Vec<Val>, element: Element, meter: &Rc<Meter>) -> Result<Self, Fault> {
        meter.step(values.len())?;
        meter.hold(size_of_elements(&values))?;
        let whole = 0..values.len();
        let meter = Rc::clone(meter);
        let elements = Elements {
            element,
            values,
            meter,
        };
        Ok(Self::Made(Rc::new(elements), whole))
    }

    pub fn element(&self) -> Element {
        match self {
            Self::Nothing(element) => *element,
            Self::Document(..) => Element::Any,
            Self::Made(elements, _) => elements.element,
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Document(array, ..) => array.iter().next().is_none(),
            other => other.len() == 0,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Nothing(_) => 0,
            Self::Document(array, ..) => array.len(),
            Self::Made(_, range) => range.len(),
        }
    }

    /// # Errors
    /// There is no room for what of the message has to be made.
    pub fn get(&self, index: usize) -> Result<Option<Val>, Fault> {
        match self {
            Self::Nothing(_) => Ok(None),
            Self::Document(array, numbers, meter) => {
                // The elements before it are passed over one by one.
                meter.step(index / 16)?;
                let found = array.get(index);
                found
                    .map(|value| Val::of_document(&value, *numbers, meter))
                    .transpose()
            }
            Self::Made(elements, range) => Ok(elements.values[range.clone()].get(index).cloned()),
        }
    }

    /// All elements.
    ///
    /// # Errors
    /// There are no steps left to go over them, or no room.
    pub fn values(&self, meter: &Meter) -> Result<Vec<Val>, Fault> {
        meter.step(self.len())?;
        meter.room(self.len() * size_of::<Val>())?;
        match self {
            Self::Nothing(_) => Ok(Vec::new()),
            Self::Document(array, numbers, meter) => array
                .iter()
                .map(|value| Val::of_document(&value, *numbers, meter))
                .collect(),
            Self::Made(elements, range) => Ok(elements.values[range.clone()].to_vec()),
        }
    }

    /// The elements `range`, which lies within it.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn slice(&self, range: Range<usize>, meter: &Rc<Meter>) -> Result<Self, Fault> {
        match self {
            Self::Made(elements, whole) => {
                let range = whole.start + range.start..whole.start + range.end;
                Ok(Self::Made(Rc::clone(elements), range))
            }
            _ => {
                let mut values = self.values(meter)?;
                values.truncate(range.end);
                values.drain(..range.start);
                Self::made(values, self.element(), meter)
            }
        }
    }

    /// Whether elements are held as `interface {}`.
    pub fn is_boxed(&self) -> bool {
        self.element() == Element::Any
    }

    /// The maps and lists in it that were made.
    pub(super) fn containers(&self, found: &mut Vec<Val>) {
        if let Self::Made(elements, _) = self {
            let values = elements.values.iter();
            found.extend(
                values
                    .filter(|it| matches!(it, Val::List(_) | Val::Map(_)))
                    .cloned(),
            );
        }
    }
}

impl From<List> for Val {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl From<Map> for Val {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}
