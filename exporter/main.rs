//! The program: configuration, log, collectors, listeners, and an orderly end.
//!
//! Exit codes: 0 after an orderly end, 1 where it cannot start, 64 where the configuration is wrong. `compare`
//! ends as diff(1) does: 0 where nothing differs, 1 where something does, 2 where a side cannot be read.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use cluster::review::Reviewer;
use hybrid_exporter::{
    args::{self, Task},
    compare::{self, Comparison},
    config::{self, Config},
    engine::{Engine, Refusal, Select},
    http::{App, Bound, Listening, Security, Server, activated, bind},
    logging,
    selfmetrics::SelfMetrics,
    shutdown::{self, Signals},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

/// `EX_USAGE`: the configuration is wrong.
const WRONG_CONFIGURATION: u8 = 64;
/// What `compare` ends with where a side cannot be read.
const UNREADABLE: u8 = 2;
/// More descriptors than anything here could use.
const DESCRIPTORS: u64 = 65_536;
/// How long `metrics` waits for collectors.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    syscall::keep_little_memory();
    let error = match run() {
        Ok(code) => return code,
        Err(error) => error,
    };
    // There may be no log yet. Where standard error is closed, nobody reads.
    drop(writeln!(io::stderr(), "error: {}", collect::chain(error.as_ref())));
    if error.is::<config::Error>() || error.is::<collect::Error>() || error.is::<Refusal>() {
        ExitCode::from(WRONG_CONFIGURATION)
    } else if error.is::<compare::Error>() {
        ExitCode::from(UNREADABLE)
    } else {
        ExitCode::FAILURE
    }
}

fn run() -> anyhow::Result<ExitCode> {
    match args::parse(std::env::args_os(), &environment()?)? {
        Task::Serve(config) => serve(&config),
        Task::Metrics { config, collect, format } => metrics(&config, collect, format),
        Task::Journal { query, .. } => journal(&query),
        Task::Compare(comparison) => return compare(*comparison),
        Task::Check(config) => {
            engine(&config, None)?;
            security(&config, &Arc::default())?;
            for warning in &config.warnings {
                drop(writeln!(io::stderr(), "warning: {warning}"));
            }
            print(b"the configuration is right\n")
        }
        Task::Print(text) => print(text.as_bytes()),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The environment, as far as it is text. Fails where a setting is none: one that says who may ask must not be
/// passed over.
fn environment() -> Result<Vec<(String, String)>, config::Error> {
    let mut environment = Vec::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => environment.push((name, value)),
            (Ok(name), Err(value)) if name.starts_with("HYBRID_") => {
                let what = format!("expected UTF-8, found {:?}", value.to_string_lossy());
                return Err(config::Error::Value { name, what });
            }
            _ => {}
        }
    }
    Ok(environment)
}

/// The collectors. Fails on a wrong option of one of them.
fn engine(config: &Config, own: Option<Arc<SelfMetrics>>) -> Result<Arc<Engine>, collect::Error> {
    Ok(Arc::new(Engine::new(&config.context, &config.enabled, own)?))
}

/// Who may ask. Fails where the web configuration cannot be taken, or no API server is named that is to say it.
fn security(config: &Config, own: &Arc<SelfMetrics>) -> Result<Security, config::Error> {
    let mut security = match &config.door.web_config {
        Some(path) => Security::load(path, config.context.clock, Arc::clone(own))?,
        None => Security::default(),
    };
    if config.door.kubernetes_auth {
        let name = "--web.kubernetes-auth".to_owned();
        let reviewer = Reviewer::new(&config.context.options);
        let reviewer = reviewer.map_err(|what| config::Error::Value { name, what })?;
        security = security.with_accounts(reviewer);
    }
    Ok(security.with_open_health(config.door.unauthenticated_health))
}

/// The sockets to listen on.
fn listeners(config: &Config) -> anyhow::Result<Vec<Bound>> {
    if config.systemd_socket {
        return activated().context("--web.systemd-socket");
    }
    let bound = config
        .listen
        .iter()
        .map(|listen| bind(listen).with_context(|| format!("listen on {listen}")));
    bound.collect()
}

