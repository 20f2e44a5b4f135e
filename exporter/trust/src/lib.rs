//! Whom we believe and who we are, towards servers that we ask and clients that ask us: files with tokens
//! and certificates, and the TLS that follows from them.
//!
//! Files are read again while the process runs, as tokens and certificates are renewed in place; what they
//! held is compared, so that a connection is made anew only where something changed. rustls with ring, TLS
//! 1.2 and 1.3. Nothing here connects, and nothing needs a runtime.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod clients;
mod server;
mod tls;
mod x509;

pub use clients::{Clients, Policy};
pub use server::{Group, Server, Suite, Version, not_after, server};
pub use tls::client;

use http::{HeaderName, HeaderValue, header};
use std::{
    fs,
    io::Read as _,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Why who we are cannot be told: which file, what was expected, what was there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// Whose word is taken for the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// That of the machine's authorities.
    Machine,
    /// That of these, in PEM.
    These(Pem),
    /// Nobody's for the first certificate of a file, which the server wrote down itself on this machine,
    /// whatever its name and its date: the server must have its key. Else that of authorities.
    Same {
        /// The file's certificates.
        certificate: Pem,
        /// Who may vouch for another one.
        authorities: Option<Pem>,
    },
    /// Anybody's.
    Anybody,
}

/// A certificate of our own and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, and those between it and the authority.
    pub chain: Pem,
    /// Its key.
    pub key: Pem,
}

/// A text in PEM and where it stands, for messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The text.
    pub text: Vec<u8>,
    /// Where it stands.
    pub from: String,
}

/// The longest file that is read. A kubeconfig of a thousand clusters is shorter.
const MAX_FILE: u64 = 8 << 20;
/// How long a pipe may take to its end, whoever writes it: a program that decrypts, or a person.
const PATIENCE: Duration = Duration::from_secs(30);
/// The device number of `/dev/null`, which stands for an empty file.
const NULL: u64 = 1 << 8 | 3;

/// A host and its port as a URL has them: addresses of IPv6, which have none here, get brackets.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

// === impl Error ===

impl Error {
    /// One with these words.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

// === impl Pem ===

impl Pem {
    /// What stands in a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self { text: bytes(path)?, from: path.display().to_string() })
    }
}

impl std::fmt::Debug for Pem {
    /// It may be a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pem").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Reads one of our own files, which is read again while the process runs: a pipe has its text once, and
/// would be empty then, which of a file that says who may ask means everybody.
///
/// Fails where it is no file, cannot be read, or is longer than 8 MiB.
#[expect(clippy::disallowed_methods, reason = "a file of the exporter's own, not the host's")]
pub fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let found = fs::metadata(path).map_err(|error| unread(path, &error))?;
    let kind = found.file_type();
    let other = match () {
        () if kind.is_file() || kind.is_char_device() && found.rdev() == NULL => {
            return whole(path);
        }
        () if kind.is_dir() => "directory",
        () if kind.is_fifo() => "pipe, which cannot be read a second time",
        () if kind.is_socket() => "socket",
        () => "device",
    };
    Err(Error(format!("{}: expected a file, found a {other}", path.display())))
}

/// Reads one of our own files, or a pipe, as it is read once, at the start.
///
/// Fails where it cannot be read, is longer than 8 MiB, or does not end within 30 s.
pub fn once(path: &Path) -> Result<Vec<u8>, Error> {
    once_within(PATIENCE, path.to_owned())
}

fn once_within(bound: Duration, path: PathBuf) -> Result<Vec<u8>, Error> {
    let (done, read) = mpsc::channel();
    let late = format!("{}: not read to its end within {bound:?}", path.display());
    // The thread of a pipe that nobody writes to stays; the start ends here.
    drop(thread::spawn(move || drop(done.send(whole(&path)))));
    read.recv_timeout(bound).map_err(|_| Error(late))?
}

#[expect(clippy::disallowed_methods, reason = "a file of the exporter's own, not the host's")]
fn whole(path: &Path) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut text));
    read.map_err(|error| unread(path, &error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Error(format!("{}: more than {} MiB", path.display(), MAX_FILE >> 20)));
    }
    Ok(text)
}

