//! The notation of JAAS, as far as Kafka's settings use it: a module, a flag, options, a semicolon.
//!
//! ```text
//! org.apache.kafka.common.security.plain.PlainLoginModule required
//!     username="admin" password="its password" user_alice="the password of alice";
//! ```

use std::collections::BTreeMap;

/// The module of PLAIN.
pub const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
/// The module of SCRAM.
pub const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

/// A module and its options. They hold secrets, and so it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub module: String,
    pub options: BTreeMap<String, String>,
}

impl Login {
    /// Reads one module.
    ///
    /// # Errors
    /// The text is malformed. The reason holds nothing of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = words(text)?;
        let [Word::Plain(module), flag, options @ .., end] = words.as_slice() else {
            return Err("it is no module with a flag and a semicolon at the end".into());
        };
        let flags = ["required", "requisite", "sufficient", "optional"];
        if !matches!(flag, Word::Plain(it) if flags.contains(&it.to_lowercase().as_str())) {
            let flags = flags.join(", ");
            return Err(format!("behind the module stands none of {flags}"));
        }
        if *end != Word::End || options.contains(&Word::End) {
            return Err("one semicolon must stand at its end".into());
        }
        let mut found = BTreeMap::new();
        for option in options.chunks(3) {
            let [
                Word::Plain(name),
                Word::Equals,
                Word::Plain(value) | Word::Quoted(value),
            ] = option
            else {
                return Err("an option is not of the form name=\"value\"".into());
            };
            if found.insert(name.clone(), value.clone()).is_some() {
                return Err("an option stands there twice".into());
            }
        }
        Ok(Self {
            module: module.clone(),
            options: found,
        })
    }
}

/// The users of PLAIN and their passwords, as a server has them: the options whose names begin with
/// `user_`. The other ones say as whom it logs in at others.
///
/// # Errors
/// The text is malformed, or of another module. The reason holds nothing of it.
pub fn plain_users(text: &str) -> Result<BTreeMap<String, String>, String> {
    let login = Login::parse(text)?;
    if login.module != PLAIN {
        return Err(format!("its module is not `{PLAIN}`"));
    }
    let users: BTreeMap<_, _> = login
        .options
        .into_iter()
        .filter_map(|(name, password)| Some((name.strip_prefix("user_")?.to_owned(), password)))
        .collect();
    match users.is_empty() {
        true => Err("it has no user: no option begins with `user_`".into()),
        false => Ok(users),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    Quoted(String),
    Equals,
    End,
}

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            it if it.is_whitespace() => {}
            '=' => words.push(Word::Equals),
            ';' => words.push(Word::End),
            '"' | '\'' => words.push(Word::Quoted(quoted(first, &mut rest)?)),
            _ => {
                let mut word = String::from(first);
                let is_end = |it: &char| it.is_whitespace() || "=;\"'".contains(*it);
                while let Some(next) = rest.next_if(|it| !is_end(it)) {
                    word.push(next);
                }
                words.push(Word::Plain(word));
            }
        }
    }
    Ok(words)
}

fn quoted(quote: char, rest: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        match next {
            it if it == quote => return Ok(text),
            '\\' => text.extend(rest.next().map(|it| match it {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                it => it,
            })),
            it => text.push(it),
        }
    }
    Err("a quote is not closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_of_a_module_are_found() {
        let text = format!(
            "{PLAIN} required\n  username=\"admin\" password=\"own\"\n  \
             user_admin=\"a \\\"b\\\" = c;\" user_bob=plain ;"
        );
        let users = plain_users(&text).unwrap();
        let users: Vec<_> = users.iter().map(|(name, it)| (&**name, &**it)).collect();
        assert_eq!(users, [("admin", "a \"b\" = c;"), ("bob", "plain")]);
    }

    #[test]
    fn what_is_malformed_is_refused_without_quoting_it() {
        for text in [
            String::new(),
            ";".into(),
            format!("{PLAIN};"),
            format!("{PLAIN} required"),
            format!("{PLAIN} required;"),
            format!("{PLAIN} required user_a=\"hunter2;"),
            format!("{PLAIN} required user_a=\"hunter2\""),
            format!("{PLAIN} required user_a \"hunter2\";"),
            format!("{PLAIN} required user_a=hunter2 user_a=hunter2;"),
            format!("{PLAIN} required user_a=hunter2; {PLAIN} required user_b=hunter2;"),
            format!("{PLAIN} hunter2 user_a=hunter2;"),
            "hunter2 required user_a=hunter2;".into(),
        ] {
            let refused = plain_users(&text).unwrap_err();
            assert!(!refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
