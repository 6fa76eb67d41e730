//! Templates, and what Go 1.26 with Sprig 3.3 makes of them and of one document.

/// A template; what it prints, or the error that it ends with.
pub type Case = (&'static str, Result<&'static str, &'static str>);

/// The document that all of them are given, with its numbers as texts, as Bento reads them.
pub const DOCUMENT: &str = "{\"a\":\"text\",\"n\":5,\"f\":1.5,\"z\":0,\"t\":true,\"no\":false,\"null\":null,\"s\":\"Hello, World\",\"e\":\"\",\"l\":[1,\"x\",null,true,[2,3],{\"k\":\"v\"}],\"el\":[],\"m\":{\"b\":2,\"a\":\"one\",\"c\":{\"d\":\"deep\"}},\"em\":{},\"words\":[\"banana\",\"apple\",\"cherry\"],\"items\":[{\"name\":\"foo\",\"value\":1},{\"name\":\"bar\",\"value\":2}],\"big\":12345678901234567890,\"neg\":-3,\"exp\":1e3,\"html\":\"<a href=\\\"x\\\">T&C's</a>\",\"u\":\"héllo wörld\"}";

pub const TEXT_AND_TRIMMING: &[Case] = &[
    ("plain", Ok("plain")),
    ("", Ok("")),
    ("  {{- 1 -}}  x", Ok("1x")),
    ("a {{- /* c */ -}} b", Ok("ab")),
    ("a{{/* c */}}b", Ok("ab")),
    ("{{1}}\n{{- 2}}", Ok("12")),
    ("x  \n {{- 3 -}} \n y", Ok("x3y")),
    ("{{ 1 -}}", Ok("1")),
    ("{{- 1}}", Ok("1")),
    ("a {{-3}} b", Ok("a -3 b")),
    ("a{{ 3 -}}\n\n b{{- 4}}", Ok("a3b4")),
    (r#"{{"a"}}{{`b\n`}}{{'c'}}"#, Ok(r#"ab\n99"#)),
    ("{{/*\nx\n*/}}z", Ok("z")),
    (
        "{ {{ }}{{1}}",
        Err("template: main:1: missing value for command"),
    ),
    ("{{ \"{{\" }}", Ok("{{")),
    ("}}", Ok("}}")),
    ("{{- /* c */}}x", Ok("x")),
    ("a  {{/* c */ -}}  b", Ok("a  b")),
    ("{{`raw\nline`}}", Ok("raw\nline")),
    ("{{\n1\n}}", Ok("1")),
    ("{{1}}}}", Ok("1}}")),
    (r#"{{"\x41\u00e9\101\t|"}}"#, Ok("AéA\t|")),
    ("{{- \"\" -}}", Ok("")),
    ("a\n{{- /* c */ -}}\nb\n", Ok("ab\n")),
    ("{{ 1 | print -}}\n  x", Ok("1x")),
];

pub const LITERALS: &[Case] = &[
    (
        "{{1}} {{-1}} {{+1}} {{0x1F}} {{0b101}} {{0o17}} {{017}} {{1_000}} {{0x_ff}}",
        Ok("1 -1 1 31 5 15 15 1000 255"),
    ),
    (
        "{{1.0}} {{1.5}} {{.5}} {{1.}} {{1e3}} {{1E-2}} {{1e21}} {{1e20}} {{123456789.0}} {{0x1p4}}",
        Ok("1 1.5 0.5 1 1000 0.01 1e+21 1e+20 1.23456789e+08 16"),
    ),
    (
        "{{'a'}} {{'\\n'}} {{'\\u00e9'}} {{'\\x41'}} {{'\\''}} {{'é'}}",
        Ok("97 10 233 65 39 233"),
    ),
    ("{{true}} {{false}}", Ok("true false")),
    ("{{print nil}}", Ok("<nil>")),
    ("{{\"q\\\"x\"}} {{\"\\\\\"}}", Ok("q\"x \\")),
    (
        "{{1e-7}} {{100000.0}} {{1e6}} {{3.0}} {{0.1}} {{-0.0}}",
        Ok("1e-07 100000 1e+06 3 0.1 -0"),
    ),
    ("{{9223372036854775807}}", Ok("9223372036854775807")),
    ("{{-9223372036854775808}}", Ok("-9223372036854775808")),
    (
        "{{9223372036854775808}}",
        Err(
            "template: main:1:2: executing \"main\" at <9223372036854775808>: 9223372036854775808 overflows int",
        ),
    ),
    (
        "{{1.5 | printf \"%T\"}} {{1e3 | printf \"%T\"}} {{1 | printf \"%T\"}} {{'a' | printf \"%T\"}}",
        Ok("float64 float64 int int"),
    ),
    ("{{printf \"%d\" 1e3}}", Ok("%!d(float64=1000)")),
    (
        "{{1 .x}}",
        Err("template: main:1:2: executing \"main\" at <1>: can't give argument to non-function 1"),
    ),
    (
        r#"{{"x".y}}"#,
        Err("template: main:1: unexpected . after term \"\\\"x\\\"\""),
    ),
    (
        "{{nil}}",
        Err("template: main:1:2: executing \"main\" at <nil>: nil is not a command"),
    ),
    (
        "{{nil.x}}",
        Err("template: main:1: unexpected . after term \"nil\""),
    ),
    (
        "{{(nil).x}}",
        Err("template: main:1:3: executing \"main\" at <nil>: nil is not a command"),
    ),
    (
        "{{1.2.3}}",
        Err("template: main:1: unexpected \".3\" in operand"),
    ),
    ("{{08}}", Err("template: main:1: integer overflow: \"08\"")),
    (
        "{{1__0}}",
        Err("template: main:1: illegal number syntax: \"1__0\""),
    ),
    (
        "{{0x}}",
        Err("template: main:1: illegal number syntax: \"0x\""),
    ),
    (
        "{{'ab'}}",
        Err("template: main:1: malformed character constant: 'ab'"),
    ),
    ("{{''}}", Err("template: main:1: invalid syntax")),
    (r#"{{"\q"}}"#, Err("template: main:1: invalid syntax")),
    (
        "{{\"\n\"}}",
        Err("template: main:1: unterminated quoted string"),
    ),
    (
        "{{true.x}}",
        Err("template: main:1: unexpected . after term \"true\""),
    ),
    ("{{\"a\\tb\" | printf \"%q\"}}", Ok(r#""a\tb""#)),
    ("{{0x1.8p1}}", Ok("3")),
    (
        "{{1e400}}",
        Err("template: main:1: illegal number syntax: \"1e400\""),
    ),
    ("{{1_0.5}}", Ok("10.5")),
    ("{{.5e1}}", Ok("5")),
    ("{{until 1e0}}", Ok("[0]")),
    ("{{until 2.0}}", Ok("[0 1]")),
    (
        "{{until 2.5}}",
        Err("template: main:1:8: executing \"main\" at <2.5>: expected integer; found 2.5"),
    ),
    ("{{repeat 'a' \"\"}}", Ok("")),
];

pub const FIELDS: &[Case] = &[
    (
        "{{.}}",
        Ok(
            "map[a:text big:12345678901234567890 e: el:[] em:map[] exp:1e3 f:1.5 html:<a href=\"x\">T&C's</a> items:[map[name:foo value:1] map[name:bar value:2]] l:[1 x <nil> true [2 3] map[k:v]] m:map[a:one b:2 c:map[d:deep]] n:5 neg:-3 no:false null:<nil> s:Hello, World t:true u:héllo wörld words:[banana apple cherry] z:0]",
        ),
    ),
    ("{{.a}}", Ok("text")),
    ("{{.n}}", Ok("5")),
    ("{{.f}}", Ok("1.5")),
    ("{{.missing}}", Ok("<no value>")),
    ("{{.null}}", Ok("<no value>")),
    ("{{.m.c.d}}", Ok("deep")),
    ("{{.m.zz}}", Ok("<no value>")),
    ("{{.missing.x.y}}", Ok("<no value>")),
    (
        "{{.null.x}}",
        Err(
            "template: main:1:7: executing \"main\" at <.null.x>: nil pointer evaluating interface {}.x",
        ),
    ),
    (
        "{{.a.b}}",
        Err(
            "template: main:1:4: executing \"main\" at <.a.b>: can't evaluate field b in type interface {}",
        ),
    ),
    (
        "{{.n.b}}",
        Err(
            "template: main:1:4: executing \"main\" at <.n.b>: can't evaluate field b in type interface {}",
        ),
    ),
    ("{{.l}}", Ok("[1 x <nil> true [2 3] map[k:v]]")),
    ("{{.m}}", Ok("map[a:one b:2 c:map[d:deep]]")),
    ("{{.em}} {{.el}}", Ok("map[] []")),
    (
        "{{.big}} {{.neg}} {{.exp}}",
        Ok("12345678901234567890 -3 1e3"),
    ),
    ("{{.t}} {{.no}}", Ok("true false")),
    (
        "{{$.a}} {{$}}",
        Ok(
            "text map[a:text big:12345678901234567890 e: el:[] em:map[] exp:1e3 f:1.5 html:<a href=\"x\">T&C's</a> items:[map[name:foo value:1] map[name:bar value:2]] l:[1 x <nil> true [2 3] map[k:v]] m:map[a:one b:2 c:map[d:deep]] n:5 neg:-3 no:false null:<nil> s:Hello, World t:true u:héllo wörld words:[banana apple cherry] z:0]",
        ),
    ),
    ("{{(.m).c.d}}", Ok("deep")),
    ("{{(index .l 5).k}}", Ok("v")),
    ("{{.m.c}}", Ok("map[d:deep]")),
    ("{{.a | printf \"%s-%s\" .s}}", Ok("Hello, World-text")),
    (
        "{{.a \"x\"}}",
        Err("template: main:1:2: executing \"main\" at <.a>: a is not a method but has arguments"),
    ),
    (
        "{{.m.a 1}}",
        Err(
            "template: main:1:4: executing \"main\" at <.m.a>: a is not a method but has arguments",
        ),
    ),
    (
        "{{1 | .a}}",
        Err("template: main:1:6: executing \"main\" at <.a>: a is not a method but has arguments"),
    ),
    (
        "{{ .n.String }} {{ .n.Int64 }} {{ .f.Float64 }}",
        Ok("5 5 1.5"),
    ),
    (
        "{{ .f.Int64 }}",
        Err(
            "template: main:1:5: executing \"main\" at <.f.Int64>: error calling Int64: strconv.ParseInt: parsing \"1.5\": invalid syntax",
        ),
    ),
    (
        "{{ .n.Nope }}",
        Err(
            "template: main:1:5: executing \"main\" at <.n.Nope>: can't evaluate field Nope in type interface {}",
        ),
    ),
    (
        "{{ .l.x }}",
        Err(
            "template: main:1:5: executing \"main\" at <.l.x>: can't evaluate field x in type interface {}",
        ),
    ),
    ("{{ (.m.c).d }}", Ok("deep")),
    ("{{ (.null).x }}", Ok("<no value>")),
    (
        "{{ with .a }}{{.b}}{{end}}",
        Err(
            "template: main:1:15: executing \"main\" at <.b>: can't evaluate field b in type string",
        ),
    ),
    (
        "{{ range .l }}{{.k}}{{end}}",
        Err(
            "template: main:1:16: executing \"main\" at <.k>: can't evaluate field k in type interface {}",
        ),
    ),
    ("{{ .missing | print }}", Ok("<nil>")),
    ("{{ print .missing .null }}", Ok("<nil> <nil>")),
    (
        "{{ (print \"x\").y }}",
        Err(
            "template: main:1:10: executing \"main\" at <\"x\">: can't evaluate field y in type string",
        ),
    ),
    (
        "{{ print.x }}",
        Err(
            "template: main:1:3: executing \"main\" at <print>: can't evaluate field x in type string",
        ),
    ),
    ("{{ .u }}", Ok("héllo wörld")),
    ("{{ ._x }}", Ok("<no value>")),
    ("{{ .é }}", Ok("<no value>")),
    (
        "{{ .m.b.c }}",
        Err(
            "template: main:1:5: executing \"main\" at <.m.b.c>: can't evaluate field c in type interface {}",
        ),
    ),
    ("{{ $.m.c.d }}", Ok("deep")),
    ("{{ $x := .m }}{{ $x.c.d }}{{ $x.q }}", Ok("deep<no value>")),
    (
        "{{ .words.x }}",
        Err(
            "template: main:1:9: executing \"main\" at <.words.x>: can't evaluate field x in type interface {}",
        ),
    ),
    (
        "{{ range .words }}{{ .y }}{{ end }}",
        Err(
            "template: main:1:21: executing \"main\" at <.y>: can't evaluate field y in type interface {}",
        ),
    ),
    (
        "{{ range (splitList \",\" \"a,b\") }}{{ .y }}{{ end }}",
        Err(
            "template: main:1:36: executing \"main\" at <.y>: can't evaluate field y in type string",
        ),
    ),
    (
        "{{.t.x}}",
        Err(
            "template: main:1:4: executing \"main\" at <.t.x>: can't evaluate field x in type interface {}",
        ),
    ),
    (
        "{{ (1).x }}",
        Err("template: main:1:4: executing \"main\" at <1>: can't evaluate field x in type int"),
    ),
    (
        "{{ (\"s\").x }}",
        Err(
            "template: main:1:4: executing \"main\" at <\"s\">: can't evaluate field x in type string",
        ),
    ),
    ("{{ . | len }}", Ok("20")),
];

pub const VARIABLES: &[Case] = &[
    ("{{$x := 1}}{{$x}}", Ok("1")),
    ("{{$x := 1}}{{$x = 2}}{{$x}}", Ok("2")),
    ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", Ok("2")),
    (
        "{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}",
        Ok("21"),
    ),
    (
        "{{$x := .a}}{{with .m}}{{$x}}{{$.a}}{{end}}",
        Ok("texttext"),
    ),
    ("{{$x}}", Err("template: main:1: undefined variable \"$x\"")),
    (
        "{{$x := 1}}{{end}}",
        Err("template: main:1: unexpected {{end}}"),
    ),
    ("{{if $x := .n}}{{$x}}{{else}}{{$x}}{{end}}", Ok("5")),
    ("{{with $x := .m}}{{$x.a}}{{end}}", Ok("one")),
    (
        "{{range $i, $e := .words}}{{$i}}={{$e}};{{end}}",
        Ok("0=banana;1=apple;2=cherry;"),
    ),
    (
        "{{range $e := .words}}{{$e}};{{end}}",
        Ok("banana;apple;cherry;"),
    ),
    (
        "{{$i := 0}}{{$e := 0}}{{range $i, $e = .words}}{{end}}{{$i}}{{$e}}",
        Ok("2cherry"),
    ),
    (
        "{{$e := 0}}{{range $e = .words}}{{end}}{{$e}}",
        Ok("cherry"),
    ),
    (
        "{{$x = 1}}",
        Err("template: main:1:7: executing \"main\" at <1>: undefined variable: $x"),
    ),
    ("{{$x := 1}}{{$y := $x}}{{$y}}", Ok("1")),
    ("{{$x := print 1 | print 2}}{{$x}}", Ok("21")),
    (
        "{{$x, $y := 1}}",
        Err("template: main:1: too many declarations in command"),
    ),
    (
        "{{range $x, 1}}{{end}}",
        Err("template: main:1: range can only initialize variables"),
    ),
    (
        "{{if $x := 0}}{{else if $y := 3}}{{$x}}{{$y}}{{end}}",
        Ok("03"),
    ),
    ("{{$x := .null}}{{$x}}", Ok("<no value>")),
    ("{{$x := .missing}}{{$x}}", Ok("<no value>")),
    (
        "{{define \"t\"}}{{$x}}{{end}}",
        Err("template: main:1: undefined variable \"$x\""),
    ),
    (
        "{{$x := 1}}{{define \"t\"}}{{$.a}}{{end}}{{template \"t\" .}}",
        Ok("text"),
    ),
    (
        "{{$v := 1}}{{range .words}}{{$v = add $v 1}}{{end}}{{$v}}",
        Ok("4"),
    ),
    (
        "{{with $a := 1}}{{$a}}{{end}}{{$a}}",
        Err("template: main:1: undefined variable \"$a\""),
    ),
    ("{{$ := 1}}{{$}}", Ok("1")),
    (
        "{{$x := $x}}",
        Err("template: main:1:8: executing \"main\" at <$x>: undefined variable: $x"),
    ),
    (
        "{{range $k, $v := .m}}{{$k}}:{{$v}} {{end}}",
        Ok("a:one b:2 c:map[d:deep] "),
    ),
    ("{{ $a := 1 }}{{ $b := (add $a 2) }}{{ $b }}", Ok("3")),
    ("{{(($x := 5))}}{{$x}}", Ok("55")),
];

pub const CONDITIONS: &[Case] = &[
    ("{{if .t}}y{{end}}", Ok("y")),
    ("{{if .no}}y{{else}}n{{end}}", Ok("n")),
    ("{{if .z}}zero is a text{{end}}", Ok("zero is a text")),
    ("{{if .e}}y{{else if .a}}2{{else}}3{{end}}", Ok("2")),
    ("{{if .e}}1{{else if .no}}2{{else}}3{{end}}", Ok("3")),
    (
        "{{if .el}}y{{else}}n{{end}}{{if .em}}y{{else}}n{{end}}{{if .null}}y{{else}}n{{end}}{{if .missing}}y{{else}}n{{end}}",
        Ok("nnnn"),
    ),
    (
        "{{if 0}}y{{else}}n{{end}}{{if 0.0}}y{{else}}n{{end}}{{if \"\"}}y{{else}}n{{end}}{{if 1}}y{{else}}n{{end}}",
        Ok("nnny"),
    ),
    ("{{with .m}}{{.a}}{{end}}", Ok("one")),
    ("{{with .e}}x{{else}}{{.a}}{{end}}", Ok("text")),
    (
        "{{with .e}}1{{else with .m}}{{.a}}{{else}}3{{end}}",
        Ok("one"),
    ),
    (
        "{{with .e}}1{{else with .el}}2{{else}}{{.a}}{{end}}",
        Ok("text"),
    ),
    ("{{if and .t .a}}y{{end}}", Ok("y")),
    ("{{if or .no .a}}y{{end}}", Ok("y")),
    ("{{if not .no}}y{{end}}", Ok("y")),
    (
        "{{if}}x{{end}}",
        Err("template: main:1: missing value for if"),
    ),
    ("{{if .t}}x", Err("template: main:1: unexpected EOF")),
    (
        "{{if .t}}x{{else}}y{{else}}z{{end}}",
        Err("template: main:1: expected end; found {{else}}"),
    ),
    ("{{else}}", Err("template: main:1: unexpected {{else}}")),
    ("{{end}}", Err("template: main:1: unexpected {{end}}")),
    (
        "{{if .t}}{{else with .m}}{{end}}",
        Err("template: main:1: unexpected <with> in input"),
    ),
    (
        "{{with .m}}{{else if .a}}{{end}}",
        Err("template: main:1: unexpected <if> in input"),
    ),
    (
        "{{if .t}}{{end}}{{end}}",
        Err("template: main:1: unexpected {{end}}"),
    ),
    ("{{with $x := .a}}{{$x}}{{.}}{{end}}", Ok("texttext")),
    ("{{ if eq .a \"text\" }}same{{ end }}", Ok("same")),
    ("{{if .t}}{{/* c */}}{{end}}x", Ok("x")),
    ("{{ if (and .t (not .no)) }}ok{{ end }}", Ok("ok")),
];

pub const RANGES: &[Case] = &[
    ("{{range .words}}{{.}},{{end}}", Ok("banana,apple,cherry,")),
    ("{{range .el}}x{{else}}none{{end}}", Ok("none")),
    ("{{range .m}}{{.}};{{end}}", Ok("one;2;map[d:deep];")),
    ("{{range 3}}{{.}}{{end}}", Ok("012")),
    ("{{range $i := 3}}{{$i}}{{end}}", Ok("012")),
    (
        "{{range $i, $x := 3}}{{end}}",
        Err(
            "template: main:1:18: executing \"main\" at <3>: can't use 3 to iterate over more than one variable",
        ),
    ),
    ("{{range .missing}}x{{else}}none{{end}}", Ok("none")),
    ("{{range .null}}x{{else}}none{{end}}", Ok("none")),
    (
        "{{range .a}}x{{end}}",
        Err("template: main:1:8: executing \"main\" at <.a>: range can't iterate over text"),
    ),
    (
        "{{range .n}}x{{end}}",
        Err("template: main:1:8: executing \"main\" at <.n>: range can't iterate over 5"),
    ),
    (
        "{{range .words}}{{if eq . \"apple\"}}{{break}}{{end}}{{.}}{{end}}",
        Ok("banana"),
    ),
    (
        "{{range .words}}{{if eq . \"apple\"}}{{continue}}{{end}}{{.}};{{end}}",
        Ok("banana;cherry;"),
    ),
    (
        "{{break}}",
        Err("template: main:1: {{break}} outside {{range}}"),
    ),
    (
        "{{continue}}",
        Err("template: main:1: {{continue}} outside {{range}}"),
    ),
    (
        "{{range .words}}{{range 3}}{{if eq . 1}}{{break}}{{end}}{{.}}{{end}};{{end}}",
        Ok("0;0;0;"),
    ),
    (
        "{{range .words}}{{range 3}}{{if eq . 1}}{{continue}}{{end}}{{.}}{{end}};{{end}}",
        Ok("02;02;02;"),
    ),
    (
        "{{range .items}}{{.name}}={{.value}} {{end}}",
        Ok("foo=1 bar=2 "),
    ),
    ("{{range $i, $_ := .items}}{{$i}}{{end}}", Ok("01")),
    ("{{range until 3}}{{.}}{{end}}", Ok("012")),
    ("{{range (int64 2)}}{{.}}{{end}}", Ok("01")),
    ("{{range -1}}x{{else}}neg{{end}}", Ok("neg")),
    ("{{range 0}}x{{else}}zero{{end}}", Ok("zero")),
    (
        "{{range .l}}[{{.}}]{{end}}",
        Ok("[1][x][<no value>][true][[2 3]][map[k:v]]"),
    ),
    (
        "{{range $k, $v := dict \"b\" 1 \"a\" 2}}{{$k}}{{$v}}{{end}}",
        Ok("a2b1"),
    ),
    (
        "{{range .words}}{{$x := .}}{{end}}{{range .words}}{{$.a}}{{end}}",
        Ok("texttexttext"),
    ),
    (
        "{{range 1.5}}{{end}}",
        Err("template: main:1:8: executing \"main\" at <1.5>: range can't iterate over 1.5"),
    ),
    (
        "{{range true}}{{end}}",
        Err("template: main:1:8: executing \"main\" at <true>: range can't iterate over true"),
    ),
    (
        "{{range .words}}{{with .}}{{break}}{{end}}{{end}}ok",
        Ok("ok"),
    ),
    ("{{range split \",\" \"a,b\"}}{{.}}{{end}}", Ok("ab")),
    (
        "{{range .words}}{{break 1}}{{end}}",
        Err("template: main:1: unexpected \"1\" in {{break}}"),
    ),
    (
        "{{range .words}}{{else}}{{break}}{{end}}",
        Err("template: main:1: {{break}} outside {{range}}"),
    ),
    (
        "{{range .words}}a{{range .nope}}{{else}}{{break}}{{end}}b{{end}}",
        Err(
            "template: main:1:25: executing \"main\" at <.nope>: can't evaluate field nope in type interface {}",
        ),
    ),
    (
        "{{range .words}}a{{range .nope}}{{else}}{{continue}}{{end}}b{{end}}",
        Err(
            "template: main:1:25: executing \"main\" at <.nope>: can't evaluate field nope in type interface {}",
        ),
    ),
    (
        "{{range $i, $e := .words}}{{if $i}}, {{end}}{{$e}}{{end}}",
        Ok("banana, apple, cherry"),
    ),
];

pub const TEMPLATES: &[Case] = &[
    (
        "{{define \"t\"}}T{{.}}{{end}}{{template \"t\" .a}}",
        Ok("Ttext"),
    ),
    (
        "{{define \"t\"}}T{{.}}{{end}}{{template \"t\"}}",
        Ok("T<no value>"),
    ),
    (
        "{{template \"none\"}}",
        Err(
            "template: main:1:11: executing \"main\" at <{{template \"none\"}}>: template \"none\" not defined",
        ),
    ),
    (
        "{{template \"none\" .}}",
        Err(
            "template: main:1:11: executing \"main\" at <{{template \"none\" .}}>: template \"none\" not defined",
        ),
    ),
    ("{{block \"b\" .a}}B{{.}}{{end}}", Ok("Btext")),
    (
        "{{define \"a\"}}1{{end}}{{define \"a\"}}2{{end}}",
        Err("template: main:1: template: multiple definition of template \"a\""),
    ),
    (
        "{{define \"a\"}} {{end}}{{define \"a\"}}2{{end}}{{template \"a\"}}",
        Ok("2"),
    ),
    (
        "{{define \"r\"}}{{if gt (len .) 0}}{{first .}}{{template \"r\" (rest .)}}{{end}}{{end}}{{template \"r\" .words}}",
        Ok("bananaapplecherry"),
    ),
    ("{{define `raw`}}x{{end}}{{template `raw`}}", Ok("x")),
    (
        "{{define t}}{{end}}",
        Err("template: main:1: unexpected \"t\" in define clause"),
    ),
    (
        "{{template t}}",
        Err("template: main:1: unexpected \"t\" in template clause"),
    ),
    (
        "{{define \"x\"}}{{.zz}}{{.a.b}}{{end}}{{template \"x\" .}}",
        Err(
            "template: main:1:25: executing \"x\" at <.a.b>: can't evaluate field b in type interface {}",
        ),
    ),
    (
        "{{template \"t\" .a}}{{define \"t\"}}({{.}}){{end}}",
        Ok("(text)"),
    ),
    ("{{define \"t\"}}", Err("template: main:1: unexpected EOF")),
    (
        "{{if true}}{{define \"t\"}}{{end}}{{end}}",
        Err("template: main:1: unexpected <define> in command"),
    ),
    (
        "{{define \"t\"}}{{else}}{{end}}",
        Err("template: main:1: unexpected {{else}} in define clause"),
    ),
    (
        "{{block \"b\"}}{{end}}",
        Err("template: main:1: missing value for block clause"),
    ),
    (
        "{{template \"t\" 1 2}}{{define \"t\"}}{{.}}{{end}}",
        Err(
            "template: main:1:15: executing \"main\" at <1>: can't give argument to non-function 1",
        ),
    ),
    (
        "{{define \"t\"}}{{block \"u\" .}}<{{.}}>{{end}}{{end}}{{template \"t\" 1}}{{template \"u\" 2}}",
        Ok("<1><2>"),
    ),
    ("{{define \"main\"}}x{{end}}", Ok("x")),
    (
        "{{define \"main\"}}x{{end}}y",
        Err("template: main:1: template: multiple definition of template \"main\""),
    ),
    (
        "{{template \"t\" print \"a\" | upper}}{{define \"t\"}}{{.}}{{end}}",
        Ok("A"),
    ),
    (
        "{{$x := 1}}{{template \"t\" $x}}{{define \"t\"}}{{$}}{{end}}",
        Ok("1"),
    ),
    (
        "line1\n{{template \"t\" .}}\n{{define \"t\"}}\n  {{.a.b}}{{end}}",
        Err(
            "template: main:4:6: executing \"t\" at <.a.b>: can't evaluate field b in type interface {}",
        ),
    ),
];

pub const PIPELINES: &[Case] = &[
    ("{{.a | upper}}", Ok("TEXT")),
    ("{{.a | upper | lower | title}}", Ok("Text")),
    ("{{\"x\" | printf \"%s-%s\" \"y\"}}", Ok("y-x")),
    ("{{print 1 2 \"a\" \"b\" 3 4}}", Ok("1 2ab3 4")),
    (
        "{{print}}|{{println}}|{{println 1 \"a\" 2}}",
        Ok("|\n|1 a 2\n"),
    ),
    ("{{(print \"a\") | upper}}", Ok("A")),
    ("{{upper (lower \"AbC\")}}", Ok("ABC")),
    (
        "{{ 1 | 2 }}",
        Err("template: main:1: non executable command in pipeline stage 2"),
    ),
    (
        "{{ 1 | .a }}",
        Err("template: main:1:7: executing \"main\" at <.a>: a is not a method but has arguments"),
    ),
    (
        "{{ .a | nil }}",
        Err("template: main:1: non executable command in pipeline stage 2"),
    ),
    (
        "{{ | upper }}",
        Err("template: main:1: unexpected \"|\" in command"),
    ),
    (
        "{{ upper | }}",
        Err(
            "template: main:1:3: executing \"main\" at <upper>: wrong number of args for upper: want 1 got 0",
        ),
    ),
    ("{{ upper .a | }}", Ok("TEXT")),
    (
        "{{upper}}",
        Err(
            "template: main:1:2: executing \"main\" at <upper>: wrong number of args for upper: want 1 got 0",
        ),
    ),
    (
        "{{upper 1}}",
        Err("template: main:1:8: executing \"main\" at <1>: expected string; found 1"),
    ),
    (
        "{{upper .n}}",
        Err(
            "template: main:1:8: executing \"main\" at <.n>: wrong type for value; expected string; got json.Number",
        ),
    ),
    (
        "{{upper .missing}}",
        Err("template: main:1:8: executing \"main\" at <.missing>: invalid value; expected string"),
    ),
    (
        "{{upper .null}}",
        Err(
            "template: main:1:8: executing \"main\" at <.null>: wrong type for value; expected string; got interface {}",
        ),
    ),
    (
        "{{upper nil}}",
        Err("template: main:1:8: executing \"main\" at <nil>: cannot assign nil to string"),
    ),
    (
        "{{upper .a .s}}",
        Err(
            "template: main:1:2: executing \"main\" at <upper>: wrong number of args for upper: want 1 got 2",
        ),
    ),
    (
        "{{repeat .n \"x\"}}",
        Err(
            "template: main:1:9: executing \"main\" at <.n>: wrong type for value; expected int; got json.Number",
        ),
    ),
    ("{{repeat (int .n) \"x\"}}", Ok("xxxxx")),
    (
        "{{until (add1 2)}}",
        Err(
            "template: main:1:14: executing \"main\" at <2>: wrong type for value; expected int; got int64",
        ),
    ),
    ("{{add}} {{add 1}} {{add 1 2 3}}", Ok("0 1 6")),
    (
        "{{sub 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <sub>: wrong number of args for sub: want 2 got 1",
        ),
    ),
    (
        "{{mul}}",
        Err(
            "template: main:1:2: executing \"main\" at <mul>: wrong number of args for mul: want at least 1 got 0",
        ),
    ),
    (
        "{{nope 1}}",
        Err("template: main:1: function \"nope\" not defined"),
    ),
    (
        "{{ printf }}",
        Err(
            "template: main:1:3: executing \"main\" at <printf>: wrong number of args for printf: want at least 1 got 0",
        ),
    ),
    (
        "{{ printf 1 }}",
        Err("template: main:1:10: executing \"main\" at <1>: expected string; found 1"),
    ),
    ("{{(1)}}", Ok("1")),
    (
        "{{()}}",
        Err("template: main:1: missing value for parenthesized pipeline"),
    ),
    (
        "{{(1 2)}}",
        Err("template: main:1:3: executing \"main\" at <1>: can't give argument to non-function 1"),
    ),
    (
        "{{1 2}}",
        Err("template: main:1:2: executing \"main\" at <1>: can't give argument to non-function 1"),
    ),
    (
        "{{.a (1)}}",
        Err("template: main:1:2: executing \"main\" at <.a>: a is not a method but has arguments"),
    ),
    ("{{ true | not }}", Ok("false")),
    ("{{ \"a\" | print \"b\" | print \"c\" }}", Ok("cba")),
    (
        "{{ ( .a | upper ) | printf \"%s%d\" }}",
        Ok("TEXT%!d(MISSING)"),
    ),
    ("{{ printf \"%v\" (list 1 2) }}", Ok("[1 2]")),
    ("{{ .a|upper }}", Ok("TEXT")),
    ("{{.a|upper|len}}", Ok("4")),
    ("{{ get . \"a\" }}", Ok("text")),
    (
        "{{ get .words \"a\" }}",
        Err(
            "template: main:1:7: executing \"main\" at <.words>: wrong type for value; expected map[string]interface {}; got []interface {}",
        ),
    ),
    ("{{ get .missing \"a\" }}x", Ok("x")),
    ("{{ ternary 1 2 .t }}", Ok("1")),
    (
        "{{ ternary 1 2 .n }}",
        Err(
            "template: main:1:15: executing \"main\" at <.n>: wrong type for value; expected bool; got json.Number",
        ),
    ),
    (
        "{{ ternary 1 2 \"x\" }}",
        Err("template: main:1:15: executing \"main\" at <\"x\">: expected bool; found \"x\""),
    ),
    (
        "{{ set nil \"a\" 1 }}",
        Err(
            "template: main:1:3: executing \"main\" at <set nil \"a\" 1>: error calling set: assignment to entry in nil map",
        ),
    ),
    ("{{)}}", Err("template: main:1: unexpected right paren")),
    ("{{(1}}", Err("template: main:1: unclosed left paren")),
    (
        "{{ 1 }",
        Err("template: main:1: unexpected \"}\" in operand"),
    ),
    ("{{ $", Err("template: main:1: unclosed action")),
    (
        "{{ 'a }}",
        Err("template: main:1: unterminated character constant"),
    ),
    (
        "{{ \"a }}",
        Err("template: main:1: unterminated quoted string"),
    ),
    (
        "{{ `a }}",
        Err("template: main:1: unterminated raw quoted string"),
    ),
    (
        "{{ /* }}",
        Err("template: main:1: unexpected \"/\" in command"),
    ),
    (
        "{{ /* x */ }}",
        Err("template: main:1: unexpected \"/\" in command"),
    ),
    (
        "{{ a:b }}",
        Err("template: main:1: function \"a\" not defined"),
    ),
    (
        "{{ # }}",
        Err("template: main:1: unexpected \"#\" in command"),
    ),
    (
        "{{ 1, 2 }}",
        Err("template: main:1: unexpected \",\" in operand"),
    ),
    (
        "{{ .a.}}",
        Err("template: main:1: unexpected <.> in operand"),
    ),
    (
        "{{ .a! }}",
        Err("template: main:1: bad character U+0021 '!'"),
    ),
    (
        "{{ x! }}",
        Err("template: main:1: bad character U+0021 '!'"),
    ),
    (
        "{{ 3x }}",
        Err("template: main:1: bad number syntax: \"3x\""),
    ),
    (
        "{{ « }}",
        Err("template: main:1: unrecognized character in action: U+00AB '«'"),
    ),
    (
        "{{ define }}",
        Err("template: main:1: unexpected \"}}\" in define clause"),
    ),
    ("{{ if }}", Err("template: main:1: missing value for if")),
    (
        "{{ call .a }}",
        Err(
            "template: main:1:3: executing \"main\" at <call .a>: error calling call: non-function .a of type string",
        ),
    ),
    (
        "{{ call nil }}",
        Err(
            "template: main:1:3: executing \"main\" at <call nil>: error calling call: call of nil",
        ),
    ),
    (
        "{{ call }}",
        Err(
            "template: main:1:3: executing \"main\" at <call>: wrong number of args for call: want at least 1 got 0",
        ),
    ),
    (
        "{{ call 1 2 }}",
        Err(
            "template: main:1:3: executing \"main\" at <call 1 2>: error calling call: non-function 1 of type int",
        ),
    ),
    (
        "{{ .a := 1 }}",
        Err("template: main:1: unexpected \":=\" in operand"),
    ),
    (
        "{{ := 1 }}",
        Err("template: main:1: unexpected \":=\" in command"),
    ),
    (
        "{{ $x := }}",
        Err("template: main:1: missing value for command"),
    ),
    (
        "{{ $x 1 }}",
        Err("template: main:1: undefined variable \"$x\""),
    ),
    (
        "{{fail \"no\"}}",
        Err("template: main:1:2: executing \"main\" at <fail \"no\">: error calling fail: no"),
    ),
    (
        "{{ \"no\" | fail }}",
        Err("template: main:1:10: executing \"main\" at <fail>: error calling fail: no"),
    ),
    (
        "a\nb {{ fail \"x\" }}",
        Err("template: main:2:5: executing \"main\" at <fail \"x\">: error calling fail: x"),
    ),
    (
        "{{ div 1 0 }}",
        Err(
            "template: main:1:3: executing \"main\" at <div 1 0>: error calling div: runtime error: integer divide by zero",
        ),
    ),
    (
        "{{ mod 1 0 }}",
        Err(
            "template: main:1:3: executing \"main\" at <mod 1 0>: error calling mod: runtime error: integer divide by zero",
        ),
    ),
    (
        "{{html .html}}",
        Ok("&lt;a href=&#34;x&#34;&gt;T&amp;C&#39;s&lt;/a&gt;"),
    ),
    (
        "{{js .html}}",
        Ok("\\u003Ca href\\u003D\\\"x\\\"\\u003ET\\u0026C\\'s\\u003C/a\\u003E"),
    ),
    (
        "{{urlquery .html}}",
        Ok("%3Ca+href%3D%22x%22%3ET%26C%27s%3C%2Fa%3E"),
    ),
    ("{{urlquery \"a b\" 1}}", Ok("a+b1")),
    (
        "{{html 1 nil .null}}",
        Ok("1&lt;no value&gt;&lt;no value&gt;"),
    ),
    ("{{js \"\u{2028}é\\x01\"}}", Ok(r#"\u2028é\u0001"#)),
    ("{{len .a}} {{len .l}} {{len .m}} {{len .n}}", Ok("4 6 3 1")),
    (
        "{{len 3}}",
        Err(
            "template: main:1:2: executing \"main\" at <len 3>: error calling len: len of type int",
        ),
    ),
    (
        "{{len .null}}",
        Err(
            "template: main:1:2: executing \"main\" at <len .null>: error calling len: len of nil pointer",
        ),
    ),
    (
        "{{len nil}}",
        Err(
            "template: main:1:2: executing \"main\" at <len nil>: error calling len: reflect: call of reflect.Value.Type on zero Value",
        ),
    ),
    (
        "{{len .missing}}",
        Err(
            "template: main:1:2: executing \"main\" at <len .missing>: error calling len: reflect: call of reflect.Value.Type on zero Value",
        ),
    ),
    (
        "{{index .l 1}} {{index .m \"a\"}} {{index .l 4 1}} {{index .a 0}}",
        Ok("x one 3 116"),
    ),
    (
        "{{index .l 9}}",
        Err(
            "template: main:1:2: executing \"main\" at <index .l 9>: error calling index: index out of range: 9",
        ),
    ),
    (
        "{{index .l 6}}",
        Err(
            "template: main:1:2: executing \"main\" at <index .l 6>: error calling index: reflect: slice index out of range",
        ),
    ),
    (
        "{{index .l -1}}",
        Err(
            "template: main:1:2: executing \"main\" at <index .l -1>: error calling index: index out of range: -1",
        ),
    ),
    (
        "{{index .l \"a\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <index .l \"a\">: error calling index: cannot index slice/array with type string",
        ),
    ),
    (
        "{{index .m 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <index .m 1>: error calling index: value has type int; should be string",
        ),
    ),
    ("{{index .m \"zz\"}}", Ok("<no value>")),
    (
        "{{index .m nil}}",
        Err(
            "template: main:1:2: executing \"main\" at <index .m nil>: error calling index: value is nil; should be of type string",
        ),
    ),
    (
        "{{index nil 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <index nil 1>: error calling index: index of untyped nil",
        ),
    ),
    (
        "{{index .l nil}}",
        Err(
            "template: main:1:2: executing \"main\" at <index .l nil>: error calling index: cannot index slice/array with nil",
        ),
    ),
    (
        "{{index 1 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <index 1 1>: error calling index: can't index item of type int",
        ),
    ),
    ("{{index .m \"c\" \"d\"}}", Ok("deep")),
    ("{{index .words 1}}", Ok("apple")),
    (
        "{{index .l .n}}",
        Err(
            "template: main:1:2: executing \"main\" at <index .l .n>: error calling index: cannot index slice/array with type json.Number",
        ),
    ),
    ("{{index .l (int .n)}}", Ok("map[k:v]")),
    ("{{index (split \",\" \"a\") \"zz\"}}|", Ok("|")),
    ("{{index .l}}", Ok("[1 x <nil> true [2 3] map[k:v]]")),
    (
        "{{slice .words 1}} {{slice .words 0 2}} {{slice .words 1 2}}",
        Ok("[apple cherry] [banana apple] [apple]"),
    ),
    (
        "{{slice .words 1 9}}",
        Err(
            "template: main:1:2: executing \"main\" at <slice .words 1 9>: error calling slice: reflect.Value.Slice: slice index out of bounds",
        ),
    ),
    (
        "{{slice .a 1 2}}",
        Err(
            "template: main:1:2: executing \"main\" at <slice .a 1 2>: error calling slice: list should be type of slice or array but string",
        ),
    ),
    ("{{slice .el}}", Ok("<no value>")),
    ("{{ print (list) nil 1.0 }}", Ok("[] <nil> 1")),
    (
        "{{and 1 0 2}} {{and 1 2}} {{or 0 \"\" 3}} {{or 0 \"\"}} {{and}}",
        Err(
            "template: main:1:54: executing \"main\" at <and>: wrong number of args for and: want at least 1 got 0",
        ),
    ),
    (
        "{{or}}",
        Err(
            "template: main:1:2: executing \"main\" at <or>: wrong number of args for or: want at least 1 got 0",
        ),
    ),
    ("{{and 0 (fail \"x\")}}{{or 1 (fail \"y\")}}", Ok("01")),
    (
        "{{ 5 | and 1 }} {{ 0 | or \"x\" }} {{ 0 | and 1}}",
        Ok("5 x 0"),
    ),
    (
        "{{not 1}} {{not 0}} {{not \"\"}} {{not nil}} {{not .missing}}",
        Ok("false true true true true"),
    ),
];

pub const COMPARISONS: &[Case] = &[
    (
        "{{eq 1 1}} {{eq 1 2}} {{eq 1 2 1}} {{eq \"a\" \"a\"}} {{eq 1.5 1.5}} {{eq true true}}",
        Ok("true false true true true true"),
    ),
    (
        "{{eq 1 1.0}}",
        Err(
            "template: main:1:2: executing \"main\" at <eq 1 1.0>: error calling eq: incompatible types for comparison: int and float64",
        ),
    ),
    (
        "{{eq 1 \"1\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <eq 1 \"1\">: error calling eq: incompatible types for comparison: int and string",
        ),
    ),
    (
        "{{eq .n 5}}",
        Err(
            "template: main:1:2: executing \"main\" at <eq .n 5>: error calling eq: incompatible types for comparison: json.Number and int",
        ),
    ),
    ("{{eq .n \"5\"}}", Ok("true")),
    ("{{eq (int .n) 5}}", Ok("true")),
    ("{{eq (int64 5) 5}}", Ok("true")),
    ("{{eq nil nil}}", Ok("true")),
    ("{{eq .null nil}}", Ok("true")),
    ("{{eq .missing nil}}", Ok("true")),
    ("{{eq .a nil}}", Ok("false")),
    ("{{eq .m nil}}", Ok("false")),
    (
        "{{eq .m .m}}",
        Err(
            "template: main:1:2: executing \"main\" at <eq .m .m>: error calling eq: non-comparable type map[a:one b:2 c:map[d:deep]]: map[string]interface {}",
        ),
    ),
    (
        "{{eq .l .l}}",
        Err(
            "template: main:1:2: executing \"main\" at <eq .l .l>: error calling eq: non-comparable type [1 x <nil> %!s(bool=true) [2 3] map[k:v]]: []interface {}",
        ),
    ),
    (
        "{{eq .m .l}}",
        Err(
            "template: main:1:2: executing \"main\" at <eq .m .l>: error calling eq: non-comparable types map[a:one b:2 c:map[d:deep]]: map[string]interface {}, []interface {}: [1 x <nil> true [2 3] map[k:v]]",
        ),
    ),
    (
        "{{eq 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <eq 1>: error calling eq: missing argument for comparison",
        ),
    ),
    (
        "{{eq}}",
        Err(
            "template: main:1:2: executing \"main\" at <eq>: wrong number of args for eq: want at least 1 got 0",
        ),
    ),
    ("{{ne 1 2}} {{ne 1 1}}", Ok("true false")),
    (
        "{{lt 1 2}} {{lt 2 1}} {{lt \"a\" \"b\"}} {{lt 1.5 2.5}}",
        Ok("true false true true"),
    ),
    (
        "{{le 1 1}} {{gt 2 1}} {{ge 1 1}} {{ge 1 2}} {{gt 1 1}}",
        Ok("true true true false false"),
    ),
    (
        "{{lt true false}}",
        Err(
            "template: main:1:2: executing \"main\" at <lt true false>: error calling lt: invalid type for comparison",
        ),
    ),
    (
        "{{lt 1 1.5}}",
        Err(
            "template: main:1:2: executing \"main\" at <lt 1 1.5>: error calling lt: incompatible types for comparison: int and float64",
        ),
    ),
    (
        "{{lt .m .m}}",
        Err(
            "template: main:1:2: executing \"main\" at <lt .m .m>: error calling lt: invalid type for comparison",
        ),
    ),
    (
        "{{lt nil 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <lt nil 1>: error calling lt: invalid type for comparison",
        ),
    ),
    ("{{lt .n .f}}", Ok("false")),
    ("{{lt .a .s}}", Ok("false")),
    (
        "{{gt .n 3}}",
        Err(
            "template: main:1:2: executing \"main\" at <gt .n 3>: error calling gt: incompatible types for comparison: json.Number and int",
        ),
    ),
    ("{{gt (int .n) 3}}", Ok("true")),
    ("{{gt (float64 .f) 1.0}}", Ok("true")),
    ("{{eq .t true}} {{eq .no false}}", Ok("true true")),
    ("{{eq .a .a .s}}", Ok("true")),
    ("{{eq (index .a 0) 116}}", Ok("true")),
    ("{{lt (index .a 0) 200}}", Ok("true")),
    ("{{eq 1 nil}}", Ok("false")),
    ("{{ne nil 1}}", Ok("true")),
    ("{{ eq (list) nil }}", Ok("false")),
    (
        "{{ eq (toDate \"2006\" \"2020\") (toDate \"2006\" \"2020\") }}",
        Ok("true"),
    ),
    (
        "{{ eq true 1 }}",
        Err(
            "template: main:1:3: executing \"main\" at <eq true 1>: error calling eq: incompatible types for comparison: bool and int",
        ),
    ),
    ("{{ lt \"10\" \"9\" }}", Ok("true")),
];

