//! Which objects are a shard's: kube-state-metrics' choice, object for object.
//!
//! The number of the shard is the jump consistent hash (Lamping and Veach, 2014) of the 64-bit FNV-1a
//! hash of `metadata.uid`. An object without a uid hashes like any other text.

/// One of so many shards; the only one unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 0.
    index: u32,
    /// Of how many; 1 at least.
    total: u32,
}

// === impl Shard ===

impl Shard {
    /// Everything in one shard.
    pub const WHOLE: Self = Self { index: 0, total: 1 };

    /// Shard `index` of `total`. None where there is no such shard.
    pub fn new(index: u32, total: u32) -> Option<Self> {
        (index < total && i32::try_from(total).is_ok()).then_some(Self { index, total })
    }

    /// Whether the object of this uid is the shard's.
    pub fn takes(self, uid: &str) -> bool {
        self.total == 1 || jump(fnv1a(uid.as_bytes()), self.total) == self.index
    }

    /// Which one, from 0: `kube_state_metrics_shard_ordinal`.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Of how many: `kube_state_metrics_total_shards`.
    pub fn total(self) -> u32 {
        self.total
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

/// The 64-bit FNV-1a hash.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The bucket of a key among `total` of them.
fn jump(mut key: u64, total: u32) -> u32 {
    let (mut bucket, mut next) = (0, 0);
    while next < u64::from(total) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = leap(bucket, key >> 33);
    }
    u32::try_from(bucket).unwrap_or(total)
}

/// Where a bucket's keys go next: far off where `draw`, of 31 bits, is small.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both are of 31 bits, and so is what counts of the product, which is positive"
)]
fn leap(bucket: u64, draw: u64) -> u64 {
    let far = f64::from(1u32 << 31) / (draw + 1) as f64;
    ((bucket + 1) as f64 * far) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `sharding.keep` of kube-state-metrics 2.20 says of uids: the shard of each, among as many as
    /// the columns say.
    const PEER: &str = include_str!("shard.tsv");
    const TOTALS: [u32; 7] = [1, 2, 3, 4, 10, 64, 1000];

    #[test]
    fn shards_are_the_peers() {
        let mut seen = 0;
        for line in PEER.lines() {
            let mut fields = line.split('\t');
            let uid = fields.next().unwrap();
            for total in TOTALS {
                let expected: u32 = fields.next().unwrap().parse().unwrap();
                let takers: Vec<u32> = (0..total)
                    .filter(|index| Shard::new(*index, total).unwrap().takes(uid))
                    .collect();
                assert_eq!(takers, [expected], "{uid:?} of {total}");
                seen += 1;
            }
        }
        assert_eq!(seen, 32 * TOTALS.len());
    }

    #[test]
    fn a_shard_that_is_none() {
        assert_eq!((Shard::new(0, 0), Shard::new(3, 3)), (None, None));
        assert_eq!(Shard::new(0, u32::MAX), None);
        assert_eq!(Shard::new(0, 1), Some(Shard::default()));
    }
}
