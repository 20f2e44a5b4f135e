//! The routes and the server over real sockets.

use super::*;
use crate::config::Listen;
use collect::{Clock, Collector, Context, Options, Result, Root, Spec};
use exposition::{Family, Writer};
use std::{
    net::SocketAddr,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
};

static VALUE: Family = Family::gauge("test_value", "A number.", &["row"]);

struct Function(fn(&mut Writer));

impl Collector for Function {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        (self.0)(out);
        Ok(())
    }
}

macro_rules! spec {
    ($name:literal, $collect:expr) => {
        Spec {
            name: $name,
            doc: "A test's.",
            default: true,
            families: &[],
            opts: &[],
            build: |_| Ok(Box::new(Function($collect))),
        }
    };
}

static ONE: Spec = spec!("one", |out| out.family(&VALUE, |s| s.row(&["1"], 1u64)));
static MANY: Spec = spec!("many", |out| out.family(&VALUE, |s| {
    (0..9999u64).for_each(|i| s.row(&[&i.to_string()], i));
}));

/// The longest time that a client may give: no test runs into it while it holds a door.
const PATIENT: &str = "X-Prometheus-Scrape-Timeout-Seconds: 120\r\n";

/// A door at which a collector waits, and which tells that it does.
struct Door(Mutex<(bool, bool)>, Condvar);

impl Door {
    const fn shut() -> Self {
        Self(Mutex::new((false, false)), Condvar::new())
    }

    fn pass(&self) {
        self.0.lock().unwrap().0 = true;
        self.1.notify_all();
        drop(self.1.wait_while(self.0.lock().unwrap(), |(_, open)| !*open).unwrap());
    }

    /// Waits until somebody waits.
    async fn knock(&'static self) {
        let wait = || drop(self.1.wait_while(self.0.lock().unwrap(), |(came, _)| !*came).unwrap());
        tokio::task::spawn_blocking(wait).await.unwrap();
    }

    fn open(&self) {
        self.0.lock().unwrap().1 = true;
        self.1.notify_all();
    }
}

struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    app: Arc<App>,
    own: Arc<SelfMetrics>,
}

