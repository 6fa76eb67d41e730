//! The kinds of variables.
//!
//! A variable that is passed to a function and the parameter it becomes are of one kind, so both
//! share one entry of a union-find; uses give entries their kinds.

use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Array,
}

/// Whose variable it is: of the function at a place, or of the program.
pub(crate) type Key = (Option<usize>, String);

#[derive(Default)]
pub(crate) struct Names {
    entries: HashMap<Key, usize>,
    parents: Vec<usize>,
    kinds: Vec<Option<Kind>>,
}

impl Names {
    /// The kind of a variable; one that is used as neither is a value.
    pub fn kind(&self, function: Option<usize>, name: &str) -> Kind {
        let entry = self.entries.get(&(function, name.to_owned()));
        let kind = entry.and_then(|it| self.kinds[self.root(*it)]);
        kind.unwrap_or(Kind::Scalar)
    }

    /// The variables of the program, in order of their names.
    pub fn globals(&self) -> Vec<&str> {
        let globals = self.entries.keys().filter(|(owner, _)| owner.is_none());
        let mut names: Vec<&str> = globals.map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The entry of a variable, which is made when there is none.
    pub fn entry(&mut self, key: Key) -> usize {
        *self.entries.entry(key).or_insert_with(|| {
            self.parents.push(self.parents.len());
            self.kinds.push(None);
            self.parents.len() - 1
        })
    }

    fn root(&self, mut entry: usize) -> usize {
        while self.parents[entry] != entry {
            entry = self.parents[entry];
        }
        entry
    }

    pub fn contains(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// Gives an entry a kind unless it has one; says which it has then.
    pub fn set(&mut self, entry: usize, kind: Kind) -> Kind {
        let root = self.root(entry);
        *self.kinds[root].get_or_insert(kind)
    }

    /// Makes two entries one; false when they are of two kinds.
    pub fn join(&mut self, one: usize, other: usize) -> bool {
        let (from, to) = (self.root(one), self.root(other));
        match (self.kinds[from], self.kinds[to]) {
            (Some(a), Some(b)) if a != b => return false,
            (a, b) => self.kinds[to] = a.or(b),
        }
        self.parents[from] = to;
        true
    }
}
