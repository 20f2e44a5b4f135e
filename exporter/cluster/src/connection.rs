//! Connections to one API server.
//!
//! HTTP/2 where the server has it: all watches share one connection, as those of every Kubernetes client
//! do, so that a node agent costs the server one connection and one TLS session. 32 watches at rest cost us
//! 0.9 MB and one handshake with it, 1.7 MB and 32 handshakes without; reading 97 MB of lists costs some
//! 15 % more CPU. Beyond [`STREAMS`] requests at a time another connection is made. HTTP/1.1 where the
//! server has no HTTP/2 (kubectl proxy, some balancers): a connection a watch. A request is sent once: only
//! one that never left is put on another connection.
//!
//! The loss of a peer is noticed by TCP (probes each [`KEEPALIVE`] where nothing comes, and the end of patience
//! for what was sent) and, through balancers that answer those themselves, by HTTP/2's pings.

use crate::{
    access::{Server, access},
    fault::{Fault, Reason},
    tls,
};
use bytes::Bytes;
use collect::{chain, lock};
use http::{HeaderValue, Request, Response, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader},
    net::{self, TcpStream},
    time::{self, Instant},
};
use tokio_rustls::TlsConnector;

/// How long a connection may take to be made, with its name looked up and TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one of several addresses of a name may take.
const ADDRESS: Duration = Duration::from_secs(2);
/// How long the server may take to begin an answer.
const HEAD: Duration = Duration::from_secs(15);
/// A connection on which nothing comes is probed after this time, and at this interval. The peer's kernel
/// answers, however busy its API server is.
const KEEPALIVE: Duration = Duration::from_secs(2);
/// Probes without an answer before the connection is given up.
const PROBES: u32 = 4;
/// How long what was sent, probes too, may stand without the peer's word that it came, ms: a network that
/// drops everything is noticed in 8 to 10 s.
const UNHEARD: u32 = 8_000;
/// HTTP/2's own probes go through balancers that answer TCP's. The API server itself answers them: in less time
/// than clients of Go give it (30 s and 15 s) one that is overloaded would be left by all at once.
const PING: Duration = Duration::from_secs(30);
/// How long the answer to one may take.
const PONG: Duration = Duration::from_secs(15);
/// Requests at a time on one connection: the API server takes 100.
const STREAMS: usize = 80;
/// What may be under way on one stream. Within a cluster a list comes no faster with more.
const STREAM_WINDOW: u32 = 128 << 10;
/// What may be under way on a connection: what it costs at most when all watches list at once.
const CONNECTION_WINDOW: u32 = 256 << 10;
/// HTTP/1.1 connections kept for the next request.
const IDLE: usize = 4;
/// The most that a connection reads ahead: HTTP/1.1 what it will parse, TLS what it will decrypt, of which
/// it asks for 4 KiB at a time.
const READ_AHEAD: usize = 64 << 10;

/// The connections to one server.
pub(crate) struct Connections {
    server: Server,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    held: Mutex<Held>,
    /// Held while the connection that all will share is made; when and why the last one was not.
    making: tokio::sync::Mutex<Option<(Instant, Fault)>>,
    /// Whether the server said that it has no HTTP/2.
    single: AtomicBool,
    /// Which of a name's addresses is tried first.
    turn: AtomicUsize,
}

#[derive(Default)]
struct Held {
    shared: Vec<Shared>,
    idle: Vec<http1::SendRequest<Full<Bytes>>>,
}

/// A connection that many requests share, each of which holds `users`.
#[derive(Clone)]
struct Shared {
    send: http2::SendRequest<Full<Bytes>>,
    users: Arc<()>,
}

/// The way of one request.
enum Lane {
    Shared(Shared),
    Own(http1::SendRequest<Full<Bytes>>),
}

/// An answer's body, and the connection that is busy with it.
pub(crate) struct Body {
    incoming: Incoming,
    busy: Busy,
}

/// What a body holds while it is read.
enum Busy {
    Shared { _user: Arc<()> },
    Own(Option<http1::SendRequest<Full<Bytes>>>, Arc<Connections>),
}

/// Why there is no answer.
enum Failure {
    /// The request never left.
    Unsent(Fault),
    /// Nobody knows what became of it.
    Sent(Fault),
}

