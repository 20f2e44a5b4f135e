//! What the integration tests share: where things are, the real peers, and how a test is skipped.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests read the environment and files, and write reports"
)]

pub(crate) mod child;
pub(crate) mod client;
pub(crate) mod promql;
pub(crate) mod scrape;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Flags for the host in `tests/fixtures/host/debian12`, as this exporter and `node_exporter` take them.
pub(crate) fn debian12_flags() -> Vec<String> {
    let dir = root().join("tests/fixtures/host/debian12");
    let dir = dir.display();
    vec![
        format!("--path.procfs={dir}/proc"),
        format!("--path.sysfs={dir}/sys"),
        format!("--path.rootfs={dir}/rootfs"),
        "--path.udev.data=/nonexistent".to_owned(),
        "--no-collector.arp.netlink".to_owned(),
        "--no-collector.netdev.netlink".to_owned(),
        // The mounts are another machine's.
        "--no-collector.filesystem".to_owned(),
    ]
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The exporter under test.
pub(crate) const EXPORTER: &str = env!("CARGO_BIN_EXE_hybrid-exporter");

/// Says that the test `name` (`module::function`) cannot run its real part here, and why. The
/// caller returns; `tests/run` counts the test as skipped, not as passed.
pub(crate) fn skip(name: &str, reason: &str) {
    eprintln!("SKIPPED {name}: {reason}");
    if let Some(dir) = env::var_os("HYBRID_TEST_REPORT") {
        let file = Path::new(&dir).join("skipped").join(name);
        fs::write(&file, format!("{reason}\n")).expect("the report folder takes a skip");
    }
}

/// A real peer's binary from `HYBRID_PEERS`, `KUBEBUILDER_ASSETS` or the cache of `tests/ground/peers`, or why there is
/// none.
pub(crate) fn peer(name: &str) -> Result<PathBuf, String> {
    let ready = ["HYBRID_PEERS", "KUBEBUILDER_ASSETS"].into_iter().filter_map(env::var_os);
    for dir in ready.map(PathBuf::from).chain(cache().map(|cache| cache.join("bin"))) {
        let file = dir.join(name);
        if file.is_file() {
            return Ok(file);
        }
    }
    Err(reason(name))
}

/// The Python of the environment that has `prometheus_client`, or why there is none.
pub(crate) fn python() -> Result<PathBuf, String> {
    match cache().map(|cache| cache.join("venv/bin/python3")) {
        Some(python) if python.is_file() => Ok(python),
        _ => Err(reason("prometheus_client")),
    }
}

/// A program on `PATH`, or why there is none.
pub(crate) fn program(name: &str) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| reason(name))
}

/// What `tests/ground/peers` takes from a module as it is, a file or a folder, or why it is not here.
pub(crate) fn kept(name: &str) -> Result<PathBuf, String> {
    let kept = cache().map(|cache| cache.join(name)).filter(|kept| kept.exists());
    kept.ok_or_else(|| reason(name))
}

/// Recorded kernel files of machines with many kinds of hardware, from `node_exporter`'s module.
pub(crate) fn recorded_host() -> Result<PathBuf, String> {
    kept("recorded")
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t0\t")))
}

/// A file of the repository.
pub(crate) fn read(rel: &str) -> String {
    let path = root().join(rel);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

/// Compares a committed file with what it should hold; `UPDATE_EXPECT=1` rewrites it.
///
/// Not by expect-test, whose diff of two long texts takes minutes.
pub(crate) fn assert_file(rel: &str, want: &str) {
    let path = root().join(rel);
    let had = fs::read_to_string(&path).unwrap_or_default();
    if had == want {
        return;
    }
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, want).unwrap_or_else(|error| panic!("write {rel}: {error}"));
        return;
    }
    let (had, want): (Vec<_>, Vec<_>) = (had.lines().collect(), want.lines().collect());
    let lacks = want.iter().filter(|line| !had.contains(line)).take(10);
    let stale = had.iter().filter(|line| !want.contains(line)).take(10);
    panic!(
        "{rel} is stale; `just bless` writes it anew\nnew: {:#?}\ngone: {:#?}",
        lacks.collect::<Vec<_>>(),
        stale.collect::<Vec<_>>()
    );
}

/// The folder that keeps the real peers between runs.
pub(crate) fn cache() -> Option<PathBuf> {
    env::var_os("HYBRID_GROUND_CACHE").map(PathBuf::from).or_else(|| {
        let caches = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
        Some(caches?.join("hybrid-ground"))
    })
}

/// Why a part is absent, as `tests/run` found out.
fn reason(part: &str) -> String {
    let told = env::var_os("HYBRID_TEST_REPORT")
        .and_then(|dir| fs::read_to_string(Path::new(&dir).join("parts")).ok())
        .and_then(|parts| {
            parts.lines().find_map(|line| {
                let (name, rest) = line.split_once('\t')?;
                let (state, why) = rest.split_once('\t')?;
                (name == part && state == "absent").then(|| why.to_owned())
            })
        });
    told.map_or_else(|| format!("{part} is not here"), |why| format!("{part}: {why}"))
}
