//! Reading typed config from the spanned tree, collecting every complaint.

use crate::env::EnvUses;
use crate::fragments::Fragments;
use crate::{
    FieldKind, FieldOption, FieldSpec, FieldType, Mapping, Node, Value, codes, credentials,
};
use millrace_diagnostics::{
    Code, Diagnostic, Diagnostics, Redactor, Severity, SourceMap, Span, did_you_mean,
};
use millrace_telemetry::redact::{MASK, is_secret_name, mask_quoted};
use std::any::{Any, TypeId};
use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// For so many unknown names of a config the nearest one is looked for.
const SUGGESTIONS_MAX: usize = 100;
/// So many names can be read in one line.
const LISTED_MAX: usize = 12;

/// So many bytes of the text that a complaint is about are searched for secrets.
const SPAN_BYTES_MAX: u32 = 1 << 16;

/// How strict a reading is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct LintOptions {
    /// Deprecated fields and components are errors instead of warnings.
    pub deny_deprecated: bool,
    /// Every component that can have a label must have one.
    pub require_labels: bool,
    /// Variables without a value are no complaint; their place holds an empty text.
    pub skip_env_check: bool,
    /// What weakens the delivery of messages is an error.
    pub deny_weaker_guarantees: bool,
    /// A component that exists but not in this build is a warning instead of an error, as where a
    /// config is only checked.
    pub allow_not_built: bool,
}

/// What a reader needs and what it leaves behind: complaints, secrets, and whatever the layers
/// above store in it.
pub struct ReadContext {
    sources: Arc<SourceMap>,
    diagnostics: Diagnostics,
    redactor: Redactor,
    /// Where secrets stand in the sources.
    secret_places: Vec<Span>,
    /// The texts among them, without the variables in them.
    secret_texts: Vec<Span>,
    env: EnvUses,
    options: LintOptions,
    /// For how many unknown names the nearest one was looked for.
    suggestions: usize,
    path: Vec<String>,
    /// The templates whose results are being read, from the outside in.
    templates: Vec<InTemplate>,
    extensions: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    state: HashMap<TypeId, Box<dyn Any + Send>>,
}

/// A template whose result is being read.
struct InTemplate {
    name: String,
    /// How long the path was at its use.
    from: usize,
}

impl ReadContext {
    /// A context for nodes whose spans point into `sources`.
    pub fn new(sources: Arc<SourceMap>) -> Self {
        Self {
            sources,
            diagnostics: Diagnostics::new(),
            redactor: Redactor::new(),
            secret_places: Vec::new(),
            secret_texts: Vec::new(),
            env: EnvUses::default(),
            options: LintOptions::default(),
            suggestions: 0,
            path: Vec::new(),
            templates: Vec::new(),
            extensions: HashMap::new(),
            state: HashMap::new(),
        }
    }

    /// Sets how strict the reading is.
    #[must_use]
    pub fn with_options(mut self, options: LintOptions) -> Self {
        self.options = options;
        self
    }

    /// The texts that spans point into.
    pub fn sources(&self) -> &Arc<SourceMap> {
        &self.sources
    }

    /// How strict the reading is.
    pub fn options(&self) -> LintOptions {
        self.options
    }

    /// Tells which variables went into which places of a source.
    pub fn add_env(&mut self, uses: EnvUses) {
        self.env.extend(uses);
    }

    /// Adds a complaint and gives it back for more details. Within what a template made, it names the
    /// template.
    pub fn report(&mut self, mut diagnostic: Diagnostic) -> &mut Diagnostic {
        if let Some(place) = self.place_in_template() {
            diagnostic.message = format!("{place}: {}", diagnostic.message);
            diagnostic.made_by = Some(place);
        }
        self.diagnostics.push(diagnostic)
    }

