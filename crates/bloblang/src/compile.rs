//! From syntax tree to program: names become slots, paths are split, literals folded, arguments
//! checked. What is wrong is collected, not reported one at a time.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use millrace_formats::{FileError, read_text_file};
use millrace_message::{Segment, Text, Value};

use crate::ast::{
    self, Arguments as AstArguments, Expr as Ast, ExprKind, Import, ImportKind, LinkKind, Literal,
    Name, Operator, Span, StatementKind as AstStatement, TargetKind,
};
use crate::budget::{self, Allowance};
use crate::environment::Environment;
use crate::error::{Lines, SyntaxError, line_and_column};
use crate::eval::arithmetic;
use crate::imported::IMPORT_BYTES_MAX;

use crate::parser;
use crate::program::{
    Apply, Base, Binary, Body, CacheUse, Expr, Get, If, Key, Lambda, MapBody, Match, Path, Pattern,
    Program, Slice, Statement, StatementKind, Target,
};

mod call;
mod complaints;
mod fold;
mod variables;

use complaints::Complaints;
use variables::Variables;

/// How many files may import each other in a row.
const IMPORT_DEPTH_MAX: usize = 16;
/// How many files are imported in all.
const IMPORTS_MAX: usize = 1000;

/// Compiles a mapping.
///
/// # Errors
/// Everything that is wrong with it, with places in `text`.
pub(crate) fn mapping(text: &str, environment: &Environment) -> Result<Program, Vec<SyntaxError>> {
    let tree = parser::parse_mapping(text).into_result()?;
    let _account = budget::open(Allowance::COMPILE);
    let mut compiler = Compiler::new(text, environment);
    let body = compiler.mapping(&tree);
    compiler.finish(body)
}

/// Compiles one expression: a program whose only statement assigns it to root.
///
/// # Errors
/// Everything that is wrong with it, with places in `text`.
pub(crate) fn expression(
    text: &str,
    environment: &Environment,
) -> Result<Program, Vec<SyntaxError>> {
    let tree = parser::parse_expression(text)?;
    parsed_expression(text, &tree, environment)
}

/// Compiles an expression that stands within `text`.
pub(crate) fn parsed_expression(
    text: &str,
    tree: &Ast,
    environment: &Environment,
) -> Result<Program, Vec<SyntaxError>> {
    let _account = budget::open(Allowance::COMPILE);
    let mut compiler = Compiler::new(text, environment);
    let value = compiler.expr(tree);
    let kind = StatementKind::Assign {
        target: Target::Root(Vec::new()),
        value,
    };
    let body = Body::new(vec![Statement { line: 0, kind }], 0);
    compiler.finish(body)
}

struct Compiler<'a> {
    text: &'a str,
    /// Made when the first statement asks for its line.
    lines: OnceCell<Lines>,
    environment: &'a Environment,
    errors: Complaints,
    warnings: Vec<SyntaxError>,
    /// Where variables are read that nothing assigns: an argument may be compiled twice.
    warned: HashSet<Span>,
    /// Calls of literals that fail, and whose failure nothing takes so far.
    failing: Vec<SyntaxError>,
    caches: Vec<CacheUse>,
    /// Where the maps of these names stand, or will stand, in `maps`.
    names: HashMap<Arc<str>, usize>,
    maps: Vec<MapBody>,
    /// Those of the body at hand.
    variables: Variables,
    /// Names of the parameters of the lambdas around, outermost first.
    parameters: Vec<Text>,
    import_depth: usize,
    imported: Imported,
}

/// What was imported so far, by whichever file.
#[derive(Clone, Copy, Default)]
struct Imported {
    files: usize,
    bytes: usize,
}

