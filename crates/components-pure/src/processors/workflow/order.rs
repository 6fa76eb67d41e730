//! The tiers of a workflow: checked when they are written, found when they are not.

use std::collections::{BTreeSet, HashMap};

use millrace_bloblang::ast::{
    Expr, ExprKind, LinkKind, Pattern, Statement, StatementKind, Target, TargetKind,
};
use millrace_bloblang::parser;
use millrace_component::Mapping;
use millrace_message::Error;

use super::branch;

/// What is wrong with written tiers of these branches.
pub(super) fn complaints<'a>(
    order: &[Vec<String>],
    branches: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut missing: BTreeSet<&str> = branches.collect();
    let mut seen = BTreeSet::new();
    for (number, tier) in order.iter().enumerate() {
        if tier.is_empty() {
            complaints.push(format!("tier {number} is empty"));
        }
        for name in tier {
            missing.remove(name.as_str());
            if !seen.insert(name.as_str()) {
                complaints.push(format!("branch `{name}` is listed twice"));
            }
        }
    }
    if !missing.is_empty() {
        let names: Vec<_> = missing.into_iter().collect();
        complaints.push(format!("not in any tier: {}", names.join(", ")));
    }
    complaints
}

/// The tiers that follow from what the branches read and assign; names in a tier are in order.
///
/// # Errors
/// Branches need each other.
pub(super) fn resolve(branches: &[(String, branch::Config)]) -> Result<Vec<Vec<String>>, Error> {
    let facts = branches.iter().map(|(name, branch)| Facts {
        name: name.as_str(),
        reads: branch.request_map.as_ref().map_or_else(Vec::new, reads_of),
        assigns: branch.result_map.as_ref().map_or_else(Vec::new, assigns_of),
    });
    tiers(&facts.collect::<Vec<_>>())
}

/// What is known of a branch.
struct Facts<'a> {
    name: &'a str,
    reads: Vec<Path>,
    assigns: Vec<Path>,
}

/// As [`resolve`]; each branch is looked at once, and each need of one for another once.
fn tiers(facts: &[Facts<'_>]) -> Result<Vec<Vec<String>>, Error> {
    let needs = needs(facts);
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); facts.len()];
    for (branch, needed) in needs.iter().enumerate() {
        needed.iter().for_each(|it| needed_by[*it].push(branch));
    }
    let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut tier: Vec<usize> = (0..facts.len()).filter(|it| missing[*it] == 0).collect();
    let (mut tiers, mut placed) = (Vec::new(), 0);
    while !tier.is_empty() {
        placed += tier.len();
        let mut next = Vec::new();
        for later in tier.iter().flat_map(|it| &needed_by[*it]) {
            missing[*later] -= 1;
            if missing[*later] == 0 {
                next.push(*later);
            }
        }
        tiers.push(names(facts, tier));
        tier = next;
    }
    if placed < facts.len() {
        let stuck = (0..facts.len()).filter(|it| missing[*it] > 0).collect();
        return Err(Error::fatal(format!(
            "the branches {} need each other; give their `order`",
            names(facts, stuck).join(", ")
        )));
    }
    Ok(tiers)
}

