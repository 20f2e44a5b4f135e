//! What a user of the machine, a disk or the kernel can do to the journal costs what it hits: it is named and counted, and
//! counting goes on.

use super::{
    archived,
    counted::{
        Counts, STATE, counted, expected, exporter, now, page, quiet, serving, sum, units, value,
    },
    directory, entries, host, journals, oracle, rotate,
};
use crate::{
    ground::host::Host,
    support::{child, scrape::Scrape, skip},
};
use std::{fs, os::unix::fs::FileExt, path::Path, time::Duration};

/// Runs a shell line inside.
fn sh(host: &Host, line: &str) -> String {
    host.run(60, &["sh", "-c", line])
}

/// Waits until the page has what `ready` looks for.
fn until<T>(host: &Host, what: &str, ready: impl Fn(&Scrape) -> Option<T>) -> T {
    child::wait(what, child::READY, || ready(&page(host)))
}

#[test]
fn entries_are_counted_whatever_is_in_them() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => {
            return skip("journal::hostile::entries_are_counted_whatever_is_in_them", &reason);
        }
    };
    // journald keeps 100 files by itself.
    let settings = "[Journal]\nSystemMaxFiles=1000\n";
    fs::write(host.path("/etc/systemd/journald.conf.d/90-test.conf"), settings).expect("a file");
    host.run(20, &["systemctl", "restart", "systemd-journald"]);
    exporter(&host);
    let (since, before) = quiet(&host);
    sh(&host, &entries("200 1"));
    sh(&host, &entries("poison"));
    // A user's claims to be another unit, and the kernel, are nobody's but the unit's it runs in.
    let mut liar = vec!["systemd-run", "--quiet", "--collect", "--unit=liar"];
    liar.extend(["--service-type=notify", "--property=User=nobody"]);
    liar.extend(["/usr/bin/python3", "/shared/entries.py", "spoof", "ssh.service"]);
    host.run(60, &liar);
    host.run(60, &["journalctl", "--sync"]);
    host.run(60, &["systemctl", "stop", "liar.service"]);
    let rotations = "for n in $(seq 200); do logger -p user.warning $n; journalctl --rotate; done";
    host.run(300, &["sh", "-c", rotations]);
    sh(&host, &entries("200 2"));
    host.run(30, &["journalctl", "--sync"]);
    let (until, mut after) = quiet(&host);
    let page = page(&host);
    let files = archived(&host);
    assert!(files.len() >= 200, "{}", files.len());
    let exports: Vec<_> = files.iter().map(|file| oracle::exported(file)).collect();
    sum(&mut after, Counts::new(), before);
    let mine = |counts| units(counts, |unit| unit == "liar.service" || unit == "ssh.service");
    assert_eq!(mine(after), mine(expected(&exports, &(since..until))));
    let lies = [("unit", "liar.service"), ("priority", "err")];
    assert_eq!(value(&page, "hybrid_journal_unit_entries_total", &lies), Some(2.0));
    for family in [
        "hybrid_journal_unit_entries_total",
        "hybrid_journal_events_total",
        "hybrid_kernel_oom_kills_total",
    ] {
        assert_eq!(value(&page, family, &[("unit", "ssh.service")]), None, "{family}");
    }
    for family in
        ["hybrid_journal_reader_entries_skipped_total", "hybrid_journal_reader_files_skipped_total"]
    {
        let skipped: f64 =
            page.series.iter().filter(|((name, _), _)| name == family).map(|(_, v)| v).sum();
        assert!(skipped == 0.0, "{family} {skipped}");
    }
    // All 200 files once, and none of them again.
    let rotated = value(&page, "hybrid_journal_reader_rotations_total", &[]);
    assert!(rotated.is_some_and(|rotated| rotated >= 1.0), "{rotated:?}");
}

#[test]
fn damaged_files_cost_what_is_in_them() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => {
            return skip("journal::hostile::damaged_files_cost_what_is_in_them", &reason);
        }
    };
    exporter(&host);
    quiet(&host);
    host.run(20, &["systemctl", "stop", "exporter"]);
    rotate(&host);
    let old = journals(&directory(&host));
    let since = now();
    for seed in 1..=3 {
        write(&host, seed);
    }
    let mut files = journals(&directory(&host));
    files.retain(|file| !old.contains(file) && file.to_string_lossy().contains('@'));
    // The first one was live when the exporter ended, under another name.
    let [torn, cut, whole] = files.as_slice() else { panic!("{files:?}") };
    let mut exports = vec![oracle::exported(whole)];
    let torn_export = oracle::exported(torn);
    exports.push(oracle::first(&torn_export, tear(torn)).to_vec());
    truncate_to_header(cut);
    host.run(20, &["systemctl", "start", "exporter"]);
    serving(&host);
    write(&host, 4);
    let (until, after) = quiet(&host);
    let page = page(&host);
    let skipped =
        value(&page, "hybrid_journal_reader_files_skipped_total", &[("reason", "damaged")]);
    let said = host.run(20, &["journalctl", "--unit=exporter", "--output=cat"]);
    assert_eq!(skipped, Some(2.0), "{said}");
    for file in [torn, cut] {
        let name = file.file_name().expect("a name").to_string_lossy();
        assert_eq!(said.matches(&*name).count(), 1, "{name} once in: {said}");
    }
    exports.extend(
        archived(&host)
            .iter()
            .filter(|file| !files.contains(file) && !old.contains(file))
            .map(|file| oracle::exported(file)),
    );
    // What came between the exporter's last scrape and the writers is in the file that was live then.
    let writers = |mut counts: Counts| {
        counts.retain(|[_, _, unit], _| unit.starts_with("writer"));
        counts
    };
    assert_eq!(writers(after), writers(expected(&exports, &(since..until))));
}

