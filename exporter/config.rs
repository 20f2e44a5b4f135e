//! The configuration: what flags, environment and file say, checked as a whole.

mod file;

pub use file::{example, read};

use crate::flags::{
    self, CONFIG_FILE, DISABLE_DEFAULTS, DISABLE_EXPORTER_METRICS, Flag, KUBERNETES_AUTH,
    LISTEN_ADDRESS, LOG_FORMAT, LOG_LEVEL, MAX_CONNECTIONS, MAX_REQUESTS, PROCFS, ROOTFS, SYSFS,
    SYSTEMD_SOCKET, TELEMETRY_PATH, UDEV_DATA, UNAUTHENTICATED_HEALTH, Values, WEB_CONFIG_FILE,
};
use crate::{
    logging::Levels,
    registry::{GROUPS, Group},
};
use collect::{Clock, Context, Opt, OptKind, Options, Root, Shared, Spec};
use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    str::FromStr,
    time::SystemTime,
};

/// Who may ask.
#[derive(Debug)]
pub struct Door {
    /// The web configuration, if there is one.
    pub web_config: Option<PathBuf>,
    /// Whether the API server says so, too.
    pub kubernetes_auth: bool,
    /// Whether paths about health are answered to anybody.
    pub unauthenticated_health: bool,
}

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// The path of the metrics.
    pub telemetry_path: String,
    /// Requests for metrics at the same time; 0 is no limit.
    pub max_requests: usize,
    /// Connections at the same time; 0 is no limit.
    pub max_connections: usize,
    /// Who may ask.
    pub door: Door,
    /// Whether systemd's sockets are listened on, and not `listen`.
    pub systemd_socket: bool,
    /// Whether the exporter's own numbers are exposed.
    pub exporter_metrics: bool,
    /// What to log.
    pub log_levels: Levels,
    /// How to log.
    pub log_format: LogFormat,
    /// What collectors are built from.
    pub context: Context,
    /// The collectors that are enabled, in the registry's order.
    pub enabled: Vec<&'static Spec>,
    /// What is odd about the configuration, yet no reason not to start.
    pub warnings: Vec<String>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Every address of the machine.
    Everywhere(u16),
    /// One address.
    Address(SocketAddr),
    /// A host's name, which is looked up at start-up.
    Host(String),
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `time=… level=… msg=… key=value`
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Why there is no configuration. Start-up ends with it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line is not understood; the text is clap's.
    #[error("{0}")]
    Usage(String),
    /// A setting's value is wrong.
    #[error("{name}: {what}")]
    Value {
        /// How the setting was given: `--web.max-requests`, `HYBRID_WEB_MAX_REQUESTS`.
        name: String,
        /// What is wrong and what would be right.
        what: String,
    },
    /// The configuration file cannot be read.
    #[error(transparent)]
    Read(#[from] trust::Error),
    /// The configuration file is not understood.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and on which line.
        what: String,
    },
}

/// Paths that mean something else than metrics.
pub(crate) const HEALTH_PATHS: [&str; 3] = ["/-/healthy", "/livez", "/healthz"];
/// Those of them that tell whether what is served is whole.
pub(crate) const READY_PATHS: [&str; 2] = ["/-/ready", "/readyz"];

/// No listener, file or name needs more; a larger number is a slip of the finger.
const MAX_LIMIT: usize = 1_000_000;

/// Joins what was `given` on the command line with the environment and the file that either names.
pub fn load(
    flags: &[Flag],
    given: Values,
    environment: &[(String, String)],
) -> Result<Config, Error> {
    let mut warnings = Vec::new();
    let mut values = Values::new();
    let zone = environment.iter().find(|(name, _)| name == "TZ").map(|(_, zone)| zone.clone());
    let user_bus = user_bus(environment);
    let environment = from_environment(flags, environment, &mut warnings)?;
    let path = [&given, &environment]
        .into_iter()
        .find_map(|layer| layer.get(CONFIG_FILE.name)?.last().cloned())
        .unwrap_or_default();
    if !path.is_empty() {
        values.extend(file::read(flags, path.as_ref())?);
    }
    values.extend(environment);
    values.extend(given);
    if let Some(zone) = zone {
        // As node_exporter takes it; it has no flag for that.
        values.entry("collector.time.zone".to_owned()).or_insert(vec![zone]);
    }
    values.entry(systemd::USER_BUS_ADDRESS.name.to_owned()).or_insert(vec![user_bus]);
    Config::new(&values, warnings)
}