// === impl Connections ===

impl Connections {
    /// Prepares connections; makes none. Fails where certificates cannot be read.
    pub(crate) fn new(server: Server) -> Result<Self, Fault> {
        let tls = server.security.as_ref().map(tls::connector).transpose()?;
        Ok(Self {
            server,
            tls,
            held: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            single: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
        })
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a request, whose URI is a path, and waits for the head of the answer.
    pub(crate) async fn exchange(
        self: &Arc<Self>,
        request: &Request<Full<Bytes>>,
    ) -> Result<Response<Body>, Fault> {
        loop {
            let (lane, kept) = self.lane().await?;
            let sent = match lane {
                Lane::Shared(shared) => self.send_shared(shared, request).await,
                Lane::Own(own) => self.send_own(own, request).await,
            };
            match sent {
                Ok(answer) => return Ok(answer),
                // The server had closed what was kept; each turn of the loop uses one up.
                Err(Failure::Unsent(_)) if kept => {}
                Err(Failure::Unsent(fault) | Failure::Sent(fault)) => return Err(fault),
            }
        }
    }

    async fn send_shared(
        &self,
        mut shared: Shared,
        request: &Request<Full<Bytes>>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = request.clone();
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = self.absolute(path).map_err(Failure::Unsent)?;
        let answer = match time::timeout(HEAD, shared.send.try_send_request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let failure = Failure::of(error);
                if matches!(failure, Failure::Unsent(_)) {
                    self.retire(&shared);
                }
                return Err(failure);
            }
            Err(_) => {
                self.retire(&shared);
                return Err(Failure::late());
            }
        };
        let busy = |incoming| Body { incoming, busy: Busy::Shared { _user: shared.users } };
        Ok(answer.map(busy))
    }

    async fn send_own(
        self: &Arc<Self>,
        mut own: http1::SendRequest<Full<Bytes>>,
        request: &Request<Full<Bytes>>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = request.clone();
        let host = HeaderValue::try_from(self.server.authority());
        let host = host.map_err(|error| Failure::Unsent(access(error.to_string())))?;
        request.headers_mut().insert(header::HOST, host);
        let exchange = async {
            match own.ready().await {
                Ok(()) => own.try_send_request(request).await.map_err(Failure::of),
                Err(error) => Err(Failure::Unsent(Fault::new(Reason::Connect, chain(&error)))),
            }
        };
        let answer = time::timeout(HEAD, exchange).await.map_err(|_| Failure::late())??;
        let busy = Busy::Own(Some(own), Arc::clone(self));
        Ok(answer.map(|incoming| Body { incoming, busy }))
    }

    fn absolute(&self, path: Option<PathAndQuery>) -> Result<Uri, Fault> {
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Uri::builder()
            .scheme(if self.tls.is_some() { "https" } else { "http" })
            .authority(self.server.authority())
            .path_and_query(path)
            .build()
            .map_err(|error| access(format!("server: expected a host's name or address: {error}")))
    }

