//! What the cluster half asks and what it is given: streams as they come, and short answers whole.

use crate::fault::Fault;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Method;

/// The longest whole answer that is taken. A Lease has less than 2 KiB, with its managed fields.
pub const MAX_ANSWER: usize = 4 << 20;

/// Something that answers requests: the API server, or a test.
pub trait Transport: Send + Sync {
    /// Asks for `path` (with its query); an answer that is not a success is a fault. Whoever asks reads on,
    /// or lets go of the stream: streams share a connection, and those that nobody reads hold up the others.
    fn get<'a>(
        &'a self,
        path: &'a str,
        accept: &'static str,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Fault>>;

    /// Asks once, and gives the whole answer, of [`MAX_ANSWER`] at most. `content` is the media type of
    /// `body`; an answer that is not a success is a fault, whose [`code`](Fault::code) tells the 409 of
    /// somebody who was faster from other refusals. A fault without a code does not tell whether the
    /// server did as asked.
    fn send<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        content: &'static str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Bytes, Fault>>;
}

/// An answer's body as it comes.
pub trait Stream: Send {
    /// The next bytes; none at the end.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, Fault>>>;
}
