//! Tests of the grammar: what parses to what, which complaints a mistake gives, and that nothing
//! makes the parser panic.

use proptest::prelude::*;

use super::*;
use crate::ast::{
    ExprKind, LinkKind, Literal, Operator, Pattern, Segment, StatementKind, TargetKind,
};

/// Writes a tree with every bracket spelled out, so that a test can show its shape.
fn shape(expression: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(shape).collect::<Vec<_>>().join(" ");
    match &expression.kind {
        ExprKind::Literal(Literal::Null) => "null".into(),
        ExprKind::Literal(Literal::Bool(value)) => value.to_string(),
        ExprKind::Literal(Literal::Int(value)) => value.to_string(),
        ExprKind::Literal(Literal::Float(value)) => format!("{value:?}"),
        ExprKind::Literal(Literal::String(value)) => format!("{value:?}"),
        ExprKind::Literal(Literal::Bytes(value)) => format!("{value:?}"),
        ExprKind::Array(items) => format!("[{}]", list(items)),
        ExprKind::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(k, v)| format!("{}:{}", shape(k), shape(v)))
                .collect();
            format!("{{{}}}", fields.join(" "))
        }
        ExprKind::This => "this".into(),
        ExprKind::Root => "root".into(),
        ExprKind::Field(name) => format!("?{}", name.text),
        ExprKind::Parameter(name) => format!("%{}", name.text),
        ExprKind::Variable(name) => format!("${}", name.text),
        ExprKind::Metadata(None) => "@".into(),
        ExprKind::Metadata(Some(name)) => format!("@{}", name.text),
        ExprKind::Function { name, arguments } => {
            format!("{}{}", name.text, shape_arguments(arguments))
        }
        ExprKind::Chain { head, links } => links
            .iter()
            .fold(shape(head), |chain, link| chain + &shape_link(&link.kind)),
        ExprKind::Not(operand) => format!("(! {})", shape(operand)),
        ExprKind::Negate(operand) => format!("(- {})", shape(operand)),
        ExprKind::Binary { first, rest } => {
            rest.iter()
                .fold(format!("({}", shape(first)), |text, (operator, operand)| {
                    format!("{text} {} {}", operator.symbol(), shape(operand))
                })
                + ")"
        }
        ExprKind::Match { context, cases } => {
            let context = context.as_deref().map(shape).unwrap_or_default();
            let cases: Vec<_> = cases
                .iter()
                .map(|case| match &case.pattern {
                    Pattern::Any => format!("_=>{}", shape(&case.value)),
                    Pattern::Expr(pattern) => format!("{}=>{}", shape(pattern), shape(&case.value)),
                })
                .collect();
            format!("match({context}){{{}}}", cases.join(" "))
        }
        ExprKind::If {
            branches,
            otherwise,
        } => {
            let mut text = String::new();
            for (condition, value) in branches {
                text += &format!("if({}){{{}}}", shape(condition), shape(value));
            }
            if let Some(value) = otherwise {
                text += &format!("else{{{}}}", shape(value));
            }
            text
        }
        ExprKind::Lambda { parameter, body } => {
            let name = parameter.as_ref().map_or("_", |name| &*name.text);
            format!("({name} -> {})", shape(body))
        }
    }
}

fn shape_arguments(arguments: &crate::ast::Arguments) -> String {
    let arguments: Vec<_> = arguments
        .list
        .iter()
        .map(|argument| match &argument.name {
            Some(name) => format!("{}:{}", name.text, shape(&argument.value)),
            None => shape(&argument.value),
        })
        .collect();
    format!("({})", arguments.join(", "))
}

fn shape_link(link: &LinkKind) -> String {
    let bound = |part: &Option<Box<Expr>>| part.as_deref().map(shape).unwrap_or_default();
    match link {
        LinkKind::Field(name) => format!(".{}", name.text),
        LinkKind::Method { name, arguments } => {
            format!(".{}{}", name.text, shape_arguments(arguments))
        }
        LinkKind::Map(query) => format!(".({})", shape(query)),
        LinkKind::Index(index) => format!("[{}]", shape(index)),
        LinkKind::Slice { start, end, step } => {
            format!("[{}:{}:{}]", bound(start), bound(end), bound(step))
        }
    }
}

