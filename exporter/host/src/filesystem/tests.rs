//! Mounts and their sizes, over mount tables and statfs answers written here.

use super::*;
use collect::testing::{context, expose, expose_with, tree};
use expect_test::expect;
use exposition::{Format, encode};
use rustix::io::Errno;

/// The exposition of `mountinfo` when statfs answers by the path's last letters.
fn scrape(mountinfo: &str, options: &[(&str, &str)]) -> String {
    let dir = tree(&[("proc/1/mountinfo", mountinfo)]);
    let cx = context(&SPEC, dir.path(), options);
    let call = |path: &Path| match path.to_str().unwrap_or_default() {
        path if path.ends_with("stale") => Err(Errno::STALE),
        path if path.ends_with("odd") => Err(Errno::XFULL),
        _ => {
            Ok(Stat { block: 4096, blocks: 100, free: 50, available: 40, files: 9, files_free: 5 })
        }
    };
    let mut collector = Filesystem::new(&cx, Arc::new(call)).unwrap();
    let mut text = String::new();
    // The second scrape takes the mounts from memory.
    for _ in 0..2 {
        let mut out = Writer::default();
        let result = collector.collect(&mut out);
        text = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).unwrap();
        if let Err(error) = result {
            text.extend(["error: ", &error.to_string(), "\n"]);
        }
    }
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.replace(&dir.path().display().to_string(), "") + "\n").collect()
}