/// One thread, and a pool for what may wait on the kernel; small stacks, for they are memory too.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(64)
        .thread_keep_alive(Duration::from_secs(10))
        .thread_stack_size(512 << 10)
        .build()
}

/// Raises the descriptors that the process may have open to what the system grants it, and has as
/// many kernel files kept open as fit. No child inherits the limit, and nothing here calls `select`,
/// which is all that the lower limit is for.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    let mut current = limit.current.unwrap_or(most);
    if current < most {
        let raised = Rlimit { current: Some(most), ..limit };
        // What is refused, as some sandboxes do, leaves the limit as it was.
        if setrlimit(Resource::Nofile, raised).is_ok() {
            current = most;
        }
    }
    collect::allow_descriptors(usize::try_from(current).unwrap_or(usize::MAX));
}

fn metrics(
    config: &Config,
    collect: Vec<String>,
    format: exposition::Format,
) -> anyhow::Result<()> {
    logging::start(&config.log_levels, config.log_format, config.context.clock);
    let engine = engine(config, None)?;
    let select = if collect.is_empty() { Select::All } else { Select::Only(collect) };
    let runtime = runtime()?;
    let scrape = runtime.block_on(async {
        engine.start();
        let deadline = Instant::now() + PATIENCE;
        engine.scrape(&select, deadline).await
    });
    runtime.shutdown_background();
    print(&scrape?.encode(format).plain())
}

fn journal(query: &journal::Query) -> anyhow::Result<()> {
    let told = |fault: String| drop(writeln!(io::stderr(), "warning: {fault}"));
    match journal::search(query, &mut io::BufWriter::new(io::stdout().lock()), told) {
        // A reader that has seen enough, such as `head`, is no fault.
        Err(journal::Fault::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        searched => Ok(searched?),
    }
}

fn compare(mut comparison: Comparison) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let read = runtime.block_on(comparison.read());
    // A pipe that nobody writes to must not hold up the end.
    runtime.shutdown_background();
    let mut out = Vec::new();
    let differs = comparison.print(&read?, &mut out)?;
    print(&out)?;
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn serve(config: &Config) -> anyhow::Result<()> {
    raise_descriptors();
    let own = Arc::new(SelfMetrics::new());
    let engine = engine(config, config.exporter_metrics.then(|| Arc::clone(&own)))?;
    logging::start(&config.log_levels, config.log_format, config.context.clock);
    let security = security(config, &own)?;
    let version = env!("CARGO_PKG_VERSION");
    let names: Vec<&str> = config.enabled.iter().map(|spec| spec.name).collect();
    tracing::info!(version, pid = std::process::id(), "starting hybrid-exporter");
    tracing::info!(count = names.len(), names = names.join(","), "collectors");
    for warning in &config.warnings {
        tracing::warn!(warning, "configuration");
    }
    let runtime = runtime()?;
    // Whoever reads "listening" may send one.
    let signals = runtime.block_on(async { Signals::new() }).context("listen for signals")?;
    let listeners = listeners(config)?;
    for bound in &listeners {
        tracing::info!(address = %bound.address, path = config.telemetry_path, "listening");
    }
    let sources = Arc::clone(&engine);
    let (path, requests) = (&config.telemetry_path, config.max_requests);
    let listening = Listening::new(&config.context);
    let app = App::new(engine, Arc::clone(&own), path, requests, listening);
    let max_connections = config.max_connections;
    let server = Server { router: app.router(), own, security, max_connections };
    let result = runtime.block_on(async {
        sources.start();
        let result = shutdown::serve(server, listeners, signals).await;
        sources.stop().await;
        result
    });
    // A stuck collector must not hold up the end.
    runtime.shutdown_background();
    result
}

fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // A reader that has seen enough, such as `head`, is no fault.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("write to standard output"),
    }
}
