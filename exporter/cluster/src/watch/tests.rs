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

/// All there are.
fn pods() -> Target {
    Target { path: "/api/v1/pods".into(), fields: String::new(), extent: Extent::Whole }
}

/// Those of a node.
fn pods_of_node() -> Target {
    Target { fields: "spec.nodeName=a/b".into(), ..pods() }
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
        Stream failed: broken: reset by peer
        then GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=12
    "#]];
    let took = play(pods_of_node(), script, expected).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_list_ends_once() {
    play(pods_of_node(), vec![Step::Send(vec![LISTED_AND_MORE], Then::End)], expect![[r#"
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        listed
        apply b
        List succeeded
        then GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=10
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_stream_lists_gives_them_whole() {
    let refused = Fault::new(Reason::Refused, "HTTP 422: sendInitialEvents is forbidden");
    let target = Target { extent: Extent::Metadata, ..pods_of_node() };
    let list = r#"{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}}]}"#;
    let script = vec![
        Step::Refuse(refused),
        Step::Send(vec![list], Then::End),
        Step::Refuse(gone()),
        // It is not asked again for what it refused.
        Step::Send(vec![list], Then::End),
    ];
    play(target, script, expect![[r#"
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&resourceVersion=0;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        list
        apply a
        listed
        List succeeded
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=7;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        Watch failed: gone: too old
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&resourceVersion=;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        list
        apply a
        listed
        List succeeded
        then GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=7;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn all_that_there_is_comes_whole() {
    let script = vec![
        Step::Send(
            vec![
                r#"{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}},{"meta"#,
                r#"data":{"name":"b"}},7]}"#,
            ],
            Then::End,
        ),
        Step::Refuse(gone()),
        // Now as new as the server has it.
        Step::Send(vec![r#"{"items":null,"metadata":{"resourceVersion":"9"}}"#], Then::End),
        Step::Send(vec![], Then::Break),
    ];
    play(pods(), script, expect![[r#"
        GET /api/v1/pods?resourceVersion=0
        list
        apply a
        apply b
        apply: invalid type: integer `7`, expected struct Object at line 1 column 1
        listed
        List succeeded
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=7
        Watch failed: gone: too old
        GET /api/v1/pods?resourceVersion=
        list
        listed
        List succeeded
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=9
        Watch succeeded
        Stream failed: broken: reset by peer
        then GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=9
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_come_whole_is_streamed() {
    let script = vec![
        Step::Send(vec![r#"{"items":[{"metadata":{"name":"a"}},"#], Then::Break),
        Step::Send(vec![LISTED], Then::End),
        Step::Refuse(gone()),
        Step::Send(vec![r#"{"items":["#], Then::End),
        Step::Send(vec!["<html>"], Then::End),
        Step::Send(vec![r#"{"metadata":{"continue":"b"},"items":[]}"#], Then::End),
        Step::Send(vec![r#"{"metadata":{"resourceVersion":"9"},"items":[]}"#], Then::End),
    ];
    play(pods(), script, expect![[r#"
        GET /api/v1/pods?resourceVersion=0
        list
        apply a
        List failed: broken: reset by peer
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        apply a
        listed
        List succeeded
        GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=9
        Watch failed: gone: too old
        GET /api/v1/pods?resourceVersion=
        list
        List failed: malformed: a list whose brackets do not match
        GET /api/v1/pods?resourceVersion=
        list
        List failed: malformed: a list: expected value at line 1 column 1
        GET /api/v1/pods?resourceVersion=
        list
        List failed: malformed: a page, where all of a list was asked for
        GET /api/v1/pods?resourceVersion=
        list
        listed
        List succeeded
        then GET /api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=9
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn tables_are_asked_for_and_taken_row_by_row() {
    let target = Target {
        path: "/api/v1/secrets".into(),
        fields: "metadata.namespace=n".into(),
        extent: Extent::Typed,
    };
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
    let table = r#"{"kind":"Table","metadata":{"resourceVersion":"11"},"columnDefinitions":
        [{"name":"Type"}],"rows":[{"cells":["x"],"object":{"metadata":{"name":"d"}}},7]}"#;
    // One that knows no tables.
    let plain = r#"{"metadata":{"resourceVersion":"12"},"items":[{"metadata":{"name":"e"}}]}"#;
    let script = vec![
        Step::Send(vec![listed], Then::End),
        Step::Refuse(gone()),
        Step::Refuse(Fault::new(Reason::Refused, "HTTP 422")),
        Step::Send(vec![table], Then::End),
        Step::Refuse(gone()),
        Step::Send(vec![plain], Then::End),
    ];
    play(target, script, expect![[r#"
        GET /api/v1/secrets?fieldSelector=metadata.namespace%3Dn&includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        Watch succeeded
        list
        apply a
        apply: missing field `metadata` at line 1 column 15
        listed
        delete a
        List succeeded
        GET /api/v1/secrets?fieldSelector=metadata.namespace%3Dn&includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=10;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        Watch failed: gone: too old
        GET /api/v1/secrets?fieldSelector=metadata.namespace%3Dn&includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        GET /api/v1/secrets?fieldSelector=metadata.namespace%3Dn&includeObject=Metadata&resourceVersion=;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        list
        apply d
        apply: invalid type: integer `7`, expected struct Object at line 1 column 1
        listed
        List succeeded
        GET /api/v1/secrets?fieldSelector=metadata.namespace%3Dn&includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=11;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
        Watch failed: gone: too old
        GET /api/v1/secrets?fieldSelector=metadata.namespace%3Dn&includeObject=Metadata&resourceVersion=;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1
        list
        apply e
        listed
        List succeeded
        then GET /api/v1/secrets?fieldSelector=metadata.namespace%3Dn&includeObject=Metadata&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=12;as=Table;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1
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
    let took = play(pods_of_node(), script, expect![[r#"
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        apply a
        List failed: broken: the stream ended before the list did
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        List failed: server: etcd
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        List failed: malformed: an event: expected value at line 1 column 1
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        apply a
        listed
        List succeeded
        Stream failed: timeout: nothing came for 120 s
        then GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=9
    "#]]).await;
    assert!((SILENCE..SILENCE + Duration::from_secs(4)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_marks_no_end_is_asked_for_the_whole() {
    let script = vec![
        Step::Send(
            vec!["{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n"],
            Then::Silence,
        ),
        Step::Send(vec![r#"{"metadata":{"resourceVersion":"7"},"items":[]}"#], Then::End),
    ];
    play(pods_of_node(), script, expect![[r#"
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=
        Watch succeeded
        list
        apply a
        List failed: timeout: nothing came for 20 s
        GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&resourceVersion=0
        list
        listed
        List succeeded
        then GET /api/v1/pods?fieldSelector=spec.nodeName%3Da%2Fb&watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=7
    "#]]).await;
}

#[tokio::test(start_paused = true)]
async fn patience_is_given_where_it_is_asked_for() {
    let busy = |seconds| Fault {
        retry_after: Some(Duration::from_secs(seconds)),
        ..Fault::new(Reason::Throttled, "HTTP 429")
    };
    let script = vec![Step::Refuse(busy(20)), Step::Refuse(busy(1_000_000))];
    let took = play(
        pods(),
        script,
        expect![[r#"
        GET /api/v1/pods?resourceVersion=0
        List failed: throttled: HTTP 429
        GET /api/v1/pods?resourceVersion=0
        List failed: throttled: HTTP 429
        then GET /api/v1/pods?resourceVersion=0
    "#]],
    )
    .await;
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
