//! Writes what the upstreams answered, and how each of them fares.

use crate::{
    cache::{Cache, Part, Row, absent},
    fault::Reason,
    found, kubelet,
    page::{Page, alike},
    volumes::Volumes,
};
use collect::{Collector, Error, Faults, Result, Spec};
use exposition::{Family, Kind, Writer, series};
use mounts::statfs::statfs;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

const UP: Family = Family::gauge(
    "hybrid_upstream_up",
    "Whether the upstream answered this scrape, all of its pages in time.",
    &["upstream"],
);
const DURATION: Family = Family::gauge(
    "hybrid_upstream_duration_seconds",
    "How long the upstream was waited for in this scrape.",
    &["upstream"],
);
const SAMPLES: Family = Family::gauge(
    "hybrid_upstream_samples",
    "Samples that were taken of the upstream in this scrape.",
    &["upstream"],
);
const DROPPED: Family = Family::gauge(
    "hybrid_upstream_dropped_samples",
    "Samples of the upstream's answer that were left out, by reason: no samples (syntax), not of their family's \
     type (type), told before (duplicate), of a family that another upstream has with another type (conflict), \
     too many (limit). Families that are not wanted do not count.",
    &["upstream", "reason"],
);
const ERRORS: Family = Family::counter(
    "hybrid_upstream_errors_total",
    "Scrapes in which the upstream gave nothing or not all, by reason.",
    &["upstream", "reason"],
);

pub(crate) static KUBELET: Spec = Spec {
    name: "kubelet",
    doc: "What only the kubelet knows: its own families, probes, pods' usage and volumes; volumes also while it is silent.",
    default: true,
    families: &[&[UP, DURATION, SAMPLES, DROPPED, ERRORS]],
    opts: kubelet::OPTS,
    build: |cx| {
        let volumes = Some(Volumes::new(cx, Arc::new(statfs))?);
        Ok(Box::new(Upstreams { part: Part::Kubelet, cache: cx.shared.get(), volumes }))
    },
};

pub(crate) static UPSTREAMS: Spec = Spec {
    name: "upstreams",
    doc: "Metrics of other programs of this machine: etcd, kube-proxy, CoreDNS, and what has a URL.",
    default: true,
    families: &[&[UP, DURATION, SAMPLES, DROPPED, ERRORS]],
    opts: found::OPTS,
    build: |cx| {
        Ok(Box::new(Upstreams { part: Part::Others, cache: cx.shared.get(), volumes: None }))
    },
};

/// The collectors of the part `kubelet`.
pub static KUBELET_COLLECTORS: &[&Spec] = &[&KUBELET];
/// The collectors of the part `upstream`.
pub static UPSTREAM_COLLECTORS: &[&Spec] = &[&UPSTREAMS];

struct Upstreams {
    part: Part,
    cache: Arc<Cache>,
    /// Of the kubelet's part.
    volumes: Option<Volumes>,
}

/// Families that upstreams before have given, and their series.
#[derive(Default)]
struct Before<'a> {
    families: HashMap<&'a str, (Kind, Vec<&'a [u8]>)>,
}

/// What of an upstream's samples others had already.
#[derive(Clone, Copy, Default)]
struct Clash {
    duplicate: u64,
    conflict: u64,
}

impl Collector for Upstreams {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let roll = self.cache.roll(self.part).clone();
        if let Some(volumes) = &mut self.volumes {
            // By the same look at the kubelet's answer as all below: what it told stands there.
            let mut pages = roll.rows.iter().filter_map(Row::fresh).map(|outcome| &outcome.page);
            volumes.fill(pages.find(|page| page.heard), out);
        }
        let rows: Vec<_> = roll.rows.iter().filter(|row| !row.silent).collect();
        if rows.is_empty() {
            return absent(match &*roll.absent {
                _ if !roll.rows.is_empty() => "what was found has never answered",
                "" => "nobody was asked yet",
                reason => reason,
            });
        }
        let kubelet = match self.part {
            Part::Kubelet => Vec::new(),
            Part::Others => self.cache.roll(Part::Kubelet).rows.clone(),
        };
        let mut before = Before::default();
        for outcome in kubelet.iter().filter_map(|row| row.fresh()) {
            before.add(&outcome.page);
        }
        let mut faults = Faults::default();
        for row in &rows {
            let name = &*row.name;
            let fresh = row.fresh();
            let fault = fresh.and_then(|outcome| outcome.fault.as_ref());
            out.family(&UP, |s| s.row(&[name], fresh.is_some() && fault.is_none()));
            out.family(&ERRORS, |s| {
                for (reason, count) in Reason::ALL.iter().zip(&row.errors) {
                    s.row(&[name, reason.name()], *count);
                }
            });
            let Some(outcome) = fresh else {
                faults.note(Error::Other(format!("{name}: no answer yet")));
                continue;
            };
            out.family(&DURATION, |s| s.row(&[name], outcome.took.as_secs_f64()));
            if let Some(fault) = fault {
                faults.note(Error::Other(format!("{name}: {fault}")));
            }
            let page = &outcome.page;
            if fault.is_some() && page.samples == 0 {
                continue;
            }
            let clash = before.write(page, out);
            before.add(page);
            let samples = page.samples as u64 - clash.duplicate - clash.conflict;
            out.family(&SAMPLES, |s| s.row(&[name], samples));
            out.family(&DROPPED, |s| {
                s.row(&[name, "syntax"], page.dropped.syntax);
                s.row(&[name, "type"], page.dropped.kind);
                s.row(&[name, "duplicate"], page.dropped.duplicate + clash.duplicate);
                s.row(&[name, "conflict"], clash.conflict);
                s.row(&[name, "limit"], page.dropped.limit);
            });
            for remark in &page.remarks {
                out.remark(format!("{name}: {remark}"));
            }
            if clash.duplicate + clash.conflict > 0 {
                out.remark(format!(
                    "{name}: series that an upstream before it has; give it a label of its own"
                ));
            }
        }
        faults.finish()
    }
}

// === impl Before ===

impl<'a> Before<'a> {
    fn add(&mut self, page: &'a Page) {
        for (name, taken) in &page.families {
            let known = self.families.entry(name).or_insert((taken.family.kind, Vec::new()));
            known.1.push(&taken.lines);
        }
    }

    /// Writes a page's lines, less those that others gave before.
    fn write(&self, page: &Page, out: &mut Writer) -> Clash {
        let mut clash = Clash::default();
        for (name, taken) in &page.families {
            let Some((kind, stretches)) = self.families.get(&**name) else {
                out.guest(&taken.family, &taken.lines, taken.quoted);
                continue;
            };
            let lines = || taken.lines.split_inclusive(|&b| b == b'\n');
            if !alike(*kind, taken.family.kind) {
                clash.conflict += lines().count() as u64;
                continue;
            }
            let had: HashSet<&[u8]> = stretches
                .iter()
                .flat_map(|lines| lines.split_inclusive(|&b| b == b'\n'))
                .map(series)
                .collect();
            let mut new = Vec::new();
            for line in lines() {
                if had.contains(series(line)) {
                    clash.duplicate += 1;
                } else {
                    new.extend_from_slice(line);
                }
            }
            out.guest(&taken.family, &new, taken.quoted);
        }
        clash
    }
}
