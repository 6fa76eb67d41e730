//! Programs: items, and what all parts of the parser use.

use crate::SyntaxError;
use crate::ast::{Action, ActionPattern, Block, Function, Name, Tree};
use crate::lexer::{Lexed, Lexer};
use crate::token::Token;

mod assign;
mod calls;
mod expressions;
mod primary;
mod statements;

/// How deep expressions and statements may nest.
const NESTING_MAX: usize = 200;

type Result<T> = std::result::Result<T, SyntaxError>;

/// Reads a whole program.
///
/// # Errors
/// The first thing that is wrong, and where.
pub(crate) fn parse(source: &str) -> Result<Tree> {
    let mut lexer = Lexer::new(source);
    let current = lexer.next()?;
    let mut parser = Parser {
        lexer,
        current,
        previous: Token::Newline,
        depth: 0,
        loops: 0,
        place: Place::Pattern,
    };
    parser.tree()
}

/// In what a statement stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    BeginOrEnd,
    Pattern,
    Function,
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    current: Lexed,
    previous: Token,
    depth: usize,
    loops: usize,
    place: Place,
}

impl Parser<'_> {
    fn next(&mut self) -> Result<Token> {
        let next = self.lexer.next()?;
        let token = std::mem::replace(&mut self.current, next).token;
        self.previous = token.clone();
        Ok(token)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(SyntaxError::new(self.current.at, message))
    }

    fn expected<T>(&self, what: &str) -> Result<T> {
        self.error(format!(
            "expected {what} instead of {}",
            self.current.token.describe()
        ))
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.current.token, Token::Sign(it) if it == sign)
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.current.token, Token::Keyword(it) if it == keyword)
    }

    /// Takes a sign when it stands here.
    fn eat(&mut self, sign: &str) -> Result<bool> {
        let is_there = self.is_sign(sign);
        if is_there {
            self.next()?;
        }
        Ok(is_there)
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        match self.eat(sign)? {
            true => Ok(()),
            false => self.expected(&format!("`{sign}`")),
        }
    }

    fn name(&mut self) -> Result<Name> {
        let at = self.current.at;
        let Token::Name(text) = &self.current.token else {
            return self.expected("a name");
        };
        let text = text.clone();
        self.next()?;
        Ok(Name { text, at })
    }

    fn skip_newlines(&mut self) -> Result<()> {
        while self.current.token == Token::Newline {
            self.next()?;
        }
        Ok(())
    }

    /// A comma, behind which a line may end.
    fn comma(&mut self) -> Result<()> {
        self.expect(",")?;
        self.skip_newlines()
    }

    /// Reads one level deeper; the stack of a thread does not hold every program.
    fn nested<T>(&mut self, level: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == NESTING_MAX {
            return self.error(format!(
                "the program nests deeper than {NESTING_MAX} levels"
            ));
        }
        self.depth += 1;
        let result = stacker::maybe_grow(128 * 1024, 1024 * 1024, || level(self));
        self.depth -= 1;
        result
    }

    fn tree(&mut self) -> Result<Tree> {
        let mut tree = Tree::default();
        let mut needs_end = false;
        loop {
            if needs_end && self.current.token != Token::End {
                if self.current.token != Token::Newline && !self.is_sign(";") {
                    return self.expected("`;` or the end of the line");
                }
                self.next()?;
            }
            self.skip_newlines()?;
            needs_end = false;
            match self.current.token {
                Token::End => return Ok(tree),
                Token::Keyword("BEGIN") => {
                    self.next()?;
                    tree.begin.push(self.block_in(Place::BeginOrEnd)?);
                }
                Token::Keyword("END") => {
                    self.next()?;
                    tree.end.push(self.block_in(Place::BeginOrEnd)?);
                }
                Token::Keyword("function") => tree.functions.push(self.function()?),
                _ => {
                    let action = self.action()?;
                    needs_end = action.body.is_none();
                    tree.actions.push(action);
                }
            }
        }
    }

    fn block_in(&mut self, place: Place) -> Result<Block> {
        self.place = place;
        let block = self.braces();
        self.place = Place::Pattern;
        block
    }

    fn action(&mut self) -> Result<Action> {
        let pattern = if self.is_sign("{") {
            ActionPattern::Always
        } else {
            let begin = self.whole_expression()?;
            let is_over = self.is_sign("{")
                || self.is_sign(";")
                || matches!(self.current.token, Token::End | Token::Newline);
            if is_over {
                ActionPattern::When(begin)
            } else {
                self.comma()?;
                ActionPattern::Range(begin, self.whole_expression()?)
            }
        };
        let body = match self.is_sign("{") {
            true => Some(self.braces()?),
            false => None,
        };
        Ok(Action { pattern, body })
    }

    fn function(&mut self) -> Result<Function> {
        self.next()?;
        let name = self.name()?;
        self.expect("(")?;
        let mut parameters: Vec<String> = Vec::new();
        while !self.is_sign(")") {
            if !parameters.is_empty() {
                self.comma()?;
            }
            let parameter = self.name()?;
            let error = |what: String| Err(SyntaxError::new(parameter.at, what));
            if parameter.text == name.text {
                return error("a parameter cannot have the name of its function".to_owned());
            }
            if parameters.contains(&parameter.text) {
                return error(format!("two parameters have the name `{}`", parameter.text));
            }
            parameters.push(parameter.text);
        }
        self.expect(")")?;
        self.skip_newlines()?;
        let body = self.block_in(Place::Function)?;
        Ok(Function {
            name,
            parameters,
            body,
        })
    }
}
