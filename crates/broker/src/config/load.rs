//! From a file to the config of a broker, with every complaint at its place.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use millrace_diagnostics::{
    Diagnostic, Diagnostics, Redactor, Renderer, Severity, SourceMap, Span, suggest,
};
use millrace_spec::env::{Environment, interpolate};
use millrace_spec::{Node, ReadContext, Resolved, codes, tree};

use super::complaint::Complaint;
use super::key::{Effect, Key, Kind};
use super::names::{self, Name};
use super::settings::{Settings, Texts};
use super::value::Invalid;
use super::{BrokerConfig, keys, properties};

mod entries;

use entries::{Entry, entries};

/// The largest file that is read.
const MAX_BYTES: u64 = 4 << 20;
/// For so many unknown keys the nearest one is looked for.
const SUGGESTIONS_MAX: usize = 100;
/// A key that is not known and has one of these in its name may have a secret for its value.
const SECRET_PARTS: &[&str] = &["jaas", "pass", "sasl.", "secret", "ssl.", "token"];

/// How a config is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With keys in one another or with dots, and `${VARIABLES}` of the environment.
    Yaml,
    /// Java's, as Kafka's own `server.properties`.
    Properties,
}

impl Format {
    /// The format that the name of a file tells.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(ending) if ending == "properties" => Self::Properties,
            _ => Self::Yaml,
        }
    }
}

/// A config that was read, with everything there is to say about it.
pub struct Loaded {
    /// The config; absent when there are errors.
    pub config: Option<BrokerConfig>,
    /// Every complaint and note, in the order of the file.
    pub diagnostics: Diagnostics,
    sources: Arc<SourceMap>,
    redactor: Redactor,
}

impl Loaded {
    /// The complaints as a person reads them: place, quoted line, caret, help.
    pub fn render(&self, colour: bool) -> String {
        self.renderer().colour(colour).render_all(&self.diagnostics)
    }

    /// The complaints, one line each.
    pub fn lines(&self) -> Vec<String> {
        self.renderer().lines(&self.diagnostics)
    }

    fn renderer(&self) -> Renderer<'_> {
        Renderer::new(&self.sources).redact(self.redactor.clone())
    }
}

/// Reads a file; the end of its name tells its format.
pub fn load(path: &Path, environment: &Environment) -> Loaded {
    let name = path.display().to_string();
    match text_of(path) {
        Ok(text) => read(&name, &text, Format::of(path), environment),
        Err(reason) => {
            let message = format!("read {name}: {reason}");
            Loaded {
                config: None,
                diagnostics: Diagnostic::error(codes::UNREADABLE_FILE, message).into(),
                sources: Arc::default(),
                redactor: Redactor::new(),
            }
        }
    }
}

/// Reads a file in the notation of Kafka's clients. Nothing in it is checked.
///
/// # Errors
/// It cannot be read, or is malformed. The reason quotes nothing of it: passwords stand in it.
pub fn client_properties(path: &Path) -> Result<Texts, String> {
    let name = path.display().to_string();
    let text = text_of(path).map_err(|reason| format!("read {name}: {reason}"))?;
    let sources = SourceMap::new();
    let source = sources.add(&*name, &*text);
    let mut found = Diagnostics::new();
    let root = properties::parse(&text, source, &mut found);
    if let Some(error) = found.iter().find(|it| it.severity == Severity::Error) {
        return Err(format!("{name}: {}", error.message));
    }
    let entries = root
        .as_mapping()
        .into_iter()
        .flat_map(|it| it.entries.iter());
    let text = |node: &Node| node.text().unwrap_or_default().to_owned();
    let texts = entries.map(|it| (it.key.to_string(), text(&it.value)));
    Ok(texts.collect())
}

fn text_of(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())
}

/// Reads a text under the name that complaints show.
pub fn read(name: &str, text: &str, format: Format, environment: &Environment) -> Loaded {
    let sources = Arc::new(SourceMap::new());
    let mut cx = ReadContext::new(Arc::clone(&sources));
    let mut reading = Reading::new(&mut cx);
    let root = reading.parse(name, text, format, environment);
    let config = root.and_then(|root| {
        reading.take_all(&root);
        reading.finish(root.span.start_point())
    });
    let mut diagnostics = cx.take_diagnostics();
    diagnostics.sort();
    Loaded {
        config: config.filter(|_| !diagnostics.has_errors()),
        diagnostics,
        sources,
        redactor: cx.redactor().clone(),
    }
}

