//! Watches against a scripted server, on paused time.

use super::*;
use crate::scripted::{Log, Server, Step, Then};
use expect_test::{Expect, expect};

struct Notes(Log);

#[derive(Deserialize)]
struct Object {
    metadata: Meta,
}

#[derive(Deserialize)]
struct Meta {
    name: String,
    #[serde(rename = "resourceVersion")]
    version: Option<String>,
}

// === impl Notes ===

impl Notes {
    fn object(&self, verb: &str, object: &[u8]) -> Option<String> {
        match serde_json::from_slice::<Object>(object) {
            Ok(Object { metadata }) => {
                self.0.line(format_args!("{verb} {}", metadata.name));
                metadata.version
            }
            Err(error) => {
                self.0.line(format_args!("{verb}: {error}"));
                None
            }
        }
    }
}

impl Sink for Notes {
    fn list(&mut self) {
        self.0.line("list");
    }

    fn apply(&mut self, object: &[u8]) -> Option<String> {
        self.object("apply", object)
    }

    fn delete(&mut self, object: &[u8]) -> Option<String> {
        self.object("delete", object)
    }

    fn listed(&mut self) {
        self.0.line("listed");
    }

    fn heard(&mut self, _: Instant) {}

    fn asked(&mut self, what: Request) {
        self.0.line(format_args!("{what:?} succeeded"));
    }

    fn failed(&mut self, what: Request, fault: &Fault) {
        self.0.line(format_args!("{what:?} failed: {fault}"));
    }
}

/// Runs the script to its end; gives how long that took and compares what was noted.
async fn play(target: Target, script: Vec<Step>, expected: Expect) -> Duration {
    let log = Log::default();
    let server = Arc::new(Server::new(script, log.clone()));
    let mut notes = Notes(log.clone());
    let begun = Instant::now();
    tokio::select! {
        () = run(Arc::clone(&server) as Arc<dyn Transport>, target, &mut notes) => unreachable!(),
        () = server.done() => {}
    }
    expected.assert_eq(&log.text());
    begun.elapsed()
}

fn pods() -> Target {
    Target { path: "/api/v1/pods".into(), fields: String::new(), extent: Extent::Whole }
}

fn gone() -> Fault {
    Fault::new(Reason::Gone, "too old")
}

const LISTED: &str = concat!(
    r#"{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"3"}}}"#,
    "\n",
    r#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"9","#,
    r#""annotations":{"k8s.io/initial-events-end":"true"}}}}"#,
    "\n"
);
/// The same, and what follows came with it.
const LISTED_AND_MORE: &str = concat!(
    r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","#,
    r#""annotations":{"k8s.io/initial-events-end":"true"}}}}"#,
    "\n",
    r#"{"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":"10"}}}"#,
    "\n"
);

