//! From the tree of a text to a program: names are resolved, abbreviations written out.

use std::cell::Cell;

use millrace_message::Value;

use crate::ast::{Ast, Definition, Kind as Written, Operator, Part};
use crate::error::SyntaxError;
use crate::natives;
use crate::prelude::{self, Signature};
use crate::program::{Fold, Function, Kind, Node, Parameter, Program};
use scope::{Name, Scope};

mod patterns;
mod scope;
mod updates;

/// Compiles a program; `variables` are those that the caller gives a value.
pub(crate) fn compile(query: &Ast, variables: &[&str]) -> Result<Program, SyntaxError> {
    let prelude = prelude::signatures();
    let mut compiler = Compiler::new(&prelude.0);
    for name in variables {
        compiler.scope.push(Name::Variable((*name).to_owned()));
    }
    let root = compiler.node(query)?;
    Ok(Program {
        root,
        variables: variables.len(),
    })
}

/// Compiles a definition of the prelude, which sees the whole prelude and nothing else.
pub(crate) fn compile_definition(
    definition: &Definition,
    prelude: &[Signature],
) -> Result<Function, SyntaxError> {
    Compiler::new(prelude).function(definition)
}

struct Compiler<'p> {
    scope: Scope,
    prelude: &'p [Signature],
}

impl<'p> Compiler<'p> {
    fn new(prelude: &'p [Signature]) -> Self {
        Self {
            scope: Scope::default(),
            prelude,
        }
    }

    fn node(&mut self, ast: &Ast) -> Result<Node, SyntaxError> {
        stacker::maybe_grow(128 * 1024, 1024 * 1024, || self.node_of(ast))
    }

    fn boxed(&mut self, ast: &Ast) -> Result<Box<Node>, SyntaxError> {
        self.node(ast).map(Box::new)
    }

    fn nodes(&mut self, all: &[Ast]) -> Result<Box<[Node]>, SyntaxError> {
        all.iter().map(|ast| self.node(ast)).collect()
    }

    /// Compiles within a scope of its own: what it binds is not seen afterwards.
    fn scoped<T>(
        &mut self,
        compile: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        let before = self.scope.len();
        let compiled = compile(self);
        self.scope.truncate(before);
        compiled
    }

    fn node_of(&mut self, ast: &Ast) -> Result<Node, SyntaxError> {
        let kind = match &ast.kind {
            Written::Identity => Kind::Identity,
            Written::Recurse => return self.call(ast, "recurse", &[]),
            Written::Literal(value) => Kind::Literal(value.clone()),
            Written::Variable(name) => return self.variable(ast, name),
            Written::Text(format, parts) => return self.text(ast, format.as_deref(), parts),
            Written::Format(name) => return self.format(ast, name),
            Written::Index(target, key) => self.index(target, key)?,
            Written::Slice(target, start, end) => {
                self.slice(target, start.as_deref(), end.as_deref())?
            }
            Written::Iterate(target) => Kind::Iterate(self.boxed(target)?),
            Written::Optional(term) => return self.optional(term),
            Written::Array(None) => Kind::Literal(Value::Array(Default::default())),
            Written::Array(Some(body)) => Kind::Array(self.boxed(body)?),
            Written::Object(members) => self.object(members)?,
            Written::Call(name, arguments) => return self.call(ast, name, arguments),
            Written::Negate(term) => return self.unary("_negate", term),
            Written::Plus(term) => return self.unary("_plus", term),
            Written::Pipe(steps) if steps.len() == 1 => return self.node(&steps[0]),
            Written::Pipe(steps) => Kind::Pipe(self.nodes(steps)?),
            Written::Comma(parts) => Kind::Comma(self.nodes(parts)?),
            Written::Binary(operator, left, right) => return self.binary(*operator, left, right),
            Written::Update(operator, paths, update) => {
                return self.update(*operator, paths, update);
            }
            Written::Assign(paths, value) => return self.assign(paths, value),
            Written::If(cases, otherwise) => return self.condition(cases, otherwise.as_deref()),
            Written::Try(body, handler) => {
                let handler = handler.as_ref().map(|it| self.boxed(it)).transpose()?;
                Kind::Try(self.boxed(body)?, handler)
            }
            Written::Reduce(source, pattern, init, update) => {
                Kind::Reduce(Box::new(self.fold(source, pattern, init, update, None)?))
            }
            Written::Foreach(source, pattern, init, update, extract) => {
                let extract = extract.as_deref();
                Kind::Foreach(Box::new(self.fold(source, pattern, init, update, extract)?))
            }
            Written::Bind(source, patterns, body) => self.bind(source, patterns, body)?,
            Written::Label(name, body) => Kind::Label(self.scoped(|compiler| {
                compiler.scope.push(Name::Label(name.clone()));
                compiler.boxed(body)
            })?),
            Written::Break(name) => match self.scope.label(name) {
                Some(distance) => Kind::Break(distance),
                None => return Err(error(ast, format!("there is no label `${name}`"))),
            },
            Written::Define(definition, body) => self.scoped(|compiler| {
                let function = Box::new(compiler.function(definition)?);
                compiler.scope.push(Name::of(definition));
                Ok(Kind::Define(function, compiler.boxed(body)?))
            })?,
        };
        Ok(Node::new(kind))
    }

