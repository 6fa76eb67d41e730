//! The reference page of all keys.

use std::fmt::Write as _;

use super::key::{Check, Effect, Key};
use super::keys;

const HEAD: &str = "\
# The keys of a broker and of a topic

Every key of Kafka 4.3.1 and Millrace's own, with what becomes of it; this page is generated from the tables in `crates/broker/src/config/keys` by `cargo xtask reference`.

A broker reads them from a file that ends with `.properties`, as Kafka's `server.properties`, or from YAML.
In YAML the dots may be underscores (`num_network_threads`) or levels (`log: { segment: { bytes: … } }`), lists may be lists, and `${VARIABLE}` and `${VARIABLE:default}` are replaced.
A key that is not known, a value that a key does not take, and keys that contradict each other are refused, all at once and each with its place.
Keys without effect are accepted with a note, so that a file of Kafka's works; keys of older Kafkas and of other products (`zookeeper.*`, `confluent.*`) too.
Some keys of a listener have values of its own: `listener.name.NAME.max.connections`.

The column *changes* says whether a broker takes a new value while it runs: for all brokers (`cluster-wide`), for one (`per-broker`), or not (`read-only`).
Where a default or a change is not Kafka's, its row says so with the reason.
";

const TOPIC_HEAD: &str = "
## Topics

What a topic does not say of itself its broker does, with the key in the column *broker*: of several the first one that is set.
All of them change while the topic is in use.

| key | type | default | broker | |
|---|---|---|---|---|
";

/// The page, in Markdown.
pub fn reference_page() -> String {
    let mut page = HEAD.to_owned();
    for (title, keys) in keys::BROKER {
        let _infallible = write!(
            page,
            "\n## {title}\n\n| key | type | default | changes | |\n|---|---|---|---|---|\n"
        );
        for key in *keys {
            row(&mut page, key, key.update.word());
        }
    }
    page.push_str(TOPIC_HEAD);
    for key in keys::TOPIC {
        let synonyms = keys::of_broker(key.name).iter();
        let synonyms: Vec<String> = synonyms.map(|(name, _)| format!("`{name}`")).collect();
        row(&mut page, key, &synonyms.join(", "));
    }
    page
}

fn row(page: &mut String, key: &Key, column: &str) {
    let default = match key.default {
        None => String::new(),
        Some("") => "empty".to_owned(),
        Some("9223372036854775807" | "2147483647" | "1.7976931348623157E308") => {
            "the largest".to_owned()
        }
        Some(text) => format!("`{text}`"),
    };
    let _infallible = writeln!(
        page,
        "| `{}` | {} | {default} | {column} | {} |",
        key.name,
        key.kind.word(),
        remarks(key)
    );
}

/// What a key is for, what it takes and what becomes of it.
fn remarks(key: &Key) -> String {
    let mut text = key.doc.to_owned();
    if key.check != Check::Any && !matches!(key.effect, Effect::Refused(_)) {
        let range = key.check.to_string();
        let range = range.trim_start_matches("it ");
        let _infallible = write!(text, " It {range}.");
    }
    match key.effect {
        Effect::Honoured => {}
        Effect::Unused(why) => {
            let _infallible = write!(text, " **No effect**: {why}.");
        }
        Effect::Refused(why) => {
            let _infallible = write!(text, " **Refused** unless it is the default: {why}.");
        }
    }
    if let Some(why) = key.differs {
        let _infallible = write!(text, " *Not as in Kafka*: {why}.");
    }
    if key.is_own {
        text.push_str(" *Millrace's own.*");
    }
    if key.is_internal {
        text.push_str(" *Internal.*");
    }
    text
}
