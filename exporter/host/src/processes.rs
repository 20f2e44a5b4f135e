//! `/proc/*/stat` and `/proc/*/task/*/stat`: processes and threads by state, and the limits of
//! `/proc/sys/kernel/{pid_max,threads-max}`.
//!
//! It reads one file a process and one a further thread; a process that ends meanwhile is left out.

use collect::{Collector, Directory, Error, Faults, Kept, Result, Root, Spec};
use exposition::{Family, Writer};
use rustix::io::Errno;
use std::io;

pub(crate) static SPEC: Spec = Spec {
    name: "processes",
    doc: "Processes and threads by state.",
    default: false,
    families: &[&LIMITS, &COUNTS, &STATES],
    opts: &[],
    build: |cx| {
        let (pid_max, threads_max) = ("sys/kernel/pid_max", "sys/kernel/threads-max");
        Ok(Box::new(Processes {
            proc: cx.proc.clone(),
            limits: [cx.proc.keep(pid_max), cx.proc.keep(threads_max)],
            buffer: Vec::new(),
        }))
    },
};

static LIMITS: [Family; 2] = [
    Family::gauge("node_processes_max_processes", "Above every process number.", &[]),
    Family::gauge("node_processes_max_threads", "Threads that the system can have.", &[]),
];

static COUNTS: [Family; 2] = [
    Family::gauge("node_processes_pids", "Processes.", &[]),
    Family::gauge("node_processes_threads", "Threads.", &[]),
];

static STATES: [Family; 2] = [
    Family::gauge("node_processes_state", "Processes by state, a letter of proc(5).", &["state"]),
    Family::gauge(
        "node_processes_threads_state",
        "Threads by state, a letter of proc(5).",
        &["thread_state"],
    ),
];

struct Processes {
    proc: Root,
    limits: [Kept; 2],
    buffer: Vec<u8>,
}

impl Collector for Processes {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        for (file, family) in self.limits.iter_mut().zip(&LIMITS) {
            let limit = file.read().and_then(|text| {
                let field = text.as_str().trim();
                text.parse::<u64>(Some(field), "expected a number", field)
            });
            if let Some(limit) = faults.ok(limit) {
                out.family(family, |s| s.value(limit));
            }
        }
        let mut tally = Tally::default();
        let mut path = String::new();
        let proc = self.proc.directory("")?;
        let walk = proc.each(|pid| {
            if is_number(pid) {
                let counted = tally.process(&proc, pid, &mut path, &mut self.buffer);
                if let Err(source) = counted
                    && !has_ended(&source)
                {
                    faults.note(Error::Read { path: self.proc.path(&path), source });
                }
            }
        });
        if let Err(source) = walk {
            faults.note(Error::Read { path: self.proc.as_path().to_owned(), source });
        }
        let [pids, threads] = &COUNTS;
        out.family(pids, |s| s.value(tally.pids));
        out.family(threads, |s| s.value(tally.threads));
        for (family, states) in STATES.iter().zip([&tally.states, &tally.thread_states]) {
            out.family(family, |s| {
                for (letter, count) in (0_u8..).zip(states).filter(|(_, count)| **count > 0) {
                    s.row(&[char::from(letter).encode_utf8(&mut [0; 4])], *count);
                }
            });
        }
        faults.finish()
    }
}

struct Tally {
    pids: u64,
    threads: u64,
    /// Processes by their state's letter.
    states: [u64; 128],
    thread_states: [u64; 128],
}

// === impl Tally ===

impl Default for Tally {
    fn default() -> Self {
        Self { pids: 0, threads: 0, states: [0; 128], thread_states: [0; 128] }
    }
}

