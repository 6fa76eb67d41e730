//! `blobl server`: a page to write mappings on, that shows at once what they do.
//!
//! The page is part of the binary and asks for nothing else. It is served to this host alone unless
//! `--host` says otherwise. A mapping is evaluated in a process of its own (`evaluate`) that sees no
//! file and no environment variable unless `--trust-mappings` is given. What all requests take together
//! is bounded too (`room`).

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use millrace_component::read_text_file;
use millrace_components_http::server::Handler;
use millrace_components_http::{HttpConfig, HttpService};
use millrace_diagnostics::SourceMap;
use millrace_message::Value;
use millrace_spec::{FieldType, Literal, Node, ReadContext};
use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};

use super::evaluate::BODY_MAX;
use super::fmt::replace;
use crate::args::ServerArgs;
use crate::commands::{complain, print};

mod handler;
mod process;
mod room;

use handler::Playground;

/// What the page shows first.
const MAPPING: &str = "\
# Type here: the output below follows.
root = this
root.title = this.title.capitalize()
root.share = \"%v of %v messages\".format(this.delivered, this.received)
root.tags = this.tags.map_each(tag -> tag.uppercase()).sort()
root.read_at = deleted()
meta topic = this.tags.index(0)
";
const INPUT: &str = r#"{
  "title": "nothing lost",
  "received": 1200,
  "delivered": 1200,
  "tags": ["streams", "acks"],
  "read_at": "2024-02-29T12:00:00Z"
}
"#;

/// How long requests under way may take when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// Serves the playground until it is asked to stop.
pub fn server(args: &ServerArgs) -> ExitCode {
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &ServerArgs) -> Result<(), String> {
    let texts = Texts::read(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("start the runtime: {error}"))?;
    runtime.block_on(async {
        let service = HttpService::within(config(&args.host, args.port)?, room::LIMITS);
        let service = service.map_err(|error| error.to_string())?;
        let playground = Playground::new(args, texts);
        let handler: Arc<dyn Handler> = Arc::new(playground);
        let mount = service.mount("/", "The playground.", &handler);
        let _mount = mount.map_err(|error| error.to_string())?;
        let address = service
            .start()
            .await
            .map_err(|error| cannot_listen(error.text()))?;
        let port = address.map_or(args.port, |it| it.port());
        let url = format!("http://{}:{port}", shown(&args.host));
        print(&format!("The playground is at {url}\n"));
        if !args.no_open {
            open(&url);
        }
        wait_for_signal().await?;
        service.close(GRACE).await;
        Ok(())
    })
}

/// The reason, without the field of a config that has no part in it.
fn cannot_listen(reason: &str) -> String {
    let reason = reason.strip_prefix("`http.address`: ").unwrap_or(reason);
    format!("{reason} (`--host` and `--port` say where)")
}

/// The texts of the page, and the files that they are saved to.
struct Texts {
    mapping: Text,
    input: Text,
    /// When the page has changed them last, by its own clock: an older change that comes late
    /// changes nothing.
    edited: Mutex<u64>,
}

struct Text {
    text: Mutex<String>,
    saved_to: Option<PathBuf>,
}

impl Texts {
    fn read(args: &ServerArgs) -> Result<Self, String> {
        let read = |path: &Option<PathBuf>, default: &str| {
            let text = match path {
                None => default.to_owned(),
                // The page sends it back, within a question.
                Some(path) => match read_text_file(path, BODY_MAX) {
                    Ok(text) => text,
                    Err(error) if args.write && error.is_not_found() => default.to_owned(),
                    Err(error) => return Err(format!("read {}: {error}", path.display())),
                },
            };
            Ok(Text {
                text: Mutex::new(text),
                saved_to: path.clone().filter(|_| args.write),
            })
        };
        Ok(Self {
            mapping: read(&args.mapping_file, MAPPING)?,
            input: read(&args.input_file, INPUT)?,
            edited: Mutex::default(),
        })
    }

    /// How many bytes they have together.
    fn len(&self) -> usize {
        self.mapping.text.lock().len() + self.input.text.lock().len()
    }

    /// Takes over what the page has; says what could not be saved.
    fn update(&self, mapping: &str, input: &str, edited: u64) -> Option<String> {
        let mut last = self.edited.lock();
        if edited < *last {
            return None;
        }
        *last = edited;
        let errors =
            [(&self.mapping, mapping), (&self.input, input)].map(|(text, new)| text.update(new));
        errors.into_iter().flatten().next()
    }
}

impl Text {
    fn update(&self, new: &str) -> Option<String> {
        let mut text = self.text.lock();
        if *text == new {
            return None;
        }
        new.clone_into(&mut text);
        let path: &Path = self.saved_to.as_deref()?;
        let error = replace(path, new).err()?;
        Some(format!("save {}: {error}", path.display()))
    }

    fn value(&self) -> Value {
        Value::from(self.text.lock().as_str())
    }
}

/// The config of the HTTP server.
fn config(host: &str, port: u16) -> Result<HttpConfig, String> {
    let address = format!("{}:{port}", shown(host));
    let fields = [
        ("address".into(), Literal::from(address)),
        ("root_path".into(), Literal::from("/")),
    ];
    let sources = Arc::new(SourceMap::new());
    let place = millrace_diagnostics::Span::new(sources.add("--host", host), 0, host.len());
    let mut cx = ReadContext::new(sources);
    let node = Node::from_literal(&Literal::Map(fields.into()), place);
    HttpConfig::read(&node, &mut cx).ok_or_else(|| {
        let complaint = cx.diagnostics().iter().next();
        complaint.map_or_else(String::new, |it| it.message.clone())
    })
}

/// A host as it stands in a URL.
fn shown(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Opens a browser. Where there is none, the address has been printed.
fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = std::process::Command::new(opener);
    command.arg(url).stdout(Stdio::null()).stderr(Stdio::null());
    let _no_browser = command.spawn();
}

async fn wait_for_signal() -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|error| format!("listen for signals: {error}"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
