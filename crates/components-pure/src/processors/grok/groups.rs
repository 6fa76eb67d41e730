//! The named groups of a regular expression, which may have any name, and the same one.

/// Turns the named groups of an expression into plain ones, and the unnamed ones, which nobody
/// asks for, into such that capture nothing. The names come back in order of the groups.
///
/// # Errors
/// A name does not end.
pub(super) fn take_names(regex: &str) -> Result<(String, Vec<String>), String> {
    let mut out = String::with_capacity(regex.len());
    let mut names = Vec::new();
    let mut rest = regex;
    // How many brackets of a class are open: those of `[[:alpha:]]` nest.
    let mut brackets = 0_usize;
    while let Some(at) = rest.find(['\\', '[', ']', '(']) {
        out.push_str(&rest[..at]);
        let special = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match special {
            b'\\' => {
                let length = rest.chars().next().map_or(0, char::len_utf8);
                out.push('\\');
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            b'[' => {
                brackets += 1;
                out.push('[');
            }
            b']' => {
                brackets = brackets.saturating_sub(1);
                out.push(']');
            }
            _ if brackets > 0 => out.push('('),
            _ => rest = open_group(rest, &mut out, &mut names)?,
        }
    }
    out.push_str(rest);
    Ok((out, names))
}

/// Writes the beginning of a group of which the parenthesis was read; the rest comes back.
fn open_group<'a>(
    rest: &'a str,
    out: &mut String,
    names: &mut Vec<String>,
) -> Result<&'a str, String> {
    let Some(kind) = rest.strip_prefix('?') else {
        out.push_str("(?:");
        return Ok(rest);
    };
    let kind = kind.strip_prefix('P').unwrap_or(kind);
    let named = kind.strip_prefix('<');
    // `(?<=` and `(?<!` look behind, which the parser refuses.
    let Some(named) = named.filter(|it| !it.starts_with(['=', '!'])) else {
        out.push('(');
        return Ok(rest);
    };
    let (name, rest) = named
        .split_once('>')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("a group has no name, or one that does not end")?;
    out.push('(');
    names.push(name.to_owned());
    Ok(rest)
}
