//! How connections are made and kept.

use millrace_spec::Spec;

/// How connections are made and kept.
#[derive(Clone, Debug, Spec)]
pub struct TransportConfig {
    /// Making a connection.
    pub dial_context: DialContext,
    /// Whether HTTP/2 is offered to servers with TLS.
    #[spec(default = true)]
    pub force_http2: bool,
    /// How many idle connections are kept.
    #[spec(default = 100)]
    pub max_idle_connections: usize,
    /// How long an idle connection is kept.
    #[spec(default = "90s")]
    pub idle_connection_timeout: millrace_spec::Duration,
    /// How long a TLS handshake may take; 0 for ever.
    #[spec(default = "10s")]
    pub tls_handshake_timeout: millrace_spec::Duration,
    /// How long a request that announces its body waits for the server to want it.
    #[spec(
        default = "1s",
        unsupported = "no request announces its body with `Expect`"
    )]
    #[expect(dead_code, reason = "any value but the default is refused")]
    expect_continue_timeout: millrace_spec::Duration,
}

/// As a config that names none of the fields.
impl Default for TransportConfig {
    fn default() -> Self {
        let seconds = |seconds| std::time::Duration::from_secs(seconds).into();
        Self {
            dial_context: DialContext {
                timeout: seconds(30),
                keep_alive: seconds(30),
            },
            force_http2: true,
            max_idle_connections: 100,
            idle_connection_timeout: seconds(90),
            tls_handshake_timeout: seconds(10),
            expect_continue_timeout: seconds(1),
        }
    }
}

/// Making a connection.
#[derive(Clone, Debug, Spec)]
pub struct DialContext {
    /// How long it may take; 0 for ever.
    #[spec(default = "30s")]
    pub timeout: millrace_spec::Duration,
    /// The pause between probes of an idle connection; 0 for none.
    #[spec(default = "30s")]
    pub keep_alive: millrace_spec::Duration,
}
