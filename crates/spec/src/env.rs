//! Environment variables in config texts.

use millrace_diagnostics::Span;

/// Which variable's value went into which place of a source.
#[derive(Clone, Default, Debug)]
pub struct EnvUses {
    uses: Vec<EnvUse>,
}

/// One `${VAR}` of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvUse {
    /// The name.
    pub name: String,
    /// What stands in its place.
    pub value: String,
    /// The `${…}` as written.
    pub span: Span,
}

impl EnvUses {
    /// Adds the uses of another source.
    pub fn extend(&mut self, other: Self) {
        self.uses.extend(other.uses);
    }

    /// The uses within a span.
    pub fn within(&self, span: Span) -> impl Iterator<Item = &EnvUse> {
        self.uses.iter().filter(move |it| span.contains(it.span))
    }

    /// The values that were inserted within a span.
    pub fn values_within(&self, span: Span) -> impl Iterator<Item = &str> {
        self.within(span).map(|it| it.value.as_str())
    }
}
