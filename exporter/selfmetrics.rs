//! The exporter's own numbers: what its process uses, and how its scrapes fared.
//!
//! The process's numbers come from `/proc/self/{stat,limits,fd}` of the exporter's own `/proc`,
//! whatever `--path.procfs` says, under the names that every Prometheus client library uses.

#![expect(clippy::cast_precision_loss, reason = "a sample is a float")]

use collect::{Kept, Root};
use exposition::{Family, Samples, Writer};
use prometheus_client::metrics::counter::Counter;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

static BUILD_INFO: Family = Family::gauge(
    "hybrid_exporter_build_info",
    "The version of the exporter that answers; always 1.",
    &["version", "revision"],
);
static CPU: Family = Family::counter(
    "process_cpu_seconds_total",
    "User and system CPU time of the exporter's process, in seconds.",
    &[],
);
static RESIDENT: Family = Family::gauge(
    "process_resident_memory_bytes",
    "Memory of the exporter's process that is in RAM, in bytes.",
    &[],
);
static VIRTUAL: Family = Family::gauge(
    "process_virtual_memory_bytes",
    "Address space of the exporter's process, in bytes.",
    &[],
);
static VIRTUAL_MAX: Family = Family::gauge(
    "process_virtual_memory_max_bytes",
    "Limit of the process's address space, in bytes; absent where there is none.",
    &[],
);
static OPEN_FDS: Family =
    Family::gauge("process_open_fds", "Descriptors that the exporter's process has open.", &[]);
static MAX_FDS: Family =
    Family::gauge("process_max_fds", "Descriptors that the exporter's process may have open.", &[]);
static START_TIME: Family = Family::gauge(
    "process_start_time_seconds",
    "When the exporter's process started, in seconds since 1970.",
    &[],
);
static SCRAPES: Family = Family::counter(
    "hybrid_scrapes_total",
    "Runs of the collectors; requests that come at the same time share one.",
    &[],
);
static ERRORS: Family = Family::counter(
    "hybrid_scrape_collector_errors_total",
    "Collector runs that did not give everything, by reason.",
    &["reason"],
);
static REQUESTS: Family =
    Family::counter("hybrid_http_requests_total", "Answered requests by status code.", &["code"]);
static BYTES: Family = Family::counter(
    "hybrid_http_response_bytes_total",
    "Body bytes sent for metrics, as encoded, by content encoding.",
    &["encoding"],
);
static WEB_CONFIG: Family = Family::gauge(
    "hybrid_web_config_last_reload_successful",
    "Whether the web configuration was taken when it was last read: 1, or 0 where the one before it \
     stays in force; absent where there is none.",
    &[],
);
static WEB_CONFIG_TIME: Family = Family::gauge(
    "hybrid_web_config_last_reload_success_timestamp_seconds",
    "When the web configuration was last taken, in seconds since 1970.",
    &[],
);
static CERTIFICATE: Family = Family::gauge(
    "hybrid_web_certificate_not_after_timestamp_seconds",
    "When the certificate that the exporter shows to its clients ends to hold, in seconds since 1970.",
    &[],
);
static HANDSHAKES: Family = Family::counter(
    "hybrid_web_failed_handshakes_total",
    "Connections that ended before TLS was agreed upon; absent where plain HTTP is spoken.",
    &[],
);
static SHADOWED: Family = Family::gauge(
    "hybrid_scrape_shadowed_families",
    "Families of textfiles and upstreams left out of the scrape before, because built-in ones have their names.",
    &[],
);

/// The exporter's own families, for the docs.
pub static FAMILIES: [&Family; 17] = [
    &BUILD_INFO,
    &CPU,
    &RESIDENT,
    &VIRTUAL,
    &VIRTUAL_MAX,
    &OPEN_FDS,
    &MAX_FDS,
    &START_TIME,
    &SCRAPES,
    &ERRORS,
    &REQUESTS,
    &BYTES,
    &WEB_CONFIG,
    &WEB_CONFIG_TIME,
    &CERTIFICATE,
    &HANDSHAKES,
    &SHADOWED,
];

