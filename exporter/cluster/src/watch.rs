//! One watch: the list, the events, and everything that can go wrong between them.
//!
//! A watch begins with a list. What is chosen by a field (a node's pods, an object by its name) the server
//! streams as events that end with a marked bookmark (`sendInitialEvents`, on by default since 1.34), so
//! that one request serves. All that there is comes as a list from the server's cache, taken in as it
//! comes: of 10,000 pods that costs an API server of 1.36 half of the CPU time of such a stream, which is
//! what is waited for. Where the server refuses or does not end the one, the other is asked for; a list
//! that does not come whole, such as a large one within the minute that the server has for it, is streamed.
//! Events follow from the list's resource version on. A stream that ends is taken up where it ended;
//! `410 Gone` asks for a new list, which replaces the old set as a whole. Failures are asked again
//! after a pause that doubles, with jitter, up to [`LONGEST_PAUSE`]; a server that asks for patience gets
//! it. What was known stays known meanwhile: whoever serves it decides for how long.

use crate::{
    fault::{Fault, Reason},
    frames::{Event, Frames, Kind},
    list::{List, Part},
    table::Columns,
    transport::{Stream, Transport},
};
use bytes::Bytes;
pub use kubestate::Extent;
use serde::Deserialize;
use std::{
    borrow::Cow,
    fmt::Write as _,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::time::{self, Instant};

/// The first pause after a failure; it doubles.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause; so an end of trouble is seen within about this time.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The longest that a server is obeyed which asks to be left alone.
const LONGEST_PATIENCE: Duration = Duration::from_mins(2);
/// How long the server may keep one stream; it ends it by itself then.
const STREAM: Duration = Duration::from_secs(290);
/// A stream on which nothing came for this long is dead: bookmarks come each minute or so.
const SILENCE: Duration = Duration::from_mins(2);
/// The same before a list is complete: a server that does not know how to stream one never marks its end.
const FIRST_SILENCE: Duration = Duration::from_secs(20);
/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The resource's path, such as `/api/v1/namespaces/default/pods`.
    pub path: String,
    /// A field selector, or nothing.
    pub fields: String,
    /// How much of each object is asked for.
    pub extent: Extent,
}

/// Who takes what a watch gives.
pub trait Sink: Send {
    /// A list begins: what is not applied before [`listed`](Self::listed) is gone then.
    fn list(&mut self);
    /// An object as it is now, in JSON. Gives its resource version, where it could be read.
    fn apply(&mut self, object: &[u8]) -> Option<String>;
    /// An object that is gone, as it was last. Gives its resource version, where it could be read.
    fn delete(&mut self, object: &[u8]) -> Option<String>;
    /// The list is complete.
    fn listed(&mut self);
    /// The server was heard: the watch is as new as this moment.
    fn heard(&mut self, at: Instant);
    /// A request succeeded: `list` or `watch`.
    fn asked(&mut self, what: Request);
    /// A request failed, or a stream did.
    fn failed(&mut self, what: Request, fault: &Fault);
}

/// What succeeds or fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// For the whole set.
    List,
    /// For what changes.
    Watch,
    /// None: the answer to [`Watch`](Self::Watch) that was being read.
    Stream,
}

/// A watch in progress.
struct Watch<'a, S> {
    transport: &'a dyn Transport,
    target: &'a Target,
    sink: &'a mut S,
    /// How the next list is asked for.
    how: How,
    /// Whether the server refused to stream a list.
    refused: bool,
    /// Whether any list has been complete.
    listed: bool,
    /// Where to go on.
    version: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// As events.
    Stream,
    /// As one answer.
    Whole,
}

/// A stream of events that is being read.
struct Open {
    stream: Box<dyn Stream>,
    frames: Frames,
    /// Of a stream of tables.
    columns: Columns,
}

/// The pause after a failure.
struct Pause(Duration);

/// Watches `target` for ever: drop the future to end it.
pub async fn run<S: Sink>(transport: Arc<dyn Transport>, target: Target, sink: &mut S) {
    let mut watch = Watch {
        transport: &*transport,
        target: &target,
        sink,
        how: How::of(&target),
        refused: false,
        listed: false,
        version: String::new(),
    };
    let mut pause = Pause(PAUSE);
    loop {
        match watch.list().await {
            Ok(open) => {
                let begun = Instant::now();
                let gone = watch.follow(open, &mut pause).await;
                // A server whose lists are too old at once is not asked in a loop.
                if begun.elapsed() < LONGEST_PAUSE {
                    pause.wait(&gone).await;
                }
            }
            Err(fault) => {
                watch.sink.failed(Request::List, &fault);
                pause.wait(&fault).await;
            }
        }
    }
}

// === impl How ===

impl How {
    /// The better way to ask for a list.
    fn of(target: &Target) -> Self {
        if target.fields.is_empty() { Self::Whole } else { Self::Stream }
    }
}

// === impl Watch ===

