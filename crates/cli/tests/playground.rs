//! The playground, as a browser and as other programs see it.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use millrace_testkit::http::{self, Response};
use millrace_testkit::millrace::{self, Millrace};
use millrace_testkit::poll::{self, PATIENCE};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "playground/browser.rs"]
mod browser;

use browser::Browser;

/// A running playground.
struct Playground {
    url: String,
    process: Millrace,
}

impl Playground {
    fn start(args: &[&str]) -> Self {
        let mut command = millrace::command().unwrap();
        command.args([
            "blobl",
            "server",
            "--no-open",
            "--port",
            "0",
            "--host",
            "127.0.0.1",
        ]);
        command.args(args).env("SECRET", "swordfish");
        let process = Millrace::start(&mut command).unwrap();
        let url = poll::until("the playground listens", PATIENCE, || {
            let lines = process.stdout_lines();
            let url = lines
                .iter()
                .find_map(|it| it.strip_prefix("The playground is at "));
            url.map(str::to_owned)
        });
        Self {
            url: url.unwrap(),
            process,
        }
    }

    fn ask(&self, path: &str, body: &Value) -> Response {
        let headers = [("Content-Type", "application/json")];
        let url = format!("{}{path}", self.url);
        http::request("POST", &url, &headers, body.to_string().as_bytes()).unwrap()
    }

    fn execute(&self, mapping: &str, input: &str) -> Value {
        let answer = self.ask("/execute", &json!({"mapping": mapping, "input": input}));
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }
}

#[test]
fn what_one_types_is_mapped_and_what_is_wrong_is_underlined() {
    let playground = Playground::start(&[]);
    let mut browser = Browser::start(1280, 800);
    browser.open(&playground.url);
    // The example that the page begins with works.
    browser.wait_for("document.getElementById('status').dataset.state === 'good'");
    let shown = browser.value("document.getElementById('output').textContent");
    assert!(
        shown
            .as_str()
            .unwrap()
            .contains("\"share\": \"1200 of 1200 messages\""),
        "{shown}"
    );

    browser.select("input");
    browser.type_text("{\"name\": \"mill\"}");
    browser.select("mapping");
    browser.type_text("root.name = this.name.uppercase()\nmeta size = 4");
    browser.wait_for("document.getElementById('output').textContent.includes('MILL')");
    let shown = browser.value("document.getElementById('output').textContent.trim()");
    assert_eq!(shown, "{\n  \"name\": \"MILL\"\n}");
    let metadata = browser.value("document.getElementById('metadata').textContent");
    assert!(
        metadata.as_str().unwrap().contains("\"size\": 4"),
        "{metadata}"
    );
    assert_eq!(
        browser.value("document.querySelectorAll('.error').length"),
        0
    );

    browser.select("mapping");
    browser.type_text("root.name = this.name.uppercas()");
    browser.wait_for("document.querySelector('.mapping .error') !== null");
    let marked = browser.value("document.querySelector('.mapping .error').textContent");
    assert_eq!(marked, "uppercas");
    let line =
        browser.value("getComputedStyle(document.querySelector('.error')).textDecorationLine");
    assert_eq!(line, "underline");
    let told = browser.value("document.getElementById('problems').innerText");
    let told = told.as_str().unwrap();
    assert!(
        told.contains("1:23") && told.contains("uppercase"),
        "{told}"
    );
    assert_eq!(
        browser.value("document.getElementById('mapping').getAttribute('aria-invalid')"),
        "true"
    );

    // The problem leads to its place.
    browser.value("document.querySelector('#problems button').click()");
    let selected = "document.getElementById('mapping'); mapping.value.slice(mapping.selectionStart, mapping.selectionEnd)";
    assert_eq!(browser.value(selected), "uppercas");
    drop(browser);
    assert!(
        playground.process.stderr_lines().is_empty(),
        "{:?}",
        playground.process.stderr_lines()
    );
}

