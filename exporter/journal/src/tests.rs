//! Entries in, exposition out: through the same gathering, counting and writing as in the program.

use crate::{
    cache::{Cache, Status},
    classes::Class,
    collector::SPEC,
    counters::{self, Counters},
    facts::{Gatherer, Record},
    rules::Rules,
};
use collect::testing::{context, samples, tree};
use expect_test::expect;
use exposition::{Format, Writer, encode};
use journal_reader::{ClassCache, Head, Verdict};
use std::sync::Arc;

mod running;

/// An entry of fields `NAME=value`, one a line; a field that begins with `~` is compressed and long.
struct Fields(Vec<String>, u64);

impl Record for Fields {
    fn time(&self) -> u64 {
        self.1
    }

    fn classes(
        &mut self,
        _: &mut ClassCache<Class>,
        mut classify: impl FnMut(Head<'_>) -> Verdict<Class>,
        mut each: impl FnMut(usize, Class),
    ) {
        let limit = journal_reader::Limits::default().head_bytes;
        for (index, field) in self.0.iter().enumerate() {
            let hidden = field.starts_with('~');
            let bytes = if hidden { &[] } else { field.as_bytes() };
            let bytes = bytes.get(..limit).unwrap_or(bytes);
            match classify(Head { bytes, len: None, hidden }) {
                Verdict::Shared(class) | Verdict::Unique(class) => each(index, class),
                Verdict::Ignored => {}
            }
        }
    }

    fn read(&mut self, index: usize, limit: usize, out: &mut Vec<u8>) {
        let bytes = self.0[index].trim_start_matches('~').as_bytes();
        out.clear();
        out.extend_from_slice(bytes.get(..limit).unwrap_or(bytes));
    }

    fn remember(&self, _: usize, _: &mut ClassCache<Class>, _: Class) {}
}

/// A journal of entries, and what came of it.
struct Played {
    gatherer: Gatherer,
    cache: Arc<Cache>,
    context: collect::Context,
    _dir: tempfile::TempDir,
    time: u64,
}

impl Played {
    fn new(options: &[(&str, &str)]) -> Self {
        let dir = tree(&[("proc/", "")]);
        let context = context(&SPEC, dir.path(), options);
        let rules = Rules::new(context.options.list(&crate::options::RULES)).unwrap();
        let number = |opt| crate::options::number(&context.options, opt, 5000).unwrap();
        let counters = Counters::new(
            number(&crate::options::MAX_UNITS),
            number(&crate::options::MAX_PATTERNS),
            &rules,
        );
        let cache: Arc<Cache> = context.shared.get();
        let mut state = cache.lock();
        state.counters = Some(Box::new(counters));
        state.status = Status::Journal;
        state.reader.read_at = 1;
        drop(state);
        let gatherer = Gatherer::new(rules);
        Self { gatherer, cache, context, _dir: dir, time: 1_700_000_000_000_000 }
    }

    fn entry(&mut self, fields: &str) {
        self.entry_at(fields, false);
    }

    fn entry_at(&mut self, fields: &str, behind: bool) {
        self.time += 1_000_000;
        let fields = fields.lines().map(|line| line.trim().to_owned()).collect();
        let facts = self.gatherer.gather(&mut Fields(fields, self.time));
        let (units, message) = (&self.gatherer.units, self.gatherer.message());
        self.cache.lock().counters.as_mut().unwrap().count(facts, units, message, behind);
    }

