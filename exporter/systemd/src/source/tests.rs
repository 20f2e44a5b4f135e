//! The source against a scripted peer that speaks D-Bus over a socket pair.

use super::*;
use collect::{Bell, Collector, Root};
use exposition::{Format, Writer, encode};
use std::{
    os::unix::net::UnixStream,
    sync::Mutex,
    task::{Poll, ready},
};
use zbus::{Connection, Guid, MessageStream, ObjectPath, connection::Builder, message::Type};

mod facts;

/// What the peer has and how it behaves.
#[derive(Default)]
struct Script {
    /// Name, load state, active state.
    units: Vec<(&'static str, &'static str, &'static str)>,
    /// Properties by unit label and name that differ from the default.
    values: HashMap<(String, &'static str), Variant<'static>>,
    /// Properties that are answered with this error.
    errors: HashMap<&'static str, &'static str>,
    /// Members that are not answered.
    silent: Vec<&'static str>,
    /// Whether systemd reads its files anew just before it answers the next `ListUnits`.
    reloads: bool,
    /// `Get`s by property, and `GetAll`s.
    asked: HashMap<String, usize>,
}

struct Peer {
    script: Arc<Mutex<Script>>,
    connection: Connection,
    client: Option<Client<Asked>>,
    model: Arc<Model>,
}

impl Peer {
    async fn new(script: Script) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = Builder::unix_stream(theirs).server(Guid::generate()).p2p().build();
        let client = Builder::unix_stream(ours).p2p().max_queued(super::super::bus::QUEUE).build();
        let (server, client) = tokio::join!(server, client);
        let (connection, script) = (server.unwrap(), Arc::new(Mutex::new(script)));
        let mut stream = MessageStream::from(&connection);
        let (answers, known) = (connection.clone(), Arc::clone(&script));
        tokio::spawn(async move {
            while let Some(Ok(message)) = next(&mut stream).await {
                if message.message_type() == Type::MethodCall {
                    answer(&answers, &known, &message).await;
                }
            }
        });
        let client = Some(Client::new(client.unwrap()));
        Self { script, connection, client, model: Arc::default() }
    }

    /// Runs a session until it is lost, with `during` beside it.
    async fn run<T>(
        &mut self,
        options: &Options,
        during: impl AsyncFnOnce(&Self, &Bell, &Cache) -> T,
    ) -> (Option<Lost>, Option<T>) {
        let (line, bell) = Line::new();
        let cache = Cache::default();
        let settings = Settings::new(options, "/".as_ref()).unwrap();
        let client = self.client.take().unwrap();
        let mut session = Session::new(client, &cache, &Arc::clone(&self.model), &settings, &line);
        tokio::select! {
            lost = session.run() => (lost.err(), None),
            given = during(self, &bell, &cache) => (None, Some(given)),
        }
    }

    async fn changed(&self, unit: &str, interface: &str, values: &[(&str, Variant<'_>)]) {
        let path = format!("{UNITS}{}", label(unit));
        let values: HashMap<&str, &Variant<'_>> = values.iter().map(|(n, v)| (*n, v)).collect();
        let none: [&str; 0] = [];
        let body = (interface, values, &none[..]);
        self.connection
            .emit_signal(None::<&str>, path.as_str(), PROPERTIES, "PropertiesChanged", &body)
            .await
            .unwrap();
    }
}

async fn next(stream: &mut MessageStream) -> Option<zbus::Result<Message>> {
    std::future::poll_fn(|cx| {
        let item = ready!(futures_util::Stream::poll_next(Pin::new(&mut *stream), cx));
        Poll::Ready(item)
    })
    .await
}

async fn answer(connection: &Connection, script: &Mutex<Script>, message: &Message) {
    let header = message.header();
    let member = header.member().unwrap().as_str();
    if script.lock().unwrap().silent.contains(&member) {
        return;
    }
    let done = match member {
        "GetNameOwner" => connection.reply(&header, &"").await,
        "GetAll" => {
            *script.lock().unwrap().asked.entry(member.to_owned()).or_default() += 1;
            let all = HashMap::from([
                ("Version", Variant::from("252.39-1~deb12u2")),
                ("Virtualization", Variant::from("kvm")),
                ("SystemState", Variant::from("degraded")),
                ("UserspaceTimestamp", Variant::from(1_500_000u64)),
                ("UserspaceTimestampMonotonic", Variant::from(500_000u64)),
            ]);
            connection.reply(&header, &all).await
        }
        "ListUnits" => {
            let root = ObjectPath::try_from("/").unwrap();
            let (units, reloads) = {
                let mut script = script.lock().unwrap();
                (script.units.clone(), std::mem::take(&mut script.reloads))
            };
            if reloads {
                let signal =
                    connection.emit_signal(None::<&str>, OBJECT, MANAGER, "Reloading", &false);
                signal.await.unwrap();
            }
            let row = |(name, load, active)| {
                (name, "", load, active, "", "", root.clone(), 0u32, "", root.clone())
            };
            let rows: Vec<_> = units.into_iter().map(row).collect();
            connection.reply(&header, &rows).await
        }
        "Get" => {
            let body = message.body();
            let (_, property): (&str, &str) = body.deserialize().unwrap();
            let path = header.path().unwrap().as_str();
            let unit = path.strip_prefix(UNITS).unwrap_or_default().to_owned();
            let (error, value) = {
                let mut script = script.lock().unwrap();
                *script.asked.entry(property.to_owned()).or_default() += 1;
                let names = || script.values.keys().find(|(u, p)| *u == unit && *p == property);
                let value = names().and_then(|key| script.values.get(key));
                let value = value.map_or_else(|| default(property), |v| v.try_clone().unwrap());
                (script.errors.get(property).copied(), value)
            };
            match error {
                Some(error) => connection.reply_error(&header, error, &"no").await,
                None => connection.reply(&header, &value).await,
            }
        }
        _ => connection.reply(&header, &()).await,
    };
    // The other end may have gone.
    drop(done);
}

fn default(property: &str) -> Variant<'static> {
    match property {
        "SystemState" => Variant::from("degraded"),
        "Type" => Variant::from("simple"),
        "Result" => Variant::from("success"),
        "ControlGroup" => Variant::from("/x.slice"),
        "TasksMax" => Variant::from(u64::MAX),
        "TasksAccounting" | "Accept" => Variant::from(true),
        "ExecMainCode" | "ExecMainStatus" => Variant::from(0i32),
        "MainPID" | "NRestarts" | "NAccepted" | "NConnections" | "NRefused" => Variant::from(3u32),
        _ => Variant::from(2_000_000u64),
    }
}

fn value(
    unit: &str,
    property: &'static str,
    value: Variant<'static>,
) -> ((String, &'static str), Variant<'static>) {
    ((label(unit), property), value)
}

/// The part's families, less those whose names start with one of `without`.
fn shown(cache: &Cache, without: &[&str]) -> String {
    let root = Root::new("/nonexistent");
    let shared = collect::Shared::default();
    *shared.get::<Cache>().lock() = std::mem::take(&mut *cache.lock());
    let context = Context {
        proc: root.clone(),
        sys: root.clone(),
        rootfs: root.clone(),
        udev: root,
        options: Options::default(),
        clock: collect::Clock::new(|| std::time::SystemTime::UNIX_EPOCH),
        shared,
    };
    let mut out = Writer::default();
    let result = (crate::units::SPEC.build)(&context)
        .and_then(|mut c: Box<dyn Collector>| c.collect(&mut out));
    let text = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).unwrap();
    let keep = |line: &&str| !line.starts_with('#') && !without.iter().any(|w| line.starts_with(w));
    let mut text: String = text.lines().filter(keep).flat_map(|line| [line, "\n"]).collect();
    if let Err(error) = result {
        text.extend(["error: ", &error.to_string(), "\n"]);
    }
    text
}

/// A bus that goes away is lost; one that never was is none.
#[tokio::test(start_paused = true)]
async fn a_bus_that_was_there_is_lost_and_not_lacking() {
    for (options, met, absent) in
        [(&[][..], false, true), (&[("systemd", "on")], false, false), (&[], true, false)]
    {
        let mut given = Options::default();
        for (name, text) in options {
            given.set(name, vec![(*text).to_owned()]);
        }
        let (line, bell) = Line::new();
        let systemd = Systemd {
            cache: Arc::default(),
            model: Arc::default(),
            settings: Settings::new(&given, "/nonexistent".as_ref()).unwrap(),
        };
        systemd.cache.lock().met = met;
        assert!(matches!(systemd.follow(&line).await, Some(Lost::Absent(_))));
        assert_eq!(bell.health().absent, absent, "{options:?} {met}");
        assert_eq!(systemd.cache.lock().met, met);
    }
}

/// Takes what a session left.
fn taken(cache: &Cache) -> Cache {
    let taken = Cache::default();
    *taken.lock() = std::mem::take(&mut *cache.lock());
    taken
}

#[tokio::test(start_paused = true)]
async fn units_are_read_and_odd_ones_left_out() {
    let mut peer = Peer::new(Script {
        units: vec![
            (r"a\x2db@c.service", "loaded", "active"),
            ("failed.service", "loaded", "failed"),
            ("gone.service", "not-found", "inactive"),
            ("masked.service", "masked", "inactive"),
            ("x.device", "loaded", "active"),
            ("session-1.scope", "loaded", "active"),
            ("t.timer", "loaded", "maintenance"),
        ],
        values: HashMap::from([
            value("failed.service", "Result", Variant::from("exit-code")),
            value("failed.service", "ExecMainCode", Variant::from(1i32)),
            value("failed.service", "ExecMainStatus", Variant::from(7i32)),
            value("t.timer", "NextElapseUSecMonotonic", Variant::from(u64::MAX)),
        ]),
        ..Script::default()
    })
    .await;
    let (_, cache) = peer
        .run(&Options::default(), async |_, bell, cache| {
            bell.ring().await;
            taken(cache)
        })
        .await;
    let without = ["systemd_unit_active", "systemd_unit_inactive", "hybrid_systemd_ca"];
    expect_test::expect![[r#"
        hybrid_systemd_connections_total 0
        hybrid_systemd_info{version="252.39-1~deb12u2",virtualization="kvm"} 1
        hybrid_systemd_system_state{state="degraded"} 1
        hybrid_systemd_units_dropped 0
        hybrid_systemd_units_folded{pattern="session-*.scope",active="true"} 1
        hybrid_systemd_units_folded{pattern="session-*.scope",active="false"} 0
        hybrid_timer_next_elapse_time_seconds{unit="t.timer"} 2
        hybrid_unit_activation_seconds{unit="a\\x2db@c.service"} 0
        hybrid_unit_exit_code{unit="failed.service"} 7
        hybrid_unit_restarts_total{unit="a\\x2db@c.service"} 3
        hybrid_unit_restarts_total{unit="failed.service"} 3
        hybrid_unit_result_info{unit="failed.service",result="exit-code"} 1
        hybrid_unit_state_info{unit="t.timer",state="maintenance"} 1
        systemd_boot_monotonic_seconds{stage="Userspace"} 0.5
        systemd_boot_time_seconds{stage="Userspace"} 1.5
        systemd_service_restart_total{name="a\\x2db@c.service"} 3
        systemd_service_restart_total{name="failed.service"} 3
        systemd_timer_last_trigger_seconds{name="t.timer"} 2
        systemd_unit_info{name="a\\x2db@c.service",type="service",mount_type="",service_type="simple"} 1
        systemd_unit_info{name="failed.service",type="service",mount_type="",service_type="simple"} 1
        systemd_unit_start_time_seconds{name="a\\x2db@c.service",type="service"} 2
        systemd_unit_start_time_seconds{name="failed.service",type="service"} 0
        systemd_unit_state{name="a\\x2db@c.service",type="service",state="active"} 1
        systemd_unit_state{name="a\\x2db@c.service",type="service",state="activating"} 0
        systemd_unit_state{name="a\\x2db@c.service",type="service",state="deactivating"} 0
        systemd_unit_state{name="a\\x2db@c.service",type="service",state="inactive"} 0
        systemd_unit_state{name="a\\x2db@c.service",type="service",state="failed"} 0
        systemd_unit_state{name="failed.service",type="service",state="active"} 0
        systemd_unit_state{name="failed.service",type="service",state="activating"} 0
        systemd_unit_state{name="failed.service",type="service",state="deactivating"} 0
        systemd_unit_state{name="failed.service",type="service",state="inactive"} 0
        systemd_unit_state{name="failed.service",type="service",state="failed"} 1
        systemd_unit_state{name="t.timer",type="timer",state="active"} 0
        systemd_unit_state{name="t.timer",type="timer",state="activating"} 0
        systemd_unit_state{name="t.timer",type="timer",state="deactivating"} 0
        systemd_unit_state{name="t.timer",type="timer",state="inactive"} 0
        systemd_unit_state{name="t.timer",type="timer",state="failed"} 0
        systemd_watchdog_enabled 0
    "#]].assert_eq(&shown(&cache.unwrap(), &without));
}

#[tokio::test(start_paused = true)]
async fn errors_cost_their_own_numbers() {
    let mut peer = Peer::new(Script {
        units: vec![("a.socket", "loaded", "active")],
        errors: HashMap::from([
            ("NAccepted", "org.freedesktop.DBus.Error.UnknownObject"),
            ("NRefused", "org.freedesktop.DBus.Error.AccessDenied"),
        ]),
        ..Script::default()
    })
    .await;
    let (_, cache) = peer
        .run(&Options::default(), async |_, bell, cache| {
            bell.ring().await;
            taken(cache)
        })
        .await;
    let text = shown(&cache.unwrap(), &[]);
    assert!(text.contains("systemd_socket_current_connections{name=\"a.socket\"} 3\n"), "{text}");
    assert!(!text.contains("systemd_socket_accepted") && !text.contains("_refused_"), "{text}");
    assert!(text.contains("hybrid_systemd_call_errors_total 1\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_read_when_it_is_allowed() {
    let refused = "org.freedesktop.DBus.Error.AccessDenied";
    let mut peer = Peer::new(Script {
        units: vec![("a.service", "loaded", "active"), ("b.timer", "loaded", "active")],
        errors: HashMap::from([("Type", refused), ("LastTriggerUSec", refused)]),
        ..Script::default()
    })
    .await;
    peer.run(&Options::default(), async |peer, bell, cache| {
        let asked = |name: &str| peer.script.lock().unwrap().asked.get(name).copied();
        let known = || {
            let state = cache.lock();
            let service = state.units.get("a.service").and_then(Unit::service);
            let timer = state.units.get("b.timer").map(|unit| match &unit.own {
                Own::Timer(timer) => timer.last_trigger,
                _ => None,
            });
            (service.and_then(|service| service.kind.clone()), timer.flatten())
        };
        bell.ring().await;
        bell.ring().await;
        // One of the two is asked again at each pass; nothing else is.
        assert_eq!((known(), asked("NRestarts")), ((None, None), Some(1)));
        assert_eq!((asked("Type"), asked("LastTriggerUSec")), (Some(1), Some(2)));
        peer.script.lock().unwrap().errors.clear();
        bell.ring().await;
        bell.ring().await;
        assert_eq!(known(), (Some("simple".into()), Some(2_000_000)));
        // And once is enough.
        bell.ring().await;
        assert_eq!(asked("NRestarts"), Some(2));
        // The unit whose number is refused goes: that answers it.
        peer.script.lock().unwrap().errors.insert("LastTriggerUSec", refused);
        let timer = "org.freedesktop.systemd1.Timer";
        peer.changed("b.timer", timer, &[("LastTriggerUSec", Variant::from(1u64))]).await;
        bell.ring().await;
        bell.ring().await;
        assert_eq!((known().1, asked("NRestarts")), (None, Some(2)));
        let gone = "org.freedesktop.DBus.Error.UnknownObject";
        peer.script.lock().unwrap().errors.insert("LastTriggerUSec", gone);
        bell.ring().await;
        bell.ring().await;
        assert_eq!(asked("NRestarts"), Some(3));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn signals_are_followed_and_a_reload_reads_anew() {
    let mut peer = Peer::new(Script {
        units: vec![("a.service", "loaded", "active"), ("b.service", "loaded", "active")],
        ..Script::default()
    })
    .await;
    peer.run(&Options::default(), async |peer, bell, cache| {
        bell.ring().await;
        let unit = "org.freedesktop.systemd1.Unit";
        let service = "org.freedesktop.systemd1.Service";
        let restarts = |name: &str| cache.lock().units.get(name)?.service()?.restarts;
        let types = || peer.script.lock().unwrap().asked.get("Type").copied();
        let now = [
            ("ActiveState", Variant::from("active")),
            ("ActiveEnterTimestamp", Variant::from(9_000_000u64)),
        ];
        peer.changed("a.service", unit, &now).await;
        peer.changed("a.service", service, &[("NRestarts", Variant::from(4u32))]).await;
        peer.changed("nobody.service", service, &[("NRestarts", Variant::from(4u32))]).await;
        bell.ring().await;
        assert_eq!((restarts("a.service"), restarts("b.service")), (Some(4), Some(3)));
        let entered = cache.lock().units.get("a.service").and_then(|u| u.times.active_enter);
        assert_eq!((entered, types()), (Some(9_000_000), Some(2)));
        // What ListUnits tells first is read in the same pass; what has gone is gone.
        peer.script.lock().unwrap().units =
            vec![("a.service", "loaded", "failed"), ("c.service", "loaded", "active")];
        bell.ring().await;
        assert_eq!((restarts("a.service"), restarts("b.service")), (Some(3), None));
        assert_eq!((restarts("c.service"), types()), (Some(3), Some(3)));
        let path = OBJECT;
        let reloading =
            peer.connection.emit_signal(None::<&str>, path, MANAGER, "Reloading", &false);
        reloading.await.unwrap();
        bell.ring().await;
        bell.ring().await;
        assert_eq!(types(), Some(5));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_the_manager_refuses_is_absent() {
    let mut peer = Peer::new(Script::default()).await;
    peer.run(&Options::default(), async |peer, bell, cache| {
        let state = || cache.lock().manager.state.clone();
        bell.ring().await;
        assert_eq!(state().as_deref(), Some("degraded"));
        let refused = "org.freedesktop.DBus.Error.AccessDenied";
        peer.script.lock().unwrap().errors.insert("SystemState", refused);
        bell.ring().await;
        assert_eq!(state(), None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_manager_is_read_anew_with_the_units() {
    let units = vec![("a.service", "loaded", "active")];
    let mut peer = Peer::new(Script { units, ..Script::default() }).await;
    peer.run(&Options::default(), async |peer, bell, _| {
        let asked = |name: &str| peer.script.lock().unwrap().asked.get(name).copied();
        bell.ring().await;
        bell.ring().await;
        assert_eq!((asked("GetAll"), asked("Type")), (Some(1), Some(1)));
        // A reload in the middle of a pass.
        peer.script.lock().unwrap().reloads = true;
        bell.ring().await;
        assert_eq!((asked("GetAll"), asked("Type")), (Some(2), Some(2)));
        // In case that something was never told. At that very moment the scrape's pass may come first.
        time::sleep(RESYNC + Duration::from_secs(1)).await;
        bell.ring().await;
        assert_eq!((asked("GetAll"), asked("Type")), (Some(3), Some(3)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_of_ip_is_read_at_the_first_sight() {
    let units = vec![("a.service", "loaded", "active"), ("off.service", "loaded", "inactive")];
    let mut peer = Peer::new(Script { units, ..Script::default() }).await;
    let mut options = Options::default();
    options.set("systemd.collector.enable-ip-accounting", vec!["true".to_owned()]);
    peer.run(&options, async |peer, bell, cache| {
        let bytes = |name: &str| cache.lock().units.get(name)?.service()?.ip[0];
        bell.ring().await;
        assert_eq!((bytes("a.service"), bytes("off.service")), (Some(2_000_000), None));
        {
            let mut script = peer.script.lock().unwrap();
            script.units =
                vec![("a.service", "loaded", "reloading"), ("b.service", "loaded", "active")];
            let (key, value) = value("a.service", "IPIngressBytes", Variant::from(7u64));
            script.values.insert(key, value);
        }
        bell.ring().await;
        assert_eq!((bytes("a.service"), bytes("b.service")), (Some(7), Some(2_000_000)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_has_recovered_has_not_failed() {
    let mut peer = Peer::new(Script {
        units: vec![("m.mount", "loaded", "failed")],
        values: HashMap::from([value("m.mount", "Result", Variant::from("timeout"))]),
        ..Script::default()
    })
    .await;
    peer.run(&Options::default(), async |peer, bell, cache| {
        let result = || cache.lock().units.get("m.mount")?.result.clone();
        bell.ring().await;
        assert_eq!(result().as_deref(), Some("timeout"));
        {
            let mut script = peer.script.lock().unwrap();
            script.units = vec![("m.mount", "loaded", "active")];
            script.values.clear();
        }
        bell.ring().await;
        assert_eq!(result().as_deref(), Some("success"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn silence_ends_the_connection() {
    let silent = vec!["ListUnits"];
    let mut peer = Peer::new(Script { silent, ..Script::default() }).await;
    let begun = Instant::now();
    let (lost, _) = peer.run(&Options::default(), async |_, bell, _| bell.ring().await).await;
    assert!(matches!(lost, Some(Lost::Late)), "{lost:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_cut_connection_is_lost() {
    let units = vec![("a.service", "loaded", "active")];
    let mut peer = Peer::new(Script { units, ..Script::default() }).await;
    let (lost, _) = peer
        .run(&Options::default(), async |peer, bell, _| {
            bell.ring().await;
            peer.connection.clone().close().await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
    assert!(matches!(lost, Some(Lost::Bus(_) | Lost::Closed)), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn the_cap_counts_what_it_drops() {
    let units = vec![("a.path", "loaded", "active"), ("b.path", "loaded", "active")];
    let mut peer = Peer::new(Script { units, ..Script::default() }).await;
    let mut options = Options::default();
    options.set("systemd.collector.max-units", vec!["1".to_owned()]);
    let (_, cache) = peer
        .run(&options, async |_, bell, cache| {
            bell.ring().await;
            taken(cache)
        })
        .await;
    let text = shown(&cache.unwrap(), &[]);
    assert!(text.contains("hybrid_systemd_units_dropped 1\n"), "{text}");
    assert!(text.contains("name=\"a.path\"") && !text.contains("b.path"), "{text}");
}

#[test]
fn a_users_manager_is_not_the_systems() {
    let mut options = Options::default();
    options.set("systemd.collector.user", vec!["true".to_owned()]);
    options.set("systemd.bus-address", vec!["unix:path=/system".to_owned()]);
    options.set("systemd.user-bus-address", vec!["unix:path=/user".to_owned()]);
    let settings = Settings::new(&options, "/".as_ref()).unwrap();
    assert_eq!(settings.addresses, "unix:path=/user");
    options.set("collector.systemd", vec!["true".to_owned()]);
    let error = Settings::new(&options, "/".as_ref()).err().unwrap().to_string();
    assert_eq!(
        error,
        "--systemd.collector.user: serves a user's manager, and --collector.systemd and \
         --systemd.collector.private the system's; give each an exporter of its own"
    );
}