    /// Adds an error at a place.
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.report(Diagnostic::error(code, message).at(span))
    }

    /// Whether the name nearest to an unknown one is to be looked for. Nobody misspells a hundred
    /// names: it is another file, or a hostile one.
    pub fn may_suggest(&mut self) -> bool {
        self.suggestions += 1;
        self.suggestions <= SUGGESTIONS_MAX
    }

    /// Adds a warning at a place.
    pub fn warn(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.report(Diagnostic::warning(code, message).at(span))
    }

    /// Adds the complaint about a value of the wrong type. `expected` says with its article what
    /// the field takes: `a text`, `an integer`, `a list`, `an object`, …
    pub fn wrong_type(&mut self, node: &Node, expected: &str) -> &mut Diagnostic {
        let found = node.describe();
        let message = self.about_field(&format!("expected {expected}, found {found}"));
        let diagnostic = self.error(codes::WRONG_TYPE, node.span, message);
        if node.is_null() && expected == "an object" {
            diagnostic.help = Some("write `{}` for an object without fields".to_owned());
        }
        diagnostic
    }

    /// Whether a text is left open: documentation writes `TODO` where its reader has to fill something
    /// in. Where a config is only checked, that is a warning, and the caller has nothing to add; a run
    /// refuses it as any other text that is no address.
    pub fn is_placeholder(&mut self, node: &Node) -> bool {
        let is_open = self.options.allow_not_built
            && node.text().is_some_and(|text| text.starts_with("TODO"));
        if is_open {
            let message = "`TODO` stands for something that is filled in";
            self.warn(codes::PLACEHOLDER, node.span, message).help =
                Some("`run` refuses it".to_owned());
        }
        is_open
    }

    /// Adds the complaint about a deprecated field or component, as strictly as the options say.
    pub fn deprecated(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let strict = self.options.deny_deprecated;
        let severity = if strict {
            Severity::Error
        } else {
            Severity::Warning
        };
        self.report(Diagnostic::new(codes::DEPRECATED, severity, message).at(span))
    }

    /// What was found so far.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// Takes what was found so far. What is about a text with a secret in it quotes no piece of one:
    /// the renderer masks secrets as a whole only.
    pub fn take_diagnostics(&mut self) -> Diagnostics {
        let mut found = std::mem::take(&mut self.diagnostics);
        if self.redactor.is_empty() && self.secret_places.is_empty() {
            return found;
        }
        let places = self.all_secret_places();
        let fragments = LazyCell::new(|| Fragments::of(self.redactor.secrets()));
        found = found
            .into_iter()
            .map(|mut diagnostic| {
                if spans_of(&diagnostic).any(|span| places.iter().any(|it| it.touches(span))) {
                    diagnostic.change_texts(|text| self.without_pieces(text));
                }
                let is_near = diagnostic.made_by.is_some() || self.is_beside_secret(&diagnostic);
                if is_near {
                    hide_reason(&mut diagnostic, &fragments);
                }
                diagnostic
            })
            .collect();
        found
    }

    /// Whether a secret stands, as it is, in the text that a complaint is about.
    fn is_beside_secret(&self, diagnostic: &Diagnostic) -> bool {
        spans_of(diagnostic).any(|span| {
            let Some(source) = self.sources.get(span.source) else {
                return false;
            };
            let end = span.end.min(span.start.saturating_add(SPAN_BYTES_MAX));
            let text = source.slice(Span { end, ..span });
            self.redactor.secrets().any(|it| text.contains(it))
        })
    }

    /// Where secrets stand, and variables whose values are secret anywhere.
    fn all_secret_places(&self) -> Vec<Span> {
        let is_secret = |value: &str| self.redactor.secrets().any(|it| value.contains(it));
        let uses = self.env.iter().filter(|it| is_secret(&it.value));
        let places = self.secret_places.iter().copied();
        places.chain(uses.map(|it| it.span)).collect()
    }

    fn without_pieces(&self, text: &str) -> Option<String> {
        let is_piece = |quoted: &str| {
            quoted.len() > 1 && self.redactor.secrets().any(|it| it.contains(quoted))
        };
        mask_quoted(text, MASK, is_piece)
    }

    /// Runs a reader and says whether it reported an error.
    pub fn errors_in<R>(&mut self, read: impl FnOnce(&mut Self) -> R) -> (R, bool) {
        let before = self.diagnostics.len();
        let result = read(self);
        let failed = self
            .diagnostics
            .iter()
            .skip(before)
            .any(|it| it.severity == Severity::Error);
        (result, failed)
    }

    /// Runs a reader with `segment` added to the path of the config.
    pub fn within<R>(
        &mut self,
        segment: impl Into<String>,
        read: impl FnOnce(&mut Self) -> R,
    ) -> R {
        self.path.push(segment.into());
        let result = read(self);
        self.path.pop();
        result
    }

    /// Runs a reader on what a template made of its use at the place at hand.
    pub fn within_template<R>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> R) -> R {
        self.templates.push(InTemplate {
            name: name.to_owned(),
            from: self.path.len(),
        });
        let result = read(self);
        self.templates.pop();
        result
    }

    /// Runs a reader as if it were in no template, for complaints that name those they are about.
    pub fn outside_templates<R>(&mut self, read: impl FnOnce(&mut Self) -> R) -> R {
        let templates = std::mem::take(&mut self.templates);
        let result = read(self);
        self.templates = templates;
        result
    }

    /// Whether the reader is in what a template made, which its user does not see.
    pub fn is_in_template(&self) -> bool {
        !self.templates.is_empty()
    }

    /// Which templates made what is being read, and where in it the reader is, for complaints:
    /// ``template `retried` makes `retry.output` ``. Of a template that uses itself, each place is named
    /// once, however often it was gone through.
    pub fn place_in_template(&self) -> Option<String> {
        let ends = self.templates.iter().skip(1).map(|it| it.from);
        let ends = ends.chain([self.path.len()]);
        let places = self.templates.iter().zip(ends).map(|(template, end)| {
            let name = &template.name;
            match self.path.get(template.from..end).unwrap_or_default() {
                [] => format!("template `{name}`"),
                made => format!("template `{name}` makes `{}`", made.join(".")),
            }
        });
        let mut named = Vec::new();
        for place in places {
            if !named.contains(&place) {
                named.push(place);
            }
        }
        (!named.is_empty()).then(|| named.join(": "))
    }

    /// Where the reader is, as Bento writes component paths: `pipeline.processors.0.branch`.
    pub fn path(&self) -> String {
        self.path.join(".")
    }

    /// The segments of [`Self::path`].
    pub fn path_segments(&self) -> &[String] {
        &self.path
    }

    /// The message with the name of the field at hand in front: `field urls.0: …`. A message about
    /// a whole config is left as it is.
    pub fn about_field(&self, message: &str) -> String {
        let is_index = |segment: &String| segment.parse::<usize>().is_ok();
        // What a template made begins at the use, whose own field is not meant.
        let path = &self.path[self.templates.last().map_or(0, |it| it.from)..];
        let name = path.iter().rposition(|it| !is_index(it));
        match name {
            Some(at) if at > 0 || path[at] != "root" => {
                format!("field {}: {message}", path[at..].join("."))
            }
            _ => message.to_owned(),
        }
    }

    /// Lends something to every reader, such as the component registry; one value per type.
    pub fn set_extension<T: Any + Send + Sync>(&mut self, value: Arc<T>) {
        self.extensions.insert(TypeId::of::<T>(), value);
    }

    /// What [`Self::set_extension`] lent.
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = Arc::clone(self.extensions.get(&TypeId::of::<T>())?);
        value.downcast().ok()
    }

    /// What readers collect on the way, such as the labels seen; one value per type, created on
    /// first use.
    pub fn state<T: Any + Send + Default>(&mut self) -> &mut T {
        let value = self
            .state
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Box::new(T::default()));
        value
            .downcast_mut()
            .expect("the key of the entry is the type of its value")
    }

    /// Remembers as secret every text below `node` and every value of a variable used in it.
    pub fn add_secret(&mut self, node: &Node) {
        self.secret_places.push(node.span);
        match &node.value {
            Value::Scalar(scalar) => {
                self.redactor.add(&*scalar.text);
                self.add_secret_span(node.span);
            }
            Value::Sequence(items) => items.iter().for_each(|item| self.add_secret(item)),
            Value::Mapping(map) => map.entries.iter().for_each(|it| self.add_secret(&it.value)),
        }
        self.add_secret_env(node.span);
    }

    /// Remembers where a secret is written, which may be in escapes or in parts.
    fn add_secret_span(&mut self, span: Span) {
        // What a template made stands nowhere; it has the place of the template's name.
        let source = self.sources.get(span.source);
        let written = source.as_ref().map_or("", |it| it.slice(span));
        if self.templates.iter().any(|it| it.name == written) {
            return;
        }
        let mut uses: Vec<_> = self.env.within(span).map(|it| it.span).collect();
        uses.sort_unstable();
        let ends = uses.iter().map(|it| it.start).chain([span.end]);
        let starts = [span.start].into_iter().chain(uses.iter().map(|it| it.end));
        let parts = starts.zip(ends).filter(|(start, end)| start < end);
        let parts = parts.map(|(start, end)| Span { start, end, ..span });
        self.secret_texts.extend(parts);
    }

    /// Remembers a text as secret.
    pub fn add_secret_text(&mut self, text: impl Into<String>) {
        self.redactor.add(text);
    }

    /// Remembers as secret the values of all variables that were used within a span.
    pub fn add_secret_env(&mut self, span: Span) {
        let values: Vec<String> = self.env.values_within(span).map(str::to_owned).collect();
        self.redactor.extend(values);
    }

    /// As [`Self::add_secret_env`], of those variables alone whose names say that they are secret.
    pub fn add_secret_named_env(&mut self, span: Span) {
        let uses = self.env.within(span);
        let secret = uses.filter(|it| is_secret_name(&it.name));
        let values: Vec<String> = secret.map(|it| it.value.clone()).collect();
        self.redactor.extend(values);
    }

    /// Where the secrets stand that were read.
    pub fn secret_places(&self) -> &[Span] {
        &self.secret_places
    }

    /// The parts of the sources that nobody may see.
    pub fn secret_texts(&self) -> &[Span] {
        &self.secret_texts
    }

    /// What is known to be secret so far.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