impl<'a> Compiler<'a> {
    fn new(text: &'a str, environment: &'a Environment) -> Compiler<'a> {
        let given = environment.given().iter().map(|(name, _)| name.clone());
        Compiler {
            text,
            lines: OnceCell::new(),
            environment,
            errors: Complaints::default(),
            warnings: Vec::new(),
            warned: HashSet::new(),
            failing: Vec::new(),
            caches: Vec::new(),
            names: HashMap::new(),
            maps: Vec::new(),
            variables: Variables::given(given),
            parameters: Vec::new(),
            import_depth: 0,
            imported: Imported::default(),
        }
    }

    fn finish(mut self, mut body: Body) -> Result<Program, Vec<SyntaxError>> {
        if self.errors.count() > 0 {
            return Err(self.errors.into_told());
        }
        self.warnings.append(&mut self.failing);
        body.variables = body.variables.max(self.variables.len());
        Ok(Program {
            body,
            maps: self.maps,
            environment: Arc::new(self.environment.clone()),
            warnings: self.warnings,
            caches: self.caches,
        })
    }

    fn error(&mut self, span: Span, message: impl Into<String>) -> Expr {
        self.errors.push(SyntaxError::new(span, message));
        Expr::Nothing
    }

    fn mapping(&mut self, tree: &ast::Mapping) -> Body {
        for import in &tree.imports {
            if self.errors.is_full() {
                break;
            }
            if let Some(body) = self.import(import) {
                return body;
            }
        }
        for (place, map) in (self.maps.len()..).zip(&tree.maps) {
            let name = &map.name.text;
            if self.names.contains_key(name) {
                self.error(map.name.span, format!("map `{name}` is declared twice"));
                continue;
            }
            self.names.insert(Arc::clone(name), place);
        }
        for map in &tree.maps {
            let name = Text::from(&*map.name.text);
            let outer = std::mem::take(&mut self.variables);
            let statements = self.statements(&map.statements);
            let variables = std::mem::replace(&mut self.variables, outer).len();
            self.maps.push(MapBody {
                name,
                body: Body::new(statements, variables),
            });
        }
        let statements = self.statements(&tree.statements);
        Body::new(statements, self.variables.len())
    }

    /// Takes in another file: its maps, or for `from` its body.
    fn import(&mut self, import: &Import) -> Option<Body> {
        let path = self.environment.resolve(&import.path.text);
        if self.environment.is_pure() {
            self.error(import.span, "imports are not allowed here");
            return None;
        }
        if self.import_depth >= IMPORT_DEPTH_MAX {
            self.error(
                import.span,
                format!("more than {IMPORT_DEPTH_MAX} files import each other"),
            );
            return None;
        }
        if self.imported.files >= IMPORTS_MAX {
            self.error(
                import.span,
                format!("more than {IMPORTS_MAX} files are imported in all"),
            );
            return None;
        }
        let room = IMPORT_BYTES_MAX - self.imported.bytes;
        let text = match read_text_file(&path, room) {
            Ok(text) => text,
            Err(error) => {
                self.environment.lock_imported().add_refused(&path);
                let reason = match error {
                    FileError::TooLarge(_) if self.imported.files > 0 => {
                        format!("all that is imported is larger than {IMPORT_BYTES_MAX} bytes")
                    }
                    error => error.to_string(),
                };
                self.error(
                    import.path.span,
                    format!("read imported mapping `{}`: {reason}", path.display()),
                );
                return None;
            }
        };
        self.environment.lock_imported().add(&path, &text);
        let parsed = parser::parse_mapping(&text);
        // What it names in turn lies beside it.
        let folder = path.parent().unwrap_or(std::path::Path::new(""));
        let environment = self.environment.clone().with_directory(folder);
        let mut inner = Compiler::new(&text, &environment);
        inner.import_depth = self.import_depth + 1;
        inner.imported = Imported {
            files: self.imported.files + 1,
            bytes: self.imported.bytes + text.len(),
        };
        // Maps are numbered across files.
        inner.names = std::mem::take(&mut self.names);
        inner.maps = std::mem::take(&mut self.maps);
        parsed
            .errors
            .into_iter()
            .for_each(|it| inner.errors.push(it));
        let mut body = inner.mapping(&parsed.tree);
        body.variables = inner.variables.len();
        let Compiler {
            names,
            maps,
            errors,
            imported,
            ..
        } = inner;
        self.imported = imported;
        self.names = names;
        self.maps = maps;
        for error in errors.into_told() {
            let (line, column) = line_and_column(&text, error.span.start as usize);
            self.error(
                import.path.span,
                format!(
                    "imported mapping `{}`, line {line}:{column}: {error}",
                    path.display()
                ),
            );
        }
        (import.kind == ImportKind::Whole).then_some(body)
    }

    fn statements(&mut self, statements: &[ast::Statement]) -> Vec<Statement> {
        let mut compiled = Vec::with_capacity(statements.len());
        for statement in statements {
            if self.errors.is_full() {
                break;
            }
            compiled.push(self.statement(statement));
        }
        compiled
    }

    fn statement(&mut self, statement: &ast::Statement) -> Statement {
        let lines = self.lines.get_or_init(|| Lines::of(self.text));
        let line = lines.line(statement.span.start as usize);
        let kind = match &statement.kind {
            AstStatement::Assign { target, value } => {
                let value = self.expr(value);
                StatementKind::Assign {
                    target: self.target(&target.kind),
                    value,
                }
            }
            AstStatement::If {
                branches,
                otherwise,
            } => StatementKind::If {
                branches: branches
                    .iter()
                    .map(|branch| {
                        (
                            self.expr(&branch.condition),
                            self.statements(&branch.statements),
                        )
                    })
                    .collect(),
                otherwise: otherwise
                    .as_ref()
                    .map(|statements| self.statements(statements))
                    .unwrap_or_default(),
            },
        };
        Statement { line, kind }
    }

    fn target(&mut self, target: &TargetKind) -> Target {
        match target {
            TargetKind::Root(path) => Target::Root(path.iter().map(segment).collect()),
            TargetKind::Meta(key) => {
                Target::Metadata(key.as_ref().map(|key| Text::from(&*key.text)))
            }
            TargetKind::Variable(name) => Target::Variable(self.variables.assign(&name.text)),
        }
    }

    fn expr(&mut self, tree: &Ast) -> Expr {
        match &tree.kind {
            ExprKind::Literal(value) => Expr::Literal(literal(value)),
            ExprKind::Array(elements) => {
                let elements = elements.iter().map(|element| self.expr(element)).collect();
                fold::array(elements)
            }
            ExprKind::Object(members) => self.object(members),
            ExprKind::This => path(Base::This, Vec::new()),
            ExprKind::Root => path(Base::Root, Vec::new()),
            ExprKind::Field(name) => path(Base::This, vec![segment(name)]),
            ExprKind::Parameter(name) => self.parameter(name),
            ExprKind::Variable(name) => self.variable(&name.text, name.span),
            ExprKind::Metadata(key) => {
                Expr::Metadata(key.as_ref().map(|key| Text::from(&*key.text)))
            }
            ExprKind::Function { name, arguments } => self.function(name, arguments),
            ExprKind::Chain { head, links } => {
                let failing = self.failing.len();
                let head = self.expr(head);
                links.iter().fold(head, |target, link| {
                    if takes_failures(&link.kind) {
                        self.failing.truncate(failing);
                    }
                    self.link(target, link)
                })
            }
            ExprKind::Not(operand) => match self.expr(operand) {
                Expr::Literal(Value::Bool(bool)) => Expr::Literal(Value::Bool(!bool)),
                operand => Expr::Not(Box::new(operand)),
            },
            ExprKind::Negate(operand) => {
                let is_written = || is_written(operand);
                let operand = self.expr(operand);
                let zero = Expr::Literal(Value::I64(0));
                self.binary(tree.span, Operator::Subtract, zero, operand, is_written)
            }
            ExprKind::Binary { first, rest } => {
                let failing = self.failing.len();
                let compiled = self.expr(first);
                let rest_so_far = (1..).zip(rest);
                rest_so_far.fold(compiled, |left, (count, (operator, right))| {
                    if *operator == Operator::Coalesce {
                        self.failing.truncate(failing);
                    }
                    let are_written =
                        || is_written(first) && rest[..count].iter().all(|(_, it)| is_written(it));
                    let right = self.expr(right);
                    self.binary(tree.span, *operator, left, right, are_written)
                })
            }
            ExprKind::Match { context, cases } => {
                let context = context.as_ref().map(|context| self.expr(context));
                let cases = cases
                    .iter()
                    .map(|case| (self.pattern(&case.pattern), self.expr(&case.value)))
                    .collect();
                Expr::Match(Box::new(Match { context, cases }))
            }
            ExprKind::If {
                branches,
                otherwise,
            } => {
                let branches = branches
                    .iter()
                    .map(|(condition, value)| (self.expr(condition), self.expr(value)))
                    .collect();
                let otherwise = otherwise.as_ref().map(|value| self.expr(value));
                Expr::If(Box::new(If {
                    branches,
                    otherwise,
                }))
            }
            ExprKind::Lambda { parameter, body } => self.lambda(parameter.as_ref(), body),
        }
    }

    fn variable(&mut self, name: &str, span: Span) -> Expr {
        let (slot, is_assigned) = self.variables.read(name);
        if !is_assigned && self.warned.insert(span) {
            let message = format!("variable `{name}` is assigned nowhere above: reading it fails");
            let warning = SyntaxError::new(span, message)
                .with_help(format!("assign it with `let {name} = …`"));
            self.warnings.push(warning);
        }
        path(
            Base::Variable {
                slot,
                name: Text::from(name),
            },
            Vec::new(),
        )
    }

    fn object(&mut self, members: &[(Ast, Ast)]) -> Expr {
        let mut compiled = Vec::with_capacity(members.len());
        for (key_tree, value) in members {
            let key = match self.expr(key_tree) {
                Expr::Literal(Value::String(key)) => Key::Static(key),
                Expr::Literal(bytes @ Value::Bytes(_)) => Key::Static(bytes.to_text()),
                Expr::Literal(other) => {
                    let message =
                        format!("object keys must be strings, received: {}", other.kind());
                    self.error(key_tree.span, message);
                    continue;
                }
                dynamic => Key::Dynamic(dynamic),
            };
            compiled.push((key, self.expr(value)));
        }
        fold::object(compiled)
    }

    fn parameter(&mut self, name: &Name) -> Expr {
        let declared = self
            .parameters
            .iter()
            .rev()
            .position(|known| *known == *name.text);
        match declared {
            Some(level) => path(
                Base::Parameter {
                    level,
                    name: Text::from(&*name.text),
                },
                Vec::new(),
            ),
            None => self.error(name.span, format!("`{}` is not declared", name.text)),
        }
    }

    fn lambda(&mut self, parameter: Option<&Name>, body: &Ast) -> Expr {
        let parameter = parameter.map(|name| Text::from(&*name.text));
        let depth = self.parameters.len();
        self.parameters.extend(parameter.clone());
        let body = self.expr(body);
        self.parameters.truncate(depth);
        Expr::Lambda(Box::new(Lambda { parameter, body }))
    }

    fn pattern(&mut self, pattern: &ast::Pattern) -> Pattern {
        match pattern {
            ast::Pattern::Any => Pattern::Any,
            ast::Pattern::Expr(expr) => match self.expr(expr) {
                Expr::Literal(value) => Pattern::Equals(value),
                condition => Pattern::Condition(condition),
            },
        }
    }

    /// Operands that do not go together are an error where they stand in the mapping; what calls of
    /// literals have given fails when it runs, where `.catch` may take it.
    fn binary(
        &mut self,
        span: Span,
        operator: Operator,
        left: Expr,
        right: Expr,
        are_written: impl FnOnce() -> bool,
    ) -> Expr {
        let binary = Binary {
            operator,
            left,
            right,
        };
        if matches!(operator, Operator::Coalesce | Operator::And | Operator::Or) {
            return Expr::Binary(Box::new(binary));
        }
        let (Some(left), Some(right)) = (fold::outcome(&binary.left), fold::outcome(&binary.right))
        else {
            return Expr::Binary(Box::new(binary));
        };
        if let (Some(left), Some(right)) = (left.value(), right.value())
            && arithmetic::pay(operator, left, right).is_err()
        {
            return Expr::Binary(Box::new(binary));
        }
        match arithmetic::apply(operator, &left, &right) {
            Ok(value) => Expr::Literal(value),
            Err(fault) => {
                let error = fault.into_error(operator, &left, &right, &binary);
                if are_written() {
                    return self.error(span, error.to_string());
                }
                let message = format!("this always fails: {error}");
                self.failing.push(SyntaxError::new(span, message));
                Expr::Binary(Box::new(binary))
            }
        }
    }

    fn link(&mut self, target: Expr, link: &ast::Link) -> Expr {
        match &link.kind {
            LinkKind::Field(name) => get(target, vec![segment(name)]),
            LinkKind::Method { name, arguments } => self.method(target, name, arguments),
            LinkKind::Map(query) => {
                let query = self.expr(query);
                Expr::Map(Box::new((target, query)))
            }
            LinkKind::Index(position) => {
                let position = self.expr(position);
                Expr::Index(Box::new((target, position)))
            }
            LinkKind::Slice { start, end, step } => {
                let mut bound = |tree: &Option<Box<Ast>>| tree.as_ref().map(|tree| self.expr(tree));
                let (start, end, step) = (bound(start), bound(end), bound(step));
                Expr::Slice(Box::new(Slice {
                    target,
                    start,
                    end,
                    step,
                }))
            }
        }
    }

    /// Calls that the compiler resolves itself; nothing when it is an ordinary method.
    fn built_in(&mut self, target: Expr, name: &str, tree: &AstArguments) -> Result<Expr, Expr> {
        let [argument] = tree.list.as_slice() else {
            return Err(target);
        };
        let ExprKind::Literal(Literal::String(text)) = &argument.value.kind else {
            return Err(target);
        };
        let fits = |parameter: &str| {
            argument
                .name
                .as_ref()
                .is_none_or(|name| *name.text == *parameter)
        };
        match name {
            "get" if fits("path") => Ok(get(target, Segment::parse_dot_path(text))),
            "apply" if fits("mapping") => match self.names.get(&**text) {
                Some(&map) => Ok(Expr::Apply(Box::new(Apply { target, map }))),
                None => Err(target),
            },
            _ => Err(target),
        }
    }
}

