//! statfs(2) on a thread of its own: a dead NFS server or FUSE daemon may hold the call for ever.
//!
//! One worker makes all calls of a scrape in one go, so that a healthy scrape costs two wake-ups.
//! A call that does not come back within the patience is left to its thread, which is lost until
//! then, and a new worker goes on with the others. The mount is not touched again before its call
//! has come back, so that a mount costs one thread at most; all mounts together cost `limit`.

pub use rustix::io::Errno;
use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// What statfs(2) says of a file system; blocks are in units of `block` bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stat {
    /// Bytes of a block.
    pub block: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Free blocks that everybody may use.
    pub available: u64,
    /// Inodes in all.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
}

// === impl Stat ===

impl Stat {
    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(self.block)
    }

    /// Bytes that are not free.
    pub fn used_bytes(&self) -> u64 {
        self.blocks.saturating_sub(self.free).saturating_mul(self.block)
    }
}

/// The call, or what stands for it in tests.
pub type Call = Arc<dyn Fn(&Path) -> Result<Stat, Errno> + Send + Sync>;

/// How a mount answered.
#[derive(Clone, Copy, Debug, Default)]
pub enum Answer {
    /// With its numbers.
    Stat(Stat),
    /// With an error.
    Failed(Errno),
    /// Not in time, now or before.
    #[default]
    Timeout,
}

/// A path to ask.
#[derive(Clone, Debug)]
pub struct Job {
    /// The mount point.
    pub path: Arc<Path>,
    /// Whether the path has answered before or lies on no network: such a path may still be asked
    /// when only one thread is left to lose.
    pub trusted: bool,
}

/// The worker and the threads that are lost.
pub struct Pool {
    desk: Arc<Desk>,
    call: Call,
    /// How long one call may take before the mount counts as stuck.
    patience: Duration,
    /// How many threads may be lost.
    limit: usize,
    /// Whether the worker of the desk's generation runs.
    staffed: bool,
}

/// Where the collector and the worker meet.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    /// There is work, or the worker shall leave.
    work: Condvar,
    /// All is answered.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// The worker in charge; one of an older generation leaves when its call comes back.
    generation: u64,
    jobs: Vec<Job>,
    /// As many as there are jobs when all is done; the job at `answers.len()` is in work.
    answers: Vec<Answer>,
    /// When the call in work began.
    since: Option<Instant>,
    /// Generations that have not come back, and from where.
    lost: Vec<(u64, Arc<Path>)>,
}

/// statfs(2).
pub fn statfs(path: &Path) -> Result<Stat, Errno> {
    let stat = rustix::io::retry_on_intr(|| rustix::fs::statfs(path))?;
    Ok(Stat {
        block: u64::try_from(stat.f_bsize).unwrap_or_default(),
        blocks: stat.f_blocks,
        free: stat.f_bfree,
        available: stat.f_bavail,
        files: stat.f_files,
        files_free: stat.f_ffree,
    })
}

// === impl Pool ===

impl Pool {
    /// A pool that has a `call` wait for `patience` and loses `limit` threads at most.
    pub fn new(call: Call, patience: Duration, limit: usize) -> Self {
        let desk = Arc::default();
        Self { desk, call, patience, limit: limit.max(1), staffed: false }
    }

    /// Asks every path once; `answers` gets one answer a job, in their order.
    ///
    /// Takes no longer than the patience without a call coming back, and no longer than the
    /// patience times the limit in all. Fails when no thread can be had; what was not asked by then
    /// is answered [`Answer::Timeout`].
    pub fn ask(&mut self, jobs: &[Job], answers: &mut Vec<Answer>) -> io::Result<()> {
        answers.clear();
        answers.resize(jobs.len(), Answer::Timeout);
        let began = Instant::now();
        let desk = Arc::clone(&self.desk);
        let mut state = desk.lock();
        // Trusted paths first: what may hang shall not keep them from being asked.
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by_key(|&i| jobs.get(i).is_some_and(|job| !job.trusted));
        loop {
            let lost = state.lost.len();
            order.retain(|&i| {
                jobs.get(i).is_some_and(|job| {
                    self.allows(lost, job) && !state.lost.iter().any(|(_, path)| *path == job.path)
                })
            });
            if order.is_empty() {
                return Ok(());
            }
            if !self.staffed {
                self.hire(state.generation)?;
                self.staffed = true;
            }
            state.jobs.clear();
            state.jobs.extend(order.iter().filter_map(|&i| jobs.get(i).cloned()));
            state.answers.clear();
            state.since = None;
            desk.work.notify_one();
            let stuck;
            (state, stuck) = self.wait(&desk, state, began);
            for (&i, answer) in order.iter().zip(&state.answers) {
                if let Some(slot) = answers.get_mut(i) {
                    *slot = *answer;
                }
            }
            if !stuck {
                return Ok(());
            }
            // The worker is given up, with the call that it is in.
            let answered = state.answers.len();
            if let Some(job) = state.jobs.get(answered).cloned() {
                let generation = state.generation;
                state.lost.push((generation, job.path));
            }
            state.generation += 1;
            state.jobs.clear();
            state.answers.clear();
            self.staffed = false;
            order.drain(..(answered + 1).min(order.len()));
            if began.elapsed() >= self.budget() {
                return Ok(());
            }
        }
    }

