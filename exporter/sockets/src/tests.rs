//! A look over files, as lines for people.

use super::*;
use collect::testing::tree;
use expect_test::expect;
use model::Unit;
use std::fmt::Write;

/// A line of `tcp` or `udp`.
fn line(ip: &[u8], port: u16, state: &str, inode: u64) -> String {
    let words = ip.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
    let ip = words.map(|word| format!("{word:08X}")).collect::<Vec<_>>().concat();
    format!(
        "   0: {ip}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        \
         0 {inode} 1 0000000000000000 100 0 0 10 0\n"
    )
}

const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";
const UNIX_HEADER: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n";

fn unit(group: &str, main_pid: Option<u32>) -> Unit {
    Unit { group: Some(group.into()), main_pid, ..Unit::default() }
}

/// What a look finds.
fn look(files: &[(&str, &str)], units: Vec<(&str, Unit)>) -> String {
    let dir = tree(files);
    let model = Model::default();
    model.units_mut().reset(units.into_iter().map(|(name, unit)| (name.into(), unit)));
    let root = |name: &str| Root::new(dir.path().join(name));
    Sockets::new(&root("proc"), &root("sys")).look(&model);
    let listeners = model.listeners();
    assert!(listeners.found().is_some());
    let mut text = String::new();
    for (unit, all) in listeners.iter() {
        for Listener { endpoint, pid } in all {
            writeln!(text, "{unit} {} {endpoint} {pid}", endpoint.protocol()).unwrap();
        }
    }
    for what in listeners.unknown() {
        writeln!(text, "unknown: {what}").unwrap();
    }
    text.replace(&dir.path().display().to_string(), "")
}

#[test]
fn sockets_of_units() {
    let v4 = [10, 0, 0, 1];
    let mut v6 = [0; 16];
    v6[15] = 1;
    let tcp = [
        HEADER.to_owned(),
        line(&v4, 10250, "0A", 100),
        line(&[0; 4], 22, "0A", 101),
        line(&v4, 40000, "01", 102),
        "torn\n".to_owned(),
    ]
    .concat();
    let tcp6 = HEADER.to_owned() + &line(&v6, 443, "0A", 103);
    let udp = HEADER.to_owned() + &line(&v4, 53, "07", 104) + &line(&v4, 5353, "01", 105);
    let unix = UNIX_HEADER.to_owned()
        + "0000000000000000: 00000002 00000000 00010000 0001 01   106 /run/a b.sock\n"
        + "0000000000000000: 00000002 00000000 00000000 0001 01   107 /run/connected\n"
        + "0000000000000000: 00000002 00000000 00000000 0002 01 10008 @log\n"
        + "0000000000000000: 00000002 00000000 00000000 0002 01   109 @0a1b2\n"
        + "0000000000000000: 00000002 00000000 00010000 0005 01   110 /run/control\n"
        + "0000000000000000: 00000003 00000000 00000000 0001 03   111\n";
    let found = look(
        &[
            ("proc/1/net/tcp", &tcp),
            ("proc/1/net/tcp6", &tcp6),
            ("proc/1/net/udp", &udp),
            ("proc/1/net/unix", &unix),
            ("sys/fs/cgroup/systemd/k/cgroup.procs", "7\n"),
            ("sys/fs/cgroup/systemd/w/cgroup.procs", "8\n9\n10\n"),
            ("proc/7/fd/0", "-> /dev/null"),
            ("proc/7/fd/3", "-> socket:[100]"),
            ("proc/7/fd/4", "-> socket:[102]"),
            ("proc/7/fd/5", "-> socket:[10008]"),
            ("proc/7/fd/6", "-> socket:[109]"),
            // Two workers and the main process share what the main process opened.
            ("proc/8/fd/3", "-> socket:[103]"),
            ("proc/8/fd/4", "-> socket:[106]"),
            ("proc/8/fd/5", "-> socket:[torn]"),
            ("proc/9/fd/3", "-> socket:[103]"),
            ("proc/9/fd/4", "-> socket:[104]"),
            ("proc/9/fd/5", "-> socket:[110]"),
            // No unit's.
            ("proc/11/fd/3", "-> socket:[101]"),
        ],
        vec![("kubelet.service", unit("/k", Some(7))), ("web.service", unit("/w", Some(9)))],
    );
    expect![[r#"
        kubelet.service tcp 10.0.0.1:10250 7
        kubelet.service unix datagram @log 7
        web.service tcp [::1]:443 9
        web.service udp 10.0.0.1:53 9
        web.service unix stream /run/a b.sock 8
        web.service unix seqpacket /run/control 9
    "#]]
    .assert_eq(&found);
}

#[test]
fn what_is_not_known_is_said() {
    let found = look(
        &[
            ("proc/1/net/tcp", &(HEADER.to_owned() + &line(&[0; 4], 80, "0A", 100))),
            ("sys/fs/cgroup/systemd/foreign/cgroup.procs", "0\n0\n"),
            ("sys/fs/cgroup/systemd/gone/cgroup.procs", "7\n"),
        ],
        vec![
            ("foreign.service", unit("/foreign", None)),
            ("gone.service", unit("/gone", None)),
            ("stopped.service", unit("/stopped", None)),
        ],
    );
    expect![[r#"
        unknown: read /proc/1/net/unix: No such file or directory (os error 2)
        unknown: units whose processes are of another PID namespace (see hostPID): 1
    "#]]
    .assert_eq(&found);
}

#[test]
fn a_look_is_bounded() {
    let many: String = (0..9000).map(|n| line(&[0; 4], 80, "0A", n + 1)).collect();
    let processes: Vec<String> = (1000..1600).map(|pid| pid.to_string()).collect();
    let found = look(
        &[
            ("proc/1/net/tcp", &(HEADER.to_owned() + &many)),
            ("proc/1/net/unix", UNIX_HEADER),
            ("sys/fs/cgroup/systemd/x/cgroup.procs", &processes.join("\n")),
        ],
        vec![("x.service", unit("/x", None))],
    );
    expect![[r#"
        unknown: /proc/1/net/tcp: only the first MiB was read
        unknown: units and processes that have more than is looked at: 1
    "#]]
    .assert_eq(&found);
    // Connections beyond the limit are nobody's concern: what listens comes before them.
    let connected: String = (0..9000).map(|n| line(&[0; 4], 80, "01", n + 1)).collect();
    let found = look(
        &[
            ("proc/1/net/tcp", &(HEADER.to_owned() + &line(&[0; 4], 80, "0A", 1) + &connected)),
            ("proc/1/net/unix", UNIX_HEADER),
        ],
        vec![("x.service", unit("/x", None))],
    );
    assert_eq!(found, "");
}
