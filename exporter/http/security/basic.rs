//! Basic authentication (RFC 7617) against bcrypt hashes, in a way that nobody can stall us by.
//!
//! A hash costs tens of milliseconds of CPU by design. So a right password is remembered as long as it is
//! asked for, by a keyed digest that tells nothing of it; hashes are computed one at a time, off the
//! runtime's thread; after each that was wrong there is a pause, so that a flood costs a fifth of a CPU at
//! most; clients that wait have a bound, each address and all together; and for a user that does not exist
//! the hash of one that does is computed, so that the time tells nothing.

use super::digests::{Digest, Digests};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use collect::lock;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, watch},
    task,
    time::{Instant, sleep},
};

/// Verdicts that are remembered, of each kind.
const REMEMBERED: usize = 100;
/// Passwords that may wait to be checked, or be checked, in all and for one address.
const WAITING: usize = 16;
const WAITING_OF_ONE: usize = 4;
/// How long nothing is checked after a wrong password, in terms of what it took.
const PAUSE: u32 = 4;
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// What bcrypt's cost may be, as Go has it.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// Users and their passwords' hashes.
#[derive(Clone, Default)]
pub(super) struct Users(BTreeMap<String, Arc<str>>);

/// A user's name and password, as a client gives them.
pub(super) struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

/// What is said of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Too many others wait to be checked.
    Busy,
}

/// Checks credentials and remembers verdicts.
pub(super) struct Checks {
    digests: Digests,
    state: Mutex<State>,
    /// One at a time.
    turn: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    /// The one that was asked for last stands last.
    right: VecDeque<Digest>,
    /// The one that was found last stands last.
    wrong: VecDeque<Digest>,
    running: HashMap<Digest, watch::Receiver<Option<bool>>>,
    /// How many of those that run an address has asked for.
    asked: HashMap<Option<IpAddr>, usize>,
}

// === impl Users ===

