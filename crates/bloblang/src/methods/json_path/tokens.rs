//! The tokens of JSONPath expressions.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Number(f64),
    Text(String),
    /// A bracket, a dot, an operator and the like.
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: [&str; 38] = [
    "**", "==", "!=", "<=", ">=", "=~", "!~", "&&", "||", "??", "<<", ">>", "..", "$", "@", ".",
    ",", ":", "?", "(", ")", "[", "]", "{", "}", "+", "-", "*", "/", "%", "<", ">", "!", "~", "&",
    "|", "^", ";",
];

/// Splits an expression; each token with its place in bytes.
pub(super) fn split(source: &str) -> Result<Vec<(usize, Token)>, String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let (token, length) = match first {
            ' ' | '\t' | '\r' | '\n' => {
                at += 1;
                continue;
            }
            '"' | '\'' | '`' => text(rest, first)?,
            '0'..='9' => number(rest)?,
            '_' => word(rest),
            letter if letter.is_alphabetic() => word(rest),
            other => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let symbol = symbol.ok_or_else(|| format!("unexpected `{other}` at byte {at}"))?;
                (Token::Symbol(symbol), symbol.len())
            }
        };
        tokens.push((at, token));
        at += length;
    }
    tokens.push((at, Token::End));
    Ok(tokens)
}

fn word(rest: &str) -> (Token, usize) {
    let end = rest
        .find(|it: char| it != '_' && !it.is_alphanumeric())
        .unwrap_or(rest.len());
    (Token::Word(rest[..end].to_owned()), end)
}

fn number(rest: &str) -> Result<(Token, usize), String> {
    let digits = |from: usize| from + rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|it: char| it.is_ascii_digit()) {
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    let number = rest[..end]
        .parse()
        .map_err(|_| format!("`{}` is no number", &rest[..end]))?;
    Ok((Token::Number(number), end))
}

fn text(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            it if it == quote => return Ok((Token::Text(text), at + 1)),
            '\\' if quote != '`' => {
                let (_, escaped) = characters.next().ok_or("a text is not closed")?;
                let width = match escaped {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => {
                        text.push(plain_escape(escaped)?);
                        continue;
                    }
                };
                let digits: String = characters.by_ref().take(width).map(|(_, it)| it).collect();
                let code = u32::from_str_radix(&digits, 16)
                    .ok()
                    .and_then(char::from_u32);
                text.push(code.ok_or_else(|| format!("`\\{escaped}{digits}` is no character"))?);
            }
            other => text.push(other),
        }
    }
    Err("a text is not closed".to_owned())
}

fn plain_escape(escaped: char) -> Result<char, String> {
    Ok(match escaped {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '\'' | '"' => escaped,
        other => return Err(format!("`\\{other}` is no escape")),
    })
}