/// Where the exporter's own user has a bus, as every D-Bus client looks for it.
fn user_bus(environment: &[(String, String)]) -> String {
    let variable = |name| {
        let found = environment.iter().find(|(known, text)| known == name && !text.is_empty());
        found.map(|(_, text)| text)
    };
    match (variable("DBUS_SESSION_BUS_ADDRESS"), variable("XDG_RUNTIME_DIR")) {
        (Some(address), _) => address.clone(),
        (None, Some(dir)) => format!("unix:path={dir}/bus"),
        (None, None) => format!("unix:path=/run/user/{}/bus", rustix::process::getuid().as_raw()),
    }
}

fn from_environment(
    flags: &[Flag],
    environment: &[(String, String)],
    warnings: &mut Vec<String>,
) -> Result<Values, Error> {
    let mut values = Values::new();
    for (variable, text) in environment {
        if *variable == flags::variable(CONFIG_FILE.name) {
            values.insert(CONFIG_FILE.name.to_owned(), vec![text.clone()]);
            continue;
        }
        // The name that every D-Bus client heeds.
        if variable == "DBUS_SYSTEM_BUS_ADDRESS" && !text.is_empty() {
            values.entry(systemd::BUS_ADDRESS.name.to_owned()).or_insert(vec![text.clone()]);
            continue;
        }
        // What Kubernetes and its clients call it.
        let known = cluster::environment().find(|(name, _)| name == variable);
        if let Some((_, opt)) = known.filter(|_| !text.is_empty()) {
            values.entry(opt.name.to_owned()).or_insert(vec![text.clone()]);
            continue;
        }
        // What systemd gives a service with StateDirectory=; the first of several.
        if variable == "STATE_DIRECTORY" && !text.is_empty() {
            let first = text.split(':').next().unwrap_or_default().to_owned();
            values.entry(collect::STATE_DIR.name.to_owned()).or_insert(vec![first]);
            continue;
        }
        let names = |flag: &Flag| {
            flags::variable(&flag.name) == *variable
                || flag.aliases.iter().any(|alias| flags::variable(alias) == *variable)
        };
        let Some(flag) = flags.iter().find(|flag| names(flag)) else {
            // Kubernetes makes HYBRID_EXPORTER_SERVICE_HOST and its like for a Service of our name.
            if variable.starts_with("HYBRID_") && !variable.starts_with("HYBRID_EXPORTER_") {
                let known: Vec<String> = flags.iter().map(|f| flags::variable(&f.name)).collect();
                let hint = flags::hint(known.iter().map(String::as_str), variable);
                warnings.push(format!("the environment's {variable} is no setting{hint}"));
            }
            continue;
        };
        let texts = match flag.kind {
            OptKind::Switch(_) => vec![match text.as_str() {
                "true" | "1" => "true".to_owned(),
                "false" | "0" => "false".to_owned(),
                _ => {
                    let what = format!("expected true or false, found {text:?}");
                    return Err(Error::Value { name: variable.clone(), what });
                }
            }],
            OptKind::Text(_) => vec![text.clone()],
            OptKind::List => {
                text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(Into::into).collect()
            }
        };
        values.insert(flag.name.to_string(), texts);
    }
    Ok(values)
}

// === impl Config ===

impl Config {
    #[expect(clippy::disallowed_methods, reason = "the one place that gives the clock")]
    fn new(values: &Values, warnings: Vec<String>) -> Result<Self, Error> {
        let mut options = Options::default();
        for (name, texts) in values {
            options.set(name, texts.clone());
        }
        let root = |opt: &Opt| Root::new(options.text(opt));
        let listen = match options.list(&LISTEN_ADDRESS) {
            [] => vec![Listen::Everywhere(10150)],
            given => given
                .iter()
                .map(|text| text.parse().map_err(|what| wrong(&LISTEN_ADDRESS, what)))
                .collect::<Result<_, _>>()?,
        };
        let mut enabled = Vec::new();
        for group in &GROUPS {
            if mode(group, &options)? {
                enabled.extend((group.collectors)().iter().copied().filter(|spec| {
                    let switch = values.get(&flags::switch_of(spec.name));
                    match switch.filter(|_| group.mode.is_none()) {
                        Some(texts) => texts.last().is_some_and(|text| text == "true"),
                        None if group.mode.is_some() => spec.default,
                        None => spec.default && !options.switch(&DISABLE_DEFAULTS),
                    }
                }));
            }
        }
        Ok(Self {
            listen,
            telemetry_path: telemetry_path(options.text(&TELEMETRY_PATH))?,
            max_requests: limit(&options, &MAX_REQUESTS)?,
            max_connections: limit(&options, &MAX_CONNECTIONS)?,
            door: Door {
                web_config: Some(options.text(&WEB_CONFIG_FILE))
                    .filter(|path| !path.is_empty())
                    .map(PathBuf::from),
                kubernetes_auth: options.switch(&KUBERNETES_AUTH),
                unauthenticated_health: options.switch(&UNAUTHENTICATED_HEALTH),
            },
            systemd_socket: options.switch(&SYSTEMD_SOCKET),
            exporter_metrics: !options.switch(&DISABLE_EXPORTER_METRICS),
            log_levels: options.text(&LOG_LEVEL).parse().map_err(|what| wrong(&LOG_LEVEL, what))?,
            log_format: match options.text(&LOG_FORMAT) {
                "logfmt" => LogFormat::Logfmt,
                "json" => LogFormat::Json,
                other => {
                    let what = format!("expected logfmt or json, found {other:?}");
                    return Err(wrong(&LOG_FORMAT, what));
                }
            },
            context: Context {
                proc: root(&PROCFS),
                sys: root(&SYSFS),
                rootfs: root(&ROOTFS),
                udev: root(&UDEV_DATA),
                options,
                clock: Clock::new(SystemTime::now),
                shared: Shared::default(),
            },
            enabled,
            warnings,
        })
    }
}