/// The places of a complaint.
fn spans_of(diagnostic: &Diagnostic) -> impl Iterator<Item = Span> {
    let related = diagnostic.related.iter().map(|it| it.span);
    related.chain(diagnostic.span)
}

/// Leaves the place of a complaint and nothing else when its texts show a piece of a secret.
fn hide_reason(diagnostic: &mut Diagnostic, fragments: &Fragments) {
    let place = diagnostic.made_by.as_ref().map(|it| format!("{it}: "));
    let place = place.unwrap_or_default();
    let said = diagnostic.message.strip_prefix(&place);
    let said = said.unwrap_or(&diagnostic.message);
    let others = diagnostic.texts().skip(1);
    if !others.chain([said]).any(|text| fragments.are_in(text)) {
        return;
    }
    diagnostic.message = format!("{place}the reason would show a piece of a secret");
    diagnostic.label = None;
    diagnostic.related.clear();
    diagnostic.notes.clear();
    diagnostic.help = Some("look at the text that the secret is put into".to_owned());
}

/// A check of one field's value, run after it was read.
pub type FieldLint<T> = fn(&T, &Node, &mut ReadContext);

/// The fields of one object while they are read one by one; knows afterwards which keys nobody
/// asked for.
pub struct Fields<'n> {
    node: &'n Node,
    mapping: &'n Mapping,
    known: Vec<String>,
}

