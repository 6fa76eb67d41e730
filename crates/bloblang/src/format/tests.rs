use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let formatted = format(text).unwrap_or_else(|errors| panic!("{text}\n{errors:?}"));
    assert_eq!(formatted, expected);
    assert_eq!(format(&formatted).as_deref(), Ok(expected), "a second time");
}

#[test]
fn blanks_are_settled() {
    check(
        "root.a   =  this.b+1*( 2-  -3 )  |null\r\nroot.b = ! this.c&&-this.d  >=- 5",
        "root.a = this.b + 1 * (2 - -3) | null\nroot.b = !this.c && -this.d >= -5\n",
    );
    check(
        "root = this.foo[ 0 ].bar( a:1,b: [ 1,2 , ] )[ 1 : ][:-1]\n",
        "root = this.foo[0].bar(a: 1, b: [1, 2])[1:][:-1]\n",
    );
    check(
        "root = {\"a\" :1 , (this.k):{} , \"c\": @ , \"d\": @key.or( $v ),}",
        "root = {\"a\": 1, (this.k): {}, \"c\": @, \"d\": @key.or($v)}\n",
    );
    check(
        "root = this.map_each( x ->x*2 )",
        "root = this.map_each(x -> x * 2)\n",
    );
    check("  this.foo.( bar )", "this.foo.(bar)\n");
}

#[test]
fn blocks_open_on_the_line_of_their_condition() {
    check(
        "if this.a\n{\nroot.b = 1\n\n\n}\nelse if this.c {root.d = 2}\n\n\n\nelse\n{\n\nmeta k = 3\n}",
        "if this.a {\n  root.b = 1\n} else if this.c { root.d = 2 } else {\n  meta k = 3\n}\n",
    );
    check(
        "root = match this\n{ this == 1 => {\"a\":[]}, {} => 2,\n-5=>if x\n{1} else{ 2 }\n_ => 3 }",
        "root = match this { this == 1 => {\"a\": []}, {} => 2,\n  -5 => if x { 1 } else { 2 }\n  _ => 3 }\n",
    );
    check(
        "root = match { this.a => 1 }",
        "root = match { this.a => 1 }\n",
    );
    check(
        "root = match {\"a\": 1} { _ => 1 }",
        "root = match {\"a\": 1} { _ => 1 }\n",
    );
    check(
        "map m{root = this}\nroot = this.apply(\"m\")",
        "map m { root = this }\nroot = this.apply(\"m\")\n",
    );
}

#[test]
fn a_field_that_is_named_like_a_keyword_stays_on_its_line() {
    let text = "root = match this { _ => {} }\nelse = 1\nif.match = this.if - this.match\n";
    check(text, text);
}

#[test]
fn lines_are_indented_by_what_is_open_and_by_what_goes_on() {
    check(
        "root = this.foo.\nfilter(x -> x.a > 1 &&\nx.b).\n    map_each(x -> {\n\"a\": x,\n      \"b\": [\n1,\n  ],\n  }).\n sort()\n",
        "root = this.foo.\n  filter(x -> x.a > 1 &&\n      x.b).\n  map_each(x -> {\n    \"a\": x,\n    \"b\": [\n      1,\n    ],\n  }).\n  sort()\n",
    );
}

#[test]
fn comments_stay_and_are_indented_with_what_they_stand_by() {
    check(
        "\n\n#!first  \nroot = {   # why\n# of a\n\"a\": 1 # one\n\n\n# of the end\n}\n   # last\n\n",
        "#!first\nroot = { # why\n  # of a\n  \"a\": 1 # one\n\n  # of the end\n}\n# last\n",
    );
    check(
        "root = this. # dot\n# own line\nfoo\nif true { # begin\n}\n# between\nelse { }",
        "root = this. # dot\n  # own line\n  foo\nif true { # begin\n}\n# between\nelse {}\n",
    );
}

#[test]
fn strings_keep_their_spelling_and_what_is_in_them() {
    check(
        "root.\"a  b\" =\t\"# no  comment\\t☺\" + \"\"\"\n  kept # as\r\n it is  \n\"\"\"",
        "root.\"a  b\" = \"# no  comment\\t☺\" + \"\"\"\n  kept # as\r\n it is  \n\"\"\"\n",
    );
}

#[test]
fn a_field_of_a_number_does_not_become_its_fraction() {
    check("root = 5. 5", "root = 5. 5\n");
    check("root = 5. abs( )", "root = 5.abs()\n");
}

#[test]
fn what_cannot_be_parsed_is_not_formatted() {
    let errors = format("root = \nroot.a = 1 +").unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
}
