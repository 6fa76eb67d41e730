//! Bindings of variables.

use super::Compiler;
use super::scope::Name;
use crate::ast::{Ast, Pattern as Written, PatternMember};
use crate::error::SyntaxError;
use crate::program::{Alternative, Bind, Kind, Member, Pattern};

impl Compiler<'_> {
    /// Compiles a pattern and binds its variables.
    pub(super) fn pattern(&mut self, pattern: &Written) -> Result<Pattern, SyntaxError> {
        Ok(match pattern {
            Written::Variable(name) => {
                self.scope.push(Name::Variable(name.clone()));
                Pattern::Variable
            }
            Written::Array(elements) => {
                let elements = elements.iter().map(|it| self.pattern(it));
                Pattern::Array(elements.collect::<Result<_, _>>()?)
            }
            Written::Object(members) => {
                let members = members.iter().map(|it| self.member(it));
                Pattern::Object(members.collect::<Result<_, _>>()?)
            }
        })
    }

    fn member(&mut self, member: &PatternMember) -> Result<Member, SyntaxError> {
        let key = self.node(&member.key)?;
        if let Some(name) = &member.variable {
            self.scope.push(Name::Variable(name.clone()));
        }
        let pattern = member.pattern.as_ref().map(|it| self.pattern(it));
        Ok(Member {
            key,
            is_variable: member.variable.is_some(),
            pattern: pattern.transpose()?,
        })
    }

    pub(super) fn bind(
        &mut self,
        source: &Ast,
        patterns: &[Written],
        body: &Ast,
    ) -> Result<Kind, SyntaxError> {
        let source = self.node(source)?;
        let (alternatives, body) = self.scoped(|compiler| match patterns {
            [pattern] => {
                let pattern = compiler.pattern(pattern)?;
                let alternative = Alternative {
                    pattern,
                    exports: None,
                };
                Ok((vec![alternative], compiler.node(body)?))
            }
            _ => compiler.alternatives(patterns, body),
        })?;
        Ok(Kind::Bind(Box::new(Bind {
            source,
            alternatives: alternatives.into(),
            body,
        })))
    }

    /// Each pattern binds the variables of all; those of the others are null.
    fn alternatives(
        &mut self,
        patterns: &[Written],
        body: &Ast,
    ) -> Result<(Vec<Alternative>, crate::program::Node), SyntaxError> {
        let mut names = Vec::new();
        for pattern in patterns {
            collect(pattern, &mut names);
        }
        let mut alternatives = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let mut own = Vec::new();
            collect(pattern, &mut own);
            alternatives.push(self.scoped(|compiler| {
                let pattern = compiler.pattern(pattern)?;
                let exports = names.iter().map(|name| {
                    let is_own = own.contains(name);
                    is_own.then(|| compiler.scope.variable(name)).flatten()
                });
                Ok(Alternative {
                    pattern,
                    exports: Some(exports.collect()),
                })
            })?);
        }
        for name in names {
            self.scope.push(Name::Variable(name));
        }
        Ok((alternatives, self.node(body)?))
    }
}

/// The variables of a pattern, each once.
fn collect(pattern: &Written, names: &mut Vec<String>) {
    let add = |names: &mut Vec<String>, name: &String| {
        if !names.contains(name) {
            names.push(name.clone());
        }
    };
    match pattern {
        Written::Variable(name) => add(names, name),
        Written::Array(elements) => {
            for element in elements {
                collect(element, names);
            }
        }
        Written::Object(members) => {
            for member in members {
                if let Some(name) = &member.variable {
                    add(names, name);
                }
                if let Some(pattern) = &member.pattern {
                    collect(pattern, names);
                }
            }
        }
    }
}
