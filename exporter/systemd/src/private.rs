//! systemd's private socket, `run/systemd/private` below the host's root: the same calls and signals
//! without a bus between. Only root may connect, and only systemd is there.
//!
//! It differs from a bus in two ways. systemd drops what arrives right behind `BEGIN`, so that the
//! handshake is one write, and the first call waits for its answer; its signals do not wait for us. And systemd sends under its
//! well-known name, where a message has a unique one and zbus takes no other: it is made one, of the
//! same length, before zbus sees it.

use crate::bus::{DEADLINE, Lost, QUEUE};
use std::{io, os::fd::OwnedFd, path::Path, pin::Pin};
use tokio::{
    io::AsyncWrite,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    time,
};
use zbus::{
    Connection, Message,
    connection::{
        Builder,
        socket::{ReadHalf, Socket, Split, WriteHalf},
    },
    export::async_trait::async_trait,
};

/// Who sends over the private socket, and the unique name that it is made.
const SENDER: &[u8; 24] = b"org.freedesktop.systemd1";
const RENAMED: &[u8; 24] = b":org.freedesktop.systemd";
/// The name that messages of the private socket come from.
pub(crate) const OWNER: &str = ":org.freedesktop.systemd";

/// The number of root in hexadecimal digits of its decimal ones.
const HELLO: &[u8] = b"\0AUTH EXTERNAL 30\r\nBEGIN\r\n";
/// What is read at once.
const CHUNK: usize = 16 << 10;
/// No message has a longer header.
const MAX_FIELDS: usize = 64 << 10;

/// A connection, and what came behind the handshake.
#[derive(Debug)]
struct Private(UnixStream, Vec<u8>);

#[derive(Debug)]
struct Reader {
    half: OwnedReadHalf,
    inbox: Inbox,
    chunk: Box<[u8]>,
}

#[derive(Debug)]
struct Writer(OwnedWriteHalf);

/// Bytes that came, with senders renamed as far as headers are whole.
#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    /// How much of them may go on, and how much did.
    ready: usize,
    taken: usize,
    /// The bytes of the message's body that are to come.
    body: usize,
}

/// Connects to the socket at `path`.
pub(crate) async fn connect(path: &Path) -> Result<Connection, Lost> {
    let connect = async {
        let stream = UnixStream::connect(path).await?;
        let (guid, rest) = greet(&stream).await?;
        Ok::<_, io::Error>((Private(stream, rest), guid))
    };
    let (socket, guid) = match time::timeout(DEADLINE, connect).await {
        Err(_) => return Err(Lost::Late),
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Lost::Absent(path.display().to_string()));
        }
        Ok(Err(error)) => return Err(Lost::Other(format!("{}: {error}", path.display()))),
    };
    let build = Builder::authenticated_socket(socket, &*guid).p2p().max_queued(QUEUE);
    time::timeout(DEADLINE, build.build()).await.map_err(|_| Lost::Late)?.map_err(Lost::from)
}

