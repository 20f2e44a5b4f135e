//! What goes wrong with a request, and whether it is worth asking again.

use std::time::Duration;

/// Why a request gave nothing, or a stream ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Fault {
    /// Which kind of trouble.
    pub reason: Reason,
    /// The server's or the system's words.
    pub detail: String,
    /// The HTTP status of the refusal, or the code of an `ERROR` event's Status; none where there was no answer.
    pub code: Option<u16>,
    /// How long the server asks to be left alone (`Retry-After`, or `retryAfterSeconds` of a Status).
    pub retry_after: Option<Duration>,
}

/// The kinds of trouble, as in `hybrid_watch_errors_total{reason}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// What tells where the server is, or who we are, cannot be read: a kubeconfig, a token, a
    /// certificate.
    Access,
    /// No connection: refused, no route, TLS, a name that does not resolve.
    Connect,
    /// No answer in time, or a stream on which nothing came for too long.
    Timeout,
    /// The connection ended within an answer.
    Broken,
    /// 401: no credentials, or they have expired.
    Unauthorized,
    /// 403: the role does not allow to list or watch the resource.
    Forbidden,
    /// 404: the server does not serve the resource.
    NotFound,
    /// 409: somebody else was faster; the object is another than the one that was to be replaced, or
    /// is there already.
    Conflict,
    /// 410: the resource version is too old; a new list is needed.
    Gone,
    /// 429: the server asks for patience.
    Throttled,
    /// Another refusal of the request: 4xx.
    Refused,
    /// 5xx.
    Server,
    /// An answer that is not what the API gives.
    Malformed,
}

/// Every reason, for counters that begin at 0.
pub const REASONS: [Reason; 13] = [
    Reason::Access,
    Reason::Connect,
    Reason::Timeout,
    Reason::Broken,
    Reason::Unauthorized,
    Reason::Forbidden,
    Reason::NotFound,
    Reason::Conflict,
    Reason::Gone,
    Reason::Throttled,
    Reason::Refused,
    Reason::Server,
    Reason::Malformed,
];

// === impl Fault ===

impl Fault {
    /// One without a word on when to ask again.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), code: None, retry_after: None }
    }

    /// That of an HTTP status, with the message of the body where it is a Status.
    pub fn of_status(code: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let status = serde_json::from_slice::<Status>(body).unwrap_or_default();
        let detail = match status.message {
            Some(message) if !message.is_empty() => format!("HTTP {code}: {message}"),
            _ => format!("HTTP {code}"),
        };
        let after = status.details.and_then(|d| d.retry_after_seconds).map(Duration::from_secs);
        let retry_after = retry_after.or(after);
        Self { reason: Reason::of_code(code), detail, code: Some(code), retry_after }
    }

    /// That of an `ERROR` event, whose object is a Status.
    pub(crate) fn of_event(object: &[u8]) -> Self {
        let status: Status = match serde_json::from_slice(object) {
            Ok(status) => status,
            Err(error) => return Self::new(Reason::Malformed, format!("an ERROR event: {error}")),
        };
        let expired = matches!(status.reason.as_deref(), Some("Expired" | "Gone"));
        let code = if expired { 410 } else { status.code.unwrap_or(500) };
        let detail = status.message.unwrap_or_default();
        let after = status.details.and_then(|d| d.retry_after_seconds).map(Duration::from_secs);
        Self { reason: Reason::of_code(code), detail, code: Some(code), retry_after: after }
    }
}

impl From<trust::Error> for Fault {
    /// Who we are cannot be told.
    fn from(error: trust::Error) -> Self {
        Self::new(Reason::Access, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let status = br#"{"kind":"Status","message":"pods is forbidden","reason":"Forbidden",
            "details":{"retryAfterSeconds":3},"code":403}"#;
        let fault = Fault::of_status(403, status, None);
        assert_eq!(fault.to_string(), "forbidden: HTTP 403: pods is forbidden");
        assert_eq!((fault.code, fault.retry_after), (Some(403), Some(Duration::from_secs(3))));
        let conflict = Fault::of_status(409, b"", None);
        assert_eq!((conflict.reason, conflict.code), (Reason::Conflict, Some(409)));
        let fault = Fault::of_status(429, b"<html>", Some(Duration::from_secs(1)));
        assert_eq!((fault.reason, fault.detail.as_str()), (Reason::Throttled, "HTTP 429"));
        let event =
            br#"{"message":"too old resource version: 1 (5)","reason":"Expired","code":410}"#;
        assert_eq!(Fault::of_event(event).reason, Reason::Gone);
        assert_eq!(Fault::of_event(b"[]").reason, Reason::Malformed);
        assert_eq!(Fault::of_event(b"{}").reason, Reason::Server);
    }
}

// === impl Reason ===

impl Reason {
    fn of_code(code: u16) -> Self {
        match code {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 | 405 => Self::NotFound,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            410 => Self::Gone,
            429 => Self::Throttled,
            400..500 => Self::Refused,
            500.. => Self::Server,
            _ => Self::Malformed,
        }
    }

    /// The value of the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Server => "server",
            Self::Malformed => "malformed",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// `meta/v1` Status, as far as it is read.
#[derive(Default, serde::Deserialize)]
struct Status {
    message: Option<String>,
    reason: Option<String>,
    code: Option<u16>,
    details: Option<Details>,
}

#[derive(serde::Deserialize)]
struct Details {
    #[serde(rename = "retryAfterSeconds")]
    retry_after_seconds: Option<u64>,
}