#[test]
fn server() {
    let mountinfo = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw
24 22 0:21 / /proc rw shared:3 master:4 - proc proc rw
25 22 8:2 / /srv/a\\040b\\134c ro,relatime - xfs /dev/sd\\040b rw
26 22 0:50 / /mnt/stale rw - nfs4 filer:/vol ro
";
    expect![[r#"
        node_filesystem_avail_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 163840
        node_filesystem_avail_bytes{device="/dev/sd\\040b",device_error="",fstype="xfs",mountpoint="/srv/a b\\c"} 163840
        node_filesystem_device_error{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 0
        node_filesystem_device_error{device="/dev/sd\\040b",device_error="",fstype="xfs",mountpoint="/srv/a b\\c"} 0
        node_filesystem_device_error{device="filer:/vol",device_error="stale NFS file handle",fstype="nfs4",mountpoint="/mnt/stale"} 1
        node_filesystem_files{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 9
        node_filesystem_files{device="/dev/sd\\040b",device_error="",fstype="xfs",mountpoint="/srv/a b\\c"} 9
        node_filesystem_files_free{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 5
        node_filesystem_files_free{device="/dev/sd\\040b",device_error="",fstype="xfs",mountpoint="/srv/a b\\c"} 5
        node_filesystem_free_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 204800
        node_filesystem_free_bytes{device="/dev/sd\\040b",device_error="",fstype="xfs",mountpoint="/srv/a b\\c"} 204800
        node_filesystem_mount_info{device="/dev/sda1",major="8",minor="1",mountpoint="/"} 1
        node_filesystem_mount_info{device="/dev/sd\\040b",major="8",minor="2",mountpoint="/srv/a b\\c"} 1
        node_filesystem_purgeable_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 0
        node_filesystem_purgeable_bytes{device="/dev/sd\\040b",device_error="",fstype="xfs",mountpoint="/srv/a b\\c"} 0
        node_filesystem_readonly{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 0
        node_filesystem_readonly{device="/dev/sd\\040b",device_error="",fstype="xfs",mountpoint="/srv/a b\\c"} 1
        node_filesystem_readonly{device="filer:/vol",device_error="stale NFS file handle",fstype="nfs4",mountpoint="/mnt/stale"} 1
        node_filesystem_size_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 409600
        node_filesystem_size_bytes{device="/dev/sd\\040b",device_error="",fstype="xfs",mountpoint="/srv/a b\\c"} 409600
    "#]]
    .assert_eq(&scrape(mountinfo, &[]));
}

#[test]
fn mounts_over_one_another() {
    let mountinfo = "\
22 1 8:1 / /a rw - ext4 /dev/sda1 rw
23 1 8:2 / /a ro - ext4 /dev/sda1 rw
24 1 8:2 / /a rw - ext4 /dev/sda1 rw
25 1 8:3 / /a rw - xfs /dev/sdb1 rw
";
    expect![[r#"
        node_filesystem_avail_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"} 163840
        node_filesystem_avail_bytes{device="/dev/sdb1",device_error="",fstype="xfs",mountpoint="/a"} 163840
        node_filesystem_device_error{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"} 0
        node_filesystem_device_error{device="/dev/sdb1",device_error="",fstype="xfs",mountpoint="/a"} 0
        node_filesystem_files{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"} 9
        node_filesystem_files{device="/dev/sdb1",device_error="",fstype="xfs",mountpoint="/a"} 9
        node_filesystem_files_free{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"} 5
        node_filesystem_files_free{device="/dev/sdb1",device_error="",fstype="xfs",mountpoint="/a"} 5
        node_filesystem_free_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"} 204800
        node_filesystem_free_bytes{device="/dev/sdb1",device_error="",fstype="xfs",mountpoint="/a"} 204800
        node_filesystem_mount_info{device="/dev/sda1",major="8",minor="1",mountpoint="/a"} 1
        node_filesystem_mount_info{device="/dev/sda1",major="8",minor="2",mountpoint="/a"} 1
        node_filesystem_mount_info{device="/dev/sdb1",major="8",minor="3",mountpoint="/a"} 1
        node_filesystem_purgeable_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"} 0
        node_filesystem_purgeable_bytes{device="/dev/sdb1",device_error="",fstype="xfs",mountpoint="/a"} 0
        node_filesystem_readonly{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"} 0
        node_filesystem_readonly{device="/dev/sdb1",device_error="",fstype="xfs",mountpoint="/a"} 0
        node_filesystem_size_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"} 409600
        node_filesystem_size_bytes{device="/dev/sdb1",device_error="",fstype="xfs",mountpoint="/a"} 409600
    "#]]
    .assert_eq(&scrape(mountinfo, &[("collector.filesystem.fs-types-include", "ext4|xfs")]));
}

#[test]
fn torn() {
    let mountinfo = "22 1 8:1 / / rw - ext4\n23 1 81 / /x rw - ext4 x rw\n\n24 1 8:3 / /odd rw - tmpfs \u{fffd} rw\n25";
    expect![[r#"
        node_filesystem_device_error{device="�",device_error="errno 54",fstype="tmpfs",mountpoint="/odd"} 1
        node_filesystem_readonly{device="�",device_error="errno 54",fstype="tmpfs",mountpoint="/odd"} 0
        error: /proc/1/mountinfo: expected a mount, as proc(5) describes mountinfo: "22 1 8:1 / / rw - ext4" (and 2 more)
    "#]]
    .assert_eq(&scrape(mountinfo, &[]));
}

#[test]
fn absent() {
    expect![[r#"
        error: read /proc/1/mountinfo: No such file or directory (os error 2)
    "#]]
    .assert_eq(&expose(&SPEC, &[]));
}

#[test]
fn own_mounts_when_the_first_process_is_hidden() {
    let files = [("proc/self/mountinfo", "1 0 8:1 / /gone ro - ext4 /dev/sda1 rw\n")];
    expect![[r##"
        # HELP node_filesystem_device_error 1 where the file system could not be asked for its numbers; device_error says why.
        # TYPE node_filesystem_device_error gauge
        node_filesystem_device_error{device="/dev/sda1",device_error="no such file or directory",fstype="ext4",mountpoint="/gone"} 1
        # HELP node_filesystem_readonly 1 where the mount or the file system is read-only.
        # TYPE node_filesystem_readonly gauge
        node_filesystem_readonly{device="/dev/sda1",device_error="no such file or directory",fstype="ext4",mountpoint="/gone"} 1
    "##]]
    .assert_eq(&expose(&SPEC, &files));
}

#[test]
fn options() {
    let options = [
        ("collector.filesystem.mount-points-include", "^/odd"),
        ("collector.filesystem.fs-types-exclude", "^x"),
    ];
    let mountinfo =
        "1 0 8:1 / / rw - ext4 a rw\n1 0 8:1 / /odd rw - ext4 b rw\n1 0 8:1 / /odd rw - xfs c rw\n";
    expect![[r#"
        node_filesystem_device_error{device="b",device_error="errno 54",fstype="ext4",mountpoint="/odd"} 1
        node_filesystem_readonly{device="b",device_error="errno 54",fstype="ext4",mountpoint="/odd"} 0
    "#]]
    .assert_eq(&scrape(mountinfo, &options));
    for (option, value) in [("mount-timeout", "-5"), ("mount-timeout", "x"), ("stat-workers", "0")]
    {
        let option = format!("collector.filesystem.{option}");
        let text = expose_with(&SPEC, &[], &[(&option, value)]);
        assert!(text.contains("such as"), "{text}");
    }
    let both = ["mount-points-include", "mount-points-exclude"];
    let both = both.map(|name| format!("collector.filesystem.{name}"));
    let text = expose_with(&SPEC, &[], &[(&both[0], "a"), (&both[1], "b")]);
    assert!(text.contains("cannot stand beside"), "{text}");
}

#[test]
fn a_mount_that_hangs_is_shown_as_such() {
    use std::sync::{Condvar, Mutex};
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let dir = tree(&[(
        "proc/1/mountinfo",
        "1 0 8:1 / /hung ro - nfs a:/ rw\n1 0 8:1 / / rw - ext4 /dev/sda1 rw\n",
    )]);
    let cx = context(&SPEC, dir.path(), &[("collector.filesystem.mount-timeout", "100ms")]);
    let behind = Arc::clone(&gate);
    let call = move |path: &Path| {
        let hangs = path.ends_with("hung");
        let open = behind.0.lock().unwrap();
        drop(behind.1.wait_while(open, |open| hangs && !*open).unwrap());
        Ok(Stat::default())
    };
    let mut collector = Filesystem::new(&cx, Arc::new(call)).unwrap();
    let mut out = Writer::default();
    collector.collect(&mut out).unwrap();
    let text = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).unwrap();
    let hung: String =
        text.lines().filter(|l| l.contains("/hung")).map(|l| l.to_owned() + "\n").collect();
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    expect![[r#"
        node_filesystem_device_error{device="a:/",device_error="mountpoint timeout",fstype="nfs",mountpoint="/hung"} 1
        node_filesystem_readonly{device="a:/",device_error="mountpoint timeout",fstype="nfs",mountpoint="/hung"} 1
    "#]]
    .assert_eq(&hung);
}