#[tokio::test(start_paused = true)]
async fn a_streamed_list_and_what_follows_on_the_same_stream() {
    let target = Target { fields: "spec.nodeName=a/b".into(), ..pods() };
    let script = vec![
        Step::Send(
            vec![
                LISTED,
                "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\",",
                "\"resourceVersion\":\"11\"}}}\n{\"type\":\"ADDED\",\"object\":[]}\n",
                "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n",
                "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"12\"}}}\n",
            ],
            Then::End,
        ),
        Step::Send(vec![], Then::Break),
    ];
    let expected = expect![[r#"
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        apply a
        listed
        List succeeded
        apply a
        apply: invalid length 0, expected struct Object with 1 element at line 1 column 2
        delete a
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=12
        Watch succeeded
        Watch failed: broken: reset by peer
        then GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=12
    "#]];
    let took = play(target, script, expected).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_list_ends_once() {
    play(pods(), vec![Step::Send(vec![LISTED_AND_MORE], Then::End)], expect![[r#"
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        listed
        apply b
        List succeeded
        then GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=10
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_stream_lists_gives_pages() {
    let refused = Fault::new(Reason::Refused, "HTTP 422: sendInitialEvents is forbidden");
    let target = Target { extent: Extent::Metadata, ..pods() };
    let page = r#"{"metadata":{"resourceVersion":"7","continue":"a=b"},"items":[
        {"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"#;
    let last = r#"{"metadata":{"resourceVersion":"7","continue":""},"items":null}"#;
    let script = vec![
        Step::Refuse(refused),
        Step::Send(vec![page], Then::End),
        Step::Send(vec![last], Then::End),
        Step::Refuse(gone()),
        // It is not asked again for what it refused.
        Step::Send(vec![last], Then::End),
    ];
    play(target, script, expect![[r#"
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        list
        GET /api/v1/pods?limit=100;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        apply a
        apply b
        GET /api/v1/pods?limit=100&continue=a%3Db;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        listed
        List succeeded
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=7;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        Watch failed: gone: too old
        list
        GET /api/v1/pods?limit=100;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        listed
        List succeeded
        then GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=7;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn tables_are_asked_for_and_taken_row_by_row() {
    let target = Target { extent: Extent::Typed, path: "/api/v1/secrets".into(), ..pods() };
    let listed = concat!(
        r#"{"type":"ADDED","object":{"kind":"Table","metadata":{"resourceVersion":"3"},"#,
        r#""columnDefinitions":[{"name":"Name"},{"name":"Type"}],"rows":[{"cells":["a","Opaque"],"#,
        r#""object":{"metadata":{"name":"a","resourceVersion":"3"}}}]}}"#,
        "\n",
        r#"{"type":"ADDED","object":{"kind":"Table","columnDefinitions":null,"rows":[{"cells":["b"]}]}}"#,
        "\n",
        r#"{"type":"BOOKMARK","object":{"kind":"Table","metadata":{"resourceVersion":"9"},"#,
        r#""columnDefinitions":null,"rows":[{"cells":["","",0,"<unknown>"],"object":{"metadata":"#,
        r#"{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}]}}"#,
        "\n",
        r#"{"type":"DELETED","object":{"kind":"Table","rows":[{"cells":["a"],"object":{"metadata":"#,
        r#"{"name":"a","resourceVersion":"10"}}}]}}"#,
        "\n"
    );
    let page = r#"{"kind":"Table","metadata":{"resourceVersion":"11","continue":"c"},"columnDefinitions":
        [{"name":"Type"}],"rows":[{"cells":["x"],"object":{"metadata":{"name":"d"}}},7]}"#;
    // One that knows no tables.
    let plain = r#"{"metadata":{"resourceVersion":"12"},"items":[{"metadata":{"name":"e"}}]}"#;
    let script = vec![
        Step::Send(vec![listed], Then::End),
        Step::Refuse(gone()),
        Step::Refuse(Fault::new(Reason::Refused, "HTTP 422")),
        Step::Send(vec![page], Then::End),
        Step::Send(vec![plain], Then::End),
    ];
    play(target, script, expect![[r#"
        GET /api/v1/secrets?includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        Watch succeeded
        list
        apply a
        apply: missing field `metadata` at line 1 column 15
        listed
        delete a
        List succeeded
        GET /api/v1/secrets?includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=10;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        Watch failed: gone: too old
        GET /api/v1/secrets?includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        list
        GET /api/v1/secrets?includeObject=Metadata&limit=100;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        apply d
        apply: invalid type: integer `7`, expected struct Object at line 1 column 1
        GET /api/v1/secrets?includeObject=Metadata&limit=100&continue=c;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        apply e
        listed
        List succeeded
        then GET /api/v1/secrets?includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=12;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_is_begun_again() {
    let script = vec![
        Step::Send(
            vec!["{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n"],
            Then::End,
        ),
        Step::Send(
            vec!["{\"type\":\"ERROR\",\"object\":{\"code\":500,\"message\":\"etcd\"}}\n"],
            Then::End,
        ),
        Step::Send(vec!["<html>\n"], Then::End),
        Step::Send(vec![LISTED], Then::Silence),
    ];
    let took = play(pods(), script, expect![[r#"
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        apply a
        List failed: broken: the stream ended before the list did
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        List failed: server: etcd
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        List failed: malformed: an event: expected value at line 1 column 1
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        apply a
        listed
        List succeeded
        Watch failed: timeout: nothing came for 120 s
        then GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=9
    "#]]).await;
    assert!((SILENCE..SILENCE + Duration::from_secs(4)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_marks_no_end_is_asked_for_pages() {
    let script = vec![
        Step::Send(
            vec!["{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n"],
            Then::Silence,
        ),
        Step::Send(vec![r#"{"metadata":{"resourceVersion":"7"},"items":[]}"#], Then::End),
    ];
    play(pods(), script, expect![[r#"
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        apply a
        List failed: timeout: nothing came for 20 s
        list
        GET /api/v1/pods?limit=100
        listed
        List succeeded
        then GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=7
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn patience_is_given_where_it_is_asked_for() {
    let busy = |seconds| Fault {
        retry_after: Some(Duration::from_secs(seconds)),
        ..Fault::new(Reason::Throttled, "HTTP 429")
    };
    let script = vec![Step::Refuse(busy(20)), Step::Refuse(busy(1_000_000))];
    let took = play(pods(), script, expect![[r#"
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        List failed: throttled: HTTP 429
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        List failed: throttled: HTTP 429
        then GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
    "#]]).await;
    assert_eq!(took, Duration::from_secs(20) + LONGEST_PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn an_end_of_trouble_is_seen_soon() {
    let forbidden = || Step::Refuse(Fault::new(Reason::Forbidden, "HTTP 403: pods is forbidden"));
    let log = Log::default();
    let script = (0..50).map(|_| forbidden()).collect();
    let server = Arc::new(Server::new(script, log.clone()));
    let mut notes = Notes(log.clone());
    let begun = Instant::now();
    tokio::select! {
        () = run(Arc::clone(&server) as Arc<dyn Transport>, pods(), &mut notes) => unreachable!(),
        () = server.done() => {}
    }
    let took = begun.elapsed();
    assert!((LONGEST_PAUSE * 30..LONGEST_PAUSE * 50).contains(&took), "{took:?}");
}

#[test]
fn selectors_and_tokens_are_escaped() {
    let mut path = String::new();
    escape(&mut path, "spec.nodeName=a b/ä&c~");
    assert_eq!(path, "spec.nodeName%3Da%20b%2F%C3%A4%26c~");
}
