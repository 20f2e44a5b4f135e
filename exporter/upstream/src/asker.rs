//! One upstream over time: asked when a scrape begins, within its bound, and never twice at the same time.
//!
//! | state | |
//! |---|---|
//! | asked | a round waits for its answer, at most its bound |
//! | on trial | it was late [`PATIENCE`] times in a row: it is asked all the same, and no round waits for it; once it has answered it is asked as before |
//!
//! So an upstream that hangs slows a few scrapes and no more, and is back with the second scrape after it
//! has recovered.

use crate::{
    client::{Client, Given},
    fault::{Fault, Reason},
    page::Page,
    target::Target,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{self, Instant},
};

/// Rounds in a row that wait in vain.
const PATIENCE: u32 = 3;
/// How long an upstream may take on trial.
const TRIAL: Duration = Duration::from_secs(10);

/// One upstream.
pub(crate) struct Asker {
    pub(crate) target: Arc<Target>,
    client: Client,
    late: u32,
    /// The trial that goes on; it says whether the answer came in time.
    trial: Option<JoinHandle<bool>>,
}

/// What a round came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) page: Page,
    /// What is wrong with it; nothing where all pages came.
    pub(crate) fault: Option<Fault>,
    pub(crate) took: Duration,
    pub(crate) at: Instant,
}

// === impl Asker ===

impl Asker {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        let client = Client::new(Arc::clone(&target));
        Self { target, client, late: 0, trial: None }
    }

    /// Asks, and waits at most the upstream's bound.
    pub(crate) async fn ask(&mut self) -> Outcome {
        let begun = Instant::now();
        let bound = self.target.limits.timeout;
        if self.is_on_trial().await {
            let detail = format!(
                "{}: no answer within {} ms, {PATIENCE} times in a row; scrapes do not wait for it until it answers",
                self.target.place.url(),
                bound.as_millis()
            );
            return Outcome::of(Given::nothing(Fault::new(Reason::Timeout, detail)), begun);
        }
        let given = if let Ok(given) = time::timeout(bound, self.client.ask()).await {
            self.late = 0;
            given
        } else {
            // What was under way is given up: its connection is closed.
            self.client = Client::new(Arc::clone(&self.target));
            self.late = self.late.saturating_add(1);
            let url = self.target.place.url();
            let detail = format!("{url}: no answer within {} ms", bound.as_millis());
            Given::nothing(Fault::new(Reason::Timeout, detail))
        };
        Outcome::of(given, begun)
    }

    /// Whether this round is not to wait for it. A trial that has ended well ends that.
    async fn is_on_trial(&mut self) -> bool {
        if self.late < PATIENCE {
            return false;
        }
        if self.trial.as_ref().is_some_and(|trial| !trial.is_finished()) {
            return true;
        }
        if let Some(trial) = self.trial.take()
            && trial.await.unwrap_or(true)
        {
            self.late = 0;
            return false;
        }
        let mut client = Client::new(Arc::clone(&self.target));
        let in_time = Instant::now() + self.target.limits.timeout;
        self.trial = Some(tokio::spawn(async move {
            let answered = time::timeout(TRIAL, client.ask()).await.is_ok();
            answered && Instant::now() <= in_time
        }));
        true
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        if let Some(trial) = &self.trial {
            trial.abort();
        }
    }
}

// === impl Given ===

impl Given {
    fn nothing(fault: Fault) -> Self {
        Self { page: Page::default(), fault: Some(fault) }
    }
}

// === impl Outcome ===

impl Outcome {
    fn of(given: Given, begun: Instant) -> Self {
        let at = Instant::now();
        Self { page: given.page, fault: given.fault, took: at.saturating_duration_since(begun), at }
    }
}