/// Whether an operand is a literal as it stands in the mapping, or operators on such.
fn is_written(tree: &Ast) -> bool {
    match &tree.kind {
        ExprKind::Literal(_) => true,
        ExprKind::Array(elements) => elements.iter().all(is_written),
        ExprKind::Object(members) => members.iter().all(|(_, value)| is_written(value)),
        ExprKind::Negate(operand) | ExprKind::Not(operand) => is_written(operand),
        ExprKind::Binary { first, rest } => {
            is_written(first) && rest.iter().all(|(_, operand)| is_written(operand))
        }
        _ => false,
    }
}

/// Whether a link of a chain goes on where what stands before it fails.
fn takes_failures(link: &LinkKind) -> bool {
    matches!(link, LinkKind::Method { name, .. } if ["catch", "or"].contains(&&*name.text))
}

fn path(base: Base, segments: Vec<Segment>) -> Expr {
    Expr::Path(Box::new(Path { base, segments }))
}

/// A path into `target`; a path into a path is one path.
fn get(target: Expr, segments: Vec<Segment>) -> Expr {
    match target {
        Expr::Path(mut path) => {
            path.segments.extend(segments);
            Expr::Path(path)
        }
        Expr::Get(mut get) => {
            get.segments.extend(segments);
            Expr::Get(get)
        }
        target => Expr::Get(Box::new(Get { target, segments })),
    }
}

fn segment(name: &Name) -> Segment {
    Segment::new(&*name.text)
}

fn literal(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(bool) => Value::Bool(*bool),
        Literal::Int(integer) => Value::I64(*integer),
        Literal::Float(float) => Value::F64(*float),
        Literal::String(text) => Value::String(Text::from(Arc::clone(text))),
        Literal::Bytes(bytes) => Value::from(bytes.to_vec()),
    }
}