fn shape_of(text: &str) -> String {
    match parse_expression(text) {
        Ok(expression) => shape(&expression),
        Err(errors) => panic!("{text}: {errors:?}"),
    }
}

/// Every complaint about a mapping as `line:column message`.
fn complaints(text: &str) -> Vec<String> {
    let errors = parse_mapping(text).errors;
    errors
        .iter()
        .map(|error| {
            let (line, column) = crate::line_and_column(text, error.span.range().start);
            format!("{line}:{column} {}", error.message)
        })
        .collect()
}

fn mapping(text: &str) -> Mapping {
    parse_mapping(text)
        .into_result()
        .unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

#[test]
fn products_and_coalesce_bind_before_sums_before_comparisons_before_logic() {
    for (source, expected) in [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 * 2 | 3 * 4 % 5 / 6", "(1 * 2 | 3 * 4 % 5 / 6)"),
        ("1 - 2 - 3", "(1 - 2 - 3)"),
        ("1 | 2 + 3 == 4 * 5", "(((1 | 2) + 3) == (4 * 5))"),
        ("true || false && false", "(true || false && false)"),
        (
            "a == 1 && b != 2 || c >= 3",
            "((?a == 1) && (?b != 2) || (?c >= 3))",
        ),
        ("1 < 2 == true", "(1 < 2 == true)"),
        ("(1 + 2) * 3", "((1 + 2) * 3)"),
        ("1+\n # why\n 2", "(1 + 2)"),
    ] {
        assert_eq!(shape_of(source), expected, "{source}");
    }
}

#[test]
fn signs_and_negations_take_the_whole_chain() {
    for (source, expected) in [
        ("-5.abs()", "(- 5.abs())"),
        ("!foo.bar.not_null()", "(! ?foo.bar.not_null())"),
        ("-!foo", "(- (! ?foo))"),
        ("3 - -4", "(3 - (- 4))"),
        ("--5", "(- -5)"),
        ("! true", "(! true)"),
    ] {
        assert_eq!(shape_of(source), expected, "{source}");
    }
    assert!(parse_expression("!!true").is_err());
}

#[test]
fn literals_keep_their_kind() {
    for (source, expected) in [
        ("5", "5"),
        ("5.0", "5.0"),
        ("null", "null"),
        (r#""a\tb""#, "\"a\\tb\""),
        ("\"\"\"a\n\\n\"b\"\"\"", "\"a\\n\\\\n\\\"b\""),
        ("[1, [ ], # one\n {},]", "[1 [] {}]"),
        (
            r#"{"a": 1, (this.k): 2, b : 3,}"#,
            r#"{"a":1 this.k:2 ?b:3}"#,
        ),
    ] {
        assert_eq!(shape_of(source), expected, "{source}");
    }
}

#[test]
fn chains_are_flat() {
    for (source, expected) in [
        ("this.foo.\"a.b\".0.bar", "this.foo.a.b.0.bar"),
        ("foo.(bar | baz)", "?foo.((?bar | ?baz))"),
        ("(this.a).b", "this.a.b"),
        ("this.a[0][-1]", "this.a[0][(- 1)]"),
        (
            "this[1:5:2][:][::-1][ 1 : ][:2]",
            "this[1:5:2][::][::(- 1)][1::][:2:]",
        ),
        ("this.\n  foo(). # note\n  bar()", "this.foo().bar()"),
        ("5.5.string()", "5.5.string()"),
        ("\"a\".length()", "\"a\".length()"),
        ("$a.b", "$a.b"),
        ("@.b", "@.b"),
        ("@\"a b\".c", "@a b.c"),
        ("json(\"a\").from_all()", "json(\"a\").from_all()"),
    ] {
        assert_eq!(shape_of(source), expected, "{source}");
    }
}

#[test]
fn names_that_begin_like_keywords_are_fields() {
    for (source, expected) in [
        ("matches.iffy", "?matches.iffy"),
        ("trueish | nullable", "(?trueish | ?nullable)"),
        ("match.if.else", "?match.if.else"),
    ] {
        assert_eq!(shape_of(source), expected, "{source}");
    }
}

#[test]
fn a_lambda_names_its_parameter_and_nothing_else() {
    for (source, expected) in [
        (
            "map_each(x -> x.a + this.b)",
            "map_each((x -> (%x.a + this.b)))",
        ),
        ("this.(_ -> foo)", "this.((_ -> ?foo))"),
        ("a.(x -> x) + x", "(?a.((x -> %x)) + ?x)"),
        (
            "a.(x -> b.(y -> x + y))",
            "?a.((x -> ?b.((y -> (%x + %y)))))",
        ),
    ] {
        assert_eq!(shape_of(source), expected, "{source}");
    }
}

#[test]
fn match_takes_a_context_or_none() {
    for (source, expected) in [
        (
            "match this.a { 1 => \"x\", _ => \"y\" }",
            "match(this.a){1=>\"x\" _=>\"y\"}",
        ),
        ("match { this.a > 1 => 2 }", "match(){(this.a > 1)=>2}"),
        ("match {\"a\": 1} { _ => 2 }", "match({\"a\":1}){_=>2}"),
        ("match {} { _ => 2 }", "match({}){_=>2}"),
        ("match {}.length() { _ => 2 }", "match({}.length()){_=>2}"),
        (
            "match { f(a: 1) => {\"b\": 2} }",
            "match(){f(a:1)=>{\"b\":2}}",
        ),
        (
            "match foo {\n  # first\n  this == 1 => 2 # one\n\n  _ => 3,\n}",
            "match(?foo){(this == 1)=>2 _=>3}",
        ),
        ("match foo {}", "match(?foo){}"),
    ] {
        assert_eq!(shape_of(source), expected, "{source}");
    }
}

#[test]
fn if_expressions_may_spread_over_lines() {
    let source = "if a == 1 {\n 1\n} else if b\n{ 2 }\nelse {\n 3 }";
    assert_eq!(shape_of(source), "if((?a == 1)){1}if(?b){2}else{3}");
}

#[test]
fn arguments_are_positional_or_named() {
    assert_eq!(shape_of("f(1,\n 2 # two\n)"), "f(1, 2)");
    assert_eq!(shape_of("a.f(x: 1, y:b,)"), "?a.f(x:1, y:?b)");
    let message = |source: &str| parse_expression(source).unwrap_err()[0].message.clone();
    assert!(message("f(1, a: 2)").contains("mixed"));
    assert!(message("f(a: 2, 1)").contains("mixed"));
    assert!(message("f(a: 2, a: 1)").contains("given twice"));
}

#[test]
fn assignments_name_root_fields_metadata_and_variables() {
    let mapping = mapping(
        "root = this\nroot.a.\"b.c\".0 = 1\nfoo.bar = 2\nlet x = 3\nlet \"y z\" = 4\n\
         meta foo = 5\nmeta \"foo bar\" = 6\nmeta = {}\nroot.match = 7",
    );
    let targets: Vec<String> = mapping
        .statements
        .iter()
        .map(|statement| match &statement.kind {
            StatementKind::Assign { target, .. } => match &target.kind {
                TargetKind::Root(path) => {
                    let path: Vec<_> = path.iter().map(|segment| &*segment.text).collect();
                    format!("root:{}", path.join("|"))
                }
                TargetKind::Meta(key) => {
                    format!("meta:{}", key.as_ref().map_or("*", |key| &*key.text))
                }
                TargetKind::Variable(name) => format!("let:{}", name.text),
            },
            StatementKind::If { .. } => "if".into(),
        })
        .collect();
    assert_eq!(
        targets,
        [
            "root:",
            "root:a|b.c|0",
            "root:foo|bar",
            "let:x",
            "let:y z",
            "meta:foo",
            "meta:foo bar",
            "meta:*",
            "root:match"
        ]
    );
}

#[test]
fn a_mapping_may_be_one_expression() {
    for source in [
        "this.a.uppercase()",
        "\n# note\nif a { 1 } else { 2 }\n",
        "foo == bar",
        "{}",
    ] {
        let mapping = mapping(source);
        assert!(mapping.is_expression, "{source}");
        assert_eq!(mapping.statements.len(), 1);
    }
}

#[test]
fn an_if_at_the_top_holds_statements_or_a_value() {
    let statement = mapping("if a {\n root.x = 1\n} else if b { if c { let y = 2 } } else {\n}");
    assert!(!statement.is_expression);
    let StatementKind::If {
        branches,
        otherwise,
    } = &statement.statements[0].kind
    else {
        panic!("{statement:?}");
    };
    assert_eq!(
        (branches.len(), otherwise.as_ref().map(Vec::len)),
        (2, Some(0))
    );
    let value = mapping("if a { if b { foo } else { 2 } }");
    assert!(value.is_expression);
}

#[test]
fn maps_and_imports_are_kept_apart_from_statements() {
    let mapping = mapping(
        "import \"./a.blobl\"\nmap foo {\n  let x = this.a\n  root.b = $x\n}\n\
         map \"b r\" { root = 1 }\nroot = this.apply(\"foo\")",
    );
    assert_eq!(&*mapping.imports[0].path.text, "./a.blobl");
    assert_eq!(mapping.maps.len(), 2);
    assert_eq!(&*mapping.maps[1].name.text, "b r");
    assert_eq!(mapping.statements.len(), 1);
}

#[test]
fn from_stands_alone() {
    let whole = mapping(" # all of it\nfrom \"./x.blobl\"\n");
    assert_eq!(whole.imports[0].kind, crate::ast::ImportKind::Whole);
    assert!(complaints("from \"x\"\nroot = 1")[0].contains("after `from`"));
}

#[test]
fn spans_cover_what_they_name() {
    let source = "root.a = this.b.uppercase() + -\"x\"";
    let mapping = mapping(source);
    let statement = &mapping.statements[0];
    assert_eq!(&source[statement.span.range()], source);
    let StatementKind::Assign { target, value } = &statement.kind else {
        panic!()
    };
    assert_eq!(&source[target.span.range()], "root.a");
    let ExprKind::Binary { first, rest } = &value.kind else {
        panic!()
    };
    assert_eq!(&source[first.span.range()], "this.b.uppercase()");
    assert_eq!(rest[0].0, Operator::Add);
    assert_eq!(&source[rest[0].1.span.range()], "-\"x\"");
    let ExprKind::Chain { links, .. } = &first.kind else {
        panic!()
    };
    assert_eq!(&source[links[1].span.range()], ".uppercase()");
}

#[test]
fn interpolations_hold_text_queries_and_escapes() {
    let shape_segments = |text: &str| -> Vec<String> {
        let segments = parse_interpolation(text).into_result().unwrap().segments;
        segments
            .iter()
            .map(|segment| match segment {
                Segment::Text(text) => format!("{text:?}"),
                Segment::Query(query) => shape(query),
            })
            .collect()
    };
    for (source, expected) in [
        ("", vec![]),
        ("$5 ${A} $", vec!["\"$5 ${A} $\""]),
        ("a ${! this.b } c", vec!["\"a \"", "this.b", "\" c\""]),
        ("${!json(\"a\")}${!@b}", vec!["json(\"a\")", "@b"]),
        ("x ${{!foo}} y", vec!["\"x ${!foo} y\""]),
        ("${!{\"a\":1}}", vec!["{\"a\":1}"]),
    ] {
        assert_eq!(shape_segments(source), expected, "{source}");
    }
}

#[test]
fn every_bad_query_of_a_text_is_reported() {
    let source = "a ${! } b ${!foo(} c ${!x y} ${{! d";
    let errors = parse_interpolation(source).errors;
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert_eq!(errors[0].message, "expected an expression, found `}`");
}

#[test]
fn mistakes_say_what_was_expected_and_found() {
    for (source, expected) in [
        (
            "",
            "1:1 expected an import, a map or an assignment, found the end of the text",
        ),
        (
            "root = ",
            "1:8 expected an expression, found the end of the text",
        ),
        (
            "root = \n# no value\n",
            "1:8 expected an expression, found the end of the line",
        ),
        (
            "foo = blah.",
            "1:12 expected a method or a field after `.`, found the end of the text",
        ),
        (
            "let = blah",
            "1:5 expected the name of a variable after `let`, found `=`",
        ),
        ("meta foo+bar = baz", "1:9 expected `=`, found `+`"),
        (
            "map {\n  foo = bar\n}",
            "1:5 expected the name of the map, found `{`",
        ),
        (
            "let a = 1\nfoo = bar bar = baz",
            "2:11 expected an operator or the end of the line, found `bar`",
        ),
        (
            "let foo = bar\n!foo = bar",
            "2:1 expected an import, a map or an assignment, found `!`",
        ),
        (
            "root = foo(1 2)",
            "1:14 expected `,` or `)` in the arguments of `foo`, found `2`",
        ),
        (
            "root = \"abc",
            "1:8 string is not closed: expected `\"`, found the end of the text",
        ),
        (
            "root = match a",
            "1:15 expected `{` before the cases of `match`, found the end of the text",
        ),
        (
            "root = this.(a -> b.(a -> a))",
            "1:22 `a` already names the context of a lambda around this one",
        ),
        (
            "root = this.(this -> a)",
            "1:14 `this` cannot name the context of a lambda",
        ),
        (
            "root = this.(a -> b -> b)",
            "1:14 `a` and `b` name the same context",
        ),
        ("root = {5: 1}", "1:9 object key is not a string"),
        (
            "map a { meta b = 1 }",
            "1:9 metadata cannot be assigned inside a `map`",
        ),
        (
            "map a { map b { } }",
            "1:9 imports and maps stand at the top of a mapping, not inside a block",
        ),
        (
            "map a { b = 1 }\nmap a { b = 2 }",
            "2:5 map `a` is defined twice",
        ),
        ("root=1", "1:5 expected a blank before and after `=`"),
        (
            "if a {\n root = 1\n",
            "3:1 expected `}`, found the end of the text",
        ),
    ] {
        assert_eq!(complaints(source), [expected], "{source}");
    }
}

#[test]
fn an_expression_followed_by_assignments_is_explained() {
    let message = &complaints("content().uppercase()\nmeta foo = \"bar\"")[0];
    assert!(
        message.starts_with("2:1 expected the mapping to end, found `meta`"),
        "{message}"
    );
}

#[test]
fn several_mistakes_of_one_mapping_are_all_reported() {
    let source = "root.a = (1 + \nroot.b = 2\nroot.c = foo(,)\nmap m {\n  x = ]\n  y = 1\n  z = %\n}\n\
                  if a {\n  root.d = {\"k\": ]}\n}\nroot.e = [1 2]\nroot.g = 7";
    let parsed = parse_mapping(source);
    let lines: Vec<usize> = parsed
        .errors
        .iter()
        .map(|error| crate::line_and_column(source, error.span.range().start).0)
        .collect();
    assert_eq!(lines, [2, 3, 5, 7, 10, 12], "{:?}", parsed.errors);
    // What was right is in the tree.
    assert_eq!(parsed.tree.maps.len(), 1);
    assert_eq!(parsed.tree.maps[0].statements.len(), 1);
}

#[test]
fn endless_mistakes_give_a_bounded_list() {
    let errors = parse_mapping(&"x = ]\n".repeat(10_000)).errors;
    assert_eq!(errors.len(), ERRORS_MAX);
}

#[test]
fn hostile_nesting_is_refused_without_exhausting_the_stack() {
    for opening in [
        "(", "[", "{\"a\":", "foo(", "a.(", "a[", "if ", "match ", "match {", "a -> ", "x.(a -> ",
    ] {
        for source in [
            opening.repeat(100_000),
            format!("root = {}", opening.repeat(100_000)),
        ] {
            let errors = parse_mapping(&source).errors;
            assert!(!errors.is_empty(), "{opening}");
        }
    }
    let errors = parse_mapping(&format!("root = {}1", "(".repeat(100_000))).errors;
    assert!(errors[0].message.contains("nested more than"), "{errors:?}");
    assert!(!parse_mapping(&"if a {\n".repeat(100_000)).errors.is_empty());
    assert!(
        !parse_mapping(&"map a {\n".repeat(100_000))
            .errors
            .is_empty()
    );
}

#[test]
fn hostile_length_is_refused() {
    for source in [
        format!("root = a{}", ".b".repeat(100_000)),
        format!("root = 1{}", " + 1".repeat(100_000)),
        format!("a{} = 1", ".b".repeat(100_000)),
    ] {
        let errors = parse_mapping(&source).errors;
        assert!(errors[0].message.contains("longer than"), "{errors:?}");
    }
    assert!(
        parse_mapping(&format!("root = a{}", "[0]".repeat(MAX_CHAIN)))
            .errors
            .is_empty()
    );
}

#[test]
fn nesting_up_to_the_bound_parses() {
    let depth = MAX_DEPTH - 1;
    let source = format!("root = {}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(complaints(&source), Vec::<String>::new());
}

const WORKING: &[&str] = &[
    "root = this\nroot.a = this.b.c | \"x\"\nmeta foo = @bar.uppercase()",
    "map foo {\n  let x = this.a[1:2]\n  root = if $x > 5 { deleted() } else { x -> x }\n}\nroot = this.apply(\"foo\")",
    "root = match this.kind {\n  \"a\" => {\"k\": [1, 2.5, null]},\n  this.length() > 3 => \"\"\"b\n\"\"\"\n  _ => nothing()\n}",
    "if this.a == 1 {\n  root.b = foo.map_each(i -> i.(x | y))\n} else { meta = {} }",
    "this.fold(0, item -> item.tally + item.value) # sum",
];

proptest! {
    #[test]
    fn any_text_parses_without_panic(text in "\\PC*") {
        parse_mapping(&text);
        let _ = parse_expression(&text);
        parse_interpolation(&text);
    }

    #[test]
    fn any_tokens_parse_without_panic(
        tokens in proptest::collection::vec(proptest::sample::select(vec![
            "root", "this", "meta", "let", "map", "import", "from", "match", "if", "else", "_", "x",
            " ", " ", "\n", "#", "=", "=>", "->", "==", "(", ")", "[", "]", "{", "}", ".", ",", ":",
            "\"", "\"\"\"", "\\", "1", "-", "!", "|", "&&", "$", "@", "${!", "${{!", "}}", "é",
        ]), 0..60)
    ) {
        let text = tokens.concat();
        let parsed = parse_mapping(&text);
        for error in &parsed.errors {
            prop_assert!(text.get(error.span.range()).is_some(), "{error:?} in {text:?}");
        }
        let _ = parse_expression(&text);
        let interpolation = parse_interpolation(&text);
        for error in &interpolation.errors {
            prop_assert!(text.get(error.span.range()).is_some(), "{error:?} in {text:?}");
        }
    }

    #[test]
    fn a_damaged_mapping_parses_without_panic(
        which in 0..WORKING.len(),
        at in any::<prop::sample::Index>(),
        removed in 0usize..6,
        inserted in "[ -~\n]{0,3}",
    ) {
        let source: Vec<char> = WORKING[which].chars().collect();
        let start = at.index(source.len());
        let end = (start + removed).min(source.len());
        let text: String =
            source[..start].iter().chain(&inserted.chars().collect::<Vec<_>>()).chain(&source[end..]).collect();
        for error in parse_mapping(&text).errors {
            prop_assert!(text.get(error.span.range()).is_some(), "{error:?} in {text:?}");
        }
    }
}

#[test]
fn the_mappings_that_are_damaged_above_are_sound() {
    for source in WORKING {
        mapping(source);
    }
}
