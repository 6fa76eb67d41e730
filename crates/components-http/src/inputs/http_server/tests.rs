//! The `http_server` input against real clients.
