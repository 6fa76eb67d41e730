//! `range`: over lists, maps in the order of their keys, and integers.

use super::{Flow, Place, Slot, Walker};
use crate::Fault;
use crate::ast::Range;
use crate::value::{List, Val};

impl<'p> Walker<'p, '_> {
    pub(super) fn range(&mut self, dot: &Slot, range: &'p Range) -> Result<Flow, Fault> {
        let known = self.variables.len();
        let over = self.pipe(dot, &range.pipe)?.value;
        let begun = self.variables.len();
        let flow = match self.elements(&over, range, begun)? {
            Some(flow) => flow,
            None => match &range.otherwise {
                // A `break` there ends this range, a `continue` goes on with the one around it.
                Some(list) => match self.list(dot, list)? {
                    Flow::Continue => Flow::Continue,
                    Flow::Break | Flow::Next => Flow::Next,
                },
                None => Flow::Next,
            },
        };
        self.variables.truncate(known);
        Ok(flow)
    }

    /// Goes over all elements; nothing when there are none.
    fn elements(
        &mut self,
        over: &Val,
        range: &'p Range,
        begun: usize,
    ) -> Result<Option<Flow>, Fault> {
        let mut went = false;
        let mut once = |walker: &mut Self, index: Val, element: Slot| {
            went = true;
            walker.iteration(range, begun, index, element)
        };
        match over {
            Val::Missing | Val::Nil => {}
            Val::List(List::Document(array, numbers, meter)) => {
                for (index, value) in array.iter().enumerate() {
                    let value = self.located(Val::of_document(&value, *numbers, meter))?;
                    if !once(self, Val::Int(index as i64), Slot::boxed(value))? {
                        break;
                    }
                }
            }
            Val::List(list) => {
                for index in 0..list.len() {
                    let Some(value) = self.located(list.get(index))? else {
                        break;
                    };
                    let is_boxed = list.is_boxed();
                    if !once(self, Val::Int(index as i64), Slot { value, is_boxed })? {
                        break;
                    }
                }
            }
            Val::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    let element = Slot::plain(Val::Uint8(*byte));
                    if !once(self, Val::Int(index as i64), element)? {
                        break;
                    }
                }
            }
            Val::Map(map) => {
                let is_boxed = map.kind() == crate::value::MapKind::Any;
                for (key, value) in self.located(map.entries())? {
                    if !once(self, Val::text(key), Slot { value, is_boxed })? {
                        break;
                    }
                }
            }
            number => {
                let Some(count) = self.count(number, range)? else {
                    let mut shown = Vec::new();
                    self.located(crate::format::push(number, &mut shown, &self.run.meter))?;
                    let shown = String::from_utf8_lossy(&shown);
                    return Err(self.error(format_args!("range can't iterate over {shown}")));
                };
                for index in 0..count {
                    let element = match number {
                        Val::Int64(_) => Val::Int64(index),
                        Val::Uint64(_) => Val::Uint64(index as u64),
                        Val::Uint8(_) => Val::Uint8(index as u8),
                        _ => Val::Int(index),
                    };
                    if !once(self, Val::Missing, Slot::plain(element))? {
                        break;
                    }
                }
            }
        }
        Ok(went.then_some(Flow::Next))
    }

    /// How often a range over a number goes; nothing when it is none.
    fn count(&self, number: &Val, range: &Range) -> Result<Option<i64>, Fault> {
        let count = match number {
            Val::Int(count) | Val::Int64(count) => *count,
            Val::Uint64(count) => i64::try_from(*count).unwrap_or(i64::MAX),
            Val::Uint8(count) => i64::from(*count),
            Val::Month(count) | Val::Weekday(count) => i64::from(*count),
            _ => return Ok(None),
        };
        if range.pipe.variables.len() > 1 {
            return Err(self.error(format_args!(
                "can't use {count} to iterate over more than one variable"
            )));
        }
        Ok(Some(count))
    }

    /// Runs the body once; false when it ends the range.
    fn iteration(
        &mut self,
        range: &'p Range,
        begun: usize,
        index: Val,
        element: Slot,
    ) -> Result<bool, Fault> {
        self.step()?;
        let pipe = &range.pipe;
        let index = Slot::plain(index);
        match (&*pipe.variables, pipe.assigns) {
            ([], _) => {}
            ([one], true) => self.set_variable(&one.name, element.clone())?,
            ([first, second, ..], true) => {
                self.set_variable(&first.name, index)?;
                self.set_variable(&second.name, element.clone())?;
            }
            ([_], false) => self.variables[begun - 1].1 = element.clone(),
            ([..], false) => {
                self.variables[begun - 1].1 = element.clone();
                self.variables[begun - 2].1 = index;
            }
        }
        let flow = self.list(&element, &range.body)?;
        self.variables.truncate(begun);
        self.place = Place::Pipe(pipe);
        Ok(flow != Flow::Break)
    }
}