impl Users {
    /// Adds a user; nothing where `hash` is no bcrypt hash.
    pub(super) fn add(&mut self, user: &str, hash: &str) -> Option<()> {
        let parts: bcrypt::HashParts = hash.parse().ok()?;
        COSTS.contains(&parts.get_cost()).then_some(())?;
        self.0.insert(user.to_owned(), hash.into());
        Some(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The user's hash, or that of another one where there is no such user, always of the same.
    fn hash(&self, user: &[u8], digests: &Digests) -> Option<(Arc<str>, bool)> {
        let known = std::str::from_utf8(user).ok().and_then(|user| self.0.get(user));
        if let Some(hash) = known {
            return Some((Arc::clone(hash), true));
        }
        let drawn = digests
            .of(&[user])
            .iter()
            .take(4)
            .fold(0usize, |sum, byte| sum.wrapping_mul(256).wrapping_add(usize::from(*byte)));
        let index = drawn.checked_rem(self.0.len())?;
        self.0.values().nth(index).map(|hash| (Arc::clone(hash), false))
    }
}

impl std::fmt::Debug for Users {
    /// Hashes are nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

// === impl Credentials ===

impl Credentials {
    /// Those of an `Authorization` header, where it is one of Basic authentication.
    pub(super) fn parse(header: &[u8]) -> Option<Self> {
        let (scheme, rest) = header.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let mut user = STANDARD.decode(rest).ok()?;
        let colon = user.iter().position(|byte| *byte == b':')?;
        let password = user.split_off(colon).into_iter().skip(1).collect();
        Some(Self { user, password })
    }
}

// === impl Checks ===

impl Checks {
    pub(super) fn new() -> Arc<Self> {
        let digests = Digests::new();
        Arc::new(Self { digests, state: Mutex::default(), turn: Arc::new(Semaphore::new(1)) })
    }

    /// Whether a user of these has this password.
    pub(super) async fn check(
        self: &Arc<Self>,
        users: &Users,
        credentials: Credentials,
        peer: Option<IpAddr>,
    ) -> Verdict {
        let Some((hash, known)) = users.hash(&credentials.user, &self.digests) else {
            return Verdict::Wrong;
        };
        let digest = self.digest(&credentials, &hash, known);
        let mut told = {
            let mut state = self.state();
            if let Some(verdict) = state.remembered(&digest) {
                return verdict;
            }
            match state.running.get(&digest) {
                Some(running) => running.clone(),
                None if state.is_full(peer) => return Verdict::Busy,
                None => {
                    let (tell, told) = watch::channel(None);
                    state.running.insert(digest, told.clone());
                    *state.asked.entry(peer).or_default() += 1;
                    let checks = Arc::clone(self);
                    // Not in the client's own time: who goes away must not make room for the next.
                    drop(tokio::spawn(async move {
                        let password = credentials.password;
                        checks.compute(digest, hash, password, known, peer, tell).await;
                    }));
                    told
                }
            }
        };
        match told.wait_for(Option::is_some).await.map(|right| *right) {
            Ok(Some(true)) => Verdict::Right,
            _ => Verdict::Wrong,
        }
    }

    async fn compute(
        self: Arc<Self>,
        digest: Digest,
        hash: Arc<str>,
        password: Vec<u8>,
        known: bool,
        peer: Option<IpAddr>,
        tell: watch::Sender<Option<bool>>,
    ) {
        let turn = self.turn.acquire().await;
        let begun = Instant::now();
        let verified = task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        let right = known && matches!(verified, Ok(Ok(true)));
        self.state().done(digest, right, peer);
        // Everybody may have gone away.
        tell.send_replace(Some(right));
        if !right {
            sleep(begun.elapsed().saturating_mul(PAUSE).min(MAX_PAUSE)).await;
        }
        drop(turn);
    }

    /// What credentials and the hash that they have to fit are remembered by.
    fn digest(&self, credentials: &Credentials, hash: &str, known: bool) -> Digest {
        // A hash that stands in for that of a user who is gone may be the one that the user had.
        let known = [u8::from(known)];
        self.digests.of(&[&known, &credentials.user, hash.as_bytes(), &credentials.password])
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checks")
    }
}

// === impl State ===

impl State {
    fn remembered(&mut self, digest: &Digest) -> Option<Verdict> {
        if let Some(at) = self.right.iter().position(|known| known == digest) {
            let known = self.right.remove(at)?;
            self.right.push_back(known);
            return Some(Verdict::Right);
        }
        self.wrong.contains(digest).then_some(Verdict::Wrong)
    }

    fn is_full(&self, peer: Option<IpAddr>) -> bool {
        let of_one = self.asked.get(&peer).copied().unwrap_or(0);
        self.running.len() >= WAITING || of_one >= WAITING_OF_ONE
    }

    fn done(&mut self, digest: Digest, right: bool, peer: Option<IpAddr>) {
        self.running.remove(&digest);
        if let Some(of_one) = self.asked.get_mut(&peer) {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                self.asked.remove(&peer);
            }
        }
        let kept = if right { &mut self.right } else { &mut self.wrong };
        if kept.len() >= REMEMBERED {
            kept.pop_front();
        }
        kept.push_back(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        let mut users = Users::default();
        users.add("alice", &bcrypt::hash("secret", 4).unwrap()).unwrap();
        users.add("bob", &bcrypt::hash("other", 4).unwrap()).unwrap();
        users
    }

    fn given(user: &str, password: &str) -> Credentials {
        Credentials { user: user.into(), password: password.into() }
    }

    #[test]
    fn headers() {
        let parsed = |text: &str| {
            let parts = Credentials::parse(text.as_bytes())?;
            Some(format!(
                "{:?}",
                (String::from_utf8(parts.user), String::from_utf8(parts.password))
            ))
        };
        let is = |user: &str, password: &str| {
            Some(format!("{:?}", (Ok::<_, ()>(user), Ok::<_, ()>(password))))
        };
        assert_eq!(parsed("Basic YTpi"), is("a", "b"));
        assert_eq!(parsed("bASIC YTpiOmM="), is("a", "b:c"));
        assert_eq!(parsed("Basic Og=="), is("", ""));
        for wrong in
            ["", "Basic", "Basic ", "Bearer YTpi", "Basic YTpi=", "Basic YQ==", "BasicXYTpi"]
        {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hashes_that_are_none() {
        let mut users = Users::default();
        let good = "$2y$10$abcdefghijklmnopqrstuuWmCpSmvT.lKyqVFXqiKUXdTWRWDANxW";
        assert!(users.add("a", good).is_some());
        for (cut, with) in
            [("$2y$10$", "$2y$03$"), ("$2y$10$", "$2y$32$"), ("$2y$10$", "$1$10$"), ("xW", "")]
        {
            assert!(users.add("b", &good.replace(cut, with)).is_none(), "{with}");
        }
        assert_eq!(format!("{users:?}"), "{\"a\"}");
    }

    #[tokio::test]
    async fn right_and_wrong_and_unknown() {
        let (checks, users) = (Checks::new(), users());
        for _ in 0..2 {
            for (user, password, verdict) in [
                ("alice", "secret", Verdict::Right),
                ("bob", "other", Verdict::Right),
                ("alice", "other", Verdict::Wrong),
                ("bob", "secret", Verdict::Wrong),
                ("carol", "secret", Verdict::Wrong),
                ("carol", "other", Verdict::Wrong),
                ("", "", Verdict::Wrong),
            ] {
                let got = checks.check(&users, given(user, password), None).await;
                assert_eq!(got, verdict, "{user} {password}");
            }
        }
        {
            let state = checks.state();
            assert_eq!((state.right.len(), state.wrong.len()), (2, 5));
            assert!(state.running.is_empty() && state.asked.is_empty());
        }
        assert_eq!(checks.check(&Users::default(), given("a", "b"), None).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_changed_hash_is_checked_anew() {
        let (checks, mut users) = (Checks::new(), users());
        assert_eq!(checks.check(&users, given("bob", "other"), None).await, Verdict::Right);
        users.add("bob", &bcrypt::hash("new", 4).unwrap()).unwrap();
        assert_eq!(checks.check(&users, given("bob", "other"), None).await, Verdict::Wrong);
        assert_eq!(checks.check(&users, given("bob", "new"), None).await, Verdict::Right);
    }

    #[tokio::test]
    async fn a_user_who_is_gone_is_not_remembered_by_the_hash_of_another() {
        let (checks, mut one, mut other) = (Checks::new(), Users::default(), Users::default());
        let hash = bcrypt::hash("secret", 4).unwrap();
        one.add("alice", &hash).unwrap();
        other.add("bob", &hash).unwrap();
        assert_eq!(checks.check(&one, given("alice", "secret"), None).await, Verdict::Right);
        assert_eq!(checks.check(&other, given("alice", "secret"), None).await, Verdict::Wrong);
        assert_eq!(checks.check(&other, given("bob", "secret"), None).await, Verdict::Right);
        assert_eq!(checks.check(&one, given("alice", "secret"), None).await, Verdict::Right);
    }

    #[tokio::test]
    async fn those_that_wait_have_a_bound_and_the_same_ones_share() {
        let (checks, users) = (Checks::new(), users());
        let stuck = checks.turn.acquire().await.unwrap();
        let address = |n: u8| Some(IpAddr::from([10, 0, 0, n]));
        let mut waiting = Vec::new();
        let ask = |name: String, peer| {
            let (checks, users) = (Arc::clone(&checks), users.clone());
            tokio::spawn(async move { checks.check(&users, given("alice", &name), peer).await })
        };
        for n in 0..4 {
            waiting.push(ask(n.to_string(), address(1)));
        }
        tokio::task::yield_now().await;
        let fifth = checks.check(&users, given("alice", "x"), address(1)).await;
        assert_eq!(fifth, Verdict::Busy);
        waiting.push(ask("3".to_owned(), address(1)));
        for n in 4..16 {
            waiting.push(ask(n.to_string(), address(u8::try_from(n).unwrap())));
        }
        tokio::task::yield_now().await;
        let last = checks.check(&users, given("alice", "secret"), address(99)).await;
        assert_eq!(last, Verdict::Busy);
        drop(stuck);
        for check in waiting {
            assert_eq!(check.await.unwrap(), Verdict::Wrong);
        }
        let again = checks.check(&users, given("alice", "secret"), address(99)).await;
        assert_eq!(again, Verdict::Right);
        assert_eq!(checks.state().wrong.len(), 16);
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut state = State::default();
        let digest = |n: u8| [n; 32];
        (0..=255).for_each(|n| state.done(digest(n), n < 200, None));
        assert_eq!((state.right.len(), state.wrong.len()), (REMEMBERED, 56));
        assert_eq!(state.remembered(&digest(99)), None);
        assert_eq!(state.remembered(&digest(100)), Some(Verdict::Right));
        state.done(digest(1), true, None);
        assert_eq!(state.remembered(&digest(100)), Some(Verdict::Right), "it was asked for");
        assert_eq!(state.remembered(&digest(101)), None);
    }
}
