//! SaslHandshake and SaslAuthenticate of a client that has logged in, or that need not.
//!
//! The login itself is where connections begin, in `net`.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::sasl_authenticate::{
    SaslAuthenticateRequest, SaslAuthenticateResponse,
};
use millrace_kafka_wire::api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};

use super::Call;

pub async fn handshake(_: Call, _: SaslHandshakeRequest) -> SaslHandshakeResponse {
    SaslHandshakeResponse {
        error_code: ErrorCode::IllegalSaslState.number(),
        ..SaslHandshakeResponse::default()
    }
}

pub async fn authenticate(_: Call, _: SaslAuthenticateRequest) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse {
        error_code: ErrorCode::IllegalSaslState.number(),
        error_message: Some("there is no login that this could belong to".into()),
        ..SaslAuthenticateResponse::default()
    }
}
