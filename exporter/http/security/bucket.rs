//! A limit of requests as `golang.org/x/time/rate` has it: a bucket of tokens, of which every request
//! takes one, and which an interval adds one to.

use std::time::Duration;
use tokio::time::Instant;

/// How often one may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// A request may be made in each of these, on average.
    pub(super) interval: Duration,
    /// Requests that may come at once.
    pub(super) burst: u32,
}

/// Tokens that are left, kept as the time at which the bucket would be full.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    full: Instant,
}

// === impl Bucket ===

impl Bucket {
    /// A full one.
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full: Instant::now() }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes a token; how long until there is one where there is none.
    pub(super) fn take(&mut self) -> Result<(), Duration> {
        let now = Instant::now();
        let Rate { interval, burst } = self.rate;
        let empty = interval.saturating_mul(burst);
        let after = self.full.max(now).checked_add(interval);
        match after {
            Some(after) if after.saturating_duration_since(now) <= empty => {
                self.full = after;
                Ok(())
            }
            _ => {
                let missing = self.full.saturating_duration_since(now).saturating_add(interval);
                Err(missing.saturating_sub(empty))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bursts_then_one_an_interval() {
        let rate = Rate { interval: Duration::from_secs(1), burst: 3 };
        let mut bucket = Bucket::new(rate);
        for _ in 0..3 {
            assert_eq!(bucket.take(), Ok(()));
        }
        assert_eq!(bucket.take(), Err(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_millis(400)).await;
        assert_eq!(bucket.take(), Err(Duration::from_millis(600)));
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(bucket.take(), Ok(()));
        assert!(bucket.take().is_err());
        tokio::time::advance(Duration::from_hours(1)).await;
        for _ in 0..3 {
            assert_eq!(bucket.take(), Ok(()));
        }
        assert!(bucket.take().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn odd_rates() {
        let mut none = Bucket::new(Rate { interval: Duration::from_secs(1), burst: 0 });
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(none.take(), Err(Duration::from_secs(1)));
        let mut long = Bucket::new(Rate { interval: Duration::MAX, burst: u32::MAX });
        assert!(long.take().is_err());
    }
}