fn wrong(opt: &Opt, what: String) -> Error {
    Error::Value { name: format!("--{}", opt.name), what }
}

/// Whether a group's collectors are enabled together: `auto`, or the first of its words.
fn mode(group: &Group, options: &Options) -> Result<bool, Error> {
    let Some(opt) = group.mode else { return Ok(true) };
    let [on, off] = group.words;
    match options.text(opt) {
        "auto" if options.switch(&DISABLE_DEFAULTS) => Ok(options.is_set(opt)),
        "auto" => Ok(true),
        text if text == on => Ok(true),
        text if text == off => Ok(group.enduring),
        other => Err(wrong(opt, format!("expected auto, {on} or {off}, found {other:?}"))),
    }
}

fn limit(options: &Options, opt: &Opt) -> Result<usize, Error> {
    let text = options.text(opt);
    match text.parse() {
        Ok(number) if number <= MAX_LIMIT => Ok(number),
        _ => Err(wrong(opt, format!("expected a number from 0 to {MAX_LIMIT}, found {text:?}"))),
    }
}

/// Plain paths only: the router has its own meaning for braces.
fn telemetry_path(text: &str) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let path = match text {
        "/" => text,
        _ => text.trim_end_matches('/'),
    };
    if !path.starts_with('/') || !path.chars().all(plain) || path.contains("//") {
        let what = format!("expected a path of letters, digits and /-_.~, found {text:?}");
        return Err(wrong(&TELEMETRY_PATH, what));
    }
    if HEALTH_PATHS.iter().chain(&READY_PATHS).any(|taken| {
        *taken == path || taken.rsplit_once('/').is_some_and(|(parent, _)| parent == path)
    }) {
        return Err(wrong(&TELEMETRY_PATH, format!("{path:?} is taken by a health path")));
    }
    Ok(path.to_owned())
}

// === impl Listen ===

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected :PORT, HOST:PORT or [IPV6]:PORT, found {text:?}");
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port: u16 = port.parse().map_err(|_| expected())?;
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        match host {
            "" => Ok(Self::Everywhere(port)),
            name if name.chars().all(in_name) => Ok(Self::Host(text.to_owned())),
            _ => Err(expected()),
        }
    }
}

