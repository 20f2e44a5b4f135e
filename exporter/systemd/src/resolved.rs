//! systemd-resolved's counters: `org.freedesktop.resolve1.Manager`, structures of unsigned numbers.

use crate::cache::as_u64;
use exposition::{Family, Writer};
use zbus::Variant;

/// The properties that hold the counters.
pub(crate) const PROPERTIES: [&str; 3] =
    ["CacheStatistics", "TransactionStatistics", "DNSSECStatistics"];

/// In the order of the numbers in [`PROPERTIES`]: three, two and four.
pub(crate) static FAMILIES: [Family; 9] = [
    Family::gauge("systemd_resolved_current_cache_size", "Records in the cache.", &[]),
    Family::counter("systemd_resolved_cache_hits_total", "Answers from the cache.", &[]),
    Family::counter("systemd_resolved_cache_misses_total", "Questions not in the cache.", &[]),
    Family::gauge("systemd_resolved_current_transactions", "Questions under way.", &[]),
    Family::counter("systemd_resolved_transactions_total", "Questions sent.", &[]),
    Family::counter("systemd_resolved_dnssec_secure_total", "Answers proven right.", &[]),
    Family::counter("systemd_resolved_dnssec_insecure_total", "Answers without a proof.", &[]),
    Family::counter("systemd_resolved_dnssec_bogus_total", "Answers proven wrong.", &[]),
    Family::counter("systemd_resolved_dnssec_indeterminate_total", "Answers left open.", &[]),
];

/// Where each property's numbers begin among the families, and how many there are.
const SPANS: [(usize, usize); 3] = [(0, 3), (3, 2), (5, 4)];

#[derive(Debug, Default)]
pub(crate) struct Resolved([Option<u64>; FAMILIES.len()]);

// === impl Resolved ===

impl Resolved {
    /// Notes a property's numbers; `None` where it could not be read.
    pub(crate) fn set(&mut self, property: &str, value: Option<&Variant<'_>>) {
        let place = PROPERTIES.iter().zip(SPANS).find(|(name, _)| **name == property);
        let Some((_, (start, length))) = place else { return };
        let fields = match value {
            Some(Variant::Structure(structure)) => structure.fields(),
            _ => &[],
        };
        for (index, number) in self.0.iter_mut().skip(start).take(length).enumerate() {
            *number = fields.get(index).and_then(as_u64);
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        for (family, number) in FAMILIES.iter().zip(self.0) {
            out.family(family, |s| s.maybe(number));
        }
    }
}
