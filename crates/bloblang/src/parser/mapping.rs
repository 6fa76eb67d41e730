//! Statements, `map` blocks and imports.

use super::recovery::{Head, head};
use super::{Parse, Parser};
use crate::ast::{
    Import, ImportKind, MapBlock, Mapping, Name, Span, Statement, StatementBranch, StatementKind,
    Target, TargetKind,
};
use crate::error::SyntaxError;

/// Where statements stand.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// At the top of the mapping.
    Top,
    /// In the braces of an `if` at the top.
    Branch,
    /// In a `map` block or an `if` inside one.
    Map,
}

impl Parser<'_> {
    pub(super) fn mapping(&mut self) -> Mapping {
        let mut mapping = Mapping::default();
        self.cursor.skip_trivia();
        if self.cursor.at_end() {
            let error = self.expected("an import, a map or an assignment");
            self.report(error.with_help("a mapping that changes nothing is written `root = this`"));
        } else if self.is_whole_import() {
            self.whole_import(&mut mapping);
        } else if self.begins_with_statement() {
            self.statements(Place::Top, &mut mapping);
        } else {
            self.single_expression(&mut mapping);
        }
        mapping
    }

    /// Whether the mapping is a list of statements rather than one expression.
    fn begins_with_statement(&mut self) -> bool {
        match head(self.cursor) {
            None => false,
            Some(Head::If) => self.probe(|parser| parser.is_if_statement()),
            Some(_) => true,
        }
    }

    /// Whether the `if` that stands here holds statements; an expression can begin with `if` too.
    fn is_if_statement(&mut self) -> bool {
        self.cursor.keyword("if");
        if self.expression().is_err() {
            return true;
        }
        self.cursor.skip_trivia();
        if !self.cursor.eat("{") {
            return true;
        }
        self.cursor.skip_trivia();
        match head(self.cursor) {
            Some(Head::If) => self
                .nested(|parser| Ok(parser.is_if_statement()))
                .unwrap_or(true),
            Some(_) => true,
            None => self.cursor.peek() == Some(b'}'),
        }
    }

    fn single_expression(&mut self, mapping: &mut Mapping) {
        let start = self.cursor.position();
        let value = match self.expression() {
            Ok(value) => value,
            Err(error) => {
                self.report(error);
                return self.go_on_after_expression(start, mapping);
            }
        };
        let span = value.span;
        self.cursor.skip_trivia();
        if !self.cursor.at_end() {
            let message = format!(
                "expected the mapping to end, found {}: it begins with an expression, which is \
                 short for `root = …` and stands alone",
                self.cursor.found()
            );
            let error = SyntaxError::new(self.cursor.found_span(), message)
                .with_help("write `root = ` before the expression to add more assignments");
            self.report(error);
            return self.go_on_after_expression(start, mapping);
        }
        let target = Target {
            kind: TargetKind::Root(Vec::new()),
            span,
        };
        mapping.is_expression = true;
        mapping.statements.push(Statement {
            kind: StatementKind::Assign { target, value },
            span,
        });
    }

    /// Reads the statements after a first line that was none, for their complaints.
    fn go_on_after_expression(&mut self, start: usize, mapping: &mut Mapping) {
        self.recover(start, Place::Top);
        if !self.cursor.at_end() {
            self.statements(Place::Top, mapping);
        }
    }

    fn is_whole_import(&self) -> bool {
        let mut ahead = self.cursor;
        ahead.keyword("from") && ahead.peek() == Some(b'"')
    }

    fn whole_import(&mut self, mapping: &mut Mapping) {
        let start = self.cursor.position();
        self.cursor.keyword("from");
        match self.import_path(start, ImportKind::Whole) {
            Ok(import) => mapping.imports.push(import),
            Err(error) => return self.report(error),
        }
        self.cursor.skip_trivia();
        if !self.cursor.at_end() {
            let error = self.expected("the end of the mapping after `from`");
            self.report(error.with_help("`import` takes the maps of a file and allows more lines"));
        }
    }

    fn import_path(&mut self, start: usize, kind: ImportKind) -> Parse<Import> {
        if self.cursor.peek() != Some(b'"') {
            return Err(self.expected("the path of a file in double quotes"));
        }
        let Some(path) = self.name()? else {
            return Err(self.expected("the path of a file in double quotes"));
        };
        Ok(Import {
            kind,
            path,
            span: self.cursor.span_from(start),
        })
    }

    /// Statements up to the end of the text or the closing brace, which is not taken.
    fn statements(&mut self, place: Place, mapping: &mut Mapping) {
        loop {
            self.cursor.skip_trivia();
            if self.cursor.at_end() || self.is_full() {
                return;
            }
            if self.cursor.peek() == Some(b'}') && place != Place::Top {
                return;
            }
            let start = self.cursor.position();
            let result = self
                .statement(place, mapping)
                .and_then(|()| self.end_of_statement(place));
            if let Err(error) = result {
                self.report(error);
                self.recover(start, place);
            }
        }
    }

    fn end_of_statement(&mut self, place: Place) -> Parse<()> {
        self.cursor.skip_blank();
        let is_end = self.cursor.at_end()
            || self.cursor.line_break()
            || self.cursor.peek() == Some(b'}') && place != Place::Top;
        if is_end {
            return Ok(());
        }
        let error = self.expected("an operator or the end of the line");
        Err(if self.cursor.peek() == Some(b'=') {
            error.with_help("each assignment stands on a line of its own")
        } else {
            error
        })
    }

    fn statement(&mut self, place: Place, mapping: &mut Mapping) -> Parse<()> {
        let start = self.cursor.position();
        let kind = match head(self.cursor) {
            Some(Head::Import | Head::Map) if place != Place::Top => {
                return Err(SyntaxError::new(
                    self.cursor.found_span(),
                    "imports and maps stand at the top of a mapping, not inside a block",
                ));
            }
            Some(Head::Import) => {
                self.cursor.keyword("import");
                let import = self.import_path(start, ImportKind::Maps)?;
                mapping.imports.push(import);
                return Ok(());
            }
            Some(Head::Map) => {
                let block = self.map_block()?;
                self.add_map(block, mapping);
                return Ok(());
            }
            Some(Head::If) => self.nested(|parser| parser.if_statement(place))?,
            Some(Head::Let) => self.assignment(Self::variable_target)?,
            Some(Head::Meta) => self.meta_assignment(place)?,
            Some(Head::Path) => self.assignment(Self::path_target)?,
            None => return Err(self.no_statement(place)),
        };
        let span = self.cursor.span_from(start);
        mapping.statements.push(Statement { kind, span });
        Ok(())
    }

    fn no_statement(&self, place: Place) -> SyntaxError {
        let what = match place {
            Place::Top => "an import, a map or an assignment",
            Place::Branch | Place::Map => "an assignment or `}`",
        };
        let error = self.expected(what);
        match self.cursor.peek() {
            Some(b'@') => error.with_help("metadata is assigned with `meta key = value`"),
            Some(b'$') => error.with_help("a variable is assigned with `let name = value`"),
            Some(b'"') => error.with_help("a quoted path begins with `root.`"),
            Some(b'.') => error.with_help("a chain over several lines has its dots at line ends"),
            Some(_) if self.cursor.rest().starts_with("//") => {
                error.with_help("a comment begins with `#`")
            }
            _ => error,
        }
    }

    /// `target = value`, with blanks on both sides of `=`.
    fn assignment(&mut self, target: fn(&mut Self) -> Parse<Target>) -> Parse<StatementKind> {
        let target = target(self)?;
        let has_blank = self.cursor.skip_blank();
        self.expect("=", "`=`")?;
        if !has_blank
            || !matches!(
                self.cursor.peek(),
                Some(b' ' | b'\t' | b'\n' | b'\r') | None
            )
        {
            let equals = self.cursor.position() - 1;
            let span = Span::new(equals, equals + 1);
            self.report(
                SyntaxError::new(span, "expected a blank before and after `=`")
                    .with_help("write ` = `"),
            );
        }
        let value = self.expression()?;
        Ok(StatementKind::Assign { target, value })
    }

    fn variable_target(&mut self) -> Parse<Target> {
        let start = self.cursor.position();
        self.cursor.keyword("let");
        let Some(name) = self.name()? else {
            return Err(self.expected("the name of a variable after `let`"));
        };
        Ok(Target {
            kind: TargetKind::Variable(name),
            span: self.cursor.span_from(start),
        })
    }

    fn meta_assignment(&mut self, place: Place) -> Parse<StatementKind> {
        let start = self.cursor.found_span();
        if place == Place::Map {
            self.report(
                SyntaxError::new(start, "metadata cannot be assigned inside a `map`")
                    .with_help("assign it from what the map gives, outside of it"),
            );
        }
        self.assignment(Self::meta_target)
    }

    fn meta_target(&mut self) -> Parse<Target> {
        let start = self.cursor.position();
        self.cursor.word();
        let end = self.cursor.position();
        self.cursor.skip_blank();
        let name = self.name()?;
        if name.is_none() {
            // The blank belongs to `=`.
            self.cursor.set_position(end);
        }
        Ok(Target {
            kind: TargetKind::Meta(name),
            span: self.cursor.span_from(start),
        })
    }

    fn path_target(&mut self) -> Parse<Target> {
        let start = self.cursor.position();
        let mut segments = Vec::new();
        loop {
            let Some(segment) = self.name()? else {
                return Err(self.expected("a field after `.`"));
            };
            segments.push(segment);
            if segments.len() > crate::ast::MAX_DEPTH {
                return Err(self.too_deep_target(start));
            }
            if !self.cursor.eat(".") {
                break;
            }
        }
        if &*segments[0].text == "root" {
            segments.remove(0);
        }
        Ok(Target {
            kind: TargetKind::Root(segments),
            span: self.cursor.span_from(start),
        })
    }

    fn too_deep_target(&self, start: usize) -> SyntaxError {
        let message = format!("path is longer than {} fields", crate::ast::MAX_DEPTH);
        SyntaxError::new(self.cursor.span_from(start), message)
    }

    fn map_block(&mut self) -> Parse<MapBlock> {
        let start = self.cursor.position();
        self.cursor.keyword("map");
        let name = self.name()?.unwrap_or_else(|| {
            let error = self.expected("the name of the map");
            self.report(error);
            Name {
                text: "".into(),
                span: self.cursor.span_from(start),
            }
        });
        self.cursor.skip_blank();
        let statements = self.nested(|parser| parser.block(Place::Map))?;
        Ok(MapBlock {
            name,
            statements,
            span: self.cursor.span_from(start),
        })
    }

    fn add_map(&mut self, block: MapBlock, mapping: &mut Mapping) {
        if !self.maps.insert(block.name.text.clone()) {
            let message = format!("map `{}` is defined twice", block.name.text);
            self.report(SyntaxError::new(block.name.span, message).with_help("rename one of them"));
        }
        mapping.maps.push(block);
    }

    /// `{ statements }`.
    fn block(&mut self, place: Place) -> Parse<Vec<Statement>> {
        let open = self.cursor.found_span();
        self.expect("{", "`{`")?;
        let mut inner = Mapping::default();
        self.statements(place, &mut inner);
        if !self.cursor.eat("}") {
            if self.is_full() {
                return Ok(inner.statements);
            }
            return Err(self.expected("`}`").with_help(format!(
                "the block begins at {}",
                self.place_of(open.range().start)
            )));
        }
        Ok(inner.statements)
    }

    fn place_of(&self, offset: usize) -> String {
        let (line, column) = crate::error::line_and_column(self.cursor.text(), offset);
        format!("line {line}, column {column}")
    }

    fn if_statement(&mut self, place: Place) -> Parse<StatementKind> {
        let inner = if place == Place::Map {
            Place::Map
        } else {
            Place::Branch
        };
        self.cursor.keyword("if");
        let mut branches = vec![self.statement_branch(inner)?];
        while self.else_if() {
            branches.push(self.statement_branch(inner)?);
        }
        let otherwise = if self.else_block() {
            self.cursor.skip_trivia();
            Some(self.block(inner)?)
        } else {
            None
        };
        Ok(StatementKind::If {
            branches,
            otherwise,
        })
    }

    fn statement_branch(&mut self, place: Place) -> Parse<StatementBranch> {
        let condition = self.expression()?;
        self.cursor.skip_trivia();
        let statements = self.block(place)?;
        Ok(StatementBranch {
            condition,
            statements,
        })
    }
}
