//! The web side: which path gives what, and the answers that are the same everywhere.

pub mod compress;
mod connection;
mod listening;
mod metrics;
mod pages;
mod pieces;
pub mod query;
mod security;
mod serve;
mod sockets;

pub use listening::Listening;
pub use security::Security;
pub use serve::{Server, bind};
pub use sockets::{Address, Bound, activated};

use crate::{
    config::{HEALTH_PATHS, READY_PATHS},
    engine::Engine,
    registry::PARTS,
    selfmetrics::SelfMetrics,
};
use axum::{
    Router,
    body::Body,
    extract,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::Response,
    routing::get,
};
use compress::Compressor;
use std::{sync::Arc, time::Instant};
use tokio::sync::Semaphore;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    engine: Arc<Engine>,
    own: Arc<SelfMetrics>,
    telemetry_path: String,
    max_requests: usize,
    requests: Arc<Semaphore>,
    compressor: Compressor,
    listening: Listening,
    started: Instant,
}

// === impl App ===

impl App {
    /// What the handlers share; `max_requests` 0 is no limit.
    pub fn new(
        engine: Arc<Engine>,
        own: Arc<SelfMetrics>,
        telemetry_path: &str,
        max_requests: usize,
        listening: Listening,
    ) -> Arc<Self> {
        let permits = if max_requests == 0 { Semaphore::MAX_PERMITS } else { max_requests };
        Arc::new(Self {
            engine,
            own,
            telemetry_path: telemetry_path.to_owned(),
            max_requests,
            requests: Arc::new(Semaphore::new(permits)),
            compressor: Compressor::default(),
            listening,
            started: Instant::now(),
        })
    }

    /// The path of a part's metrics.
    fn part_path(&self, part: &str) -> String {
        format!("{}/{part}", self.telemetry_path.trim_end_matches('/'))
    }

    /// The routes. GET and HEAD only.
    pub fn router(self: &Arc<Self>) -> Router {
        let mut router = Router::new().route(&self.telemetry_path, get(metrics::all));
        for part in PARTS {
            let handler = move |state, request| metrics::part(part, state, request);
            router = router.route(&self.part_path(part), get(handler));
        }
        if self.telemetry_path != "/" {
            router = router.route("/", get(pages::status));
        }
        for path in HEALTH_PATHS {
            router = router.route(path, get(async || text(StatusCode::OK, "ok\n")));
        }
        for path in READY_PATHS {
            router = router.route(path, get(ready));
        }
        router
            .fallback(async || text(StatusCode::NOT_FOUND, "not found\n"))
            .method_not_allowed_fallback(async || {
                text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n")
            })
            .with_state(Arc::clone(self))
    }
}

/// Whether what is served is whole. Being alive is another question: no restart helps here.
async fn ready(extract::State(app): extract::State<Arc<App>>) -> Response {
    match app.engine.unready() {
        None => text(StatusCode::OK, "ok\n"),
        Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

/// A short answer in plain text.
fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer(status, [(CONTENT_TYPE, plain)], body.into())
}

/// An answer that no cache may keep and no browser may take for something else.
fn answer<const N: usize>(
    status: StatusCode,
    headers: [(HeaderName, HeaderValue); N],
    body: Body,
) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let map = response.headers_mut();
    map.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    map.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    map.extend(headers);
    response
}

#[cfg(test)]
mod tests;
