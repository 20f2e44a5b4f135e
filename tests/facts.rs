//! What is known of units on a host with a real systemd 252: who listens, what a unit uses, and the
//! units of a user's manager.

use crate::{
    ground::host::Host,
    support::{EXPORTER, child, scrape::Scrape, skip},
};
use std::{fs, time::Duration};

/// Guards against what hangs; nothing is proved by them.
const BOUND: Duration = Duration::from_mins(2);
const SECONDS: u32 = 120;
const FLAGS: &str =
    "--collector.disable-defaults --systemd=on --systemd.collector.enable-resources";

fn host() -> Result<Host, String> {
    let host = Host::start()?;
    fs::copy(EXPORTER, host.shared().join("hybrid-exporter")).expect("the folder takes a file");
    Ok(host)
}

/// What a shell command prints, whether it ends well or not.
fn sh(host: &Host, command: &str) -> String {
    host.run(SECONDS, &["sh", "-c", &format!("{{ {command}; }} 2>&1 || true")])
}

fn get(host: &Host, port: u16, path: &str) -> String {
    sh(host, &format!("curl -s http://localhost:{port}{path}"))
}

/// Waits for units to be served.
fn served(host: &Host, port: u16) -> Scrape {
    child::wait("units", BOUND, || {
        let page = Scrape::parse(&get(host, port, "/metrics/systemd"));
        page.series.keys().any(|(name, _)| name == "systemd_unit_state").then_some(page)
    })
}

/// The status page once somebody has looked: a page does not wait long for a look.
fn looked(host: &Host, port: u16) -> String {
    child::wait("a look", BOUND, || {
        Some(get(host, port, "/")).filter(|page| page.contains(", as of "))
    })
}

/// Whether one of these files is there, below the machine's hierarchies.
fn counted(host: &Host, group: &str, files: &[&str]) -> bool {
    let paths = files.iter().map(|file| format!("/sys/fs/cgroup/{}", file.replace("GROUP", group)));
    !sh(host, &format!("cat {} 2>/dev/null", paths.collect::<Vec<_>>().join(" "))).is_empty()
}

#[test]
fn who_listens_what_units_use_and_why_mounts_failed() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => {
            return skip("facts::who_listens_what_units_use_and_why_mounts_failed", &reason);
        }
    };
    sh(
        &host,
        "printf '[Socket]\\nListenStream=127.0.0.1:8089\\nListenDatagram=/run/door.sock\\n' \
         >/etc/systemd/system/door.socket
         printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/system/door.service
         for name in early late; do
           printf '[Mount]\\nWhat=tmpfs\\nWhere=/mnt/%s\\nType=tmpfs\\nOptions=nonsense=1\\n' $name \
             >/etc/systemd/system/mnt-$name.mount
         done
         systemctl daemon-reload
         systemctl start mnt-early.mount",
    );
    host.unit("web", "python3 -m http.server --bind 127.0.0.1 8088");
    host.run(SECONDS, &["systemctl", "start", "door.socket"]);
    child::wait("the web server", BOUND, || {
        get(&host, 8088, "/").contains("Directory listing").then_some(())
    });
    host.unit("exporter", &format!("/shared/hybrid-exporter {FLAGS}"));
    let page = served(&host, 10150);
    // One failed before the exporter came, one fails now.
    host.run(SECONDS, &["sh", "-c", "systemctl start mnt-late.mount 2>&1 || true"]);
    for (page, unit) in [(&page, "mnt-early.mount"), (&served(&host, 10150), "mnt-late.mount")] {
        let said = host.run(SECONDS, &["systemctl", "show", "-P", "Result", unit]);
        let labels = [("unit", unit), ("result", said.trim())];
        assert_eq!(page.value("hybrid_unit_result_info", &labels), Some(1.0), "{unit}: {said}");
        assert_ne!(said.trim(), "success");
    }
    let status = looked(&host, 10150);
    let pid = host.run(SECONDS, &["systemctl", "show", "-P", "MainPID", "web"]);
    let row = |unit: &str, protocol: &str, address: &str, by: &str| {
        let row = format!(
            "<tr><th scope=\"row\">{unit}</th><td>{protocol}</td><td>{address}</td>\
             <td class=\"why\">{by}</td></tr>"
        );
        assert!(status.contains(&row), "{row}\n{status}");
    };
    row("web.service", "tcp", "127.0.0.1:8088", &format!("process {}", pid.trim()));
    let starts = "systemd, which starts door.service";
    row("door.socket", "tcp", "127.0.0.1:8089", starts);
    row("door.socket", "unix datagram", "/run/door.sock", starts);
    row(
        "dbus.socket",
        "unix stream",
        "/run/dbus/system_bus_socket",
        "systemd, which starts dbus.service",
    );
    assert!(!status.contains("Not known"), "{status}");

    // What is counted is there wherever a hierarchy has the unit's group.
    for (family, files) in [
        (
            "hybrid_unit_cpu_seconds_total",
            &["GROUP/cpu.stat", "unifiedGROUP/cpu.stat", "*GROUP/cpuacct.usage"][..],
        ),
        ("hybrid_unit_tasks", &["GROUP/pids.current", "pidsGROUP/pids.current"]),
        (
            "hybrid_unit_memory_bytes",
            &["GROUP/memory.current", "memoryGROUP/memory.usage_in_bytes"],
        ),
    ] {
        let number = page.value(family, &[("unit", "web.service")]);
        let counted = counted(&host, "/system.slice/web.service", files);
        assert_eq!(number.is_some_and(|number| number > 0.0), counted, "{family}: {number:?}");
    }

    // Who may not look says so.
    sh(
        &host,
        &format!(
            "systemd-run -q --unit=nobody -p User=nobody \
             /shared/hybrid-exporter {FLAGS} --web.listen-address=127.0.0.1:10151"
        ),
    );
    served(&host, 10151);
    let status = looked(&host, 10151);
    assert!(
        status.contains("processes whose files only root or CAP_SYS_PTRACE may read"),
        "{status}"
    );
    assert!(!status.contains("127.0.0.1:8088") && status.contains("127.0.0.1:8089"), "{status}");
}

