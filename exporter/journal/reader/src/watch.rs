//! What the kernel tells about the journal's directories (inotify).
//!
//! journald writes through mapped memory, which nobody hears of; so that readers do, it truncates the
//! file to its own length at most 250 ms later. The kernel drops events when its queue is full and
//! tells so: then everything is looked at again.
//!
//! A user may have 128 queues (`fs.inotify.max_user_instances`), and on a busy node others have them all.
//! Then directories are listed at each read instead.

use crate::{Error, Result};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{
        Timespec,
        inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    },
    io::Errno,
};
use std::{collections::BTreeSet, mem::MaybeUninit, path::Path, time::Duration};

/// The kernel's queue, and the directories that it is about.
#[derive(Debug)]
pub(crate) struct Watch {
    queue: OwnedFd,
    watched: BTreeSet<i32>,
    named: BTreeSet<i32>,
    /// A directory could not be watched: it has to be listed instead.
    pub(crate) blind: bool,
}

/// What has happened since the last time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noise {
    /// Names have come, gone or changed.
    pub(crate) names: bool,
    /// Something may have been missed.
    pub(crate) overflow: bool,
}

// === impl Watch ===

impl Watch {
    pub(crate) fn new() -> Result<Self> {
        match inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC) {
            Ok(queue) => Ok(Self::over(queue)),
            Err(_) => Self::deaf(),
        }
    }

    /// Over something that is no queue: it takes no directory and never tells anything.
    pub(crate) fn deaf() -> Result<Self> {
        let queue = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC);
        queue.map(Self::over).map_err(|error| Error::io("eventfd", error))
    }

    fn over(queue: OwnedFd) -> Self {
        Self { queue, watched: BTreeSet::new(), named: BTreeSet::new(), blind: false }
    }

    /// Watches a directory with journal files.
    pub(crate) fn files(&mut self, path: &Path) {
        let names = WatchFlags::CREATE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        self.blind |= !self.add(path, names | WatchFlags::MODIFY);
    }

    /// Watches for `below` under `root` to appear: itself, or the last directory towards it.
    pub(crate) fn appearing(&mut self, root: &Path, below: &Path) {
        let names = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        let watched = below.ancestors().any(|path| self.add(&root.join(path), names));
        self.blind |= !watched;
    }

    fn add(&mut self, path: &Path, events: WatchFlags) -> bool {
        match inotify::add_watch(&self.queue, path, events | WatchFlags::ONLYDIR) {
            Ok(watch) => {
                self.named.insert(watch);
                self.watched.insert(watch);
                true
            }
            Err(_) => false,
        }
    }

    /// Begins to name what is watched anew.
    pub(crate) fn begin(&mut self) {
        self.named.clear();
        self.blind = false;
    }

    /// Forgets the directories that were not named since [`Watch::begin`].
    pub(crate) fn end(&mut self) {
        for watch in self.watched.difference(&self.named) {
            // An error: the kernel has forgotten it with its directory.
            inotify::remove_watch(&self.queue, *watch).unwrap_or_default();
        }
        self.watched.clone_from(&self.named);
    }

    /// Empties the queue.
    pub(crate) fn drain(&mut self) -> Noise {
        let mut noise = Noise::default();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.queue, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => {
                    let seen = event.events();
                    // A watch that the reader itself has removed says so.
                    noise.names |= !seen.intersects(ReadFlags::MODIFY | ReadFlags::IGNORED);
                    noise.overflow |= seen.contains(ReadFlags::QUEUE_OVERFLOW);
                }
                Err(Errno::INTR) => {}
                Err(_) => return noise,
            }
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    /// Waits for an event; `false` after `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Result<bool> {
        let timeout = Timespec::try_from(timeout).ok();
        let mut fds = [PollFd::new(&self.queue, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(n) => Ok(n > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(Error::io("poll", error)),
        }
    }
}