    /// Whether a path may be asked while `lost` threads are lost: the last thread is for trusted
    /// paths, so that dead mounts do not take the living ones with them.
    fn allows(&self, lost: usize, job: &Job) -> bool {
        lost < self.limit && (job.trusted || lost == 0 || lost + 1 < self.limit)
    }

    fn budget(&self) -> Duration {
        self.patience.saturating_mul(u32::try_from(self.limit).unwrap_or(u32::MAX))
    }

    /// Waits until all is answered, or says that the worker is stuck.
    fn wait<'a>(
        &self,
        desk: &'a Desk,
        mut state: MutexGuard<'a, State>,
        began: Instant,
    ) -> (MutexGuard<'a, State>, bool) {
        while state.answers.len() < state.jobs.len() {
            let taken = state.since.map_or(Duration::ZERO, |since| since.elapsed());
            let left = self.patience.saturating_sub(taken);
            let left = left.min(self.budget().saturating_sub(began.elapsed()));
            if left.is_zero() {
                return (state, true);
            }
            state = desk.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        (state, false)
    }

    fn hire(&self, generation: u64) -> io::Result<()> {
        let (desk, call) = (Arc::clone(&self.desk), Arc::clone(&self.call));
        // The thread does nothing but the call.
        let builder = thread::Builder::new().name("statfs".into()).stack_size(128 << 10);
        builder.spawn(move || desk.serve(generation, &call)).map(drop)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.desk.lock().generation += 1;
        self.desk.work.notify_all();
    }
}

