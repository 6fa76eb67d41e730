//! The names that are seen at a place of a program.

use std::cell::Cell;

use crate::ast::Definition;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Variable(String),
    /// A parameter, which is called without arguments, and whether anything calls it.
    Parameter(String, Cell<bool>),
    /// A function with so many parameters.
    Function(String, usize),
    Label(String),
}

impl Name {
    pub fn of(definition: &Definition) -> Self {
        Self::Function(definition.name.clone(), definition.parameters.len())
    }
}

/// All that is bound, the last one last: a run binds in the same order.
#[derive(Debug, Default)]
pub(super) struct Scope(Vec<Name>);

impl Scope {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn push(&mut self, name: Name) {
        self.0.push(name);
    }

    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    fn find<T>(&self, mut is: impl FnMut(&Name) -> Option<T>) -> Option<(usize, T)> {
        let mut names = self.0.iter().rev().enumerate();
        names.find_map(|(distance, name)| Some((distance, is(name)?)))
    }

    /// Whether anything has called the parameter at this position from the start.
    pub fn is_called(&self, position: usize) -> bool {
        matches!(self.0.get(position), Some(Name::Parameter(_, is_called)) if is_called.get())
    }

    pub fn variable(&self, name: &str) -> Option<usize> {
        let found = self.find(|it| matches!(it, Name::Variable(it) if it == name).then_some(()));
        found.map(|(distance, ())| distance)
    }

    pub fn label(&self, name: &str) -> Option<usize> {
        let found = self.find(|it| matches!(it, Name::Label(it) if it == name).then_some(()));
        found.map(|(distance, ())| distance)
    }

    /// The function, and whether it is a parameter.
    pub fn function(&self, name: &str, parameters: usize) -> Option<(usize, bool)> {
        self.find(|it| match it {
            Name::Parameter(it, is_called) => (it == name && parameters == 0).then(|| {
                is_called.set(true);
                true
            }),
            Name::Function(it, count) => (it == name && *count == parameters).then_some(false),
            _ => None,
        })
    }
}
