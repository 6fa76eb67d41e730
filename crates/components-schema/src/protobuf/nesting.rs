//! How deep the brackets of a `.proto` file nest, before a compiler looks at it: what reads the values
//! of options takes stack for each level.

/// How deep brackets may nest: messages within messages, and what stands in options.
pub(super) const DEPTH_MAX: usize = 100;

/// Looks at the brackets outside of comments and quoted texts.
///
/// # Errors
/// The line where they nest deeper than [`DEPTH_MAX`], counted from 1.
pub(super) fn check(text: &str) -> Result<(), usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'{' | b'[' | b'<' | b'(' => {
                depth += 1;
                1
            }
            b'}' | b']' | b'>' | b')' => {
                depth = depth.saturating_sub(1);
                1
            }
            b'"' | b'\'' => quoted(&bytes[at..]),
            // Comments of the values of options.
            b'#' => line(&bytes[at..]),
            b'/' if bytes.get(at + 1) == Some(&b'/') => line(&bytes[at..]),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block(&bytes[at..]),
            _ => 1,
        };
        if depth > DEPTH_MAX {
            let before = text.get(..at).unwrap_or(text);
            return Err(1 + before.matches('\n').count());
        }
    }
    Ok(())
}

/// How long a quoted text is. It ends with its line at the latest.
fn quoted(bytes: &[u8]) -> usize {
    let quote = bytes[0];
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' => return at,
            b'\\' if bytes.get(at + 1).is_some_and(|it| *it != b'\n') => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn line(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|it| *it == b'\n');
    end.unwrap_or(bytes.len())
}

fn block(bytes: &[u8]) -> usize {
    let end = bytes.windows(2).skip(2).position(|it| it == b"*/");
    end.map_or(bytes.len(), |it| it + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_counted_but_for_those_in_comments_and_quotes() {
        let deep = "{".repeat(DEPTH_MAX + 1);
        let level = "{".repeat(DEPTH_MAX);
        for text in [
            format!("{level}{}", "}".repeat(DEPTH_MAX)),
            "{}".repeat(DEPTH_MAX * 2),
            format!("// {deep}\n{level}"),
            format!("/* {deep} */ {level}"),
            format!("# {deep}\n{level}"),
            format!("\"{deep}\\\"{deep}\" '{deep}\"' {level}"),
            format!("/*/ {deep} */{level}"),
        ] {
            assert_eq!(check(&text), Ok(()), "{text}");
        }
        for (text, line) in [
            (deep.clone(), 1),
            (format!("\n/* \n */ {deep}"), 3),
            (format!("\" \n {deep}"), 2),
            (format!("# /* \n {deep}"), 2),
            (format!("// '\n{}{level}", "<"), 2),
            ("[{".repeat(DEPTH_MAX), 1),
            (format!("{{ /* }} */ // }}\n '}}' {level}"), 2),
        ] {
            assert_eq!(check(&text), Err(line), "{text}");
        }
    }
}
