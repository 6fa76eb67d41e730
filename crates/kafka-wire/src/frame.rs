//! Requests and responses as a connection carries them: a header and a body.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{ReadError, WriteError};
use crate::message::{Message, Request};
use crate::reader::Reader;
use crate::records::headers::{RequestHeader, ResponseHeader};
use crate::segment::Frame;
use crate::text::Str;
use crate::writer::Writer;

/// Reads the header of a request; the body follows in the version that it says.
///
/// The header of an API that the codec does not know is read as its oldest version, which is the
/// beginning of all others.
///
/// # Errors
/// There are too few bytes, or the client's name is no text.
pub fn read_request_header(reader: &mut Reader) -> Result<RequestHeader, ReadError> {
    let version = match reader.peek_request() {
        Some((key, version)) => {
            ApiKey::from_number(key).map_or(1, |key| key.request_header(version))
        }
        None => 1,
    };
    RequestHeader::read(reader, version)
}

/// A response with its size and header.
///
/// # Errors
/// The version cannot say what the response does.
pub fn write_response<M: Message>(
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    response: &M,
) -> Result<Frame, WriteError> {
    let mut writer = Writer::framed();
    let header = ResponseHeader { correlation_id };
    header.write(&mut writer, key.response_header(version))?;
    response.write(&mut writer, version)?;
    writer.finish()
}

/// A request with its size and header.
///
/// # Errors
/// The version cannot say what the request does.
pub fn write_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<Str>,
    request: &R,
) -> Result<Frame, WriteError> {
    let mut writer = Writer::framed();
    let header = RequestHeader {
        request_api_key: R::KEY.number(),
        request_api_version: version,
        correlation_id,
        client_id,
    };
    header.write(&mut writer, R::KEY.request_header(version))?;
    request.write(&mut writer, version)?;
    writer.finish()
}

/// Reads a response, without its size, to a request of this version: its number and its body.
///
/// # Errors
/// The bytes are no such response.
pub fn read_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(i32, R::Response), ReadError> {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::read(&mut reader, R::KEY.response_header(version))?;
    let body = R::Response::read(&mut reader, version)?;
    Ok((header.correlation_id, body))
}
