//! `hybrid-exporter compare` on the built program: files, the exporter beside itself, and beside the real
//! `node_exporter`, where it must find what `parity_exceptions.tsv` excepts and nothing else.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

use crate::{
    cli::program,
    support::{self, child, read, skip},
};
use std::process::Output;

/// What the command ended with, and what it printed.
fn compare(left: &str, right: &str, more: &[&str]) -> (i32, String, String) {
    let mut args = vec!["compare", "--left", left, "--right", right];
    args.extend(more);
    let Output { status, stdout, stderr } = program(&args, &[]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

#[test]
fn files_and_exit_codes() {
    let dir = collect::testing::tree(&[
        ("a", "# TYPE a gauge\na{x=\"1\"} 1\n"),
        ("om", "# TYPE a gauge\na{x=\"1\"} 1.0\n# EOF\n"),
        ("b", "a{x=\"2\"} 1\n"),
        ("torn", "a{x=\"\n"),
    ]);
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (code, stdout, stderr) = compare(&path("a"), &path("om"), &["--tolerance=0"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let wanted = format!(
        "left: 1 families, 1 series ({})\nright: 1 families, 1 series ({})\nnothing differs\n",
        path("a"),
        path("om")
    );
    assert_eq!(stdout, wanted);
    let (code, stdout, _) = compare(&path("a"), &path("b"), &[]);
    assert_eq!(code, 1);
    let differences = "type a: left gauge, right untyped\nseries a{x=\"1\"}: only left\n\
         series a{x=\"2\"}: only right\n";
    assert!(stdout.starts_with(differences), "{stdout}");
    assert_eq!(compare(&path("a"), &path("b"), &["--families=^b"]).0, 2);
    for (left, right, message) in [
        (&*path("nothing"), &*path("a"), "left: read "),
        (&path("a"), &path("torn"), "right: no line is a sample; line 1: expected a closing quote"),
        // Nobody listens there.
        ("http://127.0.0.1:1", &path("a"), "left: connect: http://127.0.0.1:1: Connection refused"),
    ] {
        let (code, stdout, stderr) = compare(left, right, &[]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.starts_with(&format!("error: {message}")), "{stderr}");
    }
}

#[test]
fn wrong_flags_end_with_64() {
    for (args, message) in [
        (&["compare", "--left=a"][..], "--right <SOURCE>"),
        (&["compare", "--left=-", "--right=-"], "--right: expected another side than --left"),
        (&["compare", "--left=ftp://x/", "--right=-"], "--left: expected http://HOST:PORT/PATH"),
        (&["compare", "--left=a", "--right=b", "--tolerance=2"], "--tolerance: expected a number"),
        (&["compare", "--left=a", "--right=b", "--limit=x"], "--limit: expected a number"),
        (&["compare", "--left=a", "--right=b", "--timeout=0"], "--timeout: expected a time"),
        (&["compare", "--left=a", "--right=b", "--families=("], "--families: \"(\""),
        (
            &["compare", "--left=http://u:p@x/", "--right=b"],
            "--left: a password stands in the URL; give token-file, or cert-file",
        ),
        (
            &["compare", "--left=http://x/", "--right=b", "--left.token-file=t"],
            "--left: expected https://",
        ),
        (
            &["compare", "--left=a", "--right=b", "--right.ca-file=c"],
            "--right: expected a URL where --right.… are given",
        ),
    ] {
        let Output { status, stdout, stderr } = program(args, &[]).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), stdout.len()), (Some(64), 0), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(message), "{args:?}: {stderr}");
    }
}

/// A host that stands still, and what of it is another machine's left out.
fn recorded() -> Vec<String> {
    let mut args = support::debian12_flags();
    args.extend(["time", "timex", "uname"].map(|name| format!("--no-collector.{name}")));
    args
}

#[test]
fn a_collector_that_is_switched_off_is_missed() {
    let recorded = recorded();
    let mut args: Vec<&str> = recorded.iter().map(String::as_str).collect();
    let (_whole, whole) = child::exporter(&args);
    args.push("--no-collector.loadavg");
    let (_less, less) = child::exporter(&args);
    let url = |address: &str| format!("http://{address}/metrics/node");
    let families = "--families=^node_(load|memory|scrape_collector_success)";
    let (code, stdout, stderr) = compare(&url(&whole), &url(&less), &[families, "--tolerance=0"]);
    assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
    let differences: Vec<&str> =
        stdout.lines().take_while(|line| !line.starts_with("left: ")).collect();
    assert_eq!(
        differences,
        [
            "family node_load1: only left, gauge, 1 series",
            "family node_load15: only left, gauge, 1 series",
            "family node_load5: only left, gauge, 1 series",
            "series node_scrape_collector_success{collector=\"loadavg\"}: only left",
        ]
    );
    let sum = "only left: 3 families, 1 series of shared ones\n\
         only right: 0 families, 0 series of shared ones\n\
         differ: 0 types, 0 labels, 0 values\n";
    assert!(stdout.ends_with(sum), "{stdout}");
    // The other way round nothing is missed.
    let (code, stdout, _) = compare(&url(&less), &url(&whole), &[families, "--allow-more"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.ends_with("nothing differs; values were not compared\n"), "{stdout}");
}

#[test]
fn beside_node_exporter() {
    let name = "compare::beside_node_exporter";
    let peer = match support::peer("node_exporter") {
        Ok(peer) => peer,
        Err(reason) => return skip(name, &reason),
    };
    let recorded = recorded();
    let mut args: Vec<&str> = recorded.iter().map(String::as_str).collect();
    let (_ours, ours) = child::exporter(&args);
    args.push("--web.disable-exporter-metrics");
    let (_theirs, theirs) = child::serve(peer, &args);
    let left = format!("http://{theirs}/metrics");
    let right = format!("http://{ours}/metrics/node");
    let more = ["--families=^node_", "--allow-more", "--help-texts", "--limit=0"];
    let (code, stdout, stderr) = compare(&left, &right, &more);
    assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
    let excepted: Vec<String> = read("tests/parity_exceptions.tsv")
        .lines()
        .filter(|line| line.starts_with("live,") || line.contains("recorded-host"))
        .filter_map(|line| line.split('\t').nth(1).map(str::to_owned))
        .collect();
    let unexpected: Vec<&str> = stdout
        .lines()
        .take_while(|line| !line.starts_with("left: "))
        // Helps are our own words.
        .filter(|line| !line.starts_with("help "))
        .filter(|line| {
            let family = line.split([' ', ':', '{']).nth(1).unwrap_or_default();
            !excepted.iter().any(|name| name == family)
        })
        .collect();
    assert_eq!(unexpected, [""; 0]);
    assert!(stdout.contains("\nhelp node_load1: left \"1m load average.\""), "{stdout}");
    assert!(stdout.contains("family node_exporter_build_info: only left"), "{stdout}");
    // What stands still has the same values.
    let still =
        ["--families=^node_(load|memory|disk|cpu|netstat|stat)", "--allow-more", "--tolerance=0"];
    let (code, stdout, _) = compare(&left, &right, &still);
    assert_eq!(code, 0, "{stdout}");
}