/// Reads the keys of a broker that runs within another program: a block of that program's config.
/// What it says of neither a number, listeners nor directories is no complaint: see
/// [`BrokerConfig::embedded`]. `None` when there are errors, which are reported.
pub fn read_block(block: &Node, cx: &mut ReadContext) -> Option<Texts> {
    let (texts, has_errors) = cx.errors_in(|cx| {
        let mut reading = Reading::new(cx);
        reading.take_all(block);
        let texts = reading.texts.clone();
        let assembled = BrokerConfig::embedded(texts.clone(), Path::new("data"));
        reading.complain(assembled.err().unwrap_or_default(), block.span);
        texts
    });
    (!has_errors).then_some(texts)
}

/// A file that is being read.
struct Reading<'a> {
    cx: &'a mut ReadContext,
    texts: Texts,
    /// Where keys stand, and how they are written there.
    places: BTreeMap<String, (Span, String)>,
    suggestions: usize,
}

impl<'a> Reading<'a> {
    fn new(cx: &'a mut ReadContext) -> Self {
        Self {
            cx,
            texts: Texts::new(),
            places: BTreeMap::new(),
            suggestions: 0,
        }
    }

    fn parse(
        &mut self,
        name: &str,
        text: &str,
        format: Format,
        environment: &Environment,
    ) -> Option<Node> {
        let source = self.cx.sources().add(name, text);
        let mut found = Diagnostics::new();
        let root = match format {
            Format::Properties => Some(properties::parse(text, source, &mut found)),
            Format::Yaml => {
                let interpolated = interpolate(text, source, environment);
                found.extend(interpolated.missing_diagnostic());
                self.cx.add_env(interpolated.uses.clone());
                tree::parse(&interpolated, &mut found)
            }
        };
        for diagnostic in found {
            self.cx.report(diagnostic);
        }
        root
    }

    fn take_all(&mut self, root: &Node) {
        match entries(root) {
            Ok(found) => found.into_iter().for_each(|entry| self.take(entry)),
            Err(node) => {
                self.cx
                    .wrong_type(node, "an object with the keys of a broker");
            }
        }
    }

    fn take(&mut self, entry: Entry<'_>) {
        match names::find(&entry.written) {
            Name::Known { name, key } => self.take_known(&entry, name, key),
            Name::Foreign(why) => self.note_unused(&entry, why),
            Name::Unknown => self.refuse_unknown(&entry),
        }
    }

    fn take_known(&mut self, entry: &Entry<'_>, name: String, key: &'static Key) {
        if key.is_sensitive() {
            self.hide(entry.value);
        }
        if let Some((first, written)) = self.places.get(&name) {
            let message = format!("`{}` and `{written}` are the same key", entry.written);
            let error = Diagnostic::error(codes::CONFLICT, message).at(entry.span);
            let error = error
                .related(*first, "first set here")
                .help("remove one of them");
            self.cx.report(error);
            return;
        }
        self.places
            .insert(name.clone(), (entry.span, entry.written.clone()));
        let Some(text) = self.text(entry, key) else {
            return;
        };
        match key.canonical(&text) {
            Ok(text) => {
                self.texts.insert(name, text);
                if let Effect::Unused(why) = key.effect {
                    self.note_unused(entry, why);
                }
            }
            Err(reason) => self.refuse_value(entry, key, &reason, &text),
        }
    }

    /// What the value of an entry says as a text; none when it says nothing, or is reported.
    fn text(&mut self, entry: &Entry<'_>, key: &Key) -> Option<String> {
        match entry.text(key) {
            Ok(text) if key.takes_2_gib && text.trim() == "2147483648" => {
                let note = "it means 2147483647: a segment has less than 2 GiB";
                let code = codes::INVALID_VALUE;
                let note = Diagnostic::new(code, Severity::Note, note).at(entry.value.span);
                self.cx.report(note);
                Some(i32::MAX.to_string())
            }
            Ok(text) => Some(text),
            Err(entries::NoText::Unset) => None,
            Err(entries::NoText::Wrong(node)) => {
                let expected = article(key.kind);
                let message = match key.is_sensitive() {
                    true => format!("expected {expected}"),
                    false => format!("expected {expected}, found {}", node.describe()),
                };
                let message = format!("`{}`: {message}", entry.written);
                self.cx.error(codes::WRONG_TYPE, node.span, message);
                None
            }
        }
    }