impl<'n> Fields<'n> {
    /// Opens an object; anything else is reported.
    pub fn open(node: &'n Node, cx: &mut ReadContext) -> Option<Self> {
        let Some(mapping) = node.as_mapping() else {
            cx.wrong_type(node, "an object");
            return None;
        };
        Some(Self {
            node,
            mapping,
            known: Vec::new(),
        })
    }

    /// The object.
    pub fn node(&self) -> &'n Node {
        self.node
    }

    /// Reads a field: present, default, or absent as the type decides. `None` when something was
    /// reported.
    pub fn read<T: FieldType>(
        &mut self,
        spec: &FieldSpec,
        lint: Option<FieldLint<T>>,
        cx: &mut ReadContext,
    ) -> Option<T> {
        let present = self.take(spec, cx);
        cx.within(&*spec.name, |cx| match (present, &spec.default) {
            (Some(node), _) => read_present(spec, node, lint, cx),
            (None, Some(default)) => {
                // A default stands nowhere in the file: a secret one hides no variable around it.
                let nowhere = self.node.span.start_point();
                T::read(&Node::from_literal(default, nowhere), cx)
            }
            (None, None) => T::read_absent(&spec.name, self.node.span, cx),
        })
    }

    /// Reads a field that has no default and may be absent.
    pub fn read_optional<T: FieldType>(
        &mut self,
        spec: &FieldSpec,
        lint: Option<FieldLint<T>>,
        cx: &mut ReadContext,
    ) -> Option<Option<T>> {
        match self.take(spec, cx) {
            None => Some(None),
            Some(node) => cx.within(&*spec.name, |cx| {
                read_present(spec, node, lint, cx).map(Some)
            }),
        }
    }

    /// The value of a key that is known from now on.
    pub fn take_node(&mut self, key: &str) -> Option<&'n Node> {
        self.known.push(key.to_owned());
        self.mapping.get(key).map(|entry| &entry.value)
    }

    /// Reports every key that was not asked for.
    pub fn finish(self, cx: &mut ReadContext) {
        let known: HashSet<&str> = self.known.iter().map(String::as_str).collect();
        let entries = self.mapping.entries.iter();
        let unknown = entries.filter(|entry| !known.contains(&*entry.key));
        for (position, entry) in unknown.enumerate() {
            let message = format!("field {} not recognised", entry.key);
            let help = cx
                .may_suggest()
                .then(|| did_you_mean(&entry.key, self.known.iter().map(String::as_str)))
                .flatten()
                .or_else(|| listed(&self.known, position));
            cx.error(codes::UNKNOWN_FIELD, entry.key_span, message).help = help;
        }
    }

    /// The field's value under its name or an alias; more than one of them is reported.
    pub(crate) fn take(&mut self, spec: &FieldSpec, cx: &mut ReadContext) -> Option<&'n Node> {
        let names = std::iter::once(&*spec.name).chain(spec.aliases.iter().copied());
        let mut found: Option<&'n crate::Entry> = None;
        for name in names {
            self.known.push(name.to_owned());
            let Some(entry) = self.mapping.get(name) else {
                continue;
            };
            match found {
                None => found = Some(entry),
                Some(first) => conflict(first, entry, cx),
            }
        }
        let entry = found?;
        if spec.deprecated {
            cx.deprecated(entry.key_span, format!("field {} is deprecated", spec.name));
        }
        Some(&entry.value)
    }
}

