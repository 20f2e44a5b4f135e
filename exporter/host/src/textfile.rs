//! `*.prom` files in directories of the operator's choice: families that scripts leave behind.
//!
//! A bad line costs itself, a bad file costs itself; built-in families always win over a file's. The
//! files are read again when one of them changed (inode, size or times), or was so young when it was
//! read that a later change may not show, or could not be read, as where descriptors ran out.
//! `node_textfile_mtime_seconds` is in whole seconds.

use crate::glob;
use collect::{Clock, Collector, Context, Error, Opt, Result, Spec, Stamp};
use exposition::{Family, Kind, Parsed, ParsedFamily, ParsedLine, Writer, parse};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::SystemTime,
};

pub(crate) static SPEC: Spec = Spec {
    name: "textfile",
    doc: "Metrics from *.prom files.",
    default: true,
    families: &[&[MTIME, ERROR, DROPPED_SAMPLES, DROPPED_FILES]],
    opts: &[DIRECTORY, MAX_FILES, MAX_FILE_BYTES, MAX_BYTES, MAX_SAMPLES],
    build: |cx| Ok(Box::new(Textfile::new(cx)?)),
};

const DIRECTORY: Opt = Opt::list(
    "collector.textfile.directory",
    "Directory to read *.prom files from; may be a glob pattern and may be repeated.",
);
const MAX_FILES: Opt = Opt::text(
    "collector.textfile.max-files",
    "1000",
    "Textfiles that are read at most; those last in name order are left out.",
);
const MAX_FILE_BYTES: Opt = Opt::text(
    "collector.textfile.max-file-bytes",
    "4194304",
    "Bytes that a textfile may have; a larger one is left out.",
);
const MAX_BYTES: Opt = Opt::text(
    "collector.textfile.max-bytes",
    "33554432",
    "Bytes that all textfiles may have; a file that goes beyond is left out.",
);
const MAX_SAMPLES: Opt = Opt::text(
    "collector.textfile.max-samples",
    "50000",
    "Samples that are taken from all textfiles; those last in name order are left out.",
);

const MTIME: Family = Family::gauge(
    "node_textfile_mtime_seconds",
    "When a textfile that was read was last modified, in seconds since 1970.",
    &["file"],
);
const ERROR: Family = Family::gauge(
    "node_textfile_scrape_error",
    "Whether a directory, a textfile or a line of one could not be read.",
    &[],
);
const DROPPED_SAMPLES: Family = Family::gauge(
    "hybrid_textfile_dropped_samples",
    "Samples that are left out of textfiles, by reason.",
    &["reason"],
);
const DROPPED_FILES: Family = Family::gauge(
    "hybrid_textfile_dropped_files",
    "Textfiles that are left out, by reason.",
    &["reason"],
);

/// Remarks kept; the writer takes fewer.
const MAX_REMARKS: usize = 32;
/// A file that was modified less than this many seconds before it was read may change again without
/// another time.
const SETTLED_SECONDS: i64 = 2;

struct Textfile {
    directories: Vec<String>,
    max_files: usize,
    max_file_bytes: u64,
    max_bytes: u64,
    max_samples: usize,
    clock: Clock,
    /// What stood in the directories when `read` was made.
    found: Vec<(String, Option<Stamp>)>,
    settled: bool,
    read: Read,
}

/// What the files gave.
#[derive(Default)]
struct Read {
    families: BTreeMap<String, Guest>,
    /// Where each series was first.
    series: HashMap<Vec<u8>, (usize, u32)>,
    /// Files that were read, with their times.
    files: Vec<(String, i64)>,
    remarks: Vec<String>,
    failed: bool,
    /// A file is there that could not be read just then.
    missed: bool,
    bytes: u64,
    dropped: Dropped,
}

#[derive(Default)]
struct Dropped {
    syntax: u64,
    duplicate: u64,
    conflict: u64,
    limit: u64,
    unreadable_files: u64,
    large_files: u64,
    limit_files: u64,
}

struct Guest {
    family: Family,
    lines: Vec<u8>,
    quoted: bool,
}

// === impl Textfile ===

