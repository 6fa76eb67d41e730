//! `capitalize`: the first letter of each word as in a title, the others in lower case.

/// Words are runs of letters and digits; an apostrophe or point between two of them belongs to the
/// word.
pub(super) fn capitalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A word may begin with digits: its first letter is then still to come.
    let mut has_letter = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let goes_on = characters.peek().is_some_and(|next| next.is_alphanumeric());
        if character.is_alphanumeric() {
            match has_letter {
                false => push_title(character, &mut out),
                true if character == 'Σ' && !goes_on => out.push('ς'),
                true => out.extend(character.to_lowercase()),
            }
            has_letter |= is_cased(character);
        } else {
            has_letter &= belongs_to_word(character) || joins(character) && goes_on;
            out.push(character);
        }
    }
    out
}

/// A line below, or an accent.
fn belongs_to_word(character: char) -> bool {
    matches!(character, '_' | '\u{300}'..='\u{36f}')
}

fn joins(character: char) -> bool {
    matches!(character, '\'' | '’' | '.' | ':' | '·')
}

fn is_cased(character: char) -> bool {
    character.is_uppercase()
        || character.is_lowercase()
        || matches!(character, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

/// A letter at the start of a word, in the form for titles where it has one. Of one that becomes
/// several letters (`ﬁ`) the first is in upper case.
fn push_title(letter: char, out: &mut String) {
    match letter {
        'Ǆ'..='ǆ' => out.push('ǅ'),
        'Ǉ'..='ǉ' => out.push('ǈ'),
        'Ǌ'..='ǌ' => out.push('ǋ'),
        'Ǳ'..='ǳ' => out.push('ǲ'),
        'ᾀ'..='ᾇ' | 'ᾐ'..='ᾗ' | 'ᾠ'..='ᾧ' => {
            out.extend(char::from_u32(u32::from(letter) + 8));
        }
        'ᾳ' | 'ῃ' | 'ῳ' => out.extend(char::from_u32(u32::from(letter) + 9)),
        // Georgian has capitals for whole texts only.
        'ა'..='ჿ' => out.push(letter),
        _ => {
            let mut is_first = true;
            for capital in letter.to_uppercase() {
                match is_first {
                    true => out.push(capital),
                    false => out.extend(capital.to_lowercase()),
                }
                is_first &= !is_cased(capital);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_letter_of_each_word_is_that_of_a_title() {
        for (text, expected) in [
            ("don't o'neil a.b x_y a-b", "Don't O'neil A.b X_y A-B"),
            ("1st 9am 3D x1Y", "1St 9Am 3D X1y"),
            ("ǆ ǅa ﬁ ßa ŉx", "ǅ ǅa Fi Ssa ʼNx"),
            ("ΑΣ ΣΑΣ ᾳ ᾀx", "Ας Σας ᾼ ᾈx"),
            ("x_y _ab 1_a", "X_y _Ab 1_A"),
            ("a\u{301}b ა", "A\u{301}b ა"),
        ] {
            assert_eq!(capitalize(text), expected);
        }
    }
}
