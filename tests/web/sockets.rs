//! Sockets that systemd made.

use super::site::{ALICE, Site, flag, tls, users};
use crate::support::{EXPORTER, child::Child, program, skip};
use std::{
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
};

/// Starts the program as systemd would: sockets from descriptor 3 on, and their number.
fn activate(sockets: [Stdio; 2], args: &[&str]) -> std::process::Child {
    let script = "exec 3<&0 4<&1 </dev/null >&2; LISTEN_FDS=2 LISTEN_PID=$$ exec \"$@\"";
    let [first, second] = sockets;
    Command::new("sh")
        .args(["-c", script, "sh", EXPORTER, "--web.systemd-socket"])
        .args(["--collector.disable-defaults"])
        .args(args)
        .stdin(first)
        .stdout(second)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn ask(mut stream: impl std::io::Read + std::io::Write) -> String {
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn several_sockets_of_both_kinds() {
    let site = Site::new();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = std::os::unix::net::UnixListener::bind(site.path("socket")).unwrap();
    let at = tcp.local_addr().unwrap();
    let sockets =
        [Stdio::from(std::os::fd::OwnedFd::from(tcp)), std::os::fd::OwnedFd::from(unix).into()];
    let _running = Ended(activate(sockets, &[]));
    // The sockets are there before the program is: whoever connects waits for it.
    assert!(ask(TcpStream::connect(at).unwrap()).ends_with("\r\n\r\nok\n"));
    assert!(ask(UnixStream::connect(site.path("socket")).unwrap()).ends_with("\r\n\r\nok\n"));
}

#[test]
fn a_socket_that_does_not_listen_is_refused() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    let sockets =
        [std::os::fd::OwnedFd::from(tcp).into(), std::os::fd::OwnedFd::from(connected).into()];
    let mut running = Ended(activate(sockets, &[]));
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
}

#[test]
fn no_socket_is_a_fault_that_names_the_way_out() {
    let output = crate::cli::program(&["--web.systemd-socket"], &[]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("--web.systemd-socket: systemd gave no sockets"), "{stderr}");
}

#[test]
fn systemd_socket_activate() {
    let activate = match program("systemd-socket-activate") {
        Ok(program) => program,
        Err(reason) => return skip("web::sockets::systemd_socket_activate", &reason),
    };
    let site = Site::new();
    site.configure(&(tls(&[]) + &users(&[ALICE])));
    // A port that is free now; nobody else of this test's binds it meanwhile.
    let port = TcpListener::bind("127.0.0.4:0").unwrap().local_addr().unwrap().port();
    let listen = format!("--listen=127.0.0.4:{port}");
    let file = flag(&site.path("web.yml"));
    let args = [&listen, EXPORTER, "--web.systemd-socket", "--collector.disable-defaults", &file];
    let mut child = Child::start(activate, &args);
    child.wait_for("the socket", |line| line.contains("Listening on").then_some(()));
    let address = format!("127.0.0.4:{port}");
    let client = super::client::Client::new(&site, &address);
    assert_eq!(client.status("/metrics", &super::client::basic(ALICE.0, ALICE.2)), 200);
    assert_eq!(client.status("/metrics", ""), 401);
    child.wait_for("its own line", |line| {
        line.contains(&format!("address={address}")).then_some(())
    });
}
