//! Compiling a mapping takes time in proportion to its length, whatever it is made of.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use millrace_bloblang::{Environment, Mapping, SyntaxError};

/// So many parts take a second or two in proportion to their number, and several minutes in proportion
/// to its square.
const PARTS: usize = 50_000;

/// Only what takes the square comes near it.
const DEADLINE: Duration = Duration::from_secs(100);

fn lines(line: impl Fn(usize) -> String) -> String {
    (0..PARTS).fold(String::new(), |mut text, at| {
        writeln!(text, "{}", line(at)).unwrap();
        text
    })
}

fn list(separator: &str, part: impl Fn(usize) -> String) -> String {
    (0..PARTS).map(part).collect::<Vec<_>>().join(separator)
}

/// Compiles each of the mappings, and says how many complaints there are.
fn compile_all(mappings: Vec<(&'static str, String)>, expected: usize) {
    for (what, text) in mappings {
        let (done, result) = mpsc::channel();
        std::thread::spawn(move || {
            let compiled = Mapping::compile(&text, &Environment::new());
            let _ = done.send(compiled.map(|_| ()));
        });
        let compiled = result.recv_timeout(DEADLINE);
        let errors = match compiled.unwrap_or_else(|_| panic!("{what} take too long")) {
            Ok(()) => Vec::new(),
            Err(errors) => errors,
        };
        assert_eq!(errors.len(), expected, "{what}: {:?}", errors.first());
    }
}

#[test]
fn statements_of_any_kind_are_compiled_in_linear_time() {
    let maps = lines(|at| format!("map m{at} {{ let a = this.b\n root = $a }}"));
    let mappings = vec![
        ("variables", lines(|at| format!("let v{at} = {at}"))),
        (
            "uses of variables",
            lines(|at| format!("let v{at} = {at}\nroot.a = $v{at}")),
        ),
        (
            "variables that nothing assigns",
            lines(|at| format!("root.a = $v{at}")),
        ),
        ("members", lines(|at| format!("root.a{at} = {at}"))),
        ("metadata", lines(|at| format!("meta m{at} = this.a"))),
        (
            "calls that fail",
            lines(|_| r#"root.a = "x".number()"#.into()),
        ),
        ("maps", format!("{maps}root = this")),
        (
            "uses of maps",
            maps + &lines(|at| format!("root.a = this.apply(\"m{at}\")")),
        ),
        (
            "branches",
            format!(
                "if this.a == 0 {{ root.b = 1 }} {}",
                list(" ", |at| format!("else if this.a == {at} {{ root.b = 2 }}"))
            ),
        ),
        (
            "matches",
            lines(|at| format!("root.a = match {{ this.a == {at} => {{}}, _ => 2 }}")),
        ),
        ("comments", lines(|_| "# nothing".into()) + "root = this"),
    ];
    compile_all(mappings, 0);
}

#[test]
fn an_expression_of_many_parts_is_compiled_in_linear_time() {
    let mappings = vec![
        (
            "cases",
            format!(
                "root = match this.a {{\n{}\n}}",
                list("\n", |at| format!("\"k{at}\" => {at}"))
            ),
        ),
        (
            "conditions",
            format!(
                "root = if this.a == 0 {{ 1 }} {}",
                list(" ", |at| format!("else if this.a == {at} {{ 2 }}"))
            ),
        ),
        (
            "members of an object",
            format!(
                "root = {{{}}}",
                list(", ", |at| format!("\"k{at}\": this.a"))
            ),
        ),
        (
            "members of a literal",
            format!(
                "root = {{{}}}",
                list(", ", |at| format!("\"k{}\": 1", at * 7919 % PARTS))
            ),
        ),
        (
            "elements far inside",
            format!(
                "root = {}{}{}",
                "{\"a\":[".repeat(45),
                list(", ", |at| format!("{{\"b\": {at}}}")),
                "]}".repeat(45)
            ),
        ),
        (
            "arguments",
            format!("root = [].concat({})", list(", ", |at| format!("[{at}]"))),
        ),
        (
            "escapes",
            format!("root = \"{}\"", list("", |_| r"\n\u263a".into())),
        ),
        (
            "lines of a string",
            format!("root = \"\"\"{}\"\"\"", list("\n", |_| "a".into())),
        ),
    ];
    compile_all(mappings, 0);
}

#[test]
fn of_many_mistakes_the_first_fifty_are_told_in_linear_time() {
    let unclosed = format!("root = {}", list("", |_| "match { (\n".into()));
    let mappings = vec![
        ("functions", lines(|at| format!("root.a = nope{at}()"))),
        ("methods", lines(|at| format!("root.a = this.nope{at}()"))),
        (
            "functions in a row",
            format!("root = [{}]", list(", ", |at| format!("nope{at}()"))),
        ),
        (
            "keys that are no text",
            format!("root = {{{}}}", list(", ", |at| format!("{at}: 1"))),
        ),
        ("statements", lines(|_| "root.a = = 1".into())),
        ("brackets", lines(|_| "root.a = (1".into())),
        ("strings", lines(|_| "root.a = \"1".into())),
    ];
    compile_all(mappings, 50);
    compile_all(vec![("expressions in each other", unclosed)], 1);
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("linear_{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn compile_in(folder: &Path, text: &str) -> Vec<SyntaxError> {
    let environment = Environment::new().with_directory(folder);
    Mapping::compile(text, &environment)
        .map(|_| ())
        .expect_err("it imports too much")
}

#[test]
fn files_that_import_each_other_many_times_are_not_read_for_ever() {
    // Without a bound in all, these are ten to the power of sixteen files.
    let folder = folder("again");
    for level in 0..16 {
        let next = format!("import \"{}.blobl\"\n", level + 1);
        let text = next.repeat(10) + "root = this";
        std::fs::write(folder.join(format!("{level}.blobl")), text).unwrap();
    }
    std::fs::write(folder.join("16.blobl"), "root = this").unwrap();
    let errors = compile_in(&folder, "import \"3.blobl\"");
    assert!(
        errors[0]
            .message
            .contains("more than 1000 files are imported in all"),
        "{errors:?}"
    );
    assert!(errors.len() <= 50, "{errors:?}");
    let errors = compile_in(&folder, "import \"0.blobl\"");
    assert!(
        errors[0]
            .message
            .contains("more than 16 files import each other"),
        "{errors:?}"
    );
}

#[test]
fn what_is_imported_is_bounded_in_all() {
    let folder = folder("large");
    let text = format!("# {}", "x".repeat(9 << 20));
    std::fs::write(folder.join("large.blobl"), text + "\nmap a { root = 1 }").unwrap();
    std::fs::write(folder.join("other.blobl"), "x".repeat(9 << 20)).unwrap();
    let text = "import \"large.blobl\"\nimport \"other.blobl\"";
    let errors = compile_in(&folder, text);
    let expected = "all that is imported is larger than 16777216 bytes";
    assert!(errors[0].message.ends_with(expected), "{errors:?}");
    assert_eq!(errors[0].span.range(), 28..41);
}
