//! How a cluster is reached over the network.

pub mod sasl;

use std::sync::Arc;

use millrace_kafka_client::{Cluster, Settings};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, codes};
use millrace_tls::TlsConfig;

use crate::failure::not_reached;

/// The port of an address that names none.
const PORT: u16 = 9092;

/// How a cluster is reached. Each connect reads the files of certificates anew.
#[derive(Clone)]
pub struct Client {
    settings: Settings,
    tls: Option<TlsConfig>,
}

impl Client {
    pub fn new(settings: Settings, tls: Option<&TlsConfig>) -> Self {
        Self {
            settings,
            tls: tls.filter(|it| it.enabled).cloned(),
        }
    }

    /// Connects to the first broker that answers.
    ///
    /// # Errors
    /// `Fatal` when the certificates cannot be used, `Rejected` when the broker does not let this
    /// client in, else `NotConnected`.
    pub async fn connect(&self) -> Result<Arc<Cluster>, Error> {
        let mut settings = self.settings.clone();
        if let Some(tls) = self.tls.clone() {
            let read = tokio::task::spawn_blocking(move || tls.client_config()).await;
            let config = read.map_err(|error| Error::fatal(format!("tls: {error}")))?;
            settings.tls = Some(config?);
        }
        let cluster = Cluster::connect(settings).await;
        cluster.map_err(|error| not_reached(&error))
    }
}

/// The addresses of a list whose items may hold several, separated by commas.
pub fn addresses(items: &[String]) -> Vec<String> {
    let addresses = items.iter().flat_map(|it| it.split(',')).map(str::trim);
    let addresses = addresses.filter(|it| !it.is_empty());
    addresses.map(with_port).collect()
}

fn with_port(address: &str) -> String {
    // An address of IP version 6 has colons of its own.
    let after_host = address.rfind(']').map_or(address, |at| &address[at..]);
    match after_host.contains(':') {
        true => address.to_owned(),
        false => format!("{address}:{PORT}"),
    }
}

/// A lint: complains of a list without any address, and of what stands for one in documentation.
#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
pub fn some_address(items: &Vec<String>, node: &Node, cx: &mut ReadContext) {
    let nodes = node.as_sequence().unwrap_or_default();
    let open = nodes
        .iter()
        .find(|it| it.text().is_some_and(|it| it.starts_with("TODO")));
    let message = match open {
        Some(open) if cx.is_placeholder(open) => return,
        Some(_) => "`TODO` is no address of a broker",
        None if addresses(items).is_empty() => "there is no address of a broker",
        None => return,
    };
    let place = open.or(nodes.first()).unwrap_or(node);
    cx.error(codes::INVALID_VALUE, place.span, message).help =
        Some("name at least one, as HOST:PORT".to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_separated_and_get_the_usual_port() {
        let items = ["a:1, b ,".to_owned(), "[::1]".to_owned(), "[::1]:2".into()];
        let expected = ["a:1", "b:9092", "[::1]:9092", "[::1]:2"];
        assert_eq!(addresses(&items), expected);
        assert!(addresses(&[" , ".to_owned()]).is_empty());
    }
}