pub const PRINTF: &[Case] = &[
    (
        "{{printf \"%d %5d|%-5d|%05d %x %X %o %b %c %U %q\" 42 42 42 42 42 42 42 42 65 65 65}}",
        Ok("42    42|42   |00042 2a 2A 52 101010 A U+0041 'A'"),
    ),
    (
        "{{printf \"%f %.2f %8.3f|%e %g %G\" 1.5 1.5 1.5 1.5 1.5 1e21}}",
        Ok("1.500000 1.50    1.500|1.500000e+00 1.5 1E+21"),
    ),
    (
        "{{printf \"%s %10s|%-10s|%.2s %q %x\" \"ab\" \"ab\" \"ab\" \"abc\" \"a\\\"b\" \"ab\"}}",
        Ok("ab         ab|ab        |ab \"a\\\"b\" 6162"),
    ),
    ("{{printf \"%t %v\" true false}}", Ok("true false")),
    (
        "{{printf \"%v %v %v %v\" 1 \"a\" nil .l}}",
        Ok("1 a <nil> [1 x <nil> true [2 3] map[k:v]]"),
    ),
    ("{{printf \"%d\" \"x\"}}", Ok("%!d(string=x)")),
    ("{{printf \"%s\" 1}}", Ok("%!s(int=1)")),
    (
        "{{printf \"%d\" .n}} {{printf \"%s\" .n}} {{printf \"%v\" .n}} {{printf \"%q\" .n}}",
        Ok("%!d(json.Number=5) 5 5 \"5\""),
    ),
    ("{{printf \"%d\"}}", Ok("%!d(MISSING)")),
    (
        "{{printf \"a\" 1 \"x\" nil}}",
        Ok("a%!(EXTRA int=1, string=x, <nil>)"),
    ),
    ("{{printf \"%z\" 1}}", Ok("%!z(int=1)")),
    ("{{printf \"%\"}}", Ok("%!(NOVERB)")),
    ("{{printf \"%%\"}}", Ok("%")),
    ("{{printf \"%[2]d %[1]d\" 1 2}}", Ok("2 1")),
    ("{{printf \"%[3]d\" 1}}", Ok("%!d(BADINDEX)")),
    ("{{printf \"%*d|%-*d|\" 5 1 5 2}}", Ok("    1|2    |")),
    ("{{printf \"%.*f\" 2 1.2345}}", Ok("1.23")),
    (
        "{{printf \"%T %T %T %T %T %T %T\" 1 \"a\" 1.5 nil .n .l .m}}",
        Ok("int string float64 <nil> json.Number []interface {} map[string]interface {}"),
    ),
    ("{{printf \"%v\" .m}}", Ok("map[a:one b:2 c:map[d:deep]]")),
    (
        "{{printf \"%s\" .l}}",
        Ok("[1 x <nil> %!s(bool=true) [2 3] map[k:v]]"),
    ),
    ("{{printf \"%d\" (list 1 2)}}", Ok("[1 2]")),
    (
        "{{printf \"%q\" .words}}",
        Ok("[\"banana\" \"apple\" \"cherry\"]"),
    ),
    ("{{printf \"%5v|\" .words}}", Ok("[banana apple cherry]|")),
    (
        "{{printf \"%#v\" \"a\"}} {{printf \"%#v\" 1}} {{printf \"%#v\" 1.0}} {{printf \"%#v\" .words}} {{printf \"%#v\" .m}} {{printf \"%#v\" .l}}",
        Ok(
            "\"a\" 1 1 []interface {}{\"banana\", \"apple\", \"cherry\"} map[string]interface {}{\"a\":\"one\", \"b\":\"2\", \"c\":map[string]interface {}{\"d\":\"deep\"}} []interface {}{\"1\", \"x\", interface {}(nil), true, []interface {}{\"2\", \"3\"}, map[string]interface {}{\"k\":\"v\"}}",
        ),
    ),
    ("{{printf \"%+d % d\" 5 5}}", Ok("+5  5")),
    (
        "{{printf \"%x\" \"héllo\"}} {{printf \"% x\" \"abc\"}} {{printf \"%#x\" \"abc\"}} {{printf \"% #X\" \"abc\"}}",
        Ok("68c3a96c6c6f 61 62 63 0x616263 0X61 0X62 0X63"),
    ),
    (
        "{{printf \"%08.3f|%+.1e\" 3.14159 12345.678}}",
        Ok("0003.142|+1.2e+04"),
    ),
    ("{{printf \"%5t|%-7t|\" true false}}", Ok(" true|false  |")),
    ("{{printf \"%v %s\" .null .null}}", Ok("<nil> %!s(<nil>)")),
    ("{{printf \"%v\" .missing}}", Ok("<nil>")),
    ("{{printf \"%s\" nil}}", Ok("%!s(<nil>)")),
    ("{{printf \"%d\" nil}}", Ok("%!d(<nil>)")),
    ("{{printf \"%6.2f%%\" 12.3456}}", Ok(" 12.35%")),
    (
        "{{printf \"%v\" 1e21}} {{printf \"%v\" 1e20}} {{printf \"%g\" 100000.0}} {{printf \"%g\" 1e6}}",
        Ok("1e+21 1e+20 100000 1e+06"),
    ),
    ("{{printf \"%s\" (list \"a\" 1)}}", Ok("[a %!s(int=1)]")),
    (
        "{{printf \"%v\" (now.Month | printf \"%T\")}}",
        Ok("time.Month"),
    ),
    ("{{printf \"%c%c\" 'a' 0x4e16}}", Ok("a世")),
    (
        "{{printf \"%q\" 'x'}} {{printf \"%#q\" \"a\"}}",
        Ok("'x' `a`"),
    ),
    (
        "{{printf \"%x\" 255}} {{printf \"%#x\" 255}} {{printf \"%x\" -1}}",
        Ok("ff 0xff -1"),
    ),
    ("{{printf \"%3c|%-3c|\" 65 66}}", Ok("  A|B  |")),
    ("{{printf \"%!d\" 1}}", Ok("%!!(int=1)d")),
    ("{{printf \"%s %s\" \"a\"}}", Ok("a %!s(MISSING)")),
    ("{{printf \"%08d|%+08d\" -42 42}}", Ok("-0000042|+0000042")),
    ("{{printf \"%.3s|%.0s|\" \"héllo\" \"x\"}}", Ok("hél||")),
    (
        "{{printf \"%v\" (dict \"x\" (list nil 1.5))}}",
        Ok("map[x:[<nil> 1.5]]"),
    ),
    ("{{printf \"%t\" 1}}", Ok("%!t(int=1)")),
    ("{{printf \"%f\" 1}}", Ok("%!f(int=1)")),
    ("{{printf \"%e\" \"a\"}}", Ok("%!e(string=a)")),
    (
        "{{printf \"%20.5v|\" 3.14159265}}",
        Ok("              3.1416|"),
    ),
    ("{{printf \"%-8q|\" \"ab\"}}", Ok("\"ab\"    |")),
    (
        "{{printf \"%s|%10.3s|\" \"x\" \"abcdef\"}}",
        Ok("x|       abc|"),
    ),
    ("{{printf \"%[1]s %[1]q\" \"a\"}}", Ok("a \"a\"")),
    ("{{printf \"%[5]\" 1}}", Ok("%!(NOVERB)")),
    ("{{printf \"%[x]d\" 1}}", Ok("%!d(BADINDEX)")),
];

