//! Why an upstream gave nothing.

use std::fmt;

/// Why asking an upstream came to nothing: which kind of trouble, and in whose words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// The kinds of trouble, as in `hybrid_upstream_errors_total{reason}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// What says who we are cannot be read: a token, a certificate, an authority.
    Access,
    /// No connection: refused, no route, a name that does not resolve.
    Connect,
    /// The server's certificate is not believed, or ours is not.
    Tls,
    /// No answer in time.
    Timeout,
    /// 401 or 403: it does not know us, or knows that we may not.
    Auth,
    /// Another status than 200. Redirects are not followed.
    Status,
    /// The answer is no text of metrics, or is compressed, which was not asked for.
    Format,
    /// The answer is larger than what is taken.
    Size,
    /// The connection ended within the answer.
    Torn,
    /// Nothing of the answer was understood.
    Syntax,
}

impl Reason {
    /// Every reason, for counters that begin at 0.
    pub(crate) const ALL: [Self; 10] = [
        Self::Access,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Auth,
        Self::Status,
        Self::Format,
        Self::Size,
        Self::Torn,
        Self::Syntax,
    ];

    /// The value of the label.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Auth => "auth",
            Self::Status => "status",
            Self::Format => "format",
            Self::Size => "size",
            Self::Torn => "torn",
            Self::Syntax => "syntax",
        }
    }
}

impl Fault {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.detail)
    }
}

impl From<trust::Error> for Fault {
    fn from(error: trust::Error) -> Self {
        Self::new(Reason::Access, error.to_string())
    }
}
