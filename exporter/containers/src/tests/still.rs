//! What is not read at a scrape, as something else tells that it says what it said.

use super::*;

/// The line of this name of the container `app`.
fn app(host: &mut Host, name: &str) -> String {
    let lines = host.lines(&[name]);
    let own = lines.lines().find(|line| line.contains("container=\"app\""));
    own.and_then(|line| line.rsplit(' ').next()).unwrap_or_default().to_owned()
}

#[test]
fn what_stood_still_above_stood_still_below() {
    let mut host = Host::new(&borrowed(&node()), &[("containers.units", "kubepods")]);
    host.pod(UID, None, &id('b'));
    let above = format!("{BASE}/kubepods.slice");
    let pod = format!("{above}/kubepods-pod{UNDER}.slice");
    let group = format!("{pod}/cri-containerd-{}.scope", id('b'));
    let rows = [
        (
            "container_fs_writes_bytes_total",
            ("io.stat", "8:0 rbytes=4096 wbytes=16384 rios=1 wios=2\n"),
            ("8192", "16384"),
        ),
        (
            "container_pressure_memory_waiting_seconds_total",
            ("memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n"),
            ("0.00002", "3"),
        ),
    ];
    for (name, (file, text), (old, new)) in rows {
        assert_eq!(app(&mut host, name), old);
        // The kernel does not do that: it shows that the file was not read.
        host.write(&format!("{group}/{file}"), text);
        assert_eq!(app(&mut host, name), old);
        host.write(&format!("{pod}/{file}"), text);
        assert_eq!(app(&mut host, name), old);
        host.write(&format!("{above}/{file}"), text);
        assert_eq!(app(&mut host, name), new);
        assert_eq!(app(&mut host, name), new);
    }
}

#[test]
fn what_did_not_run_forked_nothing() {
    let mut host = Host::new(&borrowed(&node()), &[]);
    host.pod(UID, None, &id('b'));
    let group =
        format!("{BASE}/kubepods.slice/kubepods-pod{UNDER}.slice/cri-containerd-{}.scope", id('b'));
    let names =
        ["container_processes", "container_memory_max_usage_bytes", "container_file_descriptors"];
    let numbers = |host: &mut Host| names.map(|name| app(host, name));
    assert_eq!(numbers(&mut host), ["2", "12582912", "4"]);
    // As above.
    host.write(&format!("{group}/cgroup.procs"), "80\n");
    host.write(&format!("{group}/memory.peak"), "12582913\n");
    assert_eq!(numbers(&mut host), ["2", "12582912", "4"]);
    // One has ended.
    host.write(&format!("{group}/pids.current"), "4\n");
    assert_eq!(numbers(&mut host), ["1", "12582912", "3"]);
    // Memory can be charged by others.
    host.write(&format!("{group}/memory.current"), "12582913\n");
    assert_eq!(numbers(&mut host), ["1", "12582913", "3"]);
    host.write(&format!("{group}/cgroup.procs"), "80\n81\n");
    host.write(&format!("{group}/memory.peak"), "12582914\n");
    host.write(&format!("{group}/cpu.stat"), "usage_usec 1500001\n");
    assert_eq!(numbers(&mut host), ["2", "12582914", "4"]);
}