impl Textfile {
    fn new(cx: &Context) -> Result<Self> {
        let directories = cx.options.list(&DIRECTORY).iter().filter(|dir| !dir.is_empty());
        Ok(Self {
            directories: directories.cloned().collect(),
            max_files: number(cx, &MAX_FILES)?,
            max_file_bytes: number(cx, &MAX_FILE_BYTES)?,
            max_bytes: number(cx, &MAX_BYTES)?,
            max_samples: number(cx, &MAX_SAMPLES)?,
            clock: cx.clock,
            found: Vec::new(),
            settled: false,
            read: Read::default(),
        })
    }

    /// Reads every file that was found.
    fn read(&self, found: &[(String, Option<Stamp>)]) -> Read {
        let mut read = Read::default();
        for (at, (path, stamp)) in found.iter().enumerate() {
            if at >= self.max_files {
                read.dropped.limit_files += 1;
                read.fail(|| format!("{path}: beyond {} files", self.max_files));
                continue;
            }
            self.read_file(&mut read, path, *stamp);
        }
        read.series = HashMap::new();
        read
    }

    fn read_file(&self, read: &mut Read, path: &str, stamp: Option<Stamp>) {
        let Some(stamp) = stamp.filter(|stamp| stamp.is_file) else {
            read.dropped.unreadable_files += 1;
            read.fail(|| match glob::root(path).stamp(path) {
                Err(error) => error.to_string(),
                Ok(_) => format!("{path}: expected a regular file"),
            });
            return;
        };
        let too_large = |size: u64, bytes: u64| {
            if size > self.max_file_bytes {
                Some(format!("{path}: larger than {} bytes", self.max_file_bytes))
            } else if bytes.saturating_add(size) > self.max_bytes {
                Some(format!("{path}: beyond {} bytes of all files", self.max_bytes))
            } else {
                None
            }
        };
        let mut result = Ok(None);
        let mut excess = too_large(stamp.size, read.bytes);
        if excess.is_none() {
            result = glob::root(path).read(path).map(Some);
        }
        let file = match result {
            Ok(file) => file,
            Err(error) => {
                read.dropped.unreadable_files += 1;
                read.missed = true;
                read.fail(|| error.to_string());
                return;
            }
        };
        let text = file.as_ref().map(|file| file.text().as_str()).unwrap_or_default();
        let size = text.len() as u64;
        // It may have grown since.
        excess = excess.or_else(|| too_large(size, read.bytes));
        if let Some(remark) = excess {
            read.dropped.large_files += 1;
            read.fail(|| remark);
            return;
        }
        read.bytes = read.bytes.saturating_add(size);
        read.files.push((path.to_owned(), stamp.modified));
        read.take(path, &parse(text), self.max_samples);
    }
}

impl Collector for Textfile {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut paths = BTreeSet::new();
        let mut faults = Vec::new();
        for directory in self.directories.iter().flat_map(|pattern| glob::expand(pattern)) {
            match glob::root(&directory).list(&directory) {
                Ok(names) => paths.extend(
                    names
                        .iter()
                        .filter(|name| name.strip_suffix(".prom").is_some())
                        .map(|name| glob::join(&directory, name)),
                ),
                Err(error) => faults.push(error.to_string()),
            }
        }
        let with_stamp = |(at, path): (usize, String)| {
            let stamp =
                if at < self.max_files { glob::root(&path).stamp(&path).ok() } else { None };
            (path, stamp)
        };
        let found: Vec<_> = paths.into_iter().enumerate().map(with_stamp).collect();
        if !self.settled || found != self.found {
            let now = seconds(self.clock.now());
            let youngest =
                found.iter().filter_map(|(_, stamp)| Some(stamp.as_ref()?.modified)).max();
            self.read = self.read(&found);
            self.settled = !self.read.missed
                && youngest.is_none_or(|at| at.saturating_add(SETTLED_SECONDS) < now);
            self.found = found;
        }
        let failed = self.read.failed || !faults.is_empty();
        out.family(&ERROR, |s| s.value(failed));
        if self.directories.is_empty() {
            return Ok(());
        }
        for remark in faults.iter().chain(&self.read.remarks) {
            out.remark(remark);
        }
        self.read.write(out);
        Ok(())
    }
}

