//! Who a token belongs to, and whether that account may get a path: what the API server says of others.
//!
//! `TokenReview` (`authentication.k8s.io/v1`) and `SubjectAccessReview` (`authorization.k8s.io/v1`), as
//! kube-rbac-proxy asks for them. It takes the right to create both: the role
//! `system:auth-delegator`.

use crate::{
    access::Access,
    api::Api,
    fault::{Fault, Reason},
    transport::Transport,
};
use collect::Options;
use http::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::sync::Arc;

const TOKENS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESSES: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// Asks the API server about others.
pub struct Reviewer(Arc<dyn Transport>);

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// The account may get the path.
    Allowed,
    /// It may not.
    Forbidden,
    /// The token is nobody's.
    Unknown,
}

#[derive(Serialize)]
struct Ask<S> {
    #[serde(rename = "apiVersion")]
    version: &'static str,
    kind: &'static str,
    spec: S,
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
}

#[derive(Serialize)]
struct Subject<'a> {
    user: &'a str,
    uid: &'a str,
    groups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
    #[serde(rename = "nonResourceAttributes")]
    attributes: Attributes<'a>,
}

#[derive(Serialize)]
struct Attributes<'a> {
    path: &'a str,
    verb: &'static str,
}

#[derive(Deserialize)]
struct Answer<S> {
    status: S,
}

#[derive(Deserialize)]
struct Authenticated {
    #[serde(default)]
    authenticated: bool,
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "username", default)]
    name: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    groups: Vec<String>,
    extra: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Decided {
    #[serde(default)]
    allowed: bool,
    #[serde(default)]
    denied: bool,
}

// === impl Reviewer ===

impl Reviewer {
    /// With the API server that the options name. Fails with the reason where they name none.
    pub fn new(options: &Options) -> Result<Self, String> {
        let access = Access::find(options).map_err(|health| health.reason)?;
        Ok(Self(Arc::new(Api::new(access))))
    }

    /// Whether the account that the token belongs to may get `path`, which is none of a resource. Fails
    /// where the server cannot be asked, or does not let us ask.
    pub async fn may_get(&self, token: &str, path: &str) -> Result<Review, Fault> {
        let ask =
            Ask { version: "authentication.k8s.io/v1", kind: "TokenReview", spec: Token { token } };
        let whose: Authenticated = self.ask(TOKENS, &ask).await?;
        let Some(user) = whose.user.filter(|user| whose.authenticated && !user.name.is_empty())
        else {
            return Ok(Review::Unknown);
        };
        let spec = Subject {
            user: &user.name,
            uid: &user.uid,
            groups: &user.groups,
            extra: user.extra.as_deref(),
            attributes: Attributes { path, verb: "get" },
        };
        let ask = Ask { version: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
        let decided: Decided = self.ask(ACCESSES, &ask).await?;
        let allowed = decided.allowed && !decided.denied;
        Ok(if allowed { Review::Allowed } else { Review::Forbidden })
    }

    async fn ask<S: DeserializeOwned>(&self, path: &str, ask: &impl Serialize) -> Result<S, Fault> {
        let malformed = |error| Fault::new(Reason::Malformed, format!("a review: {error}"));
        let body = serde_json::to_vec(ask).map_err(malformed)?;
        let answer = self.0.send(Method::POST, path, "application/json", body.into()).await?;
        let answer: Answer<S> = serde_json::from_slice(&answer).map_err(malformed)?;
        Ok(answer.status)
    }
}

impl std::fmt::Debug for Reviewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reviewer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{Log, Server, Step, Then};
    use expect_test::{Expect, expect};

    async fn play(script: Vec<Step>, said: Result<Review, Reason>, expected: Expect) {
        let log = Log::default();
        let reviewer = Reviewer(Arc::new(Server::new(script, log.clone())));
        let review = reviewer.may_get("a\"b", "/metrics").await;
        assert_eq!(review.map_err(|fault| fault.reason), said);
        expected.assert_eq(&log.text());
    }

