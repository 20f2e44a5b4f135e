//! A client's stream with bounds on its patience: heads that trickle in, answers that nobody reads
//! and connections that nobody uses end with an error, and hyper closes them.
//!
//! Over HTTP/2 a head's time is bound for the first one only, as bytes do not tell heads from the rest;
//! and an answer that its client gives no room to never reaches the stream, so that answers are watched
//! from outside ([`Sending`]).

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::{Instant, Sleep, sleep_until},
};

/// How long a request's head may take from its first byte, and the first head from the connection.
pub(super) const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may be without a request: longer than any usual scrape interval.
const IDLE: Duration = Duration::from_mins(3);
/// How long a client may take to read its answer once it has fallen behind: it holds one of
/// `--web.max-requests` until then, however it trickles.
const ANSWER: Duration = Duration::from_mins(1);

/// A stream that fails with `TimedOut` where the client takes too long.
pub(super) struct Patient<S> {
    stream: S,
    heard: Heard,
    in_head: bool,
    /// Whether heads come one after the other, between answers.
    in_turn: bool,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

/// The answers that are being sent over a connection of HTTP/2, by when they were begun.
#[derive(Clone, Debug, Default)]
pub(super) struct Sending(Arc<Answers>);

#[derive(Debug, Default)]
struct Answers {
    begun: Mutex<BTreeMap<u64, Instant>>,
    next: AtomicU64,
    changed: Notify,
}

/// An answer that is being sent; dropped with its body.
#[derive(Debug)]
pub(super) struct Sent(u64, Arc<Answers>);

/// Tells the stream that a request's head was complete, so that what comes next is a new one.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<AtomicBool>);

// === impl Heard ===

impl Heard {
    /// A request's head is complete.
    pub(super) fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

// === impl Sending ===

impl Sending {
    /// An answer begins.
    pub(super) fn begin(&self) -> Sent {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.begun().insert(number, Instant::now());
        self.0.changed.notify_one();
        Sent(number, Arc::clone(&self.0))
    }

    /// Waits until an answer takes too long.
    pub(super) async fn overdue(&self) {
        loop {
            let oldest = self.0.begun().first_key_value().map(|(number, at)| (*number, *at));
            let Some((number, at)) = oldest else {
                self.0.changed.notified().await;
                continue;
            };
            sleep_until(at + ANSWER).await;
            if self.0.begun().contains_key(&number) {
                return;
            }
        }
    }
}

impl Answers {
    fn begun(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.1.begun().remove(&self.0);
    }
}

// === impl Patient ===

impl<S> Patient<S> {
    /// A stream of HTTP/1.
    pub(super) fn new(stream: S, heard: Heard) -> Self {
        let reading = Box::pin(sleep_until(Instant::now() + HEAD));
        Self { stream, heard, in_head: true, in_turn: true, reading, writing: None }
    }

    /// A stream of HTTP/2.
    pub(super) fn multiplexed(stream: S, heard: Heard) -> Self {
        Self { in_turn: false, ..Self::new(stream, heard) }
    }

    /// Lets a write that is pending fail once the client has been behind for too long. Progress does
    /// not restart the time; that the answer is with the kernel as a whole ends it.
    fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        let timer = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep(ANSWER)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.heard.0.swap(false, Ordering::Relaxed) {
            this.in_head = false;
            this.reading.as_mut().reset(Instant::now() + IDLE);
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(result) => {
                if buf.filled().len() > before && !this.in_head && this.in_turn {
                    this.in_head = true;
                    this.reading.as_mut().reset(Instant::now() + HEAD);
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(this.reading.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.bound(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bytes);
        this.bound(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if flushed.is_ready() {
            // hyper flushes once its own buffers are empty.
            this.writing = None;
        }
        this.bound(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.bound(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    async fn outcome<T>(work: impl Future<Output = io::Result<T>>) -> (io::ErrorKind, Duration) {
        let begun = Instant::now();
        let error = work.await.err().expect("a timeout");
        (error.kind(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client() {
        let (_client, stream) = duplex(64);
        let mut patient = Patient::new(stream, Heard::default());
        assert_eq!(outcome(patient.read_u8()).await, (io::ErrorKind::TimedOut, HEAD));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_then_one_in_time() {
        let (mut client, stream) = duplex(64);
        let heard = Heard::default();
        let mut patient = Patient::new(stream, heard.clone());
        client.write_all(b"GE").await.unwrap();
        patient.read_u16().await.unwrap();
        heard.request();
        assert_eq!(outcome(patient.read_u8()).await, (io::ErrorKind::TimedOut, IDLE));
        heard.request();
        client.write_all(b"G").await.unwrap();
        patient.read_u8().await.unwrap();
        tokio::time::advance(Duration::from_secs(3)).await;
        client.write_all(b"E").await.unwrap();
        patient.read_u8().await.unwrap();
        let left = Duration::from_secs(2);
        assert_eq!(outcome(patient.read_u8()).await, (io::ErrorKind::TimedOut, left));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_between_the_heads_of_http2() {
        let (mut client, stream) = duplex(64);
        let heard = Heard::default();
        let mut patient = Patient::multiplexed(stream, heard.clone());
        client.write_all(b"a").await.unwrap();
        patient.read_u8().await.unwrap();
        heard.request();
        client.write_all(b"b").await.unwrap();
        patient.read_u8().await.unwrap();
        assert_eq!(outcome(patient.read_u8()).await, (io::ErrorKind::TimedOut, IDLE));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_has_no_room() {
        let (sending, begun) = (Sending::default(), Instant::now());
        let quick = sending.begin();
        let overdue = tokio::spawn({
            let sending = sending.clone();
            async move { sending.overdue().await }
        });
        tokio::time::sleep(ANSWER / 2).await;
        drop(quick);
        let _slow = sending.begin();
        overdue.await.unwrap();
        assert_eq!(begun.elapsed(), ANSWER / 2 + ANSWER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read() {
        let (_client, stream) = duplex(64);
        let mut patient = Patient::new(stream, Heard::default());
        assert_eq!(outcome(patient.write_all(&[0; 65])).await, (io::ErrorKind::TimedOut, ANSWER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_trickles_and_one_that_keeps_up() {
        let (mut client, stream) = duplex(64);
        let mut patient = Patient::new(stream, Heard::default());
        let reader = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(7)).await;
                client.read_u8().await.unwrap();
            }
        });
        assert_eq!(outcome(patient.write_all(&[0; 128])).await, (io::ErrorKind::TimedOut, ANSWER));
        reader.abort();

        // Each answer has the whole time.
        let (mut client, stream) = duplex(64);
        let mut patient = Patient::new(stream, Heard::default());
        let reader = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(ANSWER / 2).await;
                client.read_exact(&mut [0; 65]).await.unwrap();
            }
        });
        for _ in 0..4 {
            patient.write_all(&[0; 65]).await.unwrap();
            patient.flush().await.unwrap();
        }
        reader.await.unwrap();
    }
}
