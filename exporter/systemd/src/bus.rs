//! One connection to a bus: calls that are pipelined within a window, each with a deadline, and what
//! comes back in the order in which the bus sent it.
//!
//! Replies and signals go through one stream, so that a value that was read before a signal cannot
//! overwrite what the signal said. A call that is not answered in time ends the connection: either
//! the bus hangs or systemd does, and neither is to be believed until it answers anew.

use std::{
    collections::{HashMap, VecDeque},
    io,
    num::{NonZeroU32, NonZeroUsize},
    pin::Pin,
    time::Duration,
};
use tokio::time::{self, Instant};
use zbus::{
    Connection, Message, MessageStream,
    connection::Builder,
    message::{Flags, Type},
};

/// Calls in flight at the most; the usual bus cuts a connection off at 128.
pub(crate) const WINDOW: usize = 64;
/// How long nothing may be answered while calls wait.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);
/// How long a call may take while others are answered: a full window at a busy PID 1 takes its time.
const LONGEST: Duration = Duration::from_secs(10);
/// Messages that wait for us; beyond it the socket does.
pub(crate) const QUEUE: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 is not 0");

pub(crate) struct Client<C> {
    connection: Connection,
    stream: MessageStream,
    pending: HashMap<NonZeroU32, C>,
    sent: VecDeque<(Instant, NonZeroU32)>,
    /// When a call was answered last.
    answered: Option<Instant>,
}

/// What came from the bus.
pub(crate) enum Event<C> {
    Reply(C, Message),
    /// The call failed with an error of this name.
    Error(C, String),
    Signal(Message),
}

/// Why the connection is no more, or never was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// There is no such socket.
    #[error("no bus at {0}")]
    Absent(String),
    #[error("{0}")]
    Bus(#[from] zbus::Error),
    #[error("the bus closed the connection")]
    Closed,
    #[error("no answer in time")]
    Late,
    #[error("{0}")]
    Other(String),
}

// === impl Client ===

impl<C> Client<C> {
    /// Connects to the first of some addresses that answers, separated by `;`.
    pub(crate) async fn connect(addresses: &str) -> Result<Self, Lost> {
        let mut lost = Lost::Absent(addresses.to_owned());
        for address in addresses.split(';').filter(|address| !address.is_empty()) {
            let build = Builder::address(address).max_queued(QUEUE).build();
            match time::timeout(DEADLINE, build).await {
                Ok(Ok(connection)) => return Ok(Self::new(connection)),
                Ok(Err(zbus::Error::Connection(error, _)))
                    if error.kind() == io::ErrorKind::NotFound => {}
                Ok(Err(error)) => lost = error.into(),
                Err(_) => lost = Lost::Late,
            }
        }
        Err(lost)
    }

    pub(crate) fn new(connection: Connection) -> Self {
        let stream = MessageStream::from(&connection);
        Self { connection, stream, pending: HashMap::new(), sent: VecDeque::new(), answered: None }
    }

    /// How many calls may be sent now.
    pub(crate) fn room(&self) -> usize {
        WINDOW.saturating_sub(self.pending.len())
    }

    /// Whether no call waits for its answer.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Sends calls, of which there may be no more than there is [room](Self::room) for.
    pub(crate) async fn send(&mut self, calls: Vec<(Message, C)>) -> Result<(), Lost> {
        let now = Instant::now();
        let mut messages = Vec::with_capacity(calls.len());
        for (message, call) in calls {
            let serial = message.primary_header().serial_num();
            self.pending.insert(serial, call);
            self.sent.push_back((now, serial));
            messages.push(message);
        }
        time::timeout(DEADLINE, self.connection.send_all(&messages))
            .await
            .map_err(|_| Lost::Late)??;
        Ok(())
    }

    /// Waits for what comes next. May be given up at any time without losing anything.
    pub(crate) async fn next(&mut self) -> Result<Event<C>, Lost> {
        loop {
            while self.sent.front().is_some_and(|(_, serial)| !self.pending.contains_key(serial)) {
                self.sent.pop_front();
            }
            let next = std::future::poll_fn(|cx| {
                futures_util::Stream::poll_next(Pin::new(&mut self.stream), cx)
            });
            let message = match self.sent.front() {
                None => next.await,
                Some(&(sent, _)) => {
                    let heard = self.answered.map_or(sent, |answered| answered.max(sent));
                    let until = (heard + DEADLINE).min(sent + LONGEST);
                    time::timeout_at(until, next).await.map_err(|_| Lost::Late)?
                }
            };
            let message = message.ok_or(Lost::Closed)??;
            match message.message_type() {
                Type::Signal => return Ok(Event::Signal(message)),
                Type::MethodCall => {}
                reply @ (Type::MethodReturn | Type::Error) => {
                    self.answered = Some(Instant::now());
                    let header = message.header();
                    let call =
                        header.reply_serial().and_then(|serial| self.pending.remove(&serial));
                    let Some(call) = call else { continue };
                    if reply == Type::MethodReturn {
                        drop(header);
                        return Ok(Event::Reply(call, message));
                    }
                    let name = header.error_name().map(|name| name.as_str().to_owned());
                    return Ok(Event::Error(call, name.unwrap_or_default()));
                }
            }
        }
    }
}

/// A method call that starts nobody.
pub(crate) fn call<B: zbus::export::serde::Serialize + zbus::Type>(
    destination: &str,
    path: &str,
    interface: &str,
    member: &str,
    body: &B,
) -> zbus::Result<Message> {
    Message::method_call(path, member)
        .destination(destination)
        .interface(interface)
        .with_flags(Flags::NO_AUTO_START)
        .build(body)
}

/// The label by which a unit's object is called: everything but letters and digits as `_` and hex.
pub(crate) fn label(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 16);
    for (i, byte) in name.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (i > 0 && byte.is_ascii_digit()) {
            out.push(char::from(byte));
        } else {
            const HEX: [char; 16] =
                ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
            let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or('0');
            out.extend(['_', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    if out.is_empty() {
        out.push('_');
    }
    out
}

/// The unit's name that [`label`] made this of; `None` where it cannot be one.
pub(crate) fn name_of(label: &str) -> Option<String> {
    let mut out = Vec::with_capacity(label.len());
    let mut bytes = label.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'_' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_there_and_back() {
        for name in ["ssh.service", r"dev-disk-by\x2dlabel.mount", "1a_b@c:d.socket", "ü.path"] {
            assert_eq!(name_of(&label(name)).as_deref(), Some(name));
        }
        assert_eq!(label("1a_b.service"), "_31a_5fb_2eservice");
        assert_eq!(label(""), "_");
        assert_eq!((name_of("a_zz"), name_of("a_2"), name_of("_ff")), (None, None, None));
    }
}