// === impl Read ===

impl Read {
    /// Takes a file's samples, less those that other files gave before.
    fn take(&mut self, path: &str, parsed: &Parsed, max_samples: usize) {
        self.dropped.syntax = self.dropped.syntax.saturating_add(parsed.refused);
        for fault in &parsed.faults {
            self.fail(|| format!("{path}:{}: {}", fault.line, fault.what));
        }
        for family in &parsed.families {
            if self.take_family(path, family) {
                for line in family.lines() {
                    self.take_line(path, &family.family.name, line, max_samples);
                }
            } else {
                self.dropped.conflict += family.lines().len() as u64;
            }
        }
    }

    /// Whether the family's lines fit to what files before it made of the family.
    fn take_family(&mut self, path: &str, parsed: &ParsedFamily) -> bool {
        let family = &parsed.family;
        let Some(guest) = self.families.get_mut(&*family.name) else {
            let guest = Guest { family: family.clone(), lines: Vec::new(), quoted: parsed.quoted };
            self.families.insert(family.name.to_string(), guest);
            return true;
        };
        guest.quoted |= parsed.quoted;
        let had = guest.family.kind;
        let simple = |kind| !matches!(kind, Kind::Histogram | Kind::Summary);
        let fits = had == family.kind || simple(had) && simple(family.kind);
        // A file that leaves the TYPE line out contradicts nobody.
        if had != family.kind && !(fits && family.kind == Kind::Untyped) {
            let line = parsed.lines().next().map_or(0, |line| line.number);
            let becomes = if fits { "its samples go under it" } else { "its samples are left out" };
            self.remark(|| {
                format!(
                    "{path}:{line}: {} is of another type in a file before; {becomes}",
                    family.name
                )
            });
        }
        fits
    }

    fn take_line(&mut self, path: &str, family: &str, line: ParsedLine<'_>, max_samples: usize) {
        if let Some((file, number)) = self.series.get(line.series).copied() {
            self.dropped.duplicate += 1;
            let before = self.files.get(file).map(|(path, _)| path.clone()).unwrap_or_default();
            self.remark(|| format!("{path}:{}: the series of {before}:{number}", line.number));
        } else if self.series.len() >= max_samples {
            if self.dropped.limit == 0 {
                self.fail(|| format!("{path}:{}: beyond {max_samples} samples", line.number));
            }
            self.dropped.limit += 1;
        } else if let Some(guest) = self.families.get_mut(family) {
            guest.lines.extend_from_slice(line.text);
            let file = self.files.len().saturating_sub(1);
            self.series.insert(line.series.to_vec(), (file, line.number));
        }
    }

    fn write(&self, out: &mut Writer) {
        out.family(&MTIME, |s| {
            for (path, modified) in &self.files {
                s.row(&[path], *modified);
            }
        });
        let Dropped { syntax, duplicate, conflict, limit, .. } = self.dropped;
        out.family(&DROPPED_SAMPLES, |s| {
            s.row(&["syntax"], syntax);
            s.row(&["duplicate"], duplicate);
            s.row(&["type"], conflict);
            s.row(&["limit"], limit);
        });
        out.family(&DROPPED_FILES, |s| {
            s.row(&["unreadable"], self.dropped.unreadable_files);
            s.row(&["size"], self.dropped.large_files);
            s.row(&["limit"], self.dropped.limit_files);
        });
        for guest in self.families.values() {
            out.guest(&guest.family, &guest.lines, guest.quoted);
        }
    }

    fn fail(&mut self, remark: impl FnOnce() -> String) {
        self.failed = true;
        self.remark(remark);
    }

    fn remark(&mut self, remark: impl FnOnce() -> String) {
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.push(remark());
        }
    }
}

fn number<T: std::str::FromStr>(cx: &Context, option: &Opt) -> Result<T> {
    let text = cx.options.text(option);
    text.parse().map_err(|_| Error::Option {
        option: option.name.to_owned(),
        what: format!("{text:?} is no number"),
    })
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
