//! What each name is: a value or an array, of the program or of a function.

use std::collections::HashMap;

use crate::SyntaxError;
use crate::ast::{ActionPattern, Expr, Name, Statement, Tree};
use crate::code::SPECIALS;
use crate::host;
use crate::names::{Kind, Names};
use crate::token::Builtin;

type Result<T> = std::result::Result<T, SyntaxError>;

/// Finds what every name is.
///
/// # Errors
/// A name that is used in two ways, a function that is not there, and the like.
pub(crate) fn resolve(tree: &Tree, host: &[host::Function]) -> Result<Names> {
    let mut functions = HashMap::new();
    for (index, function) in tree.functions.iter().enumerate() {
        if functions.insert(&*function.name.text, index).is_some() {
            return error(
                &function.name,
                format!("function `{}` is defined twice", function.name.text),
            );
        }
    }
    let mut resolver = Resolver {
        tree,
        host,
        functions,
        names: Names::default(),
        function: None,
    };
    for (index, function) in tree.functions.iter().enumerate() {
        for parameter in &function.parameters {
            resolver.names.entry((Some(index), parameter.clone()));
        }
    }
    for (index, function) in tree.functions.iter().enumerate() {
        resolver.function = Some(index);
        resolver.block(&function.body)?;
    }
    resolver.function = None;
    for block in tree.begin.iter().chain(&tree.end) {
        resolver.block(block)?;
    }
    for action in &tree.actions {
        match &action.pattern {
            ActionPattern::Always => {}
            ActionPattern::When(it) => resolver.expression(it)?,
            ActionPattern::Range(begin, end) => {
                resolver.expression(begin)?;
                resolver.expression(end)?;
            }
        }
        resolver.block(action.body.as_deref().unwrap_or_default())?;
    }
    Ok(resolver.names)
}

fn error<T>(name: &Name, message: impl Into<String>) -> Result<T> {
    Err(SyntaxError::new(name.at, message))
}

struct Resolver<'a> {
    tree: &'a Tree,
    host: &'a [host::Function],
    functions: HashMap<&'a str, usize>,
    names: Names,
    function: Option<usize>,
}

impl<'a> Resolver<'a> {
    /// The entry of a name; nothing for a variable of the language.
    fn entry(&mut self, name: &Name) -> Result<Option<usize>> {
        let local = (self.function, name.text.clone());
        if self.function.is_some() && self.names.contains(&local) {
            return Ok(Some(self.names.entry(local)));
        }
        if SPECIALS.iter().any(|(it, _)| *it == name.text) {
            return Ok(None);
        }
        if self.functions.contains_key(&*name.text) {
            return error(
                name,
                format!("`{}` is a function, and cannot be a variable", name.text),
            );
        }
        let entry = self.names.entry((None, name.text.clone()));
        if ["ARGV", "ENVIRON", "FIELDS"].contains(&&*name.text) {
            self.names.set(entry, Kind::Array);
        }
        Ok(Some(entry))
    }

    fn set(&mut self, name: &Name, kind: Kind) -> Result<()> {
        let known = match self.entry(name)? {
            None => Kind::Scalar,
            Some(entry) => self.names.set(entry, kind),
        };
        match known == kind {
            true => Ok(()),
            false => conflict(name),
        }
    }

    /// Makes a variable and a parameter one.
    fn join(&mut self, name: &Name, parameter: usize) -> Result<()> {
        let is_one = match self.entry(name)? {
            Some(entry) => self.names.join(entry, parameter),
            None => self.names.set(parameter, Kind::Scalar) == Kind::Scalar,
        };
        match is_one {
            true => Ok(()),
            false => conflict(name),
        }
    }

    fn block(&mut self, block: &'a [Statement]) -> Result<()> {
        block.iter().try_for_each(|it| self.statement(it))
    }

    fn expressions(&mut self, list: impl IntoIterator<Item = &'a Expr>) -> Result<()> {
        list.into_iter().try_for_each(|it| self.expression(it))
    }

    fn statement(&mut self, statement: &'a Statement) -> Result<()> {
        match statement {
            Statement::Expression(it) => self.expression(it),
            Statement::Print(list) | Statement::Printf(list) => self.expressions(list),
            Statement::If(arms, otherwise) => {
                for (condition, block) in arms {
                    self.expression(condition)?;
                    self.block(block)?;
                }
                self.block(otherwise)
            }
            Statement::While(condition, body) | Statement::DoWhile(body, condition) => {
                self.expression(condition)?;
                self.block(body)
            }
            Statement::For {
                start,
                condition,
                step,
                body,
            } => {
                for part in [start, step].into_iter().flatten() {
                    self.statement(part)?;
                }
                self.expressions(condition)?;
                self.block(body)
            }
            Statement::ForIn {
                variable,
                array,
                body,
            } => {
                self.set(variable, Kind::Scalar)?;
                self.set(array, Kind::Array)?;
                self.block(body)
            }
            Statement::Block(block) => self.block(block),
            Statement::Delete(array, index) => {
                self.set(array, Kind::Array)?;
                self.expressions(index)
            }
            Statement::Exit(value) | Statement::Return(value) => self.expressions(value),
            Statement::Break | Statement::Continue | Statement::Next | Statement::NextFile => {
                Ok(())
            }
        }
    }

    fn expression(&mut self, expression: &'a Expr) -> Result<()> {
        match expression {
            Expr::Variable(name) => return self.set(name, Kind::Scalar),
            Expr::Element(array, _) | Expr::In(_, array) | Expr::Split { array, .. } => {
                self.set(array, Kind::Array)?;
            }
            // Its argument may be an array.
            Expr::Builtin(Builtin::Length, arguments) => {
                if let [Expr::Variable(name)] = &arguments[..] {
                    return self.entry(name).map(drop);
                }
            }
            Expr::Call(name, arguments) => return self.call(name, arguments),
            _ => {}
        }
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            self.expressions(expression.children())
        })
    }

    fn call(&mut self, name: &Name, arguments: &'a [Expr]) -> Result<()> {
        if self.function.is_some() {
            let local = (self.function, name.text.clone());
            if self.names.contains(&local) {
                return error(
                    name,
                    format!("`{}` is a parameter, and cannot be called", name.text),
                );
            }
        }
        let Some(&function) = self.functions.get(&*name.text) else {
            let Some(function) = self.host.iter().find(|it| it.name == name.text) else {
                return error(name, format!("there is no function `{}`", name.text));
            };
            check_count(name, arguments.len(), function.arguments_max)?;
            return self.expressions(arguments);
        };
        let parameters = &self.tree.functions[function].parameters;
        check_count(name, arguments.len(), parameters.len())?;
        for (argument, parameter) in arguments.iter().zip(parameters) {
            let entry = self.names.entry((Some(function), parameter.clone()));
            if let Expr::Variable(variable) = argument {
                self.join(variable, entry)?;
                continue;
            }
            if self.names.set(entry, Kind::Scalar) == Kind::Array {
                return error(
                    name,
                    format!("`{}` takes an array for `{parameter}`", name.text),
                );
            }
            self.expression(argument)?;
        }
        Ok(())
    }
}

fn check_count(name: &Name, given: usize, most: usize) -> Result<()> {
    match given > most {
        true => error(
            name,
            format!("`{}` takes at most {most} arguments", name.text),
        ),
        false => Ok(()),
    }
}

fn conflict<T>(name: &Name) -> Result<T> {
    error(
        name,
        format!("`{}` is used as an array and as a value", name.text),
    )
}