// === impl Desk ===

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker's life.
    fn serve(&self, generation: u64, call: &Call) {
        let mut state = self.lock();
        while state.generation == generation {
            let Some(job) = state.jobs.get(state.answers.len()) else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let path = Arc::clone(&job.path);
            state.since = Some(Instant::now());
            drop(state);
            let answer = match call(&path) {
                Ok(stat) => Answer::Stat(stat),
                Err(errno) => Answer::Failed(errno),
            };
            state = self.lock();
            if state.generation == generation {
                state.answers.push(answer);
                if state.answers.len() == state.jobs.len() {
                    self.done.notify_one();
                }
            }
        }
        state.lost.retain(|(lost, _)| *lost != generation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Mounts that hang until they are let go, and how often each was asked.
    #[derive(Default)]
    struct Mounts {
        state: Mutex<BTreeMap<String, (bool, u32)>>,
        changed: Condvar,
    }

    fn hang(mounts: &Mounts, path: &str, hangs: bool) {
        mounts.state.lock().unwrap().entry(path.into()).or_default().0 = hangs;
        mounts.changed.notify_all();
    }

    fn asked(mounts: &Mounts, path: &str) -> u32 {
        mounts.state.lock().unwrap().get(path).map_or(0, |(_, asked)| *asked)
    }

    /// A pool over `mounts` whose patience ends the moment that a mount hangs: no test waits.
    fn pool(mounts: &Arc<Mounts>, limit: usize) -> Pool {
        let patience = Duration::from_secs(1000);
        let mut pool = Pool::new(Arc::new(|_| Err(Errno::NOSYS)), patience, limit);
        let (mounts, desk) = (Arc::clone(mounts), Arc::downgrade(&pool.desk));
        pool.call = Arc::new(move |path: &Path| {
            let path = path.to_str().unwrap();
            let mut state = mounts.state.lock().unwrap();
            let entry = state.entry(path.to_owned()).or_default();
            entry.1 += 1;
            if entry.0 {
                let desk = desk.upgrade().unwrap();
                desk.lock().since = Instant::now().checked_sub(patience);
                desk.done.notify_all();
            }
            while state[path].0 {
                state = mounts.changed.wait(state).unwrap();
            }
            Ok(Stat { blocks: 1, ..Stat::default() })
        });
        pool
    }

    fn ask(pool: &mut Pool, paths: &[&str]) -> String {
        let job = |path: &&str| Job { path: Path::new(path).into(), trusted: path.len() == 1 };
        let jobs: Vec<Job> = paths.iter().map(job).collect();
        let mut answers = Vec::new();
        pool.ask(&jobs, &mut answers).unwrap();
        let letter = |answer: &Answer| match answer {
            Answer::Stat(_) => '+',
            Answer::Failed(_) => '!',
            Answer::Timeout => '-',
        };
        answers.iter().map(letter).collect()
    }

    /// Waits until a lost thread has come back.
    fn settle(pool: &Pool, lost: usize) {
        while pool.desk.lock().lost.len() > lost {
            thread::yield_now();
        }
    }

    #[test]
    fn a_healthy_scrape_keeps_its_worker() {
        let mounts = Arc::default();
        let mut pool = pool(&mounts, 4);
        assert_eq!(ask(&mut pool, &[]), "");
        assert_eq!(ask(&mut pool, &["/a", "/b"]), "++");
        assert_eq!(ask(&mut pool, &["/a", "/b"]), "++");
        assert_eq!((pool.desk.lock().generation, asked(&mounts, "/a")), (0, 2));
    }

    #[test]
    fn a_stuck_mount_costs_one_thread_and_comes_back() {
        let mounts = Arc::default();
        let mut pool = pool(&mounts, 4);
        hang(&mounts, "/b", true);
        assert_eq!(ask(&mut pool, &["/a", "/b", "/c"]), "+-+");
        assert_eq!(ask(&mut pool, &["/a", "/b", "/c"]), "+-+");
        assert_eq!((asked(&mounts, "/b"), asked(&mounts, "/c")), (1, 2));
        assert_eq!(pool.desk.lock().lost.len(), 1);
        hang(&mounts, "/b", false);
        settle(&pool, 0);
        assert_eq!(ask(&mut pool, &["/a", "/b", "/c"]), "+++");
    }

    #[test]
    fn the_last_thread_is_for_trusted_paths() {
        let mounts = Arc::default();
        let mut pool = pool(&mounts, 3);
        for path in ["/b", "/c", "/d"] {
            hang(&mounts, path, true);
        }
        assert_eq!(ask(&mut pool, &["/b", "/c", "/d", "/e", "/"]), "----+");
        assert_eq!((asked(&mounts, "/d"), asked(&mounts, "/e")), (0, 0));
        assert_eq!(ask(&mut pool, &["/b", "/c", "/d", "/e", "/"]), "----+");
        assert_eq!(pool.desk.lock().lost.len(), 2);
        hang(&mounts, "/", true);
        assert_eq!(ask(&mut pool, &["/b", "/c", "/d", "/e", "/", "x"]), "------");
        assert_eq!((pool.desk.lock().lost.len(), asked(&mounts, "x")), (3, 0));
        assert_eq!(ask(&mut pool, &["/b", "x"]), "--");
        for path in ["/", "/b", "/c", "/d"] {
            hang(&mounts, path, false);
        }
        settle(&pool, 0);
        assert_eq!(ask(&mut pool, &["/b", "/c", "/d", "/e", "/", "x"]), "++++++");
    }

    #[test]
    fn one_thread_may_still_ask_everything() {
        let mounts = Arc::default();
        let mut pool = pool(&mounts, 1);
        assert_eq!(ask(&mut pool, &["/a", "/b"]), "++");
        hang(&mounts, "/a", true);
        assert_eq!(ask(&mut pool, &["/a", "/b"]), "--");
        hang(&mounts, "/a", false);
        settle(&pool, 0);
        assert_eq!(ask(&mut pool, &["/a", "/b"]), "++");
    }
}