/// The fields that there are, where no other one is near; told once for a mapping.
fn listed(known: &[String], position: usize) -> Option<String> {
    let is_short = (1..=LISTED_MAX).contains(&known.len());
    (position == 0 && is_short).then(|| match known {
        [only] => format!("the only field is `{only}`"),
        _ => format!("the fields are `{}`", known.join("`, `")),
    })
}

fn conflict(first: &crate::Entry, second: &crate::Entry, cx: &mut ReadContext) {
    let message = format!(
        "fields {} and {} mean the same and are both set",
        first.key, second.key
    );
    let diagnostic = cx.error(codes::CONFLICT, second.key_span, message);
    diagnostic.help = Some(format!("remove `{}`", second.key));
}

fn read_present<T: FieldType>(
    spec: &FieldSpec,
    node: &Node,
    lint: Option<FieldLint<T>>,
    cx: &mut ReadContext,
) -> Option<T> {
    // A secret type knows how much of it is secret.
    if spec.secret && (T::WHOLLY_SECRET || !T::SECRET) {
        cx.add_secret(node);
    }
    add_credentials(node, cx);
    if let Some(reason) = spec.unsupported
        && !spec.is_default(node)
    {
        let message = format!("field {} is not supported: {reason}", spec.name);
        cx.error(codes::NOT_SUPPORTED, node.span, message).help = Some("remove it".to_owned());
        return None;
    }
    let option = match &spec.kind {
        FieldKind::Options(options) if node.text().is_some() && !T::READS_OPTIONS => {
            Some(Node::string(find_option(options, node, cx)?, node.span))
        }
        _ => None,
    };
    let node = option.as_ref().unwrap_or(node);
    let value = T::read(node, cx)?;
    if let Some(lint) = lint {
        let ((), failed) = cx.errors_in(|cx| lint(&value, node, cx));
        if failed {
            return None;
        }
    }
    Some(value)
}

/// Remembers the credentials in a connection text, or in a list of them, as secret.
fn add_credentials(node: &Node, cx: &mut ReadContext) {
    for node in node.as_sequence().unwrap_or(std::slice::from_ref(node)) {
        let text = node.text().unwrap_or_default();
        for found in credentials::find(text) {
            cx.add_secret_text(&text[found.secret.clone()]);
            let place = node.span_of(found.secret);
            cx.secret_places.push(place);
            cx.add_secret_span(place);
            cx.add_secret_env(place);
        }
    }
}

/// The option that a text means, whatever its case; reports when there is none.
pub(crate) fn find_option<'o>(
    options: &'o [FieldOption],
    node: &Node,
    cx: &mut ReadContext,
) -> Option<&'o str> {
    let text = node.text().unwrap_or_default();
    let exact = options.iter().find(|option| option.value == text);
    let folded = || {
        options
            .iter()
            .find(|option| option.value.eq_ignore_ascii_case(text))
    };
    if let Some(option) = exact.or_else(folded) {
        return Some(&option.value);
    }
    let names = || options.iter().map(|option| &*option.value);
    let message = if text.is_empty() {
        cx.about_field("no option is given")
    } else {
        cx.about_field(&format!("`{text}` is not one of its options"))
    };
    let near = cx.may_suggest().then(|| did_you_mean(text, names()));
    let help = near.flatten().unwrap_or_else(|| {
        let list: Vec<_> = names().map(|name| format!("`{name}`")).collect();
        format!("one of {}", list.join(", "))
    });
    cx.error(codes::INVALID_OPTION, node.span, message).help = Some(help);
    None
}
