//! A headless Chromium, driven over the DevTools protocol.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use millrace_testkit::programs;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page. Dropping it ends it.
pub struct Browser {
    process: Child,
    runtime: Runtime,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    last: u64,
    _profile: TempDir,
}

impl Browser {
    /// Starts the browser with a page of this size.
    pub fn start(width: u32, height: u32) -> Self {
        let profile = TempDir::new().unwrap();
        let mut process = Command::new(programs::CHROMIUM.path().unwrap())
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--force-color-profile=srgb",
            ])
            .args(["--remote-debugging-port=0", "--remote-allow-origins=*"])
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let mut lines = stderr.lines().map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.split_once("listening on ")?.1.to_owned()));
        let address = address.expect("the browser says where it listens");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let runtime = Runtime::new().unwrap();
        let (socket, _) = runtime
            .block_on(tokio_tungstenite::connect_async(address.trim()))
            .unwrap();
        let mut browser = Self {
            process,
            runtime,
            socket,
            session: String::new(),
            last: 0,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        browser.call("Page.enable", json!({}));
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        browser.call("Emulation.setDeviceMetricsOverride", size);
        // Colours change at once then, and are read as they stay.
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        browser.call("Emulation.setEmulatedMedia", json!({"features": [still]}));
        browser
    }

    /// Calls a method of the protocol and waits for its answer.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let id = self.last;
        let mut question = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            question["sessionId"] = self.session.clone().into();
        }
        let socket = &mut self.socket;
        let answer = async {
            socket
                .send(Message::text(question.to_string()))
                .await
                .unwrap();
            loop {
                let message = socket.next().await.expect("the browser goes on").unwrap();
                let Ok(text) = message.into_text() else {
                    continue;
                };
                let answer: Value = serde_json::from_str(&text).unwrap_or_default();
                if answer["id"] == id {
                    return answer;
                }
            }
        };
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, answer).await });
        let answer = answer.unwrap_or_else(|_| panic!("{method} is not answered: {question}"));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Goes to a page.
    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(
            result.get("exceptionDetails").is_none(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Waits until an expression holds; it is asked whenever the page changes.
    pub fn wait_for(&mut self, expression: &str) {
        self.value(&format!(
            "new Promise((resolve) => {{
               const observer = new MutationObserver(() => check());
               const check = () => {{ if ({expression}) {{ observer.disconnect(); resolve(true); }} }};
               observer.observe(document, {{ subtree: true, childList: true, characterData: true, attributes: true }});
               addEventListener('load', check);
               check();
             }})"
        ));
    }

    /// Types a text where the focus is, as a keyboard does.
    pub fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str, code: u32, modifiers: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let physical = match key {
                "F" => "KeyF",
                key => key,
            };
            let params = json!({
                "type": kind, "key": key, "code": physical,
                "windowsVirtualKeyCode": code, "modifiers": modifiers,
            });
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// Puts the focus into a field and selects all of it.
    pub fn select(&mut self, id: &str) {
        self.value(&format!(
            "{{ const it = document.getElementById('{id}'); it.focus(); it.select(); }}"
        ));
    }

    /// Saves what the page looks like.
    pub fn picture(&mut self, path: &Path) {
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let save = json!({"data": picture["data"]});
        let data = save["data"].as_str().unwrap();
        std::fs::write(path, base64(data)).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for byte in text.bytes() {
        let Some(digit) = alphabet.iter().position(|it| *it == byte) else {
            continue;
        };
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