#[test]
fn the_page_is_used_by_keyboard_alone() {
    let playground = Playground::start(&[]);
    let mut browser = Browser::start(1280, 800);
    browser.open(&playground.url);
    browser.wait_for("document.getElementById('status').dataset.state === 'good'");
    browser.select("mapping");
    browser.type_text("root.a   =  [ 1,2 ]");
    // Enter keeps the indentation and goes further in after a bracket.
    browser.press("F", 70, 1 | 8);
    browser.wait_for("document.getElementById('mapping').value === 'root.a = [1, 2]\\n'");
    // Everything has a name, and is reached in the order in which it is read.
    let unnamed = browser.value(
        "[...document.querySelectorAll('button, textarea, [tabindex]')].filter((it) => \
         it.offsetParent !== null && !(it.labels?.length || it.getAttribute('aria-labelledby') || it.textContent.trim())).length",
    );
    assert_eq!(unnamed, 0);
    let mut order = Vec::new();
    browser
        .value("document.activeElement.blur(); document.body.tabIndex = -1; document.body.focus()");
    for _ in 0..7 {
        browser.press("Tab", 9, 0);
        order.push(browser.value("document.activeElement.id || document.activeElement.className"));
    }
    assert_eq!(
        json!(order),
        json!([
            "skip", "format", "theme", "mapping", "input", "copy", "result"
        ])
    );
}

#[test]
fn light_and_dark_have_enough_contrast() {
    let playground = Playground::start(&[]);
    let mut browser = Browser::start(1280, 800);
    browser.open(&playground.url);
    browser.wait_for("document.getElementById('status').dataset.state === 'good'");
    browser.select("mapping");
    browser.type_text("# c\nlet a = \"s\"\nmeta b = $a.uppercase() + 5 + nope()");
    browser.wait_for("document.querySelector('.mapping .error') !== null");
    let contrast = "
        (() => {
          const light = (colour) => {
            const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((it) => it / 255)
              .map((it) => it <= 0.03928 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
          };
          const ground = (it) => {
            for (; it; it = it.parentElement) {
              const colour = getComputedStyle(it).backgroundColor;
              if (!/, 0\\)$/.test(colour)) return light(colour);
            }
            return 1;
          };
          let worst = [21, ''];
          for (const it of document.querySelectorAll('.paint *, .note, h1, h2, button, .status, .problems span')) {
            if (it.disabled || it.textContent.trim() === '') continue;
            const [a, b] = [light(getComputedStyle(it).color), ground(it)];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < worst[0]) worst = [ratio, it.className + ' ' + it.textContent];
          }
          return worst;
        })()";
    for _ in 0..2 {
        let theme = browser.value("document.documentElement.dataset.theme");
        let worst = browser.value(contrast);
        assert!(worst[0].as_f64().unwrap() >= 4.5, "{theme}: {worst}");
        browser.value("document.getElementById('theme').click()");
    }
}

#[test]
fn the_answer_has_bentos_fields() {
    let playground = Playground::start(&[]);
    let answer = playground.execute("root.a = this.b", "{\"b\":1}");
    assert_eq!(answer["result"], "{\n  \"a\": 1\n}");
    assert_eq!(
        (&answer["parse_error"], &answer["mapping_error"]),
        (&Value::Null, &Value::Null)
    );
    let answer = playground.execute("root = this.b.uppercase()", "{\"b\":1}");
    assert!(
        answer["mapping_error"].as_str().unwrap().contains("line 1"),
        "{answer}"
    );
    let answer = playground.execute("root =", "");
    assert!(
        answer["parse_error"]
            .as_str()
            .unwrap()
            .starts_with("line 1 char "),
        "{answer}"
    );
}

