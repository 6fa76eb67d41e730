//! TLS for PostgreSQL, in the meanings of `sslmode`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use millrace_message::Error;
use millrace_tls::pem;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::dsn::{PostgresTarget, SslMode};

/// What upgrades a connection.
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// TLS as the target asks for it.
    ///
    /// # Errors
    /// A certificate or key file cannot be read.
    pub fn new(target: &PostgresTarget) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::fatal(format!("TLS: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(target, provider)?));
        let config = match &target.ssl_client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = pem::private_key_of_file(key)
                    .map_err(|reason| file_error("sslkey", key, &reason))?;
                builder
                    .with_client_auth_cert(certificates("sslcert", certificate)?, key)
                    .map_err(|error| Error::fatal(format!("`sslcert`: {error}")))?
            }
        };
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

fn certificates(field: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    pem::certificates_of_file(path).map_err(|reason| file_error(field, path, &reason))
}

fn file_error(field: &str, path: &str, reason: &str) -> Error {
    Error::fatal(format!("`{field}`: read `{path}`: {reason}"))
}

/// Verifies as much of a certificate as the mode asks for; signatures always.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None` accepts any certificate.
    chain: Option<Arc<WebPkiServerVerifier>>,
    verify_host: bool,
}

impl Verifier {
    fn new(target: &PostgresTarget, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let verify_chain = match target.ssl_mode {
            SslMode::VerifyCa | SslMode::VerifyFull => true,
            SslMode::Require => target.ssl_root_cert.is_some(),
            SslMode::Disable | SslMode::Prefer => false,
        };
        let chain = match verify_chain {
            false => None,
            true => {
                let roots = Arc::new(roots(target.ssl_root_cert.as_deref())?);
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                let verifier = verifier.build();
                Some(verifier.map_err(|error| Error::fatal(format!("`sslrootcert`: {error}")))?)
            }
        };
        Ok(Self {
            provider,
            chain,
            verify_host: target.ssl_mode == SslMode::VerifyFull,
        })
    }
}

fn roots(file: Option<&str>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let found = match file {
        Some(file) => certificates("sslrootcert", file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (added, _ignored) = roots.add_parsable_certificates(found);
    if added == 0 {
        return Err(Error::fatal(
            "no trusted certificates are found: name a file by `sslrootcert`",
        ));
    }
    Ok(roots)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last, after the chain was found valid.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.verify_host => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type TlsConnect = Upgrade;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Upgrade, Self::Error> {
        // A socket in the file system has no name and no TLS.
        let name = if host.is_empty() { "localhost" } else { host };
        Ok(Upgrade {
            connector: TlsConnector::from(Arc::clone(&self.config)),
            name: ServerName::try_from(name.to_owned())?,
        })
    }
}

/// Upgrades one connection.
pub struct Upgrade {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl<S> TlsConnect<S> for Upgrade
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Stream) })
    }
}

/// An upgraded connection.
pub struct Stream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::pem::KeyWithoutBreaks;

    use super::*;
    use crate::dsn::Target;
    use crate::fields::Driver;

    #[test]
    fn a_private_key_whose_line_breaks_are_lost_is_not_quoted() {
        let files = KeyWithoutBreaks::write().unwrap();
        let KeyWithoutBreaks { chain, key, .. } = &files;
        for query in [
            format!("sslmode=require&sslcert={chain}&sslkey={key}"),
            format!("sslmode=verify-ca&sslrootcert={key}"),
        ] {
            let dsn = format!("postgres://u:p@localhost/db?{query}");
            let Ok(Target::Postgres(target)) = Target::parse(Driver::Postgres, &dsn) else {
                panic!("{dsn} is a DSN of PostgreSQL");
            };
            let error = Tls::new(&target).err().unwrap();
            let text = error.text();
            assert!(text.starts_with("`ssl"), "{text}");
            assert!(!files.is_quoted_in(text), "{text}");
        }
    }
}
