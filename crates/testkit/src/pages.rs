//! Pages in Markdown, whose examples are run.

/// A block of code.
#[derive(Debug)]
pub struct Block {
    /// The number of its first line, from 1.
    pub line: usize,
    /// Its lines.
    pub text: String,
}

/// The blocks of a page that are in one of these languages.
///
/// # Panics
/// The last one has no end.
#[must_use]
pub fn blocks(page: &str, languages: &[&str]) -> Vec<Block> {
    let begins = |line: &str| {
        let language = line.strip_prefix("```");
        language.is_some_and(|it| languages.contains(&it))
    };
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(page.lines()) {
        match &mut open {
            None if begins(line) => {
                open = Some(Block {
                    line: number + 1,
                    text: String::new(),
                });
            }
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(open.is_none(), "the last block has no end");
    blocks
}