/// The status codes that the exporter answers with. What hyper says to a head that is no request (400,
/// 431) does not come by here.
const CODES: [u16; 9] = [200, 400, 401, 403, 404, 405, 429, 500, 503];
/// The content encodings that the exporter answers with.
const ENCODINGS: [&str; 3] = ["identity", "gzip", "zstd"];

/// Counters of the exporter's own doings, and the files about its process.
#[derive(Debug)]
pub struct SelfMetrics {
    scrapes: Counter,
    failed: Counter,
    timed_out: Counter,
    requests: [Counter; CODES.len()],
    bytes: [Counter; ENCODINGS.len()],
    handshakes: Counter,
    web: Mutex<Option<Web>>,
    shadowed: Mutex<Vec<String>>,
    process: Mutex<Process>,
}

/// How the web configuration fares.
#[derive(Clone, Copy, Debug)]
struct Web {
    successful: bool,
    /// Seconds since 1970.
    taken: Option<f64>,
    not_after: Option<u64>,
}

#[derive(Debug)]
struct Process {
    root: Root,
    stat: Kept,
    limits: Limits,
    /// Seconds since 1970; the start in ticks after boot plus the time of boot.
    started: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    files: Option<u64>,
    address_space: Option<u64>,
}

// === impl SelfMetrics ===

impl SelfMetrics {
    /// Counters that start at 0.
    pub fn new() -> Self {
        Self {
            scrapes: Counter::default(),
            failed: Counter::default(),
            timed_out: Counter::default(),
            requests: <[Counter; CODES.len()]>::default(),
            bytes: <[Counter; ENCODINGS.len()]>::default(),
            handshakes: Counter::default(),
            web: Mutex::default(),
            shadowed: Mutex::default(),
            process: Mutex::new(Process::new(Root::new("/proc"))),
        }
    }

    /// Counts a run of the collectors, and how many of them failed or were late.
    pub fn scraped(&self, failed: usize, timed_out: usize) {
        self.scrapes.inc();
        self.failed.inc_by(failed as u64);
        self.timed_out.inc_by(timed_out as u64);
    }

    /// Counts an answered request.
    pub fn answered(&self, code: u16) {
        debug_assert!(CODES.contains(&code), "{code} is counted nowhere");
        if let Some((_, counter)) = CODES.iter().zip(&self.requests).find(|(c, _)| **c == code) {
            counter.inc();
        }
    }

    /// Counts the body bytes of an answer with metrics; `encoding` is identity, gzip or zstd.
    pub fn sent(&self, encoding: &str, bytes: usize) {
        if let Some((_, counter)) = ENCODINGS.iter().zip(&self.bytes).find(|(e, _)| **e == encoding)
        {
            counter.inc_by(bytes as u64);
        }
    }

    /// Counts a connection that ended before TLS was agreed upon.
    pub fn handshake_failed(&self) {
        self.handshakes.inc();
    }

    /// Keeps whether the web configuration was taken, when that was, since 1970, and when the certificate
    /// that is in force ends to hold, in seconds since 1970.
    pub fn web_configuration(
        &self,
        successful: bool,
        now: Option<Duration>,
        not_after: Option<u64>,
    ) {
        let mut web = self.web.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = if successful {
            now.map(|now| now.as_secs_f64())
        } else {
            web.and_then(|before| before.taken)
        };
        *web = Some(Web { successful, taken, not_after });
    }

    /// Keeps the names of the families of textfiles and upstreams that were left out, and logs them when they change.
    pub fn shadowed(&self, names: &[String]) {
        let mut known = self.shadowed.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == names {
            return;
        }
        known.clear();
        known.extend_from_slice(names);
        if !names.is_empty() {
            let families = names.join(" ");
            tracing::warn!(families, "built-in families replace those of textfiles or upstreams");
        }
    }

