//! `coordination.k8s.io/v1` Lease: what of it is read, and the bodies that write it.

use crate::fault::{Fault, Reason};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A Lease as it stood at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) version: String,
    pub(super) spec: Spec,
}

/// Who holds it, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    /// Empty, or absent, where nobody does.
    pub(super) holder_identity: Option<String>,
    pub(super) lease_duration_seconds: Option<u32>,
    /// Times of the holder's wall clock: for people, and to tell one's own writes from each other.
    pub(super) acquire_time: Option<String>,
    pub(super) renew_time: Option<String>,
    pub(super) lease_transitions: Option<u32>,
}

#[derive(Deserialize)]
struct Lease {
    metadata: Metadata,
    #[serde(default)]
    spec: Option<Spec>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<String>,
}

/// What is sent: a whole Lease, or a merge patch of one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: &'a Spec,
}

// === impl Record ===

impl Record {
    /// That of a Lease's JSON.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Fault> {
        let malformed = |what: String| Fault::new(Reason::Malformed, format!("a Lease: {what}"));
        let lease: Lease =
            serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
        let version = lease.metadata.resource_version.unwrap_or_default();
        if version.is_empty() {
            return Err(malformed("no metadata.resourceVersion".to_owned()));
        }
        Ok(Self { version, spec: lease.spec.unwrap_or_default() })
    }

    /// The merge patch that makes `spec` of exactly this state of this Lease: another state of it, or
    /// another Lease of its name, is a conflict. What others have put on it stays.
    pub(super) fn patch(&self, spec: &Spec) -> Bytes {
        body(Metadata { name: None, resource_version: Some(self.version.clone()) }, spec)
    }
}

// === impl Spec ===

impl Spec {
    /// The Lease that `name` names, to be created.
    pub(super) fn create(&self, name: &str) -> Bytes {
        let name = Some(name.to_owned());
        body(Metadata { name, resource_version: None }, self)
    }

    /// Who holds it, if anybody.
    pub(super) fn holder(&self) -> Option<&str> {
        self.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    /// How long its holder has after a renewal.
    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs(self.lease_duration_seconds.unwrap_or(0).into())
    }
}

/// A time as the API has it in a Lease: UTC, to the microsecond.
pub(super) fn micro_time(at: SystemTime) -> String {
    let micros = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let at = i64::try_from(micros).ok().and_then(|at| Timestamp::from_microsecond(at).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn body(metadata: Metadata, spec: &Spec) -> Bytes {
    let (api_version, kind) = ("coordination.k8s.io/v1", "Lease");
    let body = Body { api_version, kind, metadata, spec };
    serde_json::to_vec(&body).expect("texts and numbers are JSON").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn as_the_api_has_it() {
        let json = br#"{"kind":"Lease","metadata":{"name":"a","uid":"u","resourceVersion":"7",
            "labels":{"x":"y"}},"spec":{"holderIdentity":"h","leaseDurationSeconds":12,
            "acquireTime":"2026-11-21T16:00:00.000000Z","renewTime":null,"strategy":"s"}}"#;
        let record = Record::parse(json).unwrap();
        assert_eq!(record.spec.holder(), Some("h"));
        assert_eq!(record.spec.duration(), Duration::from_secs(12));
        let at = UNIX_EPOCH + Duration::from_micros(1_795_276_800_000_120);
        let spec = Spec { renew_time: Some(micro_time(at)), ..record.spec.clone() };
        expect![[r#"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"resourceVersion":"7"},"spec":{"holderIdentity":"h","leaseDurationSeconds":12,"acquireTime":"2026-11-21T16:00:00.000000Z","renewTime":"2026-11-21T16:00:00.000120Z","leaseTransitions":null}}"#]].assert_eq(std::str::from_utf8(&record.patch(&spec)).unwrap());
        expect![[r#"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"b"},"spec":{"holderIdentity":null,"leaseDurationSeconds":null,"acquireTime":null,"renewTime":null,"leaseTransitions":null}}"#]].assert_eq(std::str::from_utf8(&Spec::default().create("b")).unwrap());
    }

    #[test]
    fn what_is_no_lease() {
        let parse = |json: &str| Record::parse(json.as_bytes());
        expect!["malformed: a Lease: invalid type: integer `1`, expected struct Metadata at line 1 column 2"].assert_eq(&parse("[1]").unwrap_err().to_string());
        expect!["malformed: a Lease: no metadata.resourceVersion"]
            .assert_eq(&parse(r#"{"metadata":{}}"#).unwrap_err().to_string());
        let bare = parse(r#"{"metadata":{"resourceVersion":"1"},"spec":null}"#).unwrap();
        assert_eq!((bare.spec.holder(), bare.spec.duration()), (None, Duration::ZERO));
        // A duration that is none: the record is refused, never believed in part.
        let odd = r#"{"metadata":{"resourceVersion":"1"},"spec":{"leaseDurationSeconds":-1}}"#;
        assert!(parse(odd).is_err());
    }
}
