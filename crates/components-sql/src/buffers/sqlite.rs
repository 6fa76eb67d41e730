//! The `sqlite` buffer.

mod reserve;
mod store;

use millrace_component::{
    BufferConfig, BuildContext, BuiltBuffer, Descriptor, Guarantee, ProcessorChild,
};
use millrace_durable_buffer::{DurableBuffer, Options};
use millrace_message::Error;
use millrace_spec::{ByteSize, Node, ReadContext, Spec, codes};

use store::Database;

/// Stores messages in an SQLite database and acknowledges them to the input.
///
/// A message is acknowledged when the transaction that stores it is on disk: the database is in
/// WAL mode with `synchronous=FULL`, and everything that waits is committed in one step. It is
/// deleted when the output has accepted it. After a restart, a crash, or a power cut the buffer
/// begins with the oldest message that was not deleted; a message whose deletion was not on disk
/// yet is delivered again. A message that the output does not accept is sent again from the
/// buffer, after a growing pause.
///
/// Messages that arrive as a batch leave as that batch. The database belongs to one process.
///
/// On a full disk nothing is stored, and the input hears of it; what is stored is delivered, and
/// leaves the database in room that a file beside it keeps, `path` with `-reserve` and 8 MiB long.
/// Once all of it is delivered the database is shortened.
///
/// ```yaml
/// input:
///   http_server: { path: /events }
/// buffer:
///   sqlite:
///     path: ./events.db
/// output:
///   http_client: { url: "http://localhost:8080/events" }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(buffer = "sqlite", status = "stable", category = "Utility")]
pub struct Config {
    /// The file of the database, created when it does not exist.
    #[spec(example = "./buffer.db", lint = check_path)]
    path: String,
    /// Processors that messages pass before they are stored, such as one that compresses them.
    pre_processors: Option<Vec<ProcessorChild>>,
    /// Processors that messages pass after they left the buffer, such as one that undoes it.
    post_processors: Option<Vec<ProcessorChild>>,
    /// How many bytes of messages may be stored; the input waits while there is no room. A batch
    /// above it is taken once the buffer is empty. The file keeps its size when messages leave it.
    #[spec(default = "1GiB", advanced)]
    max_bytes: ByteSize,
}

/// The operating system takes the zero byte for the end of a name.
fn check_path(path: &String, node: &Node, cx: &mut ReadContext) {
    if path.contains('\0') {
        let message = "field path has a zero byte, which no name of a file can have";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

impl BufferConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltBuffer, Error> {
        let database = Database::open(&self.path)
            .map_err(|error| error.context(format_args!("path: open `{}`", self.path)))?;
        let options = Options {
            place: self.path.clone(),
            pre_processors: self.pre_processors.as_deref(),
            post_processors: self.post_processors.as_deref(),
            bytes_max: self.max_bytes.0,
        };
        Ok(Box::new(DurableBuffer::new(database, options, cx)?))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::WhenDurable
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::buffer::<Config>();

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Workbench};

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite_keeps_the_promises_of_a_buffer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("buffer.db");
        let yaml = format!("sqlite: {{ path: '{}' }}", path.display());
        conformance::buffer(|| Workbench::new([crate::BUFFERS]), &yaml).await;
    }
}
