//! The real transport against real sockets on loopback, without TLS.

use super::*;
use crate::access::KUBECONFIG;
use collect::Options;
use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// A folder with a kubeconfig and a token.
struct Folder(tempfile::TempDir);

/// What a server did, in order: requests, and connections that were made.
type Log = Arc<Mutex<String>>;

impl Folder {
    fn new(port: u16) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let text = format!(
            "{{current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}],
              clusters: [{{name: a, cluster: {{server: 'http://127.0.0.1:{port}/base'}}}}],
              users: [{{name: a, user: {{tokenFile: token}}}}]}}"
        );
        folder.put("config", &text);
        folder.put("token", "one");
        folder
    }

    #[expect(clippy::disallowed_methods, reason = "the test plays the administrator")]
    fn put(&self, name: &str, text: &str) {
        let new = self.path("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn api(&self) -> Api {
        api(&self.path("config"))
    }
}

fn api(config: &Path) -> Api {
    let mut options = Options::default();
    options.set(KUBECONFIG.name, vec![config.display().to_string()]);
    Api::new(Access::find(&options).unwrap())
}

/// A server that gives each request, with its token, to `answer`; an empty one ends the connection.
async fn serve(answer: impl Fn(&str, &str) -> String + Clone + Send + 'static) -> (u16, Log) {
    let log = Log::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::clone(&log);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            told.lock().unwrap().push_str("connection\n");
            tokio::spawn(talk(stream, Arc::clone(&told), answer.clone()));
        }
    });
    (port, log)
}

async fn talk(
    mut stream: TcpStream,
    log: Log,
    answer: impl Fn(&str, &str) -> String,
) -> io::Result<()> {
    while let Some(head) = head(&mut stream).await? {
        let first = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1");
        let token = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
        let token = token.unwrap_or_default();
        writeln!(log.lock().unwrap(), "{first} as {token}").unwrap();
        let answer = answer(first, token);
        if answer.is_empty() {
            return Ok(());
        }
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// A request's head; its body, of the length that it tells, is read and dropped.
async fn head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => text.push(byte),
            Err(_) if text.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8(text).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    Ok(Some(text))
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// All that an answer has.
async fn text(api: &Api, path: &str) -> Result<String, Fault> {
    let mut stream = api.get(path, JSON).await?;
    let mut text = Vec::new();
    while let Some(bytes) = stream.next().await {
        text.extend_from_slice(&bytes?);
    }
    Ok(String::from_utf8(text).unwrap())
}

async fn put(api: &Api) -> Result<Bytes, Fault> {
    api.send(Method::PUT, "/lease", JSON, Bytes::from_static(b"{}")).await
}

#[tokio::test]
async fn a_new_token_is_taken_where_the_old_one_is_refused() {
    let (port, log) = serve(|_, token| match token {
        "two" => answer("200 OK", "[]"),
        _ => answer("401 Unauthorized", r#"{"message":"Unauthorized"}"#),
    })
    .await;
    let folder = Folder::new(port);
    let api = folder.api();
    let fault = text(&api, "/a").await.unwrap_err();
    assert_eq!(fault.to_string(), "unauthorized: HTTP 401: Unauthorized");
    folder.put("token", "two");
    assert_eq!(text(&api, "/b").await.unwrap(), "[]");
    // Swapped in between, not yet read: asked again with the new one, once.
    let (port, log2) = serve(|_, token| match token {
        "three" => answer("200 OK", "[]"),
        _ => answer("401 Unauthorized", ""),
    })
    .await;
    let folder = Folder::new(port);
    let api = folder.api();
    assert_eq!(api.server().unwrap(), format!("http://127.0.0.1:{port}/base"));
    folder.put("token", "three");
    assert_eq!(text(&api, "/c").await.unwrap(), "[]");
    let log = log.lock().unwrap().replace("connection\n", "");
    assert_eq!(log, "GET /base/a as one\nGET /base/b as two\n");
    let log = log2.lock().unwrap().replace("connection\n", "");
    assert_eq!(log, "GET /base/c as one\nGET /base/c as three\n");
}

#[tokio::test]
async fn a_connection_is_kept_and_its_loss_costs_nothing() {
    let (port, log) = serve(|first, _| match first {
        "GET /base/last" => String::new(),
        _ => answer("200 OK", "[]"),
    })
    .await;
    let folder = Folder::new(port);
    let api = folder.api();
    text(&api, "/a").await.unwrap();
    text(&api, "/b").await.unwrap();
    // The server closes instead of an answer: what was sent is not sent again.
    let fault = text(&api, "/last").await.unwrap_err();
    assert_eq!((fault.reason, fault.code), (Reason::Broken, None), "{fault}");
    assert_eq!(put(&api).await.unwrap(), "[]");
    assert_eq!(
        *log.lock().unwrap(),
        "connection\nGET /base/a as one\nGET /base/b as one\nGET /base/last as one\n\
         connection\nPUT /base/lease as one\n"
    );
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_no_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = Folder::new(listener.local_addr().unwrap().port());
    let api = folder.api();
    for _ in 0..20 {
        let (answered, accepted) = tokio::join!(async { put(&api).await.unwrap() }, async {
            let (mut stream, _) = listener.accept().await.unwrap();
            head(&mut stream).await.unwrap();
            // Keeps the connection, as far as the answer tells; closes it all the same.
            let answer = answer("200 OK", "[]");
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        assert_eq!((answered, accepted), (Bytes::from_static(b"[]"), ()));
        // What the kernel knows, the connection's task soon does.
        while api.known().unwrap().connections.idle() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn refusals_tell_what_the_server_said() {
    let (port, _log) = serve(|first, _| match first {
        "GET /base/busy" => {
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".into()
        }
        "GET /base/long" => answer("403 Forbidden", &"x".repeat(1 << 20)),
        "GET /base/huge" => answer("200 OK", &"x".repeat(MAX_ANSWER + 1)),
        _ => answer("409 Conflict", r#"{"message":"the object has been modified"}"#),
    })
    .await;
    let folder = Folder::new(port);
    let api = folder.api();
    let busy = text(&api, "/busy").await.unwrap_err();
    assert_eq!((busy.code, busy.retry_after), (Some(429), Some(Duration::from_secs(7))));
    let long = text(&api, "/long").await.unwrap_err();
    assert_eq!(long.to_string(), "forbidden: HTTP 403");
    let huge = api.send(Method::GET, "/huge", JSON, Bytes::new()).await.unwrap_err();
    assert_eq!(huge.to_string(), "malformed: an answer of more than 4096 KiB");
    let lost = put(&api).await.unwrap_err();
    assert_eq!(lost.to_string(), "conflict: HTTP 409: the object has been modified");
}

#[tokio::test]
async fn trouble_before_an_answer_is_named_and_ends() {
    // Held and not listened on: nobody else gets the port.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = held.local_addr().unwrap().port();
    let folder = Folder::new(port);
    let api = folder.api();
    let refused = put(&api).await.unwrap_err();
    assert_eq!(refused.reason, Reason::Connect);
    assert!(refused.detail.starts_with(&format!("127.0.0.1:{port}: Connection refused")));
    // The kubeconfig is broken for a while, then names another server.
    folder.put("config", "{");
    assert_eq!(put(&api).await.unwrap_err().reason, Reason::Access);
    let (port, _log) = serve(|_, _| answer("200 OK", "[]")).await;
    let text = Folder::new(port);
    #[expect(clippy::disallowed_methods, reason = "the test plays the administrator")]
    folder.put("config", &std::fs::read_to_string(text.path("config")).unwrap());
    assert_eq!(put(&api).await.unwrap(), "[]");
}
