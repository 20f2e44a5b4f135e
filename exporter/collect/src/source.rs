//! What is pushed: a task that keeps a cache true, and how a scrape asks it to be certain.
//!
//! A source runs for the whole life of the process. Its collectors read the cache and never wait
//! (invariant 1); the scrape waits instead, for a bounded time, before it runs them: [`Bell::ring`]
//! tells the source that a scrape begins, [`Ticket`] comes back when the cache is true as of then.
//! Nothing here needs a runtime.

use crate::{Context, Result, lock};
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

/// A task that feeds a cache from something that pushes: a bus, a watch, files that grow.
pub trait Source: Send {
    /// Runs until `line` says stop. Reconnects by itself; an end before that is a defect.
    fn run(self: Box<Self>, line: Line) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A source's entry in the registry.
pub struct SourceSpec {
    /// The name in `hybrid_source_up{source}`.
    pub name: &'static str,
    /// Makes the source; `None` where it is switched off. Fails on a wrong option only.
    pub build: BuildSource,
    /// Whether the exporter is not ready while the source is there and not up: where what it serves
    /// would be wrong without the source, and not just less.
    pub holds_readiness: bool,
}

/// Makes a source; `None` where it is switched off.
pub type BuildSource = fn(&Context) -> Result<Option<Box<dyn Source>>>;

/// The source's end: its health, the scrapes that begin, and the word to stop.
#[derive(Clone, Debug)]
pub struct Line(Arc<Mutex<State>>);

/// The other end of a [`Line`].
#[derive(Clone, Debug)]
pub struct Bell(Arc<Mutex<State>>);

/// A scrape that asked for certainty, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What a [`Line`] has for its source next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A scrape began: answer the ticket when the cache is true as of now, or cannot be made so.
    Refresh(Ticket),
    /// The process ends.
    Stop,
}

/// Whether a source has what it reads, and why not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether the cache is being kept true.
    pub up: bool,
    /// Whether the machine simply has no such thing.
    pub absent: bool,
    /// Why it is not up; empty where it is.
    pub reason: String,
}

#[derive(Debug, Default)]
struct State {
    health: Health,
    asked: u64,
    heard: u64,
    answered: u64,
    stopped: bool,
    wakers: Vec<Waker>,
}

/// Things of which a process has one each: how a source and its collectors find the same cache.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Cells>>);

type Cells = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

// === impl Line ===

impl Line {
    /// Both ends.
    pub fn new() -> (Self, Bell) {
        let state = Arc::<Mutex<State>>::default();
        (Self(Arc::clone(&state)), Bell(state))
    }

    /// Waits for the next scrape that begins, or the end. Scrapes that begin while the source is
    /// busy become one call.
    pub fn next(&self) -> impl Future<Output = Call> + Send + use<> {
        let state = Arc::clone(&self.0);
        std::future::poll_fn(move |cx| {
            let mut state = lock(&state);
            if state.stopped {
                return Poll::Ready(Call::Stop);
            }
            if state.asked > state.heard {
                state.heard = state.asked;
                return Poll::Ready(Call::Refresh(Ticket(state.asked)));
            }
            state.wait(cx.waker());
            Poll::Pending
        })
    }

    /// Says that the cache is true as of the ticket's scrape, or that waiting longer is of no use.
    pub fn answer(&self, ticket: Ticket) {
        let mut state = lock(&self.0);
        state.answered = state.answered.max(ticket.0);
        state.wake();
    }

    /// Says how the source is; gives what was said before.
    pub fn health(&self, health: Health) -> Health {
        std::mem::replace(&mut lock(&self.0).health, health)
    }
}

// === impl Bell ===

impl Bell {
    /// Tells the source that a scrape begins; what is given waits for its answer.
    pub fn ring(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = lock(&self.0);
        state.asked += 1;
        let number = state.asked;
        state.wake();
        drop(state);
        let state = Arc::clone(&self.0);
        std::future::poll_fn(move |cx| {
            let mut state = lock(&state);
            if state.answered >= number || state.stopped {
                return Poll::Ready(());
            }
            state.wait(cx.waker());
            Poll::Pending
        })
    }

    /// Tells the source to end.
    pub fn stop(&self) {
        let mut state = lock(&self.0);
        state.stopped = true;
        state.wake();
    }

    /// How the source is.
    pub fn health(&self) -> Health {
        lock(&self.0).health.clone()
    }
}

// === impl Health ===

impl Health {
    /// The cache is kept true.
    pub fn up() -> Self {
        Self { up: true, ..Self::default() }
    }

    /// The source is there and cannot be read.
    pub fn down(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// The machine has no such thing.
    pub fn absent(reason: impl Into<String>) -> Self {
        Self { absent: true, ..Self::down(reason) }
    }
}

// === impl State ===

impl State {
    fn wait(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

// === impl Shared ===

impl Shared {
    /// The process's one `T`; it is made when it is first asked for.
    pub fn get<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut cells = lock(&self.0);
        let cell = cells.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        Arc::clone(cell).downcast().unwrap_or_default()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{pin::pin, task};

    fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut cx = task::Context::from_waker(Waker::noop());
        match pin!(future).poll(&mut cx) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn scrapes_that_come_together_are_one_call() {
        let (line, bell) = Line::new();
        assert_eq!(poll(line.next()), None);
        let (mut first, mut second) = (bell.ring(), bell.ring());
        assert_eq!(poll(&mut first), None);
        let Some(Call::Refresh(ticket)) = poll(line.next()) else { panic!("no call") };
        assert_eq!(poll(line.next()), None);
        let mut third = bell.ring();
        line.answer(ticket);
        assert_eq!((poll(&mut first), poll(&mut second)), (Some(()), Some(())));
        assert_eq!(poll(&mut third), None);
        bell.stop();
        assert_eq!((poll(&mut third), poll(line.next())), (Some(()), Some(Call::Stop)));
    }

    #[test]
    fn a_process_has_one_of_each() {
        let shared = Shared::default();
        shared.get::<Mutex<u32>>().lock().map(|mut n| *n = 7).unwrap_or_default();
        assert_eq!(shared.clone().get::<Mutex<u32>>().lock().map(|n| *n).ok(), Some(7));
    }
}