    fn say(answer: &'static str) -> Step {
        Step::Send(vec![answer], Then::End)
    }

    const KNOWN: &str = r#"{"status":{"authenticated":true,"user":{"username":"system:serviceaccount:a:b",
        "uid":"1","groups":["g"],"extra":{"authentication.kubernetes.io/pod-name":["p"]}},"audiences":["x"]}}"#;

    #[tokio::test]
    async fn an_account_that_may_and_one_that_may_not() {
        let allowed = vec![say(KNOWN), say(r#"{"status":{"allowed":true,"reason":"RBAC"}}"#)];
        play(allowed, Ok(Review::Allowed), expect![[r#"
            POST /apis/authentication.k8s.io/v1/tokenreviews application/json {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a\"b"}}
            POST /apis/authorization.k8s.io/v1/subjectaccessreviews application/json {"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"system:serviceaccount:a:b","uid":"1","groups":["g"],"extra":{"authentication.kubernetes.io/pod-name":["p"]},"nonResourceAttributes":{"path":"/metrics","verb":"get"}}}
        "#]]).await;
        let forbidden = vec![
            say(r#"{"status":{"authenticated":true,"user":{"username":"u"}}}"#),
            say(r#"{"status":{"allowed":false}}"#),
        ];
        play(forbidden, Ok(Review::Forbidden), expect![[r#"
            POST /apis/authentication.k8s.io/v1/tokenreviews application/json {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a\"b"}}
            POST /apis/authorization.k8s.io/v1/subjectaccessreviews application/json {"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"u","uid":"","groups":[],"nonResourceAttributes":{"path":"/metrics","verb":"get"}}}
        "#]]).await;
        let denied = vec![say(KNOWN), say(r#"{"status":{"allowed":true,"denied":true}}"#)];
        play(denied, Ok(Review::Forbidden), expect![[r#"
            POST /apis/authentication.k8s.io/v1/tokenreviews application/json {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a\"b"}}
            POST /apis/authorization.k8s.io/v1/subjectaccessreviews application/json {"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"system:serviceaccount:a:b","uid":"1","groups":["g"],"extra":{"authentication.kubernetes.io/pod-name":["p"]},"nonResourceAttributes":{"path":"/metrics","verb":"get"}}}
        "#]]).await;
    }

    #[tokio::test]
    async fn a_token_that_is_nobodys() {
        for answer in [
            r#"{"status":{"error":"invalid"}}"#,
            r#"{"status":{"authenticated":true}}"#,
            r#"{"status":{"authenticated":false,"user":{"username":"u"}}}"#,
            r#"{"status":{"authenticated":true,"user":{"username":""}}}"#,
        ] {
            play(vec![say(answer)], Ok(Review::Unknown), expect![[r#"
                POST /apis/authentication.k8s.io/v1/tokenreviews application/json {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a\"b"}}
            "#]])
            .await;
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_say() {
        let refused = Step::Refuse(Fault::new(Reason::Forbidden, "HTTP 403"));
        play(vec![refused], Err(Reason::Forbidden), expect![[r#"
            POST /apis/authentication.k8s.io/v1/tokenreviews application/json {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a\"b"}}
        "#]]).await;
        play(vec![say("{}")], Err(Reason::Malformed), expect![[r#"
            POST /apis/authentication.k8s.io/v1/tokenreviews application/json {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a\"b"}}
        "#]]).await;
        play(vec![say(KNOWN), say(r#"{"status":null}"#)], Err(Reason::Malformed), expect![[r#"
            POST /apis/authentication.k8s.io/v1/tokenreviews application/json {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a\"b"}}
            POST /apis/authorization.k8s.io/v1/subjectaccessreviews application/json {"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"system:serviceaccount:a:b","uid":"1","groups":["g"],"extra":{"authentication.kubernetes.io/pod-name":["p"]},"nonResourceAttributes":{"path":"/metrics","verb":"get"}}}
        "#]]).await;
    }
}