/// Lets a unit write entries into a file of their own.
fn write(host: &Host, seed: u8) {
    let command = entries(&format!("900 {seed}"));
    host.as_unit(60, &format!("writer{seed}"), &command.split(' ').collect::<Vec<_>>());
    rotate(host);
}

/// Makes the size of the middle entry's object 0; how many entries stand before it.
fn tear(file: &Path) -> usize {
    let bytes = fs::read(file).expect("a file");
    let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("8 bytes"));
    let (mut at, entries) = (number(88), number(152));
    let mut seen = 0;
    loop {
        let start = usize::try_from(at).expect("an offset");
        if bytes[start] == 3 {
            if seen == entries / 2 {
                let open = fs::OpenOptions::new().write(true).open(file).expect("the file");
                open.write_all_at(&[0; 8], at + 8).expect("the file takes it");
                return usize::try_from(seen).expect("a count");
            }
            seen += 1;
        }
        at = (at + number(start + 8)).next_multiple_of(8);
    }
}

/// Cuts everything behind a file's header.
fn truncate_to_header(file: &Path) {
    let open = fs::OpenOptions::new().write(true).open(file).expect("the file");
    open.set_len(272).expect("the file can be cut");
}

#[test]
fn counting_goes_on_where_the_position_cannot_be_kept() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => {
            let name = "journal::hostile::counting_goes_on_where_the_position_cannot_be_kept";
            return skip(name, &reason);
        }
    };
    host.run(5, &["mkdir", "-p", STATE]);
    sh(
        &host,
        &format!("mount -t tmpfs -o size=16k full {STATE} && cat /dev/zero >{STATE}/fill || true"),
    );
    exporter(&host);
    let (_, before) = quiet(&host);
    let failed = |page: &Scrape| {
        let value = value(page, "hybrid_journal_position_errors_total", &[("operation", "save")]);
        value.filter(|value| *value > 0.0)
    };
    sh(&host, &entries("200 1"));
    until(&host, "a position that cannot be kept", failed);
    let (_, mut after) = quiet(&host);
    sum(&mut after, Counts::new(), before);
    assert!(after.values().sum::<u64>() > 200, "{after:?}");
    sh(&host, &format!("rm {STATE}/fill"));
    sh(&host, &entries("200 2"));
    child::wait("a position", Duration::from_mins(1), || {
        page(&host);
        (!sh(&host, &format!("ls {STATE}")).is_empty()).then_some(())
    });
    // No permission is no reason to end, either: it is told.
    let blind = "systemd-run --quiet --unit=blind --property=User=nobody /shared/hybrid-exporter \
        --collector.disable-defaults --journal=on --web.listen-address=:10151";
    sh(&host, blind);
    child::wait("an exporter without permission", child::READY, || {
        let text = sh(&host, "curl -s http://localhost:10151/metrics/journal || true");
        let page = Scrape::parse(&text);
        let up = value(&page, "hybrid_source_up", &[("source", "journal")]);
        (up == Some(0.0)).then_some(())
    });
    let said = host.run(20, &["journalctl", "--unit=blind", "--output=cat"]);
    assert!(said.contains("/system.journal: open: Permission denied"), "{said}");
}

#[test]
fn a_real_oom_kill_is_the_units() {
    let host = match host() {
        Ok(host) => host,
        Err(reason) => return skip("journal::hostile::a_real_oom_kill_is_the_units", &reason),
    };
    exporter(&host);
    quiet(&host);
    // It fails, as it is killed; where the kernel has no controller for memory it does not.
    // Kernels have one log for all hosts: the name must be this one's.
    let unit = format!("eater-{}.service", host.name());
    let eat = format!(
        "systemd-run --quiet --wait --unit={unit} --property=MemoryMax=20M --property=MemorySwapMax=0 \
        /usr/bin/python3 -c 'x = b\"x\" * (200 << 20)' && echo fed || true"
    );
    if sh(&host, &eat).contains("fed") {
        return skip(
            "journal::hostile::a_real_oom_kill_is_the_units",
            "the memory of a unit cannot be limited",
        );
    }
    let of = [("unit", unit.as_str())];
    let killed = until(&host, "the kill", |page| {
        value(page, "hybrid_kernel_oom_kills_total", &[of[0], ("scope", "cgroup")])
    });
    assert_eq!(Some(killed), Some(1.0));
    let failed = until(&host, "the unit's failure", |page| {
        value(page, "hybrid_journal_events_total", &[of[0], ("event", "unit_failed")])
            .filter(|value| *value > 0.0)
    });
    assert_eq!(Some(failed), Some(1.0));
    let command = ["journalctl", "--unit", &unit, "--priority=warning..warning", "--output=json"];
    let lines = host.run(20, &command).lines().count() as u64;
    let key = ["hybrid_journal_unit_entries_total", "warning", &unit].map(str::to_owned);
    assert_eq!(counted(&page(&host)).get(&key), Some(&lines));
}