impl Tally {
    fn process(
        &mut self,
        proc: &Directory,
        pid: &str,
        path: &mut String,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        path.clear();
        path.extend([pid, "/stat"]);
        let (state, threads) = parse(proc.read(path, buffer)?).ok_or_else(torn)?;
        self.pids += 1;
        self.threads = self.threads.saturating_add(threads);
        count(&mut self.states, state);
        path.clear();
        path.extend([pid, "/task"]);
        if threads <= 1 {
            // The first thread's state is the process's.
            if proc.exists(path) {
                count(&mut self.thread_states, state);
            }
            return Ok(());
        }
        let tasks = proc.directory(path)?;
        let mut result = Ok(());
        tasks.each(|tid| {
            path.clear();
            path.extend([tid, "/stat"]);
            if tid == pid {
                count(&mut self.thread_states, state);
            } else if is_number(tid) {
                let read = tasks.read(path, buffer);
                match read.and_then(|text| parse(text).ok_or_else(torn)) {
                    Ok((state, _)) => count(&mut self.thread_states, state),
                    Err(error) if has_ended(&error) => {}
                    Err(error) => result = Err(error),
                }
            }
        })?;
        result
    }
}

fn count(states: &mut [u64; 128], state: u8) {
    if let Some(count) = states.get_mut(usize::from(state)) {
        *count += 1;
    }
}

/// State and number of threads of a `stat` file. The program's name before them stands in brackets
/// and may hold anything, brackets and spaces included.
fn parse(text: &str) -> Option<(u8, u64)> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let &[state] = fields.next()?.as_bytes() else { return None };
    let threads = fields.nth(16)?.parse().ok()?;
    state.is_ascii_alphabetic().then_some((state, threads))
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_digit())
}

fn torn() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "expected (name), a state and 17 or more numbers")
}

/// Whether the process ended meanwhile, or is hidden from us.
fn has_ended(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM)
    )
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    const LIMITS: [(&str, &str); 2] =
        [("proc/sys/kernel/pid_max", "4194304\n"), ("proc/sys/kernel/threads-max", "7801\n")];

    fn stat(name: &str, state: char, threads: u8) -> String {
        format!("7 ({name}) {state} 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 {threads} 0 29 1096\n")
    }

    #[test]
    fn three_processes() {
        let (init, thread) = (stat("a) S 5 (b", 'S', 3), stat("b c", 'R', 3));
        let (kernel, last) = (stat("kworker/0:1", 'I', 1), stat(")", 'S', 1));
        let files = [
            LIMITS[0],
            LIMITS[1],
            ("proc/1/stat", init.as_str()),
            ("proc/1/task/1/stat", &init),
            ("proc/1/task/5/stat", &thread),
            ("proc/1/task/6/", ""),
            ("proc/20/stat", &kernel),
            ("proc/20/task/", ""),
            ("proc/300/stat", &last),
            ("proc/4/", ""),
            ("proc/self/stat", &last),
        ];
        expect![[r##"
            # HELP node_processes_max_processes Above every process number.
            # TYPE node_processes_max_processes gauge
            node_processes_max_processes 4194304
            # HELP node_processes_max_threads Threads that the system can have.
            # TYPE node_processes_max_threads gauge
            node_processes_max_threads 7801
            # HELP node_processes_pids Processes.
            # TYPE node_processes_pids gauge
            node_processes_pids 3
            # HELP node_processes_state Processes by state, a letter of proc(5).
            # TYPE node_processes_state gauge
            node_processes_state{state="I"} 1
            node_processes_state{state="S"} 2
            # HELP node_processes_threads Threads.
            # TYPE node_processes_threads gauge
            node_processes_threads 5
            # HELP node_processes_threads_state Threads by state, a letter of proc(5).
            # TYPE node_processes_threads_state gauge
            node_processes_threads_state{thread_state="I"} 1
            node_processes_threads_state{thread_state="R"} 1
            node_processes_threads_state{thread_state="S"} 1
        "##]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn torn() {
        let files = [
            ("proc/1/stat", "1 (systemd) S 0 1 1 0 -1 4194560 9061 9416027 94"),
            LIMITS[0],
            ("proc/sys/kernel/threads-max", "x"),
        ];
        expect![[r##"
            # HELP node_processes_max_processes Above every process number.
            # TYPE node_processes_max_processes gauge
            node_processes_max_processes 4194304
            # HELP node_processes_pids Processes.
            # TYPE node_processes_pids gauge
            node_processes_pids 0
            # HELP node_processes_threads Threads.
            # TYPE node_processes_threads gauge
            node_processes_threads 0
            error: /proc/sys/kernel/threads-max: expected a number: "x" (and 1 more)
        "##]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