pub const STRINGS: &[Case] = &[
    ("{{trim \"  a \\n\"}}|", Ok("a|")),
    (
        "{{trimAll \"$\" \"$5.00$\"}} {{trimall \"$\" \"$5$\"}} {{trimAll \"\" \"a\"}}",
        Ok("5.00 5 a"),
    ),
    (
        "{{trimSuffix \"-\" \"hello-\"}} {{trimPrefix \"-\" \"-hello\"}} {{trimPrefix \"x\" \"a\"}}",
        Ok("hello hello a"),
    ),
    (
        "{{upper \"héllo ß\"}} {{lower \"HÉLLO\"}} {{title \"hello wORLD foo-bar x_y 3d it's\"}} {{untitle \"Hello World\"}}",
        Ok("HÉLLO ß héllo Hello WORLD Foo-Bar X_y 3d It'S hello world"),
    ),
    ("{{repeat 3 \"ab\"}} {{repeat 0 \"ab\"}}", Ok("ababab ")),
    (
        "{{repeat -1 \"a\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <repeat -1 \"a\">: error calling repeat: strings: negative Repeat count",
        ),
    ),
    (
        "{{substr 0 5 \"hello world\"}} {{substr 2 -1 \"hello\"}} {{substr -1 3 \"hello\"}} {{substr 2 99 \"hello\"}}",
        Ok("hello llo hel llo"),
    ),
    (
        "{{substr 9 99 \"hello\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <substr 9 99 \"hello\">: error calling substr: runtime error: slice bounds out of range [9:5]",
        ),
    ),
    (
        "{{substr 4 2 \"hello\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <substr 4 2 \"hello\">: error calling substr: runtime error: slice bounds out of range [4:2]",
        ),
    ),
    (
        "{{substr -1 9 \"hello\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <substr -1 9 \"hello\">: error calling substr: runtime error: slice bounds out of range [:9] with length 5",
        ),
    ),
    (
        "{{substr -1 -1 \"hello\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <substr -1 -1 \"hello\">: error calling substr: runtime error: slice bounds out of range [:-1]",
        ),
    ),
    (
        "{{nospace \"h e l l o\"}} {{nospace \"abc\"}} {{nospace \"hé llo\"}}",
        Ok("hello abc hÃ©llo"),
    ),
    (
        "{{trunc 5 \"hello world\"}} {{trunc -5 \"hello world\"}} {{trunc 50 \"a\"}} {{trunc -50 \"a\"}} {{trunc 0 \"abc\"}}|",
        Ok("hello world a a |"),
    ),
    ("{{trunc 2 \"héllo\"}}", Ok("h�")),
    (
        "{{abbrev 5 \"hello world\"}} {{abbrev 3 \"hello\"}} {{abbrev 20 \"hello\"}} {{abbrev 4 \"hello\"}}",
        Ok("he... hello hello h..."),
    ),
    (
        "{{abbrevboth 5 10 \"1234 5678 9123\"}} {{abbrevboth 0 6 \"hello world\"}} {{abbrevboth 5 6 \"hello world\"}} {{abbrevboth 10 10 \"hello world this is long\"}} {{abbrevboth 20 7 \"hello world this is long\"}}",
        Ok("...5678... hel... hello world ...d th... ...long"),
    ),
    (
        "{{initials \"First Try\"}} {{initials \"  a b\\tc \"}}",
        Ok("FT abc"),
    ),
    (
        "{{swapcase \"This Is A.Test\"}} {{swapcase \"hello WORLD\"}}",
        Ok("tHIS iS a.tEST HELLO world"),
    ),
    (
        "{{snakecase \"FirstName\"}} {{snakecase \"HTTPServer\"}} {{snakecase \"NoHTTPS\"}} {{snakecase \"GO_PATH\"}} {{snakecase \"GO PATH\"}} {{snakecase \"GO-PATH\"}} {{snakecase \"http2xx\"}} {{snakecase \"HTTP20xOK\"}} {{snakecase \"Duration2m3s\"}} {{snakecase \"Bld4Floor3rd\"}} {{snakecase \" _-_ \"}} {{snakecase \"\"}}|{{snakecase \"a.b!c\"}} {{snakecase \"FOO:BAR$BAZ\"}} {{snakecase \"FIELD 1\"}} {{snakecase \"x86_64\"}} {{snakecase \"version1.0Beta2\"}}",
        Ok(
            "first_name http_server no_https go_path go_path go_path http_2xx http_20x_ok duration_2m3s bld4_floor_3rd _____ |a.b!c foo:bar_$_baz field_1 x86_64 version1.0_beta2",
        ),
    ),
    (
        "{{camelcase \"http_server\"}} {{camelcase \"_camel_case\"}} {{camelcase \"no_https\"}} {{camelcase \"_complex__case_\"}} {{camelcase \"all\"}} {{camelcase \"GOLANG_IS_GREAT\"}} {{camelcase \"hello world\"}} {{camelcase \"a\"}} {{camelcase \"__\"}} {{camelcase \"\"}}| {{camelcase \"-foo-Bar\"}} {{camelcase \"fooBar\"}} {{camelcase \"FOOBar_x\"}}",
        Ok(
            "HttpServer _CamelCase NoHttps _Complex_Case_ All GolangIsGreat HelloWorld A ___ | -FooBar FooBar FoobarX",
        ),
    ),
    (
        "{{kebabcase \"FirstName\"}} {{kebabcase \"HTTPServer\"}} {{kebabcase \"no_https X\"}}",
        Ok("first-name http-server no-https-x"),
    ),
    (
        "{{wrap 5 \"hello world foo bar\"}}",
        Ok("hello\nworld\nfoo\nbar"),
    ),
    (
        "{{wrap 80 \"short\"}} {{wrap 3 \"longword x\"}} {{wrap 0 \"a b\"}}",
        Ok("short longword\nx a\nb"),
    ),
    (
        "{{wrapWith 5 \"|\" \"Hello World\"}} {{wrapWith 3 \"-\" \"abcdefgh\"}} {{wrapWith 5 \"\" \"aaaa bbbb\"}}",
        Ok("Hello|World abc-def-gh aaaa\nbbbb"),
    ),
    (
        "{{contains \"cat\" \"catch\"}} {{contains \"x\" \"catch\"}} {{hasPrefix \"cat\" \"catch\"}} {{hasSuffix \"tch\" \"catch\"}} {{hasSuffix \"x\" \"catch\"}}",
        Ok("true false true true false"),
    ),
    (
        "{{quote \"a\" 1 nil \"b\\\"c\" true}} {{squote \"a\" 1 nil}} {{quote}}|{{quote .null}}|",
        Ok("\"a\" \"1\" \"b\\\"c\" \"true\" 'a' '1' ||"),
    ),
    (
        "{{quote .l}} {{squote .l}} {{quote .n}} {{quote 1.5}}",
        Ok("\"[1 x <nil> true [2 3] map[k:v]]\" '[1 x <nil> true [2 3] map[k:v]]' \"5\" \"1.5\""),
    ),
    (
        "{{cat \"hello\" nil 1 .words}} {{cat}}| {{cat \"a\" \"b\"}}",
        Ok("hello 1 [banana apple cherry] | a b"),
    ),
    ("{{indent 4 \"a\\nb\\n\"}}|", Ok("    a\n    b\n    |")),
    ("{{nindent 2 \"a\\nb\"}}", Ok("\n  a\n  b")),
    (
        "{{indent 0 \"a\"}} {{indent -1 \"a\"}}",
        Err(
            "template: main:1:19: executing \"main\" at <indent -1 \"a\">: error calling indent: strings: negative Repeat count",
        ),
    ),
    (
        "{{replace \" \" \"-\" \"I Am Henry\"}} {{replace \"\" \"-\" \"abc\"}} {{replace \"x\" \"y\" \"abc\"}} {{replace \"aa\" \"b\" \"aaaaa\"}}",
        Ok("I-Am-Henry -a-b-c- abc bba"),
    ),
    (
        "{{plural \"one\" \"many\" 1}} {{plural \"one\" \"many\" 2}} {{plural \"one\" \"many\" (len .words)}}",
        Ok("one many many"),
    ),
    (
        "{{toString 1}}{{toString 1.5}}{{toString true}}{{toString nil}}{{toString .l}}{{toString \"x\"}}",
        Ok("11.5true<nil>[1 x <nil> true [2 3] map[k:v]]x"),
    ),
    ("{{hello}}", Ok("Hello!")),
    (
        "{{join \"-\" .words}} {{join \",\" .l}} {{join \",\" \"x\"}} {{join \",\" 5}} {{join \",\" nil}}| {{join \", \" (list 1 2.5 true)}} {{join \"-\" (until 3)}}",
        Ok("banana-apple-cherry 1,x,true,[2 3],map[k:v] x 5 | 1, 2.5, true 0-1-2"),
    ),
    (
        "{{split \",\" \"a,b,c\"}} {{(split \"$\" \"foo$bar\")._1}} {{splitn \"$\" 2 \"foo$bar$baz\"}} {{splitn \",\" 0 \"a,b\"}} {{splitn \",\" -1 \"a,b\"}} {{split \"\" \"abc\"}} {{split \",\" \"\"}}",
        Ok(
            "map[_0:a _1:b _2:c] bar map[_0:foo _1:bar$baz] map[] map[_0:a _1:b] map[_0:a _1:b _2:c] map[_0:]",
        ),
    ),
    (
        "{{splitList \",\" \"a,b,c\"}} {{splitList \"\" \"héy\"}} {{len (splitList \",\" \"\")}} {{splitList \", \" \"a, b\"}} {{typeOf (splitList \",\" \"a\")}}",
        Ok("[a b c] [h é y] 1 [a b] []string"),
    ),
    (
        "{{sortAlpha .words}} {{sortAlpha (list 3 10 2)}} {{sortAlpha \"x\"}} {{sortAlpha (list \"b\" nil \"a\")}}",
        Ok("[apple banana cherry] [10 2 3] [x] [a b]"),
    ),
    (
        "{{toStrings (list 1 \"a\" nil 2.5)}} {{toStrings nil}} {{toStrings \"x\"}} {{toStrings (until 2) | typeOf}}",
        Ok("[1 a 2.5] [] [x] []string"),
    ),
    (
        "{{upper \"ǆ\"}} {{title \"éa b\"}} {{untitle \"ÉA B\"}} {{title \"\"}}|",
        Ok("Ǆ Éa B éA b |"),
    ),
    ("{{ \"a,b\" | splitList \",\" | join \"+\" }}", Ok("a+b")),
    ("{{substr 1 3 \"héllo\" | quote}}", Ok(r#""é""#)),
    (
        "{{trimSuffix \"\" \"a\"}} {{trim \"\\u00a0x\\u2003\"}}|",
        Ok("a x|"),
    ),
    (
        "{{ wrap 10 \"The quick brown fox jumps over the lazy dog\" }}",
        Ok("The quick\nbrown fox\njumps over\nthe lazy\ndog"),
    ),
    ("{{nindent 4 .a | quote}}", Ok("\"\\n    text\"")),
    ("{{replace \"o\" \"0\" .s}}", Ok("Hell0, W0rld")),
    (
        "{{ snakecase \"aB1C2d\" }} {{ snakecase \"ABC123def\" }} {{ kebabcase \"ABCDef1 ghi\" }} {{snakecase \"1a2B\"}} {{snakecase \"a1\"}} {{snakecase \"A1 b\"}} {{snakecase \"é1É\"}}",
        Ok("a_b1_c_2d abc_123def abc-def1-ghi 1a2_b a1 a1_b é1_é"),
    ),
];

pub const MATH: &[Case] = &[
    (
        "{{add 1 2 3}} {{add1 5}} {{sub 5 2}} {{div 7 2}} {{div -7 2}} {{mod 7 3}} {{mod -7 3}} {{mul 2 3 4}} {{mul 5}}",
        Ok("6 6 3 3 -3 1 -1 24 5"),
    ),
    (
        "{{add \"5\" 1.9 true nil .n}} {{add \"x\" 1}} {{add \"0x10\" \"010\" \"1.0\" \"1.5\" \"1_0\"}} {{add .f 1}} {{add .exp}} {{add .big}}",
        Ok("12 1 35 1 0 0"),
    ),
    (
        "{{max 1 5 3}} {{min 1 5 3}} {{biggest 1 2}} {{max 1}} {{min 2}} {{max .n 3}}",
        Ok("5 1 2 1 2 5"),
    ),
    (
        "{{ceil 1.2}} {{floor 1.8}} {{floor -1.5}} {{ceil \"1.5\"}} {{round 123.555555 3}} {{round 123.5 0}} {{round 1.45 1 0.4}} {{round -2.5 0}} {{round 2.4 0 0.9}}",
        Ok("2 1 -2 2 123.556 124 1.5 -3 2"),
    ),
    (
        "{{round .f 0}} {{floor .f}} {{ceil .n}} {{floor 5}} {{ceil nil}}",
        Ok("2 1 5 5 0"),
    ),
    (
        "{{addf 1.5 2.2}} {{subf 7.5 2 3}} {{mulf 1.5 2 2}} {{divf 10 2 4}} {{add1f 1.5}} {{divf 1 3}} {{divf 2 3}} {{divf -2 3}} {{addf 0.1 0.2}} {{subf 0.3 0.1}} {{mulf 0.1 3}}",
        Ok(
            "3.7 2.5 6 1.25 2.5 0.3333333333333333 0.6666666666666667 -0.6666666666666667 0.3 0.2 0.3",
        ),
    ),
    (
        "{{divf 1 0}}",
        Err(
            "template: main:1:2: executing \"main\" at <divf 1 0>: error calling divf: decimal division by 0",
        ),
    ),
    (
        "{{addf}} {{addf .f .n \"1.5\"}} {{mulf 1e20 1e20}} {{divf 1e-20 3}} {{subf 1}}",
        Ok("0 8 1e+40 0 1"),
    ),
    (
        "{{maxf 1 2.5 2}} {{minf 1 2.5 0.5}} {{maxf 1.5}} {{minf .f 2}}",
        Ok("2.5 0.5 1.5 1.5"),
    ),
    (
        "{{until 5}} {{until -3}} {{until 0}} {{untilStep 3 6 2}} {{untilStep 5 0 -2}} {{untilStep 0 5 0}} {{untilStep 0 5 -1}} {{untilStep 5 0 1}} {{typeOf (until 1)}}",
        Ok("[0 1 2 3 4] [0 -1 -2] [] [3 5] [5 3 1] [] [] [] []int"),
    ),
    (
        "{{seq 5}} {{seq -3}} {{seq 0 2}} {{seq 2 -2}} {{seq 0 2 10}} {{seq 0 -2 -5}} {{seq 5 1 0}} {{seq}}|{{seq 1 2 3 4}}|{{seq 0}} {{seq 1}}|{{seq 5 -1 0}} {{seq 0 3 10}}",
        Ok(
            "1 2 3 4 5 1 0 -1 -2 -3 0 1 2 2 1 0 -1 -2 0 2 4 6 8 10 0 -2 -4  ||1 0 1|5 4 3 2 1 0 0 3 6 9",
        ),
    ),
    (
        "{{int \"5\"}} {{int64 5.9}} {{int nil}} {{int .n}} {{int true}} {{float64 \"1.5\"}} {{float64 3}} {{float64 \"x\"}} {{float64 .f}} {{int \"1e3\"}} {{int -5.9}} {{int .exp}}",
        Ok("5 5 0 5 1 1.5 3 0 1.5 0 -5 0"),
    ),
    (
        "{{atoi \"5\"}} {{atoi \"x\"}} {{atoi \"-3\"}} {{atoi \"+7\"}} {{atoi \"99999999999999999999\"}} {{atoi \"\"}} {{atoi \"1_0\"}} {{atoi \"0x1\"}}",
        Ok("5 0 -3 7 9223372036854775807 0 0 0"),
    ),
    (
        "{{toDecimal \"0777\"}} {{toDecimal 777}} {{toDecimal \"9\"}} {{toDecimal \"-17\"}}",
        Ok("511 511 0 -15"),
    ),
    (
        "{{typeOf (add 1)}} {{typeOf (int 1)}} {{typeOf (float64 1)}} {{typeOf (max 1)}} {{typeOf (addf 1)}} {{typeOf (round 1 1)}}",
        Ok("int64 int float64 int64 float64 float64"),
    ),
    ("{{add 9223372036854775807 1}}", Ok("-9223372036854775808")),
    (
        "{{div .n 2}} {{mod .n 2}} {{mul .n .n}} {{sub .n .z}}",
        Ok("2 1 25 5"),
    ),
    (
        "{{ round 3.14159 2 }} {{ round 1234567.891 -2 }} {{ round \"2.5\" 0 }}",
        Ok("3.14 1.2346e+06 3"),
    ),
    (
        "{{floor 1e30}} {{ceil -0.5}} {{addf 1e400}}",
        Err("template: main:1: illegal number syntax: \"1e400\""),
    ),
    (
        "{{int 1e30}} {{int64 \"9223372036854775808\"}}",
        Ok("-9223372036854775808 0"),
    ),
    ("{{ maxf \"a\" 1 }} {{ minf nil 1 }}", Ok("1 0")),
    ("{{ 3 | add 2 | mul 4 }}", Ok("20")),
];

pub const DEFAULTS: &[Case] = &[
    (
        "{{default \"d\" .e}} {{default \"d\" .a}} {{default \"d\" .missing}} {{default \"d\" .null}} {{default \"d\" 0}} {{default \"d\" .z}} {{default \"d\"}} {{.e | default \"x\"}} {{default \"d\" .el}} {{default \"d\" false}} {{default \"d\" 0.0}}",
        Ok("d text d d d 0 d x d d d"),
    ),
    (
        "{{empty .e}} {{empty .a}} {{empty .z}} {{empty 0}} {{empty .el}} {{empty .em}} {{empty nil}} {{empty .missing}} {{empty false}} {{empty now}}",
        Ok("true false false true true true true true true false"),
    ),
    (
        "{{coalesce 0 \"\" .null \"x\" \"y\"}} {{coalesce}} {{coalesce 0}}",
        Ok("x <no value> <no value>"),
    ),
    (
        "{{all 1 2}} {{all 1 0}} {{all}} {{any 0 1}} {{any 0}} {{any}}",
        Ok("true false true true false false"),
    ),
    (
        "{{ternary \"a\" \"b\" true}} {{ternary \"a\" \"b\" false}} {{true | ternary \"a\" \"b\"}}",
        Ok("a b a"),
    ),
    ("{{compact (list 0 1 \"\" \"a\" nil false)}}", Ok("[1 a]")),
    (
        "{{fromJson \"{\\\"a\\\":[1,2.5,\\\"x\\\",null]}\"}} {{(fromJson \"[1,2]\") | typeOf}} {{(index (fromJson \"[1]\") 0) | typeOf}} {{fromJson \"bad\"}} {{add (index (fromJson \"[1.9]\") 0) 1}} {{(fromJson \"{\\\"a\\\":1}\").a | typeOf}} {{fromJson \"12345678901234567890\"}} {{fromJson \"1e21\"}}",
        Ok(
            "map[a:[1 2.5 x <nil>]] []interface {} float64 <no value> 2 float64 1.2345678901234567e+19 1e+21",
        ),
    ),
    (
        "{{toJson .m}} {{toJson .l}} {{toJson \"<a>&\"}} {{toJson nil}} {{toJson 1.5}} {{toJson .n}} {{toJson .exp}} {{toJson (list)}} {{toJson (dict \"b\" 1 \"a\" (list 1 nil))}} {{toJson (until 2)}} {{toJson true}} {{toJson 1e21}} {{toJson 1.0}}",
        Ok(
            "{\"a\":\"one\",\"b\":2,\"c\":{\"d\":\"deep\"}} [1,\"x\",null,true,[2,3],{\"k\":\"v\"}] \"\\u003ca\\u003e\\u0026\" null 1.5 5 1e3 [] {\"a\":[1,null],\"b\":1} [0,1] true 1e+21 1",
        ),
    ),
    (
        "{{toRawJson \"<a>&\"}} {{toRawJson .html}} {{mustToJson .m}} {{mustToRawJson (list \"<\")}}",
        Ok(
            "\"<a>&\" \"<a href=\\\"x\\\">T&C's</a>\" {\"a\":\"one\",\"b\":2,\"c\":{\"d\":\"deep\"}} [\"<\"]",
        ),
    ),
    (
        "{{toPrettyJson .m}}|{{toPrettyJson .l}}|{{toPrettyJson .el}}{{toPrettyJson .em}}|{{toPrettyJson \"a\\\"{b\"}}",
        Ok(
            "{\n  \"a\": \"one\",\n  \"b\": 2,\n  \"c\": {\n    \"d\": \"deep\"\n  }\n}|[\n  1,\n  \"x\",\n  null,\n  true,\n  [\n    2,\n    3\n  ],\n  {\n    \"k\": \"v\"\n  }\n]|[]{}|\"a\\\"{b\"",
        ),
    ),
    (
        "{{toJson (rest .el)}} {{toJson (initial .el)}} {{toJson (regexFindAll \"x\" \"a\" -1)}} {{toJson (concat)}} {{toJson (compact .el)}}",
        Ok("null null null null []"),
    ),
    (
        "{{toJson (toDate \"2006-01-02\" \"2020-05-06\")}}",
        Ok(r#""2020-05-06T00:00:00Z""#),
    ),
    (
        "{{deepCopy .m}} {{deepEqual .m (deepCopy .m)}} {{deepCopy .l}} {{mustDeepCopy 1}}",
        Ok("map[a:one b:2 c:map[d:deep]] true [1 x <nil> true [2 3] map[k:v]] 1"),
    ),
    (
        "{{toJson .null}} {{toJson .missing}} {{toJson .big}} {{toJson \"\\u2028 é\\u0001\"}} {{mustToPrettyJson (list 1)}}",
        Ok("null null 12345678901234567890 \"\\u2028 é\\u0001\" [\n  1\n]"),
    ),
    (
        "{{ toJson 0.000001 }} {{ toJson 0.0000001 }} {{ toJson 123456789.0 }} {{ toJson 1e20 }} {{ toJson -0.0 }}",
        Ok("0.000001 1e-7 123456789 100000000000000000000 -0"),
    ),
];

pub const LISTS: &[Case] = &[
    (
        "{{list 1 \"a\" nil}} {{tuple 1 2}} {{list}}",
        Ok("[1 a <nil>] [1 2] []"),
    ),
    (
        "{{append (list 1) 2}} {{push .words \"x\"}} {{prepend (list 1) 0}} {{mustAppend (list) 1}} {{append .el nil}}",
        Ok("[1 2] [banana apple cherry x] [0 1] [1] [<nil>]"),
    ),
    (
        "{{append \"x\" 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <append \"x\" 1>: error calling append: Cannot push on type string",
        ),
    ),
    (
        "{{append nil 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <append nil 1>: error calling append: runtime error: invalid memory address or nil pointer dereference",
        ),
    ),
    (
        "{{first .words}} {{last .words}} {{rest .words}} {{initial .words}} {{first .el}} {{last .el}} {{rest .el}} {{initial .el}}",
        Ok("banana cherry [apple cherry] [banana apple] <no value> <no value> [] []"),
    ),
    (
        "{{first \"x\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <first \"x\">: error calling first: Cannot find first on type string",
        ),
    ),
    (
        "{{mustFirst 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <mustFirst 1>: error calling mustFirst: Cannot find first on type int",
        ),
    ),
    (
        "{{last nil}}",
        Err(
            "template: main:1:2: executing \"main\" at <last nil>: error calling last: runtime error: invalid memory address or nil pointer dereference",
        ),
    ),
    (
        "{{reverse .words}} {{reverse .el}} {{reverse \"x\"}}",
        Err(
            "template: main:1:37: executing \"main\" at <reverse \"x\">: error calling reverse: Cannot find reverse on type string",
        ),
    ),
    (
        "{{uniq (list 1 2 1 \"1\" 1)}} {{uniq .words}} {{uniq (list (list 1) (list 1))}}",
        Ok("[1 2 1] [banana apple cherry] [[1]]"),
    ),
    (
        "{{uniq 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <uniq 1>: error calling uniq: Cannot find uniq on type int",
        ),
    ),
    (
        "{{without .words \"apple\"}} {{without (list 1 2 3) 1 3}} {{without (list 1)}}",
        Ok("[banana cherry] [2] [1]"),
    ),
    (
        "{{has 1 (list 1 2)}} {{has \"apple\" .words}} {{has 5 .l}} {{has 1 nil}} {{has nil .l}} {{has (int64 1) (list 1)}}",
        Ok("true true false false true false"),
    ),
    (
        "{{has 1 \"x\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <has 1 \"x\">: error calling has: Cannot find has on type string",
        ),
    ),
    (
        "{{slice (list 1 2 3 4 5)}} {{slice (list 1 2 3 4 5) 3}} {{slice (list 1 2 3 4 5) 1 3}} {{slice (until 5) 2 4 | typeOf}} {{mustSlice .words 1}}",
        Ok("[1 2 3 4 5] [4 5] [2 3] []int [apple cherry]"),
    ),
    (
        "{{slice (list 1 2) 5}}",
        Err(
            "template: main:1:2: executing \"main\" at <slice (list 1 2) 5>: error calling slice: reflect.Value.Slice: slice index out of bounds",
        ),
    ),
    (
        "{{slice (list 1 2) 2 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <slice (list 1 2) 2 1>: error calling slice: reflect.Value.Slice: slice index out of bounds",
        ),
    ),
    (
        "{{concat (list 1 2) (list 3) .words}} {{concat}} {{concat (list)}}",
        Ok("[1 2 3 banana apple cherry] [] []"),
    ),
    (
        "{{concat 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <concat 1>: error calling concat: Cannot concat type int as list",
        ),
    ),
    (
        "{{concat nil}}",
        Err(
            "template: main:1:2: executing \"main\" at <concat nil>: error calling concat: runtime error: invalid memory address or nil pointer dereference",
        ),
    ),
    (
        "{{chunk 2 (list 1 2 3 4 5)}} {{chunk 3 .words}} {{typeOf (chunk 2 .words)}} {{chunk 10 (list 1)}}",
        Ok("[[1 2] [3 4] [5]] [[banana apple cherry]] [][]interface {} [[1]]"),
    ),
    (
        "{{compact .l}} {{mustCompact (list 0)}}",
        Ok("[1 x true [2 3] map[k:v]] []"),
    ),
    (
        "{{compact 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <compact 1>: error calling compact: Cannot compact on type int",
        ),
    ),
    (
        "{{typeOf (list 1)}} {{typeOf .l}} {{typeOf (append (until 1) 2)}} {{typeOf (rest .words)}} {{typeOf (first (until 1))}} {{kindOf .l}} {{kindOf .m}} {{kindOf \"a\"}} {{kindOf 1}} {{kindOf 1.5}} {{kindOf nil}} {{kindOf .n}} {{kindOf true}} {{kindOf now}} {{kindOf (semver \"1\")}}",
        Ok(
            "[]interface {} []interface {} []interface {} []interface {} int slice map string int float64 invalid string bool struct ptr",
        ),
    ),
    (
        "{{typeOf .n}} {{typeOf .a}} {{typeOf nil}} {{typeOf .m}} {{typeOf (split \",\" \"a\")}} {{typeOf now}} {{typeOf (semver \"1.0\")}} {{typeOf .null}} {{typeOf (index .a 0)}} {{typeOf true}}",
        Ok(
            "json.Number string <nil> map[string]interface {} map[string]string time.Time *semver.Version <nil> uint8 bool",
        ),
    ),
    (
        "{{typeIs \"string\" \"a\"}} {{typeIs \"int\" 1}} {{typeIs \"json.Number\" .n}} {{typeIsLike \"semver.Version\" (semver \"1\")}} {{kindIs \"map\" .m}} {{kindIs \"string\" .n}}",
        Ok("true true true true true true"),
    ),
    (
        "{{deepEqual (list 1) (list 1)}} {{deepEqual 1 (int64 1)}} {{deepEqual .words (list \"banana\" \"apple\" \"cherry\")}} {{deepEqual nil nil}} {{deepEqual (until 2) (list 0 1)}} {{deepEqual (dict \"a\" 1) (dict \"a\" 1)}}",
        Ok("true false true true false true"),
    ),
    (
        "{{range chunk 2 (until 5)}}[{{range .}}{{.}}{{end}}]{{end}}",
        Ok("[01][23][4]"),
    ),
    ("{{index (list 1 (list 2 3)) 1 0}}", Ok("2")),
    (
        "{{ mustRest .words | join \" \" }} {{ mustLast .words }} {{ mustInitial .words }} {{ mustReverse .words }} {{ mustUniq .words }} {{ mustWithout .words \"x\" }} {{ mustHas \"apple\" .words }} {{ mustPrepend .words 1 }} {{ mustPush .words 1 }} {{ mustChunk 1 .words }}",
        Ok(
            "apple cherry cherry [banana apple] [cherry apple banana] [banana apple cherry] [banana apple cherry] true [1 banana apple cherry] [banana apple cherry 1] [[banana] [apple] [cherry]]",
        ),
    ),
    (
        "{{ $l := list 1 2 3 }}{{ $m := append $l 4 }}{{ $l }}{{ $m }}",
        Ok("[1 2 3][1 2 3 4]"),
    ),
];

