//! The tasks that ask the upstreams: one of the kubelet, so that a scrape of its part alone asks nobody else,
//! and one of all others.
//!
//! A scrape that begins is a round, and without a scrape there is none: all upstreams of the part are asked at
//! the same time, and the scrape has its answer when the last one has answered or is given up, before it would
//! go on without. Nothing is asked again before a round is over; scrapes that begin meanwhile share the next
//! one.

use crate::{
    asker::Asker,
    cache::{Cache, Part, Row},
    found::Found,
    kubelet::Kubelet,
    target::Target,
};
use collect::{Call, Context, Health, Line, Result, Source, SourceSpec};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
};

/// The kubelet's entry in the registry.
pub static KUBELET_SOURCE: SourceSpec = SourceSpec {
    name: "kubelet",
    build: |cx| {
        let plan = Plan::Kubelet(Box::new(Kubelet::new(cx)?));
        Ok(Some(Box::new(Upstreams::new(cx, Part::Kubelet, plan))))
    },
    holds_readiness: false,
};

/// The entry of all others.
pub static UPSTREAM_SOURCE: SourceSpec = SourceSpec {
    name: "upstream",
    build: |cx| {
        let plan = Plan::Others(Found::new(cx)?);
        Ok(Some(Box::new(Upstreams::new(cx, Part::Others, plan))))
    },
    holds_readiness: false,
};

/// Who is to be asked.
pub(crate) enum Plan {
    Kubelet(Box<Kubelet>),
    Others(Found),
}

pub(crate) struct Upstreams {
    part: Part,
    plan: Plan,
    cache: Arc<Cache>,
    askers: Vec<Asker>,
}

// === impl Plan ===

impl Plan {
    /// The upstreams as of now; none, and why.
    fn targets(&mut self) -> Result<Vec<Target>, String> {
        match self {
            Self::Kubelet(kubelet) => kubelet.target().map(|target| vec![target]),
            Self::Others(found) => {
                let targets = found.targets();
                if targets.is_empty() {
                    return Err("no upstream is configured, and none was found".to_owned());
                }
                Ok(targets)
            }
        }
    }
}

// === impl Upstreams ===

impl Upstreams {
    pub(crate) fn new(cx: &Context, part: Part, plan: Plan) -> Self {
        Self { part, plan, cache: cx.shared.get(), askers: Vec::new() }
    }

    async fn serve(&mut self, line: &Line) {
        let mut call = line.next().await;
        while let Call::Refresh(ticket) = call {
            let mut next = None;
            let mut round = pin!(self.round());
            let health = loop {
                tokio::select! {
                    health = &mut round => break health,
                    other = line.next() => match other {
                        Call::Stop => return,
                        Call::Refresh(_) => next = Some(other),
                    },
                }
            };
            line.health(health);
            line.answer(ticket);
            call = match next {
                Some(call) => call,
                None => line.next().await,
            };
        }
    }

    /// Asks every upstream once, all at the same time.
    async fn round(&mut self) -> Health {
        let targets = match self.plan.targets() {
            Ok(targets) => targets,
            Err(reason) => {
                self.askers.clear();
                let mut roll = self.cache.roll(self.part);
                roll.rows.clear();
                roll.absent.clone_from(&reason);
                return Health::absent(reason);
            }
        };
        self.turn_to(targets);
        let mut asked: FuturesUnordered<_> = self
            .askers
            .iter_mut()
            .enumerate()
            .map(|(at, asker)| async move { (at, asker.ask().await) })
            .collect();
        while let Some((at, outcome)) = asked.next().await {
            let mut roll = self.cache.roll(self.part);
            if let Some(row) = roll.rows.get_mut(at) {
                row.note(outcome);
            }
        }
        drop(asked);
        self.health()
    }

    /// Keeps the askers of targets that are as they were, and their rows.
    fn turn_to(&mut self, targets: Vec<Target>) {
        let same = self.askers.len() == targets.len()
            && self.askers.iter().zip(&targets).all(|(asker, target)| *asker.target == *target);
        if same {
            return;
        }
        let mut roll = self.cache.roll(self.part);
        let mut rows = std::mem::take(&mut roll.rows);
        let mut askers = std::mem::take(&mut self.askers);
        for target in targets {
            let row = rows.iter().position(|row| *row.name == *target.name);
            roll.rows.push(match row {
                Some(at) => rows.swap_remove(at),
                None => Row::new(&target.name, target.guessed),
            });
            let asker = askers.iter().position(|asker| *asker.target == target);
            self.askers.push(match asker {
                Some(at) => askers.swap_remove(at),
                None => Asker::new(Arc::new(target)),
            });
        }
    }

    fn health(&self) -> Health {
        let roll = self.cache.roll(self.part);
        let mut heard = roll.rows.iter().filter(|row| !row.silent).peekable();
        if heard.peek().is_none() {
            return Health::absent("what was found has never answered");
        }
        let fault = |row: &Row| {
            let fault = row.outcome.as_ref()?.fault.as_ref()?;
            Some(Health::down(format!("{}: {fault}", row.name)))
        };
        heard.find_map(fault).unwrap_or_else(Health::up)
    }
}

impl Source for Upstreams {
    fn run(mut self: Box<Self>, line: Line) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.serve(&line).await })
    }
}