#[test]
fn a_mapping_sees_neither_files_nor_variables_unless_it_is_trusted() {
    let folder = TempDir::new().unwrap();
    let mapping = folder.path().join("mapping.blobl");
    std::fs::write(&mapping, "root = this").unwrap();
    std::fs::write(folder.path().join("data.txt"), "from a file").unwrap();
    let asked = "root.a = env(\"SECRET\")\nroot.b = file_rel(\"data.txt\").string()";
    let with_mapping = ["--mapping-file", mapping.to_str().unwrap()];

    let playground = Playground::start(&with_mapping);
    let answer = playground.execute(asked, "{}");
    assert_eq!(answer["errors"].as_array().unwrap().len(), 2, "{answer}");
    assert!(!answer.to_string().contains("swordfish"));

    let playground = Playground::start(&[&with_mapping[..], &["--trust-mappings"]].concat());
    let answer = playground.execute(asked, "{}");
    let result: Value = serde_json::from_str(answer["result"].as_str().unwrap()).unwrap();
    assert_eq!(result, json!({"a": "swordfish", "b": "from a file"}));
}

#[test]
fn what_takes_too_long_or_too_much_ends_and_the_playground_goes_on() {
    let playground = Playground::start(&[]);
    let endless = "map m { root = range(0, 3000).map_each(a -> range(0, 3000).fold(0, x -> x.tally + 1)) }\nroot = range(0, 3000).map_each(x -> range(0, 1).apply(\"m\").length())";
    let answer = playground.execute(endless, "{}");
    let told = answer["mapping_error"].as_str().unwrap();
    assert!(told.contains("more than 2 seconds"), "{told}");
    let huge = "root = range(0, 9).map_each(x -> \"x\".repeat(200000000 + x)).length()";
    let answer = playground.execute(huge, "{}");
    let told = answer["mapping_error"].as_str().unwrap();
    assert!(told.contains("more than 134217728 bytes"), "{told}");
    assert!(
        told.contains("in a config, raise `mapping_limits.bytes`"),
        "{told}"
    );
    for map in [
        "root = this.apply(\"a\")",
        "root.b = [this].map_each(x -> if true { x.apply(\"a\") })",
    ] {
        let recursion = format!("map a {{ {map} }}\nroot = this.apply(\"a\")");
        let answer = playground.execute(&recursion, "{}");
        let told = answer["mapping_error"].as_str().unwrap();
        assert!(told.contains("maximum allowed stacks of 5000"), "{told}");
    }
    assert_eq!(playground.execute("root = 1", "")["result"], "1");
    let answer = playground.ask(
        "/execute",
        &json!({"mapping": "x".repeat(5 << 20), "input": ""}),
    );
    assert_eq!(answer.status, 413);
}

/// The most memory that a process has had, in bytes.
fn memory_peak(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let peak = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let kilobytes = peak.unwrap().trim().strip_suffix(" kB").unwrap();
    kilobytes.parse::<usize>().unwrap() << 10
}

#[test]
fn many_large_requests_together_stay_within_the_bound_of_all() {
    let playground = Playground::start(&[]);
    let input = "x".repeat((4 << 20) - 100);
    let question = json!({"mapping": "root = 1", "input": input});
    let ask = || playground.ask("/execute", &question).status;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..64).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(
        statuses.iter().all(|it| [200, 503].contains(it)),
        "{statuses:?}"
    );
    let peak = memory_peak(playground.process.id());
    assert!(peak < 320 << 20, "{} MiB", peak >> 20);
    assert_eq!(playground.execute("root = 1", "")["result"], "1");
}

