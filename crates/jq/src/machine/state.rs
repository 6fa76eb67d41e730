//! What a run holds: values with their paths, variables, what is to be done next, and what is to
//! be tried when that is done.
//!
//! All of it lies in lists on the heap. They can be long, so they are dropped in loops.

use std::rc::Rc;

use millrace_message::{Text, Value};
use smallvec::SmallVec;

use crate::limits::Waiting;
use crate::program::{Alternative, Bind, Fold, Function, Member, Node, Pattern};

/// A value on its way; within `path(…)`, with the place it was found at.
#[derive(Clone)]
pub(super) struct Item<'p> {
    pub value: Value,
    pub origin: Option<Rc<Origin<'p>>>,
}

impl Item<'_> {
    /// A value whose path nobody asks for.
    pub fn plain(value: Value) -> Self {
        Self {
            value,
            origin: None,
        }
    }

    /// A copy whose path nobody asks for.
    pub fn without_path(&self) -> Self {
        Self::plain(self.value.clone())
    }

    /// Another value in its place.
    pub fn with(self, value: Value) -> Self {
        Self {
            value,
            origin: self.origin,
        }
    }
}

/// A place within the value that `path(…)` was asked about.
pub(super) struct Origin<'p> {
    pub value: Value,
    /// Nothing at the root.
    pub step: Option<(Value, Rc<Origin<'p>>)>,
    pub _waiting: Waiting<'p>,
}

impl Drop for Origin<'_> {
    fn drop(&mut self) {
        let mut step = self.step.take();
        while let Some((_, origin)) = step {
            step = Rc::into_inner(origin).and_then(|mut origin| origin.step.take());
        }
    }
}

/// What the names of a place stand for.
pub(super) type Env<'p> = Option<Rc<Scope<'p>>>;

/// A name that is bound, and those before it.
pub(super) struct Scope<'p> {
    pub binding: Binding<'p>,
    pub parent: Env<'p>,
    pub _waiting: Waiting<'p>,
}

#[derive(Clone)]
pub(super) enum Binding<'p> {
    Value(Value),
    /// An argument, and what its names stand for.
    Closure(&'p Node, Env<'p>),
    /// A function; its names stand for what they do in this scope.
    Function(&'p Function),
    Label(u64),
}

/// Scopes that are to be let go of.
type Pending<'p> = SmallVec<[Rc<Scope<'p>>; 4]>;

impl<'p> Scope<'p> {
    /// Moves all scopes that this one holds. Whether it is the last to hold them is found out one
    /// by one: two links may lead to the same scope, on different ways.
    fn unlink(&mut self, pending: &mut Pending<'p>) {
        pending.extend(self.parent.take());
        if let Binding::Closure(_, env) = &mut self.binding {
            pending.extend(env.take());
        }
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let mut pending = Pending::new();
        self.unlink(&mut pending);
        while let Some(scope) = pending.pop() {
            if let Some(mut scope) = Rc::into_inner(scope) {
                scope.unlink(&mut pending);
            }
        }
    }
}

/// What is done with a value once it is there.
pub(super) struct Cont<'p> {
    pub frame: Frame<'p>,
    pub next: Next<'p>,
    pub _waiting: Waiting<'p>,
}

/// The rest of the program; nothing when the value is a result.
#[derive(Clone, Default)]
pub(super) struct Next<'p>(pub Option<Rc<Cont<'p>>>);

impl Drop for Next<'_> {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(cont) = next {
            next = Rc::into_inner(cont).and_then(|mut cont| cont.next.0.take());
        }
    }
}