    /// A slice is an index by an object with `start` and `end`, as it stands in paths.
    fn slice(
        &mut self,
        target: &Ast,
        start: Option<&Ast>,
        end: Option<&Ast>,
    ) -> Result<Kind, SyntaxError> {
        let target = self.boxed(target)?;
        let mut bounds = Vec::with_capacity(2);
        for (name, bound) in [("start", start), ("end", end)] {
            let bound = match bound {
                Some(ast) => self.node(ast)?,
                None => Node::literal(Value::Null),
            };
            bounds.push((Node::literal(Value::from(name)), bound));
        }
        let bounds = Node::new(Kind::Object(bounds.into()));
        Ok(Kind::IndexBy(target, Box::new(bounds)))
    }

    fn variable(&mut self, ast: &Ast, name: &str) -> Result<Node, SyntaxError> {
        match self.scope.variable(name) {
            Some(distance) => Ok(Node::new(Kind::Variable(distance))),
            None if name == "ENV" => Ok(Node::literal(Value::Object(Default::default()))),
            None => Err(error(ast, format!("there is no variable `${name}`"))),
        }
    }

    fn index(&mut self, target: &Ast, key: &Ast) -> Result<Kind, SyntaxError> {
        let target = self.boxed(target)?;
        let key = self.node(key)?;
        Ok(match key.kind {
            Kind::Literal(value) => Kind::Index(target, value),
            _ => Kind::IndexBy(target, Box::new(key)),
        })
    }

    /// `?` is about the last step of a term: the errors of those before it go on.
    fn optional(&mut self, term: &Ast) -> Result<Node, SyntaxError> {
        let identity = || Ast::boxed(Written::Identity, term.range.clone());
        let (before, last) = match term.kind.clone() {
            Written::Index(target, key) => (target, Written::Index(identity(), key)),
            Written::Slice(target, start, end) => (target, Written::Slice(identity(), start, end)),
            Written::Iterate(target) => (target, Written::Iterate(identity())),
            _ => return Ok(Node::new(Kind::Try(self.boxed(term)?, None))),
        };
        let last = Ast::new(last, term.range.clone());
        let last = Node::new(Kind::Try(self.boxed(&last)?, None));
        Ok(match before.kind {
            Written::Identity => last,
            _ => Node::new(Kind::Pipe(Box::new([self.node(&before)?, last]))),
        })
    }

    fn object(&mut self, members: &[(Ast, Ast)]) -> Result<Kind, SyntaxError> {
        if members.is_empty() {
            return Ok(Kind::Literal(Value::Object(Default::default())));
        }
        let mut compiled = Vec::with_capacity(members.len());
        for (key, value) in members {
            compiled.push((self.node(key)?, self.node(value)?));
        }
        Ok(Kind::Object(compiled.into()))
    }

    fn unary(&mut self, name: &str, term: &Ast) -> Result<Node, SyntaxError> {
        let term = self.node(term)?;
        if let (Kind::Literal(Value::I64(integer)), "_negate") = (&term.kind, name) {
            return Ok(Node::literal(Value::I64(-integer)));
        }
        let native = Node::new(Kind::Native(natives::internal(name), Box::new([])));
        Ok(Node::new(Kind::Pipe(Box::new([term, native]))))
    }

    fn binary(&mut self, operator: Operator, left: &Ast, right: &Ast) -> Result<Node, SyntaxError> {
        let left = self.node(left)?;
        let right = self.node(right)?;
        Ok(operation(operator, left, right))
    }

    fn condition(
        &mut self,
        cases: &[(Ast, Ast)],
        otherwise: Option<&Ast>,
    ) -> Result<Node, SyntaxError> {
        let mut chain = match otherwise {
            Some(otherwise) => self.node(otherwise)?,
            None => Node::new(Kind::Identity),
        };
        for (condition, then) in cases.iter().rev() {
            let (condition, then) = (self.boxed(condition)?, self.boxed(then)?);
            chain = Node::new(Kind::If(condition, then, Box::new(chain)));
        }
        Ok(chain)
    }

    fn fold(
        &mut self,
        source: &Ast,
        pattern: &crate::ast::Pattern,
        init: &Ast,
        update: &Ast,
        extract: Option<&Ast>,
    ) -> Result<Fold, SyntaxError> {
        let init = self.node(init)?;
        let source = self.node(source)?;
        self.scoped(|compiler| {
            let pattern = compiler.pattern(pattern)?;
            let update = compiler.node(update)?;
            let extract = extract.map(|it| compiler.node(it)).transpose()?;
            Ok(Fold {
                source,
                pattern,
                init,
                update,
                extract,
            })
        })
    }

