//! Listening, accepting, and an orderly end.

use super::connection::{Heard, Patient};
use crate::{config::Listen, selfmetrics::SelfMetrics};
use axum::{Router, body::Body};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rustix::{
    io::Errno,
    net::{self, AddressFamily, SocketFlags, SocketType, sockopt},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// A request's head, with its query, may be this long; hyper answers 431 beyond.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// The longest pause after a failed accept, such as for want of descriptors.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A listening socket.
#[derive(Debug)]
pub struct Bound {
    listener: std::net::TcpListener,
    /// The address that it really has.
    pub address: SocketAddr,
}

/// Listeners with what they serve.
#[derive(Clone, Debug)]
pub struct Server {
    /// The routes.
    pub router: Router,
    /// Where answers are counted.
    pub own: Arc<SelfMetrics>,
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
            Ok(listener) => {
                let address = listener.local_addr()?;
                return Ok(Bound { listener, address });
            }
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
            let listener = TcpListener::from_std(bound.listener)?;
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
        listener: TcpListener,
        permits: &Arc<Semaphore>,
        mut stop: watch::Receiver<bool>,
        alive: &mpsc::Sender<()>,
    ) {
        let mut pause = Duration::ZERO;
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
                        server.connection(stream, stop).await;
                        drop((permit, alive));
                    }));
                }
                Err(error) => {
                    if pause.is_zero() {
                        tracing::warn!(%error, "accepting a connection");
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

    async fn connection(self, stream: TcpStream, mut stop: watch::Receiver<bool>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "setting TCP_NODELAY");
        }
        let heard = Heard::default();
        let stream = Patient::new(stream, heard.clone());
        let (inner, own) = (TowerToHyperService::new(self.router), self.own);
        let service = service_fn(move |request: Request<Incoming>| {
            heard.request();
            let answer = inner.call(request.map(Body::new));
            let own = Arc::clone(&own);
            async move {
                let answer = answer.await;
                if let Ok(response) = &answer {
                    own.answered(response.status().as_u16());
                }
                answer
            }
        });
        let connection = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            // `nc -N` and socat shut their side down behind the request, as Go's server lets them.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// The next connection, once there is room for it.
async fn accept_one(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, permit)),
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