impl Listen {
    /// The addresses to try, the best one first. Fails where the name cannot be looked up.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(match self {
            Self::Everywhere(port) => {
                vec![([0u16; 8], *port).into(), ([0u8; 4], *port).into()]
            }
            Self::Address(address) => vec![*address],
            Self::Host(name) => name.to_socket_addrs()?.collect(),
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Host(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(given: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Config, Error> {
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()])).collect();
        let environment: Vec<_> =
            environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        load(&flags::all(), given, &environment)
    }

    fn message(given: &[(&str, &str)], environment: &[(&str, &str)]) -> String {
        config(given, environment).unwrap_err().to_string()
    }

    #[test]
    fn addresses() {
        let listen = |text: &str| text.parse::<Listen>();
        assert_eq!(listen(":10150"), Ok(Listen::Everywhere(10150)));
        assert_eq!(listen("[::1]:1"), Ok(Listen::Address("[::1]:1".parse().unwrap())));
        assert_eq!(listen("127.0.0.1:0"), Ok(Listen::Address("127.0.0.1:0".parse().unwrap())));
        assert_eq!(listen("localhost:80"), Ok(Listen::Host("localhost:80".to_owned())));
        for bad in ["", ":", "10150", ":x", ":65536", "::1:80", "a b:1", "vsock://:1", "/run/x:1"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_time_zone_of_the_environment() {
        let zone = |given: &[_], environment: &[_]| {
            let config = config(given, environment).unwrap();
            let opt = Opt::text("collector.time.zone", "none", "");
            config.context.options.text(&opt).to_owned()
        };
        assert_eq!(zone(&[], &[]), "none");
        assert_eq!(zone(&[], &[("TZ", "")]), "");
        assert_eq!(zone(&[], &[("TZ", "Asia/Tokyo")]), "Asia/Tokyo");
        assert_eq!(zone(&[("collector.time.zone", "UTC")], &[("TZ", "Asia/Tokyo")]), "UTC");
    }

    #[test]
    fn the_bus_of_the_user() {
        let bus = |given: &[_], environment: &[_]| {
            let config = config(given, environment).unwrap();
            config.context.options.text(&systemd::USER_BUS_ADDRESS).to_owned()
        };
        let (dir, session) =
            (("XDG_RUNTIME_DIR", "/run/x"), ("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=y"));
        let given = [("systemd.user-bus-address", "unix:path=/z")];
        assert_eq!(bus(&given, &[dir, session]), "unix:path=/z");
        assert_eq!(bus(&[], &[dir, session]), "unix:abstract=y");
        assert_eq!(bus(&[], &[dir, ("DBUS_SESSION_BUS_ADDRESS", "")]), "unix:path=/run/x/bus");
        let own = bus(&[], &[]);
        assert!(own.starts_with("unix:path=/run/user/") && own.ends_with("/bus"), "{own}");
    }

    #[test]
    fn flag_before_environment_before_file_before_default() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        #[expect(clippy::disallowed_methods, reason = "the file under test")]
        std::fs::write(path, "web.max-requests: 1\nweb.max-connections: 1\nlog.level: warn\n")
            .unwrap();
        let config = config(
            &[("web.max-requests", "3")],
            &[
                ("HYBRID_CONFIG_FILE", path),
                ("HYBRID_WEB_MAX_REQUESTS", "2"),
                ("HYBRID_WEB_MAX_CONNECTIONS", "2"),
                ("HYBRID_WEB_LISTEN_ADDRESS", "127.0.0.1:1, [::1]:2"),
                ("HYBRID_COLLECTOR_LOADAVG", "false"),
            ],
        )
        .unwrap();
        assert_eq!((config.max_requests, config.max_connections), (3, 2));
        assert_eq!(config.log_levels, "warn".parse().unwrap());
        assert_eq!(config.listen.len(), 2);
        assert!(!config.enabled.iter().any(|spec| spec.name == "loadavg"));
        assert!(config.exporter_metrics && config.telemetry_path == "/metrics");
        assert!(config.warnings.is_empty());
    }

    #[test]
    fn wrong_values_are_named() {
        assert_eq!(
            message(&[("web.max-requests", "-1")], &[]),
            "--web.max-requests: expected a number from 0 to 1000000, found \"-1\""
        );
        assert_eq!(
            message(&[], &[("HYBRID_COLLECTOR_LOADAVG", "maybe")]),
            "HYBRID_COLLECTOR_LOADAVG: expected true or false, found \"maybe\""
        );
        assert!(message(&[("log.level", "trace")], &[]).contains("expected debug"));
        assert!(message(&[("log.format", "x")], &[]).contains("expected logfmt"));
        assert!(message(&[("web.listen-address", "x")], &[]).contains("expected :PORT"));
        for path in ["", "metrics", "/{x}", "/a//b", "/a?b", "/-", "/livez", "/-/ready/"] {
            assert!(config(&[("web.telemetry-path", path)], &[]).is_err(), "{path}");
        }
        assert!(message(&[("config.file", "/nonexistent")], &[]).contains("read /nonexistent"));
    }

    #[test]
    fn unknown_variables_are_told_but_those_of_kubernetes() {
        let config = config(
            &[],
            &[
                ("HYBRID_EXPORTER_SERVICE_HOST", "10.0.0.1"),
                ("HYBRID_WEB_MAX_REQUEST", "1"),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();
        assert_eq!(
            config.warnings,
            ["the environment's HYBRID_WEB_MAX_REQUEST is no setting; \
              did you mean HYBRID_WEB_MAX_REQUESTS?"]
        );
    }
}