    /// A connection with room for a request, and whether it was there before.
    async fn lane(&self) -> Result<(Lane, bool), Fault> {
        if let Some(lane) = self.held() {
            return Ok((lane, true));
        }
        if !self.single.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let mut last = self.making.lock().await;
            if let Some(lane) = self.held() {
                return Ok((lane, true));
            }
            // Who waited for an attempt shares its end.
            if let Some((at, fault)) = last.as_ref()
                && *at >= asked
            {
                return Err(fault.clone());
            }
            if !self.single.load(Ordering::Relaxed) {
                let made = self.connect().await;
                *last = made.as_ref().err().map(|fault| (Instant::now(), fault.clone()));
                return made.map(|lane| (lane, false));
            }
        }
        self.connect().await.map(|lane| (lane, false))
    }

    /// A connection with room, if there is one.
    fn held(&self) -> Option<Lane> {
        let mut held = lock(&self.held);
        held.shared.retain(|shared| !shared.send.is_closed());
        // One user is the list itself.
        let free = held.shared.iter().find(|shared| Arc::strong_count(&shared.users) <= STREAMS);
        if let Some(shared) = free {
            return Some(Lane::Shared(shared.clone()));
        }
        held.idle.retain(|own| !own.is_closed());
        held.idle.pop().map(Lane::Own)
    }

    /// Gives no more requests to a connection; those that are on it may end.
    fn retire(&self, shared: &Shared) {
        lock(&self.held).shared.retain(|held| !Arc::ptr_eq(&held.users, &shared.users));
    }

    /// How many connections wait for a request and are open.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        lock(&self.held).idle.iter().filter(|own| !own.is_closed()).count()
    }

    async fn connect(&self) -> Result<Lane, Fault> {
        let late = |_| {
            let seconds = CONNECT.as_secs();
            self.fault(&format!("no connection within {seconds} s"))
        };
        time::timeout(CONNECT, self.reach()).await.map_err(late)?
    }

    async fn reach(&self) -> Result<Lane, Fault> {
        let stream = self.dial().await.map_err(|error| self.fault(&error.to_string()))?;
        let Some((tls, name)) = &self.tls else {
            return self.open(stream, false).await;
        };
        let stream = BufReader::with_capacity(READ_AHEAD, stream);
        let stream = tls.connect(name.clone(), stream).await;
        let stream = stream.map_err(|error| self.fault(&chain(&error)))?;
        let many = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.open(stream, many).await
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let Server { host, port, .. } = &self.server;
        let mut addresses: Vec<SocketAddr> = net::lookup_host((&**host, *port)).await?.collect();
        // The next attempt begins with the next address: one that is dead costs no more than a pause.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = turn.checked_rem(addresses.len()).unwrap_or(0);
        addresses.rotate_left(first);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "a name without an address");
        for address in addresses {
            match time::timeout(ADDRESS, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    watch_over(&stream)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(late) => last = late.into(),
            }
        }
        Err(last)
    }

    async fn open<T>(&self, stream: T, many: bool) -> Result<Lane, Fault>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        if !many {
            self.single.store(true, Ordering::Relaxed);
            let made = http1::Builder::new().max_buf_size(READ_AHEAD).handshake(io).await;
            let (send, connection) = made.map_err(|error| self.fault(&chain(&error)))?;
            drive(connection);
            return Ok(Lane::Own(send));
        }
        self.single.store(false, Ordering::Relaxed);
        let made = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .handshake(io)
            .await;
        let (send, connection) = made.map_err(|error| self.fault(&chain(&error)))?;
        drive(connection);
        let shared = Shared { send, users: Arc::default() };
        lock(&self.held).shared.push(shared.clone());
        Ok(Lane::Shared(shared))
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::new(Reason::Connect, format!("{}: {what}", self.server.authority()))
    }
}

// === impl Body ===

impl Body {
    /// The next bytes; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Fault>> {
        loop {
            let Some(frame) = self.incoming.frame().await else {
                if let Busy::Own(own, connections) = &mut self.busy
                    && let Some(own) = own.take()
                {
                    let mut held = lock(&connections.held);
                    if held.idle.len() < IDLE {
                        held.idle.push(own);
                    }
                }
                return None;
            };
            match frame.map(hyper::body::Frame::into_data) {
                Ok(Ok(bytes)) => return Some(Ok(bytes)),
                Ok(Err(_trailers)) => {}
                Err(error) => return Some(Err(Fault::new(Reason::Broken, chain(&error)))),
            }
        }
    }
}

// === impl Failure ===

impl Failure {
    fn of(mut error: TrySendError<Request<Full<Bytes>>>) -> Self {
        if error.take_message().is_some() {
            Self::Unsent(Fault::new(Reason::Connect, chain(error.error())))
        } else {
            Self::Sent(Fault::new(Reason::Broken, chain(error.error())))
        }
    }

    fn late() -> Self {
        let detail = format!("no answer within {} s", HEAD.as_secs());
        Self::Sent(Fault::new(Reason::Timeout, detail))
    }
}

/// Has the kernel notice that the peer is gone. A watch sends nothing: without probes it would not.
fn watch_over(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepcnt(stream, PROBES)?;
    sockopt::set_tcp_user_timeout(stream, UNHEARD)?;
    Ok(())
}

/// Runs a connection until nobody uses it.
fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
    tokio::spawn(async {
        if let Err(error) = connection.await {
            tracing::debug!(error = chain(&error), "a connection to the API server ended");
        }
    });
}
