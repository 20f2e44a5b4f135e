//! A wire between a client and a server, which can be cut.

use crate::support::child::wait;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// Passes on what comes, until it is cut; then it ends all connections, and each new one at once.
pub(crate) struct Relay {
    address: SocketAddr,
    wire: Arc<Mutex<Wire>>,
}

#[derive(Default)]
struct Wire {
    cut: bool,
    /// Both ends of each connection.
    open: Vec<[TcpStream; 2]>,
}

// === impl Relay ===

impl Relay {
    /// Listens on loopback, and passes on to `server`.
    pub(crate) fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let wire = Arc::<Mutex<Wire>>::default();
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

    /// Passes on again.
    pub(crate) fn mend(&self) {
        lock(&self.wire).cut = false;
    }
}

fn join(client: TcpStream, server: &str, shared: &Arc<Mutex<Wire>>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    let mut wire = lock(shared);
    if wire.cut {
        return Ok(());
    }
    wire.open.push([client.try_clone()?, server.try_clone()?]);
    drop(wire);
    let (up, shared) = ((client.try_clone()?, server.try_clone()?), Arc::clone(shared));
    let peer = client.peer_addr()?;
    thread::spawn(move || pass(up.0, up.1));
    thread::spawn(move || {
        pass(server, client);
        lock(&shared).open.retain(|[end, _]| end.peer_addr().is_ok_and(|address| address != peer));
    });
    Ok(())
}

/// Passes on one direction until it ends; then both do.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut chunk = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
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

fn lock(wire: &Mutex<Wire>) -> std::sync::MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}
