//! Numbers as the kernel prints them, as it numbers its objects, and as they are exposed.

use exposition::Value;

/// Seconds, from a count of parts of a second such as `USER_HZ` ticks or nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "a sample is a float anyway")]
pub(crate) fn seconds(count: u64, per_second: u64) -> f64 {
    count as f64 / per_second as f64
}

/// The digits that follow `prefix` and end `name`, as in `cpu12` and `node0`.
pub(crate) fn digits<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let digits = name.strip_prefix(prefix)?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// A whole number of either sign, exact over the range of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Positive(u64),
    Negative(i64),
}

// === impl Whole ===

impl Whole {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(number) => Some(Self::Positive(number)),
            Err(_) => text.parse().ok().map(Self::Negative),
        }
    }
}

impl Value for Whole {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Positive(number) => number.write(out),
            Self::Negative(number) => number.write(out),
        }
    }
}