pub const DICTS: &[Case] = &[
    (
        "{{dict \"a\" 1 \"b\" \"x\"}} {{dict}} {{dict \"a\"}} {{dict 1 2}} {{dict nil 1}}",
        Ok("map[a:1 b:x] map[] map[a:] map[1:2] map[<nil>:1]"),
    ),
    (
        "{{get .m \"a\"}} {{get .m \"zz\"}}| {{get . \"a\"}}",
        Ok("one | text"),
    ),
    (
        "{{$d := dict \"a\" 1}}{{$_ := set $d \"b\" 2}}{{$d}}",
        Ok("map[a:1 b:2]"),
    ),
    ("{{$_ := set . \"new\" 1}}{{.new}}", Ok("1")),
    (
        "{{$_ := set .m \"x\" 1}}{{.m.x}} {{.m}}",
        Ok("1 map[a:one b:2 c:map[d:deep] x:1]"),
    ),
    (
        "{{$_ := set .m.c \"x\" 1}}{{.m}}",
        Ok("map[a:one b:2 c:map[d:deep x:1]]"),
    ),
    (
        "{{range .items}}{{$_ := set . \"seen\" true}}{{end}}{{range .items}}{{.seen}}{{end}}",
        Ok("truetrue"),
    ),
    (
        "{{$d := unset .m \"a\"}}{{.m}} {{$d}}",
        Ok("map[b:2 c:map[d:deep]] map[b:2 c:map[d:deep]]"),
    ),
    (
        "{{hasKey .m \"a\"}} {{hasKey .m \"zz\"}} {{hasKey . \"null\"}}",
        Ok("true false true"),
    ),
    (
        "{{pluck \"name\" (index .items 0) (index .items 1) (dict)}}",
        Ok("[foo bar]"),
    ),
    (
        "{{keys (dict \"a\" 1)}} {{keys .m | sortAlpha}} {{typeOf (keys .m)}} {{keys}}",
        Ok("[a] [a b c] []string []"),
    ),
    ("{{values (dict \"a\" 1)}} {{len (values .m)}}", Ok("[1] 3")),
    (
        "{{pick .m \"a\" \"zz\"}} {{omit .m \"a\"}} {{omit .m}}",
        Ok("map[a:one] map[b:2 c:map[d:deep]] map[a:one b:2 c:map[d:deep]]"),
    ),
    (
        "{{merge (dict \"a\" 1) (dict \"a\" 2 \"b\" 3)}} {{mergeOverwrite (dict \"a\" 1) (dict \"a\" 2 \"b\" 3)}}",
        Ok("map[a:1 b:3] map[a:2 b:3]"),
    ),
    (
        "{{merge (dict \"a\" (dict \"x\" 1)) (dict \"a\" (dict \"x\" 2 \"y\" 3))}} {{mergeOverwrite (dict \"a\" (dict \"x\" 1)) (dict \"a\" (dict \"x\" 2 \"y\" 3))}}",
        Ok("map[a:map[x:1 y:3]] map[a:map[x:2 y:3]]"),
    ),
    (
        "{{merge (dict \"a\" \"\") (dict \"a\" \"full\")}} {{merge (dict \"a\" 0) (dict \"a\" 5)}} {{merge (dict \"a\" nil) (dict \"a\" 5)}} {{merge (dict \"a\" 5) (dict \"a\" nil)}} {{mergeOverwrite (dict \"a\" 5) (dict \"a\" nil)}} {{mergeOverwrite (dict \"a\" 5) (dict \"a\" \"\")}} {{mergeOverwrite (dict \"a\" 5) (dict \"a\" 0)}}",
        Ok("map[a:full] map[a:5] map[a:5] map[a:5] map[a:<nil>] map[a:] map[a:0]"),
    ),
    (
        "{{merge (dict \"a\" (list 1)) (dict \"a\" (list 2))}} {{mergeOverwrite (dict \"a\" (list 1)) (dict \"a\" (list 2))}} {{merge (dict) (dict \"a\" (list 2))}} {{merge (dict \"a\" 1) (dict \"a\" (dict \"b\" 1))}} {{mergeOverwrite (dict \"a\" 1) (dict \"a\" (dict \"b\" 1))}} {{mergeOverwrite (dict \"a\" (dict \"b\" 1)) (dict \"a\" 1)}}",
        Ok("map[a:[1]] map[a:[2]] map[a:[2]] map[a:1] map[a:map[b:1]] map[a:1]"),
    ),
    (
        "{{merge (dict \"a\" (list)) (dict \"a\" (list 2))}} {{merge (dict \"a\" (dict)) (dict \"a\" (dict \"b\" 1))}} {{mergeOverwrite (dict \"a\" (list 1 2)) (dict \"a\" (list))}} {{merge (dict \"a\" nil) (dict \"a\" (list 2))}} {{merge (dict \"a\" \"x\") (dict \"a\" (list 2))}}",
        Ok("map[a:[2]] map[a:map[b:1]] map[a:[]] map[a:[2]] map[a:x]"),
    ),
    (
        "{{mustMerge (dict \"a\" 1) (dict \"b\" 2) (dict \"c\" 3)}} {{mustMergeOverwrite (dict) .m}}",
        Ok("map[a:1 b:2 c:3] map[a:one b:2 c:map[d:deep]]"),
    ),
    (
        "{{$d := dict \"a\" 1}}{{$_ := merge $d (dict \"b\" 2)}}{{$d}}",
        Ok("map[a:1 b:2]"),
    ),
    (
        "{{dig \"c\" \"d\" \"def\" .m}} {{dig \"c\" \"zz\" \"def\" .m}} {{dig \"a\" \"def\" .m}} {{.m | dig \"c\" \"d\" \"x\"}}",
        Ok("deep def one deep"),
    ),
    (
        "{{dig \"a\" .m}}",
        Err(
            "template: main:1:2: executing \"main\" at <dig \"a\" .m>: error calling dig: dig needs at least three arguments",
        ),
    ),
    (
        "{{dig \"a\" \"b\" \"def\" .m}}",
        Err(
            "template: main:1:2: executing \"main\" at <dig \"a\" \"b\" \"def\" .m>: error calling dig: interface conversion: interface {} is string, not map[string]interface {}",
        ),
    ),
    (
        "{{dig \"a\" \"def\" 1}}",
        Err(
            "template: main:1:2: executing \"main\" at <dig \"a\" \"def\" 1>: error calling dig: interface conversion: interface {} is int, not map[string]interface {}",
        ),
    ),
    (
        "{{dig 1 \"def\" .m}}",
        Err(
            "template: main:1:2: executing \"main\" at <dig 1 \"def\" .m>: error calling dig: interface conversion: interface {} is int, not string",
        ),
    ),
    (
        "{{$d := dict \"l\" (list 1)}}{{$d.l}} {{$d.missing}}",
        Ok("[1] <no value>"),
    ),
    (
        "{{ $m := deepCopy .m }}{{ $_ := set $m \"q\" 1 }}{{ .m }}{{ $m }}",
        Ok("map[a:one b:2 c:map[d:deep]]map[a:one b:2 c:map[d:deep] q:1]"),
    ),
    ("{{ (dict \"a\" (dict \"b\" 1)).a.b }}", Ok("1")),
    ("{{ (set (dict) \"a\" 1).a }}", Ok("1")),
    (
        "{{ len (dict \"a\" 1 \"b\" 2) }} {{ if dict }}y{{else}}n{{end}}",
        Ok("2 n"),
    ),
    (
        "{{ $a := dict \"x\" 1 }}{{ $b := $a }}{{ $_ := set $b \"x\" 2 }}{{ $a.x }}",
        Ok("2"),
    ),
    (
        "{{ range $i, $e := .items }}{{ $_ := set $e \"i\" $i }}{{ end }}{{ toJson .items }}",
        Ok(r#"[{"i":0,"name":"foo","value":1},{"i":1,"name":"bar","value":2}]"#),
    ),
    (
        "{{ get (split \",\" \"a\") \"_0\" }}",
        Err(
            "template: main:1:18: executing \"main\" at <\"a\">: wrong type for value; expected map[string]interface {}; got map[string]string",
        ),
    ),
    (
        "{{ keys 1 }}",
        Err(
            "template: main:1:8: executing \"main\" at <1>: can't handle 1 for arg of type map[string]interface {}",
        ),
    ),
    ("{{ hasKey nil \"a\" }}", Ok("false")),
    (
        "{{ pluck \"a\" 1 }}",
        Err(
            "template: main:1:13: executing \"main\" at <1>: can't handle 1 for arg of type map[string]interface {}",
        ),
    ),
];

pub const ENCODING: &[Case] = &[
    (
        "{{b64enc \"hello\"}} {{b64dec \"aGVsbG8=\"}} {{b64dec \"aGVsbG8\"}} {{b64dec \"!!\"}} {{b64dec \"aGVs\\nbG8=\"}} {{b64enc \"\"}}|{{b64dec \"\"}}|{{b64dec \"a===\"}} {{b64dec \"aGVsbG8=x\"}} {{b64dec \"aG=s\"}} {{b64dec \"aGVsb\"}} {{b64dec \"aGVsbG9=\"}}",
        Ok(
            "aGVsbG8= hello illegal base64 data at input byte 4 illegal base64 data at input byte 0 hello ||illegal base64 data at input byte 1 illegal base64 data at input byte 8 illegal base64 data at input byte 2 illegal base64 data at input byte 4 hello",
        ),
    ),
    (
        "{{b32enc \"hello\"}} {{b32dec \"NBSWY3DP\"}} {{b32enc \"a\"}} {{b32dec \"ME======\"}} {{b32dec \"me======\"}} {{b32enc \"ab\"}} {{b32enc \"abc\"}} {{b32enc \"abcd\"}} {{b32dec \"MFRGG===\"}}",
        Ok(
            "NBSWY3DP hello ME====== a illegal base32 data at input byte 0 MFRA==== MFRGG=== MFRGGZA= abc",
        ),
    ),
    (
        "{{b64dec \"/w==\" | quote}} {{b64enc (b64dec \"/w==\")}}",
        Ok("\"\\xff\" /w=="),
    ),
    (
        "{{sha1sum \"abc\"}} {{sha256sum \"abc\"}} {{sha512sum \"abc\"}} {{adler32sum \"abc\"}} {{adler32sum \"\"}} {{adler32sum \"Wikipedia\"}}",
        Ok(
            "a9993e364706816aba3e25717850c26c9cd0d89d ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f 38600999 1 300286872",
        ),
    ),
    (
        "{{derivePassword 1 \"long\" \"password\" \"user\" \"example.com\"}} {{derivePassword 1 \"pin\" \"password\" \"user\" \"example.com\"}} {{derivePassword 2 \"maximum\" \"password\" \"user\" \"example.com\"}} {{derivePassword 1 \"nope\" \"a\" \"b\" \"c\"}}",
        Ok("ZedaFaxcZaso9* 6685 O8-6Bwz1*I5XVPPq)@H! cannot find password template nope"),
    ),
    (
        "{{derivePassword -1 \"pin\" \"password\" \"user\" \"example.com\"}}",
        Err("template: main:1:17: executing \"main\" at <-1>: expected unsigned integer; found -1"),
    ),
    ("{{htpasswd \"a:b\" \"x\"}}", Ok("invalid username: a:b")),
    (
        "{{decryptAES \"secretkey\" (encryptAES \"secretkey\" \"plaintext\")}} {{encryptAES \"k\" \"\"}}|{{decryptAES \"secretkey\" \"30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ=\"}}",
        Ok("plaintext |plaintext"),
    ),
    (
        "{{decryptAES \"k\" \"!!\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <decryptAES \"k\" \"!!\">: error calling decryptAES: illegal base64 data at input byte 0",
        ),
    ),
    (
        "{{regexMatch \"^[a-z]+$\" \"abc\"}} {{regexMatch \"^[\" \"abc\"}} {{regexFind \"[a-z][1-9]\" \"ab1cd2\"}} {{regexFind \"x\" \"a\"}}| {{regexFindAll \"[2,4,6,8]\" \"123456789\" -1}} {{regexFindAll \"[0-9]\" \"123\" 2}} {{regexReplaceAll \"a(x*)b\" \"-ab-axxb-\" \"${1}W\"}} {{regexReplaceAll \"a(x*)b\" \"-ab-axxb-\" \"$1W\"}} {{regexReplaceAllLiteral \"a(x*)b\" \"-ab-axxb-\" \"${1}\"}} {{regexSplit \"z+\" \"pizza\" -1}} {{regexSplit \"z\" \"pizza\" 2}} {{regexSplit \"a*\" \"abaabaccadaaae\" 5}} {{regexSplit \"x\" \"\" -1}} {{regexSplit \"\" \"abc\" -1}} {{regexQuoteMeta \"1.2.3+(x)\"}}",
        Ok(
            "true false b1 | [2 4 6 8] [1 2] -W-xxW- --- -${1}-${1}- [pi a] [pi za] [ b b c cadaaae] [] [a b c] 1\\.2\\.3\\+\\(x\\)",
        ),
    ),
    (
        "{{regexFindAll \"\" \"abc\" -1 | len}} {{regexFindAll \"a*\" \"baaa\" -1 | quote}} {{regexReplaceAll \"a*\" \"baaac\" \"x\"}} {{regexSplit \"a\" \"banana\" 0}} {{regexSplit \"a\" \"banana\" -1 | quote}} {{regexSplit \"a\" \"banana\" 1 | quote}}",
        Ok("4 \"[ aaa]\" xbxcx [] \"[b n n ]\" \"[banana]\""),
    ),
    (
        "{{mustRegexMatch \"a\" \"abc\"}} {{mustRegexFind \"b\" \"abc\"}} {{mustRegexFindAll \"a\" \"aaa\" -1}} {{mustRegexReplaceAll \"a\" \"banana\" \"o\"}} {{mustRegexReplaceAllLiteral \"a\" \"banana\" \"$\"}} {{mustRegexSplit \"a\" \"banana\" -1}}",
        Ok("true b [a a a] bonono b$n$n$ [b n n ]"),
    ),
    (
        "{{regexReplaceAll \"(?P<n>a)\" \"banana\" \"<${n}>\"}} {{regexReplaceAll \"a\" \"banana\" \"$$\"}} {{regexReplaceAll \"a\" \"banana\" \"$x\"}} {{regexReplaceAll \"(a)\" \"banana\" \"$1$1\"}}",
        Ok("b<a>n<a>n<a> b$n$n$ bnn baanaanaa"),
    ),
];

