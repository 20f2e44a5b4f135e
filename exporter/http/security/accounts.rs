//! Accounts of a Kubernetes cluster instead of passwords: what `cluster::review` says of a bearer token.
//!
//! Verdicts are remembered by a keyed digest that tells nothing of the token. One that lets somebody in is
//! asked for anew after two minutes, and holds for an hour while the API server cannot be asked: the numbers
//! of a node that is cut off are wanted most then. A bound on who asks at a time, and a pause after each
//! token that is nobody's, keep a flood from the API server.

use super::digests::{Digest, Digests};
use cluster::review::{Review, Reviewer};
use collect::lock;
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

/// How long a verdict is not asked for anew.
const ALLOWED: Duration = Duration::from_mins(2);
const REFUSED: Duration = Duration::from_secs(10);
/// How long one that lets somebody in holds where nobody can be asked.
const OUTLASTS: Duration = Duration::from_hours(1);
/// Verdicts that are remembered.
const REMEMBERED: usize = 100;
/// How many ask the API server at a time, and how many may wait for that or ask.
const ASKING: usize = 4;
const WAITING: usize = 16;
/// How long the API server has.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long nobody else has the place of whoever had a token that is nobody's: 64 a second are asked for
/// at most.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks who may get what, and remembers it.
pub(super) struct Accounts {
    reviewer: Reviewer,
    digests: Digests,
    known: Mutex<HashMap<Digest, Known>>,
    places: Arc<Semaphore>,
    turns: Semaphore,
    /// Whether the last one that was asked answered.
    answers: AtomicBool,
}

/// What is said of a token and a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Review(Review),
    /// Too many others wait.
    Busy,
    /// The API server does not say.
    Nothing,
}

#[derive(Clone, Copy)]
struct Known {
    review: Review,
    at: Instant,
}

// === impl Accounts ===

impl Accounts {
    pub(super) fn new(reviewer: Reviewer) -> Arc<Self> {
        Arc::new(Self {
            reviewer,
            digests: Digests::new(),
            known: Mutex::default(),
            places: Arc::new(Semaphore::new(WAITING)),
            turns: Semaphore::new(ASKING),
            answers: AtomicBool::new(true),
        })
    }

    /// Whether whoever has this token may get this path.
    pub(super) async fn say(self: &Arc<Self>, token: &str, path: &str) -> Said {
        let digest = self.digests.of(&[token.as_bytes(), path.as_bytes()]);
        let known = self.known(&digest);
        if let Some(known) = known.filter(Known::is_fresh) {
            return Said::Review(known.review);
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return known.map_or(Said::Busy, |known| known.or(Said::Busy));
        };
        let accounts = Arc::clone(self);
        let (token, path) = (token.to_owned(), path.to_owned());
        // Not in the client's own time: who goes away must not make room for the next.
        let asked = tokio::spawn(async move {
            let said = accounts.ask(digest, &token, &path).await;
            if said == Said::Review(Review::Unknown) {
                drop(tokio::spawn(async move {
                    sleep(PAUSE).await;
                    drop(place);
                }));
            }
            said
        });
        let said = asked.await.unwrap_or(Said::Nothing);
        match (said, known) {
            (Said::Nothing, Some(known)) => known.or(Said::Nothing),
            _ => said,
        }
    }

    async fn ask(&self, digest: Digest, token: &str, path: &str) -> Said {
        let _turn = self.turns.acquire().await;
        // Somebody may have asked the same meanwhile.
        if let Some(known) = self.known(&digest).filter(Known::is_fresh) {
            return Said::Review(known.review);
        }
        let why = match timeout(PATIENCE, self.reviewer.may_get(token, path)).await {
            Ok(Ok(review)) => {
                if !self.answers.swap(true, Relaxed) {
                    tracing::info!("the API server says again who may ask");
                }
                self.remember(digest, review);
                return Said::Review(review);
            }
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => format!("no answer in {} s", PATIENCE.as_secs()),
        };
        if self.answers.swap(false, Relaxed) {
            let what = "the API server does not say who may ask (--web.kubernetes-auth): whoever was let \
                        in within an hour is, and nobody else";
            tracing::warn!(error = why, "{what}");
        }
        Said::Nothing
    }

    fn known(&self, digest: &Digest) -> Option<Known> {
        lock(&self.known).get(digest).copied()
    }

    fn remember(&self, digest: Digest, review: Review) {
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED && !known.contains_key(&digest) {
            // Who is let in is worth more than who is not.
            let least = known.iter().min_by_key(|(_, k)| (k.review == Review::Allowed, k.at));
            if let Some(least) = least.map(|(digest, _)| *digest) {
                known.remove(&least);
            }
        }
        known.insert(digest, Known { review, at: Instant::now() });
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts")
    }
}

// === impl Known ===

impl Known {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < if self.review == Review::Allowed { ALLOWED } else { REFUSED }
    }

    /// What holds where nobody can be asked.
    fn or(self, otherwise: Said) -> Said {
        let holds = self.review == Review::Allowed && self.at.elapsed() < OUTLASTS;
        if holds { Said::Review(Review::Allowed) } else { otherwise }
    }
}
