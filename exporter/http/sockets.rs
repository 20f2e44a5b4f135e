//! Sockets that connections come from: those that we make, and those that systemd made for us.

use listenfd::ListenFd;
use rustix::net::sockopt;
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    os::{fd::AsFd, unix},
};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A listening socket.
#[derive(Debug)]
pub struct Bound {
    socket: Socket,
    /// The address that it really has.
    pub address: Address,
}

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A path, or the name of an abstract socket behind `@`.
    Unix(String),
}

#[derive(Debug)]
enum Socket {
    Tcp(std::net::TcpListener),
    Unix(unix::net::UnixListener),
}

/// A listening socket within a runtime.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection, and whose it is.
pub(super) enum Stream {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

/// The sockets that systemd made, as its socket units say (`LISTEN_FDS`).
///
/// Fails where there are none, and where one is something else than a stream socket that listens.
pub fn activated() -> io::Result<Vec<Bound>> {
    let mut given = ListenFd::from_env();
    if given.len() == 0 {
        let what = "systemd gave no sockets: expected LISTEN_FDS and LISTEN_PID, which the .socket \
                    unit of this service makes it set";
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    (0..given.len()).map(|index| take(&mut given, index)).collect()
}

fn take(given: &mut ListenFd, index: usize) -> io::Result<Bound> {
    let wrong = |error: io::Error| {
        let what = format!("socket {index} of systemd: expected ListenStream=: {error}");
        io::Error::new(error.kind(), what)
    };
    let listens = |socket: &dyn AsFd| match sockopt::socket_acceptconn(socket.as_fd()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(wrong(io::Error::other("it does not listen; Accept= must be no"))),
        Err(error) => Err(wrong(error.into())),
    };
    if let Ok(Some(listener)) = given.take_unix_listener(index) {
        listens(&listener)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        let name = listener.local_addr().map_err(wrong)?;
        let address = Address::Unix(unix_name(&name));
        return Ok(Bound { socket: Socket::Unix(listener), address });
    }
    let listener = given.take_tcp_listener(index).map_err(wrong)?;
    let listener = listener.ok_or_else(|| wrong(io::ErrorKind::NotFound.into()))?;
    listens(&listener)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    Bound::tcp(listener)
}

fn unix_name(name: &unix::net::SocketAddr) -> String {
    use std::os::linux::net::SocketAddrExt as _;
    match (name.as_pathname(), name.as_abstract_name()) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(name)) => format!("@{}", String::from_utf8_lossy(name)),
        (None, None) => "unnamed".to_owned(),
    }
}

// === impl Bound ===

impl Bound {
    /// A socket that listens, which does not block.
    pub(super) fn tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        let address = Address::Tcp(listener.local_addr()?);
        Ok(Self { socket: Socket::Tcp(listener), address })
    }
}

// === impl Address ===

impl Address {
    /// The address and port of a TCP socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(name) => f.write_str(name),
        }
    }
}

// === impl Listener ===

impl Listener {
    /// Within a runtime.
    pub(super) fn new(bound: Bound) -> io::Result<Self> {
        Ok(match bound.socket {
            Socket::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener)?),
            Socket::Unix(listener) => Self::Unix(UnixListener::from_std(listener)?),
        })
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Stream::Tcp(stream, peer.ip().to_canonical())
            }
            Self::Unix(listener) => Stream::Unix(listener.accept().await?.0),
        })
    }
}
