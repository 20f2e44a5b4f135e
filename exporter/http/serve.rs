//! Listening, accepting, and an orderly end.

use super::{
    connection::{HEAD, Heard, Patient, Sending, Sent},
    security::Security,
    sockets::{Bound, Listener, Stream},
};
use crate::{config::Listen, selfmetrics::SelfMetrics};
use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
};
use hyper::{
    Request, Response,
    body::{Frame, Incoming, SizeHint},
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use rustix::{
    io::Errno,
    net::{self, AddressFamily, SocketFlags, SocketType, sockopt},
};
use rustls::ServerConfig;
use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Instant, timeout},
};
use tokio_rustls::TlsAcceptor;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// A request's head, with its query, may be this long; hyper answers 431 beyond.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// Requests at the same time on one connection of HTTP/2.
const MAX_STREAMS: u32 = 32;
/// What of an answer is kept for a client that does not read, on each stream of HTTP/2.
const MAX_UNSENT: usize = 256 << 10;
/// The longest pause after a failed accept, such as for want of descriptors.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// How often failed accepts are told at most: each descriptor that becomes free lets one succeed.
const QUIET: Duration = Duration::from_mins(1);

/// Listeners with what they serve.
#[derive(Clone, Debug)]
pub struct Server {
    /// The routes.
    pub router: Router,
    /// Where answers are counted.
    pub own: Arc<SelfMetrics>,
    /// Who may ask, and how.
    pub security: Security,
    /// Connections at the same time; 0 is no limit.
    pub max_connections: usize,
}

/// A listening socket at the first of the addresses that can be had.
///
/// A socket for every address takes IPv4 through IPv6, or is IPv4 alone where IPv6 is off.
pub fn bind(listen: &Listen) -> io::Result<Bound> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in listen.addresses()? {
        match bind_address(address, matches!(listen, Listen::Everywhere(_))) {
            Ok(listener) => return Bound::tcp(listener),
            Err(error) => {
                let no_ipv6 = matches!(
                    Errno::from_io_error(&error),
                    Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::PROTONOSUPPORT)
                );
                last = error;
                if matches!(listen, Listen::Everywhere(_)) && !no_ipv6 {
                    break;
                }
            }
        }
    }
    Err(last)
}

fn bind_address(address: SocketAddr, everywhere: bool) -> io::Result<std::net::TcpListener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        let unspecified = address.ip().is_unspecified();
        sockopt::set_ipv6_v6only(&socket, !(everywhere || unspecified))?;
    }
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

// === impl Server ===

impl Server {
    /// Serves `listeners` until `stop` becomes true, then waits for the connections to end.
    ///
    /// Idle connections end at once, the others after the answer that they are at.
    pub async fn run(self, listeners: Vec<Bound>, stop: watch::Receiver<bool>) -> io::Result<()> {
        let permits = match self.max_connections {
            0 => Semaphore::MAX_PERMITS,
            limit => limit,
        };
        let permits = Arc::new(Semaphore::new(permits));
        // Every task holds a sender: the channel ends when the last one has ended.
        let (alive, mut ended) = mpsc::channel::<()>(1);
        for bound in listeners {
            let listener = Listener::new(bound)?;
            let (server, permits) = (self.clone(), Arc::clone(&permits));
            let (stop, alive) = (stop.clone(), alive.clone());
            drop(tokio::spawn(async move {
                server.accept(listener, &permits, stop, &alive).await;
            }));
        }
        drop(alive);
        let _: Option<()> = ended.recv().await;
        Ok(())
    }

