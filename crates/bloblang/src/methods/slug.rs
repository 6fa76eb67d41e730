//! The method that makes a text fit for a URL.

use std::borrow::Cow;

use millrace_message::Value;

use super::target;
use crate::arguments::Call;
use crate::eval_error::EvalError;
use crate::registry::{Category, Default, Example, Method, Parameter, Status};

pub(super) const METHODS: &[Method] = &[Method::value(
    "slug",
    "The text in small letters, digits and dashes, for URLs.",
    slug,
)
.category(Category::Strings)
.status(Status::Beta)
.parameters(&[Parameter::string(
    "lang",
    "The language whose words stand for `&` and `@` and whose letters are spelled out, as `de`; English for one that is not known.",
)
.default(Default::String("en"))])
.examples(&[
    Example::new(
        "root.slug = this.value.slug()",
        &[
            (r#"{"value":"Gopher & Bento"}"#, r#"{"slug":"gopher-and-bento"}"#),
            (r#"{"value":"  Ünïcödé -- wörld! "}"#, r#"{"slug":"unicode-world"}"#),
        ],
    ),
    Example::new(
        r#"root.slug = this.value.slug("de")"#,
        &[(r#"{"value":"Straße & Füße"}"#, r#"{"slug":"strasse-und-fuesse"}"#)],
    ),
])];

fn slug(target: Cow<'_, Value>, call: &Call<'_>) -> Result<Value, EvalError> {
    let text = target::text(&target)?;
    let language = Language::named(call.arguments.text(0)?);
    Ok(Value::from(slug_of(text.trim(), &language)))
}

fn slug_of(text: &str, language: &Language) -> String {
    let mut slug = String::with_capacity(text.len());
    for character in text.chars() {
        let ascii = match language.spelled(character) {
            Some(spelled) => spelled,
            None if character.is_ascii() => {
                push(character, &mut slug);
                continue;
            }
            // Symbols beyond the first plane have names, which are no part of a text.
            None if u32::from(character) > 0xffff => "",
            None => deunicode::deunicode_char(character).unwrap_or_default(),
        };
        for character in ascii.chars() {
            push(character, &mut slug);
        }
    }
    slug.trim_matches(['-', '_']).to_owned()
}

/// Appends a character; what may not stand in a slug is a dash, and dashes do not follow another.
fn push(character: char, slug: &mut String) {
    if character.is_ascii_alphanumeric() || character == '_' {
        slug.push(character.to_ascii_lowercase());
    } else if !slug.ends_with('-') {
        slug.push('-');
    }
}

/// What a language says for some characters.
struct Language {
    and: Option<&'static str>,
    at: Option<&'static str>,
    letters: &'static [(&'static str, &'static str)],
}

/// Letters in both cases, each list beside the list of their spellings.
const GERMAN: &[(&str, &str)] = &[
    ("ä", "ae"),
    ("Ä", "Ae"),
    ("ö", "oe"),
    ("Ö", "Oe"),
    ("ü", "ue"),
    ("Ü", "Ue"),
];
const NORWEGIAN: &[(&str, &str)] = &[
    ("æ", "ae"),
    ("ø", "oe"),
    ("å", "aa"),
    ("Æ", "Ae"),
    ("Ø", "Oe"),
    ("Å", "Aa"),
];
const GREEK: &[(&str, &str)] = &[
    ("βΒ", "v"),
    ("ηΗήΉιΙίΊϊΪΐ", "i"),
    ("ξΞ", "x"),
    ("υΥύΎϋΫΰ", "y"),
    ("φΦ", "f"),
    ("χΧ", "ch"),
    ("ωΩώΏ", "o"),
];
const HUNGARIAN: &[(&str, &str)] = &[
    ("áÁ", "a"),
    ("éÉ", "e"),
    ("íÍ", "i"),
    ("óÓöÖőŐ", "o"),
    ("úÚüÜűŰ", "u"),
];
const KAZAKH: &[(&str, &str)] = &[
    ("әӘ", "a"),
    ("ғҒ", "g"),
    ("қҚ", "q"),
    ("ңҢ", "n"),
    ("өӨ", "o"),
    ("ұҰ", "u"),
];
const ROMANIAN: &[(&str, &str)] = &[("ĂăÂâ", "a"), ("Îî", "i"), ("Șș", "s"), ("Țț", "t")];
const SLOVENE: &[(&str, &str)] = &[("Đđ", "dz")];
const TURKISH: &[(&str, &str)] = &[
    ("şŞ", "s"),
    ("üÜ", "u"),
    ("öÖ", "o"),
    ("İı", "i"),
    ("ğĞ", "g"),
    ("çÇ", "c"),
];
const BULGARIAN: &[(&str, &str)] = &[
    ("Аа", "a"),
    ("Бб", "b"),
    ("Вв", "v"),
    ("Гг", "g"),
    ("Дд", "d"),
    ("Ее", "e"),
    ("Жж", "zh"),
    ("Зз", "z"),
    ("Ии", "i"),
    ("Йй", "y"),
    ("Кк", "k"),
    ("Лл", "l"),
    ("Мм", "m"),
    ("Нн", "n"),
    ("Оо", "o"),
    ("Пп", "p"),
    ("Рр", "r"),
    ("Сс", "s"),
    ("Тт", "t"),
    ("Уу", "u"),
    ("Фф", "f"),
    ("Хх", "h"),
    ("Цц", "ts"),
    ("Чч", "ch"),
    ("Шш", "sh"),
    ("Щ", "sh"),
    ("щ", "sht"),
    ("Ъъ", "a"),
    ("Ьь", "y"),
    ("Юю", "yu"),
    ("Яя", "ya"),
];

impl Language {
    /// The language of a code of ISO 639-1 or 639-3.
    fn named(code: &str) -> Language {
        let (and, at, letters) = match code.to_ascii_lowercase().as_str() {
            "bg" | "bgr" => ("", "", BULGARIAN),
            "cs" | "ces" => ("a", "zavinac", [].as_slice()),
            "de" | "deu" => ("und", "an", GERMAN),
            "es" | "spa" => ("y", "en", [].as_slice()),
            "fi" | "fin" => ("ja", "at", [].as_slice()),
            "fr" | "fra" => ("et", "arobase", [].as_slice()),
            "gr" | "el" | "ell" => ("kai", "", GREEK),
            "hu" | "hun" => ("", "", HUNGARIAN),
            "id" | "idn" | "ind" => ("dan", "", [].as_slice()),
            "it" | "ita" => ("e", "chiocciola", [].as_slice()),
            "kz" | "kk" | "kaz" => ("jane", "", KAZAKH),
            "nb" | "nob" | "nn" | "nno" => ("og", "at", NORWEGIAN),
            "nl" | "nld" => ("en", "at", [].as_slice()),
            "pl" | "pol" => ("i", "na", [].as_slice()),
            "ro" | "rou" => ("si", "", ROMANIAN),
            "sl" | "slv" => ("in", "", SLOVENE),
            "sv" | "swe" => ("och", "snabel a", [].as_slice()),
            "tr" | "tur" => ("ve", "et", TURKISH),
            _ => ("and", "at", [].as_slice()),
        };
        let word = |word: &'static str| (!word.is_empty()).then_some(word);
        Language {
            and: word(and),
            at: word(at),
            letters,
        }
    }

    fn spelled(&self, character: char) -> Option<&'static str> {
        match character {
            '&' => self.and,
            '@' => self.at,
            '"' | '\'' | '\u{2019}' => Some(""),
            '\u{2012}'..='\u{2015}' => Some("-"),
            other => {
                let mut letters = self.letters.iter();
                letters
                    .find(|(letters, _)| letters.contains(other))
                    .map(|(_, spelling)| *spelling)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_spell_their_own_way() {
        for (text, language, expected) in [
            ("a & b @ c", "en", "a-and-b-at-c"),
            ("a & b @ c", "sv", "a-och-b-snabel-a-c"),
            ("a & b @ c", "hu", "a-b-c"),
            (
                "Gaufre & Poisson d'Eau Profonde",
                "fr",
                "gaufre-et-poisson-deau-profonde",
            ),
            ("Смядово", "bg", "smyadovo"),
            ("Ελληνική", "el", "elliniki"),
            ("-_x_-", "en", "x"),
            ("a—b", "en", "a-b"),
            ("x", "nowhere", "x"),
            ("", "en", ""),
            ("!!!", "en", ""),
        ] {
            assert_eq!(
                slug_of(text, &Language::named(language)),
                expected,
                "{text}"
            );
        }
    }
}
