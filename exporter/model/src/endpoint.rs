//! Where something listens: a TCP or UDP address, or a unix socket.

use std::{fmt, net::SocketAddr, sync::Arc};

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// TCP.
    Tcp(SocketAddr),
    /// UDP.
    Udp(SocketAddr),
    /// A unix socket: its path, or its abstract name after an `@`.
    Unix(UnixKind, Arc<str>),
}

/// What a unix socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnixKind {
    /// Bytes.
    Stream,
    /// Messages, each for itself.
    Datagram,
    /// Messages of a connection.
    Seqpacket,
}

// === impl Endpoint ===

impl Endpoint {
    /// The protocol, as people say it.
    pub fn protocol(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Udp(_) => "udp",
            Self::Unix(UnixKind::Stream, _) => "unix stream",
            Self::Unix(UnixKind::Datagram, _) => "unix datagram",
            Self::Unix(UnixKind::Seqpacket, _) => "unix seqpacket",
        }
    }

    /// The port; a unix socket has none.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) | Self::Udp(address) => Some(address.port()),
            Self::Unix(..) => None,
        }
    }
}

/// The address alone, such as `[::]:10250` or `/run/containerd/containerd.sock`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Udp(address) => address.fmt(f),
            Self::Unix(_, path) => f.write_str(path),
        }
    }
}