fn start(specs: &[&'static Spec], path: &str, requests: usize, connections: usize) -> Running {
    start_at("127.0.0.1:0", specs, path, requests, connections)
}

fn start_at(
    listen: &str,
    specs: &[&'static Spec],
    path: &str,
    requests: usize,
    connections: usize,
) -> Running {
    let root = Root::new("/nonexistent");
    let context = Context {
        proc: root.clone(),
        sys: root.clone(),
        rootfs: root.clone(),
        udev: root,
        options: Options::default(),
        clock: Clock::new(|| std::time::SystemTime::UNIX_EPOCH),
        shared: collect::Shared::default(),
    };
    let own = Arc::new(SelfMetrics::new());
    let engine = Arc::new(Engine::new(&context, specs, None).unwrap());
    let listening = Listening::new(&context);
    let app = App::new(engine, Arc::clone(&own), path, requests, listening);
    let router = app.router();
    let bound = bind(&listen.parse::<Listen>().unwrap()).unwrap();
    let address = bound.address.tcp().unwrap();
    let (stop, stopped) = watch::channel(false);
    let own_of_server = Arc::clone(&own);
    let security = Security::default();
    let server = Server { router, own: own_of_server, security, max_connections: connections };
    let server = tokio::spawn(server.run(vec![bound], stopped));
    Running { address, stop, server, app, own }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends one request on a connection of its own; the whole answer.
    async fn raw(&self, request: &str) -> Vec<u8> {
        let mut stream = self.connect().await;
        let mut answer = Vec::new();
        // A server that has read only a part of a request that is too long resets the connection.
        drop(stream.write_all(request.as_bytes()).await);
        drop(stream.read_to_end(&mut answer).await);
        answer
    }

    async fn ask(&self, method: &str, target: &str, headers: &str) -> String {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        String::from_utf8_lossy(&self.raw(&request).await).into_owned()
    }

    async fn get(&self, target: &str) -> String {
        self.ask("GET", target, "").await
    }
}

/// The status line's code, and the body.
fn parts(answer: &str) -> (&str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    (head.get(9..12).unwrap_or_default(), body)
}

/// Sends a request on a connection that is kept; the answer's head and as much as came with it.
async fn keep(stream: &mut TcpStream, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 65536];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(answer.get(..read).unwrap()).into_owned()
}

#[tokio::test]
async fn paths() {
    let server = start(&[&ONE], "/metrics", 40, 512);
    for path in HEALTH_PATHS {
        assert_eq!(parts(&server.get(path).await), ("200", "ok\n"), "{path}");
    }
    for path in ["/metrics", "/metrics/node", "/metrics?x=y"] {
        let answer = server.get(path).await;
        assert!(answer.contains("\ntest_value{row=\"1\"} 1\n"), "{path}: {answer}");
    }
    let page = server.get("/").await;
    assert!(page.contains("content-type: text/html; charset=utf-8\r\n"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none';"), "{page}");
    assert!(page.contains("referrer-policy: no-referrer\r\n"), "{page}");
    assert!(page.contains(">one<") && page.ends_with("</html>\n"), "{page}");
    for path in ["/nope", "/metrics/", "/metrics/nope", "//", "/%2e%2e/etc/passwd", "/-/"] {
        assert_eq!(parts(&server.get(path).await), ("404", "not found\n"), "{path}");
    }
}

#[tokio::test]
async fn metrics_at_the_root() {
    let server = start(&[&ONE], "/", 40, 512);
    assert!(server.get("/").await.contains("\ntest_value"));
    assert!(server.get("/node").await.contains("\ntest_value"));
    assert_eq!(parts(&server.get("/healthz").await).0, "200");
}

#[tokio::test]
async fn methods() {
    let server = start(&[&ONE], "/metrics", 40, 512);
    for path in ["/metrics", "/", "/livez"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
            let answer = server.ask(method, path, "").await;
            assert_eq!(parts(&answer), ("405", "only GET and HEAD\n"), "{method} {path}");
            assert!(answer.contains("\r\nallow: GET,HEAD\r\n"), "{answer}");
        }
        let head = server.ask("HEAD", path, "").await;
        assert_eq!(parts(&head), ("200", ""), "{path}");
        assert!(head.contains("\r\ncontent-length: ") && !head.contains("content-length: 0"));
    }
}

#[tokio::test]
async fn selections() {
    let server = start(&[&ONE, &MANY], "/metrics", 40, 512);
    let rows = |answer: &str| answer.matches("\ntest_value{").count();
    let answer = server.get("/metrics?collect%5B%5D=one").await;
    assert_eq!(rows(&answer), 1);
    assert!(answer.contains("_success{collector=\"one\"} 1\n"), "{answer}");
    assert!(!answer.contains("collector=\"many\""), "{answer}");
    assert_eq!(rows(&server.get("/metrics?exclude[]=many&exclude[]=unknown").await), 1);
    for (query, message) in [
        ("collect[]=nope", "missing collector: nope"),
        ("collect[]=loadavg", "disabled collector: loadavg"),
        ("collect[]=one&exclude[]=one", "Combined collect and exclude queries are not allowed."),
    ] {
        let answer = server.get(&format!("/metrics?{query}")).await;
        assert_eq!(parts(&answer), ("400", message), "{query}");
    }
    let long = server.get(&format!("/metrics?{}", "a".repeat(9000))).await;
    assert_eq!(parts(&long), ("400", "the query is longer than 8192 bytes"));
}

#[tokio::test]
async fn formats_and_encodings() {
    let server = start(&[&ONE, &MANY], "/metrics", 40, 512);
    let plain = server.get("/metrics").await;
    assert!(plain.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{plain}");
    assert!(plain.contains("\r\nvary: Accept, Accept-Encoding\r\n"));
    assert!(!plain.contains("content-encoding"));
    let body = parts(&plain).1;
    assert!(plain.contains(&format!("\r\ncontent-length: {}\r\n", body.len())));
    let open = "Accept: application/openmetrics-text;version=1.0.0\r\n";
    let open = server.ask("GET", "/metrics?collect[]=one", open).await;
    assert!(open.contains("content-type: application/openmetrics-text"), "{open}");
    assert!(open.ends_with("# EOF\n"), "{open}");
    for (encoding, magic) in [("gzip", &[0x1f, 0x8b][..]), ("zstd", &[0x28, 0xb5, 0x2f, 0xfd])] {
        for target in ["/metrics", "/metrics?collect[]=one"] {
            let request = format!(
                "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 Accept-Encoding: {encoding}\r\n\r\n"
            );
            let answer = server.raw(&request).await;
            let at = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
            let (head, packed) = answer.split_at(at);
            let head = String::from_utf8_lossy(head);
            assert!(head.contains(&format!("\r\ncontent-encoding: {encoding}\r\n")), "{head}");
            assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", packed.len())), "{head}");
            assert!(packed.starts_with(magic), "{encoding}");
        }
    }
    let mut own = Writer::default();
    server.own.write(&mut own);
    let own = exposition::encode(&[&own.finish()], exposition::Format::TEXT).body;
    let own = String::from_utf8(own).unwrap();
    assert!(own.contains("hybrid_http_requests_total{code=\"200\"} 6\n"), "{own}");
    assert!(!own.contains("hybrid_http_response_bytes_total{encoding=\"zstd\"} 0\n"), "{own}");
}

#[tokio::test]
async fn requests_beyond_the_limit() {
    static DOOR: Door = Door::shut();
    static SLOW: Spec = spec!("slow", |_| DOOR.pass());
    let server = start(&[&SLOW], "/metrics", 1, 512);
    let mut first = server.connect().await;
    let request = format!("GET /metrics HTTP/1.0\r\n{PATIENT}\r\n");
    first.write_all(request.as_bytes()).await.unwrap();
    DOOR.knock().await;
    let second = server.get("/metrics").await;
    assert_eq!(parts(&second), ("503", "1 requests are being served already\n"));
    assert!(second.contains("\r\nretry-after: 1\r\n"), "{second}");
    assert_eq!(parts(&server.get("/readyz").await).0, "200");
    DOOR.open();
    let mut answer = String::new();
    first.read_to_string(&mut answer).await.unwrap();
    assert_eq!(parts(&answer).0, "200");
    assert_eq!(parts(&server.get("/metrics").await).0, "200");
}

#[tokio::test]
async fn forty_clients_at_once() {
    static DOOR: Door = Door::shut();
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static SLOW: Spec = spec!("slow", |_| {
        RUNS.fetch_add(1, Ordering::Relaxed);
        DOOR.pass();
    });
    let server = start(&[&SLOW, &MANY], "/metrics", 40, 512);
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = server.connect().await;
        let request = format!("GET /metrics HTTP/1.0\r\n{PATIENT}\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        clients.push(client);
    }
    let all_are_there = async {
        while server.app.requests.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all_are_there).await.unwrap();
    assert_eq!(parts(&server.get("/metrics").await).0, "503");
    DOOR.open();
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(parts(&answer).0, "200");
        assert_eq!(answer.matches("\ntest_value{").count(), 9999);
    }
    assert!(RUNS.load(Ordering::Relaxed) <= 2, "{RUNS:?}");
    assert_eq!(server.app.requests.available_permits(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_late_collector_and_an_impatient_client() {
    static DOOR: Door = Door::shut();
    static BRAKE: Door = Door::shut();
    static STUCK: Spec = spec!("stuck", |_| DOOR.pass());
    // Time stands still while a thread is busy, also where the runtime has nothing to do.
    let brake = tokio::task::spawn_blocking(|| BRAKE.pass());
    let server = start(&[&ONE, &STUCK], "/metrics", 40, 512);
    let timeout = "X-Prometheus-Scrape-Timeout-Seconds: 0.2\r\n";
    let late = async {
        // Without time no worker is relieved: the one that is here has been through all before.
        DOOR.knock().await;
        tokio::time::advance(Duration::from_millis(200)).await;
    };
    let (answer, ()) = tokio::join!(server.ask("GET", "/metrics", timeout), late);
    assert!(answer.contains("\ntest_value{row=\"1\"} 1\n"), "{answer}");
    assert!(answer.contains("_timed_out{collector=\"stuck\"} 1\n"), "{answer}");
    assert!(server.get("/").await.contains("timed out"));
    DOOR.open();
    BRAKE.open();
    brake.await.unwrap();
}

#[tokio::test]
async fn heads_that_are_too_long_and_no_http() {
    let server = start(&[&ONE], "/metrics", 40, 512);
    let long = format!("X: {}\r\n", "a".repeat(20 << 10));
    assert_eq!(parts(&server.ask("GET", "/metrics", &long).await).0, "431");
    let many = "X: y\r\n".repeat(100);
    assert_eq!(parts(&server.ask("GET", "/metrics", &many).await).0, "431");
    for raw in ["\r\n\r\n", "GET\r\n\r\n", "\u{16}\u{3}\u{1}", "GET /metrics HTTP/9.9\r\n\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(raw.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || parts(&answer).0 == "400", "{raw:?}: {answer}");
    }
    assert_eq!(parts(&server.get("/metrics").await).0, "200");
}

#[tokio::test]
async fn a_client_that_says_no_more_gets_its_answer() {
    let server = start(&[&ONE], "/metrics", 40, 512);
    let mut stream = server.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(parts(&answer).0, "200");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let server = start(&[&ONE], "/metrics", 40, 1);
    let mut first = server.connect().await;
    assert!(keep(&mut first, "/livez").await.ends_with("ok\n"));
    let mut second = server.connect().await;
    second.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(keep(&mut first, "/metrics").await.contains("200 OK"));
    let mut byte = [0];
    let early = second.try_read(&mut byte).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert_eq!(second.read(&mut byte).await.unwrap(), 1);
}

#[tokio::test]
async fn an_orderly_end() {
    static DOOR: Door = Door::shut();
    static SLOW: Spec = spec!("slow", |_| DOOR.pass());
    // An address that no other test listens on: its port stays free at the end.
    let server = start_at("127.0.0.3:0", &[&SLOW, &ONE], "/metrics", 40, 512);
    let mut idle = server.connect().await;
    assert!(keep(&mut idle, "/livez").await.ends_with("ok\n"));
    let mut busy = server.connect().await;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{PATIENT}\r\n");
    busy.write_all(request.as_bytes()).await.unwrap();
    DOOR.knock().await;
    server.stop.send_replace(true);
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    assert!(!server.server.is_finished());
    DOOR.open();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\nconnection: close\r\n") && answer.contains("\ntest_value{"));
    server.server.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn several_listeners_and_an_address_in_use() {
    let everywhere = bind(&":0".parse().unwrap()).unwrap();
    let everywhere_at = everywhere.address.tcp().unwrap();
    assert!(everywhere_at.ip().is_unspecified());
    let taken: Listen = format!("127.0.0.1:{}", everywhere_at.port()).parse().unwrap();
    if everywhere_at.is_ipv4() {
        assert_eq!(bind(&taken).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    }
    let one = bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let again = bind(&Listen::Address(one.address.tcp().unwrap())).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AddrInUse);
    let named = bind(&"localhost:0".parse().unwrap()).unwrap();
    assert!(named.address.tcp().unwrap().ip().is_loopback());
}