    async fn accept(
        self,
        listener: Listener,
        permits: &Arc<Semaphore>,
        mut stop: watch::Receiver<bool>,
        alive: &mpsc::Sender<()>,
    ) {
        let (mut pause, mut told) = (Duration::ZERO, None::<Instant>);
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut stop) => return,
                accepted = accept_one(&listener, permits) => accepted,
            };
            match accepted {
                Ok((stream, permit)) => {
                    pause = Duration::ZERO;
                    let (server, stop, alive) = (self.clone(), stop.clone(), alive.clone());
                    drop(tokio::spawn(async move {
                        match stream {
                            Stream::Tcp(stream, peer) => server.tcp(stream, peer, stop).await,
                            Stream::Unix(stream) => {
                                let tls = server.security.terms().await.tls();
                                server.connection(stream, None, tls, stop).await;
                            }
                        }
                        drop((permit, alive));
                    }));
                }
                Err(error) => {
                    if told.is_none_or(|at| at.elapsed() >= QUIET) {
                        tracing::warn!(%error, "accepting a connection");
                        told = Some(Instant::now());
                    }
                    pause = (pause * 2).clamp(Duration::from_millis(10), MAX_PAUSE);
                    tokio::select! {
                        () = stopped(&mut stop) => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    async fn tcp(self, mut stream: TcpStream, peer: IpAddr, mut stop: watch::Receiver<bool>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "setting TCP_NODELAY");
        }
        let tls = self.security.terms().await.tls();
        if tls.is_some() {
            let plain = tokio::select! {
                plain = is_plain(&stream) => plain,
                () = stopped(&mut stop) => return,
            };
            if plain {
                self.own.handshake_failed();
                // Whoever does not listen has to do without.
                drop(timeout(HEAD, explain(&mut stream)).await);
                return;
            }
        }
        self.connection(stream, Some(peer), tls, stop).await;
    }

    async fn connection<S>(
        self,
        stream: S,
        peer: Option<IpAddr>,
        tls: Option<Arc<ServerConfig>>,
        mut stop: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = tls else { return self.http1(stream, peer, stop).await };
        let own = Arc::clone(&self.own);
        let accepted = tokio::select! {
            accepted = timeout(HEAD, TlsAcceptor::from(tls).accept(stream)) => accepted,
            () = stopped(&mut stop) => return,
        };
        let error = match accepted {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                return self.http2(stream, peer, stop).await;
            }
            Ok(Ok(stream)) => return self.http1(stream, peer, stop).await,
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        own.handshake_failed();
        tracing::debug!(%error, peer = peer.map(tracing::field::display), "a handshake failed");
    }

    async fn http1<S>(self, stream: S, peer: Option<IpAddr>, stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let heard = Heard::default();
        let stream = TokioIo::new(Patient::new(stream, heard.clone()));
        let answers = Answers { server: self, peer, heard, sending: None };
        let connection = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            // `nc -N` and socat shut their side down behind the request, as Go's server lets them.
            .half_close(true)
            .serve_connection(stream, service_fn(move |request| answers.clone().answer(request)));
        drive(connection, http1::Connection::graceful_shutdown, stop).await;
    }

    async fn http2<S>(self, stream: S, peer: Option<IpAddr>, stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (heard, sending) = (Heard::default(), Sending::default());
        let stream = TokioIo::new(Patient::multiplexed(stream, heard.clone()));
        let answers = Answers { server: self, peer, heard, sending: Some(sending.clone()) };
        let connection = http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .max_send_buf_size(MAX_UNSENT)
            .serve_connection(stream, service_fn(move |request| answers.clone().answer(request)));
        tokio::select! {
            () = drive(connection, http2::Connection::graceful_shutdown, stop) => {}
            () = sending.overdue() => tracing::debug!("a client that does not read is cut off"),
        }
    }
}

/// Whether a client speaks HTTP where TLS is expected: a handshake begins with a byte that is no letter.
async fn is_plain(stream: &TcpStream) -> bool {
    let mut first = [0];
    let peeked = timeout(HEAD, stream.peek(&mut first)).await;
    matches!(peeked, Ok(Ok(1))) && first.iter().all(u8::is_ascii_uppercase)
}

/// Tells a client that speaks plain HTTP what is wrong, and reads what it says until it has understood: a
/// connection that is closed before would take the answer with it.
async fn explain(stream: &mut TcpStream) -> io::Result<()> {
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
                  connection: close\r\n\r\nthis port speaks TLS: ask with https://\n";
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 1024];
    for _ in 0..MAX_HEAD / ignored.len() {
        if stream.read(&mut ignored).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Lets a connection end, early where it is asked to.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    graceful: impl FnOnce(Pin<&mut C>),
    mut stop: watch::Receiver<bool>,
) {
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            graceful(connection.as_mut());
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Answers the requests of one connection.
#[derive(Clone)]
struct Answers {
    server: Server,
    peer: Option<IpAddr>,
    heard: Heard,
    /// Where answers are watched, for HTTP/2.
    sending: Option<Sending>,
}

/// A body, and that it is being sent.
struct Watched {
    body: Body,
    _sent: Sent,
}

// === impl Answers ===

impl Answers {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        self.heard.request();
        let Server { router, own, security, .. } = self.server;
        let terms = security.terms().await;
        let (path, headers) = (request.uri().path(), request.headers());
        let mut answer = match security.admit(&terms, path, headers, self.peer).await {
            Ok(()) => TowerToHyperService::new(router).call(request.map(Body::new)).await?,
            Err(refusal) => *refusal,
        };
        terms.dress(answer.headers_mut());
        own.answered(answer.status().as_u16());
        Ok(match self.sending {
            Some(sending) => answer.map(|body| Body::new(Watched { body, _sent: sending.begin() })),
            None => answer,
        })
    }
}

// === impl Watched ===

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The next connection, once there is room for it.
async fn accept_one(
    listener: &Listener,
    permits: &Arc<Semaphore>,
) -> io::Result<(Stream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok(stream) => return Ok((stream, permit)),
            // The client went away while it waited: no fault of ours.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits for the end, or for whoever was to announce it to go away.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
