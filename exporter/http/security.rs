//! Who may ask, and how: TLS, passwords, rates and headers as the web configuration has them.
//!
//! The configuration and the files that it names are looked at when somebody connects or asks, once a
//! second at most, and read again when one of them is another. What cannot be taken changes nothing.

mod accounts;
mod basic;
mod bucket;
mod digests;
mod file;

use super::text;
use crate::{
    config::{Error, HEALTH_PATHS, READY_PATHS},
    selfmetrics::SelfMetrics,
};
use accounts::{Accounts, Said};
use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::Response,
};
use basic::{Checks, Credentials, Users, Verdict};
use bucket::{Bucket, Rate};
use cluster::review::{Review, Reviewer};
use collect::{Clock, lock};
use rustls::ServerConfig;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, SystemTime},
};
use tokio::{task, time::Instant};

/// How often the files are looked at, at most, and how long one must have been left alone to be read: a
/// file that is being written says less than it will.
const SETTLED: Duration = Duration::from_secs(1);
/// How long a client waits for a look.
const PATIENCE: Duration = Duration::from_secs(1);

/// Guards the door.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// None where there is no web configuration.
    guard: Option<Arc<Guard>>,
    /// None where no accounts of a cluster are asked for.
    accounts: Option<Arc<Accounts>>,
    /// Whether paths about health are answered to anybody.
    health_open: bool,
}

/// What is in force for a connection or a request.
#[derive(Clone, Debug)]
pub(super) struct Terms(Option<Arc<InForce>>);

#[derive(Debug)]
struct Guard {
    path: PathBuf,
    clock: Clock,
    own: Arc<SelfMetrics>,
    in_force: RwLock<Arc<InForce>>,
    checks: Arc<Checks>,
    /// Held while somebody looks.
    seen: Arc<tokio::sync::Mutex<Seen>>,
    schedule: Mutex<Schedule>,
}

/// When to look at the files.
#[derive(Debug)]
struct Schedule {
    next: Instant,
    /// Whether somebody waits for a file to be left alone.
    waiting: bool,
}

/// A configuration that was taken.
#[derive(Debug)]
struct InForce {
    tls: Option<Arc<ServerConfig>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    users: Users,
    bucket: Option<Arc<Mutex<Bucket>>>,
    /// When the server's certificate ends to hold, in seconds since 1970.
    not_after: Option<u64>,
}

/// What was read last.
#[derive(Debug)]
struct Seen {
    files: Vec<PathBuf>,
    stamps: Vec<Option<Stamp>>,
    /// Stamps that differ, and since when they have been the same.
    changed: Option<(Vec<Option<Stamp>>, Instant)>,
    fault: Option<String>,
}

/// What changes when a file does: device, inode, size, and when its content or its name last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

// === impl Security ===

impl Security {
    /// Reads the web configuration. Fails where it cannot be taken; the message names file, line and key.
    pub fn load(path: &Path, clock: Clock, own: Arc<SelfMetrics>) -> Result<Self, Error> {
        let wrong = |what: trust::Error| Error::Value {
            name: format!("--{}", crate::flags::WEB_CONFIG_FILE.name),
            what: what.to_string(),
        };
        trust::bytes(path).map_err(wrong)?;
        let mut seen = Seen::new(path);
        let taken = seen.read(path, None);
        let taken = taken.map_err(|what| Error::File { path: path.to_owned(), what })?;
        let guard = Guard {
            path: path.to_owned(),
            clock,
            own,
            in_force: RwLock::new(Arc::new(taken)),
            checks: Checks::new(),
            seen: Arc::new(tokio::sync::Mutex::new(seen)),
            schedule: Mutex::new(Schedule { next: Instant::now(), waiting: false }),
        };
        guard.tell(true);
        Ok(Self { guard: Some(Arc::new(guard)), ..Self::default() })
    }

    /// The same, where accounts of a cluster are let in, too.
    #[must_use]
    pub fn with_accounts(self, reviewer: Reviewer) -> Self {
        Self { accounts: Some(Accounts::new(reviewer)), ..self }
    }

    /// The same, where paths about health are answered to anybody.
    #[must_use]
    pub fn with_open_health(self, health_open: bool) -> Self {
        Self { health_open, ..self }
    }

    /// What is in force now.
    pub(super) async fn terms(&self) -> Terms {
        let Some(guard) = &self.guard else { return Terms(None) };
        if guard.is_due() {
            let looking = tokio::spawn(Arc::clone(guard).look());
            // Late or not, somebody looks, and what was in force until now is.
            if let Ok(Ok(true)) = tokio::time::timeout(PATIENCE, looking).await {
                guard.wait();
            }
        }
        Terms(Some(guard.in_force()))
    }