    /// Compiles a function; it sees itself, then its parameters.
    fn function(&mut self, definition: &Definition) -> Result<Function, SyntaxError> {
        self.scoped(|compiler| {
            compiler.scope.push(Name::of(definition));
            let first = compiler.scope.len();
            for parameter in &definition.parameters {
                let name = Name::Parameter(parameter.name.clone(), Cell::new(false));
                compiler.scope.push(name);
            }
            for parameter in definition.parameters.iter().filter(|it| it.is_variable) {
                let name = parameter.name.clone();
                compiler.scope.push(Name::Variable(name));
            }
            let body = compiler.node(&definition.body)?;
            let parameters = definition.parameters.iter().enumerate();
            let parameters = parameters.map(|(position, parameter)| Parameter {
                is_variable: parameter.is_variable,
                is_called: compiler.scope.is_called(first + position),
            });
            Ok(Function {
                parameters: parameters.collect(),
                body,
            })
        })
    }

    /// A call: of what the program defines, else of the prelude, else of what is built in.
    fn call(&mut self, ast: &Ast, name: &str, arguments: &[Ast]) -> Result<Node, SyntaxError> {
        let count = arguments.len();
        if let Some((distance, is_parameter)) = self.scope.function(name, count) {
            return Ok(Node::new(match is_parameter {
                true => Kind::CallParameter(distance),
                false => Kind::Call(distance, self.nodes(arguments)?),
            }));
        }
        let is_called = |it: &Signature| it.name == name && it.parameters == count;
        if let Some(position) = self.prelude.iter().position(is_called) {
            let arguments = self.nodes(arguments)?;
            return Ok(Node::new(Kind::CallPrelude(position, arguments)));
        }
        let kind = match (name, arguments) {
            ("empty", []) => Kind::Empty,
            ("env", []) => Kind::Literal(Value::Object(Default::default())),
            ("path", [path]) => Kind::Path(self.boxed(path)?),
            ("_limit" | "_nth", [count, body]) => {
                let (count, body) = (self.boxed(count)?, self.boxed(body)?);
                if !count.is_direct {
                    return Err(error(ast, format!("there is no function `{name}/2`")));
                }
                Kind::Limit(count, body, name == "_nth")
            }
            ("getpath", [path]) => Kind::GetPath(self.boxed(path)?),
            ("builtins", []) => Kind::Literal(prelude::builtins(self.prelude)),
            ("input" | "inputs", []) => {
                return Err(error(ast, format!("`{name}` has nothing to read here")));
            }
            _ => match natives::find(name, count) {
                Some(native) => Kind::Native(native, self.nodes(arguments)?),
                None => {
                    return Err(error(ast, format!("there is no function `{name}/{count}`")));
                }
            },
        };
        Ok(Node::new(kind))
    }

    fn format(&mut self, ast: &Ast, name: &str) -> Result<Node, SyntaxError> {
        match natives::format(name) {
            Some(native) => Ok(Node::new(Kind::Native(native, Box::new([])))),
            None => Err(error(ast, format!("there is no format `{name}`"))),
        }
    }

    /// A text is the sum of its pieces.
    fn text(
        &mut self,
        ast: &Ast,
        format: Option<&str>,
        parts: &[Part],
    ) -> Result<Node, SyntaxError> {
        let format = self.format(ast, format.unwrap_or("@text"))?;
        let Kind::Native(format, _) = format.kind else {
            unreachable!("a format is compiled to a native function");
        };
        let mut pieces = Vec::with_capacity(parts.len());
        for part in parts {
            pieces.push(match part {
                Part::Literal(text) => Node::literal(Value::from(text.as_str())),
                Part::Query(query) => {
                    let format = Node::new(Kind::Native(format, Box::new([])));
                    Node::new(Kind::Pipe(Box::new([self.node(query)?, format])))
                }
            });
        }
        let join = natives::internal("_concat");
        Ok(Node::new(Kind::Native(join, pieces.into())))
    }
}

fn error(ast: &Ast, reason: String) -> SyntaxError {
    SyntaxError::new(ast.range.clone(), reason)
}

/// An operation of two operands.
fn operation(operator: Operator, left: Node, right: Node) -> Node {
    let truth = |of: bool| Box::new(Node::literal(Value::Bool(of)));
    let to_bool = |node| {
        Box::new(Node::new(Kind::If(
            Box::new(node),
            truth(true),
            truth(false),
        )))
    };
    let name = match operator {
        Operator::Alternative => {
            return Node::new(Kind::Alternative(Box::new(left), Box::new(right)));
        }
        Operator::Or => {
            return Node::new(Kind::If(Box::new(left), truth(true), to_bool(right)));
        }
        Operator::And => {
            return Node::new(Kind::If(Box::new(left), to_bool(right), truth(false)));
        }
        Operator::Equal => "_equal",
        Operator::NotEqual => "_notequal",
        Operator::Less => "_less",
        Operator::LessOrEqual => "_lesseq",
        Operator::Greater => "_greater",
        Operator::GreaterOrEqual => "_greatereq",
        Operator::Add => "_add",
        Operator::Subtract => "_subtract",
        Operator::Multiply => "_multiply",
        Operator::Divide => "_divide",
        Operator::Modulo => "_modulo",
    };
    Node::new(Kind::Native(
        natives::internal(name),
        Box::new([left, right]),
    ))
}
