//! The built program's command line: what it prints, where, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

use crate::support::{child::command, skip};
use std::{
    os::unix::ffi::OsStrExt as _,
    process::{Command, Output},
};

/// The program with an environment of its own.
pub(crate) fn program(args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_hybrid-exporter").as_ref(), args);
    command.env_clear().envs(environment.iter().copied());
    command
}

fn run(args: &[&str]) -> (i32, String, String) {
    run_with(args, &[])
}

fn run_with(args: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = program(args, environment).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A directory with a load average of our own.
fn procfs() -> tempfile::TempDir {
    collect::testing::tree(&[("loadavg", "0.5 1 2 1/2 3\n")])
}

#[test]
fn wrong_configurations_end_with_64_and_name_what_is_wrong() {
    for (args, message) in [
        (&["--colector.loadavg"][..], "a similar argument exists: '--collector.loadavg'"),
        (&["serve"], "unrecognized subcommand 'serve'"),
        (&["--web.max-requests=many"], "--web.max-requests: expected a number"),
        (&["--web.listen-address=10150"], "--web.listen-address: expected :PORT"),
        (&["--collector.netdev.device-include=("], "--collector.netdev.device-include: \"(\""),
        (&["check-config", "--log.level=loud"], "--log.level: expected debug, info"),
        (&["check-config", "--web.kubernetes-auth"], "--web.kubernetes-auth: no --kubeconfig"),
        (
            &["--config.file=/nonexistent.yaml"],
            "read /nonexistent.yaml: No such file or directory (os error 2)\n",
        ),
        (&["--config.file=/dev/zero"], "error: /dev/zero: more than 8 MiB\n"),
        (
            &["check-config", "--web.config.file=/dev/zero"],
            "--web.config.file: /dev/zero: expected a file, found a device\n",
        ),
        (&["metrics", "--collect=nope"], "missing collector: nope"),
        (
            &["metrics", "--collect=loadavg", "--no-collector.loadavg"],
            "disabled collector: loadavg",
        ),
        (&["metrics", "--format=xml"], "invalid value 'xml'"),
        (&["completions", "tcsh"], "invalid value 'tcsh'"),
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, stdout.as_str()), (64, ""), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(message), "{args:?}: {stderr}");
        assert_eq!(stderr.matches("No such file").count(), message.matches("No such file").count());
    }
}

#[test]
fn a_cause_is_told_once() {
    let (code, stdout, stderr) = run(&["journal", "--path.rootfs=/nonexistent"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    let cause = "/nonexistent/etc/machine-id: No such file or directory (os error 2)";
    assert_eq!(stderr, format!("error: the journal below /nonexistent: {cause}\n"));
}

#[test]
fn a_wrong_file_or_variable_ends_with_64() {
    let dir = collect::testing::tree(&[("c.yaml", "web.max-request: 1\n")]);
    let path = dir.path().join("c.yaml");
    let path = path.to_str().unwrap();
    let (code, _, stderr) = run_with(&["check-config"], &[("HYBRID_CONFIG_FILE", path)]);
    assert_eq!(code, 64);
    assert_eq!(
        stderr.replace(path, "c.yaml"),
        "error: c.yaml: unknown key web.max-request; did you mean web.max-requests?\n"
    );
    let (code, _, stderr) = run_with(&["check-config"], &[("HYBRID_COLLECTOR_LOADAVG", "si")]);
    assert_eq!(code, 64);
    assert_eq!(stderr, "error: HYBRID_COLLECTOR_LOADAVG: expected true or false, found \"si\"\n");
    // Who may ask must not be passed over.
    let mut odd = program(&["check-config"], &[("HYBRID_COLLECTOR_LOADAVG", "true")]);
    odd.env("HYBRID_WEB_CONFIG_FILE", std::ffi::OsStr::from_bytes(b"/etc/w\xff"));
    let Output { status, stderr, .. } = odd.output().unwrap();
    assert_eq!(status.code(), Some(64));
    let expected = "error: HYBRID_WEB_CONFIG_FILE: expected UTF-8, found \"/etc/w\u{fffd}\"\n";
    assert_eq!(String::from_utf8(stderr).unwrap(), expected);
}

#[test]
fn check_config_tells_what_is_odd() {
    let (code, stdout, stderr) = run_with(&["check-config"], &[("HYBRID_LOG_LEVELS", "info")]);
    assert_eq!((code, stdout.as_str()), (0, "the configuration is right\n"));
    assert_eq!(
        stderr,
        "warning: the environment's HYBRID_LOG_LEVELS is no setting; \
         did you mean HYBRID_LOG_LEVEL?\n"
    );
}

#[test]
fn one_scrape_to_standard_output() {
    let dir = procfs();
    let procfs = format!("--path.procfs={}", dir.path().display());
    let args = ["metrics", "--collect", "loadavg", &procfs];
    let (code, stdout, stderr) = run(&args);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("# TYPE node_load1 gauge\nnode_load1 0.5\n"), "{stdout}");
    assert!(stdout.contains("node_scrape_collector_success{collector=\"loadavg\"} 1\n"));
    // Before the subcommand, and in another format.
    let (code, stdout, _) = run(&[&procfs, "metrics", "--collect=loadavg", "--format=openmetrics"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("\nnode_load5 1.0\n") || stdout.contains("\nnode_load5 1\n"));
    assert!(stdout.ends_with("# EOF\n"), "{stdout}");
}

#[test]
fn a_log_that_cannot_be_written_costs_the_log_only() {
    let dir = collect::testing::tree(&[]);
    let procfs = format!("--path.procfs={}", dir.path().display());
    // A standard error that takes nothing.
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return skip("cli::a_log_that_cannot_be_written_costs_the_log_only", "no /dev/full");
    };
    // The collector fails, which is logged.
    let mut program = program(&["metrics", "--collect=loadavg", &procfs], &[]);
    let output = program.stderr(full).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(
        stdout.contains("node_scrape_collector_success{collector=\"loadavg\"} 0\n"),
        "{stdout}"
    );
}

#[test]
fn texts() {
    let (code, help, stderr) = run(&["--help"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(help.contains("\nCollector loadavg:\n") && help.contains("--web.listen-address"));
    assert_eq!(run(&["-h"]).1, help);
    let version = format!("hybrid-exporter {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), (0, version, String::new()));
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(&["completions", shell]);
        assert!(code == 0 && script.contains("collector.loadavg"), "{shell}");
    }
    let (code, man, _) = run(&["man"]);
    assert!(code == 0 && man.contains("\\-\\-collector.loadavg"));
}

#[test]
fn the_example_is_a_configuration() {
    let (code, example, _) = run(&["config"]);
    assert_eq!(code, 0);
    let bare = example.replace("\n#", "\n");
    let bare: String =
        bare.lines().filter(|l| !l.starts_with([' ', '#'])).flat_map(|l| [l, "\n"]).collect();
    assert!(bare.contains("\nweb.max-requests: 40\n"), "{bare}");
    let dir = collect::testing::tree(&[("example.yaml", &example), ("bare.yaml", &bare)]);
    for name in ["example.yaml", "bare.yaml"] {
        let path = dir.path().join(name);
        let (code, stdout, stderr) =
            run(&["check-config", "--config.file", path.to_str().unwrap()]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{name}");
        assert_eq!(stdout, "the configuration is right\n");
    }
}