/// Says who we are; the other end's id, and what it has sent since.
async fn greet(stream: &UnixStream) -> io::Result<(String, Vec<u8>)> {
    let mut hello = HELLO;
    while !hello.is_empty() {
        stream.writable().await?;
        match stream.try_write(hello) {
            Ok(length) => hello = hello.get(length..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    let mut answer = Vec::new();
    loop {
        stream.readable().await?;
        let mut bytes = [0; 128];
        match stream.try_read(&mut bytes) {
            Ok(0) => return Err(io::Error::other("closed: it takes root only")),
            Ok(length) => answer.extend_from_slice(bytes.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let end = answer.windows(2).position(|bytes| bytes == b"\r\n");
        if end.is_some() || answer.len() > 256 {
            let rest = end.map(|end| answer.split_off(end)).unwrap_or_default();
            let text = String::from_utf8_lossy(&answer);
            return match (text.strip_prefix("OK "), rest.get(2..)) {
                (Some(guid), Some(rest)) => Ok((guid.to_owned(), rest.to_vec())),
                _ => Err(io::Error::other(format!("expected OK, found {text:?}"))),
            };
        }
    }
}

// === impl Private ===

impl Socket for Private {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let (read, write) = self.0.into_split();
        let (mut inbox, chunk) = (Inbox::default(), vec![0; CHUNK].into());
        inbox.put(&self.1);
        Split::new(Reader { half: read, inbox, chunk }, Writer(write))
    }
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        loop {
            let length = self.inbox.take(buffer);
            if length > 0 {
                return Ok((length, Vec::new()));
            }
            self.half.readable().await?;
            match self.half.try_read(&mut self.chunk) {
                Ok(0) => return Ok((0, Vec::new())),
                Ok(length) => self.inbox.put(self.chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[async_trait]
impl WriteHalf for Writer {
    async fn send_messages(&mut self, messages: &[Message]) -> zbus::Result<()> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.extend_from_slice(message.data().bytes());
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let length = self.sendmsg(rest, &[]).await?;
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    async fn sendmsg(
        &mut self,
        bytes: &[u8],
        _: &[std::os::fd::BorrowedFd<'_>],
    ) -> io::Result<usize> {
        loop {
            self.0.writable().await?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| Pin::new(&mut self.0).poll_shutdown(cx)).await
    }
}

// === impl Inbox ===

impl Inbox {
    /// Takes what may go on, as far as it fits.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let length = buffer.len().min(self.ready - self.taken);
        let from = self.bytes.get(self.taken..self.taken + length).unwrap_or_default();
        buffer.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        self.taken += length;
        if self.taken == self.ready {
            self.bytes.drain(..self.ready);
            (self.ready, self.taken) = (0, 0);
        }
        length
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        loop {
            let part = (self.bytes.len() - self.ready).min(self.body);
            self.ready += part;
            self.body -= part;
            let Some(message) = self.bytes.get_mut(self.ready..) else { return };
            let Some((header, body)) = lengths(message) else { return };
            let Some(header) = message.get_mut(..header) else { return };
            // What is no header is for zbus to refuse.
            rename(header).unwrap_or_default();
            self.ready += header.len();
            self.body = body;
        }
    }
}

/// The bytes of a message's header and of its body; `None` where its first bytes are not all there.
fn lengths(message: &[u8]) -> Option<(usize, usize)> {
    let (body, fields) = (number(message, 4)?, number(message, 12)?);
    if fields > MAX_FIELDS {
        return Some((message.len(), usize::MAX));
    }
    Some(((16 + fields).next_multiple_of(8), body))
}

/// The number at `at`, in the byte order that the message's first byte tells.
fn number(message: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = message.get(at..at.checked_add(4)?)?.try_into().ok()?;
    let big = message.first() == Some(&b'B');
    usize::try_from(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }).ok()
}

/// Gives the sender in a header the name of the same length that zbus takes.
fn rename(header: &mut [u8]) -> Option<()> {
    const FIELD: u8 = 7;
    let end = number(header, 12)?.checked_add(16)?;
    let mut at = 16usize;
    while at < end {
        at = at.next_multiple_of(8);
        let code = *header.get(at)?;
        // A field is its code, a signature of one character between its length and a zero, a value.
        let kind = *header.get(at + 2)?;
        let value = at + 4;
        at = match kind {
            b's' | b'o' => {
                let length = number(header, value)?;
                let next = value.checked_add(4)?.checked_add(length)?;
                let text = header.get_mut(value + 4..next)?;
                if code == FIELD && text == SENDER {
                    text.copy_from_slice(RENAMED);
                }
                next.checked_add(1)?
            }
            b'g' => value + 2 + usize::from(*header.get(value)?),
            b'u' => value + 4,
            _ => return None,
        };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply as systemd sends it over its private socket.
    fn reply(text: &str) -> (Vec<u8>, Vec<u8>) {
        let call = Message::method_call("/a", "Get").build(&()).unwrap();
        let reply = Message::method_return(&call.header()).sender(OWNER).build(&text).unwrap();
        let renamed = reply.data().bytes().to_vec();
        let mut sent = renamed.clone();
        let at = sent.windows(24).position(|bytes| bytes == RENAMED).unwrap();
        sent.get_mut(at..at + 24).unwrap().copy_from_slice(SENDER);
        (sent, renamed)
    }

    #[tokio::test]
    async fn a_signal_may_stand_right_behind_the_handshake() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let signal = Message::signal("/a", "a.b", "C").sender(OWNER).build(&"text").unwrap();
        let mut said = b"OK 0123456789abcdef0123456789abcdef\r\n".to_vec();
        said.extend_from_slice(signal.data().bytes());
        theirs.writable().await.unwrap();
        assert_eq!(theirs.try_write(&said).unwrap(), said.len());
        let (guid, rest) = greet(&ours).await.unwrap();
        assert_eq!(guid, "0123456789abcdef0123456789abcdef");
        let (mut reader, _writer) = Private(ours, rest).split().take();
        let mut came = Vec::new();
        while came.len() < signal.data().bytes().len() {
            let mut buffer = [0; 7];
            let (length, _) = reader.recvmsg(&mut buffer).await.unwrap();
            came.extend_from_slice(buffer.get(..length).unwrap());
        }
        assert_eq!(came, signal.data().bytes());
    }

    #[test]
    fn senders_are_renamed_however_the_bytes_come() {
        let (mut sent, mut renamed) = (Vec::new(), Vec::new());
        // A body that holds the name keeps it.
        for text in ["", "org.freedesktop.systemd1", &"x".repeat(99)] {
            let (one, other) = reply(text);
            sent.extend(one);
            renamed.extend(other);
        }
        for size in [1, 7, 16, 64, 1000] {
            let (mut inbox, mut out) = (Inbox::default(), Vec::new());
            for bytes in sent.chunks(size) {
                inbox.put(bytes);
                let mut buffer = [0; 50];
                while let length @ 1.. = inbox.take(&mut buffer) {
                    out.extend_from_slice(buffer.get(..length).unwrap());
                }
            }
            assert!(out == renamed, "{size}");
            assert!(inbox.bytes.is_empty());
        }
    }

    #[test]
    fn what_is_no_message_goes_on_as_it_is() {
        for bytes in [vec![0xff; 100], vec![0; 100], vec![b'l'; 300]] {
            let mut inbox = Inbox::default();
            inbox.put(&bytes);
            let mut buffer = [0; 512];
            let length = inbox.take(&mut buffer);
            assert_eq!(buffer.get(..length), bytes.get(..length));
        }
        let (mut torn, _) = reply("text");
        for at in 12..torn.len() {
            let was = std::mem::replace(torn.get_mut(at).unwrap(), 0xff);
            Inbox::default().put(&torn);
            *torn.get_mut(at).unwrap() = was;
        }
    }
}
