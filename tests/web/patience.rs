//! Clients that take their time: heads that trickle, handshakes that never come, floods of passwords.

use super::{
    client::{Client, basic},
    site::{ALICE, Site, tls, users},
};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

/// When a client that takes its time is cut off, and how much later it may be noticed on a busy machine.
const CUT: Duration = Duration::from_secs(5);
const GUARD: Duration = Duration::from_mins(2);

/// How long until the server ends a connection over which `first` is written, and `then` now and then.
///
/// Counted from before the server can count, so that no pace of the machine makes it shorter.
fn until_cut(address: &str, first: &[u8], then: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(first).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    loop {
        assert!(begun.elapsed() < GUARD, "it is never cut");
        // It may be cut already.
        drop(stream.write_all(then));
        match stream.read(&mut [0; 512]) {
            Ok(0) => return begun.elapsed(),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return begun.elapsed(),
        }
    }
}

#[test]
fn a_head_that_trickles_is_cut() {
    let site = Site::new();
    let server = site.serve("");
    let cut = until_cut(&server.address, b"GET /metrics HTTP/1.1\r\n", b"X: y\r\n");
    assert!(cut >= CUT, "{cut:?}");
    assert!(server.get("/metrics", "").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_handshake_that_does_not_come_is_cut() {
    let site = Site::new();
    let server = site.serve(&tls(&[]));
    // A record of a handshake whose rest trickles.
    let cut = until_cut(&server.address, &[22, 3, 1, 0, 200], &[1]);
    assert!(cut >= CUT, "{cut:?}");
    let client = Client::new(&site, &server.address);
    assert_eq!(client.status("/metrics", ""), 200);
    let begun = Instant::now();
    let mut head = client.connect().unwrap();
    head.write_all(b"GET /metrics HTTP/1.1\r\nX").unwrap();
    head.sock.set_read_timeout(Some(GUARD)).unwrap();
    assert!(head.read(&mut [0; 512]).map_or(true, |read| read == 0));
    assert!(begun.elapsed() >= CUT, "{:?}", begun.elapsed());
}

#[test]
fn a_flood_of_wrong_passwords_does_not_hold_up_the_right_one() {
    let site = Site::new();
    let server = site.serve(&users(&[ALICE]));
    let auth = basic(ALICE.0, ALICE.2);
    assert!(server.get("/metrics", &auth).starts_with("HTTP/1.1 200 "));
    let flood = |name: usize, rounds: usize| -> Vec<String> {
        let ask = |n| server.get("/metrics", &basic(ALICE.0, &format!("{name} {n}")));
        (0..rounds).map(|n| ask(n).get(9..12).unwrap_or_default().to_owned()).collect()
    };
    thread::scope(|scope| {
        let (tell, done) = channel();
        for name in 0..8 {
            let (tell, flood) = (tell.clone(), &flood);
            scope.spawn(move || tell.send(flood(name, 10)));
        }
        drop(tell);
        // As long as they ask, the right password is answered: it is remembered, and waits for none.
        let mut answers = Vec::new();
        for _ in 0..20 {
            assert!(server.get("/metrics", &auth).starts_with("HTTP/1.1 200 "));
        }
        while let Ok(some) = done.recv_timeout(GUARD) {
            answers.extend(some);
        }
        assert_eq!(answers.len(), 80);
        // From one address four wait at most, and the others are told to come back.
        assert!(answers.iter().all(|status| status == "401" || status == "429"), "{answers:?}");
        assert!(answers.iter().any(|status| status == "401"), "{answers:?}");
    });
}
