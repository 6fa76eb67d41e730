//! Assignments, written out.

use millrace_message::Value;

use super::scope::Name;
use super::{Compiler, operation};
use crate::ast::{Ast, Kind as Written, Operator};
use crate::error::SyntaxError;
use crate::natives;
use crate::program::{Alternative, Bind, Fold, Kind, Node, Pattern};

/// The names of the variables that an assignment binds: no program can write them.
const HIDDEN: &str = "%value";
const HIDDEN_PATH: &str = "%path";

impl Compiler<'_> {
    /// `paths = value`: for each value, it is set at each path.
    pub(super) fn assign(&mut self, paths: &Ast, value: &Ast) -> Result<Node, SyntaxError> {
        let written = written_path(paths);
        self.with_value(value, |compiler| {
            if let Some(path) = written {
                let arguments = [Node::literal(path), Node::new(Kind::Variable(0))];
                let set = Kind::Native(natives::internal("setpath"), Box::new(arguments));
                return Ok(Node::new(set));
            }
            let source = Node::new(Kind::Path(compiler.boxed(paths)?));
            compiler.scope.push(Name::Variable(HIDDEN_PATH.to_owned()));
            let arguments = [Kind::Variable(0), Kind::Variable(1)].map(Node::new);
            let set = Kind::Native(natives::internal("setpath"), Box::new(arguments));
            Ok(Node::new(Kind::Reduce(Box::new(Fold {
                source,
                pattern: Pattern::Variable,
                init: Node::new(Kind::Identity),
                update: Node::new(set),
                extract: None,
            }))))
        })
    }

    /// `paths |= update`, and `paths += value` for each value.
    pub(super) fn update(
        &mut self,
        operator: Option<Operator>,
        paths: &Ast,
        update: &Ast,
    ) -> Result<Node, SyntaxError> {
        let Some(operator) = operator else {
            let modify = Kind::Modify(self.boxed(paths)?, self.boxed(update)?);
            return Ok(Node::new(modify));
        };
        self.with_value(update, |compiler| {
            let paths = compiler.boxed(paths)?;
            let (old, value) = (Node::new(Kind::Identity), Node::new(Kind::Variable(0)));
            let update = Box::new(operation(operator, old, value));
            Ok(Node::new(Kind::Modify(paths, update)))
        })
    }

    /// `value as $value | body`
    fn with_value(
        &mut self,
        value: &Ast,
        body: impl FnOnce(&mut Self) -> Result<Node, SyntaxError>,
    ) -> Result<Node, SyntaxError> {
        let source = self.node(value)?;
        self.scoped(|compiler| {
            compiler.scope.push(Name::Variable(HIDDEN.to_owned()));
            let alternative = Alternative {
                pattern: Pattern::Variable,
                exports: None,
            };
            Ok(Node::new(Kind::Bind(Box::new(Bind {
                source,
                alternatives: Box::new([alternative]),
                body: body(compiler)?,
            }))))
        })
    }
}

/// The path that a term writes out, key by key, as in `.a[0]."b"`.
fn written_path(term: &Ast) -> Option<Value> {
    let mut path = Vec::new();
    let mut term = term;
    while let Written::Index(target, key) = &term.kind {
        match &key.kind {
            Written::Literal(key) => path.push(key.clone()),
            _ => return None,
        }
        term = target;
    }
    path.reverse();
    matches!(term.kind, Written::Identity).then(|| Value::from(path))
}