    /// The samples of families that begin with one of `names`, zeros left out.
    fn shown(&self, names: &[&str]) -> String {
        let mut out = Writer::default();
        (SPEC.build)(&self.context).unwrap().collect(&mut out).unwrap();
        let block = out.finish();
        for (family, _) in block.families() {
            assert!(
                SPEC.families().any(|declared| declared.covers(&family.name)),
                "{}",
                family.name
            );
        }
        let text = String::from_utf8(encode(&[&block], Format::TEXT).body).unwrap();
        samples(&text)
            .lines()
            .filter(|line| names.iter().any(|name| line.starts_with(name)) && !line.ends_with(" 0"))
            .map(|line| line.to_owned() + "\n")
            .collect()
    }
}

const UNITS: [&str; 3] =
    ["hybrid_journal_unit_", "hybrid_journal_events", "hybrid_journal_last_error"];

#[test]
fn an_entry_counts_for_the_unit_that_it_is_about() {
    let mut played = Played::new(&[]);
    // PID 1 about a unit that failed.
    played.entry(
        "PRIORITY=4
        _TRANSPORT=journal
        _UID=0
        _PID=1
        _SYSTEMD_UNIT=init.scope
        UNIT=web.service
        MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c
        MESSAGE=web.service: Failed with result 'exit-code'.",
    );
    // The unit itself, on standard output.
    played.entry("PRIORITY=3\n_TRANSPORT=stdout\n_SYSTEMD_UNIT=web.service\n_UID=33\nMESSAGE=no");
    // systemd-coredump writes as the user whose process died.
    played.entry(
        "PRIORITY=2
        _TRANSPORT=journal
        _UID=33
        _SYSTEMD_UNIT=systemd-coredump@0-123-0.service
        COREDUMP_UNIT=web.service
        MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1
        MESSAGE=Process 9 (web) of user 33 dumped core.",
    );
    // Somebody who blames another: it counts for the unit that they are in.
    played.entry(
        "PRIORITY=3
        _TRANSPORT=journal
        _UID=1000
        _SYSTEMD_UNIT=session-3.scope
        UNIT=sshd.service
        OBJECT_SYSTEMD_UNIT=sshd.service
        COREDUMP_UNIT=sshd.service
        MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c
        MESSAGE=lies",
    );
    // Nor does root blame another, unless it is PID 1.
    played.entry(
        "PRIORITY=3\n_UID=0\n_PID=77\n_SYSTEMD_UNIT=cron.service\nUNIT=sshd.service\nMESSAGE=lies",
    );
    // journald about a unit whose messages it dropped.
    played.entry(
        "PRIORITY=4
        _TRANSPORT=driver
        _UID=0
        _SYSTEMD_UNIT=systemd-journald.service
        OBJECT_SYSTEMD_UNIT=noisy.service
        UNIT=
        MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e
        MESSAGE=Suppressed 7 messages from noisy.service",
    );
    // Without a unit; without a priority.
    played.entry("PRIORITY=0\n_TRANSPORT=syslog\nMESSAGE=help");
    played.entry("_TRANSPORT=audit\nMESSAGE=x");
    expect![[r#"
        hybrid_journal_events_total{unit="noisy.service",event="messages_suppressed"} 1
        hybrid_journal_events_total{unit="session-*.scope",event="unit_failed"} 1
        hybrid_journal_events_total{unit="web.service",event="coredump"} 1
        hybrid_journal_events_total{unit="web.service",event="unit_failed"} 1
        hybrid_journal_last_error_timestamp_seconds{unit="cron.service"} 1700000005
        hybrid_journal_last_error_timestamp_seconds{unit="none"} 1700000007
        hybrid_journal_last_error_timestamp_seconds{unit="session-*.scope"} 1700000004
        hybrid_journal_last_error_timestamp_seconds{unit="web.service"} 1700000003
        hybrid_journal_unit_entries_total{unit="cron.service",priority="err"} 1
        hybrid_journal_unit_entries_total{unit="noisy.service",priority="warning"} 1
        hybrid_journal_unit_entries_total{unit="none",priority="emerg"} 1
        hybrid_journal_unit_entries_total{unit="session-*.scope",priority="err"} 1
        hybrid_journal_unit_entries_total{unit="web.service",priority="crit"} 1
        hybrid_journal_unit_entries_total{unit="web.service",priority="err"} 1
        hybrid_journal_unit_entries_total{unit="web.service",priority="warning"} 1
    "#]]
    .assert_eq(&played.shown(&UNITS));
    expect![[r#"
        hybrid_journal_entries_total{priority="emerg",transport="syslog"} 1
        hybrid_journal_entries_total{priority="crit",transport="journal"} 1
        hybrid_journal_entries_total{priority="err",transport="journal"} 1
        hybrid_journal_entries_total{priority="err",transport="stdout"} 1
        hybrid_journal_entries_total{priority="err",transport="other"} 1
        hybrid_journal_entries_total{priority="warning",transport="driver"} 1
        hybrid_journal_entries_total{priority="warning",transport="journal"} 1
        hybrid_journal_entries_total{priority="none",transport="audit"} 1
        hybrid_journal_errors_total 5
        hybrid_journal_event_entries_total{event="coredump"} 1
        hybrid_journal_event_entries_total{event="messages_suppressed"} 1
        hybrid_journal_event_entries_total{event="unit_failed"} 2
    "#]]
    .assert_eq(&played.shown(&[
        "hybrid_journal_entries",
        "hybrid_journal_errors",
        "hybrid_journal_event_",
    ]));
}

/// The longest names are those of the kubelet's mounts.
#[test]
fn long_names_of_units_are_taken_whole() {
    let mut played = Played::new(&[]);
    for end in ["one", "two"] {
        let name = format!("{}-{end}.service", "x".repeat(240));
        played.entry(&format!("PRIORITY=4\n_SYSTEMD_UNIT={name}\nMESSAGE=x"));
        let shown = played.shown(&["hybrid_journal_unit_entries"]);
        assert!(shown.contains(&format!("{{unit=\"{name}\"")), "{shown}");
    }
}

#[test]
fn names_that_are_no_units_are_counted_as_overflow() {
    let mut played = Played::new(&[]);
    for _ in 0..3 {
        played.entry("PRIORITY=3\n_SYSTEMD_UNIT=nonsense\nMESSAGE=x");
    }
    expect![[r#"
        hybrid_journal_unit_entries_total{unit="other",priority="err"} 3
        hybrid_journal_unit_overflow_total 3
    "#]]
    .assert_eq(&played.shown(&["hybrid_journal_unit_"]));
}

/// Numbers for units are bounded and never given back: one that nobody believes in takes none.
#[test]
fn units_that_are_only_claimed_leave_room_for_real_ones() {
    let mut played = Played::new(&[]);
    for n in 0..9000 {
        played.entry(&format!(
            "PRIORITY=3\n_UID=1000\n_SYSTEMD_UNIT=user@1000.service\nUNIT=u{n}x.service\nMESSAGE=x"
        ));
    }
    played.entry("PRIORITY=3\n_SYSTEMD_UNIT=web.service\nMESSAGE=x");
    played.entry("PRIORITY=3\n_UID=0\n_PID=1\nUNIT=db.service\nMESSAGE=x");
    expect![[r#"
        hybrid_journal_unit_entries_total{unit="db.service",priority="err"} 1
        hybrid_journal_unit_entries_total{unit="user@*.service",priority="err"} 9000
        hybrid_journal_unit_entries_total{unit="web.service",priority="err"} 1
    "#]]
    .assert_eq(&played.shown(&["hybrid_journal_unit_"]));
}

#[test]
fn only_the_kernel_speaks_for_the_kernel() {
    let kill =
        "MESSAGE=Out of memory: Killed process 5 (y) total-vm:1kB, anon-rss:1kB, file-rss:0kB";
    let mut played = Played::new(&[("journal.problem-metrics", "true")]);
    let kernel = "PRIORITY=3\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n_TRANSPORT=kernel\n";
    for forged in [
        "PRIORITY=3\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n_TRANSPORT=syslog\n_UID=1000\n",
        "PRIORITY=3\nSYSLOG_FACILITY=1\nSYSLOG_IDENTIFIER=kernel\n_TRANSPORT=kernel\n",
        "PRIORITY=3\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=x\n_TRANSPORT=kernel\n",
    ] {
        played.entry(&format!("{forged}{kill}"));
    }
    assert_eq!(played.shown(&["hybrid_kernel_", "problem_"]), "");
    played.entry(&format!("{kernel}{kill}"));
    // One that lies behind counts for what is rare only.
    played.entry_at(&format!("{kernel}{kill}"), true);
    expect![[r#"
        hybrid_journal_errors_total 4
        hybrid_kernel_oom_kills_total{scope="global",unit="",uid="",container_id=""} 2
        hybrid_kernel_problem_timestamp_seconds{reason="OOMKilling"} 1700000005
        hybrid_kernel_problems_total{reason="OOMKilling"} 2
        problem_counter{reason="OOMKilling"} 2
    "#]]
    .assert_eq(&played.shown(&["hybrid_kernel_", "problem_", "hybrid_journal_errors"]));
}

#[test]
fn evidence_is_masked_and_bounded() {
    let mut played = Played::new(&[]);
    for n in 0..9 {
        played.entry(&format!(
            "PRIORITY=3\n_SYSTEMD_UNIT=a.service\nMESSAGE=n{n} password=x{n} {}",
            "y".repeat(400)
        ));
    }
    played.entry("PRIORITY=2\n_SYSTEMD_UNIT=b.service\n~MESSAGE=long and compressed");
    let evidence = played.cache.evidence(4);
    let texts: Vec<String> = evidence
        .iter()
        .map(|line| format!("{} {} {:.20}", line.unit, line.priority, line.text))
        .collect();
    expect![[r#"
        b.service crit long and compressed
        a.service err n8 password=*** yyyy
        a.service err n7 password=*** yyyy
        a.service err n6 password=*** yyyy"#]]
    .assert_eq(&texts.join("\n"));
    assert!(evidence.iter().all(|line| line.text.len() <= 240));
    assert_eq!(played.cache.evidence(100).len(), 6);
    // One that the end of the line cuts; one that takes more place masked than as it was.
    let jwt = concat!("ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl");
    played.entry(&format!("PRIORITY=3\nMESSAGE={} {jwt}", "x ".repeat(115)));
    played.entry(&format!("PRIORITY=3\nMESSAGE={}", "pwd=é ".repeat(80)));
    let texts: Vec<String> =
        played.cache.evidence(2).into_iter().map(|evidence| evidence.text).collect();
    assert!(texts.iter().all(|text| !text.contains("eyJ") && text.len() <= 240), "{texts:?}");
}

#[test]
fn units_beyond_the_cap_are_other() {
    let mut played = Played::new(&[("journal.max-units", "2"), ("journal.max-patterns", "8")]);
    for unit in ["a", "b", "c", "d", "a", "c"] {
        played.entry(&format!("PRIORITY=4\n_SYSTEMD_UNIT={unit}.service\nMESSAGE=x"));
    }
    // The same error of two of them is one row.
    for unit in ["c", "d"] {
        played.entry(&format!("PRIORITY=3\n_SYSTEMD_UNIT={unit}.service\nMESSAGE=x"));
    }
    expect![[r#"
        hybrid_journal_error_pattern_info{pattern="c4175ae88df44f1f",template="x"} 1
        hybrid_journal_error_pattern_total{unit="other",pattern="c4175ae88df44f1f"} 2
        hybrid_journal_unit_entries_total{unit="a.service",priority="warning"} 2
        hybrid_journal_unit_entries_total{unit="b.service",priority="warning"} 1
        hybrid_journal_unit_entries_total{unit="other",priority="err"} 2
        hybrid_journal_unit_entries_total{unit="other",priority="warning"} 3
        hybrid_journal_unit_overflow_total 5
    "#]]
    .assert_eq(&played.shown(&["hybrid_journal_unit_", "hybrid_journal_error_pattern"]));
}

#[test]
fn rules_count_with_labels() {
    let smart = "name=smart\nmatch._SYSTEMD_UNIT=^smartd\\.service$\nmatch.MESSAGE=Device: (?<device>/dev/\\w+)\nmax_series=2";
    let shell = "name=shell\nmatch.SYSLOG_IDENTIFIER=^(?<shell>ba|da)?sh$";
    let mut played = Played::new(&[("journal.rules", smart), ("journal.rules", shell)]);
    for disk in ["sda", "sdb", "sda", "sdc"] {
        played.entry(&format!(
            "PRIORITY=6\n_SYSTEMD_UNIT=smartd.service\nMESSAGE=Device: /dev/{disk} FAILED"
        ));
    }
    played.entry("PRIORITY=6\n_SYSTEMD_UNIT=other.service\nMESSAGE=Device: /dev/sdz");
    played.entry("PRIORITY=6\n_SYSTEMD_UNIT=smartd.service\nMESSAGE=nothing");
    for name in ["bash", "dash", "bash", "sh", "zsh"] {
        played.entry(&format!("SYSLOG_IDENTIFIER={name}\nMESSAGE=x"));
    }
    expect![[r#"
        hybrid_journal_rule_matches_total{rule="smart",device="/dev/sda"} 2
        hybrid_journal_rule_matches_total{rule="smart",device="/dev/sdc"} 1
        hybrid_journal_rule_matches_total{rule="shell",shell=""} 1
        hybrid_journal_rule_matches_total{rule="shell",shell="ba"} 2
        hybrid_journal_rule_matches_total{rule="shell",shell="da"} 1
        hybrid_journal_rule_series_evicted_total{rule="smart"} 1
    "#]]
    .assert_eq(&played.shown(&["hybrid_journal_rule_"]));
}

/// A long field is compressed: what it says is seen by reading it only.
#[test]
fn rules_look_into_compressed_fields() {
    let rule =
        "name=query\nmatch.QUERY=^SELECT .* FROM (?<table>\\w+)\nmatch.MESSAGE=slow (?<what>\\w+)";
    let mut played = Played::new(&[("journal.rules", rule)]);
    let query = format!("~QUERY=SELECT {} FROM orders", "column, ".repeat(80));
    let long = format!("~MESSAGE=slow query {}", "of a person ".repeat(60));
    played.entry(&format!("PRIORITY=6\n{query}\nMESSAGE=slow query"));
    played.entry(&format!("PRIORITY=6\n~OTHER={query}\n{query}\n{long}"));
    played.entry(&format!("PRIORITY=6\n~OTHER={query}\n{long}"));
    played.entry(&format!("PRIORITY=6\n{query}\nMESSAGE=fast"));
    expect![[r#"
        hybrid_journal_rule_matches_total{rule="query",table="orders",what="query"} 2
    "#]]
    .assert_eq(&played.shown(&["hybrid_journal_rule_"]));
}

#[test]
fn the_kernels_own_log_counts_alike() {
    let played = Played::new(&[]);
    let text = b"INFO: task a:1 blocked for more than 120 seconds.";
    let mut state = played.cache.lock();
    let counters = state.counters.as_mut().unwrap();
    for facility in [0, 1] {
        let facts = counters::of_kmsg(1_700_000_000_000_000, 3, facility);
        counters.count(facts, &played.gatherer.units, text, false);
    }
    drop(state);
    expect![[r#"
        hybrid_journal_entries_total{priority="err",transport="kernel"} 2
        hybrid_journal_unit_entries_total{unit="kernel",priority="err"} 1
        hybrid_journal_unit_entries_total{unit="none",priority="err"} 1
        hybrid_kernel_problems_total{reason="TaskHung"} 1
    "#]]
    .assert_eq(&played.shown(&[
        "hybrid_kernel_problems",
        "hybrid_journal_entries",
        "hybrid_journal_unit",
    ]));
}

#[test]
fn nothing_is_said_before_anything_was_read() {
    let played = Played::new(&[]);
    let collect = || {
        let mut out = Writer::default();
        let result = (SPEC.build)(&played.context).unwrap().collect(&mut out);
        (out.finish().is_empty(), result.map_err(|error| error.to_string()))
    };
    played.cache.lock().reader.read_at = 0;
    played.cache.lock().status = Status::Absent("no journal".to_owned());
    assert_eq!(collect(), (true, Err("no data: no journal".to_owned())));
    played.cache.lock().status = Status::Starting;
    assert!(collect().1.is_err());
    // What was counted stays counted while the files cannot be read.
    played.cache.lock().reader.read_at = 1;
    played.cache.lock().status = Status::Down("permission denied".to_owned());
    assert_eq!(collect(), (false, Err("permission denied".to_owned())));
}
