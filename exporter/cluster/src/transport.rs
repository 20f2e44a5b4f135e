//! What a watch asks and what it is given: answers as they stream in.

use crate::fault::Fault;
use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Something that answers requests with streams: the API server, or a test.
pub trait Transport: Send + Sync {
    /// Asks for `path` (with its query); an answer that is not a success is a fault.
    fn get<'a>(
        &'a self,
        path: &'a str,
        accept: &'static str,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, Fault>>;
}

/// An answer's body as it comes.
pub trait Stream: Send {
    /// The next bytes; none at the end.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, Fault>>>;
}
