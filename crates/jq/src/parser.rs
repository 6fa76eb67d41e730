//! From words to a tree.

use std::ops::Range;

use crate::ast::{Ast, Definition, Kind, Operator, Parameter};
use crate::error::SyntaxError;
use crate::lexer::{Token, TokenKind, tokens};

mod pattern;
mod term;

/// How deep a program may nest; each operator of a chain is a level.
const NESTING_MAX: usize = 1_000;

/// Words that are no names of functions.
const KEYWORDS: &[&str] = &[
    "or", "and", "module", "import", "include", "def", "as", "label", "break", "null", "true",
    "false", "if", "then", "elif", "else", "end", "try", "catch", "reduce", "foreach",
];

/// Parses a program.
pub(crate) fn parse(source: &str) -> Result<Ast, SyntaxError> {
    let mut parser = Parser::of(source)?;
    if let TokenKind::Word(word) = parser.peek()
        && matches!(word.as_str(), "module" | "import" | "include")
    {
        return Err(parser.unexpected("a query; modules are not supported here"));
    }
    let query = parser.query()?;
    parser.end()?;
    Ok(query)
}

/// Parses definitions without a query behind them.
pub(crate) fn parse_definitions(source: &str) -> Result<Vec<Definition>, SyntaxError> {
    let mut parser = Parser::of(source)?;
    let mut definitions = Vec::new();
    while parser.is_word("def") {
        definitions.push(parser.definition()?);
    }
    parser.end()?;
    Ok(definitions)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// How strong operators bind, from the weakest; those without an entry are no infix operators.
fn strength(sign: &str) -> Option<(u8, Infix)> {
    Some(match sign {
        "//" => (1, Infix::Operator(Operator::Alternative)),
        "=" => (2, Infix::Assign),
        "|=" => (2, Infix::Update(None)),
        "+=" => (2, Infix::Update(Some(Operator::Add))),
        "-=" => (2, Infix::Update(Some(Operator::Subtract))),
        "*=" => (2, Infix::Update(Some(Operator::Multiply))),
        "/=" => (2, Infix::Update(Some(Operator::Divide))),
        "%=" => (2, Infix::Update(Some(Operator::Modulo))),
        "//=" => (2, Infix::Update(Some(Operator::Alternative))),
        "or" => (3, Infix::Operator(Operator::Or)),
        "and" => (4, Infix::Operator(Operator::And)),
        "==" => (5, Infix::Operator(Operator::Equal)),
        "!=" => (5, Infix::Operator(Operator::NotEqual)),
        "<" => (5, Infix::Operator(Operator::Less)),
        "<=" => (5, Infix::Operator(Operator::LessOrEqual)),
        ">" => (5, Infix::Operator(Operator::Greater)),
        ">=" => (5, Infix::Operator(Operator::GreaterOrEqual)),
        "+" => (6, Infix::Operator(Operator::Add)),
        "-" => (6, Infix::Operator(Operator::Subtract)),
        "*" => (7, Infix::Operator(Operator::Multiply)),
        "/" => (7, Infix::Operator(Operator::Divide)),
        "%" => (7, Infix::Operator(Operator::Modulo)),
        _ => return None,
    })
}

#[derive(Clone, Copy)]
enum Infix {
    Operator(Operator),
    Assign,
    Update(Option<Operator>),
}

impl Infix {
    fn join(self, left: Ast, right: Ast) -> Ast {
        let range = left.range.start..right.range.end;
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = match self {
            Self::Operator(operator) => Kind::Binary(operator, left, right),
            Self::Assign => Kind::Assign(left, right),
            Self::Update(operator) => Kind::Update(operator, left, right),
        };
        Ast::new(kind, range)
    }
}

impl Parser {
    fn of(source: &str) -> Result<Self, SyntaxError> {
        Ok(Self {
            tokens: tokens(source)?,
            at: 0,
            depth: 0,
        })
    }

    fn token(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &TokenKind {
        &self.token().kind
    }

    fn range(&self) -> Range<usize> {
        self.token().range.clone()
    }

    fn advance(&mut self) -> Token {
        let token = self.token().clone();
        self.at += 1;
        token
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), TokenKind::Sign(found) if *found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(found) if found == word)
    }

    /// Takes a sign or a keyword when it is there.
    fn take(&mut self, what: &str) -> bool {
        let found = self.is_sign(what) || self.is_word(what);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, what: &str) -> Result<(), SyntaxError> {
        match self.take(what) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{what}`"))),
        }
    }

    fn end(&self) -> Result<(), SyntaxError> {
        match self.peek() {
            TokenKind::End => Ok(()),
            _ => Err(self.unexpected("the end of the query")),
        }
    }

    fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = match self.peek() {
            TokenKind::End => "the end of the query".to_owned(),
            TokenKind::Word(word) => format!("`{word}`"),
            TokenKind::Variable(name) => format!("`${name}`"),
            TokenKind::Field(name) => format!("`.{name}`"),
            TokenKind::Format(name) => format!("`{name}`"),
            TokenKind::Number(number) => format!("`{number}`"),
            TokenKind::Sign(sign) => format!("`{sign}`"),
            TokenKind::Quote | TokenKind::Text(_) | TokenKind::EndQuote => "a text".to_owned(),
            TokenKind::QueryStart => "`\\(`".to_owned(),
        };
        SyntaxError::new(self.range(), format!("expected {expected}, found {found}"))
    }

    /// Goes one level deeper; the caller goes back.
    fn enter(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        match self.depth > NESTING_MAX {
            true => Err(SyntaxError::new(
                self.range(),
                format!("the query nests deeper than {NESTING_MAX} levels"),
            )),
            false => Ok(()),
        }
    }

    /// Parses one level deeper, on a stack that holds it.
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        self.enter()?;
        let parsed = stacker::maybe_grow(128 * 1024, 1024 * 1024, || parse(self));
        self.depth -= 1;
        parsed
    }

    /// A whole query: definitions, pipes, commas.
    fn query(&mut self) -> Result<Ast, SyntaxError> {
        self.nested(|parser| {
            let start = parser.range().start;
            let mut steps = vec![parser.commas()?];
            while parser.take("|") {
                steps.push(parser.commas()?);
            }
            Ok(parser.joined(start, steps, Kind::Pipe))
        })
    }

    fn joined(&self, start: usize, mut parts: Vec<Ast>, kind: fn(Vec<Ast>) -> Kind) -> Ast {
        match parts.len() {
            1 => parts.remove(0),
            _ => {
                let end = parts.last().map_or(start, |last| last.range.end);
                Ast::new(kind(parts), start..end)
            }
        }
    }

    fn commas(&mut self) -> Result<Ast, SyntaxError> {
        let start = self.range().start;
        let mut parts = vec![self.operand_of_comma()?];
        while self.take(",") {
            parts.push(self.operand_of_comma()?);
        }
        Ok(self.joined(start, parts, Kind::Comma))
    }

    /// What reaches as far as it can: a definition, a label, a binding; or an expression.
    fn operand_of_comma(&mut self) -> Result<Ast, SyntaxError> {
        let start = self.range().start;
        if self.is_word("def") {
            let definition = Box::new(self.definition()?);
            let body = Box::new(self.query()?);
            let range = start..body.range.end;
            return Ok(Ast::new(Kind::Define(definition, body), range));
        }
        if self.take("label") {
            let name = self.variable()?;
            self.expect("|")?;
            let body = Box::new(self.query()?);
            let range = start..body.range.end;
            return Ok(Ast::new(Kind::Label(name, body), range));
        }
        let expression = self.expression(0)?;
        if !self.take("as") {
            return Ok(expression);
        }
        if is_infix(&expression.kind) {
            self.at -= 1;
            return Err(self.unexpected("an operator: only a single term is bound"));
        }
        let mut patterns = vec![self.pattern()?];
        while self.take("?//") {
            patterns.push(self.pattern()?);
        }
        self.expect("|")?;
        let body = Box::new(self.query()?);
        let range = start..body.range.end;
        let kind = Kind::Bind(Box::new(expression), patterns, body);
        Ok(Ast::new(kind, range))
    }

    /// Operands and operators that bind at least so strong.
    fn expression(&mut self, least: u8) -> Result<Ast, SyntaxError> {
        let depth = self.depth;
        let mut left = self.nested(Self::postfix)?;
        loop {
            let sign = match self.peek() {
                TokenKind::Sign(sign) => *sign,
                TokenKind::Word(word) if word == "or" => "or",
                TokenKind::Word(word) if word == "and" => "and",
                _ => break,
            };
            let Some((strength, infix)) = strength(sign) else {
                break;
            };
            if strength < least {
                break;
            }
            self.enter()?;
            self.at += 1;
            // `//` groups from the right, assignments and comparisons not at all.
            let right = match strength {
                1 => self.nested(|parser| parser.expression(1))?,
                _ => self.nested(|parser| parser.expression(strength + 1))?,
            };
            left = infix.join(left, right);
            if matches!(strength, 2 | 5) && self.peeks(strength) {
                return Err(self.unexpected("brackets around such operators side by side"));
            }
        }
        self.depth = depth;
        Ok(left)
    }

    fn peeks(&self, strong: u8) -> bool {
        matches!(self.peek(), TokenKind::Sign(sign)
            if strength(sign).is_some_and(|(found, _)| found == strong))
    }

    fn definition(&mut self) -> Result<Definition, SyntaxError> {
        self.expect("def")?;
        let name = self.name()?;
        let mut parameters = Vec::new();
        if self.take("(") {
            parameters.push(self.parameter()?);
            while self.take(";") {
                parameters.push(self.parameter()?);
            }
            self.expect(")")?;
        }
        self.expect(":")?;
        let body = self.query()?;
        self.expect(";")?;
        Ok(Definition {
            name,
            parameters,
            body,
        })
    }

    fn parameter(&mut self) -> Result<Parameter, SyntaxError> {
        let is_variable = matches!(self.peek(), TokenKind::Variable(_));
        let name = match is_variable {
            true => self.variable()?,
            false => self.name()?,
        };
        Ok(Parameter { name, is_variable })
    }

    fn name(&mut self) -> Result<String, SyntaxError> {
        match self.peek() {
            TokenKind::Word(word) if !KEYWORDS.contains(&word.as_str()) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn variable(&mut self) -> Result<String, SyntaxError> {
        match self.peek() {
            TokenKind::Variable(name) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("a variable")),
        }
    }
}

fn is_infix(kind: &Kind) -> bool {
    matches!(kind, Kind::Binary(..) | Kind::Update(..) | Kind::Assign(..))
}