    /// Keeps a secret out of all that is printed, in pieces too, since it may stand on several
    /// lines.
    fn hide(&mut self, node: &Node) {
        self.cx.add_secret(node);
        let Some(source) = self.cx.sources().get(node.span.source) else {
            return;
        };
        for line in source.slice(node.span).lines() {
            let piece = line.trim().trim_end_matches('\\').trim_end();
            if piece.len() > 2 {
                self.cx.add_secret_text(piece);
            }
        }
    }

    fn note_unused(&mut self, entry: &Entry<'_>, why: &str) {
        let message = format!("`{}` has no effect: {why}", entry.written);
        let note = Diagnostic::new(codes::SHOULD_OMIT, Severity::Note, message);
        self.cx.report(note.at(entry.span));
    }

    fn refuse_value(&mut self, entry: &Entry<'_>, key: &Key, reason: &Invalid, text: &str) {
        let (code, span) = match reason {
            Invalid::Type(_) => (codes::WRONG_TYPE, entry.value.span),
            Invalid::Range(_) => (codes::INVALID_VALUE, entry.value.span),
            Invalid::Unsupported(_) => (codes::NOT_SUPPORTED, entry.span),
        };
        let span = if span.is_empty() { entry.span } else { span };
        let message = format!("`{}`: {reason}", entry.written);
        let help = entries::help(key, reason, text);
        self.cx.error(code, span, message).help = help;
    }

    fn refuse_unknown(&mut self, entry: &Entry<'_>) {
        let dotted = entry.written.replace('_', ".").to_lowercase();
        let may_look = self.suggestions < SUGGESTIONS_MAX;
        let names = keys::all_broker().map(|key| key.name);
        let near = may_look.then(|| suggest(&dotted, names)).flatten();
        let is_near_secret = near.and_then(keys::broker).is_some_and(Key::is_sensitive);
        if is_near_secret || SECRET_PARTS.iter().any(|it| dotted.contains(it)) {
            self.hide(entry.value);
        }
        self.suggestions += 1;
        let message = format!("a broker has no key `{}`", entry.written);
        let remedy = "see docs/reference/broker-config.md for all of them";
        let near = near.map(|it| format!("did you mean `{it}`?"));
        let help = near.unwrap_or_else(|| remedy.to_owned());
        self.cx
            .error(codes::UNKNOWN_FIELD, entry.span, message)
            .help = Some(help);
    }

    /// The config, when nothing was refused; what contradicts itself is reported.
    fn finish(&mut self, whole: Span) -> Option<BrokerConfig> {
        let settings = Settings::of_file(std::mem::take(&mut self.texts));
        let (config, complaints) = BrokerConfig::assemble(settings);
        self.complain(complaints, whole);
        config
    }

    /// Reports what contradicts itself, where its keys stand.
    fn complain(&mut self, complaints: Vec<Complaint>, whole: Span) {
        for complaint in complaints {
            // A key that is reported already is not missed as well.
            let is_known = self.places.contains_key(complaint.key);
            if complaint.code == codes::MISSING_FIELD && is_known {
                continue;
            }
            let place = |key: &str| self.places.get(key).map(|(span, _)| *span);
            let diagnostic = complaint.at(place, whole);
            self.cx.report(diagnostic);
        }
    }
}

/// A type with its article.
fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::String | Kind::Class | Kind::Password => "a text",
        Kind::Int | Kind::Short | Kind::Long => "an integer",
        Kind::Double => "a number",
        Kind::List => "a list, or texts with commas between them",
    }
}

/// Whether a scalar is a number that YAML writes in another way than Kafka does.
fn integer(resolved: Resolved) -> Option<String> {
    match resolved {
        Resolved::Int(number) => Some(number.to_string()),
        Resolved::UInt(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