pub const PATHS_AND_URLS: &[Case] = &[
    (
        "{{base \"a/b/c.txt\"}} {{dir \"a/b/c.txt\"}} {{clean \"a/../b/./c//d\"}} {{ext \"a/b.tar.gz\"}} {{isAbs \"/a\"}} {{isAbs \"a\"}}",
        Ok("c.txt a/b b/c/d .gz true false"),
    ),
    (
        "{{base \"\"}} {{base \"/\"}} {{base \"a/\"}} {{dir \"\"}} {{dir \"/a\"}} {{dir \"a\"}} {{dir \"/\"}} {{clean \"\"}} {{clean \"/..\"}} {{clean \"../a\"}} {{clean \"a/../..\"}} {{ext \"a\"}}| {{ext \"a.b/c\"}}| {{ext \".x\"}} {{dir \"a//b\"}} {{base \"a//\"}} {{clean \"/\"}}",
        Ok(". / a . / . / . / ../a .. | | .x a a /"),
    ),
    (
        "{{osBase \"a/b\"}} {{osDir \"a/b\"}} {{osClean \"a//b\"}} {{osExt \"a.b\"}} {{osIsAbs \"/\"}}",
        Ok("b a a/b .b true"),
    ),
    (
        "{{urlParse \"http://admin:secret@server.com:8080/api?list=false#anchor\"}}",
        Ok(
            "map[fragment:anchor host:server.com:8080 hostname:server.com opaque: path:/api query:list=false scheme:http userinfo:admin:secret]",
        ),
    ),
    (
        "{{(urlParse \"http://a.b/c\").host}} {{urlParse \"mailto:a@b\"}} {{urlParse \"/path?x\"}} {{(urlParse \"http://[::1]:80/\").hostname}} {{(urlParse \"http://a/%2fx\").path}}",
        Ok(
            "a.b map[fragment: host: hostname: opaque:a@b path: query: scheme:mailto userinfo:] map[fragment: host: hostname: opaque: path:/path query:x scheme: userinfo:] ::1 //x",
        ),
    ),
    (
        "{{urlParse \"http://a b\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <urlParse \"http://a b\">: error calling urlParse: unable to parse url: parse \"http://a b\": invalid character \" \" in host name",
        ),
    ),
    (
        "{{urlParse \"%zz\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <urlParse \"%zz\">: error calling urlParse: unable to parse url: parse \"%zz\": invalid URL escape \"%zz\"",
        ),
    ),
    (
        "{{urlJoin (dict \"fragment\" \"fragment\" \"host\" \"host:80\" \"path\" \"/path\" \"query\" \"query\" \"scheme\" \"http\")}} {{urlJoin (dict \"host\" \"h\" \"path\" \"p\" \"userinfo\" \"u:p\")}} {{urlJoin (dict \"path\" \"a b/ü\")}} {{urlJoin (dict \"scheme\" \"mailto\" \"opaque\" \"a@b\")}} {{urlJoin (dict)}}|{{urlJoin (dict \"path\" \"a:b/c\")}} {{urlJoin (urlParse \"https://u:p%40@h.com/a%20b?q=1#f\")}}",
        Ok(
            "http://host:80/path?query#fragment //u:p@h/p a%20b/%C3%BC mailto:a@b |./a:b/c https://u:p%40@h.com/a%20b?q=1#f",
        ),
    ),
    (
        "{{urlJoin (dict \"host\" 1)}}",
        Err(
            "template: main:1:2: executing \"main\" at <urlJoin (dict \"host\" 1)>: error calling urlJoin: unable to parse host key, must be of type string, but int found",
        ),
    ),
];

