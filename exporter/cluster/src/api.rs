//! The API server as a [`Transport`]: who we are goes with each request, and stays true.
//!
//! Files of credentials are replaced while we run: tokens each hour, certificates each year, authorities when
//! they are rotated. They are read again each minute, and at once where the server does not know us (401) or
//! a request gave no answer: then a refused token or certificate is the likely reason. What a connection
//! depends on having changed, new requests go over new connections.
//!
//! Bodies come as they are: what the server would compress costs it and us more than it saves.

use crate::{
    access::{Access, Identity, access},
    connection::{Body, Connections},
    fault::{Fault, Reason},
    transport::{MAX_ANSWER, Stream, Transport},
};
use bytes::Bytes;
use collect::lock;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, header};
use http_body_util::Full;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{self, Instant};

/// How old what was read of the credentials may be.
const FRESH: Duration = Duration::from_mins(1);
/// Between the pieces of a whole answer.
const SILENCE: Duration = Duration::from_secs(15);
/// The most of a refusal's body that is read.
const MAX_REFUSAL: usize = 64 << 10;
const JSON: &str = "application/json";
const AGENT: &str = concat!("hybrid-exporter/", env!("CARGO_PKG_VERSION"));

/// The API server that an [`Access`] names.
pub struct Api {
    access: Access,
    known: Mutex<Option<Known>>,
}

/// What was read last.
#[derive(Clone)]
struct Known {
    identity: Arc<Identity>,
    connections: Arc<Connections>,
    /// When to read again; none: at once.
    until: Option<Instant>,
}

/// A request, as often as it is to be made.
struct Ask<'a> {
    method: Method,
    path: &'a str,
    accept: &'static str,
    content: Option<&'static str>,
    body: Bytes,
}

// === impl Api ===

impl Api {
    /// Makes no connection and reads nothing yet.
    pub fn new(access: Access) -> Self {
        Self { access, known: Mutex::default() }
    }

    /// The server's URL, for people. Fails where what names it cannot be read.
    pub fn server(&self) -> Result<String, Fault> {
        let known = self.known()?;
        let server = &known.identity.server;
        let scheme = if server.security.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}{}", server.authority(), server.prefix))
    }

    /// Who we are, read anew where that is due.
    fn known(&self) -> Result<Known, Fault> {
        let mut known = lock(&self.known);
        let now = Instant::now();
        if let Some(known) = known.as_ref().filter(|known| known.until.is_some_and(|t| now < t)) {
            return Ok(known.clone());
        }
        let identity = Arc::new(self.access.read()?);
        let connections = match known.as_ref() {
            Some(known) if *known.connections.server() == identity.server => {
                Arc::clone(&known.connections)
            }
            before => {
                let made = Arc::new(Connections::new(identity.server.clone())?);
                if identity.server.trusts_anybody() {
                    let server = identity.server.authority();
                    tracing::warn!(
                        server,
                        "insecure-skip-tls-verify: anybody may be the API server"
                    );
                }
                if before.is_some() {
                    let server = identity.server.authority();
                    tracing::info!(server, "the API server's address or certificates changed");
                }
                made
            }
        };
        Ok(known.insert(Known { identity, connections, until: Some(now + FRESH) }).clone())
    }

    /// Has the next request read the credentials anew.
    fn doubt(&self) {
        let mut known = lock(&self.known);
        if let Some(known) = known.as_mut() {
            known.until = None;
        }
    }

    /// Asks; a second time only where we were not known and have other credentials by now.
    async fn ask(&self, ask: Ask<'_>) -> Result<Body, Fault> {
        let mut known = self.known()?;
        loop {
            let answer = known.connections.exchange(&ask.request(&known.identity)?).await;
            let answer = answer.inspect_err(|_| self.doubt())?;
            if answer.status().is_success() {
                return Ok(answer.into_body());
            }
            let fault = refusal(answer).await;
            if fault.reason != Reason::Unauthorized {
                return Err(fault);
            }
            self.doubt();
            let new = self.known()?;
            if *new.identity == *known.identity {
                // Read at once again next time: the new token may not be there yet.
                self.doubt();
                return Err(fault);
            }
            known = new;
        }
    }
}

impl Transport for Api {
    fn get<'a>(
        &'a self,
        path: &'a str,
        accept: &'static str,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Fault>> {
        Box::pin(async move {
            let body = Bytes::new();
            let ask = Ask { method: Method::GET, path, accept, content: None, body };
            Ok(Box::new(self.ask(ask).await?) as Box<dyn Stream>)
        })
    }

    fn send<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        content: &'static str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Bytes, Fault>> {
        Box::pin(async move {
            let content = (!body.is_empty()).then_some(content);
            let ask = Ask { method, path, accept: JSON, content, body };
            whole(self.ask(ask).await?, MAX_ANSWER).await
        })
    }
}

impl Stream for Body {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, Fault>>> {
        Box::pin(self.next())
    }
}

// === impl Ask ===

impl Ask<'_> {
    fn request(&self, identity: &Identity) -> Result<Request<Full<Bytes>>, Fault> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(format!("{}{}", identity.server.prefix, self.path))
            .header(header::ACCEPT, self.accept)
            .header(header::USER_AGENT, AGENT);
        if let Some(content) = self.content {
            request = request.header(header::CONTENT_TYPE, content);
        }
        for (name, value) in &identity.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body.clone())).map_err(|error| access(error.to_string()))
    }
}

/// A body as a whole.
async fn whole(mut body: Body, most: usize) -> Result<Bytes, Fault> {
    let late = |_| {
        let detail = format!("nothing came for {} s", SILENCE.as_secs());
        Fault::new(Reason::Timeout, detail)
    };
    let mut text = Vec::new();
    while let Some(bytes) = time::timeout(SILENCE, body.next()).await.map_err(late)? {
        let bytes = bytes?;
        if text.len() + bytes.len() > most {
            let detail = format!("an answer of more than {} KiB", most >> 10);
            return Err(Fault::new(Reason::Malformed, detail));
        }
        text.extend_from_slice(&bytes);
    }
    Ok(text.into())
}

async fn refusal(answer: Response<Body>) -> Fault {
    let code = answer.status().as_u16();
    let after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let text = whole(answer.into_body(), MAX_REFUSAL).await.unwrap_or_default();
    Fault::of_status(code, &text, after)
}

#[cfg(test)]
mod tests;
