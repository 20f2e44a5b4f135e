//! An upstream that answers as a test says, over real sockets.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::AbortHandle,
    time,
};
use tokio_rustls::TlsAcceptor;

/// A server; it ends when it is let go.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

/// What a request is answered with.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

/// What follows the bytes.
#[derive(Clone)]
pub(crate) enum Then {
    /// The next request.
    Keep,
    /// The end of the connection.
    Close,
    /// Nothing ever.
    Hang,
    /// Nothing, and the end of the connection when the flag is set.
    Until(Arc<AtomicBool>),
    /// The same bytes until nobody reads any more.
    Flood,
}

/// By the head of a request.
type Script = dyn Fn(&str) -> Reply + Send + Sync;

impl Server {
    pub(crate) async fn plain(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(script)).await
    }

    pub(crate) async fn secure(
        acceptor: TlsAcceptor,
        script: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(acceptor), Arc::new(script)).await
    }

    async fn start(acceptor: Option<TlsAcceptor>, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heads = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
                let heads = Arc::clone(&heads);
                tokio::spawn(async move {
                    match acceptor {
                        None => converse(stream, &*script, &heads).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                converse(stream, &*script, &heads).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, asked, task: task.abort_handle() }
    }

    /// The heads of the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: &Script,
    heads: &Mutex<Vec<String>>,
) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        heads.lock().unwrap().push(head.clone());
        let Reply { bytes, then } = script(&head);
        loop {
            if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                return;
            }
            match &then {
                Then::Keep => break,
                Then::Close => return drop(stream.shutdown().await),
                Then::Hang => time::sleep(Duration::from_hours(1)).await,
                Then::Until(flag) => {
                    while !flag.load(Ordering::Relaxed) {
                        time::sleep(Duration::from_millis(10)).await;
                    }
                    return;
                }
                Then::Flood => {}
            }
        }
    }
}

impl Reply {
    /// 200 with a text of metrics.
    pub(crate) fn text(body: &str) -> Self {
        Self::of("200 OK", "Content-Type: text/plain; version=0.0.4\r\n", body.as_bytes())
    }

    pub(crate) fn of(status: &str, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
        Self { bytes: [head.as_bytes(), body].concat(), then: Then::Keep }
    }

    pub(crate) fn raw(bytes: &str, then: Then) -> Self {
        Self { bytes: bytes.into(), then }
    }

    pub(crate) fn hang() -> Self {
        Self::raw("", Then::Hang)
    }
}
