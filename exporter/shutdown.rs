//! An orderly end: the first SIGTERM or SIGINT lets connections end, the second does not wait.

use crate::http::{Bound, Server};
use anyhow::Context as _;
use std::time::Duration;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time,
};

/// How long connections may take to end after the first signal.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until a signal and then until the connections have ended, for five seconds at most.
///
/// Fails where serving is impossible, and at a second signal.
pub async fn serve(server: Server, listeners: Vec<Bound>) -> anyhow::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    let mut serving = tokio::spawn(server.run(listeners, stopped));
    tokio::select! {
        ended = &mut serving => return ended?.context("serve"),
        _ = term.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
        _ = int.recv() => tracing::info!(signal = "SIGINT", "stopping"),
    }
    stop.send_replace(true);
    tokio::select! {
        drained = time::timeout(DRAIN, serving) => if drained.is_ok() {
            tracing::info!("stopped");
        } else {
            tracing::warn!("stopped with connections open");
        },
        _ = term.recv() => anyhow::bail!("a second signal"),
        _ = int.recv() => anyhow::bail!("a second signal"),
    }
    Ok(())
}
