//! What the source tells the model, against the scripted peer.

use super::*;
use model::Role;

const SERVICE: &str = "org.freedesktop.systemd1.Service";

async fn peer() -> Peer {
    let listen = vec![("Stream", "/run/dbus/system_bus_socket"), ("FIFO", "/run/x")];
    Peer::new(Script {
        units: vec![
            ("dbus.service", "loaded", "active"),
            ("dbus.socket", "loaded", "active"),
            ("start.service", "loaded", "activating"),
            ("stopped.service", "loaded", "inactive"),
        ],
        values: HashMap::from([
            value("dbus.socket", "Listen", Variant::from(listen)),
            value("dbus.socket", "Triggers", Variant::from(vec!["dbus.service"])),
            value("dbus.service", "ControlGroup", Variant::from("/system.slice/dbus.service")),
            value("start.service", "ControlPID", Variant::from(9u32)),
            value("start.service", "MainPID", Variant::from(0u32)),
        ]),
        ..Script::default()
    })
    .await
}

/// A line a unit.
fn told(model: &Model) -> String {
    let units = model.units();
    let line = |(name, unit): (&Arc<str>, &model::Unit)| {
        let listens: Vec<String> = unit.listens.iter().map(ToString::to_string).collect();
        format!(
            "{name} {:?} {} {} main={:?} control={:?} restarts={:?} listens={listens:?} starts={:?}\n",
            unit.state,
            unit.result.as_deref().unwrap_or("-"),
            unit.group.as_deref().unwrap_or("-"),
            unit.main_pid,
            unit.control_pid,
            unit.restarts,
            unit.triggers,
        )
    };
    units.iter().map(line).collect()
}

#[tokio::test]
async fn units_become_facts_and_follow_signals() {
    let mut peer = peer().await;
    let mut options = Options::default();
    // Nobody serves D-Bus; it matters to the node all the same.
    options.set("systemd.collector.unit-exclude", vec!["dbus.*".to_owned()]);
    peer.run(&options, async |peer, bell, cache| {
        bell.ring().await;
        expect_test::expect![[r#"
            dbus.service Active success /system.slice/dbus.service main=Some(3) control=None restarts=Some(3) listens=[] starts=[]
            dbus.socket Active - - main=None control=None restarts=None listens=["/run/dbus/system_bus_socket"] starts=["dbus.service"]
            start.service Activating success /x.slice main=None control=Some(9) restarts=Some(3) listens=[] starts=[]
            stopped.service Inactive success - main=None control=None restarts=Some(3) listens=[] starts=[]
        "#]].assert_eq(&told(&peer.model));
        assert_eq!(cache.lock().units.get("dbus.service").map(|unit| unit.served), Some(false));
        let dbus: Arc<str> = "dbus.service".into();
        {
            let units = peer.model.units();
            assert_eq!(units.of_group("/system.slice/dbus.service/x"), Some(&dbus));
            assert_eq!(units.with_role(Role::Bus).count(), 2);
        }
        // It fails; what it ran in is gone before anybody says so.
        let values = [("ActiveState", Variant::from("failed"))];
        peer.changed("dbus.service", "org.freedesktop.systemd1.Unit", &values).await;
        let values = [("Result", Variant::from("oom-kill")), ("MainPID", Variant::from(7u32))];
        peer.changed("dbus.service", SERVICE, &values).await;
        peer.changed("start.service", SERVICE, &[("ControlPID", Variant::from(0u32))]).await;
        peer.script.lock().unwrap().units =
            vec![("dbus.service", "loaded", "failed"), ("dbus.socket", "loaded", "active")];
        bell.ring().await;
        expect_test::expect![[r#"
            dbus.service Failed oom-kill - main=None control=None restarts=Some(3) listens=[] starts=[]
            dbus.socket Active - - main=None control=None restarts=None listens=["/run/dbus/system_bus_socket"] starts=["dbus.service"]
        "#]].assert_eq(&told(&peer.model));
        assert!(peer.model.units().of_group("/system.slice/dbus.service").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_takes_the_facts_back() {
    let mut peer = peer().await;
    peer.run(&Options::default(), async |_, bell, _| bell.ring().await).await;
    let model = Arc::clone(&peer.model);
    assert_eq!(model.units().len(), 4);
    let settings = Settings::new(&Options::default(), "/".as_ref()).unwrap();
    let systemd = Systemd { cache: Arc::default(), model: Arc::clone(&model), settings };
    let (line, _bell) = Line::new();
    systemd.lost(&line, &Lost::Closed);
    assert!(model.units().is_empty());
}
