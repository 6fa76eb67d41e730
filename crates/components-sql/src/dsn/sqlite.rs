//! `file:path?_pragma=name(value)`, as Go's `modernc.org/sqlite` reads it.

use super::parameters;

/// Which SQLite database is opened and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteTarget {
    /// A path or a URI for SQLite, without the parameters of Go's driver.
    pub uri: String,
    /// Statements to execute on the new connection, in order.
    pub pragmas: Vec<String>,
}

impl SqliteTarget {
    /// Parses the notation.
    pub(super) fn parse(dsn: &str) -> Result<Self, String> {
        let (path, query) = dsn.split_once('?').unwrap_or((dsn, ""));
        if path.is_empty() || path == "file:" {
            return Err("it names no file".to_owned());
        }
        let mut pragmas = Vec::new();
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "_pragma" => {
                    for (_, value) in parameters(pair)? {
                        pragmas.push(pragma(&value)?);
                    }
                }
                // They concern transactions opened by name, and the text form of Go's times.
                "_txlock"
                | "_time_format"
                | "_time_integer_format"
                | "_inttotime"
                | "_texttotime" => {}
                _ if name.starts_with('_') => {
                    return Err(format!("parameter `{name}` is not supported"));
                }
                _ => rest.push(pair),
            }
        }
        // Waiting for another process comes first: the other pragmas may have to.
        pragmas.sort_by_key(|pragma| !pragma.starts_with("PRAGMA busy_timeout"));
        let uri = if rest.is_empty() {
            path.to_owned()
        } else {
            let scheme = if path.starts_with("file:") {
                ""
            } else {
                "file:"
            };
            format!("{scheme}{path}?{}", rest.join("&"))
        };
        Ok(Self { uri, pragmas })
    }
}

/// `name(value)` or `name=value` as a statement.
fn pragma(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.+()= '".contains(c);
    if text.is_empty() || !text.chars().all(allowed) {
        return Err(
            "parameter `_pragma` is `name(value)`, such as `busy_timeout(5000)`".to_owned(),
        );
    }
    Ok(format!("PRAGMA {text}"))
}