pub const DATES: &[Case] = &[
    (
        "{{dateInZone \"2006-01-02 15:04:05\" 0 \"UTC\"}} {{dateInZone \"Jan 2, 2006 at 3:04pm (MST)\" (int64 1500000000) \"UTC\"}} {{date_in_zone \"2006\" 0 \"UTC\"}} {{htmlDateInZone 86400 \"UTC\"}} {{dateInZone \"2006-01-02T15:04:05Z07:00\" 0 \"America/New_York\"}} {{dateInZone \"15:04\" 0 \"Nope/Zone\"}}",
        Ok(
            "1970-01-01 00:00:00 Jul 14, 2017 at 2:40am (UTC) 1970 1970-01-02 1969-12-31T19:00:00-05:00 00:00",
        ),
    ),
    (
        "{{$t := toDate \"2006-01-02 15:04:05 -0700\" \"2020-05-06 07:08:09 +0000\"}}{{$t.Year}} {{$t.Month}} {{$t.Day}} {{$t.Hour}} {{$t.Minute}} {{$t.Second}} {{$t.Nanosecond}} {{$t.YearDay}} {{$t.Weekday}} {{$t.Unix}} {{$t.UnixMilli}} {{$t.UnixMicro}} {{$t.UnixNano}} {{$t.Format \"Jan 2\"}} {{$t.IsZero}} {{unixEpoch $t}}",
        Ok(
            "2020 May 6 7 8 9 0 127 Wednesday 1588748889 1588748889000 1588748889000000 1588748889000000000 May 6 false 1588748889",
        ),
    ),
    (
        "{{$t := toDate \"2006-01-02T15:04:05Z07:00\" \"2020-05-06T07:08:09Z\"}}{{dateInZone \"15:04:05\" (dateModify \"-1.5h\" $t) \"UTC\"}} {{dateInZone \"15:04:05\" (dateModify \"bad\" $t) \"UTC\"}} {{dateInZone \"15:04:05\" ($t | date_modify \"10s\") \"UTC\"}} {{dateInZone \"2006-01-02\" ($t.AddDate 0 1 1) \"UTC\"}} {{dateInZone \"2006-01-02\" ($t.AddDate 0 0 -6) \"UTC\"}}",
        Ok("05:38:09 07:08:09 07:08:19 2020-06-07 2020-04-30"),
    ),
    (
        "{{$t := toDate \"2006-01-02T15:04:05Z07:00\" \"2020-05-06T07:08:09Z\"}}{{mustDateModify \"bad\" $t}}",
        Err(
            "template: main:1:69: executing \"main\" at <mustDateModify \"bad\" $t>: error calling mustDateModify: time: invalid duration \"bad\"",
        ),
    ),
    (
        "{{mustToDate \"2006-01-02\" \"nope\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <mustToDate \"2006-01-02\" \"nope\">: error calling mustToDate: parsing time \"nope\" as \"2006-01-02\": cannot parse \"nope\" as \"2006\"",
        ),
    ),
    (
        "{{dateModify \"1h\" \"x\"}}",
        Err(
            "template: main:1:18: executing \"main\" at <\"x\">: can't handle \"x\" for arg of type time.Time",
        ),
    ),
    (
        "{{unixEpoch 5}}",
        Err(
            "template: main:1:12: executing \"main\" at <5>: can't handle 5 for arg of type time.Time",
        ),
    ),
    (
        "{{duration \"95\"}} {{duration \"3600\"}} {{duration (int64 90061)}} {{duration 5}} {{duration \"x\"}} {{duration \"-65\"}} {{duration \"0\"}}",
        Ok("1m35s 1h0m0s 25h1m1s 0s 0s -1m5s 0s"),
    ),
    (
        "{{durationRound \"2h10m5s\"}} {{durationRound \"2400h10m5s\"}} {{durationRound \"100s\"}} {{durationRound \"-100s\"}} {{durationRound (int64 90000000000)}} {{durationRound 5}} {{durationRound \"9000h\"}} {{durationRound \"10000h\"}} {{durationRound \"1h\"}} {{durationRound \"1ms\"}}",
        Ok("2h 3mo 1m 1m 1m 0s 1y 1y 60m 0s"),
    ),
    (
        "{{$t := toDate \"2006-01-02T15:04:05Z07:00\" \"2020-05-06T07:08:09Z\"}}{{($t.Month | printf \"%d\")}} {{printf \"%s %v\" $t.Month $t.Weekday}} {{add1 $t.Month}} {{eq $t.Month 5}} {{$t.Weekday | int}} {{$t.Before (dateModify \"1s\" $t)}} {{$t.After $t}} {{$t.Equal $t}} {{$t.Nope}}",
        Err(
            "template: main:1:263: executing \"main\" at <$t.Nope>: can't evaluate field Nope in type time.Time",
        ),
    ),
    (
        "{{$t := toDate \"2006-01-02T15:04:05Z07:00\" \"2020-05-06T07:08:09Z\"}}{{$t.UTC}} {{printf \"%v\" $t.UTC}} {{$t.UTC | toString}} {{$t.UTC.Year}} {{list $t.UTC}} {{toJson $t.UTC}}",
        Ok(
            "2020-05-06 07:08:09 +0000 UTC 2020-05-06 07:08:09 +0000 UTC 2020-05-06 07:08:09 +0000 UTC 2020 [2020-05-06 07:08:09 +0000 UTC] \"2020-05-06T07:08:09Z\"",
        ),
    ),
    (
        "{{date \"2006\" .}}{{fail \"x\"}}",
        Err("template: main:1:19: executing \"main\" at <fail \"x\">: error calling fail: x"),
    ),
    ("{{dateInZone \"2006-01-02\" .n \"UTC\" | len}}", Ok("10")),
    (
        "{{now.Format}}",
        Err(
            "template: main:1:2: executing \"main\" at <now>: wrong number of args for Format: want 1 got 0",
        ),
    ),
    (
        "{{ (now.UTC.Unix) | typeOf }} {{ now.Year | typeOf }} {{ typeOf now.Month }} {{ kindOf now.Month }} {{ typeOf now.Weekday }}",
        Ok("int64 int time.Month int time.Weekday"),
    ),
];

