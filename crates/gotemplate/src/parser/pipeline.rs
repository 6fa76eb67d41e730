//! Pipelines: commands, their operands, variables that take their value.

use std::sync::Arc;

use millrace_bloblang::quote;
use millrace_diagnostics::did_you_mean;
use millrace_message::Text;

use super::{Parse, Parser};
use crate::ast::{Command, Constant, Operand, OperandKind, Pipe, Variable};
use crate::literal::Number;
use crate::token::{Keyword, Kind, Token};

impl Parser<'_> {
    /// A pipeline and the token that ends it.
    pub(super) fn pipeline(&mut self, context: &str, end: &Kind) -> Parse<Pipe> {
        let first = self.peek_non_space().clone();
        let (variables, assigns) = self.declarations(context)?;
        let mut commands = Vec::new();
        loop {
            let token = self.peek_non_space().clone();
            if token.kind == *end {
                self.take();
                break;
            }
            match token.kind {
                Kind::Bool
                | Kind::CharConstant
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Keyword(Keyword::Nil)
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => commands.push(self.command()?),
                _ => return Err(self.unexpected(&token, context)),
            }
        }
        if commands.is_empty() {
            return Err(self.error_at(&first, format!("missing value for {context}")));
        }
        for (index, command) in commands.iter().enumerate().skip(1) {
            if let OperandKind::Bool(_)
            | OperandKind::Dot
            | OperandKind::Nil
            | OperandKind::Number(_)
            | OperandKind::Text { .. } = command.operands[0].kind
            {
                let stage = index + 1;
                let place = command.at..command.at + 1;
                return Err(self.error(
                    place,
                    format!("non executable command in pipeline stage {stage}"),
                ));
            }
        }
        Ok(Pipe {
            at: first.start,
            variables,
            assigns,
            commands,
        })
    }

    /// The variables before `:=` or `=`.
    fn declarations(&mut self, context: &str) -> Parse<(Vec<Variable>, bool)> {
        let mut variables = Vec::new();
        loop {
            let token = self.peek_non_space().clone();
            if token.kind != Kind::Variable {
                return Ok((variables, false));
            }
            let start = self.next;
            self.take();
            let next = self.peek_non_space().clone();
            let name: Arc<str> = Arc::from(self.text_of(&token));
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    self.take();
                    self.variables.push(Arc::clone(&name));
                    variables.push(Variable { name });
                    return Ok((variables, next.kind == Kind::Assign));
                }
                Kind::Char if self.text_of(&next) == "," => {
                    self.take();
                    self.variables.push(Arc::clone(&name));
                    variables.push(Variable { name });
                    if context != "range" || variables.len() > 1 {
                        let message = format!("too many declarations in {context}");
                        return Err(self.error_at(&token, message));
                    }
                    let second = self.peek_non_space().clone();
                    if !matches!(
                        second.kind,
                        Kind::Variable | Kind::RightDelimiter | Kind::RightParen
                    ) {
                        let message = "range can only initialize variables";
                        return Err(self.error_at(&second, message));
                    }
                }
                _ => {
                    self.next = start;
                    return Ok((variables, false));
                }
            }
        }
    }

    /// Operands up to a pipe, which it takes, or to what ends the pipeline.
    fn command(&mut self) -> Parse<Command> {
        let at = self.peek_non_space().start;
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.peek().clone();
            match token.kind {
                Kind::Space => {
                    self.take();
                }
                Kind::RightDelimiter | Kind::RightParen => break,
                Kind::Pipe => {
                    self.take();
                    break;
                }
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        if operands.is_empty() {
            let token = self.peek().clone();
            return Err(self.error_at(&token, "empty command"));
        }
        Ok(Command { at, operands })
    }

    /// A term and the fields that are taken of it.
    fn operand(&mut self) -> Parse<Option<Operand>> {
        let first = self.peek().clone();
        let Some(mut term) = self.term()? else {
            return Ok(None);
        };
        let at = self.peek().start;
        let mut fields: Vec<Arc<str>> = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.take();
            fields.push(Arc::from(&self.text_of(&token)[1..]));
        }
        if fields.is_empty() {
            return Ok(Some(term));
        }
        match &mut term.kind {
            OperandKind::Field(before) | OperandKind::Variable { fields: before, .. } => {
                before.append(&mut fields);
                // Where Go says that such an operand is.
                term.at = at;
                Ok(Some(term))
            }
            OperandKind::Bool(_)
            | OperandKind::Text { .. }
            | OperandKind::Number(_)
            | OperandKind::Nil
            | OperandKind::Dot => {
                let shown = quote(&term.to_string());
                Err(self.error_at(&first, format!("unexpected . after term {shown}")))
            }
            _ => Ok(Some(Operand {
                at,
                kind: OperandKind::Chain {
                    inner: Box::new(term),
                    fields,
                },
            })),
        }
    }

    fn term(&mut self) -> Parse<Option<Operand>> {
        let token = self.peek().clone();
        let kind = match token.kind {
            Kind::Identifier => self.function(&token)?,
            Kind::Dot => OperandKind::Dot,
            Kind::Keyword(Keyword::Nil) => OperandKind::Nil,
            Kind::Variable => self.variable(&token)?,
            Kind::Field => OperandKind::Field(vec![Arc::from(&self.text_of(&token)[1..])]),
            Kind::Bool => OperandKind::Bool(self.text_of(&token) == "true"),
            Kind::CharConstant => OperandKind::Number(
                Number::of_character(self.text_of(&token))
                    .map_err(|reason| self.error_at(&token, reason))?,
            ),
            Kind::Number => OperandKind::Number(
                Number::parse(self.text_of(&token))
                    .map_err(|reason| self.error_at(&token, reason))?,
            ),
            Kind::String | Kind::RawString => OperandKind::Text {
                value: match String::from_utf8(self.string(&token)?) {
                    Ok(text) => Constant::Text(Text::from(text)),
                    Err(error) => Constant::Bytes(error.into_bytes()),
                },
                quoted: self.text_of(&token).to_owned(),
            },
            Kind::LeftParen => {
                self.take();
                let pipe =
                    self.nested(|it| it.pipeline("parenthesized pipeline", &Kind::RightParen))?;
                return Ok(Some(Operand {
                    at: pipe.at,
                    kind: OperandKind::Pipe(Box::new(pipe)),
                }));
            }
            _ => return Ok(None),
        };
        self.take();
        Ok(Some(Operand {
            at: token.start,
            kind,
        }))
    }

    fn function(&mut self, token: &Token) -> Parse<OperandKind> {
        let name = self.text_of(token);
        match self.names.find(name) {
            Some(Ok(callee)) => {
                self.changes_maps |= callee.changes_maps();
                Ok(OperandKind::Function {
                    name: Arc::from(self.text_of(token)),
                    callee,
                })
            }
            Some(Err(reason)) => Err(self.error_at(
                token,
                format!("function {name:?} is not supported: {reason}"),
            )),
            None => {
                let mut error = self.error_at(token, format!("function {name:?} not defined"));
                error.help = did_you_mean(name, self.names.all());
                Err(error)
            }
        }
    }

    fn variable(&self, token: &Token) -> Parse<OperandKind> {
        let name = self.text_of(token);
        if !self.variables.iter().any(|it| **it == *name) {
            let mut error = self.error_at(token, format!("undefined variable {name:?}"));
            error.help = did_you_mean(name, self.variables.iter().map(|it| &**it));
            return Err(error);
        }
        Ok(OperandKind::Variable {
            name: Arc::from(name),
            fields: Vec::new(),
        })
    }
}