fn unread(path: &Path, error: &std::io::Error) -> Error {
    Error(format!("read {}: {error}", path.display()))
}

/// The header of the token in a file.
pub fn bearer(path: &Path) -> Result<(HeaderName, HeaderValue), Error> {
    token(&bytes(path)?, &path.display().to_string())
}

/// The header of a token.
pub fn token(text: &[u8], from: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let token = text.trim_ascii();
    let value = [b"Bearer ", token].concat();
    match HeaderValue::from_bytes(&value) {
        Ok(mut value) if !token.is_empty() => {
            value.set_sensitive(true);
            Ok((header::AUTHORIZATION, value))
        }
        _ => Err(Error(format!(
            "{from}: expected a token, found {} bytes that are none",
            text.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ipv6_have_brackets() {
        let all = [("fd00::1", 6443), ("127.0.0.1", 443), ("api.example", 80)];
        let all = all.map(|(host, port)| authority(host, port));
        assert_eq!(all, ["[fd00::1]:6443", "127.0.0.1:443", "api.example:80"]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test makes the files")]
    fn what_has_no_end_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let [file, pipe, silent, socket] =
            ["file", "pipe", "silent", "socket"].map(|name| dir.path().join(name));
        for pipe in [&pipe, &silent] {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mkfifoat(rustix::fs::CWD, pipe, mode).unwrap();
        }
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let fault = |read: Result<Vec<u8>, Error>| {
            let dir = dir.path().to_str().unwrap();
            read.unwrap_err().to_string().replace(dir, "DIR")
        };
        for (path, found) in [
            (
                pipe.as_path(),
                "DIR/pipe: expected a file, found a pipe, which cannot be read a second time",
            ),
            (socket.as_path(), "DIR/socket: expected a file, found a socket"),
            (dir.path(), "DIR: expected a file, found a directory"),
            ("/dev/zero".as_ref(), "/dev/zero: expected a file, found a device"),
        ] {
            assert_eq!(fault(bytes(path)), found);
        }
        assert_eq!(bytes("/dev/null".as_ref()).unwrap(), b"");
        assert_eq!(fault(once("/dev/zero".as_ref())), "/dev/zero: more than 8 MiB");
        let late = once_within(Duration::from_millis(1), silent);
        assert_eq!(fault(late), "DIR/silent: not read to its end within 1ms");
        let (from, text) = (pipe.clone(), "web.max-requests: 1\n");
        let writer = thread::spawn(move || fs::write(from, text));
        assert_eq!(once(&pipe).unwrap(), text.as_bytes());
        writer.join().unwrap().unwrap();
        fs::write(&file, vec![b'#'; usize::try_from(MAX_FILE).unwrap()]).unwrap();
        assert_eq!(bytes(&file).unwrap(), once(&file).unwrap());
        fs::write(&file, vec![b'#'; usize::try_from(MAX_FILE).unwrap() + 1]).unwrap();
        assert_eq!(fault(bytes(&file)), "DIR/file: more than 8 MiB");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test makes the file")]
    fn a_token_is_a_header_that_no_log_shows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let missing = bearer(&path).unwrap_err().to_string();
        assert!(missing.contains("token: No such file"), "{missing}");
        std::fs::write(&path, " one\n").unwrap();
        let (name, value) = bearer(&path).unwrap();
        assert_eq!((name, value.as_bytes()), (header::AUTHORIZATION, &b"Bearer one"[..]));
        assert!(!format!("{value:?}").contains("one"), "a token in a log");
        for (text, says) in [("\n", "found 1 bytes"), ("a\nb", "found 3 bytes")] {
            let error = token(text.as_bytes(), "x").unwrap_err().to_string();
            assert_eq!(error, format!("x: expected a token, {says} that are none"));
        }
        let pem = Pem { text: b"secret".to_vec(), from: "/key".to_owned() };
        assert_eq!(format!("{pem:?}"), "Pem { from: \"/key\", .. }");
    }
}