pub const VERSIONS: &[Case] = &[
    (
        "{{(semver \"1.2.3-alpha.1+123\").Major}} {{(semver \"1.2.3-alpha.1+123\").Minor}} {{(semver \"1.2.3-alpha.1+123\").Patch}} {{(semver \"1.2.3-alpha.1+123\").Prerelease}} {{(semver \"1.2.3-alpha.1+123\").Metadata}} {{(semver \"v1.2\").Original}} {{semver \"v1.2\"}} {{(semver \"1\").IncMajor}} {{(semver \"1.2.3\").IncMinor}} {{(semver \"1.2.3-b\").IncPatch}} {{(semver \"1.2.3\").IncPatch}}",
        Ok("1 2 3 alpha.1 123 v1.2 1.2.0 2.0.0 1.3.0 1.2.3 1.2.4"),
    ),
    (
        "{{semver \"x\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semver \"x\">: error calling semver: invalid semantic version",
        ),
    ),
    (
        "{{semver \"1.2.3.4\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semver \"1.2.3.4\">: error calling semver: invalid semantic version",
        ),
    ),
    (
        "{{semver \"1.2.3-01\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semver \"1.2.3-01\">: error calling semver: version segment starts with 0",
        ),
    ),
    (
        "{{semver \"01.2\"}} {{semver \"1.2.3-a..b\"}}",
        Err(
            "template: main:1:20: executing \"main\" at <semver \"1.2.3-a..b\">: error calling semver: invalid semantic version",
        ),
    ),
    (
        "{{(semver \"1.2.3\").Compare (semver \"1.2.4\")}} {{(semver \"1.2.3\").LessThan (semver \"1.2.4\")}} {{(semver \"1.2.3\").Equal (semver \"1.2.3\")}} {{(semver \"2\").GreaterThan (semver \"1\")}}",
        Ok("-1 true true true"),
    ),
    (
        "{{semver \"99999999999999999999\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semver \"99999999999999999999\">: error calling semver: error parsing version segment: strconv.ParseUint: parsing \"99999999999999999999\": value out of range",
        ),
    ),
    (
        "{{semverCompare \"nope\" \"1\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semverCompare \"nope\" \"1\">: error calling semverCompare: improper constraint: nope",
        ),
    ),
    (
        "{{semverCompare \">1\" \"nope\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semverCompare \">1\" \"nope\">: error calling semverCompare: invalid semantic version",
        ),
    ),
    ("{{semverCompare \"1.2.3\" \"1.2.3\"}}", Ok("true")),
    ("{{semverCompare \"^1.2.0\" \"1.2.3\"}}", Ok("true")),
    ("{{semverCompare \"^1.2.0\" \"2.0.0\"}}", Ok("false")),
    ("{{semverCompare \"~1.2.0\" \"1.2.9\"}}", Ok("true")),
    ("{{semverCompare \"~1.2\" \"1.3.0\"}}", Ok("false")),
    ("{{semverCompare \"~1\" \"1.9.0\"}}", Ok("true")),
    ("{{semverCompare \">=1.2, <2\" \"1.5.0\"}}", Ok("true")),
    ("{{semverCompare \">=1.2 <2\" \"2.0.0\"}}", Ok("false")),
    ("{{semverCompare \"1.2 - 1.4\" \"1.3.0\"}}", Ok("true")),
    ("{{semverCompare \"1.2 - 1.4\" \"1.5.0\"}}", Ok("false")),
    ("{{semverCompare \"1.2 - 1.4\" \"1.4.5\"}}", Ok("true")),
    ("{{semverCompare \"<1 || >=2\" \"1.5.0\"}}", Ok("false")),
    ("{{semverCompare \"<1 || >=2\" \"2.5.0\"}}", Ok("true")),
    ("{{semverCompare \"*\" \"9.9.9\"}}", Ok("true")),
    ("{{semverCompare \"1.x\" \"1.7.0\"}}", Ok("true")),
    ("{{semverCompare \"1.x\" \"2.0.0\"}}", Ok("false")),
    ("{{semverCompare \"1.2.x\" \"1.2.7\"}}", Ok("true")),
    ("{{semverCompare \"!=1.2.3\" \"1.2.3\"}}", Ok("false")),
    ("{{semverCompare \"!=1.2.x\" \"1.2.3\"}}", Ok("false")),
    ("{{semverCompare \"!=1.x\" \"1.2.3\"}}", Ok("false")),
    ("{{semverCompare \"!=1.x\" \"2.2.3\"}}", Ok("true")),
    ("{{semverCompare \">1\" \"1.5.0\"}}", Ok("false")),
    ("{{semverCompare \">1\" \"2.0.0\"}}", Ok("true")),
    ("{{semverCompare \">1.2\" \"1.2.5\"}}", Ok("false")),
    ("{{semverCompare \">1.2\" \"1.3.0\"}}", Ok("true")),
    ("{{semverCompare \"<=1\" \"1.9.0\"}}", Ok("true")),
    ("{{semverCompare \"<=1.2\" \"1.2.9\"}}", Ok("true")),
    ("{{semverCompare \"<=1.2\" \"1.3.0\"}}", Ok("false")),
    ("{{semverCompare \"^0.2.3\" \"0.2.9\"}}", Ok("true")),
    ("{{semverCompare \"^0.2.3\" \"0.3.0\"}}", Ok("false")),
    ("{{semverCompare \"^0.0.3\" \"0.0.3\"}}", Ok("true")),
    ("{{semverCompare \"^0.0.3\" \"0.0.4\"}}", Ok("false")),
    ("{{semverCompare \"^0\" \"0.9.0\"}}", Ok("true")),
    ("{{semverCompare \"^0.0\" \"0.0.9\"}}", Ok("true")),
    ("{{semverCompare \"^0.0\" \"0.1.0\"}}", Ok("false")),
    ("{{semverCompare \">=1.0.0\" \"1.1.0-beta\"}}", Ok("false")),
    ("{{semverCompare \">=1.0.0-0\" \"1.1.0-beta\"}}", Ok("true")),
    (
        "{{semverCompare \"^1.2.3-beta.2\" \"1.2.3-beta.4\"}}",
        Ok("true"),
    ),
    (
        "{{semverCompare \"~1.2.3-beta.2\" \"1.2.3-beta.1\"}}",
        Ok("false"),
    ),
    ("{{semverCompare \"=1.2\" \"1.2.8\"}}", Ok("true")),
    ("{{semverCompare \"=>1\" \"1.0.0\"}}", Ok("true")),
    ("{{semverCompare \"=<1\" \"1.0.0\"}}", Ok("true")),
    ("{{semverCompare \"~>1.2.3\" \"1.2.9\"}}", Ok("true")),
    ("{{semverCompare \"v1.2.3\" \"1.2.3\"}}", Ok("true")),
    ("{{semverCompare \" 1.2.3 \" \"1.2.3\"}}", Ok("true")),
    (
        "{{semverCompare \"1.2.3,\" \"1.2.3\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semverCompare \"1.2.3,\" \"1.2.3\">: error calling semverCompare: improper constraint: 1.2.3,",
        ),
    ),
    (
        "{{semverCompare \"\" \"\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semverCompare \"\" \"\">: error calling semverCompare: improper constraint: ",
        ),
    ),
    (
        "{{semverCompare \"\" \"1.0.0\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semverCompare \"\" \"1.0.0\">: error calling semverCompare: improper constraint: ",
        ),
    ),
    ("{{semverCompare \"1.2.3+x\" \"1.2.3+y\"}}", Ok("true")),
    ("{{semverCompare \"~0\" \"5.0.0\"}}", Ok("false")),
    ("{{semverCompare \"~0.0.0\" \"5.0.0\"}}", Ok("true")),
    (
        "{{semverCompare \">=1.2,<2,!=1.5.0\" \"1.5.0\"}}",
        Ok("false"),
    ),
    (
        "{{semverCompare \"1.2.3 || 1.2.4 || 1.2.5\" \"1.2.5\"}}",
        Ok("true"),
    ),
    ("{{semverCompare \"1.0 - 2.0 || 3\" \"3.4.5\"}}", Ok("true")),
    ("{{semverCompare \"> 1.2.3\" \"1.2.4\"}}", Ok("true")),
    ("{{semverCompare \"x\" \"1.2.3\"}}", Ok("true")),
    ("{{semverCompare \"1.x.3\" \"1.2.3\"}}", Ok("true")),
    (
        "{{semverCompare \"1.2.3.4\" \"1.2.3\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semverCompare \"1.2.3.4\" \"1.2.3\">: error calling semverCompare: improper constraint: 1.2.3.4",
        ),
    ),
    (
        "{{semverCompare \"=\" \"1\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semverCompare \"=\" \"1\">: error calling semverCompare: improper constraint: =",
        ),
    ),
    (
        "{{semverCompare \"1.2.3-\" \"1.2.3\"}}",
        Err(
            "template: main:1:2: executing \"main\" at <semverCompare \"1.2.3-\" \"1.2.3\">: error calling semverCompare: improper constraint: 1.2.3-",
        ),
    ),
];
