//! Reads tokens as a tree, with the grammar and the complaints of Go's `text/template/parse`.

use std::ops::Range;
use std::sync::Arc;

use crate::SyntaxError;
use crate::ast::{Tree, is_empty};
use crate::functions::Names;
use crate::lexer;
use crate::literal;
use crate::token::{Keyword, Kind, Token};

mod control;
mod pipeline;

/// How deep parentheses, and how deep actions that have an end, may nest.
const NESTING_MAX: usize = 200;

/// What one text defines: its own tree, and those of `define` and `block`.
pub(crate) struct Parsed {
    pub root: Tree,
    pub defined: Vec<Tree>,
    /// Names of templates that are called, and where.
    pub calls: Vec<(Arc<str>, Range<usize>)>,
    /// Whether it calls a function that changes maps.
    pub changes_maps: bool,
}

/// Reads a text.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn parse(
    name: &str,
    source: &str,
    number: usize,
    names: &Names<'_>,
) -> Result<Parsed, SyntaxError> {
    let mut parser = Parser {
        source,
        number,
        tokens: lexer::tokens(source),
        next: 0,
        names,
        variables: vec![Arc::from("$")],
        ranges: 0,
        nesting: 0,
        action_at: 0,
        defined: Vec::new(),
        calls: Vec::new(),
        changes_maps: false,
    };
    let root = parser.whole()?;
    let name: Arc<str> = Arc::from(name);
    // A text that defines itself by name, and has more than white space beside that.
    if !is_empty(&root)
        && parser
            .defined
            .iter()
            .any(|it| it.name == name && !is_empty(&it.root))
    {
        return Err(parser.error(
            source.len()..source.len(),
            format!("multiple definition of template {name:?}"),
        ));
    }
    Ok(Parsed {
        root: Tree {
            name,
            source: number,
            root,
        },
        defined: parser.defined,
        calls: parser.calls,
        changes_maps: parser.changes_maps,
    })
}

struct Parser<'a> {
    source: &'a str,
    /// Which text it is.
    number: usize,
    tokens: Vec<Token>,
    next: usize,
    names: &'a Names<'a>,
    /// The variables that are known here.
    variables: Vec<Arc<str>>,
    /// How many `range` this is in.
    ranges: usize,
    nesting: usize,
    /// Where the current action begins.
    action_at: usize,
    defined: Vec<Tree>,
    calls: Vec<(Arc<str>, Range<usize>)>,
    changes_maps: bool,
}

type Parse<T> = Result<T, SyntaxError>;

impl Parser<'_> {
    fn error(&self, at: Range<usize>, message: impl Into<String>) -> SyntaxError {
        SyntaxError {
            at,
            message: message.into(),
            help: None,
        }
    }

    /// An error at a token.
    fn error_at(&self, token: &Token, message: impl Into<String>) -> SyntaxError {
        self.error(token.start..token.end, message)
    }

    /// The token at a place of the list; behind the last one is the last one.
    fn token(&self, index: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[index.min(last)]
    }

    fn peek(&self) -> &Token {
        self.token(self.next)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    fn peek_non_space(&mut self) -> &Token {
        self.skip_space();
        self.peek()
    }

    fn take_non_space(&mut self) -> Token {
        self.skip_space();
        self.take()
    }

    fn text_of(&self, token: &Token) -> &str {
        &self.source[token.start..token.end]
    }

    fn expect(&mut self, kind: &Kind, context: &str) -> Parse<Token> {
        let token = self.take_non_space();
        match token.kind == *kind {
            true => Ok(token),
            false => Err(self.unexpected(&token, context)),
        }
    }

    fn unexpected(&self, token: &Token, context: &str) -> SyntaxError {
        if let Kind::Error(reason) = &token.kind {
            let place = match &**reason {
                "unclosed action" => self.action_at..token.end.max(self.action_at),
                _ => token.start..token.end,
            };
            return self.error(place, reason.clone());
        }
        let shown = self.shown(token);
        self.error_at(token, format!("unexpected {shown} in {context}"))
    }

    /// A token as complaints show it.
    fn shown(&self, token: &Token) -> String {
        match &token.kind {
            Kind::End => return "EOF".to_owned(),
            Kind::Error(reason) => return reason.clone(),
            Kind::Keyword(_) | Kind::Dot => return format!("<{}>", self.text_of(token)),
            _ => {}
        }
        let text = self.text_of(token);
        match text.char_indices().nth(10) {
            Some((at, _)) if text.len() > 10 => {
                format!("{}...", millrace_bloblang::quote(&text[..at]))
            }
            _ => millrace_bloblang::quote(text),
        }
    }

    /// Goes one level deeper, as long as there is one.
    fn nested<T>(&mut self, level: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.nesting >= NESTING_MAX {
            let token = self.peek().clone();
            return Err(self.error_at(&token, format!("it nests deeper than {NESTING_MAX} levels")));
        }
        self.nesting += 1;
        let result = stacker::maybe_grow(128 * 1024, 1024 * 1024, || level(self));
        self.nesting -= 1;
        result
    }

    /// The string that a template's name or an argument is.
    fn string(&self, token: &Token) -> Parse<Vec<u8>> {
        literal::unquote(self.text_of(token)).map_err(|reason| self.error_at(token, reason))
    }

    /// A name of a template.
    fn template_name(&mut self, context: &str) -> Parse<(Arc<str>, Token)> {
        let token = self.take_non_space();
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(&token, context));
        }
        let name = self.string(&token)?;
        Ok((Arc::from(String::from_utf8_lossy(&name)), token))
    }

    /// Keeps the tree of `define` or `block`.
    fn define(&mut self, tree: Tree, place: &Token) -> Parse<()> {
        match self.defined.iter_mut().find(|it| it.name == tree.name) {
            None => self.defined.push(tree),
            Some(before) if is_empty(&before.root) => *before = tree,
            Some(_) if is_empty(&tree.root) => {}
            Some(before) => {
                let message = format!("multiple definition of template {:?}", before.name);
                return Err(self.error_at(place, message));
            }
        }
        Ok(())
    }

    fn is_keyword(token: &Token, keyword: Keyword) -> bool {
        token.kind == Kind::Keyword(keyword)
    }
}