#[test]
fn a_users_manager() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => return skip("facts::a_users_manager", &reason),
    };
    // No logind here, which would make the user's folder.
    sh(
        &host,
        "drop=/etc/systemd/system/user-runtime-dir@0.service.d
         mkdir -p $drop /etc/systemd/user
         printf '[Service]\\nExecStart=\\nExecStart=/bin/mkdir -p /run/user/0\\nExecStop=\\n' >$drop/ground.conf
         printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/user/mine.service
         systemctl daemon-reload
         systemctl start user@0.service",
    );
    let user = |command: &str| {
        sh(&host, &format!("XDG_RUNTIME_DIR=/run/user/0 systemctl --user {command}"))
    };
    if !sh(&host, "ls /run/user/0/bus").starts_with("/run") {
        return skip(
            "facts::a_users_manager",
            "a user has no bus here: dbus-user-session is missing",
        );
    }
    user("start mine.service");
    host.unit("exporter", &format!("/shared/hybrid-exporter {FLAGS} --systemd.collector.user"));
    let page = served(&host, 10150);
    let state = |page: &Scrape, state| {
        let labels = [("name", "mine.service"), ("type", "service"), ("state", state)];
        page.value("systemd_unit_state", &labels)
    };
    assert_eq!(state(&page, "active"), Some(1.0));
    let group = user("show -P ControlGroup mine.service");
    let tasks = counted(&host, group.trim(), &["GROUP/pids.current", "pidsGROUP/pids.current"])
        .then_some(1.0);
    assert_eq!(page.value("hybrid_unit_tasks", &[("unit", "mine.service")]), tasks);
    let shown = user("show -p Id -p LoadState -p ActiveState --value '*'");
    let mut compared = 0;
    for unit in shown.split("\n\n") {
        let [name, "loaded", active] = unit.lines().collect::<Vec<_>>()[..] else { continue };
        let kind = name.rsplit('.').next().unwrap_or_default();
        if kind == "device" {
            continue;
        }
        let labels = [("name", name), ("type", kind), ("state", active)];
        assert_eq!(page.value("systemd_unit_state", &labels), Some(1.0), "{name} {active}");
        compared += 1;
    }
    assert!(compared > 10, "{shown}");
    // The system's own are not there.
    assert_eq!(
        page.value(
            "systemd_unit_start_time_seconds",
            &[("name", "exporter.service"), ("type", "service")]
        ),
        None
    );
    user("stop mine.service");
    let page = Scrape::parse(&get(&host, 10150, "/metrics/systemd"));
    assert!(state(&page, "active") != Some(1.0), "{:?}", state(&page, "active"));
    // The bus goes with its manager.
    host.run(SECONDS, &["systemctl", "stop", "user@0.service"]);
    child::wait("no units", BOUND, || {
        let page = Scrape::parse(&get(&host, 10150, "/metrics/systemd"));
        page.series.keys().all(|(name, _)| name != "systemd_unit_state").then_some(())
    });
}
