//! An orderly end: the first SIGTERM or SIGINT lets connections end, the second does not wait.

use crate::http::{Bound, Server};
use anyhow::Context as _;
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time,
};

/// How long connections may take to end after the first signal.
const DRAIN: Duration = Duration::from_secs(5);

/// The signals that ask for an end, from when this is made.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
}

// === impl Signals ===

impl Signals {
    /// Listens for them; within a runtime.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// Serves until a signal and then until the connections have ended, for five seconds at most.
///
/// Fails where serving is impossible, and at a second signal.
pub async fn serve(
    server: Server,
    listeners: Vec<Bound>,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let mut serving = tokio::spawn(server.run(listeners, stopped));
    tokio::select! {
        ended = &mut serving => return ended?.context("serve"),
        signal = signals.next() => tracing::info!(signal, "stopping"),
    }
    stop.send_replace(true);
    tokio::select! {
        drained = time::timeout(DRAIN, serving) => if drained.is_ok() {
            tracing::info!("stopped");
        } else {
            tracing::warn!("stopped with connections open");
        },
        _ = signals.next() => anyhow::bail!("a second signal"),
    }
    Ok(())
}