#[test]
fn a_long_mapping_is_formatted_within_the_bounds_of_an_evaluation() {
    let playground = Playground::start(&[]);
    let maps: String = (0..8_000)
        .map(|n| format!("map m{n} {{ root  =  this }}\n"))
        .collect();
    let answer = playground.ask("/format", &json!({ "mapping": maps }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["errors"], json!([]));
    let formatted = body["mapping"].as_str().unwrap();
    assert!(
        formatted.contains("map m7999 { root = this }"),
        "{formatted}"
    );
    let answer = playground.ask("/format", &json!({ "input": "" }));
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn pages_of_other_sites_are_refused() {
    let playground = Playground::start(&[]);
    let url = format!("{}/execute", playground.url);
    let body = json!({"mapping": "root = 1", "input": ""}).to_string();
    let plain = http::request(
        "POST",
        &url,
        &[("Content-Type", "text/plain")],
        body.as_bytes(),
    );
    assert_eq!(plain.unwrap().status, 415);
    // As a name that a page elsewhere has pointed at this address.
    let mut stream = TcpStream::connect(playground.url.strip_prefix("http://").unwrap()).unwrap();
    stream
        .write_all(b"GET /state HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(!answer.contains("root"), "{answer}");
    let page = http::get(&playground.url).unwrap();
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
}

#[test]
fn changes_are_saved_only_when_that_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let (mapping, input) = (folder.path().join("m.blobl"), folder.path().join("in.json"));
    std::fs::write(&mapping, "root = 1").unwrap();
    let files = [
        "-m",
        mapping.to_str().unwrap(),
        "-i",
        input.to_str().unwrap(),
    ];
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();

    let playground = Playground::start(&files[..2]);
    playground.execute("root = 2", "");
    assert_eq!(read(&mapping), "root = 1");

    let playground = Playground::start(&[&files[..], &["--write"]].concat());
    let state: Value = serde_json::from_slice(
        &http::get(&format!("{}/state", playground.url))
            .unwrap()
            .body,
    )
    .unwrap();
    assert_eq!(
        (&state["mapping"], &state["saves"]),
        (&"root = 1".into(), &true.into())
    );
    let change =
        |mapping: &str, edited: u64| json!({"mapping": mapping, "input": "in", "edited": edited});
    playground.ask("/execute", &change("root = 3", 20));
    assert_eq!(
        (read(&mapping), read(&input)),
        ("root = 3".to_owned(), "in".to_owned())
    );
    // A change that comes late is not the last one.
    playground.ask("/execute", &change("root = 2", 10));
    assert_eq!(read(&mapping), "root = 3");
}

#[test]
fn a_port_that_is_taken_is_told_with_the_way_out() {
    let playground = Playground::start(&[]);
    let port = playground.url.rsplit(':').next().unwrap();
    let output = millrace::command()
        .unwrap()
        .args([
            "blobl",
            "playground",
            "-n",
            "-p",
            port,
            "--host",
            "127.0.0.1",
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("--port"), "{told}");
}

/// Saves pictures of the page into the folder that this variable names, for people to look at.
#[test]
fn the_page_can_be_pictured() {
    let folder = TempDir::new().unwrap();
    let named = std::env::var_os("MILLRACE_PICTURES");
    let target = named.as_deref().map_or(folder.path(), Path::new);
    for (name, width, height) in [("wide", 1440, 900), ("narrow", 420, 900)] {
        // Of its own: a playground remembers what was typed.
        let playground = Playground::start(&[]);
        let mut browser = Browser::start(width, height);
        browser.open(&playground.url);
        browser.wait_for("document.getElementById('status').dataset.state === 'good'");
        let wrong = "root = this\nroot.title = this.title.capitalise()\n# shares\nroot.share = if this.delivered == this.received { \"all\" } else {\nroot.tags = this.tags.map_each(tag -> tag.uppercase())\n";
        for theme in ["light", "dark"] {
            browser.value(&format!("theme('{theme}')"));
            browser.picture(&target.join(format!("{name}-{theme}.png")));
        }
        browser.select("mapping");
        browser.type_text(wrong);
        browser.wait_for("document.querySelector('.mapping .error') !== null");
        for theme in ["light", "dark"] {
            browser.value(&format!("theme('{theme}')"));
            let path = target.join(format!("{name}-{theme}-errors.png"));
            browser.picture(&path);
            assert!(path.metadata().unwrap().len() > 10_000);
        }
    }
}
