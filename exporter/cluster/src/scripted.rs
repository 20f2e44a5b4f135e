//! A server that follows a script: what the tests of watches and Leases ask.

use crate::{
    fault::{Fault, Reason},
    frames::{Event, Kind},
    transport::{Stream, Transport},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Method;
use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    fmt::Write as _,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

/// What the server does with its next request.
pub(crate) enum Step {
    /// It sends these chunks, then what comes after them. A whole answer is the chunks in one; a list that
    /// is asked for may also be scripted as the events of its stream, and what follows answers the next watch.
    Send(Vec<&'static str>, Then),
    Refuse(Fault),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    End,
    Break,
    Silence,
}

/// A server that follows a script, and says when it has none left.
pub(crate) struct Server {
    script: Mutex<VecDeque<Step>>,
    log: Log,
    done: Notify,
}

struct Body(VecDeque<Cow<'static, str>>, Then);

/// What the server was asked, and whatever a test adds, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

// === impl Log ===

impl Log {
    pub(crate) fn line(&self, line: impl fmt::Display) {
        writeln!(self.0.lock().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

// === impl Server ===

impl Server {
    pub(crate) fn new(script: Vec<Step>, log: Log) -> Self {
        Self { script: Mutex::new(script.into()), log, done: Notify::new() }
    }

    /// Waits until more was asked than the script has answers for.
    pub(crate) async fn done(&self) {
        self.done.notified().await;
    }

    /// What it was asked while its script lasted.
    pub(crate) fn asked(&self) -> String {
        let asked = self.log.text();
        asked.lines().filter(|line| !line.starts_with("then ")).collect::<Vec<_>>().join("\n")
    }

    /// The next step; beyond the last, no answer at all.
    async fn step(&self, request: &str) -> Step {
        let step = self.script.lock().unwrap().pop_front();
        let Some(step) = step else {
            self.log.line(format_args!("then {request}"));
            self.done.notify_one();
            return std::future::pending().await;
        };
        self.log.line(request);
        step
    }

    /// A list whose stream would be these events; what comes after its end is kept for the next request.
    fn whole(&self, events: &str, then: Then) -> Body {
        let (mut objects, mut rest) = (Vec::new(), events);
        while let Some((line, after)) = rest.split_once('\n') {
            rest = after;
            let Ok(Event { kind, object }) = Event::parse(line.as_bytes()) else { break };
            let object = String::from_utf8(object.to_vec()).unwrap();
            if kind == Kind::Bookmark && object.contains("initial-events-end") {
                let text = format!("{{\"items\":[{}],\"metadata\":", objects.join(","))
                    + &metadata(&object)
                    + "}";
                let rest = Step::Send(vec![rest.to_owned().leak()], then);
                self.script.lock().unwrap().push_front(rest);
                return Body([Cow::Owned(text)].into(), Then::End);
            }
            objects.push(object);
        }
        Body([Cow::Owned(format!("{{\"items\":[{}", objects.join(",")))].into(), then)
    }
}

/// The metadata of an object.
fn metadata(object: &str) -> String {
    let object: serde_json::Value = serde_json::from_str(object).unwrap();
    object.get("metadata").unwrap().to_string()
}

// === impl Body ===

impl Body {
    fn new(chunks: Vec<&'static str>, then: Then) -> Self {
        Self(chunks.into_iter().map(Cow::Borrowed).collect(), then)
    }
}

impl Transport for Server {
    fn get<'a>(
        &'a self,
        path: &'a str,
        accept: &'static str,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Fault>> {
        Box::pin(async move {
            let kind = accept.strip_prefix("application/json").unwrap();
            match self.step(&format!("GET {path}{kind}")).await {
                Step::Send(chunks, then) => {
                    let events = chunks.first().is_some_and(|chunk| chunk.starts_with("{\"type\""));
                    Ok(Box::new(if events && !path.contains("watch=true") {
                        self.whole(&chunks.concat(), then)
                    } else {
                        Body::new(chunks, then)
                    }) as Box<dyn Stream>)
                }
                Step::Refuse(fault) => Err(fault),
            }
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
            let body = std::str::from_utf8(&body).unwrap();
            match self.step(&format!("{method} {path} {content} {body}")).await {
                Step::Send(chunks, then) => {
                    let mut answer = Body::new(chunks, then);
                    let mut whole = Vec::new();
                    while let Some(chunk) = answer.next().await {
                        whole.extend_from_slice(&chunk?);
                    }
                    Ok(whole.into())
                }
                Step::Refuse(fault) => Err(fault),
            }
        })
    }
}

impl Stream for Body {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, Fault>>> {
        Box::pin(async {
            match (self.0.pop_front(), self.1) {
                (Some(chunk), _) => Some(Ok(Bytes::from(chunk.into_owned()))),
                (None, Then::End) => None,
                (None, Then::Break) => Some(Err(Fault::new(Reason::Broken, "reset by peer"))),
                (None, Then::Silence) => std::future::pending().await,
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn whole_answers_follow_the_script() {
    let log = Log::default();
    let script = vec![
        Step::Send(vec!["{\"a\"", ":1}"], Then::End),
        Step::Refuse(Fault::of_status(409, b"", None)),
        Step::Send(vec!["{"], Then::Break),
    ];
    let server = Server::new(script, log.clone());
    let put = || server.send(Method::PUT, "/a", "application/json", Bytes::from_static(b"{}"));
    assert_eq!(put().await.unwrap(), "{\"a\":1}");
    assert_eq!(put().await.unwrap_err().code, Some(409));
    assert_eq!(put().await.unwrap_err().code, None);
    assert_eq!(log.text(), "PUT /a application/json {}\n".repeat(3));
}
