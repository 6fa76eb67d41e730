//! What formatting promises: a mapping means what it meant, keeps its comments, and has one form.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use millrace_bloblang::format;
use millrace_bloblang::parser::parse_mapping;
use millrace_testkit::cases;
use proptest::prelude::*;

/// The tree of a mapping without its places, as text; nothing when the text is none.
fn meaning(text: &str) -> Option<String> {
    let tree = parse_mapping(text).into_result().ok()?;
    let shown = format!("{tree:?}");
    let mut parts = shown.split("Span { ");
    let mut stripped = parts.next().unwrap().to_owned();
    for part in parts {
        stripped.push_str(part.split_once('}').unwrap().1);
    }
    Some(stripped)
}

/// The comments of a mapping, in order: what is left of it when strings are passed over.
fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '#']) {
        rest = &rest[at..];
        let length = if rest.starts_with('#') {
            let length = rest.find('\n').unwrap_or(rest.len());
            found.push(rest[..length].trim_end().to_owned());
            length
        } else if let Some(body) = rest.strip_prefix("\"\"\"") {
            body.find("\"\"\"").unwrap() + 6
        } else {
            let mut is_escaped = true;
            let end = rest.find(|it| {
                let is_end = it == '"' && !is_escaped;
                is_escaped = it == '\\' && !is_escaped;
                is_end
            });
            end.unwrap() + 1
        };
        rest = &rest[length..];
    }
    found
}

/// Checks everything that is promised of a mapping that parses.
fn check(text: &str) -> Result<(), TestCaseError> {
    let formatted =
        format(text).map_err(|errors| TestCaseError::fail(format!("{text}\n{errors:?}")))?;
    prop_assert_eq!(
        meaning(&formatted),
        meaning(text),
        "{}\n=>\n{}",
        text,
        formatted
    );
    prop_assert_eq!(
        comments(&formatted),
        comments(text),
        "{}\n=>\n{}",
        text,
        formatted
    );
    let again = format(&formatted).unwrap();
    prop_assert_eq!(&again, &formatted, "{}", text);
    let is_tidy = |line: &str| line.trim_end() == line;
    let has_string = text.contains("\"\"\"");
    prop_assert!(
        has_string || formatted.lines().all(is_tidy),
        "{}",
        formatted
    );
    prop_assert!(formatted.ends_with('\n'));
    Ok(())
}

#[test]
fn every_program_of_bento_keeps_its_meaning() {
    let mut checked = 0;
    let mut take = |program: &str| {
        if meaning(program).is_some() {
            check(program).unwrap_or_else(|error| panic!("{error}"));
            checked += 1;
        }
    };
    let files = [
        ("bloblang_tests.jsonl", "program"),
        ("bloblang_parse_ok.jsonl", "program"),
        ("bloblang_examples.jsonl", "mapping"),
    ];
    let mut rows = 0;
    for (file, field) in files {
        for row in cases::rows(file) {
            rows += 1;
            take(row[field].as_str().unwrap());
        }
    }
    // The others are interpolations, parts of expressions, and mappings that are wrong on purpose.
    assert!(rows == 0 || checked > 1000, "{checked} of {rows}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 2000, ..ProptestConfig::default() })]
    #[test]
    fn every_program_keeps_its_meaning_and_its_comments(choices in proptest::collection::vec(any::<u8>(), 0..600)) {
        let text = Program::of(&choices);
        prop_assume!(meaning(&text).is_some());
        check(&text)?;
    }
}

#[test]
fn most_programs_that_are_made_up_are_mappings() {
    let mut seed = 7_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 40) as u8
    };
    let programs = (0..300).map(|_| Program::of(&(0..300).map(|_| next()).collect::<Vec<_>>()));
    let sound = programs.filter(|it| meaning(it).is_some()).count();
    assert!(sound > 270, "{sound} of 300");
}

/// Writes a program, with blanks, line breaks and comments wherever the grammar lets them stand.
struct Program<'c> {
    choices: std::slice::Iter<'c, u8>,
    text: String,
    /// How deep the expression at hand is.
    depth: usize,
    /// Lambdas around the place at hand, whose names differ.
    lambdas: usize,
}

impl<'c> Program<'c> {
    fn of(choices: &'c [u8]) -> String {
        let mut program = Self {
            choices: choices.iter(),
            text: String::new(),
            depth: 0,
            lambdas: 0,
        };
        program.mapping();
        program.text
    }

    /// One of so many; the first one when there are no choices left, so that programs end.
    fn choose(&mut self, count: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % count)
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn one_of(&mut self, texts: &[&str]) {
        let choice = self.choose(texts.len() as u8);
        self.put(texts[choice as usize]);
    }

