//! The metrics: one request, one scrape, in the format and encoding that the client asked for.

use super::{App, answer, pieces::Pieces, query, text};
use crate::{
    engine::{Scrape, Select},
    selfmetrics::SelfMetrics,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, VARY},
    },
    response::Response,
};
use exposition::{ContentEncoding, Format};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

/// What a client without a timeout is given, as Prometheus' own default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bodies up to this size are made in line; larger ones would keep other clients waiting.
const SMALL: usize = 64 << 10;

pub(super) async fn all(state: State<Arc<App>>, request: Request) -> Response {
    scrape(Select::All, state, request).await
}

pub(super) async fn part(part: &'static str, state: State<Arc<App>>, request: Request) -> Response {
    scrape(Select::Part(part), state, request).await
}

async fn scrape(whole: Select, State(app): State<Arc<App>>, request: Request) -> Response {
    let Ok(permit) = Arc::clone(&app.requests).try_acquire_owned() else {
        let many = format!("{} requests are being served already\n", app.max_requests);
        let mut response = text(StatusCode::SERVICE_UNAVAILABLE, many);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    let headers = request.headers();
    let select = match query::select(request.uri().query().unwrap_or_default(), whole) {
        Ok(select) => select,
        Err(error) => return text(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let deadline = Instant::now() + patience(headers);
    let format = Format::negotiate(joined(headers, &ACCEPT).as_deref());
    let encoding = ContentEncoding::negotiate(joined(headers, &ACCEPT_ENCODING).as_deref());
    let scrape = match app.engine.scrape(&select, deadline).await {
        Ok(scrape) => scrape,
        Err(refusal) => return text(StatusCode::BAD_REQUEST, refusal.to_string()),
    };
    let (body, encoding) = if scrape.bytes() <= SMALL {
        make_body(&app, &scrape, format, encoding)
    } else {
        let app = Arc::clone(&app);
        let made = tokio::task::spawn_blocking(move || make_body(&app, &scrape, format, encoding));
        match made.await {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "encoding a scrape");
                return text(StatusCode::INTERNAL_SERVER_ERROR, "encoding the scrape failed\n");
            }
        }
    };
    let body = Body::new(Guarded {
        body,
        encoding: encoding.name().unwrap_or("identity"),
        own: Arc::clone(&app.own),
        _permit: permit,
    });
    let mut response = answer(
        StatusCode::OK,
        [
            (CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
            (VARY, HeaderValue::from_static("Accept, Accept-Encoding")),
        ],
        body,
    );
    if let Some(name) = encoding.name() {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

fn make_body(
    app: &App,
    scrape: &Scrape,
    format: Format,
    encoding: ContentEncoding,
) -> (Making, ContentEncoding) {
    let encoded = scrape.encode(format);
    if encoded.inserts.is_empty() {
        let (body, encoding) = app.compressor.compress(encoded.body, encoding);
        (Making::Whole(Some(body.into())), encoding)
    } else {
        let (pieces, encoding) = Pieces::new(encoded, encoding);
        (Making::Pieces(Box::new(pieces)), encoding)
    }
}

/// A header's values as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// How long the collectors may take: what the client waits, less time to encode and to send.
fn patience(headers: &HeaderMap) -> Duration {
    let given = headers
        .get("x-prometheus-scrape-timeout-seconds")
        .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok())
        .filter(|seconds| *seconds > 0.0)
        .map_or(DEFAULT_TIMEOUT, |seconds| Duration::from_secs_f64(seconds.clamp(0.1, 120.0)));
    given.saturating_sub((given / 10).min(Duration::from_millis(500)))
}

/// A body that is made, or is made as it is sent.
enum Making {
    Whole(Option<Bytes>),
    Pieces(Box<Pieces>),
}

/// A body that holds its place among `--web.max-requests` until it is sent or given up.
struct Guarded {
    body: Making,
    encoding: &'static str,
    own: Arc<SelfMetrics>,
    _permit: OwnedSemaphorePermit,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut self.body {
            Making::Whole(body) => body.take().filter(|bytes| !bytes.is_empty()),
            Making::Pieces(pieces) => pieces.next(),
        };
        if let Some(bytes) = &bytes {
            self.own.sent(self.encoding, bytes.len());
        }
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.body, Making::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Making::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, Bytes::len) as u64),
            Making::Pieces(pieces) => {
                pieces.left().map_or_else(SizeHint::new, SizeHint::with_exact)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_of_clients() {
        for (given, seconds) in [
            ("", 9.5),
            ("10", 9.5),
            ("1", 0.9),
            ("0.2", 0.18),
            ("0.000001", 0.09),
            ("0", 9.5),
            ("-1", 9.5),
            ("NaN", 9.5),
            ("inf", 119.5),
            ("1e300", 119.5),
            ("soon", 9.5),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("X-Prometheus-Scrape-Timeout-Seconds", given.parse().unwrap());
            assert_eq!(patience(&headers), Duration::from_secs_f64(seconds), "{given}");
        }
        assert_eq!(patience(&HeaderMap::new()), Duration::from_millis(9500));
    }
}
