//! A wire between a client and a server, which can be cut, or lose everything without a word.

use crate::support::child::wait;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// Passes on what comes, until it is cut; then it ends all connections, and each new one at once.
pub(crate) struct Relay {
    address: SocketAddr,
    wire: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    wire: Mutex<Wire>,
    /// It is not silent any more.
    loud: Condvar,
}

#[derive(Default)]
struct Wire {
    cut: bool,
    silent: bool,
    /// Both ends of each connection.
    open: Vec<[TcpStream; 2]>,
}

// === impl Relay ===

impl Relay {
    /// Listens on loopback, and passes on to `server`.
    pub(crate) fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let wire = Arc::<Shared>::default();
        let (shared, server) = (Arc::clone(&wire), server.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // What does not get through is closed: that is what a cut wire is.
                let _joined = join(client, &server, &shared);
            }
        });
        Self { address, wire }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there are.
    pub(crate) fn open(&self) -> usize {
        lock(&self.wire).open.len()
    }

    /// Ends all connections, and waits until they are gone.
    pub(crate) fn cut(&self) {
        let mut wire = lock(&self.wire);
        wire.cut = true;
        for end in wire.open.iter().flatten() {
            // It may have ended by itself.
            let _shut = end.shutdown(Shutdown::Both);
        }
        drop(wire);
        wait("the wire to be cut", Duration::from_mins(1), || (self.open() == 0).then_some(()));
    }

    /// Passes nothing on from here on, as where packets are dropped; connections stay, and come.
    pub(crate) fn silence(&self) {
        lock(&self.wire).silent = true;
    }

    /// Passes on again, also what has come meanwhile.
    pub(crate) fn mend(&self) {
        let mut wire = lock(&self.wire);
        (wire.cut, wire.silent) = (false, false);
        self.wire.loud.notify_all();
    }
}

fn join(client: TcpStream, server: &str, shared: &Arc<Shared>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    let mut wire = lock(shared);
    if wire.cut {
        return Ok(());
    }
    wire.open.push([client.try_clone()?, server.try_clone()?]);
    drop(wire);
    let (up, shared) = ((client.try_clone()?, server.try_clone()?), Arc::clone(shared));
    let peer = client.peer_addr()?;
    let wire = Arc::clone(&shared);
    thread::spawn(move || pass(up.0, up.1, &wire));
    thread::spawn(move || {
        pass(server, client, &shared);
        lock(&shared).open.retain(|[end, _]| end.peer_addr().is_ok_and(|address| address != peer));
    });
    Ok(())
}

/// Passes on one direction until it ends; then both do.
fn pass(mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    let mut chunk = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let silence = shared.loud.wait_while(lock(shared), |wire| wire.silent);
        drop(silence.unwrap_or_else(PoisonError::into_inner));
        let whole = chunk.get(..length).map(|bytes| to.write_all(bytes));
        if !matches!(whole, Some(Ok(()))) {
            break;
        }
    }
    for end in [from, to] {
        // The other direction may have done so.
        let _shut = end.shutdown(Shutdown::Both);
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Wire> {
    shared.wire.lock().unwrap_or_else(PoisonError::into_inner)
}