    /// Perhaps blanks.
    fn blank(&mut self) {
        self.one_of(&["", " ", "  ", "\t"]);
    }

    /// Blanks.
    fn gap(&mut self) {
        self.one_of(&[" ", "  ", "\t ", " "]);
    }

    /// Perhaps blanks, line breaks and comments.
    fn trivia(&mut self) {
        for _ in 0..1 + self.choose(2) {
            self.one_of(&[
                "",
                " ",
                "",
                "\n",
                " # why \"not\n",
                "\n\n\n",
                "\r\n",
                "#\r\n",
                "",
                "  ",
            ]);
        }
    }

    /// What ends a line.
    fn end_of_line(&mut self) {
        self.one_of(&["\n", " # ☺  \n", "\r\n", "\n\n\n", "  \n # a {\n", "\n"]);
    }

    fn name(&mut self) {
        self.one_of(&[
            "a", "b_1", "if", "else", "match", "map", "let", "root", "this", "x5", "meta", "5",
        ]);
    }

    fn quoted(&mut self) {
        self.one_of(&[
            r#""a b""#,
            r#""""#,
            r##""\"#\\""##,
            r#""é.☺""#,
            r#""plain""#,
        ]);
    }

    fn mapping(&mut self) {
        self.trivia();
        if self.choose(8) == 1 {
            self.expression();
            return self.trivia();
        }
        let count = 1 + self.choose(5);
        for place in 0..count {
            match self.choose(12) {
                1 => {
                    self.put("import");
                    self.gap();
                    self.put(r#""./x.blobl""#);
                }
                2 => {
                    self.put("map");
                    self.gap();
                    self.put(&format!("m{place}"));
                    self.blank();
                    self.block(false);
                }
                _ => self.statement(true),
            }
            self.blank();
            self.end_of_line();
            self.trivia();
        }
    }

    fn block(&mut self, may_have_metadata: bool) {
        self.put("{");
        self.trivia();
        let count = self.choose(3);
        for place in 0..count {
            if place > 0 {
                self.blank();
                self.end_of_line();
                self.trivia();
            }
            self.statement(may_have_metadata);
        }
        if count > 0 {
            self.blank();
            if self.choose(2) == 1 {
                self.end_of_line();
                self.trivia();
            }
        }
        self.put("}");
    }

    fn statement(&mut self, may_have_metadata: bool) {
        self.depth += 1;
        let kind = self.choose(8);
        match kind {
            1 if self.depth < 4 => {
                self.put("if");
                self.gap();
                self.expression();
                self.trivia();
                self.block(may_have_metadata);
                if self.choose(3) == 1 {
                    self.trivia();
                    self.put("else");
                    self.gap();
                    self.put("if");
                    self.gap();
                    self.expression();
                    self.trivia();
                    self.block(may_have_metadata);
                }
                if self.choose(3) == 1 {
                    self.trivia();
                    self.put("else");
                    self.trivia();
                    self.block(may_have_metadata);
                }
            }
            2 => {
                self.put("let");
                self.gap();
                self.one_of(&["v", "\"v w\"", "if"]);
                self.assigned();
            }
            3 if may_have_metadata => {
                self.put("meta");
                self.gap();
                self.one_of(&["k", "\"k k\"", ""]);
                self.assigned();
            }
            _ => {
                self.one_of(&[
                    "root",
                    "root.a",
                    "root.\"a b\".c",
                    "a.b",
                    "root.5",
                    "match.x",
                ]);
                self.assigned();
            }
        }
        self.depth -= 1;
    }

    fn assigned(&mut self) {
        self.gap();
        self.put("=");
        self.gap();
        self.expression();
    }

    fn expression(&mut self) {
        self.depth += 1;
        self.operand();
        let operators = [
            "+", "-", "*", "/", "%", "|", "==", "!=", ">", ">=", "<", "<=", "&&", "||",
        ];
        for _ in 0..self.choose(3) {
            self.blank();
            self.one_of(&operators);
            self.trivia();
            self.operand();
        }
        self.depth -= 1;
    }

    fn operand(&mut self) {
        if self.choose(8) == 1 {
            self.put("-");
            self.trivia();
        }
        if self.choose(8) == 1 {
            self.put("!");
            self.blank();
        }
        self.primary();
        for _ in 0..self.choose(4) {
            self.link();
        }
    }

    fn link(&mut self) {
        match self.choose(if self.depth > 6 { 3 } else { 8 }) {
            0 | 1 => {
                self.put(".");
                self.trivia();
                self.name();
            }
            2 => {
                self.put(".");
                self.quoted();
            }
            3 => {
                self.put(".");
                self.trivia();
                self.put("(");
                self.trivia();
                self.expression();
                self.trivia();
                self.put(")");
            }
            4 => {
                self.put("[");
                self.trivia();
                self.expression();
                self.trivia();
                self.put("]");
            }
            5 => {
                self.put("[");
                self.bound();
                self.put(":");
                self.bound();
                if self.choose(2) == 1 {
                    self.put(":");
                    self.bound();
                }
                self.put("]");
            }
            _ => {
                self.put(".");
                self.one_of(&["uppercase", "map_each", "or", "if", "else"]);
                self.arguments();
            }
        }
    }

    fn bound(&mut self) {
        self.trivia();
        if self.choose(2) == 1 {
            self.expression();
            self.trivia();
        }
    }

    fn arguments(&mut self) {
        self.put("(");
        self.trivia();
        let count = self.choose(3);
        let is_named = self.choose(4) == 1;
        for place in 0..count {
            if is_named {
                self.put(&format!("n{place}:"));
                self.blank();
            }
            if self.choose(4) == 1 {
                self.lambda();
            } else {
                self.expression();
            }
            self.separate(place + 1 == count);
        }
        self.put(")");
    }

    /// What stands behind an element of a list.
    fn separate(&mut self, is_last: bool) {
        self.blank();
        if !is_last || self.choose(3) == 1 {
            self.put(",");
        }
        self.trivia();
    }

    fn lambda(&mut self) {
        self.put(&format!("x{}", self.lambdas));
        self.gap();
        self.put("->");
        self.trivia();
        self.lambdas += 1;
        self.expression();
        self.lambdas -= 1;
    }

    fn primary(&mut self) {
        match self.choose(if self.depth > 5 { 9 } else { 16 }) {
            0 => self.put("this"),
            1 => self.one_of(&["0", "5", "12.50", "-3", "-0.5"]),
            2 => self.quoted(),
            3 => self.one_of(&["\"\"\"\n  raw # \"x\"\n\"\"\"", "\"\"\"\"\"\""]),
            4 => self.one_of(&["null", "true", "root", "word", "x0", "if_x"]),
            5 => self.put("$v"),
            6 => self.one_of(&["@", "@k", "@\"k k\""]),
            7 => self.put("{}"),
            8 => self.put("[]"),
            9 => {
                self.one_of(&["deleted", "now", "range"]);
                self.arguments();
            }
            10 => {
                self.put("[");
                self.trivia();
                let count = self.choose(4);
                for place in 0..count {
                    self.expression();
                    self.separate(place + 1 == count);
                }
                self.put("]");
            }
            11 => {
                self.put("{");
                self.trivia();
                let count = self.choose(4);
                for place in 0..count {
                    if self.choose(4) == 1 {
                        self.put("(this.k)");
                    } else {
                        self.quoted();
                    }
                    self.blank();
                    self.put(":");
                    self.trivia();
                    self.expression();
                    self.separate(place + 1 == count);
                }
                self.put("}");
            }
            12 => {
                self.put("(");
                self.trivia();
                self.expression();
                self.trivia();
                self.put(")");
            }
            13 => {
                self.put("if");
                self.gap();
                self.expression();
                self.value();
                if self.choose(3) == 1 {
                    self.trivia();
                    self.put("else");
                    self.gap();
                    self.put("if");
                    self.gap();
                    self.expression();
                    self.value();
                }
                if self.choose(2) == 1 {
                    self.trivia();
                    self.put("else");
                    self.value();
                }
            }
            _ => self.cases(),
        }
    }

    /// The value of a branch.
    fn value(&mut self) {
        self.trivia();
        self.put(" {");
        self.trivia();
        self.expression();
        self.trivia();
        self.put("}");
    }

    fn cases(&mut self) {
        self.put("match");
        self.gap();
        let has_context = self.choose(2) == 1;
        if has_context {
            self.expression();
            self.trivia();
        }
        self.put(" {");
        self.trivia();
        let count = self.choose(3);
        // Without a context, empty braces are one.
        let count = if has_context { count } else { count.max(1) };
        for place in 0..count {
            if self.choose(3) == 1 {
                self.put("_");
            } else {
                self.expression();
            }
            self.blank();
            self.put("=>");
            self.blank();
            self.expression();
            self.blank();
            if place + 1 < count {
                self.one_of(&[",", "\n", "#\n", " # case\r\n"]);
                self.trivia();
            }
        }
        self.one_of(&["", "\n", " "]);
        self.put("}");
    }
}