/// Numbers are places in the stack of forks.
#[derive(Clone)]
pub(super) enum Frame<'p> {
    Pipe(&'p [Node], Env<'p>),
    Index(&'p Value),
    IndexWith(Value),
    /// The key has come; the target is next.
    Key(&'p Node, Item<'p>, Env<'p>),
    Iterate,
    /// Takes the value into the array of a fork.
    Append(usize),
    ObjectKey(Members<'p>),
    ObjectValue(Members<'p>, Text),
    Argument(Arguments<'p>),
    If(&'p Node, &'p Node, Item<'p>, Env<'p>),
    TryEnd(usize),
    Truth(usize),
    /// One of the values that are counted; whether only the last one goes on.
    Counted(usize, bool),
    /// The initial value of `reduce`, then of `foreach`.
    ReduceInit(usize, &'p Fold, Item<'p>, Env<'p>),
    ForeachInit(&'p Fold, Item<'p>, Env<'p>),
    FoldSource(usize, &'p Fold, Env<'p>),
    ReduceSet(usize),
    ForeachSet(usize, &'p Fold, Env<'p>),
    Bind(&'p Bind, Item<'p>, Env<'p>),
    MemberKey(&'p Member, Value, Box<Matching<'p>>),
    PathEnd(Option<Rc<Origin<'p>>>),
    GetPath(Item<'p>),
    ModifyPath(usize, &'p Node, Env<'p>),
    ModifySet(usize, usize, Value),
    Parameter(Parameters<'p>),
}

/// An object that is being made.
#[derive(Clone)]
pub(super) struct Members<'p> {
    pub nodes: &'p [(Node, Node)],
    pub done: Vec<(Text, Value)>,
    pub item: Item<'p>,
    pub env: Env<'p>,
}

/// Arguments of a native function that are being evaluated, the last one first.
#[derive(Clone)]
pub(super) struct Arguments<'p> {
    pub node: &'p Node,
    pub done: Vec<Value>,
    pub item: Item<'p>,
    pub env: Env<'p>,
}

/// Parameters that are variables and get their values.
#[derive(Clone)]
pub(super) struct Parameters<'p> {
    pub function: &'p Function,
    pub arguments: &'p [Node],
    pub position: usize,
    pub item: Item<'p>,
    /// Of the caller.
    pub outer: Env<'p>,
    /// Of the function.
    pub env: Env<'p>,
}

/// A value that is being taken apart.
#[derive(Clone)]
pub(super) struct Matching<'p> {
    /// The last one is next.
    pub work: Vec<Work<'p>>,
    pub env: Env<'p>,
    pub then: Then<'p>,
}

#[derive(Clone)]
pub(super) enum Work<'p> {
    Pattern(&'p Pattern, Value),
    Member(&'p Member, Value),
}

/// What follows when a value is taken apart.
#[derive(Clone)]
pub(super) enum Then<'p> {
    Body(&'p Bind, &'p Alternative, Item<'p>, Env<'p>),
    Reduce(usize, &'p Fold),
    Foreach(usize, &'p Fold),
}

/// What is to be tried next, or is kept for what does.
pub(super) enum Fork<'p> {
    Comma(&'p [Node], Item<'p>, Env<'p>, Next<'p>),
    Elements(std::vec::IntoIter<Value>, usize, Item<'p>, Next<'p>),
    Members(std::vec::IntoIter<(Text, Value)>, Item<'p>, Next<'p>),
    Range(Value, Value, Value, Item<'p>, Next<'p>),
    Collect(Vec<Value>, Item<'p>, Next<'p>),
    Reduce(Item<'p>, Next<'p>),
    Foreach(Item<'p>),
    /// Whether the left side has given anything; then it was enough.
    Alternative(bool, &'p Node, Item<'p>, Env<'p>, Next<'p>),
    Try(Option<&'p Node>, Item<'p>, Env<'p>, Next<'p>),
    /// What follows the `try` of that fork: its errors are not those of the `try`.
    TryEnd(usize),
    Label(u64),
    /// How many more values are let through.
    Limit(f64),
    /// Other patterns, should something fail with the one before.
    Patterns(&'p Bind, usize, Value, Item<'p>, Env<'p>, Next<'p>),
    Modify(Value, Vec<Value>, Item<'p>, Next<'p>),
    /// Nothing has come for a path: it is deleted.
    Delete(usize, Value),
}

/// What the machine does next.
pub(super) enum State<'p> {
    Eval(&'p Node, Item<'p>, Env<'p>, Next<'p>),
    Return(Item<'p>, Next<'p>),
    Backtrack,
}
