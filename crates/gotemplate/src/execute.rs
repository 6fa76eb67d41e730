//! Runs a template: walks its tree, as Go does, and writes what it makes.

use std::collections::HashMap;
use std::fmt::Display;

use millrace_message::Value;

use crate::ast::{self, Branches, Command, List, Node, Operand, Pipe, Tree};
use crate::format;
use crate::functions::Run;
use crate::meter::{Limits, Meter};
use crate::template::Program;
use crate::value::{Val, nested};
use crate::{Fault, Host};

mod calls;
mod fields;
mod operands;
mod ranges;

/// A value, and whether Go holds it as an `interface {}`, which errors tell.
#[derive(Clone)]
struct Slot {
    value: Val,
    is_boxed: bool,
}

impl Slot {
    fn plain(value: Val) -> Self {
        Self {
            value,
            is_boxed: false,
        }
    }

    fn boxed(value: Val) -> Self {
        Self {
            value,
            is_boxed: true,
        }
    }

    /// The value within an `interface {}`.
    fn unboxed(self) -> Self {
        Self::plain(match self.value {
            Val::Nil => Val::Missing,
            other => other,
        })
    }

    /// The type that errors name.
    fn type_name(&self) -> &'static str {
        match self.is_boxed || matches!(self.value, Val::Nil) {
            true => "interface {}",
            false => self.value.type_name(),
        }
    }
}

/// What an error is about.
#[derive(Clone, Copy)]
enum Place<'p> {
    Nothing,
    Pipe(&'p Pipe),
    Command(&'p Command),
    Operand(&'p Operand),
    Call(&'p ast::Call),
}

/// How the list goes on.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct Walker<'p, 'h> {
    program: &'p Program,
    tree: &'p Tree,
    variables: Vec<(&'p str, Slot)>,
    place: Place<'p>,
    out: Vec<u8>,
    depth: usize,
    run: Run<'h>,
}

/// What a template makes of a value.
///
/// # Errors
/// Where it fails and why, or which bound is exceeded.
pub(crate) fn render(
    program: &Program,
    value: &Value,
    limits: Limits,
    host: &mut dyn Host,
) -> Result<Vec<u8>, Fault> {
    let meter = Meter::new(limits, program.changes_maps);
    let dot = Slot::plain(Val::of_payload(value, &meter)?).unboxed();
    let mut walker = Walker {
        program,
        tree: &program.main,
        variables: vec![("$", dot.clone())],
        place: Place::Nothing,
        out: Vec::new(),
        depth: 0,
        run: Run {
            meter,
            host,
            patterns: HashMap::new(),
        },
    };
    walker.list(&dot, &program.main.root)?;
    Ok(walker.out)
}

impl<'p> Walker<'p, '_> {
    /// An error where the run is, in Go's words.
    fn error(&self, reason: impl Display) -> Fault {
        let name = &self.tree.name;
        let (at, context) = match self.place {
            Place::Nothing => return Fault::new(format!("template: {name}: {reason}")),
            Place::Pipe(it) => (it.at, it.to_string()),
            Place::Command(it) => (it.at, it.to_string()),
            Place::Operand(it) => (it.at, it.to_string()),
            Place::Call(it) => (it.at, it.to_string()),
        };
        let source = &self.program.sources[self.tree.source];
        let before = source.text.as_bytes().get(..at).unwrap_or_default();
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = at - memchr::memrchr(b'\n', before).map_or(0, |it| it + 1);
        let file = &source.name;
        Fault::new(format!(
            "template: {file}:{line}:{column}: executing {name:?} at <{context}>: {reason}"
        ))
    }

    /// A bound that was exceeded, where it was.
    fn located<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| self.error(fault))
    }

    fn step(&self) -> Result<(), Fault> {
        self.located(self.run.meter.step(1))
    }

    fn list(&mut self, dot: &Slot, list: &'p List) -> Result<Flow, Fault> {
        for node in list {
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Slot, node: &'p Node) -> Result<Flow, Fault> {
        self.step()?;
        match node {
            Node::Text(text) => self.write(text.as_bytes())?,
            Node::Action(pipe) => {
                let slot = self.pipe(dot, pipe)?;
                // What declares a variable prints nothing.
                if pipe.variables.is_empty() {
                    self.print(&slot.value)?;
                }
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::If(branches) => return self.branches(dot, branches, false),
            Node::With(branches) => return self.branches(dot, branches, true),
            Node::Range(range) => return nested(|| self.range(dot, range)),
            Node::Template(call) => nested(|| self.template(dot, call))?,
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let meter = &self.run.meter;
        self.located(meter.step(bytes.len() / 64))?;
        self.located(meter.hold(bytes.len()))?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn print(&mut self, value: &Val) -> Result<(), Fault> {
        match value {
            Val::Missing => self.write(b"<no value>"),
            Val::Str(text) => {
                let text = text.clone();
                self.write(text.bytes())
            }
            other => {
                let mut text = Vec::new();
                self.located(format::push(other, &mut text, &self.run.meter))?;
                self.write(&text)
            }
        }
    }

    /// `if` and `with`: the first branch whose condition holds.
    fn branches(
        &mut self,
        dot: &Slot,
        branches: &'p Branches,
        sets_dot: bool,
    ) -> Result<Flow, Fault> {
        let known = self.variables.len();
        let flow = nested(|| {
            for (pipe, list) in &branches.branches {
                let slot = self.pipe(dot, pipe)?;
                if slot.value.is_true() {
                    return self.list(if sets_dot { &slot } else { dot }, list);
                }
            }
            match &branches.otherwise {
                Some(list) => self.list(dot, list),
                None => Ok(Flow::Next),
            }
        })?;
        self.variables.truncate(known);
        Ok(flow)
    }

    /// `{{template "name" pipeline}}`: it sees no variables of where it is called.
    fn template(&mut self, dot: &Slot, call: &'p ast::Call) -> Result<(), Fault> {
        self.place = Place::Call(call);
        let Some(tree) = self.program.named.get(&call.name) else {
            return Err(self.error(format_args!("template {:?} not defined", call.name)));
        };
        let most = self.run.meter.limits.depth;
        if self.depth >= most {
            return Err(self.error(format_args!("exceeded maximum template depth ({most})")));
        }
        let dot = match &call.pipe {
            Some(pipe) => self.pipe(dot, pipe)?,
            None => Slot::plain(Val::Missing),
        };
        let variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        let caller = std::mem::replace(&mut self.tree, tree);
        self.depth += 1;
        self.list(&dot, &tree.root)?;
        self.depth -= 1;
        self.tree = caller;
        self.variables = variables;
        Ok(())
    }

    fn set_variable(&mut self, name: &str, slot: Slot) -> Result<(), Fault> {
        match self.variables.iter_mut().rev().find(|it| it.0 == name) {
            Some(variable) => {
                variable.1 = slot;
                Ok(())
            }
            None => Err(self.error(format_args!("undefined variable: {name}"))),
        }
    }

    fn variable(&self, name: &str) -> Result<Slot, Fault> {
        match self.variables.iter().rev().find(|it| it.0 == name) {
            Some((_, slot)) => Ok(slot.clone()),
            None => Err(self.error(format_args!("undefined variable: {name}"))),
        }
    }
}
