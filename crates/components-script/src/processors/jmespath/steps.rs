//! How a query hears that its stream is given up.
//!
//! The interpreter has no place of its own to ask at, but it calls functions: the parts of a query that
//! run again and again, or take long, are wrapped into calls of one that asks and gives back what it
//! was given.

use std::cell::Cell;

use jmespath::ast::Ast;
use jmespath::functions::Function;
use jmespath::{Context, ErrorReason, JmespathError, Rcvar, Runtime, SearchResult};
use millrace_message::Halt;

/// The names of the function, which no query can call: one that asks at each call, and one that asks at
/// one of [`CALLS_UNASKED`].
const ASK: &str = "\0ask";
const ASK_SELDOM: &str = "\0ask seldom";
/// How many calls there are between two questions.
const CALLS_UNASKED: u32 = 64;

thread_local! {
    /// How often the function was called on this thread.
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// Asks whether the query is given up.
struct Ask {
    halt: Halt,
    is_seldom: bool,
}

impl Ask {
    fn is_over(&self) -> bool {
        if self.is_seldom {
            let calls = CALLS.get().wrapping_add(1);
            CALLS.set(calls);
            if !calls.is_multiple_of(CALLS_UNASKED) {
                return false;
            }
        }
        self.halt.is_asked()
    }
}

impl Function for Ask {
    fn evaluate(&self, arguments: &[Rcvar], cx: &mut Context<'_>) -> SearchResult {
        match arguments {
            [argument] if !self.is_over() => Ok(argument.clone()),
            _ => {
                let reason = ErrorReason::Parse(Halt::REASON.to_owned());
                Err(JmespathError::from_ctx(cx, reason))
            }
        }
    }
}

/// What queries of [`asking`] are interpreted with.
pub(super) fn runtime(halt: Halt) -> Runtime {
    let mut runtime = Runtime::new();
    runtime.register_builtin_functions();
    for (name, is_seldom) in [(ASK, false), (ASK_SELDOM, true)] {
        let halt = halt.clone();
        runtime.register_function(name, Box::new(Ask { halt, is_seldom }));
    }
    runtime
}

/// The query, which asks at each element of a projection, at each call of an expression, and behind
/// what makes lists longer; and how deep its steps nest.
pub(super) fn asking(query: &Ast) -> (Ast, usize) {
    let mut query = query.clone();
    let depth = wrap(&mut query);
    (query, depth)
}

/// Wraps what is below a node, or the node itself. Returns how deep it nests then.
fn wrap(node: &mut Ast) -> usize {
    1 + match node {
        Ast::Projection { lhs, rhs, .. } => {
            let (left, right) = (wrap(lhs), wrap(rhs));
            ask(rhs, ASK_SELDOM);
            left.max(right + 1)
        }
        Ast::Expref { ast, .. } => {
            let inner = wrap(ast);
            ask(ast, ASK_SELDOM);
            inner + 1
        }
        Ast::Flatten { node: inner, .. } => {
            let inner = wrap(inner);
            ask(node, ASK);
            inner + 1
        }
        Ast::Function { args, .. } => deepest(args.iter_mut()),
        Ast::MultiList { elements, .. } => deepest(elements.iter_mut()),
        Ast::MultiHash { elements, .. } => deepest(elements.iter_mut().map(|it| &mut it.value)),
        Ast::Not { node, .. } | Ast::ObjectValues { node, .. } => wrap(node),
        Ast::Condition {
            predicate: lhs,
            then: rhs,
            ..
        }
        | Ast::Comparison { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => wrap(lhs).max(wrap(rhs)),
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => 0,
    }
}

fn deepest<'a>(nodes: impl Iterator<Item = &'a mut Ast>) -> usize {
    nodes.map(wrap).max().unwrap_or(0)
}

/// Puts a node into a call of the function.
fn ask(node: &mut Ast, name: &str) {
    let inner = std::mem::replace(node, Ast::Identity { offset: 0 });
    *node = Ast::Function {
        offset: 0,
        name: name.to_owned(),
        args: vec![inner],
    };
}
