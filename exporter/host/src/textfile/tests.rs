//! Textfiles as scripts leave them, over the whole collector.

use super::*;
use collect::testing::{context, expose_tree, tree};
use expect_test::expect;
use exposition::{Format, encode};
use std::{path::Path, time::Duration};

/// Sets every file's time to 2026-01-02 00:00:00.5 UTC.
#[expect(clippy::disallowed_methods, reason = "tests make files")]
fn settle(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_312_000_500);
        // A link to nowhere has no time.
        if let Ok(file) = std::fs::File::open(entry.unwrap().path()) {
            file.set_modified(time).unwrap();
        }
    }
}

fn files(files: &[(&str, &str)], options: &[(&str, &str)]) -> String {
    let dir = tree(files);
    settle(dir.path());
    let path = dir.path().display().to_string();
    let mut given = vec![("collector.textfile.directory", path.as_str())];
    given.extend(options);
    expose_tree(&SPEC, dir.path(), &given)
}

#[test]
fn no_directory() {
    expect![[r#"
        # HELP node_textfile_scrape_error Whether a directory, a textfile or a line of one could not be read.
        # TYPE node_textfile_scrape_error gauge
        node_textfile_scrape_error 0
    "#]].assert_eq(&collect::testing::expose(&SPEC, &[]));
}

#[test]
fn scripts_leave_families_behind() {
    expect![[r##"
        # HELP backup_age_seconds Since the last backup.
        # TYPE backup_age_seconds gauge
        backup_age_seconds{job="etc"} 5
        backup_age_seconds{job="var",tier="2"} 7
        # HELP hybrid_textfile_dropped_files Textfiles that are left out, by reason.
        # TYPE hybrid_textfile_dropped_files gauge
        hybrid_textfile_dropped_files{reason="unreadable"} 0
        hybrid_textfile_dropped_files{reason="size"} 0
        hybrid_textfile_dropped_files{reason="limit"} 0
        # HELP hybrid_textfile_dropped_samples Samples that are left out of textfiles, by reason.
        # TYPE hybrid_textfile_dropped_samples gauge
        hybrid_textfile_dropped_samples{reason="syntax"} 0
        hybrid_textfile_dropped_samples{reason="duplicate"} 0
        hybrid_textfile_dropped_samples{reason="type"} 0
        hybrid_textfile_dropped_samples{reason="limit"} 0
        # HELP node_textfile_mtime_seconds When a textfile that was read was last modified, in seconds since 1970.
        # TYPE node_textfile_mtime_seconds gauge
        node_textfile_mtime_seconds{file="/.d.prom"} 1767312000
        node_textfile_mtime_seconds{file="/a.prom"} 1767312000
        node_textfile_mtime_seconds{file="/b.prom"} 1767312000
        # HELP node_textfile_scrape_error Whether a directory, a textfile or a line of one could not be read.
        # TYPE node_textfile_scrape_error gauge
        node_textfile_scrape_error 0
        # TYPE run_seconds histogram
        run_seconds_bucket{le="1"} 1
        run_seconds_bucket{le="+Inf"} 2
        run_seconds_sum 3
        run_seconds_count 2
    "##]].assert_eq(&files(
        &[
            ("a.prom", "# HELP backup_age_seconds Since the last backup.\n# TYPE backup_age_seconds gauge\nbackup_age_seconds{job=\"etc\"} 5\n"),
            ("b.prom", "# HELP backup_age_seconds Other words.\nbackup_age_seconds{job=\"var\",tier=\"2\"} 7"),
            ("c.txt", "no 1\n"),
            (".d.prom", "# TYPE run_seconds histogram\nrun_seconds_bucket{le=\"1\"} 1\nrun_seconds_bucket{le=\"+Inf\"} 2\nrun_seconds_sum 3\nrun_seconds_count 2\n"),
        ],
        &[],
    ));
}

#[test]
fn what_is_bad_costs_itself() {
    expect![[r##"
        # TYPE good untyped
        good 1
        good{a="1"} 1
        # HELP hybrid_textfile_dropped_files Textfiles that are left out, by reason.
        # TYPE hybrid_textfile_dropped_files gauge
        hybrid_textfile_dropped_files{reason="unreadable"} 2
        hybrid_textfile_dropped_files{reason="size"} 0
        hybrid_textfile_dropped_files{reason="limit"} 0
        # HELP hybrid_textfile_dropped_samples Samples that are left out of textfiles, by reason.
        # TYPE hybrid_textfile_dropped_samples gauge
        hybrid_textfile_dropped_samples{reason="syntax"} 2
        hybrid_textfile_dropped_samples{reason="duplicate"} 1
        hybrid_textfile_dropped_samples{reason="type"} 1
        hybrid_textfile_dropped_samples{reason="limit"} 0
        # TYPE new untyped
        new 1
        # HELP node_textfile_mtime_seconds When a textfile that was read was last modified, in seconds since 1970.
        # TYPE node_textfile_mtime_seconds gauge
        node_textfile_mtime_seconds{file="/a.prom"} 1767312000
        node_textfile_mtime_seconds{file="/b.prom"} 1767312000
        node_textfile_mtime_seconds{file="/c.prom"} 1767312000
        # HELP node_textfile_scrape_error Whether a directory, a textfile or a line of one could not be read.
        # TYPE node_textfile_scrape_error gauge
        node_textfile_scrape_error 1
        # TYPE x histogram
        x_sum 1
        remark: /a.prom:2: expected a number behind the name and labels
        remark: /a.prom:3: expected no timestamp: it would stand still between scrapes
        remark: /b.prom:1: the series of /a.prom:1
        remark: /b.prom:3: x is of another type in a file before; its samples are left out
        remark: /c.prom:2: good is of another type in a file before; its samples go under it
        remark: /d.prom: expected a regular file
        remark: read /e.prom: No such file or directory (os error 2)
    "##]].assert_eq(&files(
        &[
            ("a.prom", "good 1\nbad\ngood 2 3\n# TYPE x histogram\nx_sum 1\n"),
            ("b.prom", "good 5\n# TYPE x gauge\nx 1\nnew 1\n"),
            ("c.prom", "# TYPE good gauge\ngood{a=\"1\"} 1\n"),
            ("d.prom/", ""),
            ("e.prom", "-> nowhere"),
        ],
        &[],
    ));
}

#[test]
fn limits() {
    expect![[r##"
        # TYPE a untyped
        a 1
        # TYPE c untyped
        c 1
        # HELP hybrid_textfile_dropped_files Textfiles that are left out, by reason.
        # TYPE hybrid_textfile_dropped_files gauge
        hybrid_textfile_dropped_files{reason="unreadable"} 0
        hybrid_textfile_dropped_files{reason="size"} 2
        hybrid_textfile_dropped_files{reason="limit"} 1
        # HELP hybrid_textfile_dropped_samples Samples that are left out of textfiles, by reason.
        # TYPE hybrid_textfile_dropped_samples gauge
        hybrid_textfile_dropped_samples{reason="syntax"} 0
        hybrid_textfile_dropped_samples{reason="duplicate"} 0
        hybrid_textfile_dropped_samples{reason="type"} 0
        hybrid_textfile_dropped_samples{reason="limit"} 1
        # HELP node_textfile_mtime_seconds When a textfile that was read was last modified, in seconds since 1970.
        # TYPE node_textfile_mtime_seconds gauge
        node_textfile_mtime_seconds{file="/a.prom"} 1767312000
        node_textfile_mtime_seconds{file="/c.prom"} 1767312000
        # HELP node_textfile_scrape_error Whether a directory, a textfile or a line of one could not be read.
        # TYPE node_textfile_scrape_error gauge
        node_textfile_scrape_error 1
        remark: /b.prom: larger than 20 bytes
        remark: /c.prom:2: beyond 2 samples
        remark: /d.prom: beyond 12 bytes of all files
        remark: /e.prom: beyond 4 files
    "##]].assert_eq(&files(
        &[
            ("a.prom", "a 1\n"),
            ("b.prom", "b{large=\"                  \"} 1\n"),
            ("c.prom", "c 1\nd 2\n"),
            ("d.prom", "e 1\n"),
            ("e.prom", "f 1\n"),
        ],
        &[
            ("collector.textfile.max-file-bytes", "20"),
            ("collector.textfile.max-bytes", "12"),
            ("collector.textfile.max-samples", "2"),
            ("collector.textfile.max-files", "4"),
        ],
    ));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests make files")]
fn files_come_change_and_go() {
    let dir = tree(&[("a.prom", "a 1\n"), ("b.prom", "b 1\n")]);
    settle(dir.path());
    let path = dir.path().display().to_string();
    let cx = context(&SPEC, dir.path(), &[("collector.textfile.directory", path.as_str())]);
    let mut collector = (SPEC.build)(&cx).unwrap();
    let mut scrape = || {
        let mut out = Writer::default();
        collector.collect(&mut out).unwrap();
        let body = String::from_utf8(encode(&[&out.finish()], Format::TEXT).body).unwrap();
        let own = body.lines().filter(|line| !line.contains("textfile"));
        own.filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(",")
    };
    assert_eq!(scrape(), "a 1,b 1");
    assert_eq!(scrape(), "a 1,b 1");
    std::fs::write(dir.path().join("a.prom"), "a 2\n").unwrap();
    assert_eq!(scrape(), "a 2,b 1");
    std::fs::write(dir.path().join("a.prom"), "a 3\n").unwrap();
    std::fs::remove_file(dir.path().join("b.prom")).unwrap();
    assert_eq!(scrape(), "a 3");
}

/// Where descriptors run out, no file has changed when there are some again.
#[test]
fn a_file_that_could_not_be_read_is_read_again() {
    for (file, settled) in [("a 1\n", true), ("-> /proc/self/mem", false)] {
        let dir = tree(&[("a.prom", file)]);
        let path = dir.path().display().to_string();
        let mut cx = context(&SPEC, dir.path(), &[("collector.textfile.directory", path.as_str())]);
        cx.clock = Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000));
        let mut collector = Textfile::new(&cx).unwrap();
        collector.collect(&mut Writer::default()).unwrap();
        let read = collector.read.families.contains_key("a");
        assert_eq!((read, collector.settled), (settled, settled), "{file}");
    }
}

#[test]
fn wrong_options() {
    let text = files(&[], &[("collector.textfile.max-files", "many")]);
    assert_eq!(text, "error: --collector.textfile.max-files: \"many\" is no number\n");
    let text = files(&[], &[("collector.textfile.directory", "/no/such/place")]);
    assert!(text.contains("node_textfile_scrape_error 1\n"), "{text}");
}
