//! One connection to one upstream, HTTP/1.1: a request after the other, kept between scrapes.
//!
//! Nothing is followed: a redirect is an answer like any other that is not 200. Nothing compressed is asked
//! for: on one machine that costs both sides more than it saves.

use crate::{
    fault::{Fault, Reason},
    target::Place,
};
use bytes::Bytes;
use collect::chain;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{self, TcpStream},
    task::AbortHandle,
};
use tokio_rustls::TlsConnector;

/// Text before OpenMetrics: its counters keep their names, and nothing of it is lost on us.
const ACCEPT: &str = "text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,\
    application/openmetrics-text;version=1.0.0;q=0.3,*/*;q=0.1";
/// The most of an answer's head.
const MAX_HEAD: usize = 64 << 10;
/// How much of a refusal is read for its words.
const WORDS: usize = 1024;
/// How many of them are shown.
const SHOWN: usize = 200;

/// How a connection is secured.
#[derive(Clone)]
pub(crate) struct Secure {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
}

/// An open connection, which ends when it is let go.
pub(crate) struct Lane {
    send: http1::SendRequest<Empty<Bytes>>,
    task: AbortHandle,
}

/// An answer's body.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
pub(crate) enum Failure {
    /// Nothing came: a connection that was kept may have been closed meanwhile.
    Unheard(Fault),
    /// The upstream answered, and this is wrong with it.
    Heard(Fault),
}

// === impl Lane ===

impl Lane {
    /// Connects to the first address that takes it.
    pub(crate) async fn open(place: &Place, secure: Option<&Secure>) -> Result<Self, Fault> {
        let stream = dial(place)
            .await
            .map_err(|error| Fault::new(Reason::Connect, format!("{}: {error}", place.url())))?;
        let Some(Secure { connector, name }) = secure else {
            return Self::over(stream, place).await;
        };
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| {
            Fault::new(Reason::Tls, format!("{}: {}", place.url(), chain(&error)))
        })?;
        Self::over(stream, place).await
    }

    async fn over<T>(stream: T, place: &Place) -> Result<Self, Fault>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let made =
            http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream)).await;
        let (send, connection) = made.map_err(|error| {
            Fault::new(Reason::Connect, format!("{}: {}", place.url(), chain(&error)))
        })?;
        // Its end shows in the requests.
        let task = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Self { send, task })
    }

    /// Whether another request may be sent.
    pub(crate) fn is_open(&self) -> bool {
        !self.send.is_closed()
    }

    /// Asks for a page of at most `max` bytes.
    pub(crate) async fn get(
        &mut self,
        place: &Place,
        path: &str,
        token: Option<&HeaderValue>,
        max: usize,
    ) -> Result<Answer, Failure> {
        let at = |reason, what: &str| Fault::new(reason, format!("{}{path}: {what}", place.url()));
        let mut request = Request::get(path)
            .header(header::HOST, place.authority())
            .header(header::ACCEPT, ACCEPT)
            .header(header::USER_AGENT, concat!("hybrid-exporter/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request.body(Empty::new());
        let request =
            request.map_err(|error| Failure::Heard(at(Reason::Access, &error.to_string())))?;
        let unheard = |error: hyper::Error| {
            let reason = if is_tls(&error) { Reason::Tls } else { Reason::Connect };
            Failure::Unheard(at(reason, &chain(&error)))
        };
        self.send.ready().await.map_err(unheard)?;
        let answer = self.send.send_request(request).await.map_err(unheard)?;
        let failed = match answer.status() {
            StatusCode::OK => match odd(answer.headers()) {
                None => {
                    return body(answer, max)
                        .await
                        .map_err(|(reason, what)| Failure::Heard(at(reason, &what)));
                }
                Some(what) => at(Reason::Format, &what),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                at(Reason::Auth, &refusal(answer).await)
            }
            _ => at(Reason::Status, &refusal(answer).await),
        };
        Err(Failure::Heard(failed))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn dial(place: &Place) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "a name without an address");
    for address in net::lookup_host((&*place.host, place.port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What is wrong with the kind of an answer.
fn odd(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    if let Some(encoding) = text(header::CONTENT_ENCODING).filter(|e| *e != "identity") {
        return Some(format!("content encoding {encoding:?}, which was not asked for"));
    }
    let kind = text(header::CONTENT_TYPE)?;
    let known = ["text/plain", "application/openmetrics-text"].iter().any(|k| kind.starts_with(k));
    (!known).then(|| format!("expected a text of metrics, found content type {kind:?}"))
}

async fn body(answer: Response<Incoming>, max: usize) -> Result<Answer, (Reason, String)> {
    let whole = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/openmetrics-text"));
    let mut incoming = answer.into_body();
    let large = || (Reason::Size, format!("more than {max} bytes"));
    if incoming.size_hint().lower() > max as u64 {
        return Err(large());
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| (Reason::Torn, chain(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if body.len().saturating_add(data.len()) > max {
            return Err(large());
        }
        body.extend_from_slice(&data);
    }
    if whole && !body.trim_ascii_end().ends_with(b"# EOF") {
        return Err((Reason::Torn, "expected # EOF at the end".to_owned()));
    }
    Ok(Answer { body })
}

/// The status of a refusal and the server's words.
async fn refusal(answer: Response<Incoming>) -> String {
    let status = answer.status();
    let elsewhere = answer.headers().get(header::LOCATION);
    if let Some(elsewhere) = elsewhere.filter(|_| status.is_redirection()) {
        return format!("HTTP {} to {elsewhere:?}, which is not followed", status.as_u16());
    }
    let mut incoming = answer.into_body();
    let mut words = Vec::new();
    while let Some(Ok(frame)) = incoming.frame().await {
        words.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if words.len() >= WORDS {
            break;
        }
    }
    let words = String::from_utf8_lossy(&words);
    let words: String = words.trim().chars().take(SHOWN).collect();
    format!("HTTP {}: {words:?}", status.as_u16())
}

/// Whether TLS is behind an error: a server tells that it does not take our certificate after the handshake.
fn is_tls(error: &dyn std::error::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(inner) = inner
            && inner.is::<rustls::Error>()
        {
            return true;
        }
        cause = error.source();
    }
    false
}
