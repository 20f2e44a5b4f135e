//! What only a process's own directory tells: its open files, its limits, its name, its network.
//!
//! - `/proc/PID/fd`: an entry an open file, a link whose text starts with `socket:` where it is one.
//!   Only the process's user and who may trace it can look: elsewhere the number is absent.
//! - `/proc/PID/limits`, `Max open files`, the soft limit; -1 where there is none.
//! - `/proc/PID/comm`: the command's name.
//! - `/proc/PID/net/dev`: the interfaces of the process's network namespace. It is opened at each
//!   scrape: an open one would keep the namespace alive when its pod is gone.

use crate::network::{self, Interface};
use collect::Directory;

/// `/proc`, and how much may still be looked at in this scrape.
#[derive(Debug)]
pub(crate) struct Processes {
    proc: Directory,
    /// Links of open files that may still be read.
    links: usize,
    buffer: Vec<u8>,
}

/// Links that are read in one scrape; each takes a µs. Beyond, open files and sockets are absent.
const LINKS: usize = 20_000;

// === impl Processes ===

impl Processes {
    pub(crate) fn new(proc: Directory) -> Self {
        Self { proc, links: LINKS, buffer: Vec::new() }
    }

    /// Begins a scrape.
    pub(crate) fn begin(&mut self) {
        self.links = LINKS;
    }

    /// Whether no more may be looked at.
    pub(crate) fn is_spent(&self) -> bool {
        self.links == 0
    }

    /// Open files of the processes, and sockets among them; `None` where that may not be known.
    pub(crate) fn open(&mut self, pids: &[u32]) -> Option<(usize, usize)> {
        let (mut files, mut sockets) = (0, 0);
        for pid in pids {
            if *pid == 0 {
                return None;
            }
            let directory = match self.proc.directory(&format!("{pid}/fd")) {
                Ok(directory) => directory,
                // It has ended meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(_) => return None,
            };
            let mut left = self.links;
            let read = directory.each(|name| {
                if !name.starts_with('.') && left > 0 {
                    left -= 1;
                    files += 1;
                    sockets += usize::from(directory.link_starts_with(name, b"socket:"));
                }
            });
            self.links = left;
            if left == 0 {
                return None;
            }
            // One that ends while it is looked at has closed everything.
            let ended = |error: std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
            if read.is_err_and(|error| !ended(error)) {
                return None;
            }
        }
        Some((files, sockets))
    }

    /// The most files that a process may have open; -1 is no limit.
    pub(crate) fn most_open(&mut self, pid: u32) -> Option<i64> {
        let text = self.proc.read(&format!("{pid}/limits"), &mut self.buffer).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        match line.split_ascii_whitespace().next()? {
            "unlimited" => Some(-1),
            number => number.parse().ok(),
        }
    }

    /// A process's command.
    pub(crate) fn command(&mut self, pid: u32) -> Option<&str> {
        Some(self.proc.read(&format!("{pid}/comm"), &mut self.buffer).ok()?.trim())
    }

    /// The interfaces that a process has; none where that is not known.
    pub(crate) fn network(&mut self, pid: u32, interfaces: &mut Vec<Interface>) {
        interfaces.clear();
        if let Ok(text) = self.proc.read(&format!("{pid}/net/dev"), &mut self.buffer) {
            network::read(text, interfaces);
        }
    }
}
