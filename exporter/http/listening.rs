//! The status page's section of who listens where: sockets of units' processes, and those that systemd
//! holds for units that it starts. What matters to a node comes first.

use super::pages::{Escaped, Uptime};
use collect::Context;
use model::{ActiveState, Endpoint, Model, Role};
use sockets::Sockets;
use std::{
    fmt::{self, Write},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Mutex, task, time};

/// How old what is shown may be: each look costs some milliseconds, however often somebody asks.
const FRESH: Duration = Duration::from_secs(10);
/// How long a page waits for a look.
const PATIENCE: Duration = Duration::from_secs(1);
/// Rows that a page has at most.
const ROWS: usize = 500;

/// Looks for sockets when a page wants to show them.
#[derive(Debug)]
pub struct Listening {
    sockets: Sockets,
    model: Arc<Model>,
    /// Held by the look under way, also where nobody waits for it any more.
    looking: Arc<Mutex<()>>,
}

/// What the page shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    rows: Vec<Row>,
    unknown: Vec<String>,
    /// How long ago; `None` where nobody has looked.
    age: Option<Duration>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// Whether a node can do without it, then its role: what sorts first is shown first.
    place: (bool, Option<Role>),
    unit: Arc<str>,
    endpoint: Endpoint,
    by: By,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Process(u32),
    /// systemd, which then starts these.
    Systemd(Vec<Arc<str>>),
}

// === impl Listening ===

impl Listening {
    /// Over the host's files and the model that the context's sources write.
    pub fn new(cx: &Context) -> Self {
        let (sockets, model) = (Sockets::new(&cx.proc, &cx.sys), cx.shared.get());
        Self { sockets, model, looking: Arc::default() }
    }

    /// What is known, looked up anew where that is older than ten seconds; `None` where no unit is.
    pub(super) async fn show(&self) -> Option<Shown> {
        if self.model.units().is_empty() {
            return None;
        }
        // Late or not, what is known is shown with its age.
        drop(time::timeout(PATIENCE, self.look()).await);
        Some(Shown::new(&self.model))
    }

    /// One look at a time.
    async fn look(&self) {
        let guard = Arc::clone(&self.looking).lock_owned().await;
        if self.model.listeners().found().is_some_and(|found| found.elapsed() < FRESH) {
            return;
        }
        let (sockets, model) = (self.sockets.clone(), Arc::clone(&self.model));
        let looked = task::spawn_blocking(move || {
            sockets.look(&model);
            drop(guard);
        });
        // It does not panic; if it did, the page would show what was known before.
        drop(looked.await);
    }
}

// === impl Shown ===

impl Shown {
    fn new(model: &Model) -> Self {
        let mut rows = Vec::new();
        let place = |unit: &Arc<str>| {
            let role = Role::of(unit);
            (role.is_none(), role)
        };
        let listeners = model.listeners();
        for (unit, all) in listeners.iter() {
            rows.extend(all.iter().map(|listener| Row {
                place: place(unit),
                unit: Arc::clone(unit),
                endpoint: listener.endpoint.clone(),
                by: By::Process(listener.pid),
            }));
        }
        let (unknown, found) = (listeners.unknown().to_vec(), listeners.found());
        drop(listeners);
        for (unit, fact) in model.units().iter() {
            if fact.state == ActiveState::Active {
                rows.extend(fact.listens.iter().map(|endpoint| Row {
                    place: place(unit),
                    unit: Arc::clone(unit),
                    endpoint: endpoint.clone(),
                    by: By::Systemd(fact.triggers.clone()),
                }));
            }
        }
        rows.sort_unstable();
        Self { rows, unknown, age: found.map(|found| found.elapsed()) }
    }

    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        out.push_str("<section><h2>Listening</h2><p>Sockets of systemd's units");
        match self.age {
            Some(age) => write!(out, ", as of {} ago.", Uptime(age))?,
            None => out.push_str("; those of processes have not been looked up."),
        }
        for what in &self.unknown {
            write!(out, "<br>Not known: {}.", Escaped(what))?;
        }
        out.push_str(
            "</p><table><thead><tr><th>Unit</th><th>Protocol</th><th>Address</th><th>By</th></tr>\
             </thead>\n<tbody>\n",
        );
        for row in self.rows.iter().take(ROWS) {
            write!(
                out,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"why\">",
                Escaped(&row.unit),
                row.endpoint.protocol(),
                Escaped(&row.endpoint.to_string()),
            )?;
            match &row.by {
                By::Process(pid) => write!(out, "process {pid}")?,
                By::Systemd(starts) => {
                    out.push_str("systemd");
                    for (index, unit) in starts.iter().enumerate() {
                        let before = if index == 0 { ", which starts " } else { ", " };
                        write!(out, "{before}{}", Escaped(unit))?;
                    }
                }
            }
            out.push_str("</td></tr>\n");
        }
        out.push_str("</tbody></table>");
        if let Some(more @ 1..) = self.rows.len().checked_sub(ROWS) {
            write!(out, "<p class=\"hint\">{more} more are not shown.</p>")?;
        }
        out.push_str("</section>\n");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Listener, Unit};
    use std::time::Instant;

    fn html(model: &Model) -> String {
        let mut out = String::new();
        Shown::new(model).write(&mut out).unwrap();
        out
    }

    #[test]
    fn what_matters_comes_first_and_all_is_escaped() {
        let model = Model::default();
        let unix = |path: &str| Endpoint::Unix(model::UnixKind::Stream, path.into());
        let listens = vec![unix("/run/<b>")];
        let triggers = vec!["docker.service".into()];
        let socket = |state| Unit {
            state,
            listens: listens.clone(),
            triggers: triggers.clone(),
            ..Unit::default()
        };
        model.units_mut().reset([
            ("docker.socket".into(), socket(ActiveState::Active)),
            ("off.socket".into(), socket(ActiveState::Inactive)),
        ]);
        let before = html(&model);
        assert!(before.contains("have not been looked up"), "{before}");
        let at = |port: u16, pid| Listener { endpoint: Endpoint::Tcp(([0; 4], port).into()), pid };
        let found = [("a.service".into(), at(80, 1)), ("kubelet.service".into(), at(10250, 2))];
        model.listeners_mut().reset(Instant::now(), found, vec!["<i>".to_owned()]);
        let html = html(&model);
        let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text}: {html}"));
        assert!(place(">kubelet.service<") < place(">docker.socket<"));
        assert!(place(">docker.socket<") < place(">a.service<"));
        place("<td>tcp</td><td>0.0.0.0:10250</td><td class=\"why\">process 2</td>");
        place("/run/&lt;b&gt;</td><td class=\"why\">systemd, which starts docker.service</td>");
        place("as of 0 s ago.<br>Not known: &lt;i&gt;.");
        assert!(!html.contains("off.socket"), "{html}");
    }

    #[test]
    fn a_page_has_a_bound() {
        let model = Model::default();
        let at = |pid| Listener { endpoint: Endpoint::Tcp(([0; 4], 80).into()), pid };
        let found = (1..=503).map(|pid| ("a.service".into(), at(pid)));
        model.listeners_mut().reset(Instant::now(), found, Vec::new());
        let html = html(&model);
        assert!(html.contains("3 more are not shown") && html.matches("<tr>").count() == 501);
    }
}
