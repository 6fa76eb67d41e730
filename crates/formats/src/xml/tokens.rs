//! XML tokens, read as leniently as Bento reads them: attributes may lack quotes or a value, and
//! references that mean nothing are text.

use crate::FormatError;

/// A part of a document that matters to its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Start {
        name: &'a str,
        attributes: Vec<(&'a str, String)>,
        /// `<name/>`: its end does not follow.
        is_empty: bool,
    },
    End(&'a str),
    Text(String),
}

pub(super) struct Tokens<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(source: &'a str) -> Tokens<'a> {
        Tokens { source, at: 0 }
    }

    /// An error at the place that was reached.
    pub fn error(&self, reason: &str) -> FormatError {
        let line = self.source.as_bytes()[..self.at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        FormatError::new(format!("XML syntax error on line {}: {reason}", line + 1))
    }

    /// The next token; nothing at the end.
    pub fn next(&mut self) -> Result<Option<Token<'a>>, FormatError> {
        while self.at < self.source.len() {
            if !self.eat("<") {
                return self.text(Until::Tag).map(|text| Some(Token::Text(text)));
            }
            if self.eat("/") {
                return self.end().map(Some);
            }
            if self.eat("?") {
                self.instruction()?;
            } else if self.eat("!--") {
                self.comment()?;
            } else if self.eat("![CDATA[") {
                return self.character_data().map(|text| Some(Token::Text(text)));
            } else if self.eat("!") {
                self.directive()?;
            } else {
                return self.start().map(Some);
            }
        }
        Ok(None)
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn eat(&mut self, expected: &str) -> bool {
        let is_there = self.rest().starts_with(expected);
        if is_there {
            self.at += expected.len();
        }
        is_there
    }

    /// Everything up to a mark, and past it.
    fn up_to(&mut self, mark: &str, within: &str) -> Result<&'a str, FormatError> {
        match self.rest().split_once(mark) {
            Some((part, _)) => {
                self.at += part.len() + mark.len();
                Ok(part)
            }
            None => {
                self.at = self.source.len();
                Err(self.error(&format!("unexpected EOF{within}")))
            }
        }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn instruction(&mut self) -> Result<(), FormatError> {
        let content = self.up_to("?>", "")?;
        if let Some(declaration) = content.strip_prefix("xml")
            && let Some(version) = declared(declaration, "version")
            && version != "1.0"
        {
            return Err(FormatError::new(format!(
                "unsupported version \"{version}\"; only version 1.0 is supported"
            )));
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), FormatError> {
        self.up_to("--", "")?;
        if self.eat(">") {
            return Ok(());
        }
        Err(self.error("invalid sequence \"--\" not allowed in comments"))
    }

    fn character_data(&mut self) -> Result<String, FormatError> {
        let text = self.up_to("]]>", " in CDATA section")?;
        self.checked(text.replace("\r\n", "\n").replace('\r', "\n"))
    }

    /// `<!DOCTYPE …>`, whose brackets nest outside of quotes and comments.
    fn directive(&mut self) -> Result<(), FormatError> {
        let mut depth = 0_usize;
        let mut quote = None;
        loop {
            if quote.is_none() && self.eat("<!--") {
                self.up_to("-->", "")?;
                continue;
            }
            let Some(character) = self.rest().chars().next() else {
                return Err(self.error("unexpected EOF"));
            };
            self.at += character.len_utf8();
            match (character, quote) {
                (_, Some(open)) if character == open => quote = None,
                (_, Some(_)) => {}
                ('\'' | '"', None) => quote = Some(character),
                ('<', None) => depth += 1,
                ('>', None) if depth == 0 => return Ok(()),
                ('>', None) => depth -= 1,
                _ => {}
            }
        }
    }

    fn end(&mut self) -> Result<Token<'a>, FormatError> {
        let name = self.name("expected element name after </")?;
        self.skip_space();
        if self.eat(">") {
            return Ok(Token::End(name));
        }
        Err(self.error(&format!("invalid characters between </{name} and >")))
    }

    fn start(&mut self) -> Result<Token<'a>, FormatError> {
        let name = self.name("expected element name after <")?;
        let mut attributes = Vec::new();
        loop {
            self.skip_space();
            if self.eat(">") {
                break;
            }
            if self.eat("/") {
                if self.eat(">") {
                    return Ok(Token::Start {
                        name,
                        attributes,
                        is_empty: true,
                    });
                }
                return Err(self.error("expected /> in element"));
            }
            if self.rest().is_empty() {
                return Err(self.error("unexpected EOF"));
            }
            let key = self.name("expected attribute name in element")?;
            self.skip_space();
            let value = if self.eat("=") {
                self.skip_space();
                self.attribute()?
            } else {
                key.to_owned()
            };
            attributes.push((key, value));
        }
        Ok(Token::Start {
            name,
            attributes,
            is_empty: false,
        })
    }

    fn attribute(&mut self) -> Result<String, FormatError> {
        for quote in ["\"", "'"] {
            if self.eat(quote) {
                return self.text(Until::Quote(quote));
            }
        }
        let rest = self.rest();
        let end = rest
            .find(|it: char| !it.is_ascii_alphanumeric() && !matches!(it, '_' | ':' | '-'))
            .unwrap_or(rest.len());
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    /// The name behind its namespace prefix.
    fn name(&mut self, missing: &str) -> Result<&'a str, FormatError> {
        let rest = self.rest();
        let is_part =
            |it: char| !it.is_ascii() || it.is_ascii_alphanumeric() || "_:.-".contains(it);
        let name = &rest[..rest.find(|it| !is_part(it)).unwrap_or(rest.len())];
        if name.is_empty() {
            return Err(self.error(missing));
        }
        let begins = |it: char| it.is_alphabetic() || matches!(it, '_' | ':');
        if !name.starts_with(begins) {
            return Err(self.error(&format!("invalid XML name: {name}")));
        }
        if name.matches(':').count() > 1 {
            return Err(self.error(missing));
        }
        self.at += name.len();
        Ok(match name.split_once(':') {
            Some((prefix, local)) if !prefix.is_empty() && !local.is_empty() => local,
            _ => name,
        })
    }

    /// Text with its references replaced and its line breaks as `\n`.
    fn text(&mut self, until: Until) -> Result<String, FormatError> {
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest
                .find(['<', '&', '"', '\'', ']', '\r'])
                .unwrap_or(rest.len());
            text.push_str(&rest[..plain]);
            self.at += plain;
            let rest = self.rest();
            let Some(first) = rest.chars().next() else {
                break;
            };
            match (first, until) {
                ('<', Until::Tag) => break,
                ('<', Until::Quote(_)) => {
                    return Err(self.error("unescaped < inside quoted string"));
                }
                (_, Until::Quote(quote)) if rest.starts_with(quote) => {
                    self.at += 1;
                    return self.checked(text);
                }
                ('&', _) => self.reference(&mut text),
                (']', Until::Tag) if rest.starts_with("]]>") => {
                    return Err(self.error("unescaped ]]> not in CDATA section"));
                }
                ('\r', _) => {
                    text.push('\n');
                    self.at += if rest.starts_with("\r\n") { 2 } else { 1 };
                }
                _ => {
                    text.push(first);
                    self.at += 1;
                }
            }
        }
        match until {
            Until::Tag => self.checked(text),
            Until::Quote(_) => Err(self.error("unexpected EOF")),
        }
    }

    /// `&name;` or `&#number;`, as it stands when it means nothing.
    fn reference(&mut self, text: &mut String) {
        // No reference that means something is longer.
        const LENGTH_MAX: usize = 12;
        let rest = self.rest();
        let end = rest.bytes().take(LENGTH_MAX).position(|byte| byte == b';');
        let meaning = end.and_then(|end| meaning(&rest[1..end]));
        match (meaning, end) {
            (Some(character), Some(end)) => {
                text.push(character);
                self.at += end + 1;
            }
            _ => {
                text.push('&');
                self.at += 1;
            }
        }
    }

    fn checked(&self, text: String) -> Result<String, FormatError> {
        let is_allowed =
            |it: char| matches!(it, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        match text.chars().find(|it| !is_allowed(*it)) {
            None => Ok(text),
            Some(it) => Err(self.error(&format!("illegal character code U+{:04X}", u32::from(it)))),
        }
    }
}

/// Where a text ends.
#[derive(Clone, Copy)]
enum Until {
    Tag,
    Quote(&'static str),
}

/// The character that a reference stands for; that of a number may be one that no text may hold.
fn meaning(reference: &str) -> Option<char> {
    if let Some(number) = reference.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix('x') {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        let is_number = !digits.is_empty() && digits.chars().all(|it| it.is_digit(radix));
        let code = is_number.then(|| u32::from_str_radix(digits, radix).ok())??;
        return match char::from_u32(code) {
            Some(character) => Some(character),
            // Half of a pair stands for the replacement character.
            None if code <= 0xffff => Some('\u{fffd}'),
            None => None,
        };
    }
    Some(match reference {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

/// The value of a pseudo-attribute of `<?xml …?>`.
pub(super) fn declared<'a>(declaration: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = declaration.split_once(name)?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(value, _)| value)
}