/// The names of branches, in order.
fn names(facts: &[Facts<'_>], branches: Vec<usize>) -> Vec<String> {
    let names = branches.into_iter().map(|it| facts[it].name.to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// Which others each branch needs: those that assign what it reads, or what that is a part of.
fn needs(facts: &[Facts<'_>]) -> Vec<Vec<usize>> {
    let mut assigning: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (branch, of) in facts.iter().enumerate() {
        for path in &of.assigns {
            assigning.entry(path).or_default().push(branch);
        }
    }
    let needs = |(branch, of): (usize, &Facts<'_>)| {
        let paths = of.reads.iter();
        let whole = paths.flat_map(|path| (1..=path.len()).map(|length| &path[..length]));
        let others = whole.filter_map(|path| assigning.get(path)).flatten();
        let mut others: Vec<_> = others.copied().filter(|other| *other != branch).collect();
        others.sort_unstable();
        others.dedup();
        others
    };
    facts.iter().enumerate().map(needs).collect()
}

/// A place in a message: `path` or `metadata`, and the names below it.
type Path = Vec<String>;

const PAYLOAD: &str = "path";
const METADATA: &str = "metadata";

/// What a mapping assigns.
fn assigns_of(mapping: &Mapping) -> Vec<Path> {
    let mut paths = Vec::new();
    let tree = parser::parse_mapping(mapping.source());
    if let Ok(tree) = tree.into_result() {
        each_statement(&tree.statements, &mut |statement| {
            if let StatementKind::Assign { target, .. } = &statement.kind {
                paths.extend(assigned(target));
            }
        });
    }
    paths
}

fn assigned(target: &Target) -> Option<Path> {
    match &target.kind {
        TargetKind::Root(names) => {
            let names = names.iter().map(|name| name.text.to_string());
            Some(std::iter::once(PAYLOAD.to_owned()).chain(names).collect())
        }
        TargetKind::Meta(name) => {
            let name = name.iter().map(|name| name.text.to_string());
            Some(std::iter::once(METADATA.to_owned()).chain(name).collect())
        }
        TargetKind::Variable(_) => None,
    }
}

fn each_statement(statements: &[Statement], visit: &mut impl FnMut(&Statement)) {
    for statement in statements {
        visit(statement);
        if let StatementKind::If {
            branches,
            otherwise,
        } = &statement.kind
        {
            for branch in branches {
                each_statement(&branch.statements, visit);
            }
            each_statement(otherwise.as_deref().unwrap_or_default(), visit);
        }
    }
}

/// What a mapping reads of the message itself; what it reads of values that it computes is not
/// followed.
fn reads_of(mapping: &Mapping) -> Vec<Path> {
    let mut reads = Reads {
        context: Some(vec![PAYLOAD.to_owned()]),
        paths: Vec::new(),
    };
    let tree = parser::parse_mapping(mapping.source());
    if let Ok(tree) = tree.into_result() {
        each_statement(&tree.statements, &mut |statement| match &statement.kind {
            StatementKind::Assign { value, .. } => reads.expr(value),
            StatementKind::If { branches, .. } => {
                for branch in branches {
                    reads.expr(&branch.condition);
                }
            }
        });
    }
    reads.paths
}

struct Reads {
    /// What `this` is; none when it is computed.
    context: Option<Path>,
    paths: Vec<Path>,
}

impl Reads {
    fn within(&mut self, context: Option<Path>, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.context, context);
        visit(self);
        self.context = outer;
    }

    fn read(&mut self, path: Option<Path>) {
        self.paths.extend(path);
    }

    fn expr(&mut self, expr: &Expr) {
        let path = self.place(expr);
        self.read(path);
    }

    /// The place that an expression stands for, when it is one; what it reads beside it is noted.
    fn place(&mut self, expr: &Expr) -> Option<Path> {
        let below = |context: &Option<Path>, name: &str| {
            context.clone().map(|mut path| {
                path.push(name.to_owned());
                path
            })
        };
        match &expr.kind {
            ExprKind::This => self.context.clone(),
            ExprKind::Field(name) => below(&self.context, &name.text),
            ExprKind::Metadata(name) => {
                let name = name.iter().map(|name| name.text.to_string());
                Some(std::iter::once(METADATA.to_owned()).chain(name).collect())
            }
            ExprKind::Chain { head, links } => {
                let mut at = self.place(head);
                for link in links {
                    match &link.kind {
                        LinkKind::Field(name) => at = below(&at, &name.text),
                        LinkKind::Map(query) => {
                            let context = at.take();
                            let mut place = None;
                            self.within(context.clone(), |reads| place = reads.place(query));
                            if place.is_none() {
                                self.read(context);
                            }
                            at = place;
                        }
                        LinkKind::Method { arguments, .. } => {
                            let read = at.take();
                            self.read(read);
                            for argument in &arguments.list {
                                self.expr(&argument.value);
                            }
                        }
                        LinkKind::Index(index) => self.expr(index),
                        LinkKind::Slice { start, end, step } => {
                            for part in [start, end, step].into_iter().flatten() {
                                self.expr(part);
                            }
                        }
                    }
                }
                at
            }
            other => {
                self.inside(other);
                None
            }
        }
    }

    /// What the parts of an expression read that is no place itself.
    fn inside(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Array(elements) => elements.iter().for_each(|it| self.expr(it)),
            ExprKind::Object(members) => members.iter().for_each(|(key, value)| {
                self.expr(key);
                self.expr(value);
            }),
            ExprKind::Function { name, arguments } => {
                if matches!(&*name.text, "meta" | "metadata") {
                    let name = arguments.list.first().and_then(|it| literal(&it.value));
                    let path = std::iter::once(METADATA.to_owned()).chain(name);
                    self.read(Some(path.collect()));
                } else if &*name.text == "json" {
                    let path = arguments.list.first().and_then(|it| literal(&it.value));
                    let path = path.unwrap_or_default();
                    let names = path
                        .split('.')
                        .filter(|it| !it.is_empty())
                        .map(str::to_owned);
                    let path = std::iter::once(PAYLOAD.to_owned()).chain(names);
                    self.read(Some(path.collect()));
                } else if &*name.text == "content" {
                    self.read(Some(vec![PAYLOAD.to_owned()]));
                }
                arguments.list.iter().for_each(|it| self.expr(&it.value));
            }
            ExprKind::Not(operand) | ExprKind::Negate(operand) => self.expr(operand),
            ExprKind::Binary { first, rest } => {
                self.expr(first);
                rest.iter().for_each(|(_, operand)| self.expr(operand));
            }
            ExprKind::Match { context, cases } => {
                let context = match context {
                    Some(context) => {
                        let place = self.place(context);
                        self.read(place.clone());
                        place
                    }
                    None => self.context.clone(),
                };
                self.within(context, |reads| {
                    for case in cases {
                        if let Pattern::Expr(pattern) = &case.pattern {
                            reads.expr(pattern);
                        }
                        reads.expr(&case.value);
                    }
                });
            }
            ExprKind::If {
                branches,
                otherwise,
            } => {
                for (condition, value) in branches {
                    self.expr(condition);
                    self.expr(value);
                }
                otherwise.iter().for_each(|it| self.expr(it));
            }
            ExprKind::Lambda { parameter, body } => match parameter {
                // `this` stays the outer one where the parameter has a name.
                Some(_) => self.expr(body),
                None => self.within(None, |reads| reads.expr(body)),
            },
            ExprKind::Literal(_)
            | ExprKind::This
            | ExprKind::Root
            | ExprKind::Field(_)
            | ExprKind::Parameter(_)
            | ExprKind::Variable(_)
            | ExprKind::Metadata(_)
            | ExprKind::Chain { .. } => {}
        }
    }
}

fn literal(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Literal(millrace_bloblang::ast::Literal::String(text)) => Some(text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: String) -> Path {
        vec![PAYLOAD.to_owned(), name]
    }

    /// With work that grows with the square of their number it would not end in a day.
    #[test]
    fn a_hundred_thousand_branches_in_a_row_are_put_in_order() {
        const BRANCHES: usize = 100_000;
        let names: Vec<String> = (0..BRANCHES).map(|it| format!("b{it:06}")).collect();
        let facts = |first_reads: &str| {
            let of = |number: usize| Facts {
                name: names[number].as_str(),
                reads: vec![path(match number {
                    0 => first_reads.to_owned(),
                    _ => format!("v{}", number - 1),
                })],
                assigns: vec![path(format!("v{number}"))],
            };
            (0..BRANCHES).rev().map(of).collect::<Vec<_>>()
        };
        let expected: Vec<_> = names.iter().map(|name| vec![name.clone()]).collect();
        assert_eq!(tiers(&facts("other")).unwrap(), expected);
        let last = format!("v{}", BRANCHES - 1);
        let error = tiers(&facts(&last)).unwrap_err();
        assert!(error.text().contains("b000000, b000001, "), "{error}");
    }

    #[test]
    fn branches_of_one_tier_are_in_the_order_of_their_names_and_none_needs_itself() {
        let facts = |name: &'static str, reads: &[&str], assigns: &[&str]| Facts {
            name,
            reads: reads.iter().map(|it| path((*it).to_owned())).collect(),
            assigns: assigns.iter().map(|it| path((*it).to_owned())).collect(),
        };
        let found = tiers(&[
            facts("d", &["x", "y"], &[]),
            facts("c", &["x"], &["x"]),
            facts("b", &["z", "z"], &["y"]),
            facts("a", &[], &["z"]),
        ]);
        assert_eq!(found.unwrap(), [vec!["a", "c"], vec!["b"], vec!["d"]]);
    }
}