    /// Whether a request may pass; the answer where it may not.
    pub(super) async fn admit(
        &self,
        terms: &Terms,
        path: &str,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<(), Box<Response>> {
        if self.health_open && HEALTH_PATHS.iter().chain(&READY_PATHS).any(|open| *open == path) {
            return Ok(());
        }
        let terms = terms.0.as_ref();
        if let Some(bucket) = terms.and_then(|terms| terms.bucket.as_ref()) {
            let taken = lock(bucket).take();
            taken.map_err(|wait| Box::new(too_many("too many requests\n", wait)))?;
        }
        let users = terms.map(|terms| &terms.users).filter(|users| !users.is_empty());
        if users.is_none() && self.accounts.is_none() {
            return Ok(());
        }
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        if let (Some(guard), Some(users)) = (&self.guard, users)
            && let Some(given) = Credentials::parse(given)
        {
            match guard.checks.check(users, given, peer).await {
                Verdict::Right => return Ok(()),
                Verdict::Wrong => {}
                Verdict::Busy => {
                    let answer = too_many("too many passwords to check\n", Duration::ZERO);
                    return Err(Box::new(answer));
                }
            }
        } else if let Some(accounts) = &self.accounts
            && let Some(token) = bearer(given)
        {
            match accounts.say(token, path).await {
                Said::Review(Review::Allowed) => return Ok(()),
                Said::Review(Review::Unknown) => {}
                Said::Review(Review::Forbidden) => {
                    let what = "the account may not get this path (nonResourceURLs)\n";
                    return Err(Box::new(text(StatusCode::FORBIDDEN, what)));
                }
                Said::Busy => {
                    let answer = too_many("too many tokens to review\n", Duration::ZERO);
                    return Err(Box::new(answer));
                }
                Said::Nothing => {
                    let what = "the API server does not say whose token this is\n";
                    return Err(Box::new(text(StatusCode::SERVICE_UNAVAILABLE, what)));
                }
            }
        }
        let mut answer = text(StatusCode::UNAUTHORIZED, "unauthorized\n");
        let schemes = [(users.is_some(), "Basic"), (self.accounts.is_some(), "Bearer")];
        for (_, scheme) in schemes.into_iter().filter(|(open, _)| *open) {
            answer.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        Err(Box::new(answer))
    }
}

/// The token of an `Authorization` header (RFC 6750), where it is one of a bearer.
fn bearer(header: &[u8]) -> Option<&str> {
    let (scheme, token) = header.split_at_checked(7)?;
    let token = std::str::from_utf8(token).ok()?.trim();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

fn too_many(what: &'static str, wait: Duration) -> Response {
    let mut answer = text(StatusCode::TOO_MANY_REQUESTS, what);
    let seconds = wait.as_secs().saturating_add(1);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

// === impl Terms ===

impl Terms {
    /// How TLS is spoken; none where plain HTTP is.
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.0.as_ref()?.tls.clone()
    }

    /// Adds the headers that every answer carries.
    pub(super) fn dress(&self, headers: &mut HeaderMap) {
        for (name, value) in self.0.iter().flat_map(|in_force| &in_force.headers) {
            headers.insert(name, value.clone());
        }
    }
}

// === impl Guard ===

impl Guard {
    fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_due(&self) -> bool {
        let (now, mut schedule) = (Instant::now(), lock(&self.schedule));
        let due = schedule.next <= now;
        if due {
            schedule.next = now + SETTLED;
        }
        due
    }

    /// Looks again until the files have been left alone and read.
    fn wait(self: &Arc<Self>) {
        if std::mem::replace(&mut lock(&self.schedule).waiting, true) {
            return;
        }
        let guard = Arc::clone(self);
        drop(tokio::spawn(async move {
            loop {
                tokio::time::sleep(SETTLED).await;
                if !Arc::clone(&guard).look().await {
                    break;
                }
            }
            lock(&guard.schedule).waiting = false;
        }));
    }

    /// Looks at the files, and reads them where they are others. Whether there is something that is yet to
    /// be read, because somebody may still write it.
    async fn look(self: Arc<Self>) -> bool {
        // Whoever holds it looks already.
        let Ok(mut seen) = Arc::clone(&self.seen).try_lock_owned() else { return false };
        let guard = Arc::clone(&self);
        let looked = task::spawn_blocking(move || {
            let found = stamps(&seen.files);
            if found == seen.stamps {
                seen.changed = None;
                return false;
            }
            let since = match &seen.changed {
                Some((changed, since)) if *changed == found => *since,
                _ => Instant::now(),
            };
            let changed = seen.newest_change(&found);
            let age = changed.and_then(|at| guard.clock.now().duration_since(at).ok());
            let settled = since.elapsed() >= SETTLED || age.is_some_and(|age| age >= SETTLED);
            seen.changed = Some((found, since));
            if settled {
                guard.reload(&mut seen);
            }
            !settled
        });
        looked.await.unwrap_or(false)
    }

    fn reload(&self, seen: &mut Seen) {
        let file = self.path.display();
        match seen.read(&self.path, Some(&self.in_force())) {
            Ok(taken) => {
                *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(taken);
                tracing::info!(%file, "the web configuration is taken");
                self.tell(true);
            }
            Err(error) => {
                if seen.fault.as_ref() != Some(&error) {
                    let what = "the web configuration cannot be taken; the one before it stays in \
                                force until the files are mended";
                    tracing::warn!(%file, error, "{what}");
                }
                seen.fault = Some(error);
                self.tell(false);
            }
        }
    }

    fn tell(&self, successful: bool) {
        let now = self.clock.now().duration_since(SystemTime::UNIX_EPOCH).ok();
        self.own.web_configuration(successful, now, self.in_force().not_after);
    }
}

// === impl Seen ===

impl Seen {
    fn new(path: &Path) -> Self {
        Self { files: vec![path.to_owned()], stamps: Vec::new(), changed: None, fault: None }
    }

    /// Reads the files. What was in force tells what must not be lost by accident.
    fn read(&mut self, path: &Path, before: Option<&InForce>) -> Result<InForce, String> {
        self.changed = None;
        let mut read = self.read_once(path, before)?;
        let mut files = vec![path.to_owned()];
        files.append(&mut read.files);
        if read.config.is_err() {
            // The fault may have ended the reading before it came to a file that is in use.
            let unnamed = self.files.iter().filter(|file| !files.contains(file));
            files.extend(unnamed.cloned().collect::<Vec<_>>());
        }
        if files != self.files {
            self.files = files;
            read = self.read_once(path, before)?;
        }
        let config = read.config.map_err(|fault| fault.to_string())?;
        let protocols: &[&[u8]] = if config.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        let tls = config.tls.as_ref().map(|tls| trust::server(tls, protocols)).transpose();
        let line = config.tls_line;
        let wrong = |error| format!("line {line}: tls_server_config: {error}");
        let tls = tls.map_err(wrong)?.map(Arc::new);
        if tls.is_none() && before.is_some_and(|before| before.tls.is_some()) {
            return Err("tls_server_config is gone: TLS is turned off by a restart only".to_owned());
        }
        for warning in &config.warnings {
            tracing::warn!(file = %path.display(), warning, "web configuration");
        }
        self.fault = None;
        let kept = before.and_then(|before| before.bucket.clone());
        let bucket = config.rate.map(|rate| bucket(rate, kept));
        let not_after = config.tls.as_ref().and_then(|tls| trust::not_after(&tls.certificate));
        Ok(InForce { tls, headers: config.headers, users: config.users, bucket, not_after })
    }

    /// Stamps first: what is written from then on shows as a change.
    fn read_once(&mut self, path: &Path, before: Option<&InForce>) -> Result<file::Read, String> {
        self.stamps = stamps(&self.files);
        let bytes = trust::bytes(path).map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        if before.is_some() && file::is_empty(&text) {
            return Err("nothing stands in it, which would let everybody in".to_owned());
        }
        Ok(file::read(&text, path.parent().unwrap_or(Path::new(""))))
    }

    /// When the last of the files that differ was changed.
    fn newest_change(&self, found: &[Option<Stamp>]) -> Option<SystemTime> {
        let differ = found.iter().zip(&self.stamps).filter(|(new, old)| new != old);
        let newest = differ.filter_map(|(new, _)| new.map(|stamp| stamp.changed)).max()?;
        let (seconds, nanoseconds) = newest;
        let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}

/// The bucket of a rate: the one that is in use where the rate is the same.
fn bucket(rate: Rate, kept: Option<Arc<Mutex<Bucket>>>) -> Arc<Mutex<Bucket>> {
    kept.filter(|kept| lock(kept).rate() == rate)
        .unwrap_or_else(|| Arc::new(Mutex::new(Bucket::new(rate))))
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|file| Stamp::of(file)).collect()
}

// === impl Stamp ===

impl Stamp {
    /// That of a file, through links; none where there is no file.
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        #[expect(
            clippy::disallowed_methods,
            reason = "a file of the exporter's own, not the host's"
        )]
        let stat = std::fs::metadata(path).ok()?;
        Some(Self {
            file: (stat.dev(), stat.ino()),
            size: i64::try_from(stat.size()).unwrap_or(i64::MAX),
            modified: (stat.mtime(), stat.mtime_nsec()),
            changed: (stat.ctime(), stat.ctime_nsec()),
        })
    }
}