impl<S: Sink> Watch<'_, S> {
    /// Gives the whole set to the sink; and the stream, where that goes on with what changes.
    async fn list(&mut self) -> Result<Option<Open>, Fault> {
        if self.how == How::Stream {
            match self.stream_list().await {
                Err(fault) if fault.reason == Reason::Refused => {
                    tracing::debug!(path = self.target.path, %fault, "lists are not streamed");
                    self.refused = true;
                    self.how = How::Whole;
                }
                Err(fault) => {
                    // A server that does not know how to stream lists never ends them.
                    if fault.reason == Reason::Timeout {
                        self.how = How::Whole;
                    }
                    return Err(fault);
                }
                Ok(open) => {
                    self.listed = true;
                    self.how = How::of(self.target);
                    return Ok(Some(open));
                }
            }
        }
        if let Err(fault) = self.whole_list().await {
            if !self.refused && matches!(fault.reason, Reason::Broken | Reason::Timeout) {
                self.how = How::Stream;
            }
            return Err(fault);
        }
        self.listed = true;
        if !self.refused {
            self.how = How::of(self.target);
        }
        Ok(None)
    }

    async fn stream_list(&mut self) -> Result<Open, Fault> {
        self.version.clear();
        let initial = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
        let mut open = self.open(initial).await?;
        self.sink.list();
        loop {
            let mut listed = false;
            let chunk = open.chunk(FIRST_SILENCE).await?;
            let Some(chunk) = chunk else {
                return Err(Fault::new(Reason::Broken, "the stream ended before the list did"));
            };
            self.sink.heard(Instant::now());
            open.frames.feed(&chunk, |line| {
                if event(line, &mut open.columns, self.sink, &mut self.version)? {
                    // Before the events behind it.
                    listed = true;
                    self.sink.listed();
                }
                Ok(())
            })?;
            if listed {
                self.sink.asked(Request::List);
                return Ok(open);
            }
        }
    }

    async fn whole_list(&mut self) -> Result<(), Fault> {
        // Never the rest, also where the server has no tables.
        let accept = match self.target.extent {
            Extent::Whole => "application/json",
            Extent::Metadata => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Extent::Typed => {
                "application/json;as=Table;g=meta.k8s.io;v=v1,\
                 application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
            }
        };
        // What was known is not replaced with what is older: another server may lag behind.
        let path =
            self.query() + if self.listed { "resourceVersion=" } else { "resourceVersion=0" };
        let mut stream = self.transport.get(&path, accept).await?;
        self.sink.list();
        let (mut list, mut columns) = (List::default(), Columns::new(self.target.extent));
        let mut rows = false;
        while let Some(chunk) = silent(FIRST_SILENCE, stream.next()).await? {
            self.sink.heard(Instant::now());
            list.feed(&chunk, |part| {
                match part {
                    Part::Head(text) => rows = columns.head(text),
                    Part::Object(row) if rows => drop(self.sink.apply(columns.row(row))),
                    Part::Object(object) => drop(self.sink.apply(object)),
                }
                Ok(())
            })?;
        }
        let rest = list.rest()?;
        let rest: Rest<'_> = serde_json::from_slice(&rest)
            .map_err(|error| Fault::new(Reason::Malformed, format!("a list: {error}")))?;
        if rest.metadata.next.is_some_and(|next| !next.is_empty()) {
            return Err(Fault::new(Reason::Malformed, "a page, where all of a list was asked for"));
        }
        self.version = rest.metadata.version.unwrap_or_default().into_owned();
        self.sink.listed();
        self.sink.asked(Request::List);
        Ok(())
    }

    /// Follows what changes until that is no more possible without a new list.
    async fn follow(&mut self, mut open: Option<Open>, pause: &mut Pause) -> Fault {
        loop {
            let begun = Instant::now();
            let (what, ended) = match open.take() {
                Some(open) => (Request::Stream, self.read(open).await),
                None => match self.open("").await {
                    Ok(open) => (Request::Stream, self.read(open).await),
                    Err(fault) => (Request::Watch, Err(fault)),
                },
            };
            if begun.elapsed() >= LONGEST_PAUSE {
                pause.reset();
            }
            match ended {
                Err(fault) => {
                    self.sink.failed(what, &fault);
                    if fault.reason == Reason::Gone {
                        return fault;
                    }
                    pause.wait(&fault).await;
                }
                // In order; but a server that ends its streams at once is not asked in a loop.
                Ok(()) if begun.elapsed() < LONGEST_PAUSE => time::sleep(PAUSE).await,
                Ok(()) => {}
            }
        }
    }

    async fn read(&mut self, mut open: Open) -> Result<(), Fault> {
        while let Some(chunk) = open.chunk(SILENCE).await? {
            self.sink.heard(Instant::now());
            open.frames.feed(&chunk, |line| {
                event(line, &mut open.columns, self.sink, &mut self.version)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Opens a stream of events from where we are.
    async fn open(&mut self, more: &str) -> Result<Open, Fault> {
        let accept = match self.target.extent {
            Extent::Whole => "application/json",
            Extent::Metadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            Extent::Typed => {
                "application/json;as=Table;g=meta.k8s.io;v=v1,\
                 application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
            }
        };
        let mut path = self.query();
        let seconds = STREAM.as_secs();
        write!(
            path,
            "watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}{more}&resourceVersion="
        )
        .expect("a string takes it");
        escape(&mut path, &self.version);
        let stream = self.transport.get(&path, accept).await?;
        self.sink.asked(Request::Watch);
        self.sink.heard(Instant::now());
        let columns = Columns::new(self.target.extent);
        Ok(Open { stream, frames: Frames::default(), columns })
    }

    /// The path up to the first parameter that differs from request to request.
    fn query(&self) -> String {
        let mut path = format!("{}?", self.target.path);
        if !self.target.fields.is_empty() {
            path.push_str("fieldSelector=");
            escape(&mut path, &self.target.fields);
            path.push('&');
        }
        if self.target.extent == Extent::Typed {
            path.push_str("includeObject=Metadata&");
        }
        path
    }
}

/// Gives an event to the sink; whether it ends the list.
fn event<S: Sink>(
    line: &[u8],
    columns: &mut Columns,
    sink: &mut S,
    version: &mut String,
) -> Result<bool, Fault> {
    if line.is_empty() {
        return Ok(false);
    }
    let Event { kind, object } = Event::parse(line)?;
    if kind == Kind::Error {
        return Err(Fault::of_event(object));
    }
    let mut last = false;
    columns.each(object, |object| {
        last |= take(kind, object, sink, version)?;
        Ok(())
    })?;
    Ok(last)
}

/// Gives an object of an event to the sink; whether it marks the list's end.
fn take<S: Sink>(
    kind: Kind,
    object: &[u8],
    sink: &mut S,
    version: &mut String,
) -> Result<bool, Fault> {
    let new = match kind {
        Kind::Added | Kind::Modified => sink.apply(object),
        Kind::Deleted => sink.delete(object),
        Kind::Other | Kind::Error => None,
        Kind::Bookmark => {
            let mark: Bookmark<'_> = serde_json::from_slice(object)
                .map_err(|error| Fault::new(Reason::Malformed, format!("a bookmark: {error}")))?;
            if let Some(new) = mark.metadata.version {
                *version = new.into_owned();
            }
            let end = mark.metadata.annotations.and_then(|a| a.end);
            return Ok(end.as_deref() == Some("true"));
        }
    };
    if let Some(new) = new.filter(|new| !new.is_empty()) {
        *version = new;
    }
    Ok(false)
}

// === impl Open ===

impl Open {
    async fn chunk(&mut self, bound: Duration) -> Result<Option<Bytes>, Fault> {
        silent(bound, self.stream.next()).await
    }
}

/// The next bytes, if they come in time.
async fn silent(
    bound: Duration,
    next: impl Future<Output = Option<Result<Bytes, Fault>>>,
) -> Result<Option<Bytes>, Fault> {
    let late = |_| Fault::new(Reason::Timeout, format!("nothing came for {} s", bound.as_secs()));
    time::timeout(bound, next).await.map_err(late)?.transpose()
}

// === impl Pause ===

impl Pause {
    /// Waits as long as the server asks, or longer each time.
    async fn wait(&mut self, fault: &Fault) {
        // Between three quarters and all of it, so that a thousand agents do not come back as one.
        let spread = RandomState::new().hash_one(()) % 256;
        let own =
            self.0.mul_f64(0.75 + 0.25 * f64::from(u8::try_from(spread).unwrap_or(0)) / 255.0);
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
        let asked = fault.retry_after.unwrap_or_default().min(LONGEST_PATIENCE);
        time::sleep(own.max(asked)).await;
    }

    fn reset(&mut self) {
        self.0 = PAUSE;
    }
}

/// Appends a value as a query has it.
fn escape(path: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte));
            }
            _ => {
                write!(path, "%{byte:02X}").expect("a string takes it");
            }
        }
    }
}

/// A list without its objects.
#[derive(Deserialize)]
struct Rest<'a> {
    #[serde(borrow)]
    metadata: ListMeta<'a>,
}

#[derive(Deserialize)]
struct ListMeta<'a> {
    #[serde(rename = "resourceVersion", borrow)]
    version: Option<Cow<'a, str>>,
    #[serde(rename = "continue", borrow)]
    next: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Bookmark<'a> {
    #[serde(borrow)]
    metadata: Mark<'a>,
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(rename = "resourceVersion", borrow)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    annotations: Option<Annotations<'a>>,
}

#[derive(Deserialize)]
struct Annotations<'a> {
    #[serde(rename = "k8s.io/initial-events-end", borrow)]
    end: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests;