    /// Writes every family.
    pub fn write(&self, out: &mut Writer) {
        let revision = option_env!("BUILD_REVISION").unwrap_or("unknown");
        out.family(&BUILD_INFO, |s| s.row(&[env!("CARGO_PKG_VERSION"), revision], 1u64));
        self.process.lock().unwrap_or_else(PoisonError::into_inner).write(out);
        out.family(&SCRAPES, |s| s.value(self.scrapes.get()));
        out.family(&ERRORS, |s| {
            s.row(&["failed"], self.failed.get());
            s.row(&["timed_out"], self.timed_out.get());
        });
        out.family(&REQUESTS, |s| {
            for (code, counter) in CODES.iter().zip(&self.requests) {
                s.row(&[&code.to_string()], counter.get());
            }
        });
        let rows = |s: &mut Samples<'_>| {
            for (encoding, counter) in ENCODINGS.iter().zip(&self.bytes) {
                s.row(&[encoding], counter.get());
            }
        };
        out.family(&BYTES, rows);
        let web = *self.web.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Web { successful, taken, not_after }) = web {
            out.family(&WEB_CONFIG, |s| s.value(u64::from(successful)));
            out.family(&WEB_CONFIG_TIME, |s| s.maybe(taken));
            out.family(&CERTIFICATE, |s| s.maybe(not_after));
            if not_after.is_some() {
                out.family(&HANDSHAKES, |s| s.value(self.handshakes.get()));
            }
        }
        let shadowed = self.shadowed.lock().unwrap_or_else(PoisonError::into_inner).len();
        out.family(&SHADOWED, |s| s.value(shadowed));
    }
}

impl Default for SelfMetrics {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Process ===

impl Process {
    fn new(root: Root) -> Self {
        let limits = Limits::read(&root);
        Self { stat: root.keep("self/stat"), limits, started: None, root }
    }

    fn write(&mut self, out: &mut Writer) {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let page = rustix::param::page_size() as u64;
        if let Ok(stat) = self.stat.read() {
            // The command's name may hold spaces and parentheses: fields are counted after the last
            // one, from field 3 on.
            let rest = stat.as_str().rsplit_once(')').map_or("", |(_, rest)| rest);
            let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
            let field = |n: usize| fields.get(n - 3).and_then(|f| f.parse::<u64>().ok());
            let cpu = field(14).zip(field(15)).map(|(user, system)| (user + system) as f64 / ticks);
            out.family(&CPU, |s| s.maybe(cpu));
            out.family(&VIRTUAL, |s| s.maybe(field(23)));
            out.family(&RESIDENT, |s| s.maybe(field(24).map(|pages| pages * page)));
            if self.started.is_none() {
                let boot = self.root.read("stat").ok().and_then(|file| {
                    let line = file.text().lines().find_map(|l| l.strip_prefix("btime "))?;
                    line.trim().parse::<f64>().ok()
                });
                self.started = field(22).zip(boot).map(|(start, boot)| start as f64 / ticks + boot);
            }
        }
        out.family(&START_TIME, |s| s.maybe(self.started));
        out.family(&VIRTUAL_MAX, |s| s.maybe(self.limits.address_space));
        out.family(&MAX_FDS, |s| s.maybe(self.limits.files));
        out.family(&OPEN_FDS, |s| s.maybe(self.open_descriptors()));
    }

    /// Since Linux 6.2 the folder's size is their number: listing hundreds that are kept takes longer
    /// than reading them. Before, it is 0.
    fn open_descriptors(&self) -> Option<u64> {
        match self.root.stamp("self/fd").ok()?.size {
            0 => {
                let names = self.root.list("self/fd").ok()?;
                // The listing's own descriptor is open only while it lists.
                u64::try_from(names.len()).ok()?.checked_sub(1)
            }
            size => Some(size),
        }
    }
}

// === impl Limits ===

impl Limits {
    /// The soft limits of `/proc/self/limits`; `unlimited` is absent.
    fn read(root: &Root) -> Self {
        let Ok(file) = root.read("self/limits") else { return Self::default() };
        let soft = |name: &str| {
            let line = file.text().lines().find_map(|l| l.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        };
        Self { files: soft("Max open files"), address_space: soft("Max address space") }
    }
}
