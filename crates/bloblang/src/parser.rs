//! Turns text into syntax trees, and goes on after mistakes so that one run reports them all.
//!
//! A function here returns the tree of what could be understood and the list of complaints; the
//! tree may be run only when the list is empty. A mistake inside a statement ends that statement:
//! the parser goes on at the next line that begins another one. Names of functions and methods and
//! their arguments are checked later (`check`).
//!
//! Text from anywhere is safe to parse: nesting is bounded by [`MAX_DEPTH`], a flat list of links or
//! operators by [`MAX_CHAIN`], time is linear in the length of the text except for the bounded
//! looking ahead of nested `if` and `match` (at most [`MAX_DEPTH`] times the length).

mod expression;
mod interpolation;
mod mapping;
mod primary;
mod recovery;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::ast::{Expr, Interpolation, MAX_CHAIN, MAX_DEPTH, Mapping, Span};
use crate::error::{ERRORS_MAX, SyntaxError};
use crate::lexer::Cursor;

/// The longest text that is parsed, in bytes; spans are 32 bits wide.
const MAX_TEXT: usize = 256 << 20;

/// What a parse gives: the tree of what was understood, and what was not.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed<T> {
    /// Complete when `errors` is empty.
    pub tree: T,
    /// In the order of their places.
    pub errors: Vec<SyntaxError>,
}

impl<T> Parsed<T> {
    /// The tree when there is nothing to complain about.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text.
    pub fn into_result(self) -> Result<T, Vec<SyntaxError>> {
        if self.errors.is_empty() {
            Ok(self.tree)
        } else {
            Err(self.errors)
        }
    }
}

/// Parses a mapping: statements, or one expression that stands for `root = expression`.
///
/// Files that `import` and `from` name are not read; they stand in [`Mapping::imports`].
pub fn parse_mapping(text: &str) -> Parsed<Mapping> {
    run(text, Mapping::default(), |parser| {
        let tree = parser.mapping();
        (tree, None)
    })
}

/// Parses one expression that fills the whole text, blanks and comments around it aside.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_expression(text: &str) -> Result<Expr, Vec<SyntaxError>> {
    let parsed = run(text, None, |parser| {
        parser.cursor.skip_trivia();
        let expression = parser.expression();
        parser.cursor.skip_trivia();
        match expression {
            Ok(_) if !parser.cursor.at_end() => (
                None,
                Some(parser.expected("an operator or the end of the expression")),
            ),
            Ok(expression) => (Some(expression), None),
            Err(error) => (None, Some(error)),
        }
    });
    match parsed {
        Parsed {
            tree: Some(expression),
            errors,
        } if errors.is_empty() => Ok(expression),
        Parsed { errors, .. } => Err(errors),
    }
}

/// Parses the expression that `text` begins with, and says how many bytes it takes.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_expression_prefix(text: &str) -> Result<(Expr, usize), Vec<SyntaxError>> {
    let parsed = run(text, None, |parser| match parser.expression() {
        Ok(expression) => (Some((expression, parser.cursor.position())), None),
        Err(error) => (None, Some(error)),
    });
    match parsed {
        Parsed {
            tree: Some(found),
            errors,
        } if errors.is_empty() => Ok(found),
        Parsed { errors, .. } => Err(errors),
    }
}

/// Parses a text with `${! expression }` in it.
///
/// `${{! … }}` is an escape: it stands for the text `${! … }`.
pub fn parse_interpolation(text: &str) -> Parsed<Interpolation> {
    run(text, Interpolation::default(), |parser| {
        (parser.interpolation(), None)
    })
}

fn run<'t, T>(
    text: &'t str,
    fallback: T,
    parse: impl FnOnce(&mut Parser<'t>) -> (T, Option<SyntaxError>),
) -> Parsed<T> {
    if text.len() > MAX_TEXT {
        let message = format!(
            "text of {} bytes is longer than {MAX_TEXT} bytes",
            text.len()
        );
        let errors = vec![SyntaxError::new(Span::default(), message)];
        return Parsed {
            tree: fallback,
            errors,
        };
    }
    let mut parser = Parser {
        cursor: Cursor::new(text),
        errors: Vec::new(),
        parameters: Vec::new(),
        depth: 0,
        braces: HashMap::new(),
        maps: HashSet::new(),
    };
    let (tree, error) = parse(&mut parser);
    let mut errors = parser.errors;
    errors.extend(error);
    errors.sort_by_key(|error| (error.span.start, error.span.end));
    Parsed { tree, errors }
}

/// A rule's result: an error ends the statement it stands in.
type Parse<T> = Result<T, SyntaxError>;

struct Parser<'t> {
    cursor: Cursor<'t>,
    /// Complaints that did not stop the parser.
    errors: Vec<SyntaxError>,
    /// Names of the lambdas around the current place.
    parameters: Vec<&'t str>,
    depth: usize,
    /// Which braces hold an object, by position; filled where a `match` has to know.
    braces: HashMap<usize, bool>,
    /// Names of the maps so far.
    maps: HashSet<Arc<str>>,
}

impl<'t> Parser<'t> {
    /// Runs a rule one level deeper.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth == MAX_DEPTH {
            return Err(SyntaxError::new(
                self.cursor.found_span(),
                format!("expression is nested more than {MAX_DEPTH} levels deep"),
            )
            .with_help("split it with `let` variables or a `map`"));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// The error of a flat list that grew too long.
    fn too_long(&self, what: &str, start: usize) -> SyntaxError {
        SyntaxError::new(
            self.cursor.span_from(start),
            format!("{what} is longer than {MAX_CHAIN} parts"),
        )
        .with_help("split it with `let` variables")
    }

    /// The error "expected `what`, found" whatever stands here.
    fn expected(&self, what: &str) -> SyntaxError {
        let found = self.cursor.found();
        let error = SyntaxError::new(
            self.cursor.found_span(),
            format!("expected {what}, found {found}"),
        );
        match &*found {
            "`'`" => error.with_help("a text stands in double quotes"),
            _ => error,
        }
    }

    /// Takes `token` or complains that it is not there.
    fn expect(&mut self, token: &str, what: &str) -> Parse<()> {
        if self.cursor.eat(token) {
            Ok(())
        } else {
            Err(self.expected(what))
        }
    }

    /// Remembers a complaint, if it is among those that are told, and goes on.
    fn report(&mut self, error: SyntaxError) {
        if !self.is_full() {
            self.errors.push(error);
        }
    }

    fn is_full(&self) -> bool {
        self.errors.len() >= ERRORS_MAX
    }

    /// Runs a rule only to learn whether it fits: nothing it does remains.
    fn probe<T>(&mut self, rule: impl FnOnce(&mut Self) -> T) -> T {
        let (cursor, errors, depth) = (self.cursor, self.errors.len(), self.depth);
        let result = rule(self);
        self.cursor = cursor;
        self.errors.truncate(errors);
        self.depth = depth;
        result
    }
}

#[cfg(test)]
mod tests;
