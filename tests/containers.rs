//! Control groups of a booted host: what is served of a service is what systemd says of it, and groups
//! that come, go and come again are those of the moment.

use crate::{
    ground::host::Host,
    support::{EXPORTER, child, scrape::Scrape, skip},
};
use std::{fs, time::Duration};

const PORT: u16 = 10150;
/// A guard against what hangs; nothing is proved by it.
const GUARD: Duration = Duration::from_mins(2);
const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const UID: &str = "3b1f7cf6_6a0e_4a5e_9f53_0c5f1d0a4b11";
/// Works for a moment, then stands still.
const BUSY: &str = "ExecStart=/bin/sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; \
    touch /run/done; exec sleep infinity'\nExecStartPre=/bin/rm -f /run/done\n\
    CPUAccounting=yes\nMemoryAccounting=yes\nTasksAccounting=yes\n";

struct Site(Host);

impl Site {
    fn page(&self) -> Scrape {
        let answer = self.0.get(PORT, "/metrics/cadvisor", &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = Scrape::parse(&answer.text());
        assert!(page.faults.is_empty(), "{:#?}", page.faults);
        page
    }

    /// A property of a service as a number; `None` where systemd does not count it.
    fn says(&self, service: &str, property: &str) -> Option<u64> {
        let ask = ["systemctl", "show", "--value", "--property", property, service];
        // The greatest number stands for none.
        self.0.run(120, &ask).trim().parse().ok().filter(|number| *number != u64::MAX)
    }

    /// What is served of a service and what systemd says, while it stands still.
    fn both(&self, name: &str, service: &str, property: &str) -> (Option<f64>, Option<u64>) {
        let id = format!("/system.slice/{service}");
        child::wait(&format!("{property} that stands still"), GUARD, || {
            let before = self.says(service, property);
            let cpu = [("id", id.as_str()), ("cpu", "total")];
            let labels = if name.contains("_cpu_") { &cpu[..] } else { &cpu[..1] };
            let ours = self.page().value(name, labels);
            (self.says(service, property) == before).then_some((ours, before))
        })
    }

    /// The service's numbers are systemd's.
    #[expect(clippy::cast_precision_loss, reason = "as in the exposition")]
    fn assert_agrees(&self, service: &str) {
        child::wait("its work done", GUARD, || {
            let done = ["sh", "-c", "test -e /run/done && echo yes || true"];
            (self.0.run(120, &done).trim() == "yes").then_some(())
        });
        let (ours, systemd) = self.both("container_memory_usage_bytes", service, "MemoryCurrent");
        assert_eq!(ours, systemd.map(|bytes| bytes as f64), "memory");
        assert!(ours.is_some_and(|bytes| bytes > 0.0), "{ours:?}");
        // The one that said so may not have ended yet.
        child::wait("one task", GUARD, || {
            let both = self.both("container_threads", service, "TasksCurrent");
            (both == (Some(1.0), Some(1))).then_some(())
        });
        let cpu = "container_cpu_usage_seconds_total";
        let (ours, systemd) = self.both(cpu, service, "CPUUsageNSec");
        let ours = ours.expect("it is served");
        // Where systemd has no group of cpuacct, the process itself tells.
        let theirs = systemd.map_or_else(|| self.spent(service), |ns| ns as f64 / 1e9);
        // What ran before it and beside it is the group's, too, and the last tick may be counted later.
        assert!(ours > theirs - 0.05 && ours < theirs + 2.0, "{ours} and {theirs}");
        assert!(ours > 0.0);
    }

    /// CPU time of a service's main process, seconds.
    fn spent(&self, service: &str) -> f64 {
        let pid = self.says(service, "MainPID").expect("it runs");
        let text = self.0.run(120, &["cat", &format!("/proc/{pid}/stat")]);
        let mut fields = text.rsplit_once(") ").expect("a command's name").1.split(' ').skip(11);
        let ticks = [fields.next(), fields.next()];
        let ticks = ticks.map(|ticks| ticks.and_then(|ticks| ticks.parse::<f64>().ok()));
        ticks.iter().flatten().sum::<f64>() / 100.0
    }
}

#[test]
fn services_and_containers_of_a_host() {
    let name = "containers::services_and_containers_of_a_host";
    let host = match Host::start() {
        Ok(host) => host,
        Err(reason) => return skip(name, &reason),
    };
    fs::copy(EXPORTER, host.shared().join("hybrid-exporter")).expect("the program");
    host.service("busy", BUSY);
    host.run(120, &["systemctl", "start", "busy"]);
    let flags = "--collector.disable-defaults --containers=auto";
    host.unit("exporter", &format!("/shared/hybrid-exporter {flags}"));
    let site = Site(host);
    child::wait("the exporter", GUARD, || {
        let log = site.0.run(120, &["journalctl", "--quiet", "--unit=exporter"]);
        log.contains("listening").then_some(())
    });
    // Nothing here is a container.
    assert!(site.page().series.keys().all(|(name, _)| !name.starts_with("container_")));

    // A pod with a container, as the kubelet and containerd name their groups.
    let slice = format!("kubepods-pod{UID}.slice");
    let scope = format!("cri-containerd-{ID}.scope");
    let run = format!(
        "ExecStart=/usr/bin/systemd-run --scope --slice={slice} --unit={scope} sleep infinity\n"
    );
    site.0.service("runtime", &run);
    site.0.run(120, &["systemctl", "start", "runtime"]);
    let id = format!("/kubepods.slice/{slice}/{scope}");
    let labels = [("id", id.as_str()), ("name", ID)];
    let served = || site.page().value("container_processes", &labels);
    child::wait("the container", GUARD, || (served() == Some(1.0)).then_some(()));
    let page = site.page();
    let pod = format!("/kubepods.slice/{slice}");
    assert!(page.value("container_memory_usage_bytes", &[("id", &pod)]).is_some());
    assert!(page.value("container_start_time_seconds", &labels).is_some());
    assert!(page.value("container_file_descriptors", &labels).is_some_and(|open| open >= 3.0));
    assert!(page.value("machine_memory_bytes", &[]).is_none(), "it has labels");

    site.assert_agrees("busy.service");
    // The same names again: another group, whose counters begin anew.
    let started = |page: &Scrape| {
        page.value("container_start_time_seconds", &[("id", "/system.slice/busy.service")])
    };
    let before = started(&site.page());
    site.0.run(120, &["systemctl", "restart", "busy"]);
    site.assert_agrees("busy.service");
    assert!(started(&site.page()) > before, "it started again");

    // What ends is gone from the next scrape.
    site.0.run(120, &["systemctl", "stop", "busy", &scope]);
    let page = site.page();
    assert_eq!(started(&page), None);
    assert_eq!(page.value("container_processes", &labels), None);
}
