//! Which versions a broker knows, and which are spoken with it.

use std::collections::HashMap;

use bytes::Bytes;
use millrace_kafka_wire::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use millrace_kafka_wire::{ApiKey, ErrorCode, Str, read_response, write_request};

use super::link::Link;
use crate::error::{Error, Reason};
use crate::settings::Settings;

/// From the next version on, these name topics by ids, which this client asks for by name.
const BY_NAME: [(ApiKey, i16); 2] = [(ApiKey::Produce, 12), (ApiKey::OffsetFetch, 9)];

/// The versions that a broker told.
#[derive(Debug, Default)]
pub struct Versions(HashMap<i16, (i16, i16)>);

impl Versions {
    /// Asks the broker. A broker that does not know the version of the question answers it in the
    /// oldest one, with the versions that it knows.
    pub async fn ask(link: &Link, settings: &Settings) -> Result<Self, Error> {
        let (oldest, newest) = ApiKey::ApiVersions.versions();
        let (told, first) = ask(link, settings, newest).await?;
        if ErrorCode::from_number(first.error_code) != Some(ErrorCode::UnsupportedVersion) {
            Error::check(first.error_code, None)?;
            return Ok(told);
        }
        let known = told.pick(ApiKey::ApiVersions).unwrap_or(oldest);
        let (told, second) = ask(link, settings, known).await?;
        Error::check(second.error_code, None)?;
        Ok(told)
    }

    /// The highest version that both know and this client speaks.
    pub fn pick(&self, key: ApiKey) -> Result<i16, Reason> {
        self.pick_up_to(key, i16::MAX)
    }

    /// As [`pick`](Self::pick), but none above this one.
    pub fn pick_up_to(&self, key: ApiKey, most: i16) -> Result<i16, Reason> {
        let (first, last) = key.versions();
        let mut last = last.min(most);
        if let Some((_, spoken)) = BY_NAME.iter().find(|(it, _)| *it == key) {
            last = last.min(*spoken);
        }
        let theirs = self.0.get(&key.number()).copied();
        let both = theirs.map(|(from, to)| (first.max(from), last.min(to)));
        match both {
            Some((from, to)) if from <= to => Ok(to),
            _ => Err(Reason::Unsupported {
                ours: (first, last),
                theirs,
            }),
        }
    }
}

async fn ask(
    link: &Link,
    settings: &Settings,
    version: i16,
) -> Result<(Versions, ApiVersionsResponse), Error> {
    let request = match version {
        0..=2 => ApiVersionsRequest::default(),
        _ => ApiVersionsRequest {
            client_software_name: "millrace".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
        },
    };
    let correlation = link.next_correlation();
    let client_id = Str::from(&*settings.client_id);
    let frame = write_request(version, correlation, Some(client_id), &request)
        .map_err(|error| Error::new(Reason::Unwritable(error)))?;
    let ticket = link.send(correlation, frame, true).await;
    let answered = link.wait(ticket.map_err(Error::new)?, settings.request_timeout);
    let frame = answered.await.map_err(Error::new)?;
    let read = read(frame, version).inspect_err(|reason| link.fail(reason.clone()));
    let response = read.map_err(Error::new)?;
    let told = response.api_keys.iter();
    let told = told.map(|it| (it.api_key, (it.min_version, it.max_version)));
    Ok((Versions(told.collect()), response))
}

fn read(frame: Bytes, version: i16) -> Result<ApiVersionsResponse, Reason> {
    let refused = ErrorCode::UnsupportedVersion.number().to_be_bytes();
    // The error stands first in every version, behind the number of the request.
    let version = match frame.get(4..6) == Some(&refused) {
        true => 0,
        false => version,
    };
    let read = read_response::<ApiVersionsRequest>(frame, version);
    read.map(|(_, response)| response)
        .map_err(Reason::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(key: ApiKey, versions: (i16, i16)) -> Versions {
        Versions(HashMap::from([(key.number(), versions)]))
    }

    #[test]
    fn the_highest_version_that_both_know_is_spoken() {
        let (_, newest) = ApiKey::Metadata.versions();
        assert_eq!(
            told(ApiKey::Metadata, (0, 9))
                .pick(ApiKey::Metadata)
                .unwrap(),
            9
        );
        let future = told(ApiKey::Metadata, (0, 99));
        assert_eq!(future.pick(ApiKey::Metadata).unwrap(), newest);
        let named = told(ApiKey::Produce, (0, 13));
        assert_eq!(named.pick(ApiKey::Produce).unwrap(), 12);
        let fetch = told(ApiKey::Fetch, (4, 17));
        assert_eq!(fetch.pick(ApiKey::Fetch).unwrap(), 17);
        assert_eq!(fetch.pick_up_to(ApiKey::Fetch, 12).unwrap(), 12);
    }

    #[test]
    fn no_common_version_is_an_error_that_has_both_ranges() {
        let past = told(ApiKey::Produce, (0, 2)).pick(ApiKey::Produce);
        assert!(matches!(
            past,
            Err(Reason::Unsupported {
                theirs: Some((0, 2)),
                ..
            })
        ));
        // A broker may say what makes no sense.
        let absurd = told(ApiKey::Produce, (i16::MAX, i16::MIN)).pick(ApiKey::Produce);
        assert!(absurd.is_err());
        assert!(Versions::default().pick(ApiKey::Fetch).is_err());
    }
}
