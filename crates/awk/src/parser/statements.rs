//! Statements.

use super::{Parser, Place, Result};
use crate::ast::{Block, Expr, Statement};
use crate::token::Token;

impl Parser<'_> {
    /// Statements in braces.
    pub(super) fn braces(&mut self) -> Result<Block> {
        self.expect("{")?;
        let mut block = Vec::new();
        loop {
            while self.current.token == Token::Newline || self.is_sign(";") {
                self.next()?;
            }
            if self.is_sign("}") || self.current.token == Token::End {
                break;
            }
            block.push(self.statement()?);
        }
        self.expect("}")?;
        self.eat(";")?;
        Ok(block)
    }

    /// What a condition or a loop governs: a block, a statement, or nothing.
    fn body(&mut self) -> Result<Block> {
        if self.eat(";")? {
            return Ok(Vec::new());
        }
        match self.is_sign("{") {
            true => self.nested(Self::braces),
            false => Ok(vec![self.statement()?]),
        }
    }

    fn loop_body(&mut self) -> Result<Block> {
        self.loops += 1;
        let body = self.body();
        self.loops -= 1;
        body
    }

    fn statement(&mut self) -> Result<Statement> {
        let statement = self.nested(Self::bare_statement)?;
        let is_end =
            |token: &Token| matches!(token, Token::End | Token::Newline | Token::Sign(";" | "}"));
        if !is_end(&self.current.token) && !is_end(&self.previous) {
            return self.expected("`;` or the end of the line");
        }
        while self.current.token == Token::Newline || self.is_sign(";") {
            self.next()?;
        }
        Ok(statement)
    }

    fn bare_statement(&mut self) -> Result<Statement> {
        let Token::Keyword(keyword) = self.current.token else {
            return match self.is_sign("{") {
                true => Ok(Statement::Block(self.braces()?)),
                false => self.simple(),
            };
        };
        match keyword {
            "if" => self.condition(),
            "for" => self.for_loop(),
            "while" => {
                self.next()?;
                let condition = self.in_brackets()?;
                self.skip_newlines()?;
                Ok(Statement::While(condition, self.loop_body()?))
            }
            "do" => {
                self.next()?;
                self.skip_newlines()?;
                let body = self.loop_body()?;
                if !self.is_keyword("while") {
                    return self.expected("`while`");
                }
                self.next()?;
                Ok(Statement::DoWhile(body, self.in_brackets()?))
            }
            "break" | "continue" if self.loops == 0 => {
                self.error(format!("`{keyword}` must stand in a loop"))
            }
            "next" | "nextfile" if self.place == Place::BeginOrEnd => {
                self.error(format!("`{keyword}` cannot stand in BEGIN or END"))
            }
            "return" if self.place != Place::Function => {
                self.error("`return` must stand in a function")
            }
            "break" => self.word(Statement::Break),
            "continue" => self.word(Statement::Continue),
            "next" => self.word(Statement::Next),
            "nextfile" => self.word(Statement::NextFile),
            "exit" => {
                self.next()?;
                Ok(Statement::Exit(self.optional_value()?))
            }
            "return" => {
                self.next()?;
                Ok(Statement::Return(self.optional_value()?))
            }
            _ => self.simple(),
        }
    }

    fn word(&mut self, statement: Statement) -> Result<Statement> {
        self.next()?;
        Ok(statement)
    }

    fn optional_value(&mut self) -> Result<Option<Expr>> {
        let is_over = self.is_sign(";")
            || self.is_sign("}")
            || matches!(self.current.token, Token::Newline | Token::End);
        match is_over {
            true => Ok(None),
            false => Ok(Some(self.whole_expression()?)),
        }
    }

    fn in_brackets(&mut self) -> Result<Expr> {
        self.expect("(")?;
        let expression = self.whole_expression()?;
        self.expect(")")?;
        Ok(expression)
    }

    /// `if`, with all its `else if`.
    fn condition(&mut self) -> Result<Statement> {
        let mut arms = Vec::new();
        loop {
            self.next()?;
            let condition = self.in_brackets()?;
            self.skip_newlines()?;
            arms.push((condition, self.body()?));
            self.skip_newlines()?;
            if !self.is_keyword("else") {
                return Ok(Statement::If(arms, Vec::new()));
            }
            self.next()?;
            self.skip_newlines()?;
            if !self.is_keyword("if") {
                return Ok(Statement::If(arms, self.body()?));
            }
        }
    }

    fn for_loop(&mut self) -> Result<Statement> {
        self.next()?;
        self.expect("(")?;
        let start = match self.is_sign(";") {
            true => None,
            false => Some(self.simple()?),
        };
        if self.is_sign(")") {
            let Some(Statement::Expression(Expr::In(index, array))) = start else {
                return self.error("expected `for (name in array)` or `for (...; ...; ...)`");
            };
            let Ok([Expr::Variable(variable)]) = <[Expr; 1]>::try_from(index) else {
                return self.error("expected the name of a variable before `in`");
            };
            self.next()?;
            self.skip_newlines()?;
            let body = self.loop_body()?;
            return Ok(Statement::ForIn {
                variable,
                array,
                body,
            });
        }
        self.expect(";")?;
        self.skip_newlines()?;
        let condition = match self.is_sign(";") {
            true => None,
            false => Some(self.whole_expression()?),
        };
        self.expect(";")?;
        self.skip_newlines()?;
        let step = match self.is_sign(")") {
            true => None,
            false => Some(Box::new(self.simple()?)),
        };
        self.expect(")")?;
        self.skip_newlines()?;
        Ok(Statement::For {
            start: start.map(Box::new),
            condition,
            step,
            body: self.loop_body()?,
        })
    }

    /// A statement that holds no others.
    fn simple(&mut self) -> Result<Statement> {
        match self.current.token {
            Token::Keyword(keyword @ ("print" | "printf")) => {
                self.next()?;
                let arguments = self.print_arguments()?;
                if keyword == "print" {
                    return Ok(Statement::Print(arguments));
                }
                match arguments.is_empty() {
                    true => self.expected("the format of `printf`"),
                    false => Ok(Statement::Printf(arguments)),
                }
            }
            Token::Keyword("delete") => {
                self.next()?;
                let name = self.name()?;
                let index = match self.is_sign("[") {
                    true => self.index()?,
                    false => Vec::new(),
                };
                Ok(Statement::Delete(name, index))
            }
            _ => Ok(Statement::Expression(self.whole_expression()?)),
        }
    }

    fn print_arguments(&mut self) -> Result<Vec<Expr>> {
        let mut arguments = self.list(Self::print_expression)?;
        if let [Expr::List(..)] = &arguments[..]
            && let Some(Expr::List(inner, _)) = arguments.pop()
        {
            arguments = inner;
        }
        for argument in &arguments {
            super::expressions::check_list(argument)?;
        }
        for sign in [">", ">>", "|"] {
            if self.is_sign(sign) {
                return self.error(format!(
                    "output goes to the message alone: `{sign}` would write to a file or a command"
                ));
            }
        }
        Ok(arguments)
    }
}
